"""A signature carries who was recognised and how, and older journals are what they were."""

import json
from dataclasses import replace

import pytest

from controller.core import events as e
from controller.core.codec import plain, revive
from controller.core.event import Proven
from controller.core.state import Signed
from controller.core.step import step
from tests.core.situations import at
from tests.core.world import LIMITS, S, activity

ANNA = Proven("Anna Berger", "technician", "badge+PIN")
CHRIS = Proven("Chris Dahl", "second_person", "badge+PIN")


def told(hand, kind, *said, **known):
    event = kind(hand.now_ns, hand.now_ns + hand.skew_ns, "ab", "technician", *said, **known)
    hand.state, _ = step(hand.state, event, LIMITS)
    return hand.state.signatures


@pytest.mark.requirement("R3")
def test_a_release_is_signed_with_name_role_meaning_time_and_how_it_was_known():
    hand = at("assayed")
    last = told(hand, e.ReleaseSigned, proven=ANNA)[-1]
    assert last == Signed(
        "ab", "technician", "released", hand.state.now_utc_ns, "badge+PIN", "Anna Berger"
    )
    assert hand.state.released == (last,)


def test_both_who_confirm_are_signed_each_as_known():
    asked, confirmed = told(at("patent"), e.SeatRequested, "cd", proven=ANNA, other=CHRIS)[-2:]
    assert (asked.who, asked.name, asked.identity) == ("ab", "Anna Berger", "badge+PIN")
    assert (confirmed.who, confirmed.name, confirmed.role, confirmed.identity) == (
        "cd",
        "Chris Dahl",
        "second_person",
        "badge+PIN",
    )


def test_an_assay_is_signed_by_whoever_asked_for_it():
    hand = at("ordered")
    told(hand, e.AssayRequested, proven=replace(ANNA, identity="badge"))
    hand.wait(10 * S)
    hand.see(e.AssayRead, "syringe", activity(hand.state.order.prescribed_bq))
    last = hand.state.signatures[-1]
    assert (last.meaning, last.who, last.name) == ("assayed syringe", "ab", "Anna Berger")
    assert (last.role, last.identity) == ("technician", "badge")


def test_an_event_of_a_known_person_survives_the_journal():
    event = e.SeatRequested(1, 2, "ab", "technician", "cd", proven=ANNA, other=CHRIS)
    assert revive(e.SeatRequested, json.loads(json.dumps(plain(event)))) == event


def test_an_event_of_nobody_known_has_the_letters_it_always_had():
    event = e.StartRequested(1, 2, "ab", "technician")
    assert plain(event) == {"mono_ns": 1, "utc_ns": 2, "who": "ab", "role": "technician"}
    assert plain(Signed("ab", "technician", "started", 2)) == {
        "who": "ab",
        "role": "technician",
        "meaning": "started",
        "utc_ns": 2,
        "identity": "unauthenticated",
    }
