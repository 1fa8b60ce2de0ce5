"""Which alarm is heard: higher priority first, then the order in which they came.

An audio pause is short, ends by itself, and ends at once when a new alarm comes (GIP 3.2.1: at
most two minutes, never permanent). An acknowledged alarm is seen, so it is silent until it comes
again.
"""

from controller.core.alarms import ALARMS, Priority
from controller.core.state import Alarm, State

RANK = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}


def ordered(alarms: tuple[Alarm, ...]) -> tuple[Alarm, ...]:
    """Active alarms, the most urgent first; among equals the older first."""
    return tuple(sorted(alarms, key=lambda a: (RANK[ALARMS[a.id].priority], a.raised_ns)))


def audio_paused_ns(state: State) -> int:
    """How long the sound stays paused, ns; 0 when it is not."""
    return max(0, state.audio_pause_until_ns - state.now_ns)


def sounding(state: State) -> Alarm | None:
    """The alarm that is heard now: the most urgent one that nobody has acknowledged."""
    if audio_paused_ns(state):
        return None
    return next((a for a in ordered(state.alarms) if not a.acknowledged_by), None)
