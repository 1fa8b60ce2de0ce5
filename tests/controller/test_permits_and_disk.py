"""A pump runs on permits, and permits are only handed on while the journal keeps up."""

import asyncio

import pytest

from controller.journal_file import read
from controller.store import JOURNAL
from firmware_interfaces.units import NS_PER_S
from tests.controller.room import Room
from tests.controller.stepped_loop import HeldExecutor, run_stepped

PERMIT_NS = 5 * NS_PER_S // 3


class Lagging:
    """A session's journal that says how far behind it is; it writes all the same."""

    def __init__(self, journal, lag_ns):
        self.append, self.committed, self.close = journal.append, journal.committed, journal.close
        self.head, self.oldest_pending_ns = "", lag_ns


def lag(room, lag_ns):
    """From here on the session's journal is this far behind."""
    session = room.daemon.sessions[room.session]
    session.journal = Lagging(session.journal, lag_ns)


def listen(room, monkeypatch):
    """Every permit that reaches the pump from here on."""
    granted, grant = [], room.pump.grant

    def heard(permit):
        granted.append(permit)
        grant(permit)

    monkeypatch.setattr(room.pump, "grant", heard)
    return granted


def test_a_journal_a_permit_s_life_behind_still_lets_the_pump_run(tmp_path, monkeypatch):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            granted = listen(room, monkeypatch)
            lag(room, PERMIT_NS)
            await asyncio.sleep(10)
            assert await room.phase() == "INFUSING"
            assert room.pump.running
            assert len(granted) == 20

    run_stepped(main)


@pytest.mark.requirement("T3.12")
def test_a_journal_further_behind_withholds_permits_and_the_driver_stops(tmp_path, monkeypatch):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            granted = listen(room, monkeypatch)
            lag(room, PERMIT_NS + 1)
            last_ns = room.pump.permit.expires_ns
            stops = len(room.pump.called("stop"))
            while room.pump.running:
                assert await room.phase() == "INFUSING"
                await asyncio.sleep(0.05)
            rested_ns = room.daemon.clock.monotonic_ns()
            assert last_ns < rested_ns <= last_ns + 6 * NS_PER_S // 10
            view = await room.until(lambda v: v["phase"] == "STOPPED" and v["run"] is None, 2)
            assert [(alarm["id"], alarm["evidence"]) for alarm in view["alarms"]] == [
                ("permit_expired", "no permit was alive; the driver sent STOP")
            ]
            assert granted == []
            assert len(room.pump.called("stop")) == stops + 1
        types = [
            record.body["type"]
            for record in read(tmp_path / room.session / JOURNAL)
            if record.kind == "event"
        ]
        assert types.count("PermitExpired") == 1

    run_stepped(main)


def test_a_journal_that_caught_up_in_time_hands_permits_on_again(tmp_path, monkeypatch):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            granted = listen(room, monkeypatch)
            session = room.daemon.sessions[room.session]
            lag(room, PERMIT_NS + 1)
            await asyncio.sleep(1)
            assert granted == []
            session.journal.oldest_pending_ns = 0
            await asyncio.sleep(5)
            assert await room.phase() == "INFUSING"
            assert room.pump.running
            assert len(granted) == 10

    run_stepped(main)


def test_a_disk_that_hangs_ends_the_permits_by_itself(tmp_path, monkeypatch):
    async def main():
        disk = HeldExecutor()
        room = await Room(tmp_path, executor=disk).__aenter__()
        await room.to_infusing()
        granted = listen(room, monkeypatch)
        disk.held = True
        hung_ns = room.daemon.clock.monotonic_ns()
        await room.until_phase("STOPPED", 20)
        disk.let_go()
        await room.__aexit__()
        assert granted
        assert all(p.expires_ns <= hung_ns + 2 * PERMIT_NS + NS_PER_S for p in granted)

    run_stepped(main)


@pytest.mark.requirement("T5.3", "P9")
def test_a_counter_is_cleared_only_once_what_it_counted_is_on_disk(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await room.do("hold", reason="a question")
            await room.until(lambda view: view["run"] is None)
            session = room.daemon.sessions[room.session]
            disk, written = session.journal, asyncio.Event()

            class Waiting(Lagging):
                async def _wait(self, seq):
                    await written.wait()
                    await disk.committed(seq)

            session.journal = Waiting(disk, 0)
            session.journal.committed = session.journal._wait
            prepared = len(room.pump.called("prepare"))
            resuming = asyncio.create_task(room.do("resume"))
            await asyncio.sleep(5)
            assert len(room.pump.called("prepare")) == prepared
            assert room.pump.counter_nl > 0
            written.set()
            await resuming
            await room.until_phase("ARMED", 2)
            assert len(room.pump.called("prepare")) == prepared + 1

    run_stepped(main)


def test_a_preparation_whose_journal_failed_leaves_the_counter_alone(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await room.do("hold", reason="a question")
            await room.until(lambda view: view["run"] is None)
            session = room.daemon.sessions[room.session]
            prepared, counter_nl = len(room.pump.called("prepare")), room.pump.counter_nl

            async def fail(_seq):
                raise OSError(28, "No space left on device")

            session.journal = Lagging(session.journal, 0)
            session.journal.committed = fail
            await room.do("resume")
            view = await room.until(lambda view: view["alarms"])
            assert [(a["id"], a["evidence"]) for a in view["alarms"]] == [
                ("pump_unprepared", "[Errno 28] No space left on device")
            ]
            assert len(room.pump.called("prepare")) == prepared
            assert room.pump.counter_nl == counter_nl

    run_stepped(main)
