"""How long each scenario took from the wire's first sign to STOP and to rest, beside what may be.

Bounds are treatment.md 3's and S4's; what is measured is virtual time on the wire and the plunger.
"""

import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from controller.life import StartupFailure
from simulators.bench.evidence import DEAF_TO_STOP
from simulators.bench.faults import Fault, Place
from simulators.bench.scenario import Played, play
from simulators.bench.scenario_file import Scenario, scenarios
from simulators.bench.signs import EXCHANGE_NS, POLL_NS
from simulators.bench.stops import BURST_NS, SILENCING, STOP_WITHIN_NS, WATCHDOG_NS
from simulators.bench.virtual_time import Deadlock

NS_PER_S: Final = 1e9
SILENT_NS: Final = WATCHDOG_NS + POLL_NS
HUNG_NS: Final = SILENT_NS + WATCHDOG_NS // 3
HEADS: Final = ("scenario", "outcome", "first trip", "fault to sign", "sign to STOP", "to rest")


@dataclass(frozen=True, slots=True)
class Figure:
    """One scenario's times, s; None where there was nothing to time.

    ``rest_s`` counts from the STOP, or from the fault where that keeps any STOP off the wire:
    ``rest_from`` says which. ``wrong`` is all that was not as the scenario states or above a bound.
    """

    scenario: str
    outcome: str
    trips: tuple[str, ...]
    sign_s: float | None
    stop_s: float | None
    stop_within_s: float | None
    rest_s: float | None
    rest_within_s: float | None
    rest_from: str
    wrong: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """One row of the table."""
        stop = _beside(self.stop_s, self.stop_within_s)
        rest = _beside(self.rest_s, self.rest_within_s)
        since = f" after {self.rest_from}" if rest else ""
        sign = "" if self.sign_s is None else f"{self.sign_s:.2f}"
        return self.scenario, self.outcome, ", ".join(self.trips), sign, stop, rest + since


def _beside(value_s: float | None, within_s: float | None) -> str:
    return "" if value_s is None else f"{value_s:.3f} of {within_s:.2f}"


def figure_of(played: Played) -> Figure:
    """The figures of one scenario as it was played."""
    faults, times = played.scenario.case.faults, played.times
    fired = played.rehearsal.fired
    silent = [one.at_ns / NS_PER_S for one in fired if _keeps_silent(one.fault)]
    stop_s = None if silent else times.visible_to_stop_s()
    rest_s = _between(silent[0], times.rest_s) if silent else times.stop_to_rest_s()
    rest_s = None if rest_s is None else max(rest_s, 0.0)
    within_ns = _rest_within_ns(faults)
    found = [*played.unexpected, *map(str, played.violations)]
    if stop_s is not None and stop_s > STOP_WITHIN_NS / NS_PER_S:
        found.append(f"STOP {stop_s:.3f} s after the sign")
    if rest_s is not None and rest_s > within_ns / NS_PER_S:
        found.append(f"rest {rest_s:.3f} s after the {'fault' if silent else 'STOP'}")
    record = played.rehearsal.record
    return Figure(
        scenario=played.scenario.name,
        outcome=str(record.get("outcome") if played.rehearsal.closed else "open"),
        trips=played.trips,
        sign_s=_between(times.fault_s, times.visible_s),
        stop_s=stop_s,
        stop_within_s=STOP_WITHIN_NS / NS_PER_S,
        rest_s=rest_s,
        rest_within_s=within_ns / NS_PER_S,
        rest_from="fault" if silent else "STOP",
        wrong=tuple(found),
    )


def _between(begin_s: float | None, end_s: float | None) -> float | None:
    return None if begin_s is None or end_s is None else end_s - begin_s


def _keeps_silent(fault: Fault) -> bool:
    """True if no STOP of ours can reach the pump while the fault lasts."""
    if fault.place is Place.STREAM:
        wire, to = fault.line()
        lost = fault.kind == "lost" and to.value == "device" and fault.duration_s is not None
        return wire == "pump" and (fault.kind == "unplugged" or lost)
    return fault.kind in SILENCING


def _rest_within_ns(faults: tuple[Fault, ...]) -> int:
    if any(fault.kind == "consumer_hung" for fault in faults):
        return HUNG_NS
    if any(_keeps_silent(fault) for fault in faults):
        return SILENT_NS
    if any(DEAF_TO_STOP & set(fault.parameters) for fault in faults):
        return SILENT_NS + BURST_NS
    return EXCHANGE_NS


def _figured(scenario: Scenario) -> Figure:
    try:
        with tempfile.TemporaryDirectory(prefix="isodrip-figure-") as directory:
            return figure_of(play(scenario, Path(directory)))
    except (Deadlock, StartupFailure) as error:
        nothing = (None,) * 5
        return Figure(scenario.name, "crashed", (), *nothing, "", (str(error),))


def figures(workers: int) -> tuple[Figure, ...]:
    """Every scenario played, on so many processes, in the order of their names."""
    every = tuple(scenarios().values())
    if workers <= 1:
        return tuple(map(_figured, every))
    with ProcessPoolExecutor(min(workers, len(every)), mp_context=get_context("spawn")) as pool:
        return tuple(pool.map(_figured, every))


def markdown(found: Iterable[Figure]) -> str:
    """The table for documents; times in s."""
    rows = (HEADS, tuple("---" for _ in HEADS), *(figure.cells() for figure in found))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def text(found: Iterable[Figure]) -> str:
    """The table for a terminal, and below it what was not as stated."""
    figures_ = tuple(found)
    rows = [HEADS, *(figure.cells() for figure in figures_)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    wrong = [f"{one.scenario}: NOT AS STATED {what}" for one in figures_ for what in one.wrong]
    return "\n".join([*lines, *wrong, f"{len(figures_)} scenarios, {len(wrong)} not as stated"])


def cores() -> int:
    """How many processes are used where nobody says."""
    return os.cpu_count() or 1
