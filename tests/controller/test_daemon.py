"""A whole treatment through the daemon, in stepped time, and what must not go wrong on the way."""

import asyncio
import itertools
import json

import pytest

from controller.core import events
from controller.core.state import Phase
from controller.inbox import SITE
from controller.journal_file import read, verify
from controller.store import JOURNAL
from firmware_interfaces.units import NS_PER_MS
from tests.controller.memory_devices import PRESCRIBED_MBQ
from tests.controller.room import ORDER, Room
from tests.controller.stepped_loop import HeldExecutor, run_stepped


def journalled(room, kind="event"):
    path = room.directory / room.session / JOURNAL
    return [record.body for record in read(path) if record.kind == kind]


def alarm_ids(view):
    return {alarm["id"] for alarm in view["alarms"]}


def test_a_treatment_from_order_to_record(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await room.until_phase("FLUSHING")
            await room.do("flush", syringe="BD 60 mL", confirmed_by="cd")
            await room.until_phase("RESIDUAL", 2400)
            room.calibrator.standing_mbq = 0.0
            await room.do("residual", item="background")
            await room.until(lambda v: v["background_measured"])
            room.calibrator.standing_mbq = 42.0
            await room.hand_over("hot_lab")
            await room.do("residual", item="syringe_and_line")
            await room.until(lambda v: v["residual"])
            places = {"pad": 0.2, "site": 1.5, "floor": 0.1, "gloves": 0.1}
            await room.do("survey", places=places, contaminated=False)
            assert (await room.do("close"))["phase"] == "CLOSED"
            record = (await room.http.get(f"record/{room.session}")).json()
            head = room.daemon.sessions[room.session].journal.head
            assert record["journal_head"] == head
        assert verify(tmp_path / room.session / JOURNAL).head == head
        return record, room

    record, room = run_stepped(main)
    assert record["outcome"] == "complete"
    assert record["prescribed_mbq"] == PRESCRIBED_MBQ
    assert record["pumped_ml"] == record["planned_ml"] == 19.45
    assert record["simulated"] is True
    released = [p["operator_id"] for p in record["people"] if p["meaning"].startswith("released")]
    assert released == ["ab", "cd"]
    assert len(room.pump.called("run")) == 4


@pytest.mark.requirement("X7", "T8.7", "PCA-R6.7.0(1)(2)")
def test_nothing_that_goes_out_names_the_patient(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await room.do("pain")
            await room.until_phase("STOPPED")
            await asyncio.sleep(3)
        return room.telemetry.sent

    sent = run_stepped(main)
    text = json.dumps(sent)
    assert ORDER["patient"]["name"] not in text
    assert ORDER["patient"]["id"] not in text
    assert ORDER["patient"]["birth_date"] not in text
    assert all(payload["simulated"] is True for _, payload, _, _ in sent)
    assert {suffix for suffix, _, _, _ in sent} == {"state", "telemetry", "alarms", "events"}
    assert {retain for suffix, _, retain, _ in sent if suffix == "state"} == {True}


@pytest.mark.requirement("PCA-R6.7.0(1)(2)")
def test_numbers_go_out_once_a_second(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            before = len(room.telemetry.sent)
            await asyncio.sleep(10.5)
            sent = room.telemetry.sent[before:]
            return [payload for suffix, payload, *_ in sent if suffix == "telemetry"]

    told = run_stepped(main)
    assert len(told) in (10, 11)
    assert {payload["phase"] for payload in told} == {"INFUSING"}
    assert {payload["run"]["rate_ml_h"] for payload in told} == {1167.0}


@pytest.mark.requirement("T8.5")
def test_stop_reaches_the_pump_without_any_session(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            answer = await room.http.post("actions/stop", headers={"X-Isodrip": ""})
            assert answer.json() == {"accepted": True, "session": "", "phase": "IDLE"}
            await asyncio.sleep(0.1)
            assert len(room.pump.called("stop")) == 1
        kinds = [r.body.get("type") for r in read(tmp_path / "site.sqlite") if r.kind == "event"]
        assert kinds[:2] == ["Booted", "StopPressed"]
        assert kinds[-2:] == ["StopConfirmed", "ShutdownRequested"]

    run_stepped(main)


@pytest.mark.requirement("GIP-1.6.1-2", "PCA-R7.2.0(1)(6)(7)")
def test_stop_while_infusing_acts_in_the_same_turn(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            pressed_ns = room.daemon.clock.monotonic_ns()
            await room.http.post("actions/stop")
            assert room.pump.called("stop")[-1] == pressed_ns
            view = await room.until_phase("STOPPED")
            assert "stop_pressed" in alarm_ids(view)

    run_stepped(main)


def test_no_run_before_the_journal_has_it_and_stop_waits_for_nothing(tmp_path):
    async def main():
        disk = HeldExecutor()
        async with Room(tmp_path, executor=disk) as room:
            await room.to_armed()
            runs = len(room.pump.called("run"))
            disk.held = True
            asked = [asyncio.create_task(room.do("start_request"))]
            await asyncio.sleep(0)
            asked += [asyncio.create_task(room.do("start_confirm"))]
            await asyncio.sleep(1)
            assert len(room.pump.called("run")) == runs
            assert not any(task.done() for task in asked)
            pressed_ns = room.daemon.clock.monotonic_ns()
            await room.http.post("actions/stop")
            assert room.pump.called("stop")[-1] == pressed_ns
            disk.let_go()
            assert [body["durable"] for body in await asyncio.gather(*asked)] == [True, True]
            await asyncio.sleep(1)
            assert len(room.pump.called("run")) == runs
            await room.until_phase("STOPPED")

    run_stepped(main)


def test_an_unasked_alarm_goes_to_the_session_that_holds_the_room(tmp_path):
    async def main():
        from dataclasses import replace

        from firmware_interfaces.readings import PumpAlarm

        async with Room(tmp_path) as room:
            await room.to_infusing()
            status = replace(room.pump.status(), alarm=PumpAlarm.STALL, motion=None)
            room.pump.heard.alarm(replace(status, infused_nl=None, withdrawn_nl=None))
            view = await room.until_phase("STOPPED", 5)
            assert "occlusion" in alarm_ids(view)

    run_stepped(main)


@pytest.mark.requirement("T2.13")
def test_one_treatment_at_a_time_but_any_number_waiting_for_residual(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_ordered()
            first = room.session
            answer = await room.ask("load_order", order=ORDER)
            assert answer.status_code == 409
            assert answer.json()["error"]["rule"] == "one treatment at a time"
            await room.clear()
            await room.do("assay")
            await room.until_phase("ASSAYED")
            assert (await room.do("cancel", reason="called off"))["phase"] == "RESIDUAL"
            await room.to_assayed()
            assert room.session != first
            room.session, second = first, room.session
            room.calibrator.standing_mbq = 0.0
            await room.do("residual", item="background")
            await room.until(lambda v: v["background_measured"])
            assert room.daemon.sessions[second].state.phase is Phase.ASSAYED

    run_stepped(main)


def test_a_new_session_hears_which_conditions_hold(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            room.telemetry.on_link(False, "connection refused")
            await asyncio.sleep(0.1)
            await room.to_ordered()
            view = await room.until(lambda v: "broker_lost" in alarm_ids(v), 1)
            assert [a["evidence"] for a in view["alarms"]] == ["connection refused"]
            room.telemetry.on_link(True, "connected")
            await room.until(lambda v: not v["alarms"], 1)

    run_stepped(main)


@pytest.mark.requirement("N6", "T3.15", "PCA-R6.7.0(4)(6)")
def test_a_lost_broker_never_touches_the_infusion(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            room.telemetry.on_link(False, "connection reset")
            await room.until_phase("FLUSHING")
            assert "broker_lost" in alarm_ids(await room.until(lambda v: True))

    run_stepped(main)


def test_polls_and_ticks_keep_absolute_deadlines(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await asyncio.sleep(30)
        asked = [
            body["status"]["asked_ns"] for body in journalled(room) if body["type"] == "PumpRead"
        ]
        apart = {later - earlier for earlier, later in itertools.pairwise(asked)}
        whole = {gap for gap in apart if gap % (500 * NS_PER_MS) == 0}
        assert len(apart - whole) <= 6

    run_stepped(main)


def test_an_event_for_a_session_that_is_gone_is_kept_by_the_site(tmp_path):
    async def main():
        async with Room(tmp_path) as room:
            room.daemon.inbox.tell("S-gone", events.PumpSilent, "late")
            await asyncio.sleep(0.1)
            room.daemon.inbox.tell(SITE, events.ShutdownRequested)
            await asyncio.sleep(0.1)
        kept = [r.body["type"] for r in read(tmp_path / "site.sqlite") if r.kind == "event"]
        assert kept[-3:] == ["PumpSilent", "ShutdownRequested", "ShutdownRequested"]

    run_stepped(main)
