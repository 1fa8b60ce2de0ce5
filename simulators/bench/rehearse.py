"""``isodrip-bench rehearse``: a scenario in virtual time, told in a line, an object, a plot.

It knows output and exit codes; what a scenario is, and how it is judged, stands elsewhere.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from controller.console import number_argument
from controller.life import StartupFailure
from simulators.bench.device_set import add_devices, devices_from
from simulators.bench.faults import ScenarioError, fault_as_dict
from simulators.bench.figures import cores, figures, text
from simulators.bench.plot import PlotMissing, draw
from simulators.bench.run import DISAGREES, DONE, MISSING, UNSAFE
from simulators.bench.scenario import Played, Scenario, Times, play, scenarios, with_case
from simulators.bench.virtual_time import Deadlock

WRONG_USE: Final = 2
NOMINAL: Final = "nominal"


@dataclass(frozen=True, slots=True)
class Told:
    """A scenario as it was played, and the processor time that it took, s."""

    played: Played
    cpu_s: float


def add_rehearse(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("rehearse", help="a whole treatment in virtual time")
    parser.add_argument("scenario", nargs="?", default=NOMINAL, metavar="SCENARIO")
    parser.add_argument("--seed", type=int, help="default: the scenario's")
    parser.add_argument("--minutes", type=minutes, help="default: the scenario's")
    add_devices(parser)
    parser.add_argument("--cold", action="store_true", help="with saline, as a cold run")
    parser.add_argument("--directory", type=Path, help="keep the journals there")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--all", action="store_true", help="every scenario, with its times")
    parser.add_argument("--workers", type=int, default=cores(), help="processes for --all")
    parser.add_argument("--list", action="store_true", help="the scenarios there are")
    parser.set_defaults(command=rehearse_main)


def rehearse_main(given: argparse.Namespace) -> int:
    """Rehearse as asked; returns 0 done, 1 not as expected, 2 wrong use, 3 missing, 4 unsafe."""
    try:
        known = scenarios()
    except ScenarioError as error:
        return _fail(str(error), WRONG_USE)
    if given.list:
        return _list(as_json=given.json)
    if given.all:
        return _all(given.workers, as_json=given.json)
    if given.scenario not in known:
        names = ", ".join(known)
        return _fail(f"no such scenario: {given.scenario!r}; there are {names}", WRONG_USE)
    try:
        told = _told(_wanted(known[given.scenario], given), given.directory)
        if given.plot is not None:
            draw(told.played.rehearsal, given.plot)
    except PlotMissing as missing:
        return _fail(str(missing), MISSING)
    except (Deadlock, StartupFailure) as error:
        return _fail(str(error), DISAGREES)
    found = summary(told)
    sys.stdout.write((json.dumps(found) if given.json else _text(found)) + "\n")
    return _judged(told.played)


def _wanted(scenario: Scenario, given: argparse.Namespace) -> Scenario:
    devices = devices_from(given, scenario.case.devices)
    return with_case(scenario, given.seed, given.minutes, devices, "saline" if given.cold else "")


def _all(workers: int, *, as_json: bool) -> int:
    """Play every scenario; 4 if any was not as it states."""
    found = figures(workers)
    shown = json.dumps({"scenarios": [asdict(one) for one in found]}) if as_json else text(found)
    sys.stdout.write(shown + "\n")
    return UNSAFE if any(one.wrong for one in found) else DONE


def summary(told: Told) -> dict[str, Any]:
    """What ``--json`` prints."""
    played = told.played
    rehearsal, case = played.rehearsal, played.scenario.case
    record = rehearsal.full_record()
    digest = hashlib.sha256("".join(f"{line}\n" for line in rehearsal.export).encode())
    return {
        "scenario": played.scenario.name,
        "summary": played.scenario.summary,
        "seed": case.seed,
        "minutes": case.minutes,
        "people": case.people,
        "cold": case.cold,
        "devices": asdict(case.devices),
        "faults": [fault_as_dict(fault) for fault in case.faults],
        "session": rehearsal.session,
        "outcome": record.get("outcome"),
        "closed": rehearsal.closed,
        "not_observable": played.scenario.expected.not_observable,
        "trips": list(played.trips),
        "times": _times(played.times),
        "tail_ml": round(played.tail_ml, 4),
        "unexpected": list(played.unexpected),
        "violations": [str(violation) for violation in played.violations],
        "troubles": list(rehearsal.troubles),
        "infusion_s": record.get("infusion_s"),
        "pump_rests": rehearsal.rested,
        "boots": rehearsal.boots,
        "records": len(rehearsal.export),
        "journal_head": rehearsal.head,
        "export_sha256": digest.hexdigest(),
        "virtual_s": round(rehearsal.virtual_s, 6),
        "cpu_s": round(told.cpu_s, 3),
        "record": record,
    }


def _times(times: Times) -> dict[str, float | None]:
    between = {
        "visible_to_stop_s": times.visible_to_stop_s(),
        "fault_to_stop_s": times.fault_to_stop_s(),
        "fault_to_rest_s": times.fault_to_rest_s(),
    }
    return asdict(times) | between


def _told(scenario: Scenario, directory: Path | None) -> Told:
    before_s = _cpu_s()
    if directory is not None:
        return Told(play(scenario, directory), _cpu_s() - before_s)
    with tempfile.TemporaryDirectory(prefix="isodrip-rehearsal-") as kept:
        return Told(play(scenario, Path(kept)), _cpu_s() - before_s)


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system


def _judged(played: Played) -> int:
    if played.violations:
        return UNSAFE
    return DISAGREES if played.unexpected else DONE


def _text(found: dict[str, Any]) -> str:
    note = "COLD RUN, SIMULATED" if found["cold"] else "SIMULATED"
    lines = [
        f"{found['scenario']}, seed {found['seed']}: {found['outcome']} ({note})",
        f"expected      {found['summary']}",
        f"infusion      {found['infusion_s']} s of {found['minutes'] * 60:g} s",
        f"virtual time  {found['virtual_s']:.1f} s in {found['cpu_s']:.2f} s of processor time",
        f"journal       {found['records']} records, head {found['journal_head']}",
    ]
    lines += [f"tripped       {', '.join(found['trips'])}"] if found["trips"] else []
    lines += ["              not observable here"] if found["not_observable"] else []
    named = [(name, value) for name, value in found["times"].items() if value is not None]
    lines += [f"{name:<13} {value:.3f}" for name, value in named]
    lines += [f"people met    {trouble}" for trouble in found["troubles"]]
    lines += [f"UNEXPECTED {text}" for text in found["unexpected"]]
    lines += [f"SAFETY VIOLATION {violation}" for violation in found["violations"]]
    return "\n".join(lines)


def _list(*, as_json: bool) -> int:
    known = {name: scenario.summary for name, scenario in scenarios().items()}
    lines = [f"{name:<24} {text}" for name, text in known.items()]
    sys.stdout.write((json.dumps(known) if as_json else "\n".join(lines)) + "\n")
    return DONE


def minutes(text: str) -> float:
    """A duration of the command line, for argparse."""
    found = number_argument(text)
    if not 0.5 <= found <= 60.0:
        raise argparse.ArgumentTypeError("0.5 to 60 minutes")
    return found


def _fail(reason: str, code: int) -> int:
    sys.stderr.write(reason + "\n")
    return code
