"""The room as one world: pump drive, syringes, line, patient, pad and vial, moved by ``process``.

It knows no firmware and has no clock: every caller states the time, and asking for the same time
twice does nothing. What hands do is in ``hands.py``, what is true in ``truth.py``.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from simulators.devices.chamber import Chamber, WellItem
from simulators.devices.hose import HosedVial
from simulators.devices.nuclides import decay_factor
from simulators.devices.plumbing import Fluid, Line, Path, Syringe

STEP_NS: Final = 50_000_000
"""Length of the inner steps while anything changes; between them the equations are solved exactly.
"""
STEADY_STEP_NS: Final = 1_000_000_000
"""Length of a step while what is pushed is what flows: nothing can change inside it."""
STEADY_SHARE: Final = 1e-4
"""Push and flow that differ by less are steady."""
FAR_FROM_STALL: Final = 0.9
MEAN_WINDOW_NS: Final = 60_000_000_000
SAMPLE_NS: Final = 1_000_000_000
OPEN_TIP_KPA_S_NL: Final = 1e-6
DROP_NL: Final = 10_000.0
"""What hangs visibly at a syringe tip."""

LineEnd = Literal["patient", "prime", "waste"]
Container = Syringe | HosedVial
"""What a pump pushes drug or saline out of."""


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


@dataclass(slots=True)
class Drive:
    """The pump's lead screw: speed asked of it, how far it has gone, whether it would not go.

    For rollers a um stands for a millionth of a revolution.
    """

    speed_um_s: float = 0.0
    travel_um: float = 0.0
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """From ``at_ns`` until the next one the plunger went at ``flow_nl_s``, the tip leading there.

    ``displaced_nl`` is the travel of all plungers until then, ``out_nl`` what had left the tip of
    ``syringe`` (the mounted one, or "") by then, ``to`` where that tip leads.
    """

    at_ns: int
    flow_nl_s: float
    displaced_nl: float
    syringe: str
    out_nl: float
    to: str


class Room:
    """Everything with a volume or an activity in it, and the two devices' hardware.

    Activities inside are Bq at time 0; ``decay`` turns them into now. ``supplied`` is all that
    hands ever brought in, so the sum over the places must equal it at every moment.
    """

    def __init__(
        self, seed: int, line_dead_nl: float = 1_500_000.0, nuclide: str = "I131", start_ns: int = 0
    ) -> None:
        self.random = random.Random(seed)
        self.nuclide = nuclide
        self.start_ns = self.now_ns = start_ns
        self.surroundings = Surroundings()
        self.drive = Drive()
        self.syringes: dict[str, Container] = {}
        self.mounted: Container | None = None
        self.line = Line(line_dead_nl)
        self.line_joined = False
        self.clamp_open = False
        self.line_end: LineEnd = "waste"
        self.places = {name: Fluid() for name in ("vial", "transfer", "patient", "prime", "waste")}
        self.supplied = Fluid(line_dead_nl)
        self.well: list[str] = []
        self.well_factor: dict[str, float] = {}
        self.sources: dict[str, tuple[str, float]] = {}
        self.chamber = Chamber(random.Random(self.random.getrandbits(64)), start_ns)
        self.tip_nl = 0.0
        self.plunger_um_s = self.outflow_nl_s = 0.0
        self.displaced_nl = 0.0
        self.history: deque[tuple[int, float]] = deque([(start_ns, 0.0)])
        self.moves: list[Move] = [Move(start_ns, 0.0, 0.0, "", 0.0, "")]

    @property
    def decay(self) -> float:
        """Share of the room's nuclide that is left since time 0."""
        return decay_factor(self.nuclide, self.now_ns - self.start_ns)

    def process(self, now_ns: int) -> None:
        """Advance everything to ``now_ns``; a time already passed is ignored."""
        while self.now_ns < now_ns:
            until = now_ns
            if not self._resting():
                length_ns = STEADY_STEP_NS if self.steady else STEP_NS
                until = (self.now_ns // length_ns + 1) * length_ns
            self._step(min(until, now_ns))
        if self.chamber.due(self.now_ns):
            self.chamber.process(self.now_ns, self.well_items())

    def set_speed(self, speed_um_s: float) -> None:
        """Ask the drive for a block speed in um/s (negative withdraws); a stall is forgotten."""
        self.drive.speed_um_s = speed_um_s
        self.drive.stalled = False

    def well_items(self) -> list[WellItem]:
        """What the chamber sees now, decayed."""
        return [self._well_item(name) for name in self.well]

    def fluid_of(self, name: str) -> Fluid:
        """The fluid in a place, the line or a syringe; KeyError names one that does not exist."""
        if name == "line":
            return self.line.content
        return self.syringes[name].fluid if name in self.syringes else self.places[name]

    def mean_plunger_nl_s(self) -> float:
        """Plunger flow as the mean of the last 60 s (less while younger), nL/s."""
        begin = max(self.now_ns - MEAN_WINDOW_NS, self.start_ns)
        if begin >= self.now_ns:
            return 0.0
        return (self.displaced_nl - self._displaced_at(begin)) / (self.now_ns - begin) * 1e9

    def _displaced_at(self, at_ns: int) -> float:
        before = self.history[0]
        for sample in (*self.history, (self.now_ns, self.displaced_nl)):
            if sample[0] > at_ns:
                share = (at_ns - before[0]) / (sample[0] - before[0])
                return before[1] + share * (sample[1] - before[1])
            before = sample
        return before[1]

    def _well_item(self, name: str) -> WellItem:
        factor = self.well_factor.get(name, 1.0)
        if name in self.sources:
            nuclide, activity = self.sources[name]
            left = decay_factor(nuclide, self.now_ns - self.start_ns)
            return WellItem(nuclide, activity * left, factor)
        return WellItem(self.nuclide, self.fluid_of(name).activity_bq * self.decay, factor)

    def _path(self) -> Path | None:
        """Where the mounted syringe's tip leads, or None against a closed clamp."""
        if not self.line_joined:
            return Path(OPEN_TIP_KPA_S_NL, 0.0)
        around = self.surroundings
        if not self.clamp_open or around.kinked:
            return None
        venous = around.venous_kpa if self.line_end == "patient" else 0.0
        resistance = around.resistance_kpa_h_ml * 3600.0 / 1e6
        return Path(resistance, venous - around.head_kpa)

    def _resting(self) -> bool:
        if self.mounted is None:
            return True
        if self.drive.speed_um_s != 0.0 and not self.drive.stalled:
            return False
        path = self._path()
        return path is None or path.at_rest(self.mounted)

    @property
    def steady(self) -> bool:
        """True if the drive turns as it did, what it pushes flows, and neither end is near.

        So it stays for ``STEADY_STEP_NS``, if nobody lays hands on it.
        """
        syringe, path = self.mounted, self._path()
        if syringe is None or path is None or self.plunger_um_s <= 0.0 or syringe.gap_um > 0.0:
            return False
        if isinstance(syringe, HosedVial):
            return syringe.steady(self.drive.speed_um_s * STEADY_STEP_NS / 1e9)
        pushed_nl_s = self.drive.speed_um_s * syringe.area_mm2
        if abs(self.plunger_um_s - self.drive.speed_um_s) > STEADY_SHARE * self.drive.speed_um_s:
            return False
        far = syringe.swept_nl - syringe.hub_nl > pushed_nl_s * STEADY_STEP_NS / 1e9
        free = syringe.force_n < FAR_FROM_STALL * self.surroundings.stall_n
        aim_kpa = pushed_nl_s * path.resistance_kpa_s_nl + path.back_kpa
        settled = abs(aim_kpa - syringe.pressure_kpa) * syringe.compliance_nl_kpa
        return far and free and settled < STEADY_SHARE * pushed_nl_s

    def _step(self, until_ns: int) -> None:
        begin_ns, begin_nl = self.now_ns, self.displaced_nl
        dt_s = (until_ns - begin_ns) / 1e9
        self.now_ns = until_ns
        before = 0.0 if self.mounted is None else self.mounted.displaced_nl
        self._turn_screw(dt_s)
        self.plunger_um_s = self.outflow_nl_s = 0.0
        if self.mounted is not None:
            self._let_flow(self.mounted, before, dt_s)
        self._note_move(begin_ns, begin_nl, dt_s)
        if self.now_ns - self.history[-1][0] >= SAMPLE_NS or self.mounted is None:
            self._remember()

    def _note_move(self, begin_ns: int, begin_nl: float, dt_s: float) -> None:
        """Keep it if the step just done went otherwise than the one before it."""
        flow_nl_s = (self.displaced_nl - begin_nl) / dt_s
        last, syringe, to = self.moves[-1], self.mounted, self._leads_to()
        name = "" if syringe is None else syringe.name
        same = abs(flow_nl_s - last.flow_nl_s) <= STEADY_SHARE * abs(last.flow_nl_s)
        if not same or name != last.syringe or to != last.to:
            done_nl = self.outflow_nl_s * dt_s
            out_nl = 0.0 if syringe is None else syringe.expelled.volume_nl - done_nl
            self.moves.append(Move(begin_ns, flow_nl_s, begin_nl, name, out_nl, to))

    def _leads_to(self) -> str:
        """Where the tip of the mounted syringe leads: nowhere, "open", "closed" or a line's end."""
        if self.mounted is None:
            return ""
        if not self.line_joined:
            return "open"
        return self.line_end if self.clamp_open else "closed"

    def _turn_screw(self, dt_s: float) -> None:
        travel = self.drive.speed_um_s * dt_s
        if self.drive.stalled or travel == 0.0:
            return
        moves = not self.surroundings.drive_jammed
        if moves and self.mounted is not None:
            moves = self.mounted.push(
                travel * self.surroundings.drive_gain, self.surroundings.stall_n
            )
        if moves:
            self.drive.travel_um += travel
        self.drive.stalled = not moves

    def _let_flow(self, syringe: Container, displaced_before_nl: float, dt_s: float) -> None:
        syringe.follow_suction()
        pushed = syringe.displaced_nl - displaced_before_nl
        self.displaced_nl += pushed
        self.plunger_um_s = pushed / syringe.area_mm2 / dt_s
        path = self._path()
        if path is not None:
            out = self.squeeze(syringe, path.outflow_nl(syringe, pushed, dt_s))
            self.outflow_nl_s = out.volume_nl / dt_s
            self.deliver(out)

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

    def deliver(self, fluid: Fluid) -> None:
        """Send what left a syringe's tip to where the tip leads."""
        if not self.line_joined:
            self.tip_nl += fluid.volume_nl
            self.places["waste"].add(fluid)
            return
        if self.surroundings.leak:
            self.places["waste"].add(fluid.take(fluid.volume_nl * self.surroundings.leak))
        self.places[self.line_end].add(self.line.pour(fluid))

    def _remember(self) -> None:
        self.history.append((self.now_ns, self.displaced_nl))
        while len(self.history) > 2 and self.history[1][0] <= self.now_ns - MEAN_WINDOW_NS:
            self.history.popleft()
