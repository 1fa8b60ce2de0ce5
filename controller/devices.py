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
)
from controller.ports import Calibrator, Pump
from controller.surroundings import PumpListener
from controller.units_known import UnitsKnown
from drivers.activity_meter import ActivityMeter
from drivers.capintec import Crc55
from drivers.crc15 import Crc15
from drivers.dulco_flex import TIMING as DULCO_TIMING
from drivers.dulco_flex import DulcoFlexPump
from drivers.modbus import ModbusBus, is_framed_for_tcp
from drivers.new_era import NewEraPump
from drivers.new_era_bus import NewEraBus
from drivers.serial_port import Parity
from drivers.stream import Opener
from firmware_interfaces import activity_meter as nam
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.units import NS_PER_S, Nanoseconds, millilitre

Open = Callable[[str, int, Parity], Opener]
"""An opener for a port, a line speed and a parity: `drivers.serial_port.opener` is one."""
NowNs = Callable[[], Nanoseconds]
UNHEARD: Final = PumpListener(alarm=lambda _status: None, permit_expired=lambda: None)
"""Where nobody listens for what a pump says unasked."""


class Lines:
    """The lines of a room by their port: who is on one port shares one exchange."""

    def __init__(self, open_: Open) -> None:
        self.open = open_
        self._new_era: dict[str, NewEraBus] = {}

    def new_era(self, port: str, baud: int, now_ns: NowNs) -> NewEraBus:
        """The line of New Era pumps on a port."""
        if port not in self._new_era:
            self._new_era[port] = NewEraBus(self.open(port, baud, "N"), now_ns, baud)
        return self._new_era[port]


def pump_of(section: PumpSection, lines: Lines, now_ns: NowNs, heard: PumpListener) -> Pump:
    """A pump of a site; ``heard`` is told what it says unasked."""
    watchdog_ns = Nanoseconds(section.watchdog_s * NS_PER_S)
    match section:
        case Ne1000Section():
            return NewEraPump(
                lines.new_era(section.port, section.baud, now_ns),
                section.address,
                now_ns,
                watchdog_ns=watchdog_ns,
                on_event=heard.alarm,
                on_permit_expired=heard.permit_expired,
            )
        case DulcoFlexSection():
            opener = lines.open(section.port, df.BAUD_RATE, "E")
            tcp = is_framed_for_tcp(section.port)
            return DulcoFlexPump(
                ModbusBus(opener, [section.unit], now_ns, tcp=tcp, timing=DULCO_TIMING),
                section.unit,
                now_ns,
                _setup(section),
                watchdog_ns=watchdog_ns,
                on_event=heard.alarm,
                on_permit_expired=heard.permit_expired,
            )


def _setup(section: DulcoFlexSection) -> df.Setup:
    return df.Setup(
        model=df.Model(section.model),
        revolution_nl=millilitre(section.revolution_ml),
        counter_clockwise=section.counter_clockwise,
        register_set=section.register_set,
        software=section.software,
    )


def calibrator_of(
    section: CalibratorSection, open_: Open, now_ns: NowNs, units: UnitsKnown
) -> Calibrator:
    """The dose calibrator of a site, and what is known of its unit codes."""
    match section:
        case Crc55Section():
            return Crc55(open_(section.port, section.baud, "N"), section.chamber, now_ns)
        case Crc15Section():
            return Crc15(open_(section.port, section.baud, "N"), now_ns, units.unit_of)
        case ActivityMeterSection():
            opener = open_(section.port, nam.BAUD_RATE, "E")
            tcp = is_framed_for_tcp(section.port)
            return ActivityMeter(
                ModbusBus(opener, [section.unit], now_ns, tcp=tcp), section.unit, now_ns
            )
