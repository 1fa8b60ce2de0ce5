"""A step of the time of day changes no command to the pump and no volume."""

import pytest

from controller.core import events as e
from controller.core.state import Phase
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import S

HOUR = 3600 * S


def pumped_through(step_ns: int) -> Hand:
    """An infusion to its end; the time of day jumps in the middle and is reported."""
    hand = at("infusing")
    for _ in range(20):
        hand.poll()
    hand.skew_ns += step_ns
    hand.see(e.ConditionSeen, "clock_step", bool(step_ns), f"{step_ns // S} s")
    while hand.state.phase is Phase.INFUSING:
        hand.poll()
        if hand.stopping:
            hand.stopped()
    return hand


@pytest.mark.requirement("P17a")
@pytest.mark.parametrize("step_ns", [HOUR, -HOUR, 24 * HOUR])
def test_the_delivered_amount_does_not_know_the_time_of_day(step_ns: int) -> None:
    steady, stepped = pumped_through(0), pumped_through(step_ns)
    assert stepped.state.phase is Phase.FLUSHING
    assert stepped.state.drug == steady.state.drug
    assert stepped.pump.counter_nl == steady.pump.counter_nl
    assert stepped.now_ns == steady.now_ns
    told = [x for x in stepped.told if getattr(x, "alarm", "") != "clock_step"]
    assert told == steady.told
    assert "clock_step" in stepped.alarms
