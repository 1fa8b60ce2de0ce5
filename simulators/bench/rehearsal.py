"""A whole treatment in virtual time: the very daemon, drivers, panel and journal of a ward.

It lets the daemon live on a stage, two people give the treatment, and gathers what came of it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from controller.journal import export_lines
from controller.store import JOURNAL
from simulators.bench.api import Api, ApiDown, ApiRefused
from simulators.bench.auto import Plan, TwoPeople
from simulators.bench.channel import Channel
from simulators.bench.fault_acts import Fired
from simulators.bench.judge import Watch, judge, utc_ns
from simulators.bench.progress import Progress
from simulators.bench.stage import Case, Hands, Sample, Stage
from simulators.bench.streams import Seen, To
from simulators.bench.trouble import Trouble
from simulators.bench.virtual_time import VirtualLoop, run_virtual

Prepare = Callable[[Stage], None]
ANSWER_S = 20.0


def _as_it_is(_stage: Stage) -> None:
    """No fault is put in."""


@dataclass(frozen=True, slots=True, repr=False)
class Rehearsal:
    """What came of one case. ``broken_off`` is the first thing that went wrong for people, or "".

    ``troubles`` are all such things, ``closed`` says whether they closed the session all the same.
    ``fired`` is which faults began when, ``frames`` how many each direction of a wire carried,
    ``boots`` how often the daemon was started. ``export`` is the canonical journal of the session,
    ``seen`` what was on each wire, ``failures`` errors that nobody handled and tasks that outlived
    the daemon.
    """

    case: Case
    session: str
    broken_off: str
    closed: bool
    troubles: tuple[str, ...]
    rested: bool
    record: dict[str, Any]
    truth: dict[str, Any]
    violations: tuple[str, ...]
    export: tuple[str, ...]
    samples: tuple[Sample, ...]
    seen: dict[str, tuple[Seen, ...]]
    published: dict[str, int]
    published_digest: str
    failures: tuple[str, ...]
    virtual_s: float
    jobs: int
    fired: tuple[Fired, ...]
    frames: dict[tuple[str, To], int]
    boots: int

    @property
    def head(self) -> str:
        """Hash of the journal's last record; empty where no session began."""
        return str(json.loads(self.export[-1])["hash"]) if self.export else ""

    def full_record(self) -> dict[str, Any]:
        """The record with its ``ground_truth``; only the record where nothing was ever started."""
        started = self.record.get("times", {}).get("pump_start")
        if started is None:
            return self.record
        verdict = judge(self.record, self.truth, utc_ns(started))
        verdict["violations"] = list(self.violations)
        return {**self.record, "ground_truth": verdict}


def rehearse(case: Case, directory: Path, prepare: Prepare = _as_it_is) -> Rehearsal:
    """Rehearse a case with its journals in ``directory``. Raises Deadlock and StartupFailure."""
    return run_virtual(lambda loop: _rehearse(case, directory, prepare, loop))


@dataclass(frozen=True, slots=True)
class _Played:
    """What the two people came to, and what was really so then."""

    session: str
    troubles: tuple[str, ...]
    closed: bool
    record: dict[str, Any]
    truth: dict[str, Any]
    violations: tuple[str, ...]


async def _rehearse(case: Case, directory: Path, prepare: Prepare, loop: VirtualLoop) -> Rehearsal:
    failures: list[str] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(_failure(context)))
    stage = Stage(case, loop, directory)
    prepare(stage)
    stage.start()
    await stage.machine.start()
    played = await _played(stage)
    rested = await stage.machine.end()
    stage.stop()
    dead = [task for process in stage.machine.dead for task in loop.tasks_of(process)]
    left = asyncio.all_tasks() - {asyncio.current_task(), *dead, *stage.visits}
    failures += sorted(f"task left behind: {task.get_name()}" for task in left)
    told = _gathered(stage, played, rested, failures)
    stage.machine.bury()
    return told


async def _played(stage: Stage) -> _Played:
    watch, hands = Watch(), Hands(stage.world, stage.loop.now_ns)
    attended = stage.case.people != "away"
    case = stage.case
    plan = Plan(stage.order, stage.setting, case.minutes * 60.0, attended, case.mistakes)
    api = cast(Api, stage.machine)
    people = TwoPeople(api, cast(Channel, hands), plan, Progress(None), watch)
    trouble = Trouble(people, stage.machine, stage.case.people)
    closed = await trouble.see_through()
    record = await _record(stage, people.session)
    truth = stage.world.truth()
    watch.look(truth)
    found = () if stage.saboteur.fired else watch.violations
    return _Played(people.session, tuple(trouble.met), closed, record, truth, found)


def _gathered(stage: Stage, played: _Played, rested: bool, failures: list[str]) -> Rehearsal:
    return Rehearsal(
        case=stage.case,
        session=played.session,
        broken_off=played.troubles[0] if played.troubles else "",
        closed=played.closed,
        troubles=played.troubles,
        rested=rested,
        record=played.record,
        truth=played.truth,
        violations=played.violations,
        export=_export(stage.directory, played.session),
        samples=tuple(stage.samples),
        seen={name: tuple(seen) for name, seen in stage.seen.items()},
        published=dict(stage.broker.counts),
        published_digest=stage.broker.digest,
        failures=tuple(failures),
        virtual_s=stage.loop.time(),
        jobs=stage.loop.jobs,
        fired=tuple(stage.saboteur.fired),
        frames={line: faults.frames for line, faults in stage.saboteur.lines.items()},
        boots=stage.machine.boots,
    )


async def _record(stage: Stage, session: str) -> dict[str, Any]:
    """The session's record; empty where there is none, or nobody to ask."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await stage.machine.record(session) if session else {}
    except (ApiRefused, ApiDown, TimeoutError):
        return {}


def _export(directory: Path, session: str) -> tuple[str, ...]:
    return tuple(export_lines(directory / session / JOURNAL)) if session else ()


def _failure(context: dict[str, Any]) -> str:
    return f"{context.get('message')}: {context.get('exception')!r}"
