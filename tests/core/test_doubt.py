"""After a trip that gives the counter the lie, the counter bounds nothing until two people do."""

from dataclasses import replace

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.interruption import WRONG_SYRINGE
from controller.core.state import Phase, Pumped, Purpose
from controller.core.step import polls
from firmware_interfaces.readings import Motion, PumpAlarm
from firmware_interfaces.units import MicrolitrePerHour, Nanoseconds, volume_up
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import ML, STEP, S, recovery, status


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
    assert hand.state.drug.high_nl == before + 5_000_000 + STEP


@pytest.mark.requirement("T5.1")
def test_what_a_doubted_counter_went_on_by_until_rest_is_in_the_upper_bound() -> None:
    hand = at("infusing_thirty")
    before = hand.run.counter_nl
    hand.reads(before + 5_000_000)
    hand.stopped(infused_nl=before + 5_040_000)
    assert hand.state.drug.low_nl <= before
    assert hand.state.drug.high_nl == before + 5_040_000 + STEP


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
    # The last permit may have let a packet leave after that.
    until = max(hand.state.now_ns, hand.state.permit_expires_ns) + run.plan.watchdog_ns
    assert hand.state.permit_expires_ns > hand.state.now_ns
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


def _told_to_stop(commands: tuple[c.Command, ...]) -> bool:
    return any(isinstance(command, c.Stop) for command in commands)


def _stopped_at(counted: int) -> Hand:
    """An infusion that a person stopped, its STOP confirmed at this count."""
    hand = at("infusing_thirty")
    hand.do(e.StopPressed, "panel")
    hand.stopped(infused_nl=counted)
    assert hand.state.drug == Pumped(counted, counted + STEP)
    return hand


def test_what_keys_had_a_stopped_pump_give_widens_the_interval_of_what_ran_last() -> None:
    counted = at("infusing_thirty").run.counter_nl
    hand = _stopped_at(counted)
    assert _told_to_stop(hand.reads(counted + 60_000))
    assert hand.state.drug == Pumped(counted, counted + 60_000 + 2 * STEP)
    hand.stopped(infused_nl=counted + 70_000)
    assert hand.state.drug == Pumped(counted, counted + 70_000 + 3 * STEP)
    hand.reads(counted + 70_000, motion=Motion.STOPPED)
    assert hand.state.drug.high_nl == counted + 70_000 + 3 * STEP
    assert not hand.state.unbounded


def test_a_counter_that_was_cleared_at_rest_may_have_counted_all_it_says() -> None:
    counted = at("infusing_thirty").run.counter_nl
    hand = _stopped_at(counted)
    hand.reads(0, motion=Motion.STOPPED)
    assert hand.state.drug.high_nl == counted + STEP
    hand.reads(20_000, motion=Motion.STOPPED)
    assert hand.state.drug == Pumped(counted, counted + 20_000 + 2 * STEP)
    hand.reads(5_000, motion=Motion.STOPPED)
    assert hand.state.drug == Pumped(counted, counted + 25_000 + 3 * STEP)


def test_a_rest_whose_counter_nobody_read_books_nothing_later() -> None:
    hand = at("infusing_thirty")
    hand.do(e.StopPressed, "panel")
    hand.stopped(infused_nl=None)
    hand.see(e.PumpRecovered, recovery(None))
    known = hand.state.drug
    hand.reads(9_000_000, motion=Motion.STOPPED)
    assert hand.state.drug == known


@pytest.mark.parametrize("power_cycled", [False, True])
def test_what_keys_had_the_pump_give_while_the_controller_was_away_is_booked(
    power_cycled: bool,
) -> None:
    counted = at("infusing_thirty").run.counter_nl
    hand = _stopped_at(counted)
    hand.see(e.Booted, "0.1.0")
    now = 40_000 if power_cycled else counted + 40_000
    hand.see(e.PumpRecovered, recovery(now, power_cycled=power_cycled))
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(counted, counted + 40_000 + 2 * STEP)


@pytest.mark.parametrize(("joined", "drug_nl"), [(True, 30_000 + STEP), (False, 0)])
def test_the_seated_syringe_gives_drug_once_its_line_is_joined(joined: bool, drug_nl: int) -> None:
    hand = at("seated")
    hand.state = replace(hand.state, connected=joined)
    assert hand.state.rest is not None
    seat, counted = hand.state.seat, hand.state.rest.counter_nl
    hand.reads(counted + 30_000, motion=Motion.STOPPED)
    assert hand.state.drug == Pumped(0, drug_nl)
    assert hand.state.seat.high_nl == seat.high_nl + 30_000 + STEP - drug_nl
    assert (hand.state.first_start_ns is not None) is joined


def test_a_pump_that_keys_start_while_an_interval_waits_for_people_is_stopped() -> None:
    hand = _stuck()
    counted = hand.run.counter_nl
    assert not polls(hand.state)
    hand.stopped(infused_nl=counted)
    hand.must_be(Phase.UNCERTAIN)
    assert polls(hand.state)
    high = hand.state.drug.high_nl
    assert _told_to_stop(hand.reads(counted + 40_000))
    assert "take_over" in hand.alarms
    assert hand.state.drug.high_nl == high + 40_000 + STEP


def test_while_recover_is_under_way_nothing_else_is_asked_or_told() -> None:
    hand = at("uncertain_at_rest")
    assert not polls(hand.state)
    assert not _told_to_stop(hand.reads(40_000))


@pytest.mark.parametrize(("over_nl", "doubted"), [(0, False), (1, True)])
def test_a_counter_that_leapt_while_nobody_asked_is_the_upper_bound_alone(
    over_nl: int, doubted: bool
) -> None:
    """From the last reading at most three permits' lives and the lease, to two counter steps."""
    hand = at("infusing_thirty")
    run = hand.run
    hand.see(e.Booted, "0.1.0")
    lowest = min(sample.nl for sample in run.samples)
    since_ns = hand.state.permit_expires_ns - run.samples[-1].at_ns
    time_ns = since_ns + 2 * (5 * S // 3) + 5 * S
    counted = run.counter_nl + _due_nl(hand, 0, time_ns, run.profile[0][0]) + 2 * STEP + over_nl
    hand.see(e.PumpRecovered, recovery(counted))
    assert hand.state.unbounded is doubted
    assert hand.state.drug == Pumped(lowest if doubted else counted, counted + STEP)
    hand.must_be(Phase.UNCERTAIN if doubted else Phase.STOPPED)


@pytest.mark.parametrize(("over_nl", "phase"), [(0, Phase.STOPPED), (1, Phase.UNCERTAIN)])
def test_a_counter_that_leapt_just_before_a_stop_is_not_believed(
    over_nl: int, phase: Phase
) -> None:
    """Twice what the time from the last reading till rest and a poll give, to two steps."""
    hand = at("infusing_thirty")
    last, rate = hand.run.samples[-1], hand.run.profile[0][0]
    hand.do(e.StopPressed, "panel")
    till_rest = hand.now_ns + S // 10 - last.at_ns + hand.limits.poll_ns
    most = last.nl + 2 * _due_nl(hand, 0, till_rest, rate) + 2 * STEP
    hand.stopped(infused_nl=most + over_nl)
    hand.must_be(phase)


@pytest.mark.parametrize("purged", [True, False])
def test_a_stop_that_finds_the_counter_leapt_doubts_it_unless_a_purge_was_seen(
    purged: bool,
) -> None:
    hand = at("infusing_thirty")
    before = hand.run.counter_nl
    if purged:
        hand.reads(before + 1_000, motion=Motion.PURGING)
    hand.do(e.StopPressed, "panel")
    hand.stopped(infused_nl=before + 5_000_000)
    hand.must_be(Phase.STOPPED if purged else Phase.UNCERTAIN)
    assert hand.state.drug.high_nl == before + 5_000_000 + STEP


LEASE_NL = 55_555
"""What 40 mL/h pump in the 5 s of the watchdog, nL."""
LEAST_NL = LEASE_NL * 9 // 10
"""What of it must have been counted, nL: the site's *rate low* is 10 %."""


@pytest.mark.parametrize(("polls", "doubt"), [(2, "no_flow"), (1, "")])
def test_three_equal_readings_of_a_moving_pump_are_not_believed_at_a_stop(
    polls: int, doubt: str
) -> None:
    """Far from the start and long before *no flow* looks back (11 s at this rate)."""
    hand = at("infusing_thirty")
    for _ in range(40):
        hand.poll()
    stands, began_ns = hand.run.counter_nl, hand.run.started_ns
    for _ in range(polls):
        hand.reads(stands)
    hand.do(e.StopPressed, "panel")
    assert "no_flow" not in hand.raised
    assert hand.run.doubt == doubt
    hand.stopped(infused_nl=stands)
    if not doubt:
        hand.must_be(Phase.STOPPED)
        assert hand.state.drug == Pumped(stands, stands + STEP)
        return
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.unbounded
    assert began_ns is not None
    assert hand.state.drug.high_nl == _due_nl(hand, began_ns, hand.state.rested_ns, 40_000)
    assert hand.state.drug.high_nl > stands + STEP


def test_a_last_reading_at_rest_may_equal_the_one_before() -> None:
    hand = at("infusing_thirty")
    for _ in range(40):
        hand.poll()
    stands = hand.run.counter_nl
    hand.reads(stands)
    hand.reads(stands, motion=Motion.PAUSED)
    assert "stopped_cause_lost" in hand.raised
    assert hand.run.doubt == ""
    hand.stopped(infused_nl=stands)
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(stands, stands + STEP)


def test_a_stand_within_the_steps_of_a_coarse_counter_is_believed() -> None:
    """Ten uL a step: 40 mL/h need 4.5 s for five of them."""
    hand = at("infusing_thirty")
    while hand.run.counter_nl < 11 * ML:
        hand.poll()
        hand.prompted()
    stands = hand.run.counter_nl
    for _ in range(3):
        hand.reads(stands, step_nl=10_000)
    hand.do(e.StopPressed, "panel")
    assert (hand.run.step_nl, hand.run.doubt) == (10_000, "")


def _after_a_crash(name: str = "infusing_thirty", down_ns: int = 15 * S) -> Hand:
    hand = at(name)
    hand.wait(down_ns)
    hand.see(e.Booted, "0.1.0")
    return hand


@pytest.mark.parametrize("more", [0, 7_000, LEAST_NL - STEP])
def test_a_counter_that_stood_while_the_program_was_gone_is_not_believed(more: int) -> None:
    """[counted, last advance + rate x (from there to the last permit + two lives + lease)]."""
    hand = _after_a_crash()
    run, permit_ns = hand.run, hand.state.permit_expires_ns
    counted = run.counter_nl + more
    hand.stopped(infused_nl=counted)
    hand.see(e.PumpRecovered, recovery(counted, at_ns=hand.now_ns))
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.unbounded
    known = run.samples[-2]
    assert known.nl < run.counter_nl
    until_ns = permit_ns + 2 * (5 * S // 3) + 5 * S
    high = known.nl + _due_nl(hand, known.at_ns, until_ns, 40_000)
    assert hand.state.drug == Pumped(counted, high)


def test_a_counter_that_never_went_on_is_bounded_from_the_start() -> None:
    hand = at("armed").energised()
    began_ns = hand.run.started_ns
    assert began_ns is not None
    hand.wait(S // 20)
    hand.see(e.RunStarted, hand.state.epoch, status(hand.now_ns, 0))
    hand.reads(0)
    hand.wait(15 * S)
    hand.see(e.Booted, "0.1.0")
    until_ns = hand.state.permit_expires_ns + 2 * (5 * S // 3) + 5 * S
    hand.see(e.PumpRecovered, recovery(0, at_ns=hand.now_ns))
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.drug == Pumped(0, _due_nl(hand, began_ns, until_ns, 120_000))


def test_after_a_crash_only_what_is_certainly_left_is_programmed() -> None:
    hand = _after_a_crash()
    hand.stopped(infused_nl=hand.run.counter_nl)
    hand.see(e.PumpRecovered, recovery(hand.run.counter_nl, at_ns=hand.now_ns))
    low, high = hand.state.drug.low_nl, hand.state.drug.high_nl
    hand.do(e.DeliveryBounded, "cd", "barrel", low, high)
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False)
    hand.do(e.ResumeRequested, False, who="cd")
    assert hand.run.plan.volume_nl == hand.state.planned_nl - high


@pytest.mark.parametrize("more", [LEAST_NL - STEP + 1, LEASE_NL])
def test_a_counter_that_went_on_to_the_watchdog_is_believed(more: int) -> None:
    hand = _after_a_crash()
    counted = hand.run.counter_nl + more
    hand.stopped(infused_nl=counted)
    hand.see(e.PumpRecovered, recovery(counted, at_ns=hand.now_ns))
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(counted, counted + STEP)


@pytest.mark.parametrize(("more", "phase"), [(18_999, Phase.UNCERTAIN), (19_000, Phase.STOPPED)])
def test_back_within_the_lease_only_what_was_due_till_then_is_asked_for(
    more: int, phase: Phase
) -> None:
    """40 mL/h for 2 s are 22.222 uL; nine tenths less a step are 18.9998."""
    hand = _after_a_crash(down_ns=2 * S)
    hand.see(e.PumpRecovered, recovery(hand.run.counter_nl + more, at_ns=hand.now_ns))
    hand.must_be(phase)


def test_a_pump_that_says_it_is_blocked_rested_when_it_was() -> None:
    hand = _after_a_crash()
    counted = hand.run.counter_nl + 7_000
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.STALL))
    hand.see(e.PumpRecovered, recovery(counted, at_ns=hand.now_ns))
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(counted, counted + STEP)


@pytest.mark.parametrize("name", ["tripping", "holding", "completing", "starting"])
def test_what_was_being_stopped_or_never_read_may_have_rested_at_once(name: str) -> None:
    hand = _after_a_crash(name)
    hand.see(e.PumpRecovered, recovery(hand.run.counter_nl, at_ns=hand.now_ns))
    hand.must_be(Phase.STOPPED)


def test_the_end_of_the_volume_stops_a_pump_before_its_watchdog() -> None:
    hand = at("infusing")
    while hand.pump.counter_nl < 2 * ML - 50_000:
        hand.poll()
    hand.wait(15 * S)
    hand.see(e.Booted, "0.1.0")
    hand.see(e.PumpRecovered, recovery(hand.run.plan.volume_nl, at_ns=hand.now_ns))
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(2 * ML, 2 * ML)


def test_a_lost_reply_alone_says_nothing_of_how_long_it_ran() -> None:
    hand = at("infusing")
    hand.wait(15 * S)
    hand.see(e.WriteLost, hand.state.epoch, "RAT")
    hand.see(e.PumpRecovered, recovery(hand.run.counter_nl, at_ns=hand.now_ns))
    hand.must_be(Phase.STOPPED)
