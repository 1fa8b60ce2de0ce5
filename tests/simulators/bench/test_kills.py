"""What a kill tells: receipts against journals, and the sum of many."""

import argparse
import json
from types import SimpleNamespace
from typing import Any

import pytest

from controller.chain import Record
from simulators.bench import kills
from simulators.bench.kills import Kill


def record(seq, kind):
    return Record(seq, 1, 1, "event", {"type": kind}, "", "")


JOURNALS = {"S-1": [record(0, None), record(1, "OrderLoaded"), record(2, "AssayRequested")]}


def receipts(*told):
    found = Kill(0, 1.0)
    client: Any = SimpleNamespace(told=list(told))
    kills._receipts(client, JOURNALS, "S-1", found)
    return found


def test_receipts_that_are_in_the_journal_are_counted():
    found = receipts(("load_order", {"record": 1}), ("assay", {"record": 2}))
    assert (found.receipts, found.records, found.broken) == (2, 3, [])


@pytest.mark.requirement("C13")
@pytest.mark.parametrize(("number", "held"), [(1, "OrderLoaded"), (3, "nothing"), (0, "None")])
def test_a_receipt_without_its_record_is_broken(number, held):
    found = receipts(("assay", {"record": number}))
    assert found.broken == [f"assay was acknowledged as record {number}: there is {held}"]


def test_the_sum_names_what_was_broken_and_how_to_see_it_again(monkeypatch, capsys):
    async def once(number, seed):
        broken = ["the plunger moves after the restart"] if number == 2 else []
        return Kill(number, 2.0 * number, "INFUSING", "drug", 7, 90, 4.8, broken)

    monkeypatch.setattr(kills, "kill_once", once)
    parser = argparse.ArgumentParser()
    kills.add_kill(parser.add_subparsers())
    given = parser.parse_args(["kill", "--moments", "3", "--seed", "40", "--json"])
    assert kills.kill_main(given) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["kills"], told["violations"], told["receipts"]) == (3, 1, 21)
    assert told["broken"][0]["seed"] == 42
    assert kills.kill_main(parser.parse_args(["kill", "--moments", "2"])) == 0
    assert "violations     0" in capsys.readouterr().out
    with pytest.raises(ValueError, match="at least 1"):
        kills.kill_main(parser.parse_args(["kill", "--moments", "0"]))


@pytest.mark.parametrize(("fails", "rooms"), [(0, 1), (2, 3), (9, 3)])
async def test_a_room_that_does_not_come_up_is_tried_again(monkeypatch, fails, rooms):
    opened = []

    async def room(told):
        opened.append(told.at_s)
        if len(opened) <= fails:
            told.broken.append("the room broke: no answer")
        else:
            told.killed = True
        return told

    monkeypatch.setattr(kills, "_kill_in_a_room", room)
    told = await kills.kill_once(3, 1)
    assert len(opened) == rooms
    assert len(set(opened)) == 1
    assert bool(told.broken) is (fails == 9)


async def test_a_plunger_that_goes_on_is_found(monkeypatch):
    monkeypatch.setattr(kills, "LOOK_S", 0.0)
    looks = iter(range(100))

    async def truth():
        n = next(looks)
        return {"at_ns": n * 500_000_000, "displaced_nl": min(n, 14) * 100.0}

    people: Any = SimpleNamespace(hands=SimpleNamespace(truth=truth))
    found = Kill(0, 1.0)
    await kills._rests(people, found)
    assert found.broken == ["the plunger moved after its watchdog and one poll"]
