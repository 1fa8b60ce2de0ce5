"""STOP under load: from the request to STOP on the pump's wire, as a multiple of one exchange.

A real daemon, broker and devices on ptys; one treatment that is stopped and resumed again and
again. The exchange is the median of the polls of the same treatment while nothing else goes on.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.samples import Comparison, compared, quantile
from benchmarks.watched_daemon import STAMPS
from controller import control_socket
from simulators.bench import launch, processes
from simulators.bench.api import Api
from simulators.bench.auto import Plan, TwoPeople
from simulators.bench.judge import Watch
from simulators.bench.processes import Child
from simulators.bench.progress import Progress
from simulators.bench.view import View

MINUTES: Final = 15.0
"""Longer than all the samples take."""
SEED: Final = 15
QUIET_POLLS: Final = 20
SETTLE_S: Final = 1.0
TARGET: Final = (2.0, 2.0)
HELD_S: Final = 0.9
"""Of every second a slow broker takes nothing for so long."""
PATIENCE_S: Final = 30.0
LESS: Final = "10"
"""Niceness of a flood: measured is what it makes the daemon do, not who gets a core."""
PRESS: Final = b"POST /api/v1/actions/stop HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
STOP: Final = "stop"
WATCHED: Final = (str(Path(__file__).with_name("watched_daemon.py")),)


@dataclass(slots=True)
class Room:
    """A running infusion; ``taken`` is how far its stamps have been read."""

    bench: launch.Bench
    api: Api
    people: TwoPeople
    stamps: Path
    taken: int = 0

    def new_stamps(self) -> list[dict[str, Any]]:
        """Stamps since the last call."""
        lines = self.stamps.read_text().splitlines()
        found, self.taken = lines[self.taken :], len(lines)
        return [json.loads(line) for line in found]

    async def view(self) -> View:
        """What the panel shows."""
        return View.of(await self.api.state(), self.people.session)

    async def until(self, holds: Callable[[View], bool]) -> None:
        """Wait for it. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if holds(await self.view()):
                    return
                await asyncio.sleep(0.1)

    async def resume(self) -> None:
        """From STOPPED to an infusion that turns."""
        act = partial(self.api.act, session=self.people.session)
        await self.until(lambda view: view.phase == "STOPPED" and not view.running)
        await act("acknowledge", operator="ab")
        for who in ("ab", "cd"):
            await act("resume", operator=who)
        await self.until(lambda view: view.phase == "ARMED")
        before_ml = (await self.view()).pumped_ml
        await act("start_request", operator="ab")
        await act("start_confirm", operator="ab")
        await self.until(lambda view: view.pumped_ml > before_ml)


@asynccontextmanager
async def infusing() -> AsyncIterator[Room]:
    """A room in which drug runs."""
    with TemporaryDirectory(prefix="i-") as folder:
        stamps = Path(folder) / "stamps"
        os.environ[STAMPS] = str(stamps)
        wish = launch.Wish(minutes=MINUTES, seed=SEED)
        async with launch.bench(wish, WATCHED) as bench, Api(bench.api, "benchmark") as api:
            plan = Plan(bench.order, bench.setting, MINUTES * 60.0)
            people = TwoPeople(api, bench.channel, plan, Progress(None), Watch())
            for step in (people.assay, people.release, people.patency, people.seat, people.start):
                await step()
            yield Room(bench, api, people, stamps)


def _terminal(room: Room) -> Path:
    """Where ``isodrip stop`` speaks to the daemon."""
    return room.bench.directory / "journal" / "isodrip.sock"


# --- loads --------------------------------------------------------------------------------------


async def _flood(room: Room, nice: str, *words: str) -> Child:
    log = room.bench.directory / "flood.log"
    command = ["nice", "-n", nice, sys.executable, "-m", "benchmarks.flood", *words]
    child = await processes.start(words[0], command, log, read_stdout=True)
    await child.first_line(PATIENCE_S)
    return child


@asynccontextmanager
async def _children(room: Room, *loads: tuple[str, ...]) -> AsyncIterator[None]:
    async with AsyncExitStack() as ending:
        for load in loads:
            child = await _flood(room, *load)
            ending.push_async_callback(child.end)
        yield


@asynccontextmanager
async def _nothing(_room: Room) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def _requests(room: Room) -> AsyncIterator[None]:
    api = (LESS, "requests", room.bench.api, room.people.session)
    async with _children(room, api, (LESS, "terminal", str(_terminal(room)))):
        yield


@asynccontextmanager
async def _noise(room: Room) -> AsyncIterator[None]:
    proxy = int((room.bench.directory / "noise.pid").read_text())
    os.kill(proxy, signal.SIGUSR1)
    try:
        yield
    finally:
        os.kill(proxy, signal.SIGUSR2)


@asynccontextmanager
async def _slow_broker(room: Room) -> AsyncIterator[None]:
    process = room.bench.broker.process

    async def hold() -> None:
        while True:
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(HELD_S)
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(1.0 - HELD_S)

    holding = asyncio.ensure_future(hold())
    try:
        yield
    finally:
        holding.cancel()
        process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def _starved(room: Room) -> AsyncIterator[None]:
    """On every core one process as important as the daemon and one that is less so."""
    cores = len(os.sched_getaffinity(0))
    equal, less = (("0", "processor"),) * cores, ((LESS, "processor"),) * cores
    async with _children(room, *equal, *less):
        yield


@asynccontextmanager
async def _everything(room: Room) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for load in (_requests, _noise, _slow_broker):
            await stack.enter_async_context(load(room))
        yield


LOADS: Final = {
    "nothing else": _nothing,
    "slow broker": _slow_broker,
    "noise on a line": _noise,
    "requests, news, terminal": _requests,
    "all of these": _everything,
    "no free processor": _starved,
}


# --- stops --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """One STOP: to the wire, from the request parsed to the wire, and the daemon's work in that."""

    whole_ns: int
    daemon_ns: int
    work_ns: int


def _press(room: Room, by_terminal: bool) -> int:
    """Press STOP on a connection of its own; returns when. The answer may take its time."""
    begun_ns = time.monotonic_ns()
    if by_terminal:
        control_socket.ask(_terminal(room), "stop")
        return begun_ns
    address = urlsplit(room.bench.api)
    with socket.create_connection((address.hostname or "", address.port or 0), PATIENCE_S) as sock:
        sock.sendall(PRESS)
        sock.recv(4096)
    return begun_ns


async def _stopped(room: Room, load: Any, chance: random.Random, by_terminal: bool) -> Stopped:
    async with load(room):
        await asyncio.sleep(SETTLE_S + chance.uniform(0.0, 0.5))
        room.new_stamps()
        begun_ns = await asyncio.to_thread(_press, room, by_terminal)
        found: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(PATIENCE_S):
            while STOP not in found:
                await asyncio.sleep(0.01)
                for stamp in room.new_stamps():
                    found.setdefault(stamp["what"], stamp)
    wire, parsed = found[STOP], found["parsed"]
    return Stopped(
        wire["at_ns"] - begun_ns,
        wire["at_ns"] - parsed["at_ns"],
        wire["cpu_ns"] - parsed["cpu_ns"],
    )


def _rows(name: str, stops: list[Stopped], exchange_ns: int) -> list[Comparison]:
    floor = [exchange_ns]
    whole = [stop.whole_ns for stop in stops]
    worst = max(whole) / exchange_ns
    return [
        compared(f"{name} (worst {worst:.2f})", whole, floor, TARGET),
        compared("  from parsed to wire", [stop.daemon_ns for stop in stops], floor),
        compared("  the daemon's own work in it", [stop.work_ns for stop in stops], floor),
    ]


async def _exchange_ns(room: Room) -> int:
    """Median of the polls of a quiet room."""
    took_ns: list[int] = []
    while len(took_ns) < QUIET_POLLS:
        await asyncio.sleep(1.0)
        took_ns += [stamp["took_ns"] for stamp in room.new_stamps() if stamp["what"] == "poll"]
    return quantile(took_ns, 50)


async def measure(count: int, only: str = "") -> list[Comparison]:
    """Three rows a load, ``count`` STOPs each, by HTTP and terminal in turn.

    Raises BrokerMissing.
    """
    chance = random.Random(SEED)
    found: list[Comparison] = []
    async with infusing() as room:
        exchange_ns = await _exchange_ns(room)
        for name, load in LOADS.items():
            if only not in name:
                continue
            stops = []
            for number in range(count):
                stops.append(await _stopped(room, load, chance, number % 2 == 1))
                await room.resume()
            found += _rows(name, stops, exchange_ns)
    return found
