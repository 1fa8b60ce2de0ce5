"""``isodrip-bench crash``: the daemon killed at every record, its disk failing at every write.

A treatment of 60 s, connect, seat, flush and close included, is given again for each of its moments
in each way of breaking it. What was tried with this very code is kept in a file and not tried
again.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from simulators.bench.evidence import Witness
from simulators.bench.failing_vfs import Failure, Operation
from simulators.bench.faults import AtRecord, AtWrite, Fault, fault
from simulators.bench.kept import not_kept
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case, Stage
from simulators.bench.sweep import tried_once
from simulators.bench.tally import Tally
from simulators.bench.trial import Trial, attempt, judged_by_promises, run_all

MINUTES: Final = 1.0
SEED: Final = 1
RESULTS: Final = Path("var/crash.jsonl")
DOWN_S: Final = (0.4, 3.0, 9.0)
"""How long nothing runs, in turn: the pump runs on, its watchdog is about to fire, it has fired."""
BEHIND_S: Final = 1.2
"""How slow the disk is where it lags; permits are withheld after 1.67 s (docs/decisions/0009)."""
AGAIN: Final = 12
"""A recovery writes about so many records; the second kill is after one of them, in turn."""
PEOPLE: Final = ("end", "resume")


@dataclass(frozen=True, slots=True)
class Extent:
    """How many records and operations a treatment without faults has."""

    records: int
    operations: tuple[Operation, ...]


def extent() -> Extent:
    """Give the treatment once."""
    witness = Witness()

    def counted(stage: Stage) -> None:
        stage.disk.writes_through(lambda _number: None)

    with tempfile.TemporaryDirectory(prefix="isodrip-crash-") as directory:
        told = rehearse(Case(SEED, MINUTES), Path(directory), witness.watching(counted))
    writes = witness.stage.disk.writes
    assert writes is not None
    return Extent(len(told.export), tuple(writes.asked))


def _killed(when: AtRecord | AtWrite, number: int) -> Fault:
    return fault("process", "killed", when, DOWN_S[number % len(DOWN_S)])


def _durable(number: int) -> tuple[Fault, ...]:
    return (_killed(AtRecord(number), number),)


def _handed(number: int) -> tuple[Fault, ...]:
    return (_killed(AtRecord(number, durable=False), number),)


def _behind(number: int) -> tuple[Fault, ...]:
    """The disk lags from three records before: what came since is lost with the program."""
    slow = fault("disk", "slow", AtRecord(max(number - 3, 0)), 10.0, delay_s=BEHIND_S)
    return (slow, _killed(AtRecord(number, durable=False), number))


def _twice(number: int) -> tuple[Fault, ...]:
    again = number + 1 + number % AGAIN
    return (_killed(AtRecord(number), number), _killed(AtRecord(again), number + 1))


def _torn(number: int) -> tuple[Fault, ...]:
    return (_killed(AtWrite(number), number),)


def _refused(failure: Failure) -> Callable[[int], tuple[Fault, ...]]:
    """One operation fails, or, every other time, all from then on."""

    def faults(number: int) -> tuple[Fault, ...]:
        operations = 1 if number % 2 else 1_000_000
        when = AtWrite(number)
        return (fault("disk", "operation", when, error=failure.value, operations=operations),)

    return faults


RECORDS: Final[dict[str, Callable[[int], tuple[Fault, ...]]]] = {
    "durable": _durable,
    "handed": _handed,
    "behind": _behind,
    "twice": _twice,
}
"""Killed as a record is on the disk, as it is handed to it, with a disk that lags, and twice."""
OPERATIONS: Final[dict[str, Callable[[int], tuple[Fault, ...]]]] = {
    "torn": _torn,
    **{failure.value: _refused(failure) for failure in Failure},
}
"""Killed in the middle of a write, and each way in which a file system refuses."""
WAYS: Final = RECORDS | OPERATIONS
FAILS: Final = {
    Failure.FULL.value: (Operation.FILE, Operation.WRITE, Operation.TRUNCATE),
    Failure.IO_ERROR.value: tuple(kind for kind in Operation if kind is not Operation.LOCK),
    Failure.SHORT.value: (Operation.WRITE,),
    Failure.LOCKED.value: (Operation.LOCK,),
}
"""What can fail in this way; the others fail as a whole or not at all."""


def names(found: Extent, ways: Iterable[str] = WAYS) -> Iterator[str]:
    """Every session, as way:number."""
    for way in ways:
        if way in RECORDS:
            yield from (f"{way}:{number}" for number in range(found.records))
            continue
        for number, operation in enumerate(found.operations, start=1):
            if operation in FAILS.get(way, Operation):
                yield f"{way}:{number}"


def case_of(name: str) -> Case:
    """The session of a name. Raises ValueError for one that cannot be."""
    way, _, number = name.partition(":")
    if way not in WAYS or not number.isascii() or not number.isdigit():
        raise ValueError(f"{name!r} is not way:number; ways are {', '.join(WAYS)}")
    people = PEOPLE[int(number) // len(DOWN_S) % len(PEOPLE)]
    return Case(SEED, MINUTES, people, WAYS[way](int(number)))


def add_crash(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("crash", help="kill the daemon at every record, fail every write")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--stride", type=int, default=1, help="only every so many sessions; a prime samples evenly"
    )
    parser.add_argument("--way", choices=WAYS, action="append", help="may be given repeatedly")
    parser.add_argument("--only", metavar="NAME", help="one, as way:number")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"default {RESULTS}")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=crash_main)


def crash_main(given: argparse.Namespace) -> int:
    """Try what was not tried yet; returns 0, 2 for wrong use, 4 if a promise was broken."""
    if given.stride < 1 or given.workers < 1:
        raise ValueError("stride and workers are at least 1")
    if given.only:
        tally = crash([given.only], 1, None)
    else:
        chosen = list(names(extent(), given.way or WAYS))[:: given.stride]
        tally = crash(chosen, given.workers, given.results)
    shown = json.dumps(tally.as_dict()) if given.json else "\n".join(tally.lines())
    sys.stdout.write(shown + "\n")
    return tally.exit_code


def attempted(name: str, case: Case) -> Trial:
    """Rehearse a case; its journals are judged too."""
    return attempt(name, case, partial(judged_by_promises, more=not_kept))


def crash(chosen: Iterable[str], workers: int, results: Path | None) -> Tally:
    """Try the sessions of these names; those that ``results`` knows are only counted."""

    def attempts(names: Iterable[str], heard: Callable[[Trial], None]) -> None:
        run_all(((name, case_of(name)) for name in names), workers, heard, attempted)

    return tried_once(chosen, "isodrip-bench crash --only", results, attempts)
