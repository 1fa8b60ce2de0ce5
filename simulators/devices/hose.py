"""A vented vial with its pump hose: what a roller pump draws from and pushes out. Knows no clock.

It stands in the room where a syringe stands, so it answers to the same words: travel of the drive
is in millionths of a revolution, ``swept_nl`` is the fluid less what the rollers have pressed
together before the tip. Volumes are nL, pressures kPa over atmosphere.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from simulators.devices.plumbing import VACUUM_KPA, Fluid

NL_PER_REV: Final = 20_000.0
"""Content of a revolution of a new hose."""
UREV: Final = 1e6
"""Millionths of a revolution in one."""
PULSES: Final = 2
"""Rollers: the flow dips as often in a revolution."""
SWING: Final = 0.8
"""By which share of its mean the flow swings; at 1 it would stop once a pulse."""
BLOCKED_KPA: Final = 300.0
"""The motor goes no further against this."""
SUCTION_KPA: Final = 60.0
"""A hose springs back against no more; what it then lacks is air drawn past its joints."""
AIR_KPA: Final = 101.0


@dataclass(slots=True)
class HosedVial:
    """One vial on one hose: what they are (the first fields) and how they stand (the rest).

    ``nl_per_rev`` is what a revolution of this hose gives when new; it loses the share
    ``wear_per_rev`` of that with each. ``hub_nl`` is what the spike cannot reach, ``gap_um`` how
    far the rollers turn until a dry hose is full; there is no play and no bore. Without a vent
    (``vented``) its head space falls under atmosphere as it empties. ``loose_spike`` is the share
    of air in what it draws past a spike that does not hold. ``air_nl`` is all air that left by the
    tip.
    """

    name: str
    capacity_nl: float
    nl_per_rev: float = NL_PER_REV
    compliance_nl_kpa: float = 200.0
    hub_nl: float = 300_000.0
    wear_per_rev: float = 1e-8
    vented: bool = True
    loose_spike: float = 0.0
    gap_um: float = 0.0
    play_um: float = 0.0
    diameter_mm: float = 0.0
    turned_urev: float = 0.0
    fluid: Fluid = field(default_factory=Fluid)
    drawn_nl: float = 0.0
    stored_nl: float = 0.0
    displaced_nl: float = 0.0
    air_nl: float = 0.0
    expelled: Fluid = field(default_factory=Fluid)

    @property
    def area_mm2(self) -> float:
        """Mean content of a millionth of a revolution, nL."""
        return self.nl_per_rev * self._worn / UREV

    @property
    def swept_nl(self) -> float:
        """Fluid before the rollers."""
        return self.fluid.volume_nl - self.stored_nl

    @property
    def pressure_kpa(self) -> float:
        """Pressure between rollers and tip."""
        return max(self.stored_nl / self.compliance_nl_kpa, VACUUM_KPA)

    @property
    def empty(self) -> bool:
        """True if the spike reaches nothing any more."""
        return self.swept_nl <= self.hub_nl

    @property
    def left_nl(self) -> float:
        """Fluid that the spike still reaches."""
        return max(0.0, self.swept_nl - self.hub_nl)

    @property
    def _worn(self) -> float:
        return max(0.0, 1.0 - self.wear_per_rev * abs(self.turned_urev) / UREV)

    @property
    def air_share(self) -> float:
        """Share of air in what the hose draws now."""
        if self.empty:
            return 1.0
        if self.vented:
            return self.loose_spike
        head_nl = max(self.capacity_nl - self.fluid.volume_nl - self.drawn_nl, 1.0)
        suction_kpa = AIR_KPA * self.drawn_nl / (head_nl + self.drawn_nl)
        return min(1.0, self.loose_spike + suction_kpa / SUCTION_KPA)

    def steady(self, travel_um: float) -> bool:
        """True if nothing but pulses can happen within ``travel_um`` against an open path."""
        free = self.pressure_kpa < BLOCKED_KPA / 2
        return free and self.vented and self.left_nl > 2 * travel_um * self.area_mm2

    def fill(self, fluid: Fluid) -> None:
        """Put ``fluid`` into the vial. Raises ValueError over capacity."""
        if self.fluid.volume_nl + fluid.volume_nl > self.capacity_nl:
            raise ValueError(f"{self.name} holds {self.capacity_nl:.0f} nL at most")
        self.fluid.add(fluid)

    def relax(self) -> None:
        """Open the rollers: nothing is pressed together any more."""
        self.stored_nl = 0.0

    def push(self, travel_um: float, _stall_n: float) -> bool:
        """Turn by ``travel_um`` millionths of a revolution; False if the motor would not go."""
        if travel_um > 0 and self.pressure_kpa >= BLOCKED_KPA:
            return False
        closed = min(self.gap_um, max(travel_um, 0.0))
        self.gap_um -= closed
        begin = self.turned_urev + closed
        self.turned_urev += travel_um
        moved_nl = self._swept(self.turned_urev) - self._swept(begin)
        moved_nl = max(moved_nl, VACUUM_KPA * self.compliance_nl_kpa - self.stored_nl)
        self.stored_nl += moved_nl
        self.displaced_nl += moved_nl
        self.drawn_nl += max(0.0, moved_nl)
        return True

    def follow_suction(self) -> None:
        """Nothing: the rollers close the hose, so that suction draws nothing through it."""

    def expel(self, volume_nl: float) -> Fluid:
        """What leaves by the tip: fluid, and air where the vial gave none. ``air_nl`` has it."""
        volume_nl = max(0.0, volume_nl)
        wanted_nl = volume_nl * (1.0 - self.air_share)
        part = self.fluid.take(min(wanted_nl, max(0.0, self.fluid.volume_nl - self.hub_nl)))
        self.expelled.add(part)
        air_nl = volume_nl - part.volume_nl
        self.air_nl += air_nl
        self.stored_nl -= volume_nl
        return Fluid(volume_nl, part.activity_bq)

    def _swept(self, turned_urev: float) -> float:
        """Volume that the rollers have moved at a position, nL, pulses and wear included."""
        turn = turned_urev / UREV
        pulse = SWING * math.sin(2 * math.pi * PULSES * turn) / (2 * math.pi * PULSES)
        return self.nl_per_rev * self._worn * (turn - pulse)
