"""One rehearsal, judged, as a small plain result that goes from a worker process to its master.

It knows how a session is made, tried and told; which sessions there are is decided by a sweep or a
campaign. A pool uses each of its processes again and again.
"""

import hashlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

from controller.life import StartupFailure
from simulators.bench.evidence import Evidence, Witness
from simulators.bench.faults import fault_as_dict
from simulators.bench.judges import judged, tail_nl
from simulators.bench.leash import tie
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case, Stage
from simulators.bench.virtual_time import Deadlock

AHEAD: Final = 4
"""Jobs that wait for each worker, so that none waits for a job."""
ROOMS: Final = ("controller", "drivers", "protocols", "firmware_interfaces", "simulators")
CPU_MAX_S: Final = 60.0
More = Callable[[Stage, Evidence], Iterable[str]]
"""What else is broken, told as text, while the journals are still there to be read."""
VIRTUAL_MAX_S: Final = 4 * 3600.0
"""No session of ours lasts longer, whatever is in its way."""
NOT_STARTED: Final = "did not start"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one session. ``cause`` is its first trip, or how it ended without one.

    ``violations`` are told as text; ``polls`` counts what left for the pump; ``cpu_s`` is the
    worker's processor time.
    """

    name: str
    outcome: str
    cause: str
    violations: tuple[str, ...]
    faults: tuple[str, ...]
    tail_ml: float
    polls: int
    virtual_s: float
    cpu_s: float

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` made, out of JSON."""
        tuples = {key: tuple(found[key]) for key in ("violations", "faults")}
        return cls(**{**found, **tuples})


Attempt = Callable[[str, Case], Trial]


class Endless(KeyboardInterrupt):
    """A session that takes longer than any treatment; nothing in it may catch this."""


def _no_more(_stage: Stage, _evidence: Evidence) -> Iterable[str]:
    """The promises alone are judged."""
    return ()


def attempt(name: str, case: Case, tried: Attempt | None = None) -> Trial:
    """Rehearse a case and judge it, or as ``tried`` does. Nothing in it is raised here."""
    before_s, broken = _cpu_s(), ""
    faults = tuple(json.dumps(fault_as_dict(fault)) for fault in case.faults)
    try:
        with _processor_time(CPU_MAX_S):
            return replace(
                (tried or judged_by_promises)(name, case), faults=faults, cpu_s=_cpu_s() - before_s
            )
    except StartupFailure as failure:
        cause = f"{NOT_STARTED}: {failure.what}"
    except Deadlock as deadlock:
        cause, broken = "deadlock", f"X: {deadlock}"
    except Endless as endless:
        cause, broken = "endless", f"X: {endless}"
    except Exception as error:  # noqa: BLE001 - a crash is a finding like any other
        cause, broken = "crashed", f"X: {type(error).__name__}: {error}"
    outcome = "crashed" if broken else NOT_STARTED
    found = (broken,) if broken else ()
    return Trial(name, outcome, cause, found, faults, 0.0, 0, 0.0, _cpu_s() - before_s)


def judged_by_promises(name: str, case: Case, more: More = _no_more) -> Trial:
    """Rehearse a case and judge it by the promises and ``more``."""
    witness = Witness()
    with tempfile.TemporaryDirectory(prefix="isodrip-trial-") as directory:
        rehearsal = rehearse(case, Path(directory), witness.watching(never_endless))
        evidence = witness.testify(rehearsal)
        found = [*map(str, judged(evidence)), *more(witness.stage, evidence)]
    found += rehearsal.violations
    found += [f"F: {failure}" for failure in rehearsal.failures]
    return Trial(
        name=name,
        outcome=str(rehearsal.record.get("outcome") or "open"),
        cause=cause_of(evidence),
        violations=tuple(dict.fromkeys(found)),
        faults=(),
        tail_ml=round(tail_nl(evidence) / 1e6, 4),
        polls=len(evidence.asked),
        virtual_s=rehearsal.virtual_s,
        cpu_s=0.0,
    )


def never_endless(stage: Stage) -> None:
    """End a session that no treatment could be so long as."""
    stage.loop.call_later(VIRTUAL_MAX_S, _give_up, f"not over after {VIRTUAL_MAX_S:g} s")


def _give_up(text: str) -> None:
    raise Endless(text)


@contextmanager
def _processor_time(most_s: float) -> Iterator[None]:
    """Raise `Endless` if the block takes longer than that; only in a process's main thread."""

    def ran_out(_number: int, frame: FrameType | None) -> None:
        where = "" if frame is None else f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        _give_up(f"{most_s:g} s of processor time are gone, in {where}")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, ran_out)
    signal.setitimer(signal.ITIMER_PROF, most_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def cause_of(evidence: Evidence) -> str:
    """The first reason for a STOP that nobody had planned, or how the session ended."""
    for record in evidence.journal:
        if record["kind"] == "decision":
            for command in record["body"]["commands"]:
                if command["type"] == "Stop" and command["reason"].startswith("trip: "):
                    return str(command["reason"].removeprefix("trip: "))
    if evidence.rehearsal.broken_off:
        return "broken off: " + evidence.rehearsal.broken_off.partition(",")[0][:60]
    return "none"


def run_all(
    jobs: Iterable[tuple[str, Case]],
    workers: int,
    heard: Callable[[Trial], None],
    attempted: Attempt = attempt,
) -> None:
    """Attempt every job, on ``workers`` processes (1: on this one); ``heard`` gets each as it ends.

    Results come in the order in which they are done. Workers die with this process.
    """
    if workers <= 1:
        for name, case in jobs:
            heard(attempted(name, case))
        return
    spawn, parent = get_context("spawn"), os.getpid()
    with ProcessPoolExecutor(workers, spawn, initializer=_begin, initargs=(parent,)) as pool:
        waiting: set[Future[Trial]] = set()
        source = iter(jobs)
        while True:
            for name, case in islice(source, workers * AHEAD - len(waiting)):
                waiting.add(pool.submit(attempted, name, case))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                heard(future.result())


def _begin(parent_pid: int) -> None:
    """A worker never outlives the one who wants its results."""
    if not tie(parent_pid):
        os._exit(1)


def code_hash() -> str:
    """Hash of every source and scenario of this program: results of other code are not reused."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".py", ".toml"):
                yield path


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system
