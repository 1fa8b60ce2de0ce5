"""The bench's own commissioning: the ward's procedure on a simulated pump, in virtual time.

Water flows through the same physics as in every rehearsal; a person weighs what really came out.
Nothing of the result is made up, and the file says that it is simulated.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from controller.cli_commission import file_of, wish_of
from controller.clinic.commissioning import CommissioningFile, Person, commissioning_text
from controller.clinic.gravimetry import AIR_G_ML, WEIGHTS_G_ML, water_density_g_ml
from controller.commission import FULL_MINUTES, Commissioning
from controller.config import SiteConfig, load_site
from controller.device_sections import PumpSection
from controller.devices import UNHEARD, Lines, pump_of
from controller.ports import Pump
from firmware_interfaces.units import NS_PER_S, Nanoseconds
from simulators.bench.streams import Wire
from simulators.bench.virtual_time import VirtualClock, VirtualLoop, run_virtual
from simulators.devices import hands
from simulators.devices.kinds import PUMPS, PumpFirmware, container
from simulators.devices.room import Room

NL_PER_ML: Final = 1e6
TICK_NS: Final = 250_000_000
WATER_C: Final = 22.0
RESOLUTION_G: Final = 0.001
BEAKER_G: Final = 104.37
LINE_G: Final = 6.12
EVAPORATED_G_H: Final = 0.06
"""What an open beaker loses in an ordinary room."""
GAP_UM: Final = 200.0
Prepare = Callable[[Room, PumpFirmware], None]


class SimulatedPerson:
    """Hands and a balance in a room: what is weighed is what is really in the beaker."""

    def __init__(self, room: Room, advance: Callable[[], None], syringes: Iterator[str]) -> None:
        self._room, self._advance, self._syringes = room, advance, syringes
        self._begun_ns = 0
        self.told: list[str] = []

    async def act(self, key: str, _text: str) -> None:
        """Do it at once."""
        self._advance()
        acts: dict[str, Callable[[], None]] = {
            "mount": self._mount,
            "close_clamp": lambda: hands.set_clamp(self._room, is_open=False),
            "open_clamp": lambda: hands.set_clamp(self._room, is_open=True),
        }
        acts.get(key, lambda: None)()

    async def figure(self, key: str, _text: str, _low: float, _high: float) -> float:
        """Read it, as far as the instrument tells."""
        self._advance()
        now_ns = self._room.now_ns
        if key == "before_g":
            self._begun_ns = now_ns
        lost_g = EVAPORATED_G_H * (now_ns - self._begun_ns) / (3600 * NS_PER_S)
        beaker_g = BEAKER_G + in_air_g(self._room.places["prime"].volume_nl)
        known = {
            "resolution_g": RESOLUTION_G,
            "water_c": WATER_C,
            "before_g": beaker_g,
            "after_g": beaker_g - lost_g,
            "evaporation_g": lost_g,
            "line_empty_g": LINE_G,
            "line_filled_g": LINE_G + in_air_g(self._room.line.dead_nl),
        }
        return round(known[key], 3)

    async def choose(self, _key: str, _text: str, choices: Sequence[str]) -> str:
        """Weigh rather than read a leaflet."""
        return choices[0]

    async def write(self, key: str, _text: str) -> str:
        """There is nothing to write: everything was weighed."""
        raise AssertionError(f"nobody knows {key}")

    async def hear(self, text: str) -> None:
        """Keep what was said."""
        self.told.append(text)

    def _mount(self) -> None:
        if self._room.mounted is not None:
            hands.unmount(self._room)
        hands.mount(self._room, next(self._syringes), GAP_UM)
        hands.join_line(self._room)
        hands.set_clamp(self._room, is_open=True)
        hands.lead_line(self._room, "prime")


def in_air_g(volume_nl: float) -> float:
    """What a balance shows for so much water."""
    density = water_density_g_ml(WATER_C)
    return volume_nl / NL_PER_ML * (density - AIR_G_ML) / (1.0 - AIR_G_ML / WEIGHTS_G_ML)


def as_it_is(_room: Room, _pump: PumpFirmware) -> None:
    """A room without a defect."""


def commission(
    site: SiteConfig,
    names: Sequence[str],
    at: datetime,
    *,
    minutes: float = FULL_MINUTES,
    prepare: Prepare = as_it_is,
) -> CommissioningFile:
    """Commission a simulated pump for ``site`` with these syringes. Takes no real time."""
    with ThreadPoolExecutor(1) as beside:
        # A loop of its own, whatever loop the caller is in.
        work = beside.submit(
            run_virtual, lambda loop: _commissioned(loop, site, names, at, minutes, prepare)
        )
        return work.result()


async def _commissioned(
    loop: VirtualLoop,
    site: SiteConfig,
    names: Sequence[str],
    at: datetime,
    minutes: float,
    prepare: Prepare,
) -> CommissioningFile:
    wish = wish_of(site, names, minutes)
    room = Room(seed=1)
    for row in wish.syringes:
        full_nl = (row.size_ml or 0.0) * NL_PER_ML
        one = container(site.pump.kind, row.name, row.diameter_mm, full_nl)
        hands.bring_syringe(room, one)
        hands.fill_saline(room, row.name, full_nl)
    person = SimulatedPerson(room, lambda: room.process(loop.now_ns()), iter(names))
    clock = VirtualClock(loop, round(at.timestamp()) * NS_PER_S)
    async with simulated_pump(loop, room, site.pump, prepare) as pump:
        outcome = await Commissioning(pump, clock, person, wish).whole()
    first, second = (Person(id=p.id, name=p.name, role=p.role) for p in site.operator[:2])
    return file_of(
        outcome, at.astimezone(UTC).replace(microsecond=0), first, second, simulated=True
    )


@asynccontextmanager
async def simulated_pump(
    loop: VirtualLoop, room: Room, section: PumpSection, prepare: Prepare
) -> AsyncIterator[Pump]:
    """The ward's driver on a simulated pump in ``room``, over a wire in memory."""
    firmware = PUMPS[section.kind].make(room.bay, section.port.startswith("tcp:"))
    firmware.move_to(section.address)
    prepare(room, firmware)
    wire = Wire(loop, "pump", firmware, TICK_NS)
    wire.start()
    pump = pump_of(
        section, Lines(lambda *_: wire.open), lambda: Nanoseconds(loop.now_ns()), UNHEARD
    )  # fmt: skip
    try:
        yield pump
    finally:
        await pump.close()
        wire.stop()


@lru_cache(maxsize=64)
def bench_commissioning(site_text: str, syringe: str, at: datetime, *, flush: bool = False) -> str:
    """The file's text for one syringe type: 30 minutes of water, in about a second.

    ``flush``: of the second pump.
    """
    site = load_site(site_text)
    if flush:
        site = site.model_copy(update={"pump": site.flush_pump})
    return commissioning_text(commission(site, [syringe], at))
