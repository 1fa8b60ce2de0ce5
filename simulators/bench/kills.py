"""``isodrip-bench kill``: real daemons on real ptys, each killed at a random moment of a treatment.

Whether the plunger rests is asked of the world; what must be in a journal is known from the answers
that a client got before the kill. Several rooms live at once.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from controller.chain import JournalBroken, Record
from controller.journal_file import read
from controller.panel.actions import BY_NAME
from controller.store import SITE_JOURNAL
from simulators.bench import launch
from simulators.bench.api import Api, ApiRefused
from simulators.bench.auto import BrokenOff, Plan, TwoPeople
from simulators.bench.judge import Watch
from simulators.bench.processes import ChildFailed
from simulators.bench.progress import Progress
from simulators.bench.view import View

MINUTES: Final = 0.75
SEED: Final = 15
"""Furnishes a room with little slack between pump and plunger: the seat takes seconds."""
LENGTH_S: Final = 100.0
"""Most of a treatment with so short an infusion, accounting for what is left included."""
WATCHDOG_S: Final = 5.0
POLL_S: Final = 0.5
LOOK_S: Final = 0.1
RECOVERS_S: Final = 40.0
ATTEMPTS: Final = 3
STEP_ML: Final = 0.02
"""Two steps of the pump's counter."""
UNSAFE: Final = 4


class Client(Api):
    """A panel that keeps the answer to each action that it was told is on the disk."""

    def __init__(self, base: str) -> None:
        super().__init__(base, "kill")
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def act(self, action: str, **body: Any) -> dict[str, Any]:
        """As `Api.act`."""
        answer = await super().act(action, **body)
        if answer.get("durable"):
            self.told.append((action, answer))
        return answer


@dataclass(slots=True)
class Kill:
    """One daemon's death: when (s into the treatment), what went on, and what was broken."""

    number: int
    at_s: float
    phase: str = "IDLE"
    running: str = ""
    receipts: int = 0
    records: int = 0
    moved_s: float = 0.0
    broken: list[str] = field(default_factory=list)
    killed: bool = False


@dataclass(slots=True)
class Treatment:
    """What two people do in one room until they are interrupted."""

    people: TwoPeople
    seated_nl: float | None = None

    async def give(self) -> None:
        """Every gate; what the seat displaced is looked at before the start."""
        people = self.people
        for step in (people.assay, people.release, people.patency, people.seat):
            await step()
        self.seated_nl = await self.drug_nl()
        for step in (people.start, people.infuse, people.flush, people.account):
            await step()

    async def drug_nl(self) -> float:
        """What the drug's plunger has gone in truth."""
        truth = await self.people.hands.truth()
        return float(truth["syringes"]["drug"]["displaced_nl"])


async def kill_once(number: int, seed: int) -> Kill:
    """One room, one kill, one restart. What is broken is told, never raised.

    A room that does not come up on a busy machine is tried again: nothing was killed in it.
    """
    chance = random.Random(f"kill {seed + number}")
    at_s = chance.uniform(0.0, LENGTH_S)
    told = Kill(number, at_s)
    for _ in range(ATTEMPTS):
        told = await _kill_in_a_room(Kill(number, at_s))
        if told.killed:
            break
    return told


async def _kill_in_a_room(told: Kill) -> Kill:
    try:
        wish = launch.Wish(minutes=MINUTES, seed=SEED)
        async with launch.bench(wish) as bench, Client(bench.api) as client:
            await _killed(bench, client, told)
    except (ChildFailed, OSError, TimeoutError) as error:
        told.broken.append(f"the room broke: {type(error).__name__}: {error}")
    return told


async def _killed(bench: launch.Bench, client: Client, told: Kill) -> None:
    plan = Plan(bench.order, bench.setting, MINUTES * 60.0)
    people = TwoPeople(client, bench.channel, plan, Progress(None), Watch())
    treatment = Treatment(people)
    giving = asyncio.create_task(treatment.give())
    await asyncio.wait({giving}, timeout=told.at_s)
    if people.session:
        view = _shown(await client.state(), people.session)
        told.phase = "CLOSED" if view is None else view.phase
        told.running = "" if view is None else view.running
    told.killed = True
    bench.daemon.signal(signal.SIGKILL)
    await bench.daemon.process.wait()
    giving.cancel()
    (ended,) = await asyncio.gather(giving, return_exceptions=True)
    if isinstance(ended, BrokenOff | ApiRefused):
        told.broken.append(f"before the kill: {ended}")
    told.moved_s = await _rests(people, told)
    before = _journals(bench.directory, told)
    _receipts(client, before, people.session, told)
    await _comes_back(bench, client, treatment, told)
    after = _journals(bench.directory, told)
    for name, records in before.items():
        if after.get(name, [])[: len(records)] != records:
            told.broken.append(f"{name}: records of before the kill are not there any more")


async def _rests(people: TwoPeople, told: Kill) -> float:
    """How long the plunger went on at least, s; motion between two looks past the limit is broken.

    On a busy machine looks are rare, so what is told is the look before the last motion.
    """
    moved_s = 0.0
    begin = last = await people.hands.truth()
    limit_ns = begin["at_ns"] + round((WATCHDOG_S + POLL_S) * 1e9)
    while True:
        await asyncio.sleep(LOOK_S)
        now = await people.hands.truth()
        if now["displaced_nl"] == last["displaced_nl"]:
            return moved_s
        moved_s = float(last["at_ns"] - begin["at_ns"]) / 1e9
        if last["at_ns"] > limit_ns:
            told.broken.append("the plunger moved after its watchdog and one poll")
            return moved_s
        last = now


def _journals(directory: Path, told: Kill) -> dict[str, list[Record]]:
    """Every journal of the room, each record proven."""
    found: dict[str, list[Record]] = {}
    for path in sorted((directory / "journal").rglob("*.sqlite")):
        name = SITE_JOURNAL if path.name == SITE_JOURNAL else path.parent.name
        try:
            found[name] = list(read(path))
        except (JournalBroken, OSError) as error:
            told.broken.append(f"{name}: {error}")
    return found


def _receipts(client: Client, journals: dict[str, list[Record]], session: str, told: Kill) -> None:
    """What was answered as durable is in the journal, under its number."""
    records = journals.get(session, [])
    told.receipts, told.records = len(client.told), len(records)
    for action, answer in client.told:
        kind = "OrderLoaded" if action == "load_order" else BY_NAME[action].event.__name__
        number = int(answer["record"])
        held = records[number].body.get("type") if number < len(records) else "nothing"
        if held != kind:
            told.broken.append(f"{action} was acknowledged as record {number}: there is {held}")


async def _comes_back(
    bench: launch.Bench, client: Client, treatment: Treatment, told: Kill
) -> None:
    """The same daemon again: it comes to know what was pumped, and nothing moves by itself."""
    daemon = await launch.start_daemon(bench.directory)
    try:
        await launch.wait_ready(bench.api.removeprefix("http://"), daemon, bench.world)
        session = treatment.people.session
        async with asyncio.timeout(RECOVERS_S):
            while True:
                view = _shown(await client.state(), session)
                if view is None or (view.phase != "UNCERTAIN" and not view.running):
                    break
                await asyncio.sleep(LOOK_S)
        if view is not None:
            await _judge(treatment, view, told)
    except TimeoutError:
        told.broken.append(f"not recovered within {RECOVERS_S:g} s")
    except (ChildFailed, httpx.TransportError, ApiRefused) as error:
        told.broken.append(f"did not come back: {error}")
    finally:
        await daemon.end()


async def _judge(treatment: Treatment, view: View, told: Kill) -> None:
    before_nl = await treatment.drug_nl()
    await asyncio.sleep(2 * LOOK_S)
    if await treatment.drug_nl() != before_nl:
        told.broken.append("the plunger moves after the restart")
    if treatment.seated_nl is None:
        return
    given_ml = (before_nl - treatment.seated_nl) / 1e6
    low_ml, high_ml = view.pumped_ml - STEP_ML, view.pumped_high_ml + STEP_ML
    if not low_ml <= given_ml <= high_ml:
        told.broken.append(f"pumped {low_ml:.3f} .. {high_ml:.3f} mL, in truth {given_ml:.3f} mL")


def _shown(state: dict[str, Any], session: str) -> View | None:
    try:
        return View.of(state, session)
    except KeyError:
        return None


# --- the command --------------------------------------------------------------------------------


def add_kill(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("kill", help="SIGKILL real daemons at random moments")
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--rooms", type=int, default=4, help="how many live at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=kill_main)


def kill_main(given: argparse.Namespace) -> int:
    """Kill at every moment; returns 0, 2 for wrong use, 4 if anything was broken."""
    if given.moments < 1 or given.rooms < 1:
        raise ValueError("moments and rooms are at least 1")
    kills = asyncio.run(_all(given.moments, given.rooms, given.seed))
    found = figures(kills, given.seed)
    sys.stdout.write((json.dumps(found) if given.json else "\n".join(_lines(found))) + "\n")
    return UNSAFE if found["violations"] else 0


async def _all(moments: int, rooms: int, seed: int) -> list[Kill]:
    free = asyncio.Semaphore(rooms)

    async def one(number: int) -> Kill:
        async with free:
            told = await kill_once(number, seed)
        state = "; ".join(told.broken) or f"moved for {told.moved_s:.1f} s"
        text = f"{number + 1}/{moments} {told.at_s:5.1f} s {told.phase} {told.running}: {state}\n"
        sys.stderr.write(text)
        return told

    return await asyncio.gather(*(one(number) for number in range(moments)))


def figures(kills: list[Kill], seed: int) -> dict[str, Any]:
    """The sum over all kills, ready for JSON."""
    broken = [kill for kill in kills if kill.broken]
    return {
        "kills": len(kills),
        "violations": len(broken),
        "phases": dict(Counter(kill.phase for kill in kills).most_common()),
        "while_running": sum(bool(kill.running) for kill in kills),
        "receipts": sum(kill.receipts for kill in kills),
        "records": sum(kill.records for kill in kills),
        "moved_s_max": round(max(kill.moved_s for kill in kills), 2),
        "broken": [
            {"seed": seed + kill.number, "at_s": round(kill.at_s, 3), "what": kill.broken}
            for kill in broken
        ],
    }


def _lines(found: dict[str, Any]) -> list[str]:
    phases = ", ".join(f"{name} {count}" for name, count in found["phases"].items())
    lines = [
        f"kills          {found['kills']} (SIMULATED), {found['while_running']} while a pump ran",
        f"in phases      {phases}",
        f"acknowledged   {found['receipts']} actions, {found['records']} records",
        f"longest run    {found['moved_s_max']} s after the kill",
        f"violations     {found['violations']}",
    ]
    for kill in found["broken"]:
        lines += [f"  isodrip-bench kill --moments 1 --seed {kill['seed']}"]
        lines += [f"    {text}" for text in kill["what"]]
    return lines
