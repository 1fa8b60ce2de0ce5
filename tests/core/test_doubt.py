"""After a trip that gives the counter the lie, the counter bounds nothing until two people do."""

from dataclasses import replace

import pytest

from controller.core import events as e
from controller.core.interruption import WRONG_SYRINGE
from controller.core.state import Phase, Pumped, Purpose
from firmware_interfaces.readings import Motion
from firmware_interfaces.units import MicrolitrePerHour, Nanoseconds, volume_up
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import STEP, recovery


def _stuck() -> Hand:
    """An infusion whose counter stands while the plunger goes on, tripped by `no_flow`."""
    hand = at("infusing_thirty")
    stands = hand.run.counter_nl
    for _ in range(60):
        hand.reads(stands)
        if hand.state.phase is Phase.STOPPED:
            return hand
    raise AssertionError("a standing counter never tripped")


def _due_nl(hand: Hand, began_ns: int, rested_ns: int, rate_ul_h: int) -> int:
    return volume_up(MicrolitrePerHour(rate_ul_h), Nanoseconds(rested_ns - began_ns))


@pytest.mark.requirement("T5.1")
def test_a_stuck_counter_leaves_an_interval_up_to_what_time_gives() -> None:
    hand = _stuck()
    run = hand.run
    assert (run.doubt, hand.raised & {"no_flow"}) == ("no_flow", {"no_flow"})
    counted = run.counter_nl
    lowest = min(sample.nl for sample in run.samples)
    hand.stopped(infused_nl=counted)
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.unbounded
    assert hand.state.drug.low_nl == lowest
    assert run.started_ns is not None
    due = _due_nl(hand, run.started_ns, hand.state.rested_ns, run.profile[0][0])
    assert hand.state.drug.high_nl == due > counted


def test_what_remains_after_a_doubt_is_what_two_people_bounded() -> None:
    hand = _stuck()
    hand.stopped(infused_nl=hand.run.counter_nl)
    hand.do(e.Acknowledged, "")
    assert hand.refused(e.ResumeRequested, False).rule == "not in this phase"
    high = hand.state.drug.high_nl
    outside = hand.refused(e.DeliveryBounded, "cd", "barrel", 0, high + 1)
    assert outside.rule == "inside what is certain"
    low = hand.state.drug.low_nl
    hand.do(e.DeliveryBounded, "cd", "barrel", low, high - 1)
    hand.must_be(Phase.STOPPED)
    assert not hand.state.unbounded
    assert (hand.state.drug.low_nl, hand.state.drug.high_nl) == (low, high - 1)
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False)
    hand.do(e.ResumeRequested, False, who="cd")
    assert hand.run.plan.volume_nl <= hand.state.planned_nl - (high - 1)


def test_a_jump_keeps_the_last_plausible_reading_as_the_lower_bound() -> None:
    hand = at("infusing_thirty")
    before = hand.run.counter_nl
    hand.reads(before + 5_000_000)
    assert hand.run.doubt in {"free_flow", "counter_jumped"}
    assert "counter_jumped" in hand.raised
    hand.stopped(infused_nl=before + 5_000_000)
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.drug.low_nl <= before
    assert hand.state.drug.high_nl == before + 5_000_000


def test_recovery_does_not_believe_a_doubted_counter_either() -> None:
    hand = _stuck()
    counted = hand.run.counter_nl
    hand.do(e.StopPressed, "panel")
    hand.see(e.Booted, "0.1.0")
    hand.must_be(Phase.UNCERTAIN)
    hand.see(e.PumpRecovered, recovery(counted, at_ns=hand.now_ns))
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.unbounded
    assert hand.state.drug.high_nl > counted


def test_given_up_without_rest_counts_until_the_watchdog_must_have_stopped_it() -> None:
    hand = _stuck()
    run = hand.run
    hand.see(e.Booted, "0.1.0")
    hand.do(e.GivenUp)
    hand.must_be(Phase.STOPPED)
    assert run.started_ns is not None
    until = hand.state.now_ns + run.plan.watchdog_ns
    due = _due_nl(hand, run.started_ns, until, run.profile[0][0])
    assert hand.state.drug.high_nl == due
    assert hand.state.no_resume


@pytest.mark.parametrize("agrees", [True, False])
def test_after_a_barrel_that_disagrees_only_one_that_agrees_lets_go_on(agrees: bool) -> None:
    hand = at("infusing_thirty")
    left = hand.treatment.fill_nl - hand.run.counter_nl
    hand.do(e.BarrelRead, left - 5_000_000)
    hand.must_be(Phase.STOPPED)
    assert hand.state.no_resume == WRONG_SYRINGE
    hand.stopped()
    hand.do(e.Acknowledged, "")
    assert hand.refused(e.ResumeRequested, False).detail == WRONG_SYRINGE
    hand.do(e.BarrelRead, left if agrees else left - 5_000_000)
    assert hand.state.no_resume == ("" if agrees else WRONG_SYRINGE)


def test_a_barrel_that_agrees_lifts_no_other_ban() -> None:
    hand = at("infusing_thirty")
    hand.state = replace(hand.state, no_resume="bounded by none")
    hand.do(e.BarrelRead, hand.treatment.fill_nl - hand.run.counter_nl)
    assert hand.state.no_resume == "bounded by none"


@pytest.mark.parametrize(("polls", "doubt"), [(4, "no_flow"), (3, "")])
def test_a_stop_before_the_flow_window_is_full_finds_a_standing_counter(
    polls: int, doubt: str
) -> None:
    hand = at("armed").energised()
    hand.started()
    stands = hand.run.counter_nl
    for _ in range(polls):
        hand.reads(stands)
    assert not hand.raised & {"no_flow"}
    hand.do(e.StopPressed, "panel")
    assert hand.run.doubt == doubt
    hand.stopped(infused_nl=stands)
    assert hand.state.phase is (Phase.UNCERTAIN if doubt else Phase.STOPPED)
    assert (hand.state.drug.high_nl > stands + STEP) is bool(doubt)


def test_a_run_that_was_never_read_stands_for_nothing() -> None:
    hand = at("starting")
    hand.do(e.StopPressed, "panel")
    assert hand.run.samples == ()
    assert hand.run.doubt == ""


def test_what_keys_had_the_armed_pump_give_is_booked_and_is_no_more_to_give() -> None:
    hand = at("armed")
    planned = hand.run.plan.volume_nl
    hand.reads(0, motion=Motion.INFUSING)
    assert "take_over" in hand.alarms
    hand.stopped(infused_nl=30_000)
    assert hand.state.drug == Pumped(30_000, 30_000 + STEP)
    assert hand.state.first_start_ns == hand.state.now_ns
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False)
    hand.do(e.ResumeRequested, False, who="cd")
    assert hand.run.plan.volume_nl == planned - 30_000 - STEP


def test_an_armed_pump_that_was_started_and_rests_again_has_given_it_all_the_same() -> None:
    hand = at("armed")
    hand.reads(20_000, motion=Motion.STOPPED)
    assert hand.state.pumped(Purpose.DRUG).high_nl == 20_000
    hand.do(e.StopPressed, "panel")
    hand.stopped(infused_nl=20_000)
    assert hand.state.drug.high_nl == 20_000 + STEP
