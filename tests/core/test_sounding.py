"""What is heard: urgency before age, a pause that ends by itself and before a new alarm."""

import pytest

from controller.core import events as e
from controller.core.sounding import audio_paused_ns, ordered, sounding
from tests.core.situations import at
from tests.core.world import LIMITS, S

MINUTE_NS = 60 * S


@pytest.mark.requirement("N4", "PCA-R6.4.4(1)")
def test_the_most_urgent_alarm_is_heard_and_age_decides_among_equals() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "broker_lost", True, "gone")
    hand.do(e.PatientMovedPressed)
    hand.do(e.PainPressed)
    hand.do(e.SpillPressed)
    ids = [alarm.id for alarm in ordered(hand.state.alarms)]
    assert ids[:2] == ["pain", "spill"]
    heard = sounding(hand.state)
    assert heard is not None
    assert heard.id == "pain"


def test_what_was_acknowledged_is_silent() -> None:
    hand = at("infusing")
    hand.do(e.PainPressed)
    hand.do(e.Acknowledged, "pain")
    heard = sounding(hand.state)
    assert heard is None or heard.id != "pain"


@pytest.mark.requirement("N2", "GIP-3.2.1-2", "PCA-R6.4.3(5)")
def test_a_pause_ends_by_itself_after_its_limit() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "broker_lost", True, "gone")
    hand.do(e.AudioPaused)
    assert audio_paused_ns(hand.state) == LIMITS.audio_pause_ns <= 2 * MINUTE_NS
    assert sounding(hand.state) is None
    begun = hand.state.now_ns
    hand.now_ns = begun + LIMITS.audio_pause_ns
    hand.see(e.Ticked)
    assert audio_paused_ns(hand.state) == 0
    assert sounding(hand.state) is not None


@pytest.mark.requirement("N2", "N4")
def test_a_new_alarm_ends_the_pause() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "broker_lost", True, "gone")
    hand.do(e.AudioPaused)
    hand.do(e.PainPressed)
    assert audio_paused_ns(hand.state) == 0
    heard = sounding(hand.state)
    assert heard is not None
    assert heard.id == "pain"


def test_there_is_nothing_to_pause_without_an_alarm() -> None:
    hand = at("ordered")
    refusal = hand.refused(e.AudioPaused)
    assert refusal.rule == "there must be an alarm to be quiet about"
    assert hand.state.audio_pause_until_ns == 0
