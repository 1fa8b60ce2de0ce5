"""The API over TLS: real certificates made by openssl, a real listener, other people's clients."""

import asyncio
import ssl
import subprocess
from contextlib import asynccontextmanager

import httpx
import pytest

from controller.panel.app import make_app
from controller.panel.server import PanelServer, bind
from controller.panel.tls import TlsRefused, server_context
from tests.controller.room import PINS, Room

NAME = "isodrip.ward.example"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def openssl(*words, folder, given=""):
    done = subprocess.run(
        ["openssl", *words], cwd=folder, input=given, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def made(folder, name="good", *more):
    """A certificate of its own and its key, as a site without an authority makes them."""
    code, said = openssl(
        *("req", "-x509", *CURVE, "-days", "2", "-subj", "/CN=isodrip"),
        *("-keyout", f"{name}.key", "-out", f"{name}.pem"),
        *("-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1", *(more or ("-nodes",))),
        folder=folder,
    )
    assert code == 0, said
    (folder / f"{name}.key").chmod(0o600)
    return folder / f"{name}.pem", folder / f"{name}.key"


def issued(folder, begin, end):
    """A certificate that an authority issued for a time; the file holds no authority."""
    made(folder, "authority")
    (folder / "index.txt").write_text("")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=site\n[site]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
    )
    steps = (
        ("req", "-new", *CURVE, "-nodes", "-subj", f"/CN={NAME}", "-keyout", "site.key",
         "-out", "site.csr"),
        ("ca", "-batch", "-config", "ca.cnf", "-cert", "authority.pem", "-keyfile",
         "authority.key", "-in", "site.csr", "-notext", "-out", "site.pem", "-startdate", begin,
         "-enddate", end),
    )  # fmt: skip
    for step in steps:
        code, said = openssl(*step, folder=folder)
        assert code == 0, said
    (folder / "site.key").chmod(0o600)
    return folder / "site.pem", folder / "site.key"


def refused(certificate, key):
    with pytest.raises(TlsRefused) as caught:
        server_context(certificate, key)
    return caught.value.field, caught.value.rule


def test_what_belongs_together_and_is_valid_serves_tls_1_2_and_later(tmp_path):
    context = server_context(*made(tmp_path))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_an_authority_s_certificate_serves_without_the_authority(tmp_path):
    server_context(*issued(tmp_path, "20200101000000Z", "20991231000000Z"))


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        ("20200101000000Z", "20200201000000Z", "certificate has expired"),
        ("20980101000000Z", "20990101000000Z", "certificate is not yet valid"),
    ],
)
def test_a_certificate_out_of_its_time_is_refused(tmp_path, begin, end, said):
    certificate, key = issued(tmp_path, begin, end)
    assert refused(certificate, key) == ("api.certificate", f"must be valid now: {said}")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_a_key_for_everybody_is_refused(tmp_path, mode):
    certificate, key = made(tmp_path)
    key.chmod(mode)
    rule = f"must not be for everybody: its mode is {mode:04o}"
    assert refused(certificate, key) == ("api.key", rule)


def test_another_certificate_s_key_is_refused(tmp_path):
    certificate, _ = made(tmp_path)
    _, key = made(tmp_path, "other")
    field, rule = refused(certificate, key)
    assert (field, "KEY_VALUES_MISMATCH" in rule) == ("api.key", True)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked(tmp_path):
    field, rule = refused(*made(tmp_path, "locked", "-passout", "pass:secret-word"))
    assert field == "api.key"
    assert "it has a password, and nobody is here to type it" in rule


def test_what_is_not_there_or_no_certificate_is_named(tmp_path):
    certificate, key = made(tmp_path)
    assert refused(tmp_path / "none.pem", key) == (
        "api.certificate",
        "must be readable: No such file or directory",
    )
    assert refused(certificate, tmp_path / "none.key")[0] == "api.key"
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    assert refused(rubbish, key)[0] == "api.key"


@asynccontextmanager
async def serving(room, certificate, key):
    """The panel on a real port, over TLS; gives the port."""
    sock = bind("127.0.0.1", 0)

    async def record(session):
        raise AssertionError(session)

    app = make_app(room.api, record, names=(NAME,))
    server = PanelServer(app, sock, room.daemon.herald.ring, server_context(certificate, key))
    task = asyncio.create_task(server.run())
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        async with asyncio.timeout(10):
            await task
        sock.close()


@pytest.mark.requirement("C7")
async def test_people_sign_over_a_real_https_listener(tmp_path):
    certificate, key = made(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with Room(tmp_path / "j") as room, serving(room, certificate, key) as port:
        headers = {"X-Isodrip": "1", "Host": f"{NAME}:{port}"}
        base = f"https://127.0.0.1:{port}/api/v1/"
        async with httpx.AsyncClient(
            verify=trusting, trust_env=False, base_url=base, headers=headers
        ) as client:
            body = {"action_id": "1", "operator": "ab", "session": "s", "reason": "x"}
            assert (await client.post("actions/cancel", json=body)).status_code == 401
            shown = await client.post("come", json={"badge": "badge-ab"})
            assert "Secure" in shown.headers["set-cookie"]
            token = shown.headers["set-cookie"].partition(";")[0]
            signed = {"X-Isodrip-PIN": PINS["ab"], "Cookie": token}
            answer = await client.post("actions/cancel", json=body, headers=signed)
            assert (answer.status_code, answer.json()["error"]["field"]) == (404, "session")
            evil = await client.get("state", headers={"Host": "evil.example"})
            assert (evil.status_code, evil.json()["error"]["field"]) == (400, "host")
            spoofed = {"X-Forwarded-For": "10.9.9.9"}
            await client.post("come", json={"badge": "guess"}, headers=spoofed)
            assert list(room.desk._places) == ["127.0.0.1"]
            assert (await client.post("actions/stop")).json()["accepted"] is True


async def test_openssl_is_served_tls_1_2_and_refused_what_is_older_or_plain(tmp_path):
    certificate, key = made(tmp_path)
    async with Room(tmp_path / "j") as room, serving(room, certificate, key) as port:
        ask = "GET /api/v1/state HTTP/1.0\r\nHost: localhost\r\n\r\n"

        async def client(*words):
            where = ("-connect", f"127.0.0.1:{port}", "-servername", NAME, "-ign_eof")
            trust = ("-CAfile", str(certificate), "-verify_hostname", NAME)
            return await asyncio.to_thread(
                openssl, "s_client", *where, *trust, *words, folder=tmp_path, given=ask
            )

        for version in ("-tls1_2", "-tls1_3"):
            code, said = await client(version)
            assert code == 0, said
            assert "Verify return code: 0 (ok)" in said
            assert '"simulated":true' in said
        code, said = await client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert code != 0
        assert '"simulated"' not in said
        async with httpx.AsyncClient(trust_env=False) as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(f"http://127.0.0.1:{port}/api/v1/state")
