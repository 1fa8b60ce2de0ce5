"""``isodrip-bench sweep``: a whole short treatment in which operation 1, 2, 3 … fails in turn.

An operation is a frame in one direction of one wire; it fails by each kind of stream fault, and as
each arrives at a pump somebody presses STOP. With ``--device-faults`` it is each fault of the
devices themselves in each phase instead. What was tried with this very code is kept in a file and
not tried again.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from simulators.bench.device_set import (
    USUAL,
    DeviceSet,
    add_devices,
    device_set_of,
    devices_from,
)
from simulators.bench.device_sweep import (
    DEVICE,
    device_fault,
    device_names,
    listed,
    listed_text,
)
from simulators.bench.evidence import Witness
from simulators.bench.faults import KINDS, AtFrame, Place, fault
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.streams import To
from simulators.bench.tally import Gauge, Tally
from simulators.bench.trial import Trial, code_hash, run_all

MINUTES: Final = 1.0
SEED: Final = 1
RESULTS: Final = Path("var/sweep.jsonl")
STREAM_KINDS: Final = tuple(name for place, name in KINDS if place is Place.STREAM)
BOTH_WAYS: Final = "unplugged"
"""An adapter is pulled for both directions at once: swept along the questions alone."""
PRESSED: Final = "stop"
"""Somebody presses STOP: whatever was on its way to the pump then must not act after it."""
CALIBRATOR: Final = "calibrator"
BACK_S: Final = 3.0
"""Every other time a pulled adapter is put back after this."""
Operations = dict[tuple[str, To], int]


def operations(devices: DeviceSet = USUAL) -> Operations:
    """How many frames go each way on each wire when nothing fails."""
    witness = Witness()
    with tempfile.TemporaryDirectory(prefix="isodrip-sweep-") as directory:
        rehearse(Case(SEED, MINUTES, devices=devices), Path(directory), witness.watching())
    return {way: line.frames for way, line in witness.stage.saboteur.lines.items()}


def names(counts: Operations, devices: DeviceSet = USUAL) -> Iterator[str]:
    """Every session of the sweep, as wire:direction:operation:kind and `DeviceSet.suffix`."""
    for (wire, to), count in counts.items():
        for number in range(1, count + 1):
            for kind in STREAM_KINDS:
                if kind != BOTH_WAYS or to is To.DEVICE:
                    yield f"{wire}:{to.value}:{number}:{kind}{devices.suffix}"
            if wire != CALIBRATOR and to is To.DEVICE:
                yield f"{wire}:{to.value}:{number}:{PRESSED}{devices.suffix}"


def case_of(name: str) -> Case:
    """The session of a name. Raises ValueError for one that cannot be."""
    operation, _, set_name = name.partition("@")
    try:
        devices = device_set_of(set_name)
        if operation.startswith(f"{DEVICE}:"):
            return Case(SEED, MINUTES, faults=(device_fault(operation),), devices=devices)
        wire, to, number, kind = operation.split(":")
        when = AtFrame(int(number), wire, To(to))
    except ValueError as error:
        raise ValueError(f"{name!r} is not wire:direction:operation:kind ({error})") from error
    if kind == PRESSED:
        pressed = fault(Place.PERSON.value, kind, when)
        return Case(SEED, MINUTES, faults=(pressed,), devices=devices)
    lasts_s = BACK_S if kind == BOTH_WAYS and when.n % 2 == 0 else None
    line = {"wire": wire} if kind == BOTH_WAYS else {"wire": wire, "to": to}
    struck = fault(Place.STREAM.value, kind, when, lasts_s, **line)
    return Case(SEED, MINUTES, faults=(struck,), devices=devices)


def add_sweep(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("sweep", help="fail each operation of a short treatment in turn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--stride", type=int, default=1, help="only every so many sessions; a prime samples evenly"
    )
    parser.add_argument("--only", metavar="NAME", help="one, as wire:direction:operation:kind")
    parser.add_argument(
        "--device-faults", action="store_true", help="each fault of the devices in each phase"
    )
    parser.add_argument(
        "--list", action="store_true", help="which faults these devices have, and why not others"
    )
    add_devices(parser)
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"default {RESULTS}")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=sweep_main)


def sweep_main(given: argparse.Namespace) -> int:
    """Try what was not tried yet; returns 0, 2 for wrong use, 4 if a promise was broken."""
    if given.stride < 1 or given.workers < 1:
        raise ValueError("stride and workers are at least 1")
    devices = devices_from(given)
    if given.list:
        shown = json.dumps(listed(devices)) if given.json else listed_text(devices)
        sys.stdout.write(shown + "\n")
        return 0
    if given.only:
        tally = sweep([given.only], 1, None)
    else:
        own = given.device_faults
        every = device_names(devices) if own else names(operations(devices), devices)
        tally = sweep(list(every)[:: given.stride], given.workers, given.results)
    shown = json.dumps(tally.as_dict()) if given.json else "\n".join(tally.lines())
    sys.stdout.write(shown + "\n")
    return tally.exit_code


def sweep(chosen: Iterable[str], workers: int, results: Path | None) -> Tally:
    """Try the sessions of these names; those that ``results`` knows are only counted."""

    def attempts(names: Iterable[str], heard: Callable[[Trial], None]) -> None:
        run_all(((name, case_of(name)) for name in names), workers, heard)

    return tried_once(chosen, "isodrip-bench sweep --only", results, attempts)


Attempts = Callable[[Iterable[str], Callable[[Trial], None]], None]
"""Tries the sessions of some names; each is told as it ends."""


def tried_once(
    chosen: Iterable[str], again: str, results: Path | None, attempts: Attempts
) -> Tally:
    """Try what ``results`` does not know and count all of it; ``again`` NAME repeats one."""
    wanted = list(dict.fromkeys(chosen))
    code = code_hash()
    known = {} if results is None else read_results(results, code)
    tally, gauge = Tally(), Gauge(len(wanted))

    def count(trial: Trial) -> None:
        tally.add(trial, f"{again} {trial.name}")
        gauge.step(trial)

    def heard(trial: Trial) -> None:
        if results is not None:
            keep_result(results, code, trial)
        count(trial)

    for name in wanted:
        if name in known:
            count(known[name])
    attempts((name for name in wanted if name not in known), heard)
    return tally


def keep_result(results: Path, code: str, trial: Trial) -> None:
    """Add one line to the file."""
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"code": code, **asdict(trial)}) + "\n")


def read_results(results: Path, code: str) -> dict[str, Trial]:
    """What was tried with this code, by name. A line that was cut short is passed over."""
    if not results.exists():
        return {}
    found = {}
    for line in results.read_text("utf-8").splitlines():
        try:
            kept = json.loads(line)
        except ValueError:
            continue
        if kept.pop("code", None) == code:
            found[kept["name"]] = Trial.from_dict(kept)
    return found
