"""Fluids, a syringe and a line: what moves when a plunger is pushed. Knows no pump and no clock.

Activities here are stated as of the room's time zero, so that moving fluid conserves them exactly;
the room multiplies by the decay that has passed. Volumes are nL, lengths um, pressures kPa over
atmosphere, times s, all floats: this is physics, not a record.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

VACUUM_KPA: Final = -95.0
"""Below this a closed syringe pulls a bubble of vapour instead of more suction."""
STANDING_NL: Final = 1e-3
"""Less than a pL out of balance is standing still."""


@dataclass(slots=True)
class Fluid:
    """An amount of fluid and the activity in it (Bq at the room's time zero)."""

    volume_nl: float = 0.0
    activity_bq: float = 0.0

    def take(self, volume_nl: float) -> "Fluid":
        """Remove ``volume_nl`` (at most what is there) with its share of the activity."""
        if volume_nl >= self.volume_nl:
            part = Fluid(self.volume_nl, self.activity_bq)
            self.volume_nl = self.activity_bq = 0.0
            return part
        part = Fluid(volume_nl, self.activity_bq * (volume_nl / self.volume_nl))
        self.volume_nl -= part.volume_nl
        self.activity_bq -= part.activity_bq
        return part

    def add(self, other: "Fluid") -> None:
        """Pour ``other`` in; it is mixed at once."""
        self.volume_nl += other.volume_nl
        self.activity_bq += other.activity_bq


@dataclass(slots=True)
class Syringe:
    """One syringe: what it is (the first fields) and how its plunger stands (the rest).

    The barrel's geometric volume ``swept_nl`` (hub included) and the fluid in it differ by what the
    stopper and walls store at a pressure, so ``pressure_kpa`` follows from the two.
    ``gap_um`` is the air between pusher block and plunger; nothing moves until it is closed.
    ``play_um`` is how far the plunger may run ahead of the block (the retainer's play): 0.9 mm is
    the 0.5 mL of a 120 cm siphon in a 60 mL syringe (treatment.md 4). A plunger gives no air.
    """

    name: str
    diameter_mm: float
    capacity_nl: float
    compliance_nl_kpa: float = 5500.0
    hub_nl: float = 70_000.0
    friction_n: float = 5.0
    gap_um: float = 0.0
    play_um: float = 0.0
    fluid: Fluid = field(default_factory=Fluid)
    swept_nl: float = 0.0
    displaced_nl: float = 0.0
    air_nl: float = 0.0
    expelled: Fluid = field(default_factory=Fluid)

    @property
    def area_mm2(self) -> float:
        """Bore area; also the nL swept by one um of plunger."""
        return math.pi * self.diameter_mm**2 / 4.0

    @property
    def pressure_kpa(self) -> float:
        """Pressure from what is stored; suction ends at ``VACUUM_KPA``."""
        stored = (self.fluid.volume_nl - self.swept_nl) / self.compliance_nl_kpa
        return max(stored, VACUUM_KPA)

    @property
    def force_n(self) -> float:
        """Force on the pusher block while it moves the plunger forward."""
        return self.pressure_kpa * self.area_mm2 * 1e-3 + self.friction_n

    def fill(self, fluid: Fluid) -> None:
        """Draw ``fluid`` in by hand; the plunger ends relaxed. Raises ValueError over capacity."""
        if self.fluid.volume_nl + fluid.volume_nl > self.capacity_nl:
            raise ValueError(f"{self.name} holds {self.capacity_nl:.0f} nL at most")
        self.fluid.add(fluid)
        self.swept_nl = self.fluid.volume_nl

    def relax(self) -> None:
        """Let go of the plunger: it moves back until nothing is stored."""
        self.swept_nl = self.fluid.volume_nl

    def push(self, travel_um: float, stall_n: float) -> bool:
        """Move the block by ``travel_um`` (negative withdraws); False if it would not go.

        It will not go when the plunger has met the barrel's end or the force exceeds ``stall_n``.
        """
        if travel_um < 0:
            self._pull(-travel_um)
            return True
        closed = min(self.gap_um, travel_um)
        advance_nl = (travel_um - closed) * self.area_mm2
        if advance_nl > 0 and (self.force_n >= stall_n or self.swept_nl - advance_nl < self.hub_nl):
            return False
        self.gap_um -= closed
        self._advance(advance_nl)
        return True

    def _pull(self, travel_um: float) -> None:
        opened = min(max(self.play_um - self.gap_um, 0.0), travel_um)
        self.gap_um += opened
        back_nl = (travel_um - opened) * self.area_mm2
        self._advance(-min(back_nl, max(self.capacity_nl - self.swept_nl, 0.0)))

    def _advance(self, volume_nl: float) -> None:
        self.swept_nl -= volume_nl
        self.displaced_nl += volume_nl

    def follow_suction(self) -> None:
        """Let suction pull the plunger ahead of the block, as far as friction and play allow."""
        room_nl = (self.play_um - self.gap_um) * self.area_mm2
        holds_kpa = self.friction_n / (self.area_mm2 * 1e-3)
        wanted_nl = (-self.pressure_kpa - holds_kpa) * self.compliance_nl_kpa
        moved_nl = min(wanted_nl, room_nl, self.swept_nl - self.hub_nl)
        if moved_nl > 0:
            self.gap_um += moved_nl / self.area_mm2
            self._advance(moved_nl)

    def expel(self, volume_nl: float) -> Fluid:
        """Fluid that leaves by the tip."""
        part = self.fluid.take(max(0.0, min(volume_nl, self.fluid.volume_nl)))
        self.expelled.add(part)
        return part


class Pressed(Protocol):
    """What pushes on a path: a syringe, or a hose between rollers and tip."""

    compliance_nl_kpa: float

    @property
    def pressure_kpa(self) -> float:
        """Pressure before the tip."""


@dataclass(slots=True)
class Path:
    """Where the tip leads: resistance, and the pressure at the far end less the siphon's head."""

    resistance_kpa_s_nl: float
    back_kpa: float

    def outflow_nl(self, syringe: Pressed, pushed_nl: float, dt_s: float) -> float:
        """Volume out of the tip in ``dt_s`` while ``pushed_nl`` is swept, exact for a steady push.

        An anti-reflux valve (or the air at an open tip) lets nothing come back.
        """
        compliance = syringe.compliance_nl_kpa
        start = syringe.pressure_kpa - pushed_nl / compliance
        aim = pushed_nl / dt_s * self.resistance_kpa_s_nl + self.back_kpa
        left = math.exp(-dt_s / (self.resistance_kpa_s_nl * compliance))
        end = aim + (start - aim) * left
        return max(0.0, pushed_nl - compliance * (end - start))

    def at_rest(self, syringe: Pressed) -> bool:
        """True if nothing more leaves while the plunger stands."""
        excess = (syringe.pressure_kpa - self.back_kpa) * syringe.compliance_nl_kpa
        return excess < STANDING_NL


class Line:
    """A full line from syringe tip to vein: plug flow in equal cells with a little axial mixing.

    Fluid enters a filling cell and leaves a draining one; when a cell has filled, all move on and
    neighbours exchange the share ``mixing`` of their activity.
    """

    def __init__(self, dead_nl: float, cells: int = 50, mixing: float = 0.05) -> None:
        self.dead_nl = dead_nl
        self._mixing = mixing
        self._cell_nl = dead_nl / cells
        self._inlet = Fluid()
        self._cells: deque[Fluid] = deque(Fluid(self._cell_nl) for _ in range(cells))

    @property
    def content(self) -> Fluid:
        """Everything in the line now."""
        parts = [self._inlet, *self._cells]
        return Fluid(sum(p.volume_nl for p in parts), sum(p.activity_bq for p in parts))

    def pour(self, fluid: Fluid) -> Fluid:
        """Push ``fluid`` in at the tip's end; returns the same volume from the far end."""
        out = Fluid()
        while fluid.volume_nl > 0:
            part = fluid.take(self._cell_nl - self._inlet.volume_nl)
            out.add(self._drain(part.volume_nl))
            self._inlet.add(part)
            if self._inlet.volume_nl >= self._cell_nl * (1 - 1e-12):
                self._move_on()
        return out

    def drain_all(self) -> Fluid:
        """Empty the line (it is thrown away); it is then full of saline again, a new one."""
        content = self.content
        self._inlet = Fluid()
        self._cells = deque(Fluid(self._cell_nl) for _ in self._cells)
        return content

    def _drain(self, volume_nl: float) -> Fluid:
        out = Fluid()
        while volume_nl > STANDING_NL * 1e-6 and self._cells:
            part = self._cells[-1].take(volume_nl)
            volume_nl -= part.volume_nl
            out.add(part)
            if self._cells[-1].volume_nl <= 0:
                self._cells.pop()
        return out

    def _move_on(self) -> None:
        self._cells.appendleft(self._inlet)
        self._inlet = Fluid()
        near = self._cells[0]
        held = near.activity_bq / near.volume_nl if near.volume_nl else 0.0
        for far in islice(self._cells, 1, None):
            next_held = far.activity_bq / far.volume_nl if far.volume_nl else 0.0
            shared = near.volume_nl if near.volume_nl < far.volume_nl else far.volume_nl
            moved = self._mixing * shared * (held - next_held)
            near.activity_bq -= moved
            far.activity_bq += moved
            near, held = far, next_held
