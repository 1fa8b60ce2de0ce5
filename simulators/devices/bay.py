"""A pump's place in the room: its drive, the syringe laid into it, and where the tip leads.

It knows no firmware. Two of them meet in a Y-piece at the near end of the line, each behind a valve
that lets nothing back: at most one pushes at a time, so what one raises there does not reach the
other.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulators.devices.hose import HosedVial
from simulators.devices.plumbing import Fluid, Path, Syringe

if TYPE_CHECKING:
    from simulators.devices.room import Room

STEADY_STEP_NS: Final = 1_000_000_000
"""Length of a step while what is pushed is what flows: nothing can change inside it."""
STEADY_SHARE: Final = 1e-4
"""Push and flow that differ by less are steady."""
FAR_FROM_STALL: Final = 0.9
MEAN_WINDOW_NS: Final = 60_000_000_000
SAMPLE_NS: Final = 1_000_000_000
OPEN_TIP_KPA_S_NL: Final = 1e-6

Container = Syringe | HosedVial
"""What a pump pushes drug or saline out of."""


@dataclass(slots=True)
class Drive:
    """The pump's lead screw: speed asked of it, how far it has gone, whether it would not go.

    ``left_um`` is how far it goes yet: a motor counts its own steps, whoever else moves the room
    on. For rollers a um stands for a millionth of a revolution.
    """

    speed_um_s: float = 0.0
    travel_um: float = 0.0
    stalled: bool = False
    left_um: float = math.inf


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


class Bay:
    """One pump's hardware. A firmware is given it and moves its drive."""

    def __init__(self, room: "Room", start_ns: int) -> None:
        self.room = room
        self._start_ns = start_ns
        self.drive = Drive()
        self.mounted: Container | None = None
        self.line_joined = False
        self.tip_nl = 0.0
        self.plunger_um_s = self.outflow_nl_s = 0.0
        self.displaced_nl = 0.0
        self.history: deque[tuple[int, float]] = deque([(start_ns, 0.0)])
        self.moves: list[Move] = [Move(start_ns, 0.0, 0.0, "", 0.0, "")]

    @property
    def now_ns(self) -> int:
        """The room's present time."""
        return self.room.now_ns

    def process(self, now_ns: int) -> None:
        """Advance the room, and this in it."""
        self.room.process(now_ns)

    def set_speed(self, speed_um_s: float, left_um: float = math.inf) -> None:
        """Ask the drive for a block speed in um/s (negative withdraws), and for how far to go.

        A stall is forgotten.
        """
        self.drive.speed_um_s, self.drive.left_um = speed_um_s, left_um
        self.drive.stalled = False

    def mean_plunger_nl_s(self) -> float:
        """Plunger flow as the mean of the last 60 s (less while younger), nL/s."""
        begin = max(self.now_ns - MEAN_WINDOW_NS, self._start_ns)
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

    def path(self) -> Path | None:
        """Where the mounted syringe's tip leads, or None against a closed clamp."""
        if not self.line_joined:
            return Path(OPEN_TIP_KPA_S_NL, 0.0)
        around = self.room.surroundings
        if not self.room.clamp_open or around.kinked:
            return None
        venous = around.venous_kpa if self.room.line_end == "patient" else 0.0
        resistance = around.resistance_kpa_h_ml * 3600.0 / 1e6
        return Path(resistance, venous - around.head_kpa)

    @property
    def resting(self) -> bool:
        """True if nothing moves and nothing flows."""
        if self.mounted is None:
            return True
        if self.drive.speed_um_s != 0.0 and not self.drive.stalled:
            return False
        path = self.path()
        return path is None or path.at_rest(self.mounted)

    @property
    def steady(self) -> bool:
        """True if the drive turns as it did, what it pushes flows, and neither end is near.

        So it stays for ``STEADY_STEP_NS``, if nobody lays hands on it.
        """
        syringe, path = self.mounted, self.path()
        if syringe is None or path is None or self.plunger_um_s <= 0.0 or syringe.gap_um > 0.0:
            return False
        if isinstance(syringe, HosedVial):
            return syringe.steady(self.drive.speed_um_s * STEADY_STEP_NS / 1e9)
        pushed_nl_s = self.drive.speed_um_s * syringe.area_mm2
        if abs(self.plunger_um_s - self.drive.speed_um_s) > STEADY_SHARE * self.drive.speed_um_s:
            return False
        far = syringe.swept_nl - syringe.hub_nl > pushed_nl_s * STEADY_STEP_NS / 1e9
        free = syringe.force_n < FAR_FROM_STALL * self.room.surroundings.stall_n
        aim_kpa = pushed_nl_s * path.resistance_kpa_s_nl + path.back_kpa
        settled = abs(aim_kpa - syringe.pressure_kpa) * syringe.compliance_nl_kpa
        return far and free and settled < STEADY_SHARE * pushed_nl_s

    def step(self, begin_ns: int) -> None:
        """What happens here from ``begin_ns`` to the room's present time."""
        begin_nl = self.displaced_nl
        dt_s = (self.now_ns - begin_ns) / 1e9
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
        return self.room.line_end if self.room.clamp_open else "closed"

    def _turn_screw(self, dt_s: float) -> None:
        most = self.drive.left_um
        travel = min(max(self.drive.speed_um_s * dt_s, -most), most)
        if self.drive.stalled or travel == 0.0:
            return
        moves = not self.room.surroundings.drive_jammed
        if moves and self.mounted is not None:
            moves = self.mounted.push(
                travel * self.room.surroundings.drive_gain, self.room.surroundings.stall_n
            )
        if moves:
            self.drive.travel_um += travel
            self.drive.left_um -= abs(travel)
        self.drive.stalled = not moves

    def _let_flow(self, syringe: Container, displaced_before_nl: float, dt_s: float) -> None:
        syringe.follow_suction()
        pushed = syringe.displaced_nl - displaced_before_nl
        self.displaced_nl += pushed
        self.plunger_um_s = pushed / syringe.area_mm2 / dt_s
        path = self.path()
        if path is not None:
            out = self.room.squeeze(syringe, path.outflow_nl(syringe, pushed, dt_s))
            self.outflow_nl_s = out.volume_nl / dt_s
            self.deliver(out)

    def deliver(self, fluid: Fluid) -> None:
        """Send what left a syringe's tip to where the tip leads."""
        if not self.line_joined:
            self.tip_nl += fluid.volume_nl
            self.room.places["waste"].add(fluid)
            return
        self.room.pour(fluid)

    def _remember(self) -> None:
        self.history.append((self.now_ns, self.displaced_nl))
        while len(self.history) > 2 and self.history[1][0] <= self.now_ns - MEAN_WINDOW_NS:
            self.history.popleft()
