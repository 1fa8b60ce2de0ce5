"""The motor of a DULCO flex Control: one batch in half revolutions, and what its counters say.

Turns the room's drive and counts its own half revolutions by the content that it was calibrated
to, never the true flow: a worn hose gives less and the counter stays content.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from simulators.devices.bay import Bay
from simulators.devices.hose import NL_PER_REV, UREV, HosedVial

HALF_UREV: Final = UREV / 2
SLACK: Final = 1e-6
"""Of a half revolution: sums of floats are no strokes."""
S_PER_H: Final = 3600.0


class State(Enum):
    """What the motor is told to do."""

    RESTING = "resting"
    BATCH = "batch"
    FEEDING = "feeding"
    PRIMING = "priming"


@dataclass(slots=True)
class Defects:
    """What is broken in this pump: a counter that stands, a motor that runs so much too fast."""

    counter_stuck: bool = False
    runaway: float = 1.0


class Motor:
    """The motor and its volatile numbers; ``key_stopped`` is the stop key, ``backwards`` ccw.

    ``revolution_nl`` is the content that it reckons with; ``unfinished_nl`` what was left of the
    last batch when it was ended early.
    """

    def __init__(self, bay: Bay, revolution_nl: float = NL_PER_REV) -> None:
        self._bay = bay
        self.half_nl = revolution_nl / 2
        self.state = State.RESTING
        self.key_stopped = False
        self.backwards = False
        self.defects = Defects()
        self.unfinished_nl = 0.0
        self._turned_urev = 0.0
        self._shown_urev = 0.0
        self._counted_from_urev = 0.0
        self._batch_from_urev = 0.0
        self._halves = 0
        self._urev_s = 0.0
        self._travel_urev = bay.drive.travel_um

    @property
    def turning(self) -> bool:
        """True while the motor is told to turn."""
        return self.state is not State.RESTING and not self.key_stopped

    @property
    def rate_nl_h(self) -> float:
        """Rate by its own reckoning."""
        return self._speed_urev_s / HALF_UREV * self.half_nl * S_PER_H if self.turning else 0.0

    @property
    def total_halves(self) -> int:
        """Whole half revolutions since it was made."""
        return _whole_halves(self._shown_urev)

    @property
    def counted_halves(self) -> int:
        """Whole half revolutions since the counter was cleared."""
        return _whole_halves(self._shown_urev - self._counted_from_urev)

    @property
    def remaining_nl(self) -> float:
        """What is left of the batch."""
        if self.state is not State.BATCH:
            return 0.0
        done = _whole_halves(self._shown_urev - self._batch_from_urev)
        return max(0, self._halves - done) * self.half_nl

    @property
    def left_nl(self) -> float:
        """What the spike still reaches in the vial that hangs on the pump; much where none does."""
        mounted = self._bay.mounted
        return mounted.left_nl if isinstance(mounted, HosedVial) else math.inf

    def begin(self, volume_nl: float, time_s: float, kept_nl: float = 0.0) -> None:
        """One batch: as many half revolutions as hold it, spread over its time.

        ``kept_nl`` comes on top, at the same rate.
        """
        self._halves = math.ceil((volume_nl + kept_nl) / self.half_nl - SLACK)
        self.unfinished_nl = 0.0
        self._batch_from_urev = self._turned_urev
        self._urev_s = volume_nl / self.half_nl * HALF_UREV / time_s
        self.state = State.BATCH if self._halves else State.RESTING
        self.turn()

    def prime(self, rate_nl_h: float) -> None:
        """Full speed until it is stopped."""
        self.turn_at(rate_nl_h, State.PRIMING)

    def turn_at(self, rate_nl_h: float, state: State = State.FEEDING) -> None:
        """Turn at a rate until it is stopped; a batch is over."""
        self.state = state
        self._urev_s = rate_nl_h / S_PER_H / self.half_nl * HALF_UREV
        self.turn()

    def halt(self) -> None:
        """Stand still; the batch is over."""
        self._count()
        self.unfinished_nl = self.remaining_nl or self.unfinished_nl
        self.state = State.RESTING
        self.turn()

    def clear(self) -> None:
        """The counter begins anew."""
        self.count_from(0.0)

    def count_from(self, counted_nl: float) -> None:
        """The counter shows so much from now on, and goes on from there."""
        self._counted_from_urev = self._shown_urev - counted_nl / self.half_nl * HALF_UREV

    def turn(self) -> None:
        """Let the drive do what the motor is told from now on."""
        self._count()
        speed = self._speed_urev_s if self.turning else 0.0
        left = self._left_urev() if self.state is State.BATCH else math.inf
        self._bay.set_speed(-speed if self.backwards else speed, left)

    def advance(self, now_ns: int) -> None:
        """Turn until ``now_ns``, or until the batch is done."""
        ends_ns = self._ends_ns()
        if ends_ns is not None and ends_ns <= now_ns:
            self._bay.process(ends_ns)
            self._count()
            self.halt()
        self._bay.process(now_ns)
        self._count()

    def _ends_ns(self) -> int | None:
        if self.state is not State.BATCH or not self.turning or self._bay.drive.stalled:
            return None
        left_urev = max(0.0, self._left_urev() - SLACK * HALF_UREV)
        return self._bay.now_ns + math.ceil(left_urev / self._speed_urev_s * 1e9)

    @property
    def _speed_urev_s(self) -> float:
        return self._urev_s * self.defects.runaway

    def _left_urev(self) -> float:
        """How far the batch turns yet."""
        return self._batch_from_urev + self._halves * HALF_UREV - self._turned_urev

    def _count(self) -> None:
        travel = self._bay.drive.travel_um
        turned_urev = abs(travel - self._travel_urev)
        self._turned_urev += turned_urev
        if not self.defects.counter_stuck:
            self._shown_urev += turned_urev
        self._travel_urev = travel


def _whole_halves(turned_urev: float) -> int:
    return math.floor(turned_urev / HALF_UREV + SLACK)
