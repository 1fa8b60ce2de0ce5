"""The bench's own proof of a calibrator's unit codes: the ward's procedure, in virtual time.

Two known sources lie in the simulated well, and a person reads their certificates. Nothing of the
result is made up, and the file says that it is simulated.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from controller.cli_commission_calibrator import file_of
from controller.clinic.commissioning import Person
from controller.clinic.unit_proof import UnitProofFile, unit_proof_text
from controller.commission_calibrator import Proven, UnitProving
from controller.config import SiteConfig, load_site
from controller.units_known import NOT_ASKED, UnitsKnown, units_by
from drivers.crc15 import Crc15
from firmware_interfaces.units import NS_PER_S
from simulators.bench.badges import CLINICAL
from simulators.bench.device_set import UNIT_PROVEN
from simulators.bench.streams import Wire
from simulators.bench.virtual_time import VirtualClock, VirtualLoop, run_virtual
from simulators.devices import hands
from simulators.devices.crc15 import Crc15Firmware
from simulators.devices.room import Room

NEVER: Final = 0
"""Between two questions nothing of the instrument is looked at."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sealed source: its nuclide as a certificate and as the instrument spells it."""

    id: str
    nuclide: str
    key: str
    activity_mbq: float


SOURCES: Final = (
    Source("CS-137 check", "Cs-137", "Cs137", 7.4),
    Source("CO-57 vial", "Co-57", "Co57", 185.0),
)
"""200 uCi and 5 mCi, as ordinary accuracy sets have them: two units of an instrument in curies."""


class SourcePerson:
    """Hands with sources and their certificates, at an instrument whose plate can be read."""

    def __init__(
        self, firmware: Crc15Firmware, serial: str, at: datetime, sources: Sequence[Source]
    ) -> None:
        self._firmware, self._serial, self._at = firmware, serial, at
        self._left = list(sources)
        self.told: list[str] = []
        for source in sources:
            hands.bring_source(firmware.room, source.id, source.key, source.activity_mbq * 1e6)

    async def act(self, key: str, _text: str) -> None:
        """Lower the next source into the well, or take it out."""
        if key == "lower":
            self._firmware.select_locally(self._left[0].key)
            hands.put_in_well(self._firmware.room, self._left[0].id)
        else:
            hands.take_from_well(self._firmware.room, self._left.pop(0).id)

    async def figure(self, _key: str, _text: str, _low: float, _high: float) -> float:
        """What the certificate says."""
        return self._left[0].activity_mbq

    async def choose(self, key: str, _text: str, _choices: Sequence[str]) -> str:
        """The nuclide, and whether a source is left."""
        if key == "more":
            return "yes" if self._left else "no"
        return self._left[0].nuclide

    async def write(self, key: str, _text: str) -> str:
        """What stands on plate, source and certificate."""
        return {
            "serial": self._serial,
            "source": self._left[0].id,
            "certificate": "the bench's own",
            "certified_at": self._at.isoformat(),
        }[key]

    async def hear(self, text: str) -> None:
        """Keep what was said."""
        self.told.append(text)


async def proven_by(
    loop: VirtualLoop, person: SourcePerson, firmware: Crc15Firmware, at: datetime
) -> Proven:
    """Go through the ward's procedure with the ward's driver, over a wire in memory."""
    wire = Wire(loop, "calibrator", firmware, NEVER)
    wire.start()
    driver = Crc15(wire.open, loop.now_ns)
    try:
        clock = VirtualClock(loop, round(at.timestamp()) * NS_PER_S)
        return await UnitProving(driver, clock, person).whole()
    finally:
        await driver.close()
        wire.stop()


def prove(site: SiteConfig, at: datetime) -> UnitProofFile:
    """The proof of the simulated calibrator of ``site``. Takes no real time."""
    at = at.astimezone(UTC).replace(microsecond=0)

    async def main(loop: VirtualLoop) -> Proven:
        firmware = Crc15Firmware(Room(seed=1))
        person = SourcePerson(firmware, site.calibrator.serial, at, SOURCES)
        return await proven_by(loop, person, firmware, at)

    with ThreadPoolExecutor(1) as beside:
        # A loop of its own, whatever loop the caller is in.
        proven = beside.submit(run_virtual, main).result()
    first, second = (Person(id=p.id, name=p.name, role=p.role) for p in CLINICAL[:2])
    return file_of(proven, at, first, second, simulated=True)


def units_known(site_text: str, site: SiteConfig, at: datetime) -> UnitsKnown:
    """What the daemon of a bench knows of its calibrator's unit codes."""
    if site.calibrator.kind not in UNIT_PROVEN:
        return NOT_ASKED
    return units_by(site, bench_unit_proof(site_text, at))


@lru_cache(maxsize=64)
def bench_unit_proof(site_text: str, at: datetime) -> str:
    """The file's text, for a site with a calibrator that needs one."""
    return unit_proof_text(prove(load_site(site_text), at))
