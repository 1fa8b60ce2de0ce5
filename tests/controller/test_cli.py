"""The ``isodrip`` command: what it prints, and with which code it ends."""

import asyncio
import json
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from controller import control_socket
from controller.cli import main
from controller.people_file import write_people
from controller.store import JOURNAL
from tests.controller.room import ORDER, Room, people_of_room, site_text
from tests.controller.stepped_loop import run_stepped
from tests.controller.test_tls import made

ROOT = Path(__file__).parents[2]


def said(capsys, *argv):
    """(exit code, the object of the last line, stderr) of a command under ``--json``."""
    code = main([*argv, "--json"])
    found = capsys.readouterr()
    return code, json.loads(found.out.splitlines()[-1]), found.err


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(site_text(tmp_path / "j"))
    return path


@pytest.fixture
def order(tmp_path):
    path = tmp_path / "order.json"
    path.write_text(json.dumps(ORDER))
    return path


@pytest.fixture
def closed(site, tmp_path):
    """A session that was cancelled, and the daemon gone."""

    async def work():
        async with Room(tmp_path / "j") as room:
            await room.to_ordered()
            await room.do("cancel", reason="patient unwell")
        return room.session

    return run_stepped(work)


def test_check_accepts_a_good_file(capsys, site):
    code, found, _ = said(capsys, "check", str(site))
    assert (code, found["ok"], found["site"]) == (0, True, "Madison 03")


def test_check_lists_every_problem_with_field_value_and_rule(capsys, site):
    text = site.read_text().replace('listen = "127.0.0.1:8131"', 'listen = "0.0.0.0"\nx = 1')
    site.write_text(text)
    code, found, stderr = said(capsys, "check", str(site))
    assert code == 2
    problems = {problem["field"]: problem for problem in found["problems"]}
    assert set(problems) == {"api.listen", "api.x"}
    assert problems["api.listen"]["value"] == "'0.0.0.0'"
    assert "isodrip: api.x = 1: is no key of this program" in stderr


def test_a_file_that_is_not_there_is_wrong_use(capsys, tmp_path):
    code, found, _ = said(capsys, "check", str(tmp_path / "none.toml"))
    assert (code, found["problems"][0]["field"]) == (2, "file")
    code, found, _ = said(capsys, "journal", "verify", str(tmp_path / "none.sqlite"))
    assert (code, found["problems"][0]["field"]) == (2, "file")


def test_order_check(capsys, order, site):
    code, found, _ = said(capsys, "order", "check", str(order))
    assert (code, found["order_id"]) == (0, "WD-1")
    order.write_text(json.dumps({**ORDER, "prescribed_mbq": 1700.0, "site": "Elsewhere"}))
    code, found, _ = said(capsys, "order", "check", str(order), "--config", str(site))
    assert code == 1
    assert {problem["field"] for problem in found["problems"]} == {"prescribed_mbq", "site"}


def test_dose_by_each_formula(capsys):
    expected = {"mosteller": 45.45, "dubois": 45.28, "haycock": 45.52, "gehan_george": 45.62}
    for formula, mci in expected.items():
        code, found, _ = said(
            capsys, "dose", "--weight-kg", "70", "--height-cm", "170", "--formula", formula
        )
        assert code == 0
        assert found["formula"] == formula
        assert found["prescribed_mci"] == pytest.approx(25 * found["bsa_m2"], abs=1e-6)
        assert found["prescribed_mci"] == pytest.approx(mci, rel=0.02)


def test_a_dose_is_by_the_regimen_that_is_named(capsys):
    body = ("--weight-kg", "70", "--height-cm", "170", "--formula", "mosteller")
    code, found, _ = said(capsys, "dose", *body, "--regimen", "clr131-bench")
    assert (code, found["regimen"]) == (0, "clr131-bench")
    code, found, _ = said(capsys, "dose", *body, "--regimen", "nobody-1")
    assert (code, found["problems"][0]["field"]) == (1, "regimen")


def test_a_weight_that_nobody_has_is_refused(capsys):
    code, found, _ = said(
        capsys, "dose", "--weight-kg", "7", "--height-cm", "170", "--formula", "mosteller"
    )
    assert (code, found["problems"][0]["field"]) == (2, "--weight-kg")


@pytest.mark.parametrize("text", ["70,5", "7_0", " 70", "7e1", "+70", "nan", "７０", "70.", ""])
def test_there_is_one_number_format(capsys, text):
    words = ("--weight-kg", text, "--height-cm", "170", "--formula", "mosteller")
    with pytest.raises(SystemExit) as ended:
        main(["dose", *words])
    assert ended.value.code == 2
    assert "digits with a decimal point, nothing else" in capsys.readouterr().err


@pytest.mark.parametrize("text", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_none_is_a_wrong_one(text):
    with pytest.raises(ValueError, match=r"."):
        control_socket.answered(text)


def test_wrong_use_ends_with_2():
    with pytest.raises(SystemExit) as ended:
        main(["explode"])
    assert ended.value.code == 2


def test_a_journal_is_verified_shown_and_exported(capsys, closed, tmp_path):
    path = str(tmp_path / "j" / closed / JOURNAL)
    code, report, _ = said(capsys, "journal", "verify", path)
    assert (code, report["ok"]) == (0, True)
    assert main(["journal", "export", path]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(report["records"]))
    assert lines[0]["kind"] == "header"
    assert lines[-1]["hash"] == report["head"]
    assert main(["journal", "show", path]) == 0
    assert "CancelRequested" in capsys.readouterr().out


def test_a_broken_journal_fails_the_check(capsys, closed, tmp_path):
    path = tmp_path / "j" / closed / JOURNAL
    path.write_bytes(path.read_bytes().replace(b"patient unwell", b"patient unwelI"))
    code, report, _ = said(capsys, "journal", "verify", str(path))
    assert (code, report["ok"]) == (1, False)
    assert report["broken_seq"] > 0
    assert main(["journal", "export", str(path)]) == 1


def test_a_record_is_shown_with_the_daemon_gone(capsys, closed, site):
    arguments = ["record", "show", closed, "--config", str(site)]
    assert main([*arguments, "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["session"], record["outcome"]) == (closed, "not_given")
    assert main([*arguments, "--format", "text"]) == 0
    assert "SIMULATED" in capsys.readouterr().out
    code, found, _ = said(capsys, "record", "show", "../j", "--config", str(site))
    assert (code, found["problems"][0]["field"]) == (2, "SESSION")
    code, found, _ = said(capsys, "record", "show", "S0", "--config", str(site))
    assert (code, found["problems"][0]["rule"]) == (2, "must be there")


def test_without_a_daemon_status_and_stop_say_so(capsys, site):
    for what in ("status", "stop"):
        code, found, _ = said(capsys, what, "--config", str(site))
        assert (code, found["problems"][0]["field"]) == (3, "daemon")
        assert main([what]) == 2


# --- the Unix socket ---------------------------------------------------------------------------


def in_thread(work):
    """Run blocking ``work`` beside the loop; returns a future of its result."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def job():
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits
            loop.call_soon_threadsafe(future.set_exception, error)
        else:
            loop.call_soon_threadsafe(future.set_result, result)

    threading.Thread(target=job, daemon=True).start()
    return future


async def test_a_line_is_answered_by_a_line(tmp_path):
    path = tmp_path / "s.sock"
    stops = []

    async def stop():
        stops.append(1)
        return {"accepted": True}

    sock = control_socket.listen(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    serving = asyncio.create_task(control_socket.serve(sock, {"stop": stop}))
    assert await in_thread(lambda: control_socket.ask(path, "stop")) == {"accepted": True}
    answer = await in_thread(lambda: control_socket.ask(path, "explode"))
    assert answer["error"]["rule"] == "must be one of stop"
    for line in (b"{}\n", b"[1]\n", b"\xff\n", b"x" * 10_000 + b"\n"):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(line)
        await reader.read()
        writer.close()
        await writer.wait_closed()
    assert await in_thread(lambda: control_socket.ask(path, "stop")) == {"accepted": True}
    assert len(stops) == 2
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    sock.close()


def test_only_a_socket_that_nobody_answers_on_is_removed(tmp_path):
    path = tmp_path / "s.sock"
    first = control_socket.listen(path)
    with pytest.raises(control_socket.SocketTaken, match="a daemon answers"):
        control_socket.listen(path)
    first.close()
    control_socket.listen(path).close()
    path.unlink()
    path.write_text("kept")
    with pytest.raises(control_socket.SocketTaken, match="is no socket"):
        control_socket.listen(path)
    assert path.read_text() == "kept"


# --- the process -------------------------------------------------------------------------------


PROGRAM = "import sys; from controller.cli import main; sys.exit(main())"


def run_daemon(site):
    command = [sys.executable, "-c", PROGRAM, "run", "--config", str(site), "--json"]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.realtime
def test_an_absent_pump_ends_the_start_with_3_and_its_name(tmp_path):
    site = tmp_path / "site.toml"
    text = site_text(tmp_path / "j", f"127.0.0.1:{free_port()}")
    site.write_text(text.replace("socket://127.0.0.1:2", f"socket://127.0.0.1:{free_port()}"))
    daemon = run_daemon(site)
    out, err = daemon.communicate(timeout=30)
    assert daemon.returncode == 3, err
    (problem,) = json.loads(out.splitlines()[-1])["problems"]
    assert problem["field"] == "pump"
    assert "nothing answers there" in problem["value"]
    assert not (tmp_path / "j" / "isodrip.sock").exists()


@pytest.mark.realtime
def test_a_taken_api_address_ends_the_start_with_3(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site = tmp_path / "site.toml"
        site.write_text(site_text(tmp_path / "j", f"127.0.0.1:{taken.getsockname()[1]}"))
        daemon = run_daemon(site)
        out, err = daemon.communicate(timeout=30)
    assert daemon.returncode == 3, err
    assert json.loads(out.splitlines()[-1])["problems"][0]["field"] == "API address"


def test_check_says_who_may_act_and_whether_the_certificate_may_serve(capsys, site, tmp_path):
    def lines():
        code = main(["check", str(site)])
        return code, capsys.readouterr()

    code, said = lines()
    assert code == 0
    assert "people: 0, of whom 0 may sign a release; two must, to release a dose" in said.out
    (tmp_path / "j").mkdir()
    write_people(tmp_path / "j" / "people.jsonl", people_of_room())
    assert "people: 3, of whom 2 may sign a release\n" in lines()[1].out
    certificate, key = made(tmp_path)
    api = f'[api]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    site.write_text(site.read_text().replace("[api]\n", api))
    assert "certificate and key: good" in lines()[1].out
    key.chmod(0o644)
    code, said = lines()
    assert code == 1
    assert f"isodrip: api.key = {key}: must not be for everybody: its mode is 0644" in said.err
    (tmp_path / "j" / "people.jsonl").chmod(0o644)
    assert "must be its owner's alone (0600)" in lines()[1].err


def test_the_daemon_does_not_start_with_a_key_for_everybody(site, tmp_path):
    certificate, key = made(tmp_path)
    key.chmod(0o604)
    api = f'[api]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    site.write_text(site.read_text().replace("[api]\n", api))
    done = subprocess.run(
        [sys.executable, "-m", "controller.cli", "run", "--config", str(site)],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "isodrip: api.key = " in done.stderr
    assert "must not be for everybody: its mode is 0604" in done.stderr
    assert not (tmp_path / "j").exists()
