"""The NE-1000's program: which phase runs, how fast the screw turns, what the counters say.

Moves the room's drive by the programmed diameter. It counts its own motor, never the true flow, so
a wrong syringe makes a wrong flow and a right counter.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from simulators.devices.bay import Bay
from simulators.devices.new_era_settings import PHASES, ROLL_OVER, Phase, Settings


class State(Enum):
    """What the pump does; the value is its prompt, except that a rate phase says I or W."""

    STOPPED = "S"
    PAUSED = "P"
    RUNNING = "I"
    PURGING = "X"


@dataclass(slots=True)
class Defects:
    """What is broken in this pump: a counter that stands, a motor that runs so much too fast."""

    counter_stuck: bool = False
    runaway: float = 1.0


class Program:
    """The running program and the volatile numbers that a power cut takes away."""

    def __init__(self, bay: Bay, settings: Settings, defects: Defects | None = None) -> None:
        self._bay = bay
        self._defects = defects or Defects()
        self._settings = settings
        self.state = State.STOPPED
        self.number = 1
        self.live_rate: Decimal | None = None
        self.counted_nl = {"INF": 0.0, "WDR": 0.0}
        self._done_nl = 0.0
        self._travel_um = bay.drive.travel_um
        self._ends_ns: int | None = None

    @property
    def moving(self) -> bool:
        """True while the motor is told to turn."""
        return self.state in (State.RUNNING, State.PURGING)

    @property
    def prompt(self) -> str:
        """The status letter."""
        withdraws = self.state is State.RUNNING and self._direction() == "WDR"
        return "W" if withdraws else self.state.value

    @property
    def phase(self) -> Phase:
        """The phase in which the program is."""
        return self._settings.phase(self.number)

    @property
    def rate(self) -> Decimal:
        """Rate of that phase, with what was changed while pumping."""
        return self.phase.rate if self.live_rate is None else self.live_rate

    def run(self, number: int | None) -> str | None:
        """Resume a pause, or begin at ``number`` or phase 1; an alarm letter if it cannot."""
        if self.state is State.PAUSED and number is None:
            self.state = State.RUNNING
            self._turn()
            return None
        return self._enter(number or 1)

    def purge(self) -> None:
        """Run at full speed till stopped."""
        self.state, self._ends_ns = State.PURGING, None
        self._bay.set_speed(self._settings.meanings.fastest_um_s * self._sign())

    def pause(self) -> None:
        """First STP: stand still, keep the place in the program. A purge just ends."""
        self.state = State.PAUSED if self.state is State.RUNNING else State.STOPPED
        self._halt()

    def reset(self) -> None:
        """Second STP, an alarm or the program's end: the next RUN begins with the whole VOL."""
        self.state, self.number, self._done_nl, self.live_rate = State.STOPPED, 1, 0.0, None
        self._halt()

    def change_rate(self, rate: Decimal) -> None:
        """New rate for the running phase; it is not stored."""
        self.live_rate = rate
        self._turn()

    def feel_defects(self) -> None:
        """Let the motor turn as its defects have it from now on."""
        if self.state is State.RUNNING:
            self._turn()

    def change_direction(self) -> None:
        """Take the phase's new direction at once."""
        self._turn()

    def advance(self, now_ns: int) -> str | None:
        """Let the screw turn until ``now_ns``, through phase ends; an alarm letter or None."""
        while True:
            ends = self._ends_ns
            until = now_ns if ends is None else min(now_ns, ends)
            self._bay.process(until)
            self._count()
            if self.moving and self._bay.drive.stalled:
                self.reset()
                return "S"
            if ends is None or ends > now_ns:
                return None
            alarm = self._finish()
            if alarm:
                return alarm

    def quiet(self, now_ns: int) -> bool:
        """True if neither a phase's end nor a stall comes before ``now_ns``, a second at most."""
        if not self.moving:
            return True
        return self._bay.steady and (self._ends_ns is None or self._ends_ns > now_ns)

    def _enter(self, number: int) -> str | None:
        self.reset()
        if number > PHASES:
            return "O"
        self.number = number
        if self.phase.function == "STP":
            self.reset()
            return None
        if not self._settings.attainable(self.phase.rate, self.phase.rate_unit):
            self.reset()
            return "E"
        self.state = State.RUNNING
        self._turn()
        return None

    def _finish(self) -> str | None:
        """The target is reached: make the counter say so exactly, go on with the next phase."""
        if not self._defects.counter_stuck:
            self.counted_nl[self._direction()] += self._target_nl() - self._done_nl
        return self._enter(self.number + 1)

    def _turn(self) -> None:
        told = self._settings.speed_um_s(self.rate, self.phase.rate_unit)
        speed = told * self._defects.runaway
        self._travel_um = self._bay.drive.travel_um
        self._bay.set_speed(speed * self._sign())
        left_nl = self._target_nl() - self._done_nl
        seconds = left_nl / (speed * self._settings.area_mm2)
        endless = self._target_nl() == 0
        self._ends_ns = None if endless else self._bay.now_ns + math.ceil(seconds * 1e9)

    def _halt(self) -> None:
        self._bay.set_speed(0.0)
        self._ends_ns = None

    def _count(self) -> None:
        travel_um = abs(self._bay.drive.travel_um - self._travel_um)
        if travel_um == 0.0:
            return
        turned = travel_um * self._settings.area_mm2
        self._travel_um = self._bay.drive.travel_um
        self._done_nl += turned
        if self._defects.counter_stuck:
            return
        roll_over_nl = ROLL_OVER * self._settings.unit_nl
        counted = self.counted_nl[self._direction()] + turned
        self.counted_nl[self._direction()] = counted % roll_over_nl

    def _target_nl(self) -> float:
        return float(self.phase.volume) * self._settings.unit_nl

    def _direction(self) -> str:
        return "WDR" if self.phase.direction == "WDR" else "INF"

    def _sign(self) -> int:
        return -1 if self._direction() == "WDR" else 1
