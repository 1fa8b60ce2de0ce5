"""The fault log: alarms raised and requests refused, apart from everything else, without an end."""

import asyncio
import json

import pytest

from controller.cli import main
from controller.journal import Journal
from controller.store import JOURNAL
from tests.controller.room import Room
from tests.controller.stepped_loop import run_stepped

HOUR_NS = 3_600_000_000_000


def faults(capsys, path):
    assert main(["journal", "faults", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])["faults"]


@pytest.mark.requirement("P15", "PCA-EC2-EC3", "PCA-R6.6.0(1-3)")
def test_what_was_refused_and_what_alarmed_stand_apart_with_their_reasons(capsys, tmp_path):
    async def work():
        async with Room(tmp_path) as room:
            await room.to_ordered()
            await room.ask("release")
            await room.do("cancel", reason="patient unwell")
        return room.session

    session = run_stepped(work)
    (refused,) = faults(capsys, tmp_path / session / JOURNAL)
    assert (refused["kind"], refused["what"]) == ("refused", "ReleaseSigned")
    assert refused["why"] == "not in this phase (ReleaseSigned in ORDERED)"


@pytest.mark.requirement("R4", "PCA-R6.6.0(1-3)", "PCA-R6.6.0(6)(7)(8)")
def test_a_thousand_faults_of_thirty_days_are_all_there(capsys, tmp_path):
    path = tmp_path / JOURNAL
    raised = {"type": "RaiseAlarm", "alarm": "occlusion", "evidence": "stall"}

    async def work():
        journal = await Journal.create(path, {"schema": 1}, mono_ns=0, utc_ns=0)
        for hour in range(1, 1201):
            at_ns = hour * HOUR_NS
            last = journal.append("decision", {"commands": [raised]}, at_ns, at_ns)
        await journal.committed(last)
        await journal.close(10.0)

    asyncio.run(work())
    found = faults(capsys, path)
    assert len(found) == 1200
    assert found[-1]["utc_s"] - found[0]["utc_s"] > 30 * 24 * 3600
    assert {(one["kind"], one["what"], one["why"]) for one in found} == {
        ("alarm", "occlusion", "stall")
    }
