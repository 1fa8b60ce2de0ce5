"""Real rooms for the end-to-end tests: broker, world and daemon as processes, and two people.

The one place where these tests know how a room is started, brought to a phase and looked at.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.bench import launch
from simulators.bench.api import Api
from simulators.bench.auto import Plan, TwoPeople
from simulators.bench.channel import Channel
from simulators.bench.judge import Watch
from simulators.bench.processes import Child
from simulators.bench.progress import Progress
from simulators.bench.view import View

MINUTES = 1.0
"""Long enough that no test of an interruption runs into the infusion's end."""
SEED = 15
"""Furnishes a room with little slack between pump and plunger: the seat takes seconds."""
WATCHDOG_S = 5.0
POLL_S = 0.5
MARGIN_S = 2.0
"""What a loaded machine may add to a time that is watched from outside."""
BLOCKABLE = (str(Path(__file__).with_name("blockable_daemon.py")),)


@dataclass
class Room:
    """A running bench with its people; ``daemon`` is replaced when a test restarts it."""

    bench: launch.Bench
    api: Api
    people: TwoPeople
    watch: Watch
    daemon: Child
    seated_ml: float = 0.0

    @property
    def directory(self) -> Path:
        return self.bench.directory

    @property
    def channel(self) -> Channel:
        return self.bench.channel

    @property
    def session(self) -> str:
        return self.people.session

    async def view(self) -> View:
        return View.of(await self.api.state(), self.session)

    async def act(self, action: str, **body: Any) -> dict[str, Any]:
        return await self.api.act(action, session=self.session, **body)

    async def infuse(self, at_least_ml: float = 0.1) -> View:
        """From nothing to an infusion of which at least so much is pumped."""
        people = self.people
        for step in (people.assay, people.release, people.patency, people.seat):
            await step()
        self.seated_ml = await self.drug_out_ml()
        await people.start()
        return await self.until(lambda view: view.pumped_ml >= at_least_ml)

    async def until(self, holds: Callable[[View], bool], patience_s: float = 20.0) -> View:
        """The first view that holds; an assertion with the last one seen if none does."""
        view: View | None = None
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    view = await self.view()
                    if holds(view):
                        return view
                    await asyncio.sleep(0.1)
        except TimeoutError:
            shown = "nothing" if view is None else f"{view.phase}, alarms {view.alarms}"
            raise AssertionError(f"never came; last seen: {shown}") from None

    async def moves(self) -> bool:
        """Whether the plunger advances, by the world's own ledger."""
        before = (await self.channel.truth())["displaced_nl"]
        await asyncio.sleep(0.3)
        return bool((await self.channel.truth())["displaced_nl"] != before)

    async def rests_after(self, limit_s: float) -> float:
        """Volume in mL displaced from now until the plunger rests, within the limit."""
        begin = await self.channel.truth()
        last = begin
        while True:
            await asyncio.sleep(0.2)
            now = await self.channel.truth()
            if now["displaced_nl"] == last["displaced_nl"]:
                return float(last["displaced_nl"] - begin["displaced_nl"]) / 1e6
            elapsed_s = (now["at_ns"] - begin["at_ns"]) / 1e9
            assert elapsed_s <= limit_s + MARGIN_S, f"moves after {elapsed_s:.1f} s"
            last = now

    async def infused_ml(self) -> float:
        """What the drug syringe's plunger has displaced since the start."""
        return await self.drug_out_ml() - self.seated_ml

    async def drug_out_ml(self) -> float:
        """What the drug syringe's plunger has displaced, by the world's ledger."""
        return float((await self.channel.truth())["syringes"]["drug"]["displaced_nl"]) / 1e6

    async def restart(self) -> None:
        """The same daemon again, on the same journal."""
        self.daemon = await launch.start_daemon(self.directory)
        address = self.bench.api.removeprefix("http://")
        await launch.wait_ready(address, self.daemon, self.bench.world)

    def journal(self) -> Path:
        """The journal of this room's session."""
        return self.directory / "journal" / self.session / "journal.sqlite"


@asynccontextmanager
async def room(
    minutes: float = MINUTES, program: Sequence[str] = launch.WARD
) -> AsyncIterator[Room]:
    """A room with everything running; all of it ends with the test."""
    wish = launch.Wish(minutes=minutes, seed=SEED)
    async with launch.bench(wish, program) as bench, Api(bench.api, "test") as api:
        watch = Watch()
        plan = Plan(bench.order, bench.setting, minutes * 60.0)
        people = TwoPeople(api, bench.channel, plan, Progress(None), watch)
        running = Room(bench, api, people, watch, bench.daemon)
        try:
            yield running
        finally:
            await running.daemon.end()


async def isodrip(*arguments: str) -> tuple[int, str, str]:
    """One call of the ward's command: exit code, stdout, stderr."""
    return await _call(*launch.WARD, *arguments)


async def isodrip_bench(*arguments: str) -> tuple[int, str, str]:
    """One call of the bench's command."""
    return await _call("-m", "simulators.bench.cli", *arguments)


async def _call(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
