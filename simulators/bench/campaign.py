"""``isodrip-bench campaign``: whole treatments under seeded random faults of every place, judged.

Session number i of a campaign with seed S is the only session of the campaign with seed S + i.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from itertools import takewhile
from typing import Any, Final

from controller.console import number_argument
from simulators.bench.device_set import USUAL, DeviceSet, add_devices, devices_from
from simulators.bench.draws import drawn
from simulators.bench.tally import S_PER_H, Gauge, Tally
from simulators.bench.trial import Trial, run_all
from simulators.bench.virtual_time import VirtualClock, VirtualLoop, run_virtual

POLL_NS: Final = 500_000_000
BARE_POLLS: Final = 20_000
NS_PER_S: Final = 1_000_000_000


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
    add_devices(parser)
    parser.add_argument("--until-broken", action="store_true", help="end at the first violation")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=campaign_main)


def campaign_main(given: argparse.Namespace) -> int:
    """Try every session; returns 0, 2 for no sessions, 4 if a promise was broken."""
    if given.sessions < 1 or given.workers < 1:
        raise ValueError("at least one session and one worker")
    tally = campaign(
        given.sessions,
        given.seed,
        given.workers,
        given.minutes,
        devices_from(given),
        until_broken=given.until_broken,
    )
    found = figures(tally)
    sys.stdout.write((json.dumps(found) if given.json else "\n".join(_text(tally, found))) + "\n")
    return tally.exit_code


def campaign(
    sessions: int,
    seed: int,
    workers: int = 1,
    minutes: float | None = None,
    devices: DeviceSet = USUAL,
    *,
    until_broken: bool = False,
) -> Tally:
    """Try ``sessions`` sessions from ``seed`` on; ``until_broken``: none after a violation."""
    tally, gauge = Tally(), Gauge(sessions)

    def heard(trial: Trial) -> None:
        tally.add(trial, command(trial.name, minutes, devices))
        gauge.step(trial)

    seeds = takewhile(lambda _: not (until_broken and tally.broken), range(seed, seed + sessions))
    jobs = ((str(one), drawn(one, minutes, devices)) for one in seeds)
    run_all(jobs, min(workers, sessions), heard)
    return tally


def command(name: str, minutes: float | None, devices: DeviceSet = USUAL) -> str:
    """What shows a session again."""
    length = "" if minutes is None else f" --minutes {minutes:g}"
    return f"isodrip-bench campaign --sessions 1 --seed {name}{length}{devices.options}"


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
