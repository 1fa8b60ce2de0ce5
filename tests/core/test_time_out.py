"""The time-out at the bedside: how long it is good for, and how it is held again."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import events as e
from controller.core.state import Phase, Signed
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import LIMITS, MIN, PRESCRIBED, activity, treatment

STABLE = 10**18
"""A half-life so long that a test reads the same activity all day."""
OFF = PRESCRIBED - PRESCRIBED * 15 // 100
"""An assay that needs the authorized user."""


def _late() -> Hand:
    """ARMED, with a release a nanosecond older than a quarter of an hour."""
    hand = at("armed")
    assert hand.state.released_ns is not None
    hand.wait(hand.state.released_ns + LIMITS.time_out_ns - hand.now_ns)
    hand.see(e.PumpRead, hand.status())
    hand.do(e.StartRequested)
    hand.poll(1)
    return hand


def _off_by_fifteen(first: str, second: str, **changes: Any) -> Hand:
    """RELEASED with an assay 15 % low, signed in these roles by "ab" and "cd"."""
    hand = Hand(treatment(half_life_ms=STABLE, **changes)).ordered().assayed(OFF)
    hand.do(e.ReleaseSigned, who="ab", role=first)
    hand.do(e.ReleaseSigned, who="cd", role=second)
    hand.must_be(Phase.RELEASED)
    return hand


@pytest.mark.requirement("T2.4")
def test_a_release_is_good_for_a_quarter_of_an_hour() -> None:
    hand = _late()
    refusal = hand.refused(e.StartConfirmed)
    assert (refusal.rule, refusal.detail) == ("the time-out must be fresh", "released 15 min ago")


@pytest.mark.requirement("T2.4")
def test_a_start_that_came_too_late_goes_on_after_a_new_time_out() -> None:
    hand = _late()
    hand.refused(e.StartRequested)
    hand.do(e.ReleaseSigned, who="ef")
    hand.must_be(Phase.ARMED)
    hand.do(e.StartRequested)
    hand.poll()
    hand.do(e.StartConfirmed)
    hand.must_be(Phase.INFUSING)


@pytest.mark.parametrize("name", ["released", "patent", "seated", "armed"])
@pytest.mark.parametrize("who", ["cd", "ef"])
def test_a_new_time_out_replaces_the_second_signature_and_nothing_else(name: str, who: str) -> None:
    hand = at(name)
    before = hand.state
    hand.poll(MIN)
    polled = hand.state
    hand.do(e.ReleaseSigned, who=who, role="nurse")
    signed = Signed(who, "nurse", "released", hand.state.now_utc_ns)
    assert hand.state == replace(
        polled,
        released=(before.released[0], signed),
        released_ns=hand.now_ns,
        signatures=(*before.signatures, signed),
    )
    assert hand.last == ()


@pytest.mark.requirement("T2.4", "T8.1")
@pytest.mark.parametrize("name", ["released", "seated", "armed"])
@pytest.mark.parametrize(
    ("who", "rule", "detail"),
    [
        ("ab", "two different people must release", "'ab' has signed already"),
        ("", "a release is signed by name", "no name was given"),
    ],
)
def test_it_is_signed_by_another_person_than_the_first(
    name: str, who: str, rule: str, detail: str
) -> None:
    hand = at(name)
    before = hand.state
    refusal = hand.refused(e.ReleaseSigned, who=who)
    assert (refusal.rule, refusal.detail) == (rule, detail)
    assert hand.state == before


@pytest.mark.parametrize("name", ["released", "seated", "armed"])
def test_it_rests_on_an_assay_that_is_still_fresh(name: str) -> None:
    hand = at(name)
    assert hand.state.assay_utc_ns is not None
    hand.wait(hand.state.assay_utc_ns + LIMITS.assay_age_ns - hand.now_ns - hand.skew_ns)
    hand.do(e.ReleaseSigned, who="ef")
    good = hand.state.released
    hand.wait(1)
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert (refusal.rule, refusal.detail) == (
        "the assay must be fresh",
        "it is 60 min old; measure again",
    )
    assert hand.state.released == good


def test_ten_to_twenty_per_cent_off_still_need_the_authorized_user() -> None:
    hand = _off_by_fifteen("technician", "authorized_user")
    refusal = hand.refused(e.ReleaseSigned, who="ef", role="technician")
    assert (refusal.rule, refusal.detail) == (
        "10 to 20 % off needs the authorized user's signature",
        "technician",
    )
    hand.do(e.ReleaseSigned, who="ef", role="authorized_user")
    assert [signed.who for signed in hand.state.released] == ["ab", "ef"]


def test_the_authorized_user_who_signed_first_counts_for_every_time_out() -> None:
    hand = _off_by_fifteen("authorized_user", "technician")
    hand.do(e.ReleaseSigned, who="ef", role="technician")
    assert [signed.who for signed in hand.state.released] == ["ab", "ef"]


@pytest.mark.parametrize("name", ["infusing", "held", "held_armed", "stopped", "flushing"])
def test_nothing_is_signed_again_where_no_start_is_ahead(name: str) -> None:
    assert at(name).refused(e.ReleaseSigned, who="ef").rule == "not in this phase"


def test_a_time_out_after_a_new_assay_is_a_release_by_two_again() -> None:
    hand = at("released")
    hand.do(e.AssayRequested)
    hand.see(e.AssayRead, "syringe", activity(PRESCRIBED + 7))
    hand.do(e.ReleaseSigned, who="ef")
    hand.must_be(Phase.ASSAYED)
    assert [signed.who for signed in hand.state.released] == ["ef"]
