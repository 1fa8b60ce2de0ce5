"""Holding and going back, and what it takes to go on after a trip."""

from dataclasses import replace

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Outcome, Phase, Pumped, Purpose
from firmware_interfaces.readings import PumpAlarm
from tests.core.hand import Hand
from tests.core.situations import THREE, at
from tests.core.world import ML, STEP, S, readback, recovery, status


def _quiet(hand: Hand) -> None:
    hand.stopped()
    hand.do(e.Acknowledged, "")


def _two_resume(hand: Hand, *, new_site: bool = False) -> None:
    hand.do(e.ResumeRequested, new_site, who="ab")
    hand.do(e.ResumeRequested, new_site, who="cd")


@pytest.mark.parametrize(
    ("name", "back"),
    [
        ("patency_running", Phase.RELEASED),
        ("seat_running", Phase.RELEASED),
        ("seated", Phase.SEATED),
        ("armed", Phase.ARMED),
        ("flushing", Phase.FLUSHING),
        ("flush_running", Phase.FLUSHING),
    ],
)
def test_a_hold_goes_back_where_it_came_from(name: str, back: Phase) -> None:
    hand = at(name)
    hand.do(e.HoldRequested, "toilet")
    hand.must_be(Phase.HELD)
    if hand.stopping:
        assert hand.refused(e.ResumeRequested, False).rule == "the pump must rest"
        hand.stopped()
    hand.do(e.ResumeRequested, False)
    hand.must_be(back)
    assert (hand.state.held_from, hand.state.held_ns, hand.state.hold_reason) == (None, None, "")


@pytest.mark.requirement("T4.3")
def test_a_held_infusion_goes_on_by_way_of_armed_with_what_remains() -> None:
    hand = at("held")
    given = hand.state.drug.high_nl
    assert 0 < given < 2 * ML
    hand.do(e.ResumeRequested, False)
    hand.must_be(Phase.HELD)
    assert hand.run.plan.volume_nl == 2 * ML - given
    assert hand.run.plan.rate_ul_h == 120_000
    hand.prepared()
    hand.must_be(Phase.ARMED)
    hand.infusing()
    hand.run_out()
    hand.must_be(Phase.FLUSHING)
    assert hand.state.drug == Pumped(2 * ML - STEP, 2 * ML)


def test_a_hold_in_the_second_part_goes_on_in_the_second_part() -> None:
    falling = replace(THREE, profile=((500_000, 250_000), (500_000, 750_000)))
    hand = Hand(falling).bedside().infusing()
    slow = hand.run.profile[1][0]
    while hand.run.part == 0:
        hand.poll()
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    assert [rate for rate, _ in hand.run.profile] == [slow]
    assert hand.run.plan.rate_ul_h == slow


@pytest.mark.requirement("T4.1")
def test_a_hold_needs_a_reason_and_something_to_hold() -> None:
    assert at("infusing").refused(e.HoldRequested, " ").rule == "a reason must be given"
    assert at("released").refused(e.HoldRequested, "x").rule == "there must be something to hold"


def test_a_hold_between_the_two_steps_of_a_start_takes_the_first_back() -> None:
    hand = at("armed")
    hand.do(e.StartRequested)
    hand.do(e.HoldRequested, "a question")
    hand.do(e.ResumeRequested, False)
    assert hand.refused(e.StartConfirmed).detail == "the first step is missing"


def test_a_hold_while_preparing_forgets_the_programme() -> None:
    hand = at("arming")
    epoch = hand.state.epoch
    plan_run = hand.run
    hand.do(e.HoldRequested, "a question")
    assert hand.state.run is None
    hand.see(e.PumpPrepared, epoch, readback(plan_run.plan, hand.now_ns))
    hand.must_be(Phase.HELD)
    assert hand.state.run is None
    hand.do(e.ResumeRequested, False)
    hand.must_be(Phase.SEATED)


@pytest.mark.parametrize("name", ["held", "held_armed"])
def test_a_forgotten_hold_is_remembered(name: str) -> None:
    hand = at(name)
    for _ in range(240):
        hand.poll()
    assert "hold_forgotten" in hand.alarms


@pytest.mark.parametrize("name", ["held", "held_armed", "holding", "resuming"])
def test_a_trip_in_a_hold_stops_for_good(name: str) -> None:
    hand = at(name)
    hand.do(e.PainPressed)
    hand.must_be(Phase.STOPPED)
    assert hand.state.run is None or hand.stopping
    assert hand.refused(e.ResumeRequested, False).rule == "every trip must be gone and acknowledged"


@pytest.mark.requirement("N3", "T4.2", "GIP-2.2.3")
def test_going_on_takes_acknowledgement_rest_and_two_people() -> None:
    hand = at("tripping")
    assert hand.refused(e.ResumeRequested, False).detail == "stop_pressed"
    hand.do(e.Acknowledged, "stop_pressed")
    assert hand.refused(e.ResumeRequested, False).rule == "the pump must rest"
    hand.stopped()
    hand.do(e.ResumeRequested, False, who="ab")
    hand.do(e.ResumeRequested, False, who="ab")
    hand.must_be(Phase.STOPPED)
    assert hand.state.run is None
    hand.do(e.ResumeRequested, False, who="cd")
    assert c.ClearAlarm("stop_pressed") in hand.last
    assert hand.run.purpose is Purpose.DRUG
    hand.prepared()
    hand.must_be(Phase.ARMED)


def test_a_trip_after_the_first_voice_asks_for_both_again() -> None:
    hand = at("stopped")
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False, who="ab")
    hand.do(e.SpillPressed, who="cd")
    hand.stopped()
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False, who="cd")
    assert hand.state.run is None
    hand.do(e.ResumeRequested, False, who="ab")
    assert hand.state.run is not None


@pytest.mark.requirement("N3", "T4.2")
def test_a_condition_that_lasts_cannot_be_acknowledged_away() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "journal_failed", True, "disk full")
    _quiet(hand)
    assert hand.refused(e.ResumeRequested, False).detail == "journal_failed"
    hand.see(e.ConditionSeen, "journal_failed", False, "written")
    _two_resume(hand)
    assert hand.state.run is not None


def test_an_alarm_is_acknowledged_by_its_name() -> None:
    hand = at("infusing")
    hand.do(e.PainPressed)
    hand.do(e.SpillPressed)
    hand.do(e.Acknowledged, "pain")
    by = {a.id: a.acknowledged_by for a in hand.state.alarms if a.id in ("pain", "spill")}
    assert by == {"pain": "ab", "spill": ""}
    hand.do(e.Acknowledged, "", who="cd")
    by = {a.id: a.acknowledged_by for a in hand.state.alarms if a.id in ("pain", "spill")}
    assert by == {"pain": "ab", "spill": "cd"}


@pytest.mark.requirement("T3.20", "P14")
def test_the_third_time_in_ten_minutes_locks_for_good() -> None:
    hand = at("infusing")
    for count in range(3):
        hand.do(e.StopPressed, "panel")
        _quiet(hand)
        hand.tick(S // 10)
        assert bool(hand.state.no_resume) is (count == 2)
        if count < 2:
            _two_resume(hand)
            hand.prepared()
            hand.infusing()
            hand.poll()
    assert hand.state.no_resume == "the same alarm came three times in ten minutes"
    for _ in range(11):
        hand.tick(60 * S)
    hand.do(e.Acknowledged, "")
    assert hand.refused(e.ResumeRequested, False).detail == hand.state.no_resume
    hand.do(e.EndRequested, "equipment")
    hand.must_be(Phase.RESIDUAL)


def test_three_times_in_more_than_ten_minutes_do_not() -> None:
    hand = at("infusing")
    for _ in range(3):
        hand.do(e.StopPressed, "panel")
        _quiet(hand)
        for _ in range(5):
            hand.poll(S)
            hand.tick(60 * S)
        _two_resume(hand)
        hand.prepared()
        hand.infusing()
        hand.poll()
    hand.must_be(Phase.INFUSING)
    assert hand.state.no_resume == ""


def test_a_patency_run_after_a_stop_needs_a_clear_latch() -> None:
    hand = at("stopped")
    refusal = hand.refused(e.PatencyRequested, "saline", 14_430)
    assert (refusal.rule, refusal.detail) == ("the latch must be clear", "stop_pressed")


def test_pain_during_the_patency_run_of_a_new_site_stops_it() -> None:
    hand = at("stopped_patency")
    hand.do(e.PainPressed)
    assert isinstance(hand.last[0], c.Stop)
    assert hand.stopping


@pytest.mark.parametrize("name", ["patency_running", "seat_running"])
def test_a_trip_before_the_seat_passes_by_no_gate(name: str) -> None:
    """From RELEASED nothing was connected: two voices must not bring the drug to the vein."""
    hand = at(name)
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.STALL))
    _quiet(hand)
    assert hand.refused(e.ResumeRequested, False).rule == "the line must be connected"
    hand.patent()
    _two_resume(hand, new_site=True)
    hand.must_be(Phase.RELEASED)
    hand.seated().connected().armed()
    hand.must_be(Phase.ARMED)


@pytest.mark.requirement("T4.4")
def test_flush_after_a_stop_through_the_pump_needs_a_clear_latch_and_by_hand_does_not() -> None:
    hand = at("stopped")
    refusal = hand.refused(e.FlushRequested, "saline", 14_430, "cd")
    assert (refusal.rule, refusal.detail) == ("the latch must be clear", "stop_pressed")
    hand.do(e.Acknowledged, "")
    hand.do(e.FlushRequested, "saline", 14_430, "cd")
    hand.must_be(Phase.FLUSHING)
    assert c.ClearAlarm("stop_pressed") in hand.last
    assert hand.run.plan.rate_ul_h == 120_000
    other = at("stopped")
    other.do(e.FlushConfirmed, 450_000)
    other.must_be(Phase.RESIDUAL)


def test_a_flush_of_which_part_is_in_asks_for_the_rest_only() -> None:
    hand = at("flush_running")
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    done = hand.state.flush.low_nl
    hand.do(e.FlushRequested, "saline", 14_430, "cd")
    assert hand.run.plan.volume_nl == 450_000 - done


def test_a_complete_flush_is_not_flushed_again() -> None:
    hand = at("flush_running")
    while not hand.stopping:
        hand.poll()
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    hand.must_be(Phase.HELD)
    hand.do(e.ResumeRequested, False)
    hand.must_be(Phase.RESIDUAL)
    state = hand.state
    assert (state.held_from, state.held_ns, state.hold_reason) == (None, None, "")
    assert c.DisarmPump(state.epoch) in hand.last
    assert hand.accounted().state.outcome is Outcome.COMPLETE


def test_a_flush_that_was_stopped_on_its_last_drop_is_not_flushed_again() -> None:
    hand = at("flush_running")
    while not hand.stopping:
        hand.poll()
    hand.do(e.StopPressed, "panel")
    _quiet(hand)
    hand.must_be(Phase.STOPPED)
    refusal = hand.refused(e.FlushRequested, "s", 14_430, "cd")
    assert (refusal.rule, refusal.detail) == ("the flush is complete", "450000 nL flushed")
    hand.do(e.FlushConfirmed, 1)
    hand.must_be(Phase.RESIDUAL)


def test_a_hold_on_the_last_drop_owes_the_flush() -> None:
    hand = at("completing")
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    assert hand.state.held_from is Phase.FLUSHING
    hand.do(e.ResumeRequested, False)
    hand.must_be(Phase.FLUSHING)


def test_a_stop_on_the_last_drop_leaves_nothing_to_resume() -> None:
    hand = at("completing")
    hand.do(e.StopPressed, "panel")
    _quiet(hand)
    assert hand.state.drug_end_utc_ns is not None
    hand.do(e.ResumeRequested, False, who="ab")
    assert hand.refused(e.ResumeRequested, False, who="cd").rule == (
        "something must remain to be given"
    )


@pytest.mark.parametrize("name", ["seated", "held", "infusing", "holding", "flush_running"])
def test_an_abort_stops_and_latches_nothing(name: str) -> None:
    hand = at(name)
    assert hand.refused(e.AbortRequested, "").rule == "a cause must be given"
    hand.do(e.AbortRequested, "medical")
    hand.must_be(Phase.STOPPED)
    assert not {a.id for a in hand.state.alarms} & {"stop_pressed", "uncertain"}
    if hand.stopping:
        assert hand.refused(e.EndRequested, "medical").rule == "the pump must rest"
        hand.stopped()
    hand.do(e.EndRequested, "")
    hand.must_be(Phase.RESIDUAL)


def test_an_end_needs_a_cause() -> None:
    assert at("stopped").refused(e.EndRequested, " ").rule == "a cause must be given"


def test_a_shutdown_is_over_with_the_next_boot() -> None:
    hand = at("held")
    hand.see(e.ShutdownRequested)
    hand.stopped()
    hand.must_be(Phase.STOPPED)
    hand.see(e.Booted, "0.1.0")
    hand.must_be(Phase.UNCERTAIN)
    hand.see(e.PumpRecovered, recovery(0))
    hand.do(e.Acknowledged, "")
    _two_resume(hand)
    assert hand.state.run is not None


@pytest.mark.parametrize("name", ["idle", "assayed", "released", "residual", "stopped"])
def test_a_shutdown_with_nothing_to_stop_says_nothing(name: str) -> None:
    hand = at(name)
    assert hand.see(e.ShutdownRequested) == ()


def test_a_shutdown_while_a_stop_is_under_way_adds_no_other() -> None:
    hand = at("holding")
    epoch = hand.state.epoch
    hand.see(e.ShutdownRequested)
    assert hand.state.epoch == epoch
    assert "shutdown" in hand.alarms


@pytest.mark.parametrize("name", ["patency_running", "stopped_patency"])
def test_a_patency_run_that_tripped_confirms_nothing(name: str) -> None:
    hand = at(name)
    hand.do(e.SpillPressed)
    _quiet(hand)
    assert hand.refused(e.PatencyConfirmed, True, False).detail == "no finished run"


def test_a_patency_run_that_was_long_enough_may_be_held_and_confirmed() -> None:
    hand = at("patency_running")
    hand.do(e.HoldRequested, "blood return was seen")
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    hand.do(e.PatencyConfirmed, True, False)
    assert hand.state.patency_ok


@pytest.mark.requirement("T2.6")
def test_no_blood_return_is_no_patency() -> None:
    hand = at("patent")
    assert hand.refused(e.PatencyConfirmed, False, False).rule == "blood return must be seen"
