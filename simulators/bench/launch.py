"""Starts and ends a bench: papers, broker, world and the very daemon a ward would run.

Three separate processes on a leash. Nobody here asks daemon or world for anything but whether
it is ready.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from controller.clinic.documents import utc_ns
from controller.clinic.order import Order, parse_order
from controller.people_file import NAME as PEOPLE
from controller.people_file import write_people
from simulators.bench import papers, processes
from simulators.bench.api import Api
from simulators.bench.badges import bench_people
from simulators.bench.broker import Broker, Kind, free_port, start_broker
from simulators.bench.channel import Channel
from simulators.bench.commissioning import bench_commissioning
from simulators.bench.device_set import FLUSH_PUMP, UNIT_PROVEN, USUAL, DeviceSet
from simulators.bench.directory import make_directory
from simulators.bench.processes import Child, ChildFailed
from simulators.bench.setting import Setting
from simulators.bench.unit_proving import bench_unit_proof

READY_S: Final = 20.0
WARD: Final = ("-c", "import sys; from controller.cli import main; sys.exit(main())")
"""The program that a ward runs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    minutes: float | None = None
    auto: bool = False
    order: Path | None = None
    seed: int = 1
    as_json: bool = False
    broker: Kind | None = None
    devices: DeviceSet = USUAL
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """A running bench: its papers, its processes and where everything is."""

    directory: Path
    order: dict[str, Any]
    setting: Setting
    ports: dict[str, str]
    api: str
    broker: Broker
    world: Child
    daemon: Child

    @property
    def channel(self) -> Channel:
        """Hands and truth."""
        return Channel(self.directory)

    def where(self) -> dict[str, Any]:
        """Where to look, for people and programs."""
        return {
            "api": self.api,
            "broker": self.broker.url,
            "ports": self.ports,
            "directory": str(self.directory),
            "seed": self.setting.seed,
        }


def written_order(wish: Wish, now: datetime) -> dict[str, Any]:
    """The order of this run. Raises OrderError, OSError or ValueError if unusable."""
    draft = _draft(wish, now)
    return papers.for_cold_run(draft) if wish.cold else draft


def _draft(wish: Wish, now: datetime) -> dict[str, Any]:
    text = (wish.order or papers.EXAMPLE_ORDER).read_text("utf-8")
    if wish.order is None:
        return papers.order_for_today(text, wish.minutes or 1.0, now, wish.devices)
    parse_order(text)
    draft: dict[str, Any] = json.loads(text)
    return draft if wish.minutes is None else papers.with_minutes(draft, wish.minutes)


@asynccontextmanager
async def bench(wish: Wish, program: Sequence[str] = WARD) -> AsyncIterator[Bench]:
    """Everything started and the daemon answering; on leaving, the daemon ends first.

    ``program`` is the daemon's, as arguments of the Python interpreter. Raises BrokerMissing,
    ChildFailed, OrderError, OSError or ValueError with what was seen.
    """
    order = written_order(wish, datetime.now(UTC))
    directory = make_directory()
    (directory / "order.json").write_text(json.dumps(order, indent=2) + "\n")
    parsed = parse_order(json.dumps(order))
    setting = Setting.of(parsed, wish.seed, wish.devices)
    setting.save(directory)
    async with AsyncExitStack() as ending:
        broker = await start_broker(wish.broker)
        ending.push_async_callback(broker.stop)
        world = await start_world(directory)
        ending.push_async_callback(world.end)
        ports = await world_ports(world)
        address = f"127.0.0.1:{free_port()}"
        devices = ports["pump"], ports.get("calibrator", ports["pump"])
        where = papers.Addresses(*devices, broker.url, address, ports.get(FLUSH_PUMP, ""))
        write_site(directory, parsed, where, wish.devices)
        daemon = await start_daemon(directory, program)
        ending.push_async_callback(daemon.end)
        await wait_ready(address, daemon, world)
        yield Bench(directory, order, setting, ports, f"http://{address}", broker, world, daemon)


async def start_world(directory: Path) -> Child:
    """The world process, on a leash."""
    command = [sys.executable, "-m", "simulators.bench.world", str(directory)]
    return await processes.start("world", command, directory / "world.log", read_stdout=True)


async def world_ports(world: Child) -> dict[str, str]:
    """The devices' ports, from the world's first line."""
    ports: dict[str, str] = json.loads(await world.first_line(READY_S))["ports"]
    return ports


def write_site(
    directory: Path, order: Order, where: papers.Addresses, devices: DeviceSet = USUAL
) -> Path:
    """Write site.toml and the commissioning of its devices; make the journal's directory."""
    (directory / "journal").mkdir(exist_ok=True)
    site, text = directory / "site.toml", papers.site_text(order, where, directory, devices)
    site.write_text(text)
    people = bench_people(utc_ns(datetime.now(UTC)))
    write_people(directory / "journal" / PEOPLE, people)
    proven = bench_commissioning(text, order.container.name, datetime.now(UTC))
    (directory / papers.COMMISSIONING).write_text(proven)
    if devices.calibrator in UNIT_PROVEN:
        (directory / papers.UNIT_PROOF).write_text(bench_unit_proof(text, datetime.now(UTC)))
    if devices.flush_pump:
        now, saline = datetime.now(UTC), Setting.of(order, 1, devices).saline_syringe
        proven = bench_commissioning(text, saline, now, flush=True)
        (directory / papers.FLUSH_COMMISSIONING).write_text(proven)
    return site


async def start_daemon(directory: Path, program: Sequence[str] = WARD) -> Child:
    """The ward's daemon for the site.toml of ``directory``, on a leash."""
    command = [sys.executable, *program, "run", "--config", str(directory / "site.toml")]
    return await processes.start("daemon", command, directory / "daemon.log")


async def wait_ready(address: str, *children: Child) -> None:
    """Return when the daemon answers. Raises ChildFailed if a child ends or it never does."""
    async with Api(f"http://{address}") as api:
        ready = asyncio.create_task(api.wait_ready())
        death = asyncio.create_task(processes.first_death(children))
        tasks: set[asyncio.Task[Any]] = {ready, death}
        done, _ = await asyncio.wait(tasks, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if death in done:
            raise death.result()
        if ready not in done:
            raise ChildFailed(children[0], f"did not answer at {address} within {READY_S:g} s")
