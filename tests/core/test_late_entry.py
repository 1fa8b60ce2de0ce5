"""What was finished by hand is entered late: it adds to what the pump gave, and changes nothing."""

from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.aftermath import settle_run
from controller.core.late_entry import left_nl
from controller.core.line import line_of
from controller.core.state import Outcome, Phase, Pumped
from firmware_interfaces.readings import Motion
from tests.core.further import FURTHER
from tests.core.hand import Hand
from tests.core.situations import at, built
from tests.core.two_pumps import second_held
from tests.core.world import MIN, ML, S, activity, round_trip, status

ALLOWED = (
    *("released", "seated", "armed", "held", "stopped"),
    *("uncertain", "uncertain_at_rest", "unbounded"),
)
FORBIDDEN = ("ordered", "assayed", "infusing", "flush_running", "residual", "closed")


def entry(hand: Hand, **said: Any) -> tuple[Any, ...]:
    """Half a millilitre and a flush in the minute that is just over, by ``cd`` as the second."""
    now_utc_ns = hand.now_ns + hand.skew_ns
    fields = {
        "confirmed_by": "cd",
        "given_by": "C. D.",
        "begun_utc_ns": now_utc_ns - MIN,
        "ended_utc_ns": now_utc_ns,
        "low_nl": ML // 2,
        "high_nl": ML // 2 + 100_000,
        "flushed_nl": 450_000,
        "method": "barrel",
        "reason": "no computer",
    }
    return tuple({**fields, **said}.values())


def late(name: str) -> Hand:
    """A situation, two minutes later by the clock on the wall: what was done by hand is over."""
    hand = built(FURTHER[name]) if name in FURTHER else at(name)
    hand.skew_ns += 2 * MIN
    return hand


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("name", ALLOWED)
def test_it_is_entered_where_the_pump_gives_nothing_more(name: str) -> None:
    hand = late(name)
    uncertain = hand.state.phase is Phase.UNCERTAIN
    before = settle_run(hand.state) if uncertain else hand.state
    pumped, signed = before.drug, len(before.signatures)
    commands = hand.do(e.FinishedByHand, *entry(hand))
    hand.must_be(Phase.RESIDUAL)
    state = hand.state
    assert not any(isinstance(x, (c.Prepare, c.RunPump, c.GrantPermit)) for x in commands)
    assert state.drug == pumped
    assert state.given == Pumped(pumped.low_nl + 500_000, pumped.high_nl + 600_000)
    meanings = [(one.who, one.meaning) for one in state.signatures[signed:]]
    assert meanings == [
        ("ab", "finished by hand: barrel"),
        ("cd", "confirmed: finished by hand: barrel"),
    ]
    assert (state.run, state.cause) == (None, state.cause or "no computer")
    assert round_trip(state) == state


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_elsewhere_it_is_refused(name: str) -> None:
    hand = late(name)
    assert hand.refused(e.FinishedByHand, *entry(hand)).rule == "not in this phase"


@pytest.mark.requirement("T9.3", "T8.1")
@pytest.mark.parametrize("second", ["", "ab"])
def test_two_different_people_enter_it(second: str) -> None:
    hand = late("stopped")
    refusal = hand.refused(e.FinishedByHand, *entry(hand, confirmed_by=second))
    assert refusal.rule == "a second, different person must confirm"


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("field", ["given_by", "method", "reason"])
def test_who_how_and_why_must_be_said(field: str) -> None:
    hand = late("stopped")
    refusal = hand.refused(e.FinishedByHand, *entry(hand, **{field: "  "}))
    assert refusal.rule == "it must be said who gave it, how it was found, and why by hand"
    assert refusal.detail == f"{field} '  '"


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize(
    ("begun", "ended", "rule"),
    [
        ("released", "now", ""),
        ("now", "now", ""),
        ("before", "now", "nothing is given before the release"),
        ("released", "later", "what was done by hand lies in the past"),
        ("later", "now", "what was done by hand ends after it began"),
    ],
)
def test_its_times_lie_between_release_and_now(begun: str, ended: str, rule: str) -> None:
    hand = late("stopped")
    now, released = hand.now_ns + hand.skew_ns, hand.state.released[-1].utc_ns
    times = {"released": released, "before": released - 1, "now": now, "later": now + 1}
    fields = entry(hand, begun_utc_ns=times[begun], ended_utc_ns=times[ended])
    if not rule:
        hand.do(e.FinishedByHand, *fields)
        hand.must_be(Phase.RESIDUAL)
        return
    assert hand.refused(e.FinishedByHand, *fields).rule == rule


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize(("beyond", "good"), [(0, True), (1, False)])
@pytest.mark.parametrize("name", ["stopped", "uncertain"])
def test_hands_give_no_more_than_the_pump_left(name: str, beyond: int, good: bool) -> None:
    hand = late(name)
    left = left_nl(settle_run(hand.state))
    fields = entry(hand, low_nl=0, high_nl=left + beyond)
    if good:
        hand.do(e.FinishedByHand, *fields)
        order = hand.state.order
        most = order.fill_nl - order.primed_nl - hand.state.seat_prime_nl
        assert hand.state.given.high_nl == most
        return
    assert hand.refused(e.FinishedByHand, *fields).rule.startswith("never more by hand")


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"low_nl": 600_001}, "what was given by hand lies between a least and a most"),
        ({"low_nl": -1}, "what was given by hand lies between a least and a most"),
        ({"flushed_nl": -1}, "a flush volume of 0 to 20 dead volumes"),
        ({"flushed_nl": 3_000_001}, "a flush volume of 0 to 20 dead volumes"),
        ({"flushed_nl": 3_000_000}, ""),
        ({"low_nl": 600_000}, ""),
        ({"low_nl": 0, "high_nl": 0, "flushed_nl": 0}, ""),
    ],
)
def test_volumes_are_volumes(said: dict[str, int], rule: str) -> None:
    hand = late("stopped")
    if not rule:
        hand.do(e.FinishedByHand, *entry(hand, **said))
        hand.must_be(Phase.RESIDUAL)
        return
    assert hand.refused(e.FinishedByHand, *entry(hand, **said)).rule == rule


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("name", ["holding", "patency_running"])
def test_not_while_the_pump_may_still_move(name: str) -> None:
    hand = late(name)
    assert hand.run.live
    assert hand.refused(e.FinishedByHand, *entry(hand)).rule == "the pump must rest"


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("name", ["stopped", "uncertain", "released"])
def test_what_went_in_is_past_the_line_or_in_it(name: str) -> None:
    hand = late(name)
    hand.do(e.FinishedByHand, *entry(hand))
    line, given = line_of(hand.state), hand.state.given
    primed = hand.state.order.primed_nl
    assert line.delivered_low_nl + line.in_line_low_nl <= given.high_nl + primed
    assert line.delivered_high_nl + line.in_line_low_nl == given.high_nl + primed
    # Three dead volumes behind it: nothing of it is left in the line.
    assert (line.in_line_low_nl, line.in_line_high_nl) == (0, 0)
    assert (line.delivered_low_nl, line.delivered_high_nl) == (given.low_nl, given.high_nl)


@pytest.mark.requirement("T9.3")
def test_a_dose_given_by_hand_alone_began_when_hands_began() -> None:
    hand = late("seated")
    begun = hand.now_ns + hand.skew_ns - S
    hand.do(e.FinishedByHand, *entry(hand, begun_utc_ns=begun))
    assert hand.state.first_start_utc_ns == begun
    assert hand.state.by_hand is not None
    assert hand.state.by_hand.first
    nothing = late("seated")
    nothing.do(e.FinishedByHand, *entry(nothing, low_nl=0, high_nl=0))
    assert nothing.state.first_start_utc_ns is None


@pytest.mark.requirement("T9.3", "T8.3")
def test_what_hands_gave_counts_for_the_outcome_and_asks_for_a_survey() -> None:
    hand = late("seated")
    hand.do(e.FinishedByHand, *entry(hand, low_nl=hand.state.planned_nl, high_nl=2 * ML))
    refusal = hand.refused(e.CloseRequested)
    assert refusal.rule == "residual before close"
    hand.accounted()
    assert hand.state.outcome is Outcome.COMPLETE
    partial = late("seated")
    partial.do(e.FinishedByHand, *entry(partial))
    partial.accounted()
    assert partial.state.outcome is Outcome.PARTIAL
    uncleared = late("seated")
    fields = entry(uncleared, low_nl=uncleared.state.planned_nl, high_nl=2 * ML, flushed_nl=149_999)
    uncleared.do(e.FinishedByHand, *fields)
    uncleared.accounted()
    assert uncleared.state.outcome is Outcome.PARTIAL


@pytest.mark.requirement("T9.3")
def test_it_is_entered_once() -> None:
    hand = late("stopped")
    hand.do(e.FinishedByHand, *entry(hand))
    kept = hand.state.by_hand
    assert hand.refused(e.FinishedByHand, *entry(hand, low_nl=0)).rule == "not in this phase"
    assert hand.state.by_hand == kept


@pytest.mark.requirement("T9.3")
def test_a_stop_that_nobody_confirmed_stays_unconfirmed() -> None:
    hand = late("uncertain")
    assert hand.stopping
    commands = hand.do(e.FinishedByHand, *entry(hand))
    assert [notice.id for notice in hand.state.notices if "uncertain" in notice.id] == []
    assert "stop_unconfirmed" in hand.alarms
    # The pump keeps its watchdog: that alone may still stop it.
    assert not any(isinstance(x, c.DisarmPump) for x in commands)


@pytest.mark.requirement("T9.3")
def test_a_run_that_never_left_is_dropped() -> None:
    hand = late("armed")
    commands = hand.do(e.FinishedByHand, *entry(hand))
    assert commands[0] == c.Stop(hand.state.epoch, "finished by hand")


@pytest.mark.requirement("T9.3")
def test_an_assay_that_was_asked_for_counts_for_nothing_then() -> None:
    hand = late("released")
    hand.do(e.AssayRequested)
    hand.do(e.FinishedByHand, *entry(hand))
    hand.see(e.AssayRead, "syringe", activity())
    assert hand.state.items == ()


@pytest.mark.requirement("T9.3")
def test_where_saline_has_its_own_pump_its_place_in_the_line_is_kept() -> None:
    hand = second_held()
    hand.skew_ns += 2 * MIN
    if hand.state.run is not None:
        hand.stopped()
    hand.do(e.FinishedByHand, *entry(hand))
    line = line_of(hand.state)
    assert (line.in_line_low_nl, line.in_line_high_nl) == (0, 0)
    assert line.delivered_high_nl == hand.state.given.high_nl


@pytest.mark.requirement("T9.3")
@pytest.mark.parametrize("more_nl", [1, 100_000])
def test_what_a_counter_shows_after_it_was_entered_is_booked_no_more(more_nl: int) -> None:
    hand = late("uncertain")
    hand.do(e.FinishedByHand, *entry(hand))
    before = hand.state.drug
    shown = status(hand.now_ns, before.low_nl + more_nl, Motion.STOPPED)
    hand.see(e.StopConfirmed, hand.state.epoch, shown)
    assert hand.state.drug == before
