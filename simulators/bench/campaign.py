"""``isodrip-bench campaign``: whole treatments under seeded random faults of every place, judged.

Session number i of a campaign with seed S is the only session of the campaign with seed S + i.
"""

import argparse
import asyncio
import json
import os
import random
import sys
from collections.abc import Callable
from typing import Any, Final

from controller.console import number_argument
from simulators.bench.faults import (
    KINDS,
    PHASES,
    AtFrame,
    AtRecord,
    AtTime,
    Fault,
    InPhase,
    Kind,
    Parameter,
    Place,
    Value,
    When,
    fault,
)
from simulators.bench.stage import PEOPLE, Case
from simulators.bench.streams import To
from simulators.bench.tally import S_PER_H, Gauge, Tally
from simulators.bench.trial import Trial, run_all
from simulators.bench.virtual_time import VirtualClock, VirtualLoop, run_virtual

MINUTES: Final = ((1.0, 50), (3.0, 25), (10.0, 15), (30.0, 10))
"""Durations of the infusion and in how many of a hundred sessions; all else is always whole."""
FAULTS: Final = ((0, 4), (1, 60), (2, 26), (3, 10))
"""How many faults in how many of a hundred sessions."""
ENDING: Final = ("consumer_hung", "frozen")
PLACES: Final = (
    (Place.STREAM, 35),
    (Place.DEVICE, 35),
    (Place.PROCESS, 15),
    (Place.DISK, 7),
    (Place.CLOCK, 5),
    (Place.BROKER, 3),
)
"""Where faults are, in a hundred: most where most can happen."""
LIVELY: Final = ("RELEASED", "SEATED", "INFUSING", "INFUSING", "FLUSHING")
"""Phases in which a plunger moves, from which a fault's is drawn as often as from all."""
AROUND_S: Final = 110.0
"""What a treatment takes beside its infusion and its flush."""
POLL_NS: Final = 500_000_000
BARE_POLLS: Final = 20_000
NS_PER_S: Final = 1_000_000_000


def drawn(seed: int, minutes: float | None = None) -> Case:
    """The session of a seed: its length, its faults and what people do after a stop."""
    chance = random.Random(f"campaign {seed}")
    length = _weighted(chance, MINUTES)
    minutes = length if minutes is None else minutes
    people = chance.choice(PEOPLE)
    count = _weighted(chance, FAULTS)
    faults = tuple(_fault(chance, minutes) for _ in range(count))
    return Case(seed=seed, minutes=minutes, people=people, faults=faults)


def _weighted(chance: random.Random, table: tuple[tuple[Any, int], ...]) -> Any:
    values, weights = zip(*table, strict=True)
    return chance.choices(values, weights)[0]


def _fault(chance: random.Random, minutes: float) -> Fault:
    """A place first, then one of its kinds."""
    place = _weighted(chance, PLACES)
    kind = chance.choice([row for row in KINDS.values() if row.place is place])
    parameters = {name: _value(chance, rule) for name, rule in kind.parameters.items()}
    lasts_s = round(chance.lognormvariate(1.0, 1.5), 3) if _lasts(chance, kind) else None
    return fault(place.value, kind.name, _when(chance, minutes), lasts_s, **parameters)


def _lasts(chance: random.Random, kind: Kind) -> bool:
    """Whether it is taken away again. People wait for an answer for as long as it takes."""
    return kind.lasting and (chance.random() < 0.7 or kind.name in ENDING)


def _value(chance: random.Random, rule: Parameter) -> Value:
    """A word, or a number around the default and within the range."""
    if isinstance(rule.default, str):
        return chance.choice(rule.words)
    if rule.default == 0.0:
        return round(min(max(chance.uniform(0.0, 5.0), rule.low), rule.high), 3)
    number = rule.default * chance.lognormvariate(0.0, 0.7)
    if rule.low == 1.0 and rule.high > 1e9 and rule.default == 1.0:
        return float(max(1, round(number)))
    return float(f"{min(max(number, rule.low), rule.high):.4g}")


def _when(chance: random.Random, minutes: float) -> When:
    """By time, phase, frame or record; frames and records come more often in short treatments."""
    length_s = AROUND_S + minutes * 60.0
    match chance.choice(("time", "phase", "phase", "frame", "record")):
        case "time":
            return AtTime(round(chance.uniform(0.0, length_s), 3))
        case "phase":
            phase = chance.choice(chance.choice((LIVELY, PHASES)))
            most_s = chance.choice((0.0, 2.0, 10.0, minutes * 60.0))
            return InPhase(phase, round(chance.uniform(0.0, most_s), 3))
        case "frame":
            wire = "pump" if chance.random() < 0.8 else "calibrator"
            return AtFrame(chance.randint(1, round(length_s * 2)), wire, chance.choice(tuple(To)))
    return AtRecord(chance.randint(0, round(length_s * 2)))


def bare_cpu_s(polls: int, spent_s: Callable[[], float]) -> float:
    """What a loop of virtual time that only waits for so many polls takes of the processor, s."""

    async def wait_only(loop: VirtualLoop) -> None:
        clock = VirtualClock(loop, 0)
        for number in range(1, BARE_POLLS + 1):
            await clock.sleep_until(number * POLL_NS)
        await asyncio.sleep(0)

    before_s = spent_s()
    run_virtual(wait_only)
    return (spent_s() - before_s) * polls / BARE_POLLS


def add_campaign(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("campaign", help="treatments under seeded random faults, judged")
    parser.add_argument("--sessions", type=int, required=True, metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of the first session; then one more")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--minutes", type=number_argument, help="of every infusion; default: a mixture"
    )
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=campaign_main)


def campaign_main(given: argparse.Namespace) -> int:
    """Try every session; returns 0, 2 for no sessions, 4 if a promise was broken."""
    if given.sessions < 1 or given.workers < 1:
        raise ValueError("at least one session and one worker")
    tally = campaign(given.sessions, given.seed, given.workers, given.minutes)
    found = figures(tally)
    sys.stdout.write((json.dumps(found) if given.json else "\n".join(_text(tally, found))) + "\n")
    return tally.exit_code


def campaign(sessions: int, seed: int, workers: int = 1, minutes: float | None = None) -> Tally:
    """Try ``sessions`` sessions from ``seed`` on."""
    tally, gauge = Tally(), Gauge(sessions)

    def heard(trial: Trial) -> None:
        tally.add(trial, command(trial.name, minutes))
        gauge.step(trial)

    seeds = range(seed, seed + sessions)
    jobs = ((str(one), drawn(one, minutes)) for one in seeds)
    run_all(jobs, min(workers, sessions), heard)
    return tally


def command(name: str, minutes: float | None) -> str:
    """What shows a session again."""
    length = "" if minutes is None else f" --minutes {minutes:g}"
    return f"isodrip-bench campaign --sessions 1 --seed {name}{length}"


def figures(tally: Tally) -> dict[str, Any]:
    """The tally with its pace: sessions in an hour of one core, and against a bare loop."""
    bare_s = bare_cpu_s(tally.polls, _spent_s)
    pace = {
        "sessions_per_core_hour": round(tally.sessions / max(tally.cpu_s, 1e-9) * S_PER_H),
        "polls": tally.polls,
        "bare_loop_cpu_s": round(bare_s, 4),
        "ratio_to_bare_loop": round(tally.cpu_s / max(bare_s, 1e-9), 1),
    }
    return {**tally.as_dict(), **pace}


def _text(tally: Tally, found: dict[str, Any]) -> list[str]:
    pace = f"{found['sessions_per_core_hour']} sessions an hour of one core"
    bare = f"{found['ratio_to_bare_loop']} times a bare loop of the same {found['polls']} polls"
    return [*tally.lines(), f"pace           {pace}, {bare}"]


def _spent_s() -> float:
    used = os.times()
    return used.user + used.system
