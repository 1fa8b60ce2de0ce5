"""A saline pump beside the drug's: what runs on which, and what the idle one may do."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.line import line_of
from controller.core.state import Phase, Pumped, Purpose
from firmware_interfaces.readings import Channel, Motion, PumpAlarm
from tests.core.situations import at
from tests.core.two_pumps import (
    CALM,
    FLUSH_PUMP,
    SALINE,
    SALINE_UM,
    counter_of,
    plan_of,
    second_armed,
    second_held,
    second_infusing,
    second_released,
    seen,
)
from tests.core.world import COMMISSIONED, S, status


def test_where_there_is_one_pump_all_saline_is_behind_the_drug() -> None:
    hand = at("flush_running")
    line, drug = line_of(hand.state), hand.state.drug.low_nl
    flushed = hand.state.pumped(Purpose.FLUSH).low_nl
    assert line.delivered_low_nl == min(drug, drug + flushed - hand.treatment.line_dead_nl)


# --- which pump ---------------------------------------------------------------------------------


def test_saline_is_on_the_second_pump_and_drug_is_not() -> None:
    hand = second_released()
    patency = plan_of(hand.do(e.PatencyRequested, SALINE, SALINE_UM))
    assert (patency.channel, patency.watchdog_ns, patency.trigger.value) == (
        Channel.FLUSH, 6 * S, "off",
    )  # fmt: skip
    hand = second_released().patent()
    assert plan_of(hand.do(e.SeatRequested, "cd")).channel is Channel.DRUG
    drug = second_infusing().run.plan
    assert (drug.channel, drug.watchdog_ns) == (Channel.DRUG, 5 * S)
    flushing = second_infusing()
    flushing.run_out()
    flush = plan_of(flushing.do(e.FlushRequested, SALINE, SALINE_UM, "cd"))
    assert (flush.channel, flush.diameter_um) == (Channel.FLUSH, SALINE_UM)


def test_a_whole_treatment_leaves_the_drug_syringe_connected() -> None:
    hand = second_infusing()
    hand.run_out()
    hand.flushed()
    hand.must_be(Phase.RESIDUAL)
    assert hand.state.connected
    assert hand.raised <= {"near_end"}
    assert (counter_of(hand, Channel.DRUG), counter_of(hand, Channel.FLUSH)) == (2_000_000, 450_000)
    delivered = line_of(hand.state)
    assert (delivered.delivered_low_nl, delivered.in_line_high_nl) == (2_000_000, 0)
    hand.accounted()
    hand.must_be(Phase.CLOSED)


def test_a_stop_reaches_whatever_runs_and_a_resume_needs_no_new_seat() -> None:
    hand = second_infusing()
    hand.run_out()
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    assert isinstance(hand.do(e.StopPressed, "panel")[0], c.Stop)
    hand.stopped()
    assert (hand.state.phase, hand.state.connected) == (Phase.STOPPED, True)


# --- commissioning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"flush_commissioned": COMMISSIONED}, "the pump must be the one that was commissioned"),
        ({"flush_pump": None}, "the pump must be the one that was commissioned: no known pump"),
        ({"saline_syringe": "BD 60 mL"}, "the syringe type must have been commissioned"),
    ],
)
def test_nothing_is_armed_unless_both_pumps_are_proven(changes: dict[str, Any], seen: str) -> None:
    hand = second_released().patent().seated().connected()
    hand.state = replace(hand.state, **changes)
    refusal = hand.refused(e.ArmRequested)
    assert refusal.rule == "the second pump must be proven too"
    assert refusal.detail.startswith(seen)


def test_a_flush_out_of_an_unproven_syringe_is_refused_and_by_hand_it_goes() -> None:
    hand = second_infusing()
    hand.run_out()
    refusal = hand.refused(e.FlushRequested, "BD 60 mL", 26_590, "cd")
    assert refusal.rule == "the second pump must be proven too"
    hand.do(e.FlushConfirmed, 450_000)
    hand.must_be(Phase.RESIDUAL)
    assert line_of(hand.state).delivered_low_nl == 2_000_000


def test_another_flush_pump_during_a_treatment_trips() -> None:
    hand = second_infusing()
    other = replace(FLUSH_PUMP, firmware="3.900")
    hand.see(e.PumpIdentified, other, Channel.FLUSH)
    assert "identity" in hand.alarms
    assert hand.state.pump != other == hand.state.flush_pump


# --- the idle pump -------------------------------------------------------------------------------


def test_an_idle_pump_that_moves_stops_both_and_names_the_pump() -> None:
    hand = second_infusing()
    commands = seen(hand, Channel.FLUSH, 0, Motion.INFUSING)
    assert isinstance(commands[0], c.Stop)
    hand.must_be(Phase.STOPPED)
    (alarm,) = hand.state.alarms
    assert alarm.id == "take_over"
    assert alarm.evidence == "flush pump is infusing and was not started"


def test_it_is_stopped_each_time_it_is_seen_to_move() -> None:
    hand = second_infusing()
    seen(hand, Channel.FLUSH, 0, Motion.INFUSING)
    hand.stopped()
    assert isinstance(seen(hand, Channel.FLUSH, 0, Motion.PURGING)[0], c.Stop)
    hand.must_be(Phase.STOPPED)


def test_what_was_seen_before_the_stop_says_nothing_of_now() -> None:
    hand = second_held()
    asked = hand.state.rested_ns
    hand.see(e.IdlePumpSeen, Channel.FLUSH, status(asked, 0, Motion.INFUSING))
    assert hand.alarms == set()


def test_news_of_the_pump_that_runs_is_no_news_of_an_idle_one() -> None:
    hand = second_infusing()
    before = hand.state.run
    hand.see(e.IdlePumpSeen, Channel.DRUG, status(hand.now_ns, 1, Motion.INFUSING))
    assert (hand.alarms, hand.state.run) == (CALM, before)


def test_what_keys_had_the_idle_flush_pump_give_is_booked() -> None:
    hand = second_infusing()
    before, counted = hand.state.patency, counter_of(hand, Channel.FLUSH)
    seen(hand, Channel.FLUSH, counted + 20_000, Motion.INFUSING)
    assert hand.state.patency == Pumped(before.low_nl, before.high_nl + 21_000)
    assert hand.state.saline[-1].saline == Pumped(0, 21_000)


def test_what_keys_had_the_idle_drug_pump_give_is_drug() -> None:
    hand = second_infusing()
    hand.run_out()
    drug, counted = hand.state.drug, counter_of(hand, Channel.DRUG)
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    seen(hand, Channel.DRUG, counted + 5_000, Motion.INFUSING)
    assert hand.state.drug == Pumped(drug.low_nl, drug.high_nl + 6_000)
    assert "take_over" in hand.alarms


def test_before_the_line_is_joined_what_the_drug_pump_gives_is_at_its_tip() -> None:
    hand = second_released()
    hand.do(e.PatencyRequested, SALINE, SALINE_UM)
    seen(hand, Channel.DRUG, 700_000)
    assert counter_of(hand, Channel.DRUG) == 700_000
    seen(hand, Channel.DRUG, 710_000, Motion.INFUSING)
    assert (hand.state.seat, hand.state.drug) == (Pumped(0, 11_000), Pumped())


@pytest.mark.parametrize(("nl", "more_nl"), [(None, 0), (0, 0), (100, 1_100)])
def test_a_counter_that_starts_anew_may_have_counted_all_it_says(
    nl: int | None, more_nl: int
) -> None:
    hand = second_infusing()
    before = hand.state.patency
    seen(hand, Channel.FLUSH, nl)
    assert hand.state.patency == Pumped(before.low_nl, before.high_nl + more_nl)


def test_a_silent_idle_pump_forbids_a_start_until_it_answers() -> None:
    hand = second_armed()
    hand.poll()
    hand.see(e.IdlePumpSeen, Channel.FLUSH, None, "silence")
    refusal = hand.refused(e.StartRequested)
    assert (refusal.rule, refusal.detail) == ("no alarm may forbid the start", "idle_pump_link")
    assert "flush pump: silence" in {alarm.evidence for alarm in hand.state.alarms}
    seen(hand, Channel.FLUSH, counter_of(hand, Channel.FLUSH))
    hand.poll()
    hand.do(e.StartRequested)
    assert hand.state.start_by == "ab"


def test_a_silent_idle_pump_does_not_stop_the_one_that_runs() -> None:
    hand = second_infusing()
    hand.see(e.IdlePumpSeen, Channel.FLUSH, None, "silence")
    assert (hand.state.phase, hand.alarms) == (Phase.INFUSING, CALM | {"idle_pump_link"})


@pytest.mark.parametrize(
    ("alarm", "row"),
    [
        (PumpAlarm.RESET, None),
        (PumpAlarm.STALL, "occlusion"),
        (PumpAlarm.WATCHDOG, None),
        (PumpAlarm.PROGRAM_ERROR, "program_error"),
    ],
)
def test_an_alarm_of_the_idle_pump(alarm: PumpAlarm, row: str | None) -> None:
    hand = second_infusing()
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=alarm), Channel.FLUSH)
    told = {one.id: one.evidence for one in hand.state.alarms if one.id not in CALM}
    assert told == ({} if row is None else {row: f"flush pump reports {alarm.value}"})


def test_an_alarm_of_the_pump_that_flushes_is_the_runs() -> None:
    hand = second_infusing()
    hand.run_out()
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    reset = status(hand.now_ns, None, None, alarm=PumpAlarm.RESET)
    hand.see(e.AlarmSeen, reset, Channel.FLUSH)
    hand.must_be(Phase.UNCERTAIN)


def test_a_drug_pump_that_loses_power_while_nothing_runs_is_told() -> None:
    hand = second_held()
    reset = status(hand.now_ns, None, None, alarm=PumpAlarm.RESET)
    hand.see(e.AlarmSeen, reset, Channel.FLUSH)
    assert hand.alarms == set()
    hand.see(e.AlarmSeen, reset, Channel.DRUG)
    assert "pump_reset" in hand.alarms


def test_what_an_interval_holds_is_not_booked_once_more() -> None:
    hand = second_infusing()
    hand.see(e.WriteLost, hand.state.epoch, "RUN")
    hand.do(e.GivenUp)
    drug, given = hand.state.drug, hand.pump.counter_nl
    hand.see(e.StopConfirmed, hand.state.epoch, status(hand.now_ns, given, Motion.STOPPED))
    hand.do(e.Acknowledged, "")
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    seen(hand, Channel.DRUG, given + 10_000)
    assert (hand.state.drug, counter_of(hand, Channel.DRUG)) == (drug, given + 10_000)
    seen(hand, Channel.DRUG, given + 12_000)
    assert hand.state.drug == Pumped(drug.low_nl, drug.high_nl + 3_000)


def test_what_a_poll_or_stop_tells_without_a_run_is_of_the_pump_that_it_names() -> None:
    hand = second_held()
    saline, drug = hand.state.patency, hand.state.drug
    counted = counter_of(hand, Channel.FLUSH) + 4_000
    hand.wait(S // 10)
    told = status(hand.now_ns, counted, Motion.STOPPED)
    hand.see(e.StopConfirmed, hand.state.epoch, told, Channel.FLUSH)
    hand.wait(S // 10)
    told = status(hand.now_ns, counted + 4_000, Motion.STOPPED)
    hand.see(e.PumpRead, told, Channel.FLUSH)
    assert hand.state.patency == Pumped(saline.low_nl, saline.high_nl + 10_000)
    assert hand.state.drug == drug
