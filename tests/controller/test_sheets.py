"""The downtime sheet as it is kept, shown and printed, and that nothing waits for it."""

import asyncio
import json
import sys
from dataclasses import replace
from typing import Any

import pytest

from controller.cli import main
from controller.clinic.downtime import downtime_sheet
from controller.config import load_site
from controller.records import NoRecord
from controller.sheet_html import POLICY, page
from controller.sheets import NAME, SheetKeeper, printer, sheet_facts, sheet_of_journal
from tests.clinic.test_downtime import FACTS
from tests.controller.room import Room, site_text
from tests.controller.stepped_loop import run_stepped

HOSTILE = '<script>alert("x")</script>&\'"'


def in_room(tmp_path, work):
    async def main():
        async with Room(tmp_path / "j") as room:
            return await work(room)

    return run_stepped(main)


@pytest.mark.requirement("T9.2", "C15")
def test_whatever_stands_in_an_order_is_only_text_on_the_page():
    fields = ("patient_name", "patient_id", "birth_date", "drug", "lot", "mounted", "site", "room")
    told: dict[str, Any] = dict.fromkeys(fields, HOSTILE)
    hostile = replace(FACTS, **told, released=((HOSTILE, 0),))
    text = page(downtime_sheet(hostile))
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#x27;&quot;") >= 8
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.requirement("T9.2")
def test_it_is_there_once_two_people_have_released_and_not_before(tmp_path):
    async def work(room):
        await room.to_assayed()
        refused = await room.http.get(f"sheet/{room.session}")
        assert refused.status_code == 404
        rule = "must be a session that two people have released"
        assert refused.json()["error"]["rule"] == rule
        kept = tmp_path / "j" / room.session / NAME
        await room.release()
        await asyncio.sleep(1)
        shown = await room.http.get(f"sheet/{room.session}")
        assert shown.headers["content-security-policy"] == POLICY
        assert shown.text == kept.read_text("utf-8")
        assert kept.stat().st_mode & 0o777 == 0o600
        state = room.daemon.sessions[room.session].state
        header = room.daemon.sessions[room.session].header
        facts = sheet_facts(header, state)
        assert facts.planned_nl == state.planned_nl
        assert sum(part.volume_nl for part in facts.parts) <= state.planned_nl
        assert facts.barrel[-1][1] >= facts.end_nl
        await room.do("release", "cd")
        await asyncio.sleep(1)
        assert kept.read_text("utf-8") == (await room.http.get(f"sheet/{room.session}")).text
        nobody = await room.http.get("sheet/S0")
        assert (nobody.status_code, nobody.json()["error"]["field"]) == (404, "session")
        return room.session

    session = in_room(tmp_path, work)
    assert (tmp_path / "j" / session / NAME).exists()


@pytest.mark.requirement("T9.2")
def test_a_sheet_that_cannot_be_kept_or_printed_is_noted_and_stops_nothing(tmp_path):
    async def work(room):
        noted = []
        room.daemon.note_sheet = lambda session, reason: noted.append((session, reason))

        async def jammed(_path):
            raise OSError("out of paper")

        keeper = SheetKeeper(room.daemon, jammed)
        await keeper.keep("S0")
        await room.to_assayed()
        await keeper.keep(room.session)
        await room.release()
        await keeper.keep(room.session)
        rule = "must be a session that two people have released"
        assert noted[0] == (room.session, f"NoRecord: {rule}")
        assert noted[-1] == (room.session, "OSError: out of paper")
        assert await room.phase() == "RELEASED"

    in_room(tmp_path, work)


def test_what_was_noted_stands_in_the_sites_journal(tmp_path):
    async def work(room):
        room.daemon.note_sheet("S1", "out of paper")
        await asyncio.sleep(1)
        records = await room.world.store.read_site()
        noted = [record.body for record in records if record.kind == "sheet"]
        assert noted == [{"session": "S1", "reason": "out of paper"}]

    in_room(tmp_path, work)


def done(printing):
    """Wait until it is printed."""

    async def main():
        await printing

    asyncio.run(main())


@pytest.mark.realtime
def test_a_command_of_the_site_is_given_the_file_within_bounds(tmp_path):
    seen = tmp_path / "seen"
    run = (sys.executable, "-c")
    good = printer((*run, f"import sys; open({str(seen)!r}, 'w').write(sys.argv[1])"))
    done(good(tmp_path / "page.html"))
    assert seen.read_text() == str(tmp_path / "page.html")
    with pytest.raises(OSError, match="ended with 3"):
        done(printer((*run, "raise SystemExit(3)"))(tmp_path))
    with pytest.raises(TimeoutError):
        done(printer((*run, "import time; time.sleep(60)"), timeout_s=0.2)(tmp_path))
    with pytest.raises(OSError, match="no-such-printer"):
        done(printer(("no-such-printer",))(tmp_path))


def test_the_site_names_its_command(tmp_path):
    assert load_site(site_text(tmp_path)).downtime.print == ()
    told = site_text(tmp_path) + '[downtime]\nprint = ["lp", "-o", "sides=two-sided-long-edge"]\n'
    assert load_site(told).downtime.print == ("lp", "-o", "sides=two-sided-long-edge")


def test_from_the_terminal(tmp_path, capsys):
    async def work(room):
        await room.to_released()
        return room.session

    session = in_room(tmp_path, work)
    site = tmp_path / "site.toml"
    site.write_text(site_text(tmp_path / "j"))
    asked = ["sheet", session, "--config", str(site)]
    assert main([*asked, "--out", str(tmp_path / "s.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 's.html'}: print it on A4\n"
    assert main(asked) == 0
    text = capsys.readouterr().out
    assert text == (tmp_path / "s.html").read_text("utf-8")
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["html"] == text
    assert main(["sheet", "../j", "--config", str(site)]) == 2


def test_the_journal_of_no_treatment_has_none(tmp_path):
    async def work(room):
        await room.to_ordered()
        with pytest.raises(NoRecord, match="must be the journal of a treatment"):
            sheet_of_journal(await room.world.store.read_site(), room.daemon.setting.limits)

    in_room(tmp_path, work)
