"""What goes wrong round the daemon, and that the pump rests and the record holds all the same."""

import asyncio

import pytest

from controller import daemon as daemon_module
from controller import sessions as sessions_module
from controller.core import events
from controller.core import step as step_module
from controller.journal_file import read
from controller.life import StartupFailure
from controller.store import JOURNAL
from drivers import pump_errors
from drivers.request import NoReply
from firmware_interfaces.units import NS_PER_MS, NS_PER_S
from tests.controller.memory_devices import RAN_ON_NL
from tests.controller.room import NOON_UTC_NS, Room
from tests.controller.stepped_loop import HeldExecutor, run_stepped


def journalled(room, kind="event"):
    path = room.directory / room.session / JOURNAL
    return [record.body for record in read(path) if record.kind == kind]


def alarm_ids(view):
    return {alarm["id"] for alarm in view["alarms"]}


def test_a_disk_that_hangs_ends_the_permits_then_fails_and_does_not_hold_the_exit(tmp_path):
    async def main():
        disk = HeldExecutor()
        room = await Room(tmp_path, executor=disk).__aenter__()
        await room.to_infusing()
        disk.held = True
        view = await room.until_phase("STOPPED", 20)
        assert alarm_ids(view) == {"permit_expired", "journal_slow"}
        assert not room.pump.running
        await room.until(lambda v: "journal_failed" in alarm_ids(v), 5)
        begun = asyncio.get_running_loop().time()
        await room.__aexit__()
        assert asyncio.get_running_loop().time() - begun < 15
        assert room.rested
        assert room.pump.closed

    run_stepped(main)


def test_a_run_whose_journal_failed_never_leaves(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_armed()
            runs = len(room.pump.called("run"))
            session = room.daemon.sessions[room.session]

            class Broken:
                def __init__(self, journal):
                    self.append, self.close = journal.append, journal.close
                    self.head, self.oldest_pending_ns = "", 0

                async def committed(self, seq):
                    raise OSError(28, "No space left on device")

            session.journal = Broken(session.journal)
            await room.do("start_request")
            await room.do("start_confirm")
            await room.until(lambda v: v["phase"] != "INFUSING")
            assert len(room.pump.called("run")) == runs
        refused = [body for body in journalled(room) if body["type"] == "RunRefused"]
        assert [body["reason"] for body in refused] == [
            "journal: [Errno 28] No space left on device"
        ]

    run_stepped(main)


def test_silence_of_the_pump_trips_and_names_its_cause(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            room.pump.silent = True
            view = await room.until_phase("STOPPED", 10)
            assert "status_stale" in alarm_ids(view)
            assert not room.pump.running

    run_stepped(main)


@pytest.mark.parametrize(
    ("error", "ids", "stopped"),
    [
        (pump_errors.PumpRefused("VOLML", "?NA"), {"readback"}, True),
        (pump_errors.ReadbackMismatch("rate", "1", "2", "MH"), {"readback"}, True),
        (NoReply("SAF", "silence"), {"pump_unprepared"}, False),
    ],
)
def test_a_pump_that_answers_and_does_not_obey_is_stopped(tmp_path, error, ids, stopped):
    """It may have taken a setting for another command and move, with no watchdog armed."""

    async def main():
        async with Room(tmp_path) as room:
            await room.to_released()

            async def prepare(_plan, _epoch):
                raise error

            room.pump.prepare = prepare
            stops = len(room.pump.called("stop"))
            await room.do("patency", syringe="BD 60 mL")
            view = await room.until(lambda v: alarm_ids(v) == ids, 5)
            assert view["phase"] == ("STOPPED" if stopped else "RELEASED")
            assert (len(room.pump.called("stop")) > stops) == stopped

    run_stepped(main)


@pytest.mark.requirement("C3")
def test_an_unconfirmed_stop_is_shouted_after_two_seconds(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            room.pump.hang_stop = True
            await room.http.post("actions/stop")
            await asyncio.sleep(1.9)
            view = await room.until(lambda v: True)
            assert "stop_unconfirmed" not in alarm_ids(view)
            view = await room.until(lambda v: "stop_unconfirmed" in alarm_ids(v), 1)
            room.pump.hang_stop = False
            await room.until(lambda v: v["run"] is None, 5)

    run_stepped(main)


def test_a_lost_run_is_uncertain_and_recovered(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_armed()
            room.pump.lose_run = True
            await room.do("start_request")
            await room.do("start_confirm")
            await room.until_phase("STOPPED", 10)
            assert len(room.pump.called("run")) == 3
            assert room.pump.called("recover")
        assert {"WriteLost", "PumpRecovered"} <= {body["type"] for body in journalled(room)}

    run_stepped(main)


@pytest.mark.requirement("T8.6", "P9", "GIP-1.7.1")
def test_a_crash_while_infusing_is_recovered_and_never_resumed(tmp_path):
    async def main():
        first = await Room(tmp_path).__aenter__()
        await first.to_infusing()
        await asyncio.sleep(5)
        await first.crash()
        before = [body["type"] for body in journalled(first)]
        last_ns = list(read(tmp_path / first.session / JOURNAL))[-1].mono_ns
        hour_ns = 3600 * NS_PER_S
        async with Room(tmp_path, utc_ns=NOON_UTC_NS - hour_ns, pump=first.pump) as second:
            second.session = first.session
            assert second.daemon.clock.monotonic_ns() > last_ns
            await second.until_phase("STOPPED", 30)
            assert second.pump.called("run") == []
            assert len(second.pump.called("stop")) >= 1
            assert len(second.pump.called("recover")) == 1
            assert second.daemon.pump_identity is not None
        after = [body["type"] for body in journalled(second)]
        assert after[: len(before)] == before
        assert after[len(before)] == "Booted"

    run_stepped(main)


def test_without_a_treatment_an_absent_pump_is_named_and_nothing_comes_up(tmp_path):
    async def main():
        room = Room(tmp_path, absent="no such device")
        with pytest.raises(
            StartupFailure, match=r"pump: socket://127.0.0.1:2: connect: no such device"
        ):
            await room.__aenter__()
        assert room.pump.closed

    run_stepped(main)


def test_with_a_treatment_under_way_it_comes_up_without_the_pump(tmp_path):
    async def main():
        first = await Room(tmp_path).__aenter__()
        await first.to_infusing()
        await first.crash()
        async with Room(
            tmp_path, absent="no such device", utc_ns=NOON_UTC_NS + 300 * NS_PER_S
        ) as room:
            room.session = first.session
            view = await room.until(lambda v: "stop_unconfirmed" in alarm_ids(v), 10)
            assert view["phase"] == "UNCERTAIN"
            assert room.daemon.pump_identity is None
            room.pump.counter_nl, room.pump.absent = RAN_ON_NL, ""
            await room.until_phase("STOPPED", 30)
            await asyncio.sleep(6)
            assert room.daemon.pump_identity is not None

    run_stepped(main)


def test_a_broken_journal_is_set_aside_as_it_is_and_the_pump_is_stopped(tmp_path):
    async def main():
        async with Room(tmp_path) as first:
            await first.to_ordered()
        path = tmp_path / first.session / JOURNAL
        content = path.read_bytes().replace(b"OrderLoaded", b"OrderLoades")
        path.write_bytes(content)
        async with Room(tmp_path, utc_ns=NOON_UTC_NS + NS_PER_S) as second:
            state = await second.state()
            (broken,) = state["quarantined"]
            assert broken["name"] == f"{first.session}.broken"
            assert "altered" in broken["reason"]
            assert state["sessions"] == []
            await asyncio.sleep(0.1)
            assert len(second.pump.called("stop")) == 1
        assert (tmp_path / broken["name"] / JOURNAL).read_bytes() == content
        async with Room(tmp_path, utc_ns=NOON_UTC_NS + 2 * NS_PER_S) as third:
            assert (await third.state())["quarantined"] == []

    run_stepped(main)


def test_a_closed_session_is_listed_after_a_restart_and_its_record_is_given(tmp_path):
    async def main():
        async with Room(tmp_path) as first:
            await first.to_ordered()
            assert (await first.do("cancel", reason="patient unwell"))["phase"] == "CLOSED"
        async with Room(tmp_path, utc_ns=NOON_UTC_NS + NS_PER_S) as second:
            state = await second.state()
            told = {"session": first.session, "outcome": "not_given", "cold_run": False}
            assert state["closed"] == [told]
            record = (await second.http.get(f"record/{first.session}")).json()
            assert record["outcome"] == "not_given"
            answer = await second.http.get("record/S0")
            assert answer.status_code == 404
            assert answer.json()["error"]["field"] == "session"

    run_stepped(main)


def test_a_flooded_inbox_trips_without_needing_room(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            for _ in range(1500):
                room.daemon.inbox.tell(room.session, events.Ticked)
            view = await room.until_phase("STOPPED", 5)
            assert "inbox_overflow" in alarm_ids(view)
            assert not room.pump.running

    run_stepped(main)


@pytest.mark.requirement("C11", "C3")
def test_a_button_that_stops_passes_a_full_inbox_and_is_history_before_it(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            inbox, stops = room.daemon.inbox, len(room.pump.called("stop"))
            while inbox.tell(room.session, events.SiteChecked, "ab", "technician", True):
                pass
            answer = await room.do("pain")
            assert len(room.pump.called("stop")) == stops + 1
            assert (answer["phase"], answer["durable"]) == ("STOPPED", True)
            await room.until(lambda v: v["run"] is None, 5)
        kinds = [body["type"] for body in journalled(room)]
        assert kinds.count("SiteChecked") == 1000
        # The request itself takes a few turns, in each of which one event is judged.
        assert kinds[: kinds.index("PainPressed")].count("SiteChecked") < 20
        stamps = [body["mono_ns"] for body in journalled(room)]
        assert stamps == sorted(stamps)

    run_stepped(main)


@pytest.mark.requirement("C11")
def test_more_stops_than_there_is_room_for_stop_all_the_same(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            answers = [asyncio.create_task(room.daemon.stop("", "", "panel")) for _ in range(1200)]
            done = await asyncio.gather(*answers)
            assert [verdict.refusal for verdict in done] == [None] * 1200
            assert not room.pump.running
            await room.until_phase("STOPPED", 5)

    run_stepped(main)


@pytest.mark.requirement("C13")
def test_an_action_is_answered_once_it_is_on_the_disk_or_never_will_be(tmp_path):
    async def main():
        disk = HeldExecutor()
        async with Room(tmp_path, executor=disk) as room:
            await room.to_cleared()
            disk.held = True
            asked = asyncio.create_task(room.do("assay"))
            await asyncio.sleep(1)
            assert not asked.done()
            disk.let_go()
            answer = await asked
            kept = list(read(tmp_path / room.session / JOURNAL))[answer["record"]]
            assert (kept.body["type"], answer["durable"]) == ("AssayRequested", True)
            await room.until_phase("ASSAYED")
            await room.answer_at("hot_lab")
            disk.held = True
            assert (await room.do("release"))["durable"] is False
            disk.let_go()

    run_stepped(main)


@pytest.mark.requirement("T3.12", "P10")
def test_a_mistake_of_the_judgement_stops_the_pump_and_folds_back_the_same(tmp_path, monkeypatch):
    real = step_module.step

    def mistaken(state, event, limits):
        if isinstance(event, events.SiteChecked):
            raise ZeroDivisionError("a mistake")
        return real(state, event, limits)

    monkeypatch.setattr(sessions_module, "step", mistaken)

    async def main():
        room = await Room(tmp_path).__aenter__()
        await room.to_infusing()
        await room.ask("site_check", site_ok=True)
        view = await room.until_phase("STOPPED", 5)
        (alarm,) = [alarm for alarm in view["alarms"] if alarm["id"] == "task_died"]
        assert alarm["evidence"] == "judging SiteChecked: ZeroDivisionError: a mistake"
        state = room.daemon.sessions[room.session].state
        await room.crash()
        records = list(read(tmp_path / room.session / JOURNAL))
        limits = room.site.limits
        assert sessions_module.fold_state(room.session, records, limits) == state

    run_stepped(main)


def test_the_death_of_the_consumer_stops_the_pump_at_once(tmp_path, monkeypatch):
    real = sessions_module.judged
    failing: list[str] = []

    def dying(state, event, limits):
        if failing:
            raise MemoryError(failing.pop())
        return real(state, event, limits)

    monkeypatch.setattr(daemon_module, "judged", dying)

    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            stops = len(room.pump.called("stop"))
            failing.append("no memory")
            died_ns = room.daemon.clock.monotonic_ns()
            room.daemon.inbox.tell(room.session, events.Ticked)
            await asyncio.sleep(0.01)
            assert len(room.pump.called("stop")) == stops + 1
            assert not room.pump.running
            answer = await room.http.post("actions/stop")
            assert answer.json() == {"accepted": True, "session": "", "phase": ""}
            assert room.daemon.clock.monotonic_ns() - died_ns < 20 * NS_PER_MS
            view = await room.until_phase("STOPPED", 10)
            assert "task_died" in alarm_ids(view)
            await room.until(lambda v: v["run"] is None, 5)
            await room.do("end", cause="equipment")
        kinds = [record.kind for record in read(tmp_path / "site.sqlite")]
        assert kinds.count("stop") == 2
        assert kinds.count("task") == 1

    run_stepped(main)


def test_the_death_of_the_poller_trips(tmp_path, monkeypatch):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            monkeypatch.setattr(daemon_module, "polls", None)
            view = await room.until_phase("STOPPED", 10)
            (alarm,) = [alarm for alarm in view["alarms"] if alarm["id"] == "task_died"]
            assert alarm["evidence"] == "poller: TypeError: 'NoneType' object is not callable"

    run_stepped(main)


def test_the_end_stops_the_pump_before_anything_closes(tmp_path):
    async def main():
        room = await Room(tmp_path).__aenter__()
        await room.to_infusing()
        await room.__aexit__()
        assert room.rested
        stop_ns, close_ns = room.pump.called("stop")[-1], room.pump.called("close")[-1]
        assert stop_ns < close_ns
        assert journalled(room)[-1]["type"] != "PumpRead"
        types = [body["type"] for body in journalled(room)]
        assert types.index("ShutdownRequested") < types.index("StopConfirmed", -3)

    run_stepped(main)


def test_an_end_without_confirmation_says_so_and_still_ends(tmp_path):
    async def main():
        room = await Room(tmp_path).__aenter__()
        await room.to_infusing()
        room.pump.hang_stop = True
        begun = asyncio.get_running_loop().time()
        await room.__aexit__()
        assert not room.rested
        assert 7 <= asyncio.get_running_loop().time() - begun < 15

    run_stepped(main)
