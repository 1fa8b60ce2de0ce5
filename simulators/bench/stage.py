"""The world of one rehearsal: devices on wires in memory, broker, clock, disk and names.

Devices and room are those that a bench in real time serves; the drivers are the ward's. What
happens in this world, and who acts, is decided elsewhere.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from controller.clinic.order import Administer, parse_order
from controller.config import load_site
from controller.device_sections import PumpSection
from controller.devices import Lines, calibrator_of, pump_of
from controller.ports import Calibrator, Clock, Pump
from controller.service import setting_of
from controller.store import DirectoryStore
from controller.surroundings import PumpListener, Surroundings
from controller.surroundings import Setting as WardSetting
from controller.telemetry import Telemetry, room_prefix
from drivers.serial_port import Parity
from drivers.stream import Opener
from firmware_interfaces.units import Nanoseconds
from simulators.bench import papers
from simulators.bench.api import ApiDown, ApiRefused
from simulators.bench.badges import bench_people
from simulators.bench.broker_stand_in import BrokerStandIn
from simulators.bench.commissioning import bench_commissioning
from simulators.bench.device_set import FLUSH_PUMP, USUAL, DeviceSet
from simulators.bench.disk import Disk
from simulators.bench.fault_acts import Saboteur
from simulators.bench.faults import Fault, ScenarioError, unknown_here
from simulators.bench.machine import Machine
from simulators.bench.mistakes import Mistake
from simulators.bench.setting import Setting
from simulators.bench.streams import Seen, Wire
from simulators.bench.unit_proving import units_known
from simulators.bench.virtual_time import VirtualClock, VirtualLoop
from simulators.bench.world import World

BEGIN: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""When every rehearsal begins: the record of a seed never depends on the day it is made."""
NS_PER_S: Final = 1_000_000_000
TICK_NS: Final = 250_000_000
"""A device that nobody speaks to is advanced this often: so late may an unasked alarm be. The steps
of the room are finer, and a watchdog fires at its own moment."""
NEVER: Final = 0
"""A calibrator does not speak unasked."""
SAMPLE_NS: Final = NS_PER_S
LOOK_NS: Final = NS_PER_S
"""Eyes see anew after this time."""
PEOPLE: Final = ("end", "resume", "hand", "none", "away")
"""What two people do after a stop: end the delivery and account for it, go on, or nothing at all.
``hand``: once drug runs they finish it by hand, whatever the panel shows, and enter that late.
``away``: once the drug runs nobody looks at the patient; after a stop they come and end it."""
COLD: Final = ("", "saline", "active")
"""Whether it is a cold run, and what its syringe holds: an active one is a person's mistake."""
ADMINISTER: Final = tuple(way.value for way in Administer)
VISITOR: Final = "cd"


def addresses(devices: DeviceSet = USUAL) -> papers.Addresses:
    """Where a rehearsal's programs find each other."""
    return papers.Addresses(
        f"{devices.pump_scheme}://pump:1",
        f"{devices.calibrator_scheme}://calibrator:1",
        "mqtt://broker",
        "127.0.0.1:8131",
        f"{devices.flush_pump_scheme}://flush_pump:1" if devices.flush_pump else "",
    )


ADDRESSES: Final = addresses()


@dataclass(frozen=True, slots=True)
class Sample:
    """What was really so at a moment: out of the drug syringe, swept by the plunger, arrived."""

    at_ns: int
    drug_out_nl: float
    swept_nl: float
    mean_nl_s: float
    patient_bq: float


@dataclass(frozen=True, slots=True)
class Case:
    """What is rehearsed. The same case gives the same journal, to the byte.

    Raises ScenarioError for people, a way to administer or a cold run that there are not, or for a
    fault that these devices cannot have.
    """

    seed: int = 1
    minutes: float = 30.0
    people: str = "end"
    faults: tuple[Fault, ...] = ()
    administer: str = "whole_syringe"
    devices: DeviceSet = USUAL
    cold: str = ""
    mistakes: tuple[Mistake, ...] = ()

    def __post_init__(self) -> None:
        if self.people not in PEOPLE:
            raise ScenarioError("people", self.people, f"must be one of {', '.join(PEOPLE)}")
        if self.administer not in ADMINISTER:
            rule = f"must be one of {', '.join(ADMINISTER)}"
            raise ScenarioError("administer", self.administer, rule)
        if self.cold not in COLD:
            raise ScenarioError("cold", self.cold, "must be saline or active")
        for fault in self.faults:
            if rule := unknown_here(fault, self.devices):
                raise ScenarioError("devices", self.devices.kinds, f"{fault.kind}: {rule}")


def _now(clock: Clock) -> Callable[[], Nanoseconds]:
    return lambda: Nanoseconds(clock.monotonic_ns())


class Hands:
    """Hands and eyes in process, as `simulators.bench.channel.Channel` is over a socket."""

    def __init__(self, world: World, now_ns: Callable[[], int]) -> None:
        self._world, self._now_ns = world, now_ns
        self._seen: dict[str, Any] = {}

    async def hand(self, verb: str, **what: str | float) -> None:
        """Let a hand do something. Raises Refused with the reason."""
        self._seen = {}
        self._world.hands.act(verb, what)

    async def truth(self) -> dict[str, Any]:
        """What is really so, at most ``LOOK_NS`` ago and not before the last act."""
        if not self._seen or self._now_ns() - self._seen["at_ns"] >= LOOK_NS:
            self._seen = self._world.glance()
        return self._seen


class Stage:
    """The world of one case, before any daemon lives in it. Faults are put in here.

    ``wires`` may be unplugged and their directions given a passage, ``broker`` may leave, ``clock``
    step and drift; ``executor`` is the disk's, and ``room`` of the ``world`` everything physical.
    """

    def __init__(self, case: Case, loop: VirtualLoop, directory: Path) -> None:
        self.case, self.loop, self.directory = case, loop, directory
        begin_ns = round(BEGIN.timestamp()) * NS_PER_S
        example = papers.EXAMPLE_ORDER.read_text("utf-8")
        today = papers.order_for_today(example, case.minutes, BEGIN, case.devices)
        hot = {**today, "administer": case.administer}
        self.order = papers.for_cold_run(hot) if case.cold else hot
        order = parse_order(json.dumps(self.order))
        in_syringe = parse_order(json.dumps(hot)) if case.cold == "active" else order
        self.setting = Setting.of(in_syringe, case.seed, case.devices)
        where = addresses(case.devices)
        site_text = papers.site_text(order, where, Path("/rehearsal"), case.devices)
        self.site = load_site(site_text)
        self.people = bench_people(begin_ns)
        syringe, proven_at = order.container.name, BEGIN - timedelta(days=1)
        self.commissioning = bench_commissioning(site_text, syringe, proven_at)
        self.units = units_known(site_text, self.site, proven_at)
        self.flush_commissioning: str | None = None
        if case.devices.flush_pump:
            saline = self.setting.saline_syringe
            self.flush_commissioning = bench_commissioning(site_text, saline, proven_at, flush=True)
        self.clock = VirtualClock(loop, begin_ns)
        self.world: World = World(self.setting, loop.now_ns, lambda: begin_ns + loop.now_ns())
        self.broker: BrokerStandIn = BrokerStandIn()
        self.chance = random.Random(f"names {case.seed}")
        self.disk: Disk = Disk(loop)
        self._context = copy_context()
        lines, calibrator = self.world.pump_lines, self.world.calibrator_firmware
        names = {"pump": where.pump, FLUSH_PUMP: where.flush_pump}
        self.wires = {
            name: Wire(loop, names[name], line, TICK_NS, line.quiet) for name, line in lines.items()
        }
        self.wires["calibrator"] = (
            self.wires["pump"]
            if case.devices.meter_on_line
            else Wire(loop, where.calibrator, calibrator, NEVER)
        )
        self.samples: list[Sample] = []
        self.seen: dict[str, list[Seen]] = {name: [] for name in self.wires}
        for name, wire in self.wires.items():
            wire.taps.append(self.seen[name].append)
        self.visits: set[asyncio.Task[None]] = set()
        self.machine = Machine(self)
        self.saboteur = Saboteur(self, case.faults, case.seed)

    def site_setting(self) -> WardSetting:
        """What the daemon takes from site.toml and the commissioning of its pumps."""
        return setting_of(self.site, self.commissioning, self.flush_commissioning, self.units)

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let something happen in the world, whatever program is alive then."""
        self.loop.call_later(delay_s, act, context=self._context)

    def visit(self, action: str, **body: str) -> None:
        """Let somebody come to the panel and ask for this of whatever treatment it shows."""
        task = self.loop.create_task(
            self._visited(action, body), name=f"visitor: {action}", context=self._context.copy()
        )
        self.visits.add(task)

    async def _visited(self, action: str, body: dict[str, str]) -> None:
        with contextlib.suppress(ApiRefused, ApiDown):
            if action == "stop":
                await self.machine.stop()
            elif active := (await self.machine.state())["active"]:
                await self.machine.act(action, session=active, operator=VISITOR, **body)

    def start(self) -> None:
        """Let devices live and the ledger be read."""
        for wire in dict.fromkeys(self.wires.values()):
            wire.start()
        self._sample()

    def stop(self) -> None:
        """Let nothing happen by itself any more."""
        for wire in dict.fromkeys(self.wires.values()):
            wire.stop()

    def surroundings(self) -> Surroundings:
        """What the daemon is given, in the place of disk, wires and broker of a ward."""
        lines = Lines(self._opener)

        def pump(section: PumpSection, clock: Clock, heard: PumpListener) -> Pump:
            return pump_of(section, lines, _now(clock), heard)

        def calibrator(clock: Clock) -> Calibrator:
            return calibrator_of(self.site.calibrator, lines, _now(clock), self.units)

        second = self.site.flush_pump
        store = DirectoryStore(self.directory, executor=self.disk, synchronous="OFF")
        return Surroundings(
            clock=self.clock,
            store=store,
            pump=partial(pump, self.site.pump),
            flush_pump=None if second is None else partial(pump, second),
            calibrator=calibrator,
            telemetry=self._telemetry,
            new_id=lambda: f"{BEGIN:%Y%m%d}-{self.chance.getrandbits(24):06x}",
            disk_free_mb=lambda: int(self.disk.free_mb),
        )

    def _opener(self, port: str, _baud: int, _parity: Parity) -> Opener:
        """The wire with that address, as `drivers.serial_port.opener` finds a ward's."""
        return next(wire.open for wire in self.wires.values() if wire.name == port)

    def _telemetry(self, on_link: Callable[[bool, str], None]) -> Telemetry:
        prefix = room_prefix(self.site.site.name, self.site.site.room)
        return Telemetry(prefix, self.broker.connect, on_link=on_link)

    def _sample(self) -> None:
        self.world.advance()
        room = self.world.room
        self.samples.append(
            Sample(
                room.now_ns,
                room.syringes["drug"].expelled.volume_nl,
                room.displaced_nl,
                room.mean_plunger_nl_s(),
                room.places["patient"].activity_bq * room.decay,
            )
        )
        self.loop.call_at((self.loop.now_ns() + SAMPLE_NS) / NS_PER_S, self._sample)
