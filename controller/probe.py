"""Finds out what is on a port by asking as each kind of device would be asked; never a write.

Knows how the kinds may be connected and in which order they are tried; how a driver asks is its
own. To ask is not always nothing: a pump's alarm is cleared by being told, and a valid packet
restarts its watchdog. What asking cleared is reported, and nobody probes while a treatment is open.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from controller.device_sections import (
    ActivityMeterSection,
    CalibratorSection,
    Crc15Section,
    Crc55Section,
    DulcoFlexSection,
    Ne1000Section,
    PumpSection,
)
from controller.devices import Lines, NowNs, Open, calibrator_of, pump_of
from controller.surroundings import PumpListener
from controller.units_known import NOT_ASKED
from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.modbus import DeviceRefused, is_framed_for_tcp
from drivers.pump_errors import PumpAlarmed, PumpRefused, ReadbackMismatch
from drivers.request import ExchangeError, WrongDevice
from drivers.stream import PortError
from firmware_interfaces.activity_meter import BAUD_RATE
from firmware_interfaces.activity_meter import UNIT as UNIT_OF_METER
from firmware_interfaces.dulco_flex import UNIT as UNIT_OF_FLEX
from firmware_interfaces.dulco_flex import Model
from firmware_interfaces.new_era import BAUD_RATES
from firmware_interfaces.readings import Identity, PumpStatus

WITHIN_S: Final = 15.0
"""For one kind at one line speed: its driver's own limits are shorter."""


_OTHERWISE: Final = (
    *(ExchangeError, DeviceRefused, ReadingRefused, UnitRefused),
    *(PumpRefused, PumpAlarmed, ReadbackMismatch),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where on a shared line devices are asked for: New Era address, Modbus units by kind."""

    new_era: int = 0
    meter: int = UNIT_OF_METER
    flex: int = UNIT_OF_FLEX


@dataclass(frozen=True, slots=True)
class Tried:
    """One kind that was asked for and what was seen instead."""

    kind: str
    line: str
    seen: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is on a port.

    ``identity`` is None where nobody known answered; ``line`` is the speed at which it did.
    ``motion`` is what a pump says it does, ``cleared`` the alarms that it told and so forgot.
    ``fault`` is why the port could not be used at all.
    """

    port: str
    identity: Identity | None
    line: str
    motion: str
    cleared: tuple[str, ...]
    tried: tuple[Tried, ...]
    fault: str


Asked = Callable[[Open, NowNs, PumpListener], Awaitable[tuple[Identity, str]]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A way in which a device could be there; ``ask`` gives who it is and what it says it does."""

    kind: str
    line: str
    ask: Asked


def _candidates(port: str, at: Addresses) -> tuple[_Candidate, ...]:
    """Everything that could be on a port, in the order in which it is asked for."""
    framed = is_framed_for_tcp(port)
    line = "Modbus TCP" if framed else f"{BAUD_RATE} 8E1"
    meter = ActivityMeterSection(kind="activity-meter", port=port, unit=at.meter)
    modbus = (
        _calibrator(meter, f"{line}, unit {at.meter}"),
        *(_pump(_flex(port, at.flex, m), f"{line}, unit {at.flex}") for m in Model),
    )
    if framed:
        return modbus
    chamber, polled = Crc55Section(kind="crc55", port=port), Crc15Section(kind="crc15", port=port)
    near = f"address {at.new_era}"
    pumps = (_pump(_new_era(port, baud, at.new_era), f"{baud} 8N1, {near}") for baud in BAUD_RATES)
    # A CRC-15R proves nothing that it says: whoever can prove itself is asked before.
    last = _calibrator(polled, f"{polled.baud} 8N1")
    return (_calibrator(chamber, f"{chamber.baud} 8N1"), *modbus, *pumps, last)


def _calibrator(section: CalibratorSection, line: str) -> _Candidate:
    async def ask(open_: Open, now_ns: NowNs, _heard: PumpListener) -> tuple[Identity, str]:
        device = calibrator_of(section, Lines(open_), now_ns, NOT_ASKED)
        try:
            return await device.connect(), ""
        finally:
            await device.close()

    return _Candidate(section.kind, line, ask)


def _new_era(port: str, baud: int, address: int) -> Ne1000Section:
    named = {"kind": "ne1000", "port": port, "baud": baud, "address": address}
    return Ne1000Section.model_validate(named)


def _flex(port: str, unit: int, model: Model) -> DulcoFlexSection:
    """As it is asked for: what a site states of hose and vial changes nothing of that."""
    stated = {"hose": "any", "revolution_ml": 1.0, "vial_ml": 1.0}
    named = {"kind": "dulcoflex", "port": port, "unit": unit, "model": model.value}
    return DulcoFlexSection.model_validate(named | stated)


def _pump(section: PumpSection, line: str) -> _Candidate:
    async def ask(open_: Open, now_ns: NowNs, heard: PumpListener) -> tuple[Identity, str]:
        device = pump_of(section, Lines(open_), now_ns, heard)
        try:
            identity = await device.connect()
            status = await device.poll()
        finally:
            await device.close()
        return identity, status.motion.value if status.motion else _alarm(status)

    return _Candidate(section.kind, line, ask)


async def probe(port: str, at: Addresses, open_: Open, now_ns: NowNs) -> Finding:
    """Ask on ``port`` until somebody known answers. Raises nothing: a fault is in the finding."""
    tried: list[Tried] = []
    cleared: list[str] = []
    heard = PumpListener(alarm=lambda status: cleared.append(_alarm(status)), permit_expired=_never)
    for candidate in _candidates(port, at):
        try:
            async with asyncio.timeout(WITHIN_S):
                identity, motion = await candidate.ask(open_, now_ns, heard)
        except PortError as error:
            return Finding(port, None, "", "", tuple(cleared), tuple(tried), str(error))
        except WrongDevice as error:
            tried.append(Tried(candidate.kind, candidate.line, error.seen))
        except TimeoutError:
            tried.append(Tried(candidate.kind, candidate.line, f"no end in {WITHIN_S:g} s"))
        except _OTHERWISE as error:
            tried.append(Tried(candidate.kind, candidate.line, str(error)))
        else:
            return Finding(port, identity, candidate.line, motion, tuple(cleared), tuple(tried), "")
    return Finding(port, None, "", "", tuple(cleared), tuple(tried), "")


def _alarm(status: PumpStatus) -> str:
    return status.alarm.value if status.alarm else ""


def _never() -> None:
    """No permit is ever given here, so none runs out."""
