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
    """One pump and one calibrator; ``tcp``: on TCP rather than on serial lines.

    Raises ValueError for a kind that there is not.
    """

    pump: str = "ne1000"
    calibrator: str = "crc55"
    tcp: bool = False

    def __post_init__(self) -> None:
        for kind, known in ((self.pump, PUMP_KINDS), (self.calibrator, CALIBRATOR_KINDS)):
            if kind not in known:
                raise ValueError(f"kind {kind!r} is none of {', '.join(known)}")

    @property
    def kinds(self) -> tuple[str, str]:
        """The words for both."""
        return self.pump, self.calibrator

    @property
    def pump_scheme(self) -> str:
        """How the address of the pump begins where TCP carries it."""
        return PUMPS[self.pump].tcp_scheme if self.tcp else "socket"

    @property
    def calibrator_scheme(self) -> str:
        """How the address of the calibrator begins where TCP carries it."""
        return CALIBRATORS[self.calibrator].tcp_scheme if self.tcp else "socket"

    @property
    def options(self) -> str:
        """The options of a command line that choose these devices, each after a blank."""
        named = (("pump", self.pump, USUAL.pump), ("calibrator", self.calibrator, USUAL.calibrator))
        words = [f" --{name} {kind}" for name, kind, usual in named if kind != usual]
        return "".join([*words, *([" --tcp"] if self.tcp else [])])

    @property
    def suffix(self) -> str:
        """What tells sessions with these devices from those with the usual ones; else ""."""
        words = [*self.kinds, *(["tcp"] if self.tcp else [])]
        return "" if self == USUAL else "@" + "+".join(words)


USUAL: Final = DeviceSet()


def device_set_of(suffix: str) -> DeviceSet:
    """The devices of a `DeviceSet.suffix`, without its ``@``. Raises ValueError."""
    if not suffix:
        return USUAL
    words = suffix.split("+")
    tcp = words[2:] == ["tcp"]
    if len(words) != 2 + tcp:
        raise ValueError(f"{suffix!r} is not PUMP+CALIBRATOR or PUMP+CALIBRATOR+tcp")
    return DeviceSet(words[0], words[1], tcp)


def add_devices(parser: argparse.ArgumentParser) -> None:
    """The options that choose devices."""
    parser.add_argument("--pump", choices=PUMP_KINDS, help="default: ne1000")
    parser.add_argument("--calibrator", choices=CALIBRATOR_KINDS, help="default: crc55")
    parser.add_argument("--tcp", action="store_true", help="devices on TCP, not serial lines")


def devices_from(given: argparse.Namespace, usual: DeviceSet = USUAL) -> DeviceSet:
    """The devices that the options name, ``usual`` where they name none."""
    pump, calibrator = given.pump or usual.pump, given.calibrator or usual.calibrator
    return DeviceSet(pump, calibrator, given.tcp or usual.tcp)
