"""The room as one world: pump drive, syringes, line, patient, pad and vial, moved by ``process``.

It knows no firmware and has no clock: every caller states the time, and asking for the same time
twice does nothing. What hands do is in ``hands.py``, what is true in ``truth.py``.
"""

import random
from dataclasses import dataclass
from typing import Final, Literal

from simulators.devices.bay import STEADY_STEP_NS, Drive
from simulators.devices.bay import Bay as Bay  # noqa: PLC0414
from simulators.devices.bay import Container as Container  # noqa: PLC0414
from simulators.devices.bay import Move as Move  # noqa: PLC0414
from simulators.devices.chamber import Chamber, WellItem
from simulators.devices.hose import HosedVial
from simulators.devices.nuclides import decay_factor
from simulators.devices.plumbing import Fluid, Line

STEP_NS: Final = 50_000_000
"""Length of the inner steps while anything changes; between them the equations are solved exactly.
"""
DROP_NL: Final = 10_000.0
"""What hangs visibly at a syringe tip."""

LineEnd = Literal["patient", "prime", "waste"]


@dataclass(slots=True)
class Surroundings:
    """What a particular room is like; each default is a plain ward's.

    ``stall_n``: NE-1000 drives stall at 18-35 lbf = 80-156 N (pumps.md 1.8): with 5.5 uL/kPa that
    stores 0.74 mL at 80 N, the post-occlusion bolus of 0.6-0.9 mL (treatment.md 4). ``head_kpa`` is
    9.8 per metre of drop; ``resistance_kpa_h_ml`` is the line's and cannula's together; ``leak`` is
    the share of the flow that runs out where line and tip are joined. ``kinked`` shuts the line;
    ``drive_gain`` is how far the block really goes for each um of the screw. ``hose_torn`` is the
    share of what a hose gives that runs into the pump's housing.
    """

    stall_n: float = 80.0
    resistance_kpa_h_ml: float = 0.03
    venous_kpa: float = 1.3
    head_kpa: float = 0.0
    leak: float = 0.0
    drive_jammed: bool = False
    kinked: bool = False
    drive_gain: float = 1.0
    hose_torn: float = 0.0


class Room:
    """Everything with a volume or an activity in it, and the two devices' hardware.

    Activities inside are Bq at time 0; ``decay`` turns them into now. ``supplied`` is all that
    hands ever brought in, so the sum over the places must equal it at every moment; ``pushed_nl``
    what hands pushed out of a syringe into the line.
    """

    def __init__(
        self, seed: int, line_dead_nl: float = 1_500_000.0, nuclide: str = "I131", start_ns: int = 0
    ) -> None:
        self.random = random.Random(seed)
        self.nuclide = nuclide
        self.start_ns = self.now_ns = start_ns
        self.surroundings = Surroundings()
        self.bay = Bay(self, start_ns)
        self.second: Bay | None = None
        self.syringes: dict[str, Container] = {}
        self.line = Line(line_dead_nl)
        self.clamp_open = False
        self.line_end: LineEnd = "waste"
        self.places = {name: Fluid() for name in ("vial", "transfer", "patient", "prime", "waste")}
        self.supplied = Fluid(line_dead_nl)
        self.pushed_nl = 0.0
        self.well: list[str] = []
        self.well_factor: dict[str, float] = {}
        self.sources: dict[str, tuple[str, float]] = {}
        self.chamber = Chamber(random.Random(self.random.getrandbits(64)), start_ns)

    @property
    def decay(self) -> float:
        """Share of the room's nuclide that is left since time 0."""
        return decay_factor(self.nuclide, self.now_ns - self.start_ns)

    def process(self, now_ns: int) -> None:
        """Advance everything to ``now_ns``; a time already passed is ignored."""
        while self.now_ns < now_ns:
            until = now_ns
            if not all(bay.resting for bay in self.bays):
                length_ns = STEADY_STEP_NS if self.steady else STEP_NS
                until = (self.now_ns // length_ns + 1) * length_ns
            self._step(min(until, now_ns))
        if self.chamber.due(self.now_ns):
            self.chamber.process(self.now_ns, self.well_items())

    @property
    def bays(self) -> tuple[Bay, ...]:
        """Every pump's place."""
        return (self.bay,) if self.second is None else (self.bay, self.second)

    def add_pump(self) -> Bay:
        """A place for a second pump, its branch of the Y-piece not joined yet."""
        self.second = Bay(self, self.now_ns)
        return self.second

    @property
    def drive(self) -> Drive:
        """The drug pump's."""
        return self.bay.drive

    @property
    def mounted(self) -> Container | None:
        """The syringe in the drug pump."""
        return self.bay.mounted

    @property
    def line_joined(self) -> bool:
        """True if the line, or its branch, is joined to the drug pump's syringe."""
        return self.bay.line_joined

    @property
    def tip_nl(self) -> float:
        """What has left the tip of the drug pump's syringe since it was mounted, unjoined."""
        return self.bay.tip_nl

    @property
    def moves(self) -> list[Move]:
        """What the drug pump's plunger did."""
        return self.bay.moves

    @property
    def plunger_um_s(self) -> float:
        """How fast the drug pump's plunger goes."""
        return self.bay.plunger_um_s

    @property
    def outflow_nl_s(self) -> float:
        """What leaves the tips together."""
        return sum(bay.outflow_nl_s for bay in self.bays)

    @property
    def displaced_nl(self) -> float:
        """Travel of all plungers."""
        return sum(bay.displaced_nl for bay in self.bays)

    def mean_plunger_nl_s(self) -> float:
        """The faster plunger's flow as the mean of the last 60 s, nL/s."""
        return max(bay.mean_plunger_nl_s() for bay in self.bays)

    @property
    def steady(self) -> bool:
        """True if nothing changes for ``STEADY_STEP_NS``, if nobody lays hands on it."""
        moving = [bay for bay in self.bays if not bay.resting]
        return bool(moving) and all(bay.steady for bay in moving)

    def set_speed(self, speed_um_s: float) -> None:
        """Ask the drug pump's drive for a block speed in um/s."""
        self.bay.set_speed(speed_um_s)

    def well_items(self) -> list[WellItem]:
        """What the chamber sees now, decayed."""
        return [self._well_item(name) for name in self.well]

    def fluid_of(self, name: str) -> Fluid:
        """The fluid in a place, the line or a syringe; KeyError names one that does not exist."""
        if name == "line":
            return self.line.content
        return self.syringes[name].fluid if name in self.syringes else self.places[name]

    def _well_item(self, name: str) -> WellItem:
        factor = self.well_factor.get(name, 1.0)
        if name in self.sources:
            nuclide, activity = self.sources[name]
            left = decay_factor(nuclide, self.now_ns - self.start_ns)
            return WellItem(nuclide, activity * left, factor)
        return WellItem(self.nuclide, self.fluid_of(name).activity_bq * self.decay, factor)

    def _step(self, until_ns: int) -> None:
        begin_ns, self.now_ns = self.now_ns, until_ns
        for bay in self.bays:
            bay.step(begin_ns)

    def squeeze(self, container: Container, volume_nl: float) -> Fluid:
        """What leaves by a container's tip. Air among it was brought in by nobody: it is supplied.

        What a torn hose loses runs into the housing.
        """
        air_before = container.air_nl
        out = container.expel(volume_nl)
        self.supplied.add(Fluid(container.air_nl - air_before))
        if isinstance(container, HosedVial) and self.surroundings.hose_torn:
            self.places["waste"].add(out.take(out.volume_nl * self.surroundings.hose_torn))
        return out

    def pour(self, fluid: Fluid) -> None:
        """Send what left a joined tip through the line to where it leads."""
        if self.surroundings.leak:
            self.places["waste"].add(fluid.take(fluid.volume_nl * self.surroundings.leak))
        self.places[self.line_end].add(self.line.pour(fluid))
