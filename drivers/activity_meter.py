"""One NAM-M1 activity meter over Modbus: reads its block, proves it, and waits until it settles.

Knows the profile's rules through ``firmware_interfaces.activity_meter`` and never writes: a nuclide
is chosen at the instrument, by hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from drivers.calibrator_errors import ReadingRefused
from drivers.modbus import DeviceRefused, ModbusBus, Words
from drivers.request import CHECK, ECHOED, NoReply, WrongDevice
from drivers.settling import RELEASE, Settling, rule_for, settle
from firmware_interfaces.activity_meter import WORDS, Inconsistent, MeterReading, consistent
from firmware_interfaces.readings import ActivityReading, Identity
from firmware_interfaces.register import Bank
from firmware_interfaces.units import NS_PER_S, Nanoseconds

AGE_MS_MAX: Final = 1000
"""A meter renews its reading four times a second; older is a meter that stands still."""

STILL_NS_MAX: Final = 2 * NS_PER_S


class ActivityMeter:
    """The meter with address ``unit`` on ``bus``."""

    def __init__(
        self,
        bus: ModbusBus,
        unit: int,
        now_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settling: Settling = RELEASE,
    ) -> None:
        self._bus, self._unit = bus, unit
        bus.join(unit)
        self._now_ns, self._sleep = now_ns, sleep
        self._settling = settling
        self._serial: int | None = None
        self._counted: tuple[int, Nanoseconds] | None = None

    async def connect(self) -> Identity:
        """Read twice and say who answered: a second one at its address shows beside the first.

        Raises PortError, LinkLost, or WrongDevice with what was expected and what was seen.
        """
        self._bus.exchange.forget_loss()
        strays = self._bus.strays[self._unit]
        expected = f"an activity meter (NAM-M1) as unit {self._unit}"
        try:
            found = consistent((await self._block()).values)
            again = consistent((await self._block()).values)
        except NoReply as error:
            raise WrongDevice(expected, f"{error}; {CHECK}") from error
        except (DeviceRefused, Inconsistent) as error:
            raise WrongDevice(expected, str(error)) from error
        if self._bus.strays[self._unit] != strays or found.serial != again.serial:
            raise WrongDevice(expected, ECHOED)
        self._serial = found.serial
        return Identity("activity-meter", "NAM-M1", "1", self._unit, str(found.serial))

    async def read(self) -> ActivityReading:
        """One reading as it stands, with the meter's own status word.

        Raises ReadingRefused for a block that contradicts itself, is older than a second or comes
        from another serial number than at connect; DeviceRefused, NoReply, LinkLost, PortError.
        """
        block = await self._block()
        try:
            found = consistent(block.values)
        except Inconsistent as error:
            raise ReadingRefused(error.register, error.seen, f"expected {error.expected}") from None
        self._prove(found, block.asked_ns)
        return ActivityReading(
            activity_bq=found.activity_bq,
            resolution_bq=found.step_bq,
            nuclide=found.nuclide,
            status=found.status,
            samples=1,
            spread_ppm=0,
            asked_ns=block.asked_ns,
            read_ns=block.read_ns,
            frame_hex=block.raw.hex(),
        )

    async def assay(self, nuclide: str, *, release: bool = True) -> ActivityReading:
        """Read until settled (`drivers.settling`): the mean of the window, VALID alone.

        Otherwise the status says why it is not final. Raises as *read* does.
        """
        rule = rule_for(self._settling, release=release)
        return await settle(self.read, nuclide, rule, self._now_ns, self._sleep, told=True)

    async def close(self) -> None:
        """Leave the line; the last one closes it."""
        await self._bus.leave(self._unit)

    async def _block(self) -> Words:
        return await self._bus.read(self._unit, Bank.INPUT, 0, WORDS)

    def _prove(self, found: MeterReading, asked_ns: Nanoseconds) -> None:
        if found.age_ms > AGE_MS_MAX:
            rule = f"older than {AGE_MS_MAX} ms: the meter stands still"
            raise ReadingRefused("reading age", f"{found.age_ms} ms", rule)
        if self._serial is not None and found.serial != self._serial:
            rule = f"another meter than at connect, which was {self._serial}"
            raise ReadingRefused("serial number", str(found.serial), rule)
        if self._counted is None or self._counted[0] != found.counter:
            self._counted = (found.counter, asked_ns)
        elif asked_ns - self._counted[1] > STILL_NS_MAX:
            rule = "has not counted on for 2 s: the meter stands still"
            raise ReadingRefused("reading counter", str(found.counter), rule)
