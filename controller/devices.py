"""Makes the driver of each kind of device of site.toml: the one place that names their classes.

How a port is opened is handed in, so that a ward, a commissioning and a bench in virtual time make
the very same drivers.
"""

from collections.abc import Callable
from typing import Final

from controller.device_sections import (
    ActivityMeterSection,
    CalibratorSection,
    Crc15Section,
    Crc55Section,
    DulcoFlexSection,
    Ne1000Section,
    PumpSection,
    setup_of,
)
from controller.ports import Calibrator, Pump
from controller.shared_lines import line_of
from controller.surroundings import PumpListener
from controller.units_known import UnitsKnown
from drivers.activity_meter import ActivityMeter
from drivers.capintec import Crc55
from drivers.crc15 import Crc15
from drivers.dulco_flex import DulcoFlexPump
from drivers.modbus import ModbusBus, is_framed_for_tcp
from drivers.new_era import NewEraPump
from drivers.new_era_bus import NewEraBus
from drivers.serial_port import Parity
from drivers.stream import Opener
from firmware_interfaces.units import NS_PER_S, Nanoseconds

Open = Callable[[str, int, Parity], Opener]
"""An opener for a port, a line speed and a parity: `drivers.serial_port.opener` is one."""
NowNs = Callable[[], Nanoseconds]
UNHEARD: Final = PumpListener(alarm=lambda _status: None, permit_expired=lambda: None)
"""Where nobody listens for what a pump says unasked."""


_PARITY: Final[dict[str, Parity]] = {"none": "N", "odd": "O", "even": "E"}


class Lines:
    """The lines of a room by their port: who is on one port shares one exchange."""

    def __init__(self, open_: Open) -> None:
        self.open = open_
        self._new_era: dict[str, NewEraBus] = {}
        self._modbus: dict[str, ModbusBus] = {}

    def new_era(self, section: Ne1000Section, now_ns: NowNs) -> NewEraBus:
        """The line of New Era pumps that this one is on."""
        line, baud = line_of(section.port), section.baud
        if line not in self._new_era:
            self._new_era[line] = NewEraBus(self.open(section.port, baud, "N"), now_ns, baud)
        return self._new_era[line]

    def modbus(self, section: ActivityMeterSection | DulcoFlexSection, now_ns: NowNs) -> ModbusBus:
        """The Modbus line that this device is on."""
        line, baud = line_of(section.port), section.baud
        if line not in self._modbus:
            opener = self.open(section.port, baud, _PARITY[section.parity])
            tcp = is_framed_for_tcp(section.port)
            self._modbus[line] = ModbusBus(opener, now_ns, tcp=tcp, baud=baud)
        return self._modbus[line]


def pump_of(section: PumpSection, lines: Lines, now_ns: NowNs, heard: PumpListener) -> Pump:
    """A pump of a site; ``heard`` is told what it says unasked."""
    watchdog_ns = Nanoseconds(section.watchdog_s * NS_PER_S)
    match section:
        case Ne1000Section():
            return NewEraPump(
                lines.new_era(section, now_ns),
                section.address,
                now_ns,
                watchdog_ns=watchdog_ns,
                on_event=heard.alarm,
                on_permit_expired=heard.permit_expired,
            )
        case DulcoFlexSection():
            return DulcoFlexPump(
                lines.modbus(section, now_ns),
                section.unit,
                now_ns,
                setup_of(section),
                watchdog_ns=watchdog_ns,
                on_event=heard.alarm,
                on_permit_expired=heard.permit_expired,
            )


def calibrator_of(
    section: CalibratorSection, lines: Lines, now_ns: NowNs, units: UnitsKnown
) -> Calibrator:
    """The dose calibrator of a site, and what is known of its unit codes."""
    match section:
        case Crc55Section():
            return Crc55(lines.open(section.port, section.baud, "N"), section.chamber, now_ns)
        case Crc15Section():
            return Crc15(lines.open(section.port, section.baud, "N"), now_ns, units.unit_of)
        case ActivityMeterSection():
            return ActivityMeter(lines.modbus(section, now_ns), section.unit, now_ns)
