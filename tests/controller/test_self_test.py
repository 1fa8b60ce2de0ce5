"""The start-up self-test: what it finds, what it names, and that nothing moves before it passed."""

import asyncio
import sqlite3
from typing import Any

import pytest

from controller import self_checks as self_checks_module
from controller import self_test as self_test_module
from controller.core import events
from controller.journal_file import read
from controller.self_test import Result, SelfTest
from controller.store import SITE_JOURNAL
from drivers.pump_errors import ReadbackMismatch
from firmware_interfaces.readings import Identity, PumpAlarm, PumpStatus
from firmware_interfaces.units import NS_PER_S, Nanolitre
from tests.controller.memory_devices import RAN_ON_NL
from tests.controller.room import NOON_UTC_NS, ORDER, Room
from tests.controller.stepped_loop import run_stepped

NAMES = ["clock", "journal", "disk", "ports", "identity", "read-back", "alarm path"]


def results(room):
    return {check.name: check.result.value for check in room.daemon.self_test.checks}


def evidence(room, name):
    return next(c.evidence for c in room.daemon.self_test.checks if c.name == name)


def examined(tmp_path, prepare, *, seconds):
    """A room whose self-test ran with something wrong; returns the room and its state."""

    async def main():
        room = Room(tmp_path)
        prepare(room)
        async with room:
            await asyncio.sleep(seconds)
            return room, await room.state()

    return run_stepped(main)


@pytest.mark.requirement("GIP-3.4.1-6")
def test_a_sound_room_passes_every_check_and_says_what_it_saw(tmp_path):
    room, state = examined(tmp_path, lambda _room: None, seconds=1.5)
    assert [check["name"] for check in state["self_test"]] == NAMES
    assert {check["result"] for check in state["self_test"]} == {"passed"}
    assert all(check["evidence"] and check["at"] for check in state["self_test"])
    assert state["conditions"] == []
    assert evidence(room, "identity") == "NE1000 3.928 at 00; CRC-55, tells no serial number"
    assert evidence(room, "read-back").startswith("26.59 mm, 0 mL/h, volume 0.000 mL")
    assert room.pump.called("run") == room.pump.called("prepare") == []


@pytest.mark.requirement("P1", "GIP-3.4.1-6", "PCA-R7.4.0(1)(2)(6)")
def test_until_it_has_passed_saline_is_refused_and_an_order_is_loaded(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            free = room.world.disk_free_mb
            object.__setattr__(room.world, "disk_free_mb", lambda: 12)
            await asyncio.sleep(3)
            loaded = await room.ask("load_order", order=ORDER)
            room.session = loaded.json()["session"]
            await room.clear()
            await room.do("assay")
            await room.until_phase("ASSAYED")
            await room.release()
            refused = await room.ask("patency", syringe="BD 60 mL")
            object.__setattr__(room.world, "disk_free_mb", free)
            await room.tested()
            await room.do("patency", syringe="BD 60 mL")
            return refused

    refused = run_stepped(main)
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert error["rule"] == "the self-test must have passed"
    assert error["detail"] == "disk failed: 12 MB are free, limit 1000 MB"


def test_utc_before_the_newest_record_fails(tmp_path):
    run_stepped(lambda: _visit(tmp_path, NOON_UTC_NS))
    room = run_stepped(lambda: _visit(tmp_path, NOON_UTC_NS - 86_400 * NS_PER_S))
    assert results(room)["clock"] == "failed"
    assert evidence(room, "clock").startswith("UTC is 2025-11-19T12:00")
    assert "is on record" in evidence(room, "clock")


def test_utc_before_the_program_was_written_fails(tmp_path):
    room = run_stepped(lambda: _visit(tmp_path, 1_000_000_000 * NS_PER_S))
    assert "2025-11-01T00:00:00.000Z is when this was written" in evidence(room, "clock")


async def _visit(directory, utc_ns):
    async with Room(directory, utc_ns=utc_ns) as room:
        await asyncio.sleep(2)
    return room


def test_a_step_between_the_clocks_fails_and_the_next_attempt_passes(tmp_path):
    def prepare(room):
        loop, utc_ns = asyncio.get_running_loop(), room.clock.utc_ns
        begun = loop.time()
        step = lambda: 3 * NS_PER_S if loop.time() > begun + 0.5 else 0  # noqa: E731
        room.clock.utc_ns = lambda: utc_ns() + step()

    room, _ = examined(tmp_path, prepare, seconds=2)
    assert evidence(room, "clock") == "UTC stepped by 3 s, limit 0.5 s"


def test_a_monotonic_clock_that_stands_fails(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            clock = room.daemon.clock

            class Standing:
                limits, utc_ns = None, clock.utc_ns

                def monotonic_ns(self):
                    return 5

                async def sleep_until(self, _mono_ns):
                    await asyncio.sleep(1)

            room.daemon.clock = Standing()
            try:
                with pytest.raises(self_test_module.CheckFailed, match="advanced by 0 s"):
                    await _checks(room).clock()
            finally:
                room.daemon.clock = clock

    run_stepped(main)


def _checks(room):
    daemon = room.daemon
    return self_checks_module.SelfChecks(daemon, room.pump, room.calibrator, 0)


def test_the_probe_stands_in_the_site_journal(tmp_path):
    examined(tmp_path, lambda _room: None, seconds=2)
    kinds = [record.kind for record in read(tmp_path / SITE_JOURNAL)]
    assert kinds.count("self_test") == 1


def test_a_record_that_is_not_there_fails(tmp_path):
    def prepare(room):
        async def nothing():
            return []

        room.world.store.read_site = nothing

    room, _ = examined(tmp_path, prepare, seconds=2)
    assert results(room)["journal"] == "failed"
    assert evidence(room, "journal").endswith("was committed and is not there")


@pytest.mark.requirement("GIP-3.4.1-6", "PCA-R7.4.0(1)(2)(6)")
def test_a_journal_that_cannot_be_read_fails(tmp_path):
    def prepare(room):
        async def broken():
            raise sqlite3.DatabaseError("file is not a database")

        room.world.store.read_site = broken

    room, state = examined(tmp_path, prepare, seconds=2)
    assert evidence(room, "journal") == "file is not a database"
    assert [c["id"] for c in state["conditions"]] == ["self_test"]


def test_a_disk_that_takes_too_long_to_sync_fails(tmp_path):
    def prepare(room):
        async def slow():
            await asyncio.sleep(1.7)

        room.world.store.probe = slow

    room, _ = examined(tmp_path, prepare, seconds=5)
    assert evidence(room, "disk") == "a sync took 1.700 s, limit 1.667 s"


def test_a_check_without_an_end_is_given_up_and_the_others_are_made(tmp_path):
    def prepare(room):
        async def never():
            await asyncio.Event().wait()

        room.world.store.probe = never

    room, _ = examined(tmp_path, prepare, seconds=13)
    assert evidence(room, "disk") == "no result within 10 s"
    others = {name: result for name, result in results(room).items() if name != "disk"}
    assert set(others.values()) == {"passed"}


@pytest.mark.requirement("P1", "GIP-3.4.1-6")
def test_one_attempt_ends_within_70_s(tmp_path):
    async def main():
        async with Room(tmp_path) as room:

            async def never():
                await asyncio.Event().wait()

            room.daemon.self_test = SelfTest(
                room.daemon.clock, room.daemon.inbox, dict.fromkeys(NAMES, never)
            )
            task = asyncio.create_task(room.daemon.self_test.run())
            await asyncio.sleep(69.9)
            before = results(room)["alarm path"]
            await asyncio.sleep(0.2)
            task.cancel()
            return before, set(results(room).values())

    assert run_stepped(main) == ("pending", {"failed"})


def test_a_pump_that_reports_an_alarm_has_it_on_record_and_passes_the_next_time(tmp_path):
    async def main():
        room = Room(tmp_path)
        async with room:
            pump: Any = room.pump
            poll, status = pump.poll, pump.status()

            async def alarmed():
                pump.poll = poll
                empty = None, PumpAlarm.RESET, None, None, Nanolitre(0)
                return PumpStatus(*empty, status.asked_ns, status.read_ns)

            pump.poll = alarmed
            await asyncio.sleep(2)
            first = evidence(room, "ports")
            await asyncio.sleep(6)
            return first, results(room)["ports"]

    assert run_stepped(main) == ("the pump reports alarm 'reset'", "passed")
    told = [r.body for r in read(tmp_path / SITE_JOURNAL) if r.body.get("type") == "AlarmSeen"]
    assert [body["status"]["alarm"] for body in told] == ["reset"]


@pytest.mark.requirement("C5", "GIP-3.4.1-6")
@pytest.mark.parametrize(
    ("device", "identity", "seen"),
    [
        ("pump", Identity("ne1000", "NE1000", "3.928", 7, None), "7"),
        ("calibrator", Identity("crc55", "CRC-55", "", 1, "C55-0009"), "C55-0009"),
    ],
)
def test_another_device_than_configured_fails(tmp_path, device, identity, seen):
    async def main():
        room = Room(tmp_path)
        setting = room.life._setting
        object.__setattr__(setting, "calibrator_serial", "C55-0001")
        async with room:
            setattr(room.daemon, f"{device}_identity", identity)
            await asyncio.sleep(2)
            return room

    room = run_stepped(main)
    assert results(room)["identity"] == "failed"
    assert seen in evidence(room, "identity")


def test_holdings_that_no_pump_can_have_fail(tmp_path):
    async def main():
        room = Room(tmp_path)
        async with room:

            async def odd():
                raise ReadbackMismatch("rate", "24..1699000 uL/h", "9999.MH", "MH")

            pump: Any = room.pump
            pump.holdings = odd
            await asyncio.sleep(2)
            return room

    room = run_stepped(main)
    assert evidence(room, "read-back") == (
        "rate: wanted 24..1699000 uL/h, the pump says 9999.MH (unit MH)"
    )


def test_news_that_nobody_hears_fail(tmp_path, monkeypatch):
    async def main():
        room = Room(tmp_path)
        async with room:
            monkeypatch.setattr(room.daemon.herald.ring, "add", lambda _kind, _payload: None)
            await asyncio.sleep(14)
            return room

    room = run_stepped(main)
    assert evidence(room, "alarm path") == "no result within 10 s"


def test_the_test_alarm_is_heard_and_taken_back(tmp_path):
    room, _ = examined(tmp_path, lambda _room: None, seconds=2)
    told = [body for suffix, body, _, _ in room.telemetry.sent if suffix == "alarms"]
    assert [(a["alarm"], a["raised"]) for a in told] == [("self_test", True), ("self_test", False)]


def test_a_broker_that_is_away_is_only_an_advisory(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            room.telemetry.on_link(False, "connection refused")
            await asyncio.sleep(2)
            return room

    room = run_stepped(main)
    assert set(results(room).values()) == {"passed"}
    assert "the broker is away" in evidence(room, "alarm path")


def test_a_pump_that_must_be_recovered_is_asked_nothing_before(tmp_path):
    async def main():
        room = await Room(tmp_path).__aenter__()
        await room.to_infusing()
        await room.crash()
        later = NOON_UTC_NS + 600 * NS_PER_S
        async with Room(tmp_path, absent="no such device", utc_ns=later) as again:
            again.session = room.session
            await asyncio.sleep(4)
            before = results(again), [name for name, _ in again.pump.calls]
            again.absent = again.pump.absent = ""
            again.pump.counter_nl = RAN_ON_NL
            await again.until_phase("STOPPED", 30)
            await again.tested()
            return before, results(again)

    (before, calls), after = run_stepped(main)
    assert before["ports"] == "failed"
    assert "holdings" not in calls
    assert set(after.values()) == {"passed"}


def test_a_pump_under_recovery_is_pending(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            with pytest.raises(self_test_module.NotYet, match="recovered and bounded first"):
                await _checks(room).read_back()

    run_stepped(main)


def test_a_device_plugged_in_later_is_found(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            room.daemon.pump_identity, known = None, room.daemon.pump_identity
            await asyncio.sleep(2)
            first = evidence(room, "ports"), evidence(room, "read-back")
            room.daemon.pump_identity = known
            await room.tested()
            return first

    ports, read_back = run_stepped(main)
    assert ports == read_back == "the pump at socket://127.0.0.1:2 has not answered"


def test_a_pending_check_says_why():
    async def main():
        told = []

        class Heard:
            def tell(self, _session, kind, *fields):
                assert kind is events.ConditionSeen
                told.append(fields)

        class Clock:
            def monotonic_ns(self):
                return 0

            def utc_ns(self):
                return NOON_UTC_NS

            async def sleep_until(self, _mono_ns):
                raise asyncio.CancelledError

        async def later():
            raise self_test_module.NotYet("the pump is being recovered")

        inbox: Any = Heard()
        made = SelfTest(Clock(), inbox, {"read-back": later})
        made.announce()
        with pytest.raises(asyncio.CancelledError):
            await made.run()
        return made, told

    made, told = run_stepped(main)
    assert made.checks[0].result is Result.PENDING
    assert told == [
        ("self_test", True, "under way"),
        ("self_test", True, "read-back pending: the pump is being recovered"),
    ]
