"""Every kind of device: the simulated one on a line, and the driver that the daemon makes for it.

The line is a UART's: what the two ends are set to decides what is heard.
"""

from typing import Any

from pydantic import TypeAdapter

from controller.device_sections import CalibratorSection, PumpSection
from controller.devices import Lines, calibrator_of, pump_of
from controller.surroundings import PumpListener
from controller.units_known import NOT_ASKED
from simulators.devices.kinds import CALIBRATORS, PUMPS
from simulators.devices.simulate import source_room, syringe_room
from tests.drivers.test_with_firmware import Powered
from tests.drivers.uart import Setting, heard
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

KINDS = (*PUMPS, *CALIBRATORS)
SETTINGS = {
    "ne1000": Setting(19200),
    "dulcoflex": Setting(19200, "E"),
    "activity-meter": Setting(19200, "E"),
    "crc55": Setting(9600),
    "crc15": Setting(4800),
}
"""As each leaves its maker; the facts name them."""
EXPECTED = {
    "ne1000": "a New Era pump at address 00",
    "dulcoflex": "a DFX pump of ProMinent as unit 20",
    "activity-meter": "an activity meter (NAM-M1) as unit 1",
    "crc55": "a Capintec CRC-55 with chamber 1",
    "crc15": "a Capintec CRC-15R",
}
STATED = {"dulcoflex": {"hose": "a", "revolution_ml": 0.02, "vial_ml": 60.0}}
UNHEARD = PumpListener(alarm=lambda _status: None, permit_expired=lambda: None)


def section(kind, **more):
    table = {"kind": kind, "port": "/dev/ttyS9", **STATED.get(kind, {}), **more}
    return TypeAdapter(PumpSection if kind in PUMPS else CalibratorSection).validate_python(table)


def device(kind, **more):
    """A simulated one in a room of its own, switched on."""
    if kind in PUMPS:
        return PUMPS[kind].make(syringe_room(1, kind).bay, False)
    return CALIBRATORS[kind].make(source_room(1), False)


class Wired:
    """A firmware behind a UART set to ``theirs``; ``open_`` opens our end as a driver asks."""

    def __init__(self, firmware, theirs):
        self.powered = Powered(firmware)
        self.theirs = self.ours = theirs
        wire: Any = self.powered.wire
        hear, say = self.powered._hear, wire.say
        wire.peer = lambda data: hear(heard(data, self.ours, self.theirs, strict=True))
        wire.say = lambda data, after_s=0.0: say(heard(data, self.theirs, self.ours), after_s)

    def open_(self, _port, baud, parity):
        self.ours = Setting(baud, parity)
        return Port(self.powered.wire)

    def driver(self, kind, **more):
        lines, named = Lines(self.open_), section(kind, **more)
        if kind in PUMPS:
            return pump_of(named, lines, now_ns, UNHEARD)
        return calibrator_of(named, lines, now_ns, NOT_ASKED)

    async def off(self):
        await self.powered.off()
