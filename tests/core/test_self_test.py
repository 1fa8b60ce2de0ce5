"""Nothing flows before the self-test has passed: no saline, no seat, no drug, no flush by pump."""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.judge import latched
from tests.core.hand import Hand
from tests.core.situations import at

WHY = "disk failed: 12 MB are free, limit 1000 MB"


def told(hand: Hand, why: str = WHY) -> tuple[c.Command, ...]:
    return hand.see(e.ConditionSeen, "self_test", True, why)


@pytest.mark.requirement("P1", "GIP-3.4.1-6", "PCA-R7.4.0(1)(2)(6)")
@pytest.mark.parametrize(
    ("start", "kind", "fields"),
    [
        ("released", e.PatencyRequested, ("saline 10 mL", 14_430)),
        ("patent", e.SeatRequested, ("cd",)),
        ("flushing", e.FlushRequested, ("flush", 14_430, "cd")),
    ],
)
def test_no_pump_moves_before_it_has_passed(start, kind, fields) -> None:
    hand = at(start)
    told(hand)
    refusal = hand.refused(kind, *fields)
    assert (refusal.rule, refusal.detail) == ("the self-test must have passed", WHY)
    hand.see(e.ConditionSeen, "self_test", False, "every check has passed")
    assert any(isinstance(x, c.Prepare) for x in hand.do(kind, *fields))


@pytest.mark.requirement("P1")
def test_arming_is_refused_like_every_start() -> None:
    hand = at("seated")
    told(hand)
    assert hand.refused(e.ArmRequested).detail == "self_test"
    hand.see(e.ConditionSeen, "self_test", False, "every check has passed")
    assert any(isinstance(x, c.Prepare) for x in hand.do(e.ArmRequested))


@pytest.mark.requirement("P1")
def test_a_resume_is_refused_too() -> None:
    hand = at("held")
    told(hand)
    hand.do(e.ResumeRequested, False, who="ab")
    refusal = hand.refused(e.ResumeRequested, False, who="cd")
    assert refusal.rule == "the self-test must have passed"


def test_a_flush_by_hand_needs_no_computer() -> None:
    hand = at("flushing")
    told(hand)
    hand.do(e.FlushConfirmed, 1_000_000)
    assert hand.state.phase.value == "RESIDUAL"


def test_the_newest_reason_is_shown_and_told() -> None:
    hand = at("ordered")
    told(hand, "under way")
    assert told(hand) == (c.RaiseAlarm("self_test", WHY),)
    assert [a.evidence for a in hand.state.alarms if a.id == "self_test"] == [WHY]
    assert told(hand) == ()


def test_a_trip_keeps_its_first_reason() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "lag", True, "woken 1.2 s late")
    hand.see(e.ConditionSeen, "lag", True, "woken 9.9 s late")
    assert latched(hand.state)
    assert [a.evidence for a in hand.state.alarms if a.id == "lag"] == ["woken 1.2 s late"]


def test_a_condition_without_a_row_is_only_noted() -> None:
    hand = at("ordered")
    assert hand.see(e.ConditionSeen, "other", True, "seen") == ()
    assert hand.see(e.ConditionSeen, "other", True, "seen again") == ()
    assert hand.alarms == set()
