"""Whose the container is: who may sign, pump and measure it where, and how it changes hands."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.custody import place_of
from controller.core.event import Proven
from controller.core.place import HandOver, Place
from controller.core.state import Phase, Signed
from controller.core.step import step
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.two_places import begun, two_places
from tests.core.world import LIMITS, S, activity

BEDSIDE, HOT_LAB = Place.BEDSIDE, Place.HOT_LAB
NOT_HOT_LAB = ("the hot lab must have custody", "the bedside has: hand it over")
NOT_BEDSIDE = ("the bedside must have custody", "the hot lab has: hand it over")
SALINE = ("saline 10 mL", 14_430)


def no(hand: Hand, kind: Any, *fields: Any, **person: str) -> tuple[str, str]:
    """Rule and finding of a refusal."""
    refusal = hand.refused(kind, *fields, **person)
    return refusal.rule, refusal.detail


@pytest.mark.requirement("T2.13")
def test_the_second_release_is_signed_at_the_bedside() -> None:
    hand = two_places("signed")
    assert no(hand, e.ReleaseSigned, who="cd") == NOT_BEDSIDE
    hand.carried(BEDSIDE)
    hand.do(e.ReleaseSigned, who="cd")
    assert hand.state.phase is Phase.RELEASED


@pytest.mark.requirement("T2.13")
def test_no_container_leaves_the_hot_lab_unsigned() -> None:
    hand = two_places("assayed")
    rule = "the hot lab must have signed the release", "no release signature"
    assert no(hand, e.CustodyHandedOver, BEDSIDE, "cd") == rule
    hand.do(e.ReleaseSigned)
    hand.carried(BEDSIDE)
    assert place_of(hand.state) is BEDSIDE


@pytest.mark.requirement("T2.13")
def test_nothing_is_pumped_for_a_container_that_went_back() -> None:
    hand = two_places("back")
    assert hand.state.phase is Phase.RELEASED
    assert no(hand, e.PatencyRequested, *SALINE) == NOT_BEDSIDE
    assert no(hand, e.SeatRequested, "cd") == NOT_BEDSIDE
    assert no(hand, e.ReleaseSigned, who="cd") == NOT_BEDSIDE
    hand.carried(BEDSIDE)
    assert isinstance(hand.do(e.PatencyRequested, *SALINE)[-1], c.Prepare)


def test_seat_needs_custody_at_the_bedside_too() -> None:
    """The patency run was confirmed, and the container went back while nothing ran."""
    hand = two_places("released").patent()
    hand.carried(HOT_LAB)
    assert no(hand, e.SeatRequested, "cd") == NOT_BEDSIDE
    hand.carried(BEDSIDE)
    assert isinstance(hand.do(e.SeatRequested, "cd")[-1], c.Prepare)


def test_only_the_hot_lab_assays_and_a_new_assay_asks_for_both_signatures_anew() -> None:
    hand = two_places("released")
    assert no(hand, e.AssayRequested) == NOT_HOT_LAB
    hand.carried(HOT_LAB)
    hand.do(e.AssayRequested)
    assert no(hand, e.CustodyHandedOver, BEDSIDE, "cd") == (
        "one thing at a time",
        "syringe is being measured",
    )
    hand.see(e.AssayRead, "syringe", activity())
    assert (hand.state.phase, hand.state.released) == (Phase.ASSAYED, ())
    assert no(hand, e.CustodyHandedOver, BEDSIDE, "cd")[0] == (
        "the hot lab must have signed the release"
    )
    hand.released()
    assert [one.to for one in hand.state.custody] == [BEDSIDE, HOT_LAB, BEDSIDE]


@pytest.mark.requirement("T2.14")
def test_what_is_left_is_measured_once_the_hot_lab_has_it_back() -> None:
    hand = two_places("residual")
    hand.do(e.ResidualRequested, "background")
    hand.see(e.AssayRead, "background", activity(1_000))
    for item in ("syringe_and_line", "pads", "gloves", "other"):
        assert no(hand, e.ResidualRequested, item) == NOT_HOT_LAB
    hand.carried(HOT_LAB)
    assert hand.state.custody[-1].what == "used syringe BD 60 mL and line"
    assert hand.do(e.ResidualRequested, "pads") == (c.ReadAssay("pads", "I-131"),)


def test_a_container_that_never_left_is_measured_where_it_is() -> None:
    hand = two_places("cancelled")
    assert hand.state.phase is Phase.RESIDUAL
    hand.do(e.ResidualRequested, "background")
    hand.see(e.AssayRead, "background", activity(1_000))
    hand.do(e.ResidualRequested, "syringe_and_line")
    hand.see(e.AssayRead, "syringe_and_line", activity())
    assert no(hand, e.CustodyHandedOver, BEDSIDE, "cd") == (
        "nothing more goes to the bedside",
        "delivery has ended",
    )


@pytest.mark.parametrize(
    ("point", "to", "other", "refused"),
    [
        ("signed", BEDSIDE, "ab", ("a second, different person must confirm", "'ab' and 'ab'")),
        ("signed", BEDSIDE, "", ("a second, different person must confirm", "'ab' and ''")),
        ("signed", HOT_LAB, "cd",
         ("custody goes to the other place", "the hot lab has it already")),
        ("carried", BEDSIDE, "cd",
         ("custody goes to the other place", "the bedside has it already")),
    ],
)  # fmt: skip
def test_a_hand_over_is_refused(
    point: str, to: Place, other: str, refused: tuple[str, str]
) -> None:
    assert no(two_places(point), e.CustodyHandedOver, to, other) == refused


def test_nothing_is_handed_over_while_the_pump_is_at_work() -> None:
    hand = two_places("released")
    hand.do(e.PatencyRequested, *SALINE)
    assert no(hand, e.CustodyHandedOver, HOT_LAB, "cd") == (
        "the pump must rest",
        "patency is under way",
    )


@pytest.mark.parametrize("phase", ["seated", "armed", "infusing", "flushing"])
def test_once_the_drug_is_mounted_the_container_stays(phase: str) -> None:
    hand = two_places("released").patent().seated().connected()
    if phase != "seated":
        hand.armed()
    if phase in ("infusing", "flushing"):
        hand.infusing()
    if phase == "flushing":
        hand.run_out()
    assert hand.state.phase.value.lower() == phase
    assert no(hand, e.CustodyHandedOver, HOT_LAB, "cd")[0] == "not in this phase"


def test_after_a_stop_the_container_comes_but_does_not_go() -> None:
    """A trip while the container was in the hot lab does not end the treatment."""
    hand = two_places("stopped")
    assert (hand.state.phase, place_of(hand.state)) == (Phase.STOPPED, HOT_LAB)
    hand.do(e.Acknowledged, "")
    assert no(hand, e.PatencyRequested, *SALINE) == NOT_BEDSIDE
    hand.carried(BEDSIDE)
    assert no(hand, e.CustodyHandedOver, HOT_LAB, "cd") == (
        "the treatment must be ended first",
        "it may still go on",
    )
    assert any(isinstance(x, c.Prepare) for x in hand.do(e.PatencyRequested, *SALINE))


@pytest.mark.requirement("T2.15")
@pytest.mark.parametrize("point", ["carried", "released", "back"])
def test_nothing_that_stops_asks_whose_the_container_is(point: str) -> None:
    hand = two_places(point)
    commands = hand.see(e.StopPressed, "", "", "panel")
    assert isinstance(commands[0], c.Stop)


@pytest.mark.requirement("T2.15")
@pytest.mark.parametrize("point", ["released", "back"])
def test_nothing_that_ends_asks_either(point: str) -> None:
    hand = two_places(point)
    phases = []
    for kind in (e.AbortRequested, e.EndRequested):
        hand.do(kind, "medical")
        phases.append(hand.state.phase)
    assert phases == [Phase.STOPPED, Phase.RESIDUAL]


def test_a_hold_asks_nothing() -> None:
    hand = two_places("released")
    hand.do(e.PatencyRequested, *SALINE)
    hand.prepared()
    hand.started()
    hand.do(e.HoldRequested, "a question")
    assert hand.state.phase is Phase.HELD


@pytest.mark.requirement("R3", "T2.13")
def test_both_signatures_say_what_went_where() -> None:
    hand = two_places("signed")
    giver = Proven("Anna Berger", "technician", "badge+PIN")
    taker = Proven("Chris Dahl", "second_person", "badge+PIN")
    event = e.CustodyHandedOver(
        hand.now_ns, hand.now_ns + hand.skew_ns, "ab", "technician", BEDSIDE, "cd",
        proven=giver, other=taker,
    )  # fmt: skip
    state, _ = step(hand.state, event, LIMITS)
    at_ns = state.now_utc_ns
    assert state.custody == (HandOver(BEDSIDE, "syringe BD 60 mL", "ab", "cd", at_ns),)
    given, taken = state.signatures[-2:]
    assert given == Signed(
        "ab", "technician", "handed over to the bedside: syringe BD 60 mL", at_ns, "badge+PIN",
        "Anna Berger",
    )  # fmt: skip
    assert taken == Signed(
        "cd", "second_person", "taken over at the bedside: syringe BD 60 mL", at_ns, "badge+PIN",
        "Chris Dahl",
    )  # fmt: skip


def test_a_session_without_stations_asks_nothing_and_hands_nothing_over() -> None:
    hand = at("assayed")
    hand.do(e.ReleaseSigned)
    assert no(hand, e.CustodyHandedOver, BEDSIDE, "cd") == (
        "custody is handed over between stations",
        "this session knows of none",
    )
    hand.do(e.ReleaseSigned, who="cd")
    assert isinstance(hand.do(e.PatencyRequested, *SALINE)[-1], c.Prepare)
    assert at("residual").accounted().state.phase is Phase.CLOSED


def test_a_whole_treatment_goes_there_and_back() -> None:
    hand = two_places("residual").accounted()
    assert hand.state.phase is Phase.CLOSED
    assert [(one.to, one.what) for one in hand.state.custody] == [
        (BEDSIDE, "syringe BD 60 mL"),
        (HOT_LAB, "used syringe BD 60 mL and line"),
    ]


def test_too_long_a_way_is_found_by_the_age_of_the_assay() -> None:
    hand = two_places("carried")
    hand.wait(61 * 60 * S)
    rule, detail = no(hand, e.ReleaseSigned, who="cd")
    assert (rule, detail) == ("the assay must be fresh", "it is 61 min old; measure again")
    assert no(hand, e.AssayRequested) == NOT_HOT_LAB
    hand.carried(HOT_LAB).assayed()
    assert hand.state.phase is Phase.ASSAYED


def test_before_anything_the_hot_lab_has_it() -> None:
    assert place_of(begun().state) is HOT_LAB
    moved = replace(begun().state, custody=(HandOver(BEDSIDE, "x", "ab", "cd", 1),))
    assert place_of(moved) is BEDSIDE
