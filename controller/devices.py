"""Makes the driver of each kind of device of site.toml: the one place that names their classes.

How a port is opened is handed in, so that a ward, a commissioning and a bench in virtual time make
the very same drivers.
"""

from collections.abc import Callable
from typing import Final

from controller.device_sections import (
    ActivityMeterSection,
    CalibratorSection,
    Crc55Section,
    PumpSection,
)
from controller.ports import Calibrator, Pump
from controller.surroundings import PumpListener
from drivers.activity_meter import ActivityMeter
from drivers.capintec import Crc55
from drivers.modbus import ModbusBus, is_framed_for_tcp
from drivers.new_era import NewEraPump
from drivers.serial_port import Parity
from drivers.stream import Opener
from firmware_interfaces import activity_meter as nam
from firmware_interfaces.units import NS_PER_S, Nanoseconds

Open = Callable[[str, int, Parity], Opener]
"""An opener for a port, a line speed and a parity: `drivers.serial_port.opener` is one."""
NowNs = Callable[[], Nanoseconds]
UNHEARD: Final = PumpListener(alarm=lambda _status: None, permit_expired=lambda: None)
"""Where nobody listens for what a pump says unasked."""


def pump_of(section: PumpSection, open_: Open, now_ns: NowNs, heard: PumpListener) -> Pump:
    """The pump of a site; ``heard`` is told what it says unasked."""
    return NewEraPump(
        open_(section.port, section.baud, "N"),
        section.address,
        now_ns,
        baud=section.baud,
        watchdog_ns=Nanoseconds(section.watchdog_s * NS_PER_S),
        on_event=heard.alarm,
        on_permit_expired=heard.permit_expired,
    )


def calibrator_of(section: CalibratorSection, open_: Open, now_ns: NowNs) -> Calibrator:
    """The dose calibrator of a site."""
    match section:
        case Crc55Section():
            return Crc55(open_(section.port, section.baud, "N"), section.chamber, now_ns)
        case ActivityMeterSection():
            opener = open_(section.port, nam.BAUD_RATE, "E")
            tcp = is_framed_for_tcp(section.port)
            return ActivityMeter(
                ModbusBus(opener, [section.unit], now_ns, tcp=tcp), section.unit, now_ns
            )
