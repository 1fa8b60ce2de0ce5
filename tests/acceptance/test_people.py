"""People at a real daemon: changed while it runs, forgotten by a restart, and served over TLS."""

import asyncio
import ssl
import sys

import httpx
import pytest

from controller.journal_file import read
from simulators.bench import launch
from simulators.bench.badges import BY_ID
from simulators.bench.processes import Child
from tests.acceptance.harness import Room, room
from tests.controller.test_tls import made

HEADERS = {"X-Isodrip": "1"}
PATIENCE_S = 20.0


async def shown(client: httpx.AsyncClient, who: str) -> int:
    return (await client.post("come", json={"badge": BY_ID[who].badge})).status_code


async def asked(client: httpx.AsyncClient, who: str, pin: str = "") -> tuple[int, str]:
    """A cancellation of a session that there is not: 404 where the person was recognised."""
    body = {"action_id": f"{who}-{pin}", "operator": who, "session": "none", "reason": "x"}
    answer = await client.post("actions/cancel", json=body, headers={"X-Isodrip-PIN": pin})
    return answer.status_code, answer.json()["error"]["field"]


async def changed(running: Room, *words: str) -> int:
    """``isodrip people`` by the bench's administrator; the PIN on standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller.cli", "people", *words, "--by", "ad"),
        *("--config", str(running.directory / "site.toml"), "--reason", "tested"),
        stdin=asyncio.subprocess.PIPE,
    )
    await process.communicate(f"{BY_ID['ad'].pin}\n".encode())
    assert process.returncode is not None
    return process.returncode


async def until(client: httpx.AsyncClient, who: str, status: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await shown(client, who) != status:  # noqa: ASYNC110 - the daemon tells nobody
            # A badge that is nobody's makes the station pause; it is not asked in the meantime.
            await asyncio.sleep(1.5)


async def over_tls(running: Room) -> tuple[Child, ssl.SSLContext]:
    """The same daemon again, with a certificate."""
    await running.daemon.end()
    certificate, key = made(running.directory)
    site = running.directory / "site.toml"
    words = f'[api]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    site.write_text(site.read_text().replace("[api]\n", words))
    running.daemon = await launch.start_daemon(running.directory)
    return running.daemon, ssl.create_default_context(cafile=str(certificate))


@pytest.mark.realtime
@pytest.mark.timeout(150)
async def test_a_running_daemon_takes_changes_forgets_stations_and_serves_over_tls() -> None:
    async with room() as running:
        base = f"{running.bench.api}/api/v1/"
        async with httpx.AsyncClient(base_url=base, headers=HEADERS, trust_env=False) as client:
            pin = BY_ID["ab"].pin
            assert await asked(client, "ab", pin) == (401, "operator")
            assert await shown(client, "ab") == 200
            assert await asked(client, "ab", pin) == (404, "session")
            assert await changed(running, "disable", "ab") == 0
            await until(client, "ab", 401)
            assert await asked(client, "ab", pin) == (401, "operator")
            assert (await client.post("actions/stop")).status_code == 200
            assert await changed(running, "enable", "ab") == 0
            await until(client, "ab", 200)
            assert await asked(client, "ab", pin) == (404, "session")
            token = client.cookies["isodrip"]
        daemon, trusting = await over_tls(running)
        base = base.replace("http:", "https:")
        async with httpx.AsyncClient(
            base_url=base, headers=HEADERS, trust_env=False, verify=trusting,
            cookies={"isodrip": token},
        ) as client:  # fmt: skip
            await _served(client, daemon)
            assert await asked(client, "ab", pin) == (401, "operator")
            assert await shown(client, "ab") == 200
            assert await asked(client, "ab", pin) == (404, "session")
            assert (await client.post("actions/stop")).status_code == 200
        await daemon.end()
        records = read(running.directory / "journal" / "site.sqlite")
        told = [record.body["did"] for record in records if record.kind == "people"]
    assert told[0] == "people"
    assert told.count("people") == 4
    assert {"came", "refused"} <= set(told)


async def _served(client: httpx.AsyncClient, daemon: Child) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if (await client.get("state")).status_code == 200:
                    return
            except httpx.TransportError:
                assert daemon.process.returncode is None
            await asyncio.sleep(0.2)
