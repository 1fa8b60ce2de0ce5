"""The seat: capped for each mounting, and every drop of it counted."""

from dataclasses import replace

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase, Pumped, Purpose
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import LIMITS, MINUTE, STEP

CAP, DROP = LIMITS.seat_volume_nl, LIMITS.drop_nl


def _seat_run_out(hand: Hand) -> None:
    hand.do(e.SeatRequested, "cd")
    hand.prepared()
    hand.started()
    hand.run_out()


@pytest.mark.requirement("T2.7", "T8.1")
def test_the_seat_is_capped_and_confirmed_by_a_second_person_and_a_drop() -> None:
    hand = at("released")
    assert hand.refused(e.SeatRequested, "ab").rule == "a second, different person must confirm"
    assert hand.refused(e.SeatRequested, "cd").rule.startswith("patency must be confirmed")
    hand = at("patent")
    assert hand.refused(e.SeatConfirmed, True).rule.startswith("the pusher must have moved")
    assert hand.refused(e.SeatConfirmed, False).rule == "a drop must be seen at the tip"
    hand.do(e.SeatRequested, "cd")
    assert hand.refused(e.SeatConfirmed, True).detail == "no seat run"
    hand.prepared()
    hand.started()
    hand.run_out()
    assert hand.state.seat.high_nl == CAP
    assert hand.refused(e.SeatRequested, "cd").rule == "the seat volume is capped"
    hand.do(e.SeatConfirmed, True)
    hand.must_be(Phase.SEATED)


def test_a_seat_of_which_part_is_used_has_the_rest_of_its_cap() -> None:
    hand = at("seat_running")
    hand.do(e.HoldRequested, "a question")
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    used = hand.state.seat.high_nl
    assert 0 < used < CAP - DROP
    hand.do(e.SeatRequested, "cd")
    assert hand.run.plan.volume_nl == CAP - used


@pytest.mark.requirement("T4.4")
def test_a_new_site_needs_a_new_patency_run_a_new_seat_and_a_new_connection() -> None:
    hand = at("stopped")
    hand.do(e.Acknowledged, "")
    assert hand.refused(e.ResumeRequested, True).rule == "a new site needs a new patency run"
    ran = "saline must have run before patency is confirmed"
    assert hand.refused(e.PatencyConfirmed, True, False).rule == ran
    hand.patent()
    assert not hand.state.connected
    refusal = hand.refused(e.ResumeRequested, False)
    assert refusal.rule == "the line must be connected"
    hand.do(e.ResumeRequested, True, who="ab")
    hand.do(e.ResumeRequested, True, who="cd")
    hand.must_be(Phase.RELEASED)
    assert hand.refused(e.SeatConfirmed, True).rule == (
        "the pusher must have moved before it is seated"
    )
    hand.seated()
    hand.must_be(Phase.SEATED)
    assert hand.refused(e.ArmRequested).rule == "patency and connection must be confirmed"
    given = hand.state.drug.high_nl
    hand.connected().armed().infusing()
    assert hand.run.plan.volume_nl == MINUTE.fill_nl - 2 * DROP - given
    hand.run_out()
    planned = MINUTE.fill_nl - 2 * DROP
    assert hand.state.drug == Pumped(planned - STEP, planned)


def test_a_syringe_that_is_mounted_again_has_a_cap_of_its_own_and_may_use_all_of_it() -> None:
    hand = at("released_again")
    before = hand.state.seat
    assert before.high_nl == before.low_nl + STEP > DROP
    assert hand.state.seat_before_nl == before.high_nl
    _seat_run_out(hand)
    assert [x.plan.volume_nl for x in hand.told if isinstance(x, c.Prepare)] == [CAP]
    hand.must_be(Phase.RELEASED)
    assert hand.state.seat == Pumped(before.low_nl + CAP, before.high_nl + CAP)
    refusal = hand.refused(e.SeatRequested, "cd")
    assert (refusal.rule, refusal.detail) == (
        "the seat volume is capped",
        "600000 nL are used up",
    )


@pytest.mark.requirement("T2.7", "T3.7")
def test_the_projection_of_a_second_seat_still_meets_its_cap() -> None:
    hand = at("released_again")
    hand.do(e.SeatRequested, "cd")
    hand.prepared()
    hand.started()
    while hand.run.counter_nl < CAP - DROP:
        hand.poll()
        hand.must_be(Phase.RELEASED)
    hand.reads(CAP + 2_000)
    assert "projection" in hand.alarms


@pytest.mark.requirement("T2.7")
def test_every_drop_counts_and_is_taken_from_what_is_left() -> None:
    hand = at("released_again").seated()
    assert hand.state.seat_prime_nl == 2 * DROP
    given = hand.state.drug.high_nl
    hand.connected().armed()
    assert hand.run.plan.volume_nl == MINUTE.fill_nl - 2 * DROP - given
    assert hand.state.planned_nl == MINUTE.fill_nl - DROP


def test_a_drop_takes_nothing_from_a_dose_that_leaves_enough_in_the_syringe() -> None:
    hand = at("released_again")
    enough = MINUTE.fill_nl - 2 * DROP
    hand.state = replace(hand.state, planned_nl=enough)
    given = hand.state.drug.high_nl
    hand.seated().connected().armed()
    assert hand.run.plan.volume_nl == enough - given


@pytest.mark.parametrize("beyond_nl", [0, 1])
def test_the_barrel_may_lack_both_drops_and_a_graduation(beyond_nl: int) -> None:
    hand = at("released_again").seated().connected().armed()
    given = hand.state.drug.high_nl
    hand.do(e.BarrelRead, MINUTE.fill_nl - 2 * DROP - given - LIMITS.barrel_nl - beyond_nl)
    assert ("barrel_mismatch" in hand.alarms) is bool(beyond_nl)


def test_a_patency_run_after_the_seat_run_wants_it_seated_anew() -> None:
    """Else a syringe that was taken off for the saline passes for one that was seated."""
    hand = at("patent")
    _seat_run_out(hand)
    hand.patent()
    refusal = hand.refused(e.SeatConfirmed, True)
    assert (refusal.rule, refusal.detail) == (
        "the pusher must have moved before it is seated",
        "no seat run",
    )
    hand.seated()
    hand.must_be(Phase.SEATED)
    assert hand.state.seat_prime_nl == DROP


def test_what_is_left_of_a_dose_is_no_dose_to_be_assayed() -> None:
    hand = at("released_again")
    refusal = hand.refused(e.AssayRequested)
    assert refusal.rule == "nothing is assayed once drug was given"
    assert len(hand.state.released) == 2
    assert hand.state.pumped(Purpose.DRUG).high_nl > 0
