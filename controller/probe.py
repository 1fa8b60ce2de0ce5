"""Finds out what is on a port by asking as each kind of device would be asked; never a write.

Knows how the kinds may be connected and in which order they are tried; how a driver asks is its
own. To ask is not always nothing: a pump's alarm is cleared by being told, and a valid packet
restarts its watchdog. What asking cleared is reported, and nobody probes while a treatment is open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
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
from controller.shared_lines import LANGUAGE, line_of, place_of, setting_of
from controller.surroundings import PumpListener
from controller.units_known import NOT_ASKED
from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.modbus import DeviceRefused, is_framed_for_tcp
from drivers.pump_errors import PumpAlarmed, PumpRefused, ReadbackMismatch
from drivers.request import ECHOED, ExchangeError, WrongDevice
from drivers.stream import PortError
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
class Where:
    """Where on lines that several may share devices are asked for.

    ``site`` has what a site.toml names, asked for first and as it stands there. ``units`` holds
    each kind's own where nobody named one.
    """

    addresses: tuple[int, ...] = (0,)
    units: tuple[int, ...] = ()
    site: tuple[PumpSection | CalibratorSection, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """One kind that was asked for and what was seen instead."""

    kind: str
    line: str
    seen: str


@dataclass(frozen=True, slots=True)
class Found:
    """One device: who it is, how it was asked, and what a pump says that it does."""

    identity: Identity
    line: str
    motion: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is on a port; several devices on a line that they share.

    ``cleared`` are the alarms that pumps told and so forgot. ``fault`` is why the port could not be
    used at all.
    """

    port: str
    found: tuple[Found, ...]
    cleared: tuple[str, ...]
    tried: tuple[Tried, ...]
    fault: str


Asked = Callable[[Open, NowNs, PumpListener], Awaitable[tuple[Identity, str]]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A way in which a device could be there; ``ask`` gives who it is and what it says it does."""

    section: PumpSection | CalibratorSection
    ask: Asked

    @property
    def setting(self) -> str:
        """How the line is spoken on; a port has one of them."""
        return setting_of(self.section)

    @property
    def line(self) -> str:
        """The setting, and where on the line."""
        return place_of(self.section)

    def may_be_beside(self, found: dict[str, str]) -> bool:
        """True unless ``found`` (settings by line) rules it out: one setting, one device a place.

        What has its line to itself is beside nobody.
        """
        alone = self.section.kind not in LANGUAGE
        return not found or (
            not alone and self.line not in found and self.setting in found.values()
        )


def _candidates(port: str, at: Where) -> Iterator[_Candidate]:
    """Everything that could be on a port, in the order in which it is asked for."""
    named = [section for section in at.site if line_of(section.port) == line_of(port)]
    yield from map(_candidate, named)
    modbus: list[PumpSection | CalibratorSection] = [
        ActivityMeterSection(kind="activity-meter", port=port, unit=unit)
        for unit in at.units or (UNIT_OF_METER,)
    ]
    modbus += [_flex(port, unit, model) for unit in at.units or (UNIT_OF_FLEX,) for model in Model]
    if is_framed_for_tcp(port):
        yield from map(_candidate, modbus)
        return
    yield _candidate(Crc55Section(kind="crc55", port=port))
    yield from map(_candidate, modbus)
    for baud in BAUD_RATES:
        yield from (_candidate(_new_era(port, baud, address)) for address in at.addresses)
    # A CRC-15R proves nothing that it says: whoever can prove itself is asked before.
    yield _candidate(Crc15Section(kind="crc15", port=port))


def _candidate(section: PumpSection | CalibratorSection) -> _Candidate:
    if isinstance(section, Ne1000Section | DulcoFlexSection):
        return _Candidate(section, partial(_ask_pump, section))
    return _Candidate(section, partial(_ask_calibrator, section))


def _new_era(port: str, baud: int, address: int) -> Ne1000Section:
    named = {"kind": "ne1000", "port": port, "baud": baud, "address": address}
    return Ne1000Section.model_validate(named)


def _flex(port: str, unit: int, model: Model) -> DulcoFlexSection:
    """As it is asked for: what a site states of hose and vial changes nothing of that."""
    stated = {"hose": "any", "revolution_ml": 1.0, "vial_ml": 1.0}
    named = {"kind": "dulcoflex", "port": port, "unit": unit, "model": model.value}
    return DulcoFlexSection.model_validate(named | stated)


async def _ask_calibrator(
    section: CalibratorSection, open_: Open, now_ns: NowNs, _heard: PumpListener
) -> tuple[Identity, str]:
    device = calibrator_of(section, Lines(open_), now_ns, NOT_ASKED)
    try:
        return await device.connect(), ""
    finally:
        await device.close()


async def _ask_pump(
    section: PumpSection, open_: Open, now_ns: NowNs, heard: PumpListener
) -> tuple[Identity, str]:
    device = pump_of(section, Lines(open_), now_ns, heard)
    try:
        identity = await device.connect()
        status = await device.poll()
    finally:
        await device.close()
    return identity, status.motion.value if status.motion else _alarm(status)


async def probe(port: str, at: Where, open_: Open, now_ns: NowNs) -> Finding:
    """Ask on ``port`` until somebody known answers, and then for others on the same line.

    Two at one address answer too, and are nobody. Raises nothing: a fault is in the finding.
    """
    tried: list[Tried] = []
    cleared: list[str] = []
    found: list[Found] = []
    settings: dict[str, str] = {}
    heard = PumpListener(alarm=lambda status: cleared.append(_alarm(status)), permit_expired=_never)
    asked: set[tuple[str, str, str]] = set()
    fault = ""
    for candidate in _candidates(port, at):
        this = candidate.section.kind, candidate.line
        model = getattr(candidate.section, "model", "")
        if (*this, model) in asked or not candidate.may_be_beside(settings):
            continue
        try:
            async with asyncio.timeout(WITHIN_S):
                identity, motion = await candidate.ask(open_, now_ns, heard)
        except PortError as error:
            fault = str(error)
            break
        except WrongDevice as error:
            tried.append(Tried(*this, error.seen))
            if error.seen == ECHOED:
                settings[candidate.line] = candidate.setting
        except TimeoutError:
            tried.append(Tried(*this, f"no end in {WITHIN_S:g} s"))
        except _OTHERWISE as error:
            tried.append(Tried(*this, str(error)))
        else:
            found.append(Found(identity, candidate.line, motion))
            settings[candidate.line] = candidate.setting
        asked.add((*this, model))
    return Finding(port, tuple(found), tuple(cleared), tuple(tried), fault)


def _alarm(status: PumpStatus) -> str:
    return status.alarm.value if status.alarm else ""


def _never() -> None:
    """No permit is ever given here, so none runs out."""
