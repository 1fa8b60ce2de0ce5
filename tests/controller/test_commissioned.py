"""The commissioning file as the daemon, the checks and the command meet it."""

import json

import pytest

from controller.cli import main
from controller.commissioned import commissioned_of, commissioned_text, known_by
from controller.config import load_site
from tests.controller.room import COMMISSIONING, Room, site_text
from tests.controller.stepped_loop import run_stepped


def named(tmp_path, text):
    path = tmp_path / "pump.json"
    path.write_text(text)
    site = site_text(tmp_path).replace(
        'kind = "ne1000"', f'kind = "ne1000"\ncommissioning = "{path}"'
    )
    return load_site(site)


def test_the_named_file_is_read(tmp_path):
    known = commissioned_of(named(tmp_path, COMMISSIONING))
    assert known.proof is not None
    assert known.seen.startswith("SHA-256 ")
    assert commissioned_text(known) == (
        "pump commissioned 2025-11-01T00:00:00.000Z: SIMULATED, watchdog passed, BD 60 mL"
    )


@pytest.mark.parametrize("text", ["{", "{}", COMMISSIONING.replace('"BD 60 mL"', '""')])
def test_a_file_that_does_not_hold_proves_nothing(tmp_path, text):
    known = commissioned_of(named(tmp_path, text))
    assert known.proof is None
    assert known.seen.startswith("the file does not hold")


def test_no_file_or_none_named_proves_nothing(tmp_path):
    site = load_site(site_text(tmp_path))
    assert commissioned_of(site).seen.startswith("site.toml names no pump.commissioning")
    absent = named(tmp_path, "")
    (tmp_path / "pump.json").unlink()
    assert "cannot be read" in commissioned_of(absent).seen
    assert commissioned_text(commissioned_of(absent)).startswith("pump not commissioned")


def test_what_failed_is_not_called_commissioned():
    told = json.loads(COMMISSIONING)
    told["watchdog"]["passed"] = told["syringes"][0]["passed"] = False
    text = commissioned_text(known_by(load_site(site_text("j")), json.dumps(told)))
    assert "watchdog FAILED, nothing weighed passed" in text


@pytest.mark.requirement("C12")
@pytest.mark.parametrize("commissioning", ["{}", None])
def test_without_it_the_room_refuses_to_arm_and_says_so_before(tmp_path, commissioning):
    async def main_():
        async with Room(tmp_path, commissioning=commissioning) as room:
            shown = (await room.state())["commissioning"]
            with pytest.raises(AssertionError, match="the pump must have been commissioned"):
                await room.to_armed()
            return shown, room.daemon.sessions[room.session].header

    shown, header = run_stepped(main_)
    assert shown.startswith("pump not commissioned")
    assert header["commissioned"]["proof"] is None
    assert header["schema"] == 2


def test_record_0_carries_it_and_a_fold_finds_it_again(tmp_path):
    async def main_():
        room = await Room(tmp_path).__aenter__()
        await room.to_armed()
        before = room.daemon.sessions[room.session].state.commissioned
        await room.crash()
        async with Room(tmp_path, commissioning="{}") as again:
            return before, again.daemon.sessions[room.session].state.commissioned

    before, after = run_stepped(main_)
    assert before == after
    assert before.proof is not None


@pytest.mark.requirement("C12")
def test_an_open_treatment_refuses_the_command(tmp_path, capsys):
    site = tmp_path / "site.toml"
    journals = tmp_path / "j"
    site.write_text(site_text(journals))

    async def main_():
        room = await Room(journals).__aenter__()
        await room.to_released()
        await room.crash()
        return room.session

    session = run_stepped(main_)
    code = main(["commission", "pump", "--config", str(site), "--minutes", "1", "--json"])
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert code == 1
    assert problems[0]["value"] == f"{session} in RELEASED"


def test_a_journal_that_does_not_hold_refuses_the_command(tmp_path, capsys):
    site, session = tmp_path / "site.toml", tmp_path / "j" / "S1"
    site.write_text(site_text(tmp_path / "j"))
    session.mkdir(parents=True)
    (session / "journal.sqlite").write_bytes(b"no journal")
    assert main(["commission", "pump", "--config", str(site), "--minutes", "1"]) == 1
    assert "session = S1" in capsys.readouterr().err


def test_an_older_file_is_never_written_over(tmp_path, capsys):
    site, there = tmp_path / "site.toml", tmp_path / "there.json"
    site.write_text(site_text(tmp_path / "j"))
    there.write_text("older")
    options = ["--config", str(site), "--minutes", "1", "--output", str(there)]
    assert main(["commission", "pump", *options]) == 2
    assert there.read_text() == "older"
    assert "must not be there yet" in capsys.readouterr().err


def test_check_says_how_the_commissioning_stands(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(site_text(tmp_path))
    assert main(["check", str(path)]) == 0
    assert "pump not commissioned: site.toml names no pump.commissioning" in capsys.readouterr().out
