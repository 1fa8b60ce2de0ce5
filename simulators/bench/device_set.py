"""Which kinds of device a room has, as words of site.toml and as options of ``isodrip-bench``.

It knows their names and the lines of site.toml that they need; how each is made stands in
`simulators.devices.kinds`.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulators.devices.kinds import CALIBRATORS, PUMPS

PUMP_KINDS: Final = tuple(PUMPS)
CALIBRATOR_KINDS: Final = tuple(CALIBRATORS)
HOSE: Final = "bench hose 0.02 mL"
VIAL_ML: Final = 60.0
"""The largest vial that is hung on it."""
SITE_LINES: Final[Mapping[str, str]] = {
    "ne1000": 'address = 0\nwatchdog_s = 5\ntrigger = "stop_only"\n',
    "dulcoflex": (
        f'unit = 20\nwatchdog_s = 5\nhose = "{HOSE}"\nrevolution_ml = 0.02\nvial_ml = {VIAL_ML:g}\n'
    ),
    "crc55": "",
    "crc15": 'serial = "15R-BENCH"\n',
    "activity-meter": "unit = 1\n",
}
"""What a section of site.toml says of each kind beside ``kind`` and ``port``."""
UNIT_PROVEN: Final = frozenset({"crc15"})
"""Calibrators whose unit codes are proven with known sources before anything is measured."""


@dataclass(frozen=True, slots=True)
class DeviceSet:
    """A pump, a calibrator and perhaps a second pump.

    ``tcp``: on TCP rather than on serial lines. ``one_line``: whoever speaks the drug pump's
    protocol is on its port, a second pump at its kind's `SECOND_ADDRESS`.

    Raises ValueError for a kind that there is not.
    """

    pump: str = "ne1000"
    calibrator: str = "crc55"
    tcp: bool = False
    flush_pump: str = ""
    one_line: bool = False

    def __post_init__(self) -> None:
        shared = self.flush_pump == self.pump or (self.meter_on_line and not self.flush_pump)
        if self.one_line and not shared:
            raise ValueError("one line is for two pumps of one kind, or a Modbus pump and a meter")
        named = [(self.pump, PUMP_KINDS), (self.calibrator, CALIBRATOR_KINDS)]
        named += [(self.flush_pump, PUMP_KINDS)] if self.flush_pump else []
        for kind, known in named:
            if kind not in known:
                raise ValueError(f"kind {kind!r} is none of {', '.join(known)}")

    @property
    def kinds(self) -> tuple[str, str]:
        """The words for both."""
        return self.pump, self.calibrator

    @property
    def saline_pump(self) -> str:
        """The kind that saline is on."""
        return self.flush_pump or self.pump

    @property
    def meter_on_line(self) -> bool:
        """True if the activity meter is on the pump's port."""
        return self.one_line and self.kinds == ("dulcoflex", "activity-meter")

    @property
    def saline_address(self) -> int:
        """Where on its line the second pump is."""
        return (SECOND_ADDRESS if self.one_line else FIRST_ADDRESS)[self.flush_pump]

    @property
    def pump_scheme(self) -> str:
        """How the address of the pump begins where TCP carries it."""
        return PUMPS[self.pump].tcp_scheme if self.tcp else "socket"

    @property
    def flush_pump_scheme(self) -> str:
        """How the address of the second pump begins where TCP carries it."""
        return PUMPS[self.flush_pump].tcp_scheme if self.tcp else "socket"

    @property
    def calibrator_scheme(self) -> str:
        """How the address of the calibrator begins where TCP carries it."""
        return CALIBRATORS[self.calibrator].tcp_scheme if self.tcp else "socket"

    @property
    def options(self) -> str:
        """The options of a command line that choose these devices, each after a blank."""
        named = (("pump", self.pump, USUAL.pump), ("calibrator", self.calibrator, USUAL.calibrator))
        words = [f" --{name} {kind}" for name, kind, usual in named if kind != usual]
        words += [f" --flush-pump {self.flush_pump}"] if self.flush_pump else []
        words += [" --one-line"] if self.one_line else []
        return "".join([*words, *([" --tcp"] if self.tcp else [])])

    @property
    def suffix(self) -> str:
        """What tells sessions with these devices from those with the usual ones; else ""."""
        words = [*self.kinds, *(["tcp"] if self.tcp else [])]
        words += [FLUSH + self.flush_pump] if self.flush_pump else []
        words += [ONE_LINE] if self.one_line else []
        return "" if self == USUAL else "@" + "+".join(words)


USUAL: Final = DeviceSet()
ONE_LINE: Final = "one-line"
FIRST_ADDRESS: Final[Mapping[str, int]] = {"ne1000": 0, "dulcoflex": 20}
"""Where a pump of each kind is on its line."""
SECOND_ADDRESS: Final[Mapping[str, int]] = {"ne1000": 1, "dulcoflex": 21}
"""Where a second one is on the line of the first."""
FLUSH_PUMP: Final = "flush_pump"
"""The second pump's name among ports, wires and what hands touch."""
FLUSH: Final = "flush-"
"""Before the kind of a second pump in a `DeviceSet.suffix`."""


def device_set_of(suffix: str) -> DeviceSet:
    """The devices of a `DeviceSet.suffix`, without its ``@``. Raises ValueError."""
    if not suffix:
        return USUAL
    pump, _, rest = suffix.partition("+")
    calibrator, *more = rest.split("+")
    tcp = more[:1] == ["tcp"]
    flush = [word.removeprefix(FLUSH) for word in more[tcp:] if word.startswith(FLUSH)]
    one_line = more[-1:] == [ONE_LINE]
    if len(more) != tcp + len(flush) + one_line or len(flush) > 1 or not calibrator:
        raise ValueError(f"{suffix!r} is not PUMP+CALIBRATOR[+tcp][+{FLUSH}PUMP][+{ONE_LINE}]")
    return DeviceSet(pump, calibrator, tcp, "".join(flush), one_line)


def add_devices(parser: argparse.ArgumentParser) -> None:
    """The options that choose devices."""
    parser.add_argument("--pump", choices=PUMP_KINDS, help="default: ne1000")
    parser.add_argument("--calibrator", choices=CALIBRATOR_KINDS, help="default: crc55")
    parser.add_argument("--flush-pump", choices=PUMP_KINDS, help="a second pump, for saline")
    parser.add_argument(
        "--one-line", action="store_true", help="devices of one protocol on one port"
    )
    parser.add_argument("--tcp", action="store_true", help="devices on TCP, not serial lines")


def devices_from(given: argparse.Namespace, usual: DeviceSet = USUAL) -> DeviceSet:
    """The devices that the options name, ``usual`` where they name none."""
    pump, calibrator = given.pump or usual.pump, given.calibrator or usual.calibrator
    flush_pump = given.flush_pump or usual.flush_pump
    tcp, one_line = given.tcp or usual.tcp, given.one_line or usual.one_line
    return DeviceSet(pump, calibrator, tcp, flush_pump, one_line)
