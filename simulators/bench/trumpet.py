"""``isodrip-bench trumpet``: start-up and trumpet curve of the simulated pump, with water.

Flow is sampled every 30 s for two hours; the start-up curve is the first, the trumpet curve is of
the second (IEC 60601-2-24). Judged is what truly left the line, never what the pump counts.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

from controller.device_sections import Ne1000Section
from controller.water import Water
from firmware_interfaces import units
from firmware_interfaces.readings import PumpPlan, Trigger
from firmware_interfaces.units import NL_PER_ML, NS_PER_S, Nanoseconds
from simulators.bench.commissioning import Prepare, SimulatedPerson, as_it_is, simulated_pump
from simulators.bench.plot import PlotMissing, figure
from simulators.bench.setting import CATALOGUE, syringe_type
from simulators.bench.virtual_time import VirtualClock, VirtualLoop, run_virtual
from simulators.devices import hands
from simulators.devices.plumbing import Syringe
from simulators.devices.room import Room

SAMPLE_S: Final = 30
PER_MIN: Final = 60 // SAMPLE_S
HALF_HOUR, HOUR, TWO_HOURS = 30 * PER_MIN, 60 * PER_MIN, 120 * PER_MIN
WINDOWS_MIN: Final = (2, 5, 11, 19, 31)
SEAT_ML: Final = 0.5
"""Closes the slack of a mounting before anything is measured, as at the bedside."""
SEAT_ML_H: Final = 60.0
RATE_MIN_ML_H: Final = 0.1
WATCHDOG: Final = Nanoseconds(5 * NS_PER_S)
SECTION: Final = Ne1000Section(kind="ne1000", port="socket://pump:1")
LOOK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Window:
    """Highest and lowest mean error of any ``minutes`` on end, in percent of the rate set."""

    minutes: int
    max_percent: float
    min_percent: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Two hours of flow and its errors in percent of the rate set.

    A treatment of 30 minutes is all start-up: its errors stand as ``half_hour`` and ``start_up``.
    """

    flow_ml_h: tuple[float, ...]
    half_hour_percent: float
    start_up: tuple[Window, ...]
    second_hour_percent: float
    trumpet: tuple[Window, ...]


def windows(errors: Sequence[float]) -> tuple[Window, ...]:
    """The extremes of every observation window that fits into ``errors``, one value each 30 s.

    In a time T a window P has (T - P) / S + 1 places, S apart; its error is the mean of its P / S
    samples. S, T and the second hour: B. Braun, Perfusor compact plus, instructions, p. 42.
    """
    sums = (0.0, *accumulate(errors))
    found = []
    for minutes in WINDOWS_MIN:
        length = minutes * PER_MIN
        means = [(sums[i + length] - sums[i]) / length for i in range(len(sums) - length)]
        found += [Window(minutes, max(means), min(means))] if means else []
    return tuple(found)


def curves(flows: Sequence[float], rate: float) -> Curves:
    """Both curves of two hours of flow, a value each 30 s, in the unit of ``rate``."""
    errors = [100.0 * (flow - rate) / rate for flow in flows]
    first, second = errors[:HALF_HOUR], errors[HOUR:TWO_HOURS]
    means = sum(first) / HALF_HOUR, sum(second) / HOUR
    return Curves(tuple(flows), means[0], windows(first), means[1], windows(second))


def measured(name: str, rate_ml_h: float, prepare: Prepare = as_it_is) -> Curves:
    """Two hours of water in virtual time. Raises ValueError for what no syringe gives."""
    kind = syringe_type(name)
    need_ml = rate_ml_h * 2.0 + 2.0 * SEAT_ML
    if not rate_ml_h >= RATE_MIN_ML_H or need_ml > kind.capacity_ml:
        raise ValueError(f"{rate_ml_h:g} mL/h for two hours: {name} must give {need_ml:g} mL")
    room, full_nl = Room(seed=1), kind.capacity_ml * NL_PER_ML
    hands.bring_syringe(room, Syringe(name, kind.diameter_mm, full_nl))
    hands.fill_saline(room, name, full_nl)
    return curves(run_virtual(lambda loop: _flows(loop, room, rate_ml_h, prepare)), rate_ml_h)


async def _flows(loop: VirtualLoop, room: Room, rate_ml_h: float, prepare: Prepare) -> list[float]:
    (name,) = room.syringes
    bore = units.millimetre(room.syringes[name].diameter_mm)

    def plan(volume_ml: float, at_ml_h: float) -> PumpPlan:
        volume, rate = units.millilitre(volume_ml), units.millilitre_per_hour(at_ml_h)
        return PumpPlan(bore, rate, volume, WATCHDOG, Trigger.STOP_ONLY)

    async with simulated_pump(loop, room, SECTION, prepare) as pump:
        await pump.connect()
        await pump.recover()
        person = SimulatedPerson(room, lambda: room.process(loop.now_ns()), iter([name]))
        await person.act("mount", "")
        water = Water(pump, VirtualClock(loop, 0))
        await water.run(plan(SEAT_ML, SEAT_ML_H))
        sampling = loop.create_task(_sampled(loop, room))
        # A minute more than is sampled, so that no sample holds the end.
        await water.run(plan(rate_ml_h * (2.0 + 1.0 / 60.0), rate_ml_h))
        return await sampling


async def _sampled(loop: VirtualLoop, room: Room) -> list[float]:
    """Flow out of the line in each 30 s, mL/h, from the moment in which the screw turns."""
    while room.drive.speed_um_s == 0.0:  # noqa: ASYNC110 - physics has no events
        await asyncio.sleep(LOOK_S)
    out_nl = []
    for _ in range(TWO_HOURS + 1):
        room.process(loop.now_ns())
        out_nl.append(room.places["prime"].volume_nl)
        await asyncio.sleep(SAMPLE_S)
    return [(end - begin) * 3600 / SAMPLE_S / NL_PER_ML for begin, end in pairwise(out_nl)]


def add_trumpet(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("trumpet", help="start-up and trumpet curve, with water")
    names = [kind.name for kind in CATALOGUE]
    parser.add_argument("--syringe", choices=names, default="BD 60 mL", metavar="NAME")
    parser.add_argument("--rate-ml-h", type=float, default=20.0, metavar="R", help="default 20")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw both as a PNG")
    parser.set_defaults(command=trumpet_main)


def trumpet_main(given: argparse.Namespace) -> int:
    """Measure and tell; returns 0, or 3 where there is nothing to draw with."""
    found = measured(given.syringe, given.rate_ml_h)
    about = {"simulated": True, "syringe": given.syringe, "rate_ml_h": given.rate_ml_h}
    shown = json.dumps(about | asdict(found)) if given.json else _text(given, found)
    sys.stdout.write(shown + "\n")
    try:
        if given.plot is not None:
            _draw(found, given.plot)
    except PlotMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 3
    return 0


def _text(given: argparse.Namespace, found: Curves) -> str:
    def table(title: str, mean: float, of: tuple[Window, ...]) -> list[str]:
        rows = [f"{w.minutes:>6} min {w.min_percent:+8.2f} % {w.max_percent:+8.2f} %" for w in of]
        return [f"{title}, mean {mean:+.2f} %; window, least, most:", *rows]

    return "\n".join(
        [
            f"{given.syringe} at {given.rate_ml_h:g} mL/h, 120 min of water (SIMULATED)",
            *table("first half hour", found.half_hour_percent, found.start_up),
            *table("second hour", found.second_hour_percent, found.trumpet),
            "A 30-min infusion is the first table alone: no window of 31 min fits into it.",
        ]
    )


def _draw(found: Curves, path: Path) -> None:
    drawn = figure()
    start_up, trumpet = drawn.subplots(2, 1)
    start_up.plot([(i + 0.5) / PER_MIN for i in range(HOUR)], found.flow_ml_h[:HOUR])
    start_up.set(xlabel="min", ylabel="flow / mL/h", title="start-up, SIMULATED")
    minutes = [w.minutes for w in found.trumpet]
    most, least = [w.max_percent for w in found.trumpet], [w.min_percent for w in found.trumpet]
    trumpet.plot(minutes, most, "v-", minutes, least, "^-")
    trumpet.axhline(found.second_hour_percent, linestyle=":")
    trumpet.set(xlabel="observation window / min", ylabel="error / %")
    trumpet.set_ylim(min(-1.0, *least), max(1.0, *most))
    drawn.savefig(path, format="png", dpi=120)
