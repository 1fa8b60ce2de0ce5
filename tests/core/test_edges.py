"""Interlocks over made-up numbers: the last value that is quiet, the first that speaks, and how."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import events as e
from controller.core import motion
from controller.core.aftermath import outcome_of, settle_run
from controller.core.interlocks import COMPUTED
from controller.core.profile import planned_nl
from controller.core.state import (
    Notice,
    Outcome,
    Phase,
    Pumped,
    Purpose,
    Run,
    Saline,
    Sample,
    Stage,
    State,
)
from firmware_interfaces.readings import Motion
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.two_pumps import second_infusing
from tests.core.world import LIMITS, MINUTE, ML, S, readback, status

SLOW, FAST = 36_000, 72_000
"""uL/h: 10 and 20 uL a second."""


def seen(advance_nl: int, begin_s: int, end_s: int, faster_s: int) -> State:
    """A pump told ``SLOW`` long ago, ``FAST`` at ``faster_s``; two readings of its counter."""
    samples = (Sample(begin_s * S, ML), Sample(end_s * S, ML + advance_nl))
    run = made(told=((0, SLOW), (faster_s * S, FAST)), samples=samples)
    return replace(at("infusing_thirty").state, run=run, now_ns=end_s * S)


def made(**changes: Any) -> Run:
    """A run of half an hour at one rate, by a counter of single microlitres."""
    run = at("infusing_thirty").run
    whole: dict[str, Any] = {"profile": ((SLOW, 1800 * S),), "started_ns": 0, "step_nl": 1_000}
    return replace(run, **{**whole, **changes})


def state_of(now_ns: int, **changes: Any) -> State:
    """A treatment with a made-up run."""
    return replace(at("infusing_thirty").state, run=made(**changes), now_ns=now_ns)


@pytest.mark.parametrize(
    ("row", "times", "quiet_nl", "first_nl", "evidence"),
    [
        # Least due 50 + 15 + 70 uL, most 50 + 100 uL.
        ("no_flow", (20, 30, 25), 67_500, 67_499,
         "counter advanced 0.067 mL where 0.135 mL were due"),
        ("free_flow", (20, 30, 25), 227_000, 227_001,
         "counter advanced 0.227 mL where 0.150 mL were due"),
        # Least due 300 + 15 + 570 uL, most 300 + 600 uL.
        ("rate_high", (20, 80, 50), 991_000, 991_001,
         "pumped 0.991 mL in the window, due 0.900 mL, limit +10 %"),
        ("rate_low", (20, 80, 50), 795_500, 795_499,
         "pumped 0.795 mL in the window, due 0.885 mL, limit -10 %"),
    ],
)  # fmt: skip
def test_a_window_speaks_at_its_edge(
    row: str, times: tuple[int, int, int], quiet_nl: int, first_nl: int, evidence: str
) -> None:
    assert COMPUTED[row](seen(quiet_nl, *times), LIMITS) == ""
    assert COMPUTED[row](seen(first_nl, *times), LIMITS) == evidence


@pytest.mark.parametrize("row", ["no_flow", "free_flow", "rate_high", "rate_low"])
def test_a_window_asks_nothing_of_a_pump_that_need_not_run(row: str) -> None:
    moving = seen(0 if row in ("no_flow", "rate_low") else 9 * ML, 20, 80, 50)
    assert COMPUTED[row](moving, LIMITS)
    assert moving.run is not None
    for stage in (Stage.READY, Stage.STARTING, Stage.STOPPING):
        assert COMPUTED[row](replace(moving, run=replace(moving.run, stage=stage)), LIMITS) == ""
    assert COMPUTED[row](replace(moving, run=None), LIMITS) == ""


@pytest.mark.parametrize(
    ("read_s", "started_s", "now_ns", "evidence"),
    [
        (100, 10, 101_500_000_000, ""),
        (100, 10, 101_500_000_001, "no status for 1.5 s, limit 1.5 s"),
        (100, 200, 201_500_000_000, ""),
        (100, 200, 201_600_000_000, "no status for 1.6 s, limit 1.5 s"),
        (100, None, 101_600_000_000, "no status for 1.6 s, limit 1.5 s"),
    ],
)
def test_a_status_is_stale_since_it_was_read_or_the_run_began(
    read_s: int, started_s: int | None, now_ns: int, evidence: str
) -> None:
    started_ns = None if started_s is None else started_s * S
    state = state_of(now_ns, read_ns=read_s * S, started_ns=started_ns)
    assert COMPUTED["status_stale"](state, LIMITS) == evidence


def test_run_is_answered_within_the_watchdog_s_time() -> None:
    asked = {"stage": Stage.STARTING, "started_ns": 100 * S}
    quiet = state_of(105 * S, read_ns=104 * S, **asked)
    assert COMPUTED["status_stale"](quiet, LIMITS) == ""
    late = state_of(105 * S + 1, read_ns=104 * S, **asked)
    assert COMPUTED["status_stale"](late, LIMITS) == "no answer to RUN for 5.0 s, limit 5.0 s"


@pytest.mark.parametrize(
    ("motion", "withdrawn_nl", "evidence"),
    [
        (None, 0, ""),
        (None, 1_000, "pump ?, withdrew 0.001 mL"),
        (Motion.INFUSING, 1, "pump infusing, withdrew 0.000 mL"),
        (Motion.WITHDRAWING, 0, "pump withdrawing, withdrew 0.000 mL"),
    ],
)
def test_a_pump_that_withdraws_is_told_by_status_or_counter(
    motion: Motion | None, withdrawn_nl: int, evidence: str
) -> None:
    state = state_of(S, motion=motion, withdrawn_nl=withdrawn_nl)
    assert COMPUTED["reversed"](state, LIMITS) == evidence


def test_a_counter_fell_from_the_last_reading_to_this_one() -> None:
    samples = (Sample(0, 9 * ML), Sample(S, 3 * ML))
    fell = state_of(S, previous=Sample(S // 2, 4 * ML), samples=samples)
    assert COMPUTED["counter_fell"](fell, LIMITS) == "counter fell from 4.000 mL to 3.000 mL"
    same = state_of(S, previous=Sample(S // 2, 3 * ML), samples=samples)
    assert COMPUTED["counter_fell"](same, LIMITS) == ""


def test_a_counter_may_advance_by_twice_what_time_and_one_poll_allow() -> None:
    previous = Sample(10 * S, ML)

    def after(nl: int) -> str:
        samples = (previous, Sample(12 * S, ML + nl))
        state = state_of(12 * S, told=((0, SLOW),), previous=previous, samples=samples)
        return COMPUTED["counter_jumped"](state, LIMITS)

    most_nl = 2 * 25_000 + 2 * 1_000
    assert after(most_nl) == ""
    assert after(most_nl + 1) == (
        "counter advanced 0.052 mL in one poll, at most 0.052 mL is possible"
    )


def test_a_share_of_the_plan_is_counted_from_the_last_reading() -> None:
    """18 mL in half an hour; after 10 minutes 6 mL are due, and 5 % of the plan is 0.9 mL."""

    def words(row: str, nl: int) -> str:
        samples = (Sample(600 * S, nl),)
        return COMPUTED[row](state_of(700 * S, samples=samples, counter_nl=nl), LIMITS)

    assert words("cumulative_high", 6_901_000) == ""
    assert words("cumulative_high", 6_901_001) == (
        "pumped 6.901 mL, due 6.000 mL + 5 % of 18.000 mL"
    )
    assert words("cumulative_low", 5_099_000) == ""
    assert words("cumulative_low", 5_098_999) == "pumped 5.099 mL, due 6.000 mL - 5 % of 18.000 mL"


@pytest.mark.parametrize("row", ["cumulative_high", "cumulative_low"])
def test_a_run_without_a_reading_has_no_share_of_the_plan(row: str) -> None:
    assert COMPUTED[row](state_of(700 * S, samples=()), LIMITS) == ""


def test_a_run_may_last_ten_minutes_longer_than_planned() -> None:
    limit_ns = (1800 + 600) * S
    assert COMPUTED["overrun"](state_of(50 * S + limit_ns, started_ns=50 * S), LIMITS) == ""
    assert COMPUTED["overrun"](state_of(50 * S + limit_ns + 1, started_ns=50 * S), LIMITS) == (
        "running for 2400.0 s, limit 2400.0 s"
    )
    assert COMPUTED["overrun"](state_of(9 * limit_ns, started_ns=None), LIMITS) == ""


@pytest.mark.parametrize(
    ("stage", "motion", "evidence"),
    [
        (Stage.READY, Motion.STOPPED, ""),
        (Stage.READY, Motion.PAUSED, ""),
        (Stage.READY, None, ""),
        (Stage.READY, Motion.INFUSING, "pump is infusing before any start"),
        (Stage.READY, Motion.PURGING, "pump is purging before any start"),
        (Stage.RUNNING, Motion.INFUSING, ""),
        (Stage.RUNNING, None, ""),
        (Stage.RUNNING, Motion.PURGING, "pump is purging during a run"),
        (Stage.RUNNING, Motion.WAITING, "pump is waiting during a run"),
        (Stage.RUNNING, Motion.TIMED_PAUSE, "pump is timed_pause during a run"),
        (Stage.STOPPING, Motion.PURGING, ""),
    ],
)
def test_a_motion_that_nobody_commanded_is_a_take_over(
    stage: Stage, motion: Motion | None, evidence: str
) -> None:
    assert COMPUTED["take_over"](state_of(S, stage=stage, motion=motion), LIMITS) == evidence


def test_only_drug_is_said_to_be_near_its_end() -> None:
    held = at("infusing_thirty").run.plan.volume_nl
    left_nl = 120 * 10_000
    near = {"counter_nl": held - left_nl}
    assert COMPUTED["near_end"](state_of(S, **near), LIMITS) == "120.0 s left"
    assert COMPUTED["near_end"](state_of(S, counter_nl=held - left_nl - 1), LIMITS) == ""
    assert COMPUTED["near_end"](state_of(S, counter_nl=held + 1), LIMITS) == "0.0 s left"
    for purpose in set(Purpose) - {Purpose.DRUG}:
        assert COMPUTED["near_end"](state_of(S, **near, purpose=purpose), LIMITS) == ""


@pytest.mark.parametrize(
    ("first_ns", "evidence"),
    [(S, "pain came 3 times in 600.0 s"), (S - 1, "")],
)
def test_three_trips_count_that_lie_within_ten_minutes(first_ns: int, evidence: str) -> None:
    times = (first_ns, 300 * S, 600 * S)
    trips = tuple(Notice("pain", "pressed", at_ns) for at_ns in times)
    others = (Notice("spill", "pressed", 400 * S), Notice("leak", "seen", 500 * S))
    state = replace(state_of(601 * S), trips=(*trips, *others))
    assert COMPUTED["repeat_lock"](state, LIMITS) == evidence


def test_what_is_due_counts_each_rate_from_when_it_was_told() -> None:
    """10, 20 and 5 uL a second from 10, 20 and 30 s on; each may act a second late."""
    run = made(told=((10 * S, 36_000), (20 * S, 72_000), (30 * S, 18_000)))
    assert motion.due_nl(run, 0, 40 * S, S) == (
        90_000 + 10_000 + 180_000 + 5_000 + 45_000,
        100_000 + 200_000 + 20_000 + 45_000,
    )
    assert motion.due_nl(run, 25 * S, 32 * S, 0) == (110_000, 110_000)
    assert motion.due_nl(run, 35 * S, 33 * S, 0) == (0, 0)


def test_equal_readings_are_a_stand_once_five_steps_are_due_over_them() -> None:
    """At 10 uL a second five steps of a microlitre take half a second."""

    def frozen(last_ns: int, step_nl: int = 1_000) -> bool:
        times = (98 * S, 100 * S, 100 * S + last_ns // 2, 100 * S + last_ns)
        counts = (980_000, ML, ML, ML)
        samples = tuple(Sample(at_ns, nl) for at_ns, nl in zip(times, counts, strict=True))
        return motion.stood(made(told=((0, SLOW),), samples=samples, step_nl=step_nl), LIMITS)

    assert frozen(S // 2)
    assert not frozen(S // 2 - 200_000)


@pytest.mark.parametrize(("count", "stands"), [(4, True), (3, False)])
def test_the_last_reading_of_a_pump_at_rest_may_be_the_one_before(count: int, stands: bool) -> None:
    equal = tuple(Sample(100 * S + number * S // 2, ML) for number in range(count))
    samples = (Sample(97 * S, 970_000), *equal)
    run = made(told=((0, SLOW),), samples=samples, motion=Motion.STOPPED)
    assert motion.stood(run, LIMITS) is stands


@pytest.mark.parametrize(("advance_nl", "stands"), [(15_000, False), (14_999, True)])
def test_less_than_half_of_what_was_due_in_three_seconds_is_a_stand(
    advance_nl: int, stands: bool
) -> None:
    samples = (Sample(100 * S, ML), Sample(103 * S, ML + advance_nl))
    assert motion.stood(made(told=((0, SLOW),), samples=samples), LIMITS) is stands


def test_before_it_is_read_back_a_pump_holds_what_was_planned() -> None:
    run = made(readback=None)
    assert motion.programmed_nl(run) == run.plan.volume_nl
    held = readback(run.plan, S, volume_nl=run.plan.volume_nl - 1_000)
    assert motion.programmed_nl(made(readback=held)) == run.plan.volume_nl - 1_000


def test_nothing_that_was_pumped_has_no_place_in_the_line() -> None:
    state = second_infusing().state
    assert motion.add(state, Purpose.FLUSH, Pumped(0, 0)).saline == state.saline
    some = Pumped(0, 1)
    assert motion.add(state, Purpose.FLUSH, some).saline == (
        *state.saline, Saline(some, state.drug),
    )  # fmt: skip
    begun = at("released").state
    assert motion.add(begun, Purpose.DRUG, Pumped(0, 0)).first_start_ns is None
    assert motion.add(begun, Purpose.DRUG, some).first_start_ns == begun.now_ns


def test_nothing_is_due_before_the_start() -> None:
    assert [planned_nl(((SLOW, S),), at_ns) for at_ns in (-S, 0, 1)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("given_nl", "flushed_nl", "outcome"),
    [
        (1_980_000, 150_000, Outcome.COMPLETE),
        (1_979_999, 150_000, Outcome.PARTIAL),
        (1_980_000, 149_999, Outcome.PARTIAL),
    ],
)
def test_complete_is_all_but_a_hundredth_and_a_cleared_line(
    given_nl: int, flushed_nl: int, outcome: Outcome
) -> None:
    state = at("residual").state
    assert (state.planned_nl, state.order.line_dead_nl) == (2_000_000, 150_000)
    drug, flush = Pumped(given_nl, 2_000_000), Pumped(flushed_nl, 450_000)
    assert outcome_of(replace(state, drug=drug, flush=flush)) is outcome


def test_a_rest_that_was_confirmed_as_run_left_says_nothing_of_that_run() -> None:
    """Till the watchdog would have stopped it, it may have run: 5 s at 10 uL a second."""
    run = {"started_ns": 100 * S, "told": ((100 * S, SLOW),), "samples": (), "doubt": "no_flow"}
    for rested_ns, high_nl in ((100 * S, 60_000), (100 * S + 500_000_000, 5_000)):
        state = state_of(101 * S, **run, counter_nl=0)
        state = replace(state, rested_ns=rested_ns, permit_expires_ns=0)
        before = state.drug.high_nl
        assert settle_run(state).drug.high_nl - before == high_nl


def test_drug_in_the_line_arrives_with_the_first_nanolitre() -> None:
    hand = Hand(replace(MINUTE, primed_with="drug")).bedside().energised()
    hand.wait(S // 20)
    hand.see(e.RunStarted, hand.state.epoch, status(hand.now_ns, 0))
    assert hand.state.arrival_utc_ns is None
    hand.reads(1)
    assert hand.state.arrival_utc_ns == hand.state.now_utc_ns


def test_a_start_waits_for_an_answer_no_older_than_three_polls() -> None:
    hand = at("armed")
    hand.wait(hand.run.read_ns + LIMITS.stale_ns - hand.now_ns)
    hand.do(e.StartRequested)
    assert hand.state.start_by == "ab"
    hand.wait(1)
    refusal = hand.refused(e.StartRequested)
    assert (refusal.rule, refusal.detail) == ("the pump must answer", "last status 1500 ms old")


def test_every_alarm_that_stands_against_a_start_or_a_resume_is_named() -> None:
    hand = at("armed")
    for condition in ("clock_step", "disk_low", "broker_lost"):
        hand.see(e.ConditionSeen, condition, True, "seen")
    refusal = hand.refused(e.StartRequested)
    assert (refusal.rule, refusal.detail) == (
        "no alarm may forbid the start", "clock_step, disk_low",
    )  # fmt: skip
    stopped = at("stopped")
    stopped.do(e.PainPressed)
    refusal = stopped.refused(e.ResumeRequested, False)
    assert (refusal.rule, refusal.detail) == (
        "every trip must be gone and acknowledged", "stop_pressed, pain",
    )  # fmt: skip


def test_a_projection_may_pass_what_is_allowed_by_one_step_of_the_counter() -> None:
    """0.02 mL are left to pump, less than a lease would give."""
    held_nl = at("infusing_thirty").run.plan.volume_nl
    state = state_of(S, counter_nl=held_nl - 20_000, step_nl=1_000)
    assert state.run is not None
    assert motion.programmed_nl(state.run) == held_nl
    quiet = replace(state, planned_nl=held_nl - 1_000)
    assert COMPUTED["projection"](quiet, LIMITS) == ""
    assert COMPUTED["projection"](replace(state, planned_nl=held_nl - 1_001), LIMITS) == (
        "up to 20.000 mL could be pumped, limit 19.999 mL"
    )
    leased = state_of(S, counter_nl=ML, step_nl=1_000)
    most_nl = ML + 55_000  # at 10 uL a second, for the watchdog's 5 s and a poll
    assert COMPUTED["projection"](replace(leased, planned_nl=most_nl - 1_000), LIMITS) == ""
    assert COMPUTED["projection"](replace(leased, planned_nl=most_nl - 1_001), LIMITS)
    empty = state_of(S, counter_nl=held_nl, step_nl=1_000)
    assert COMPUTED["projection"](replace(empty, planned_nl=held_nl - 1_000), LIMITS) == ""


@pytest.mark.parametrize(("short_nl", "all_in"), [(0, True), (1, False)])
def test_a_stop_may_find_at_rest_that_all_was_given(short_nl: int, all_in: bool) -> None:
    """No poll has seen the end before."""
    hand = at("infusing")
    while hand.run.counter_nl < hand.state.planned_nl - 20_000:
        hand.poll()
    hand.do(e.HoldRequested, "a question")
    hand.stopped(infused_nl=hand.state.planned_nl - short_nl)
    assert hand.state.held_from is (Phase.FLUSHING if all_in else Phase.INFUSING)
    assert hand.state.drug_end_utc_ns == (hand.state.now_utc_ns if all_in else None)


def test_what_nobody_bounded_is_not_resumed() -> None:
    """No event leads there; the gate does not rely on that."""
    hand = at("stopped")
    hand.do(e.Acknowledged, "")
    hand.state = replace(hand.state, unbounded=True)
    refusal = hand.refused(e.ResumeRequested, False)
    assert (refusal.rule, refusal.detail) == ("no resume", "what was pumped is not bounded")
