"""Whole treatments from the order to the close, with their totals to the nanolitre."""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Outcome, Phase, Pumped, Purpose, Stage
from controller.core.step import step
from controller.core.treatment import Treatment
from firmware_interfaces.readings import Permit, PumpPlan, Trigger
from firmware_interfaces.units import MicrolitrePerHour, Micrometre, Nanolitre, Nanoseconds
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import LIMITS, MIN, MINUTE, ML, PRESCRIBED, STEP, S, treatment

PLAN = PumpPlan(
    Micrometre(26_590),
    MicrolitrePerHour(120_000),
    Nanolitre(2 * ML),
    Nanoseconds(5 * S),
    Trigger.STOP_ONLY,
)
LOW_FIRST = ((250_000, 500_000), (750_000, 500_000))
HIGH_FIRST = ((500_000, 250_000), (500_000, 750_000))


def _permit(hand: Hand) -> c.GrantPermit:
    """A permit of this moment: a third of the watchdog's time."""
    return c.GrantPermit(Permit(hand.state.epoch, Nanoseconds(hand.now_ns + 5 * S // 3)))


def _given(order: Treatment, bq: int = PRESCRIBED) -> Hand:
    hand = Hand(order)
    hand.ordered().assayed(bq).released().patent().seated().connected().armed().infusing()
    while hand.state.phase is Phase.INFUSING:
        hand.poll(S)
        hand.prompted()
        if hand.stopping:
            hand.stopped()
    return hand


@pytest.mark.requirement("P3")
def test_thirty_minutes_whole_syringe() -> None:
    hand = _given(treatment())
    state = hand.state
    assert state.phase is Phase.FLUSHING
    assert state.planned_nl == 20 * ML
    assert (state.drug.low_nl, state.drug.high_nl) == (20 * ML, 20 * ML)
    assert (state.patency.low_nl, state.patency.high_nl) == (ML, ML)
    assert state.first_start_utc_ns is not None
    assert state.drug_end_utc_ns is not None
    took = state.drug_end_utc_ns - state.first_start_utc_ns
    assert 30 * MIN <= took <= 30 * MIN + 2 * S
    assert state.arrival_utc_ns is not None
    assert 135 * S <= state.arrival_utc_ns - state.first_start_utc_ns <= 136 * S
    hand.flushed().accounted()
    hand.must_be(Phase.CLOSED)
    assert hand.state.outcome is Outcome.COMPLETE
    assert hand.state.flush.low_nl == 4_500_000
    assert hand.raised == {"near_end", "site_check_due", "barrel_due"}
    assert not hand.state.watchdog_armed
    assert [x for x in hand.told if isinstance(x, c.DisarmPump)] == [c.DisarmPump(hand.state.epoch)]


@pytest.mark.requirement("R3")
def test_a_minute_and_who_signed_what() -> None:
    hand = _given(MINUTE).flushed().accounted()
    assert hand.state.outcome is Outcome.COMPLETE
    meanings = [f"{s.who}: {s.meaning}" for s in hand.state.signatures]
    assert meanings == [
        "ab: order loaded",
        "ab: assayed syringe",
        "ab: released",
        "cd: released",
        "ab: patency run",
        "ab: patency confirmed",
        "ab: syringe BD 60 mL mounted",
        "cd: confirmed: syringe BD 60 mL mounted",
        "ab: drop seen",
        "ab: line connected",
        "ab: arm",
        "ab: started",
        "ab: flush syringe saline 10 mL mounted",
        "cd: confirmed: flush syringe saline 10 mL mounted",
        "ab: survey",
        "ab: closed",
    ]
    assert all(s.identity == "unauthenticated" for s in hand.state.signatures)


def test_volume_for_dose_pumps_what_holds_the_dose() -> None:
    order = treatment(administer="volume_for_dose", duration_ns=MIN)
    hand = _given(order, PRESCRIBED * 2)
    assert hand.state.planned_nl == order.fill_nl // 2
    assert hand.state.drug.high_nl <= hand.state.planned_nl


def test_a_line_primed_with_drug_is_neither_pumped_again_nor_late() -> None:
    order = treatment(primed_with="drug", duration_ns=MIN)
    hand = _given(order)
    assert hand.state.planned_nl == 20 * ML - 1_500_000
    started = hand.state.first_start_utc_ns
    assert started is not None
    assert hand.state.arrival_utc_ns == started + S // 20
    assert "barrel_mismatch" not in hand.raised


def test_the_barrel_of_a_syringe_that_primed_the_line_holds_that_much_less() -> None:
    order = treatment(primed_with="drug")
    hand = Hand(order).bedside().infusing()
    hand.poll()
    hand.do(e.BarrelRead, order.fill_nl - 1_500_000 - hand.pump.counter_nl)
    assert "barrel_mismatch" not in hand.alarms
    hand.do(e.BarrelRead, order.fill_nl - hand.pump.counter_nl)
    assert "barrel_mismatch" in hand.alarms


def test_a_manual_flush_closes_the_drug_as_well() -> None:
    hand = _given(MINUTE)
    assert hand.refused(e.FlushConfirmed, 0).rule.startswith("a flush volume")
    assert hand.refused(e.FlushConfirmed, 3_000_001).detail == "3000001 nL"
    hand.do(e.FlushConfirmed, 450_000)
    hand.must_be(Phase.RESIDUAL)
    assert hand.state.clearance_utc_ns == hand.state.now_utc_ns
    assert hand.accounted().state.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("profile", [LOW_FIRST, HIGH_FIRST])
def test_the_next_part_begins_where_the_volume_of_the_first_is_in(profile) -> None:
    hand = Hand(treatment(profile=profile, duration_ns=4 * MIN)).bedside().infusing()
    first, second = (rate for rate, _ in hand.run.profile)
    boundary = first * 1_000 * hand.run.profile[0][1] // 3_600_000_000_000
    before = 0
    while not any(isinstance(x, c.SetRate) for x in hand.last):
        before = hand.pump.counter_nl
        hand.poll()
    assert before < boundary <= hand.run.counter_nl
    assert hand.last[0] == c.SetRate(hand.state.epoch, second)
    assert hand.run.part == 1
    while not hand.stopping:
        hand.poll()
        hand.prompted()
    assert [x.rate_ul_h for x in hand.told if isinstance(x, c.SetRate)] == [second]
    hand.stopped()
    assert hand.state.drug.low_nl == 20 * ML


@pytest.mark.requirement("T2.9")
@pytest.mark.parametrize("profile", [LOW_FIRST, HIGH_FIRST])
def test_the_flush_is_as_slow_as_the_slowest_part_of_the_drug(profile) -> None:
    hand = Hand(treatment(profile=profile, duration_ns=4 * MIN)).bedside().infusing()
    drug = [rate for rate, _ in hand.run.profile]
    while not hand.stopping:
        hand.poll()
        hand.prompted()
    hand.stopped()
    hand.do(e.FlushRequested, "saline 10 mL", 14_430, "cd")
    assert hand.run.plan.rate_ul_h == min(drug) < max(drug)


@pytest.mark.requirement("P3", "T2.9", "T2.6")
def test_the_plan_is_the_order_s() -> None:
    hand = at("arming")
    assert hand.run.plan == PLAN
    prepares = [x for x in Hand(MINUTE).bedside().told if isinstance(x, c.Prepare)]
    assert [x.plan.volume_nl for x in prepares] == [ML, 600_000, 2 * ML]
    assert [x.plan.rate_ul_h for x in prepares] == [120_000, 60_000, 120_000]


@pytest.mark.requirement("C1")
def test_a_run_gets_its_first_permit_with_the_run_and_one_with_each_fresh_reading() -> None:
    hand = at("armed")
    hand.energised()
    epoch = hand.state.epoch
    permit = _permit(hand)
    assert hand.last == (permit, c.RunPump(epoch))
    hand.started()
    assert _permit(hand) in hand.last
    assert hand.tick(S // 2) == ()
    hand.poll(S // 10)
    assert hand.last[0] == _permit(hand)
    hand.see(e.PumpRead, hand.status())
    assert not any(isinstance(x, c.GrantPermit) for x in hand.last)


@pytest.mark.requirement("P8", "T8.3")
def test_nothing_is_permitted_after_a_stop() -> None:
    hand = at("infusing")
    hand.do(e.StopPressed, "panel")
    told = len(hand.told)
    for _ in range(6):
        hand.poll()
        hand.tick(S // 10)
    assert not any(isinstance(x, c.GrantPermit) for x in hand.told[told:])


def test_nothing_runs_before_the_prepare_was_read_back() -> None:
    hand = at("patency_preparing")
    for _ in range(4):
        hand.tick(S)
    assert hand.run.stage is Stage.PREPARING
    hand.prepared()
    assert isinstance(hand.last[-1], c.RunPump)


def test_the_end_of_the_volume_is_stopped_and_only_then_the_flush_is_owed() -> None:
    hand = at("completing")
    assert isinstance(hand.last[0], c.Stop)
    hand.must_be(Phase.INFUSING)
    assert hand.refused(e.FlushRequested, "saline", 14_430, "cd").rule == "not in this phase"
    hand.stopped()
    hand.must_be(Phase.FLUSHING)
    assert hand.state.drug.low_nl == 2 * ML


def test_stopped_half_way_and_ended_is_partial() -> None:
    hand = at("stopped")
    hand.do(e.EndRequested, "patient intervention")
    hand.must_be(Phase.RESIDUAL)
    assert 0 < hand.state.drug.low_nl < 2 * ML
    assert hand.accounted().state.outcome is Outcome.PARTIAL


def test_all_in_but_not_flushed_is_partial() -> None:
    hand = at("flushing")
    hand.do(e.AbortRequested, "medical")
    hand.do(e.EndRequested, "")
    assert hand.state.cause == "medical"
    assert hand.accounted().state.outcome is Outcome.PARTIAL


def test_a_cancelled_dose_was_not_given_and_its_residual_is_owed() -> None:
    hand = at("patent")
    hand.do(e.CancelRequested, "patient withdrew")
    hand.must_be(Phase.RESIDUAL)
    assert c.DisarmPump(hand.state.epoch) in hand.last
    assert hand.refused(e.CloseRequested).rule == "residual before close"
    hand.do(e.ResidualRequested, "background")
    assert hand.refused(e.CloseRequested).rule == "residual before close"


@pytest.mark.requirement("T2.10")
def test_residual_and_survey_come_before_the_close() -> None:
    hand = at("residual")
    assert hand.refused(e.ResidualRequested, "pad").rule == "the empty well comes first"
    assert hand.refused(e.ResidualRequested, " ").rule == "an item has a name"
    assert hand.refused(e.SurveyRecorded, (("pad", 1),), False).detail == (
        "missing: floor, gloves, site"
    )
    before = hand.state
    hand.accounted()
    hand.must_be(Phase.CLOSED)
    assert before.outcome is None
    assert hand.refused(e.CloseRequested).rule == "not in this phase"


def test_the_seat_run_that_is_stopped_by_the_drop_is_booked_as_prime() -> None:
    hand = at("seat_running")
    hand.do(e.SeatConfirmed, True)
    assert isinstance(hand.last[0], c.Stop)
    hand.must_be(Phase.SEATED)
    assert hand.state.seat_prime_nl == 50_000
    hand.stopped()
    assert hand.state.seat == hand.state.pumped(Purpose.SEAT) == Pumped(50_000, 50_000 + STEP)


def test_two_runs_of_the_same_events_end_in_the_same_state() -> None:
    first, second = _given(MINUTE), _given(MINUTE)
    assert first.state == second.state
    assert first.told == second.told


def test_stepping_never_changes_the_state_it_was_given() -> None:
    hand = at("infusing")
    before, copy = hand.state, hash(hand.state)
    step(before, e.Booted(before.now_ns + 1, before.now_utc_ns, "x"), LIMITS)
    assert hash(before) == copy
