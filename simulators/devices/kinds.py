"""Every kind of device that a room can have, by the word for it in site.toml.

A new kind is one row here. It knows how each is made in front of a room, and how its address begins
where TCP carries it; what a kind does stands in its own module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.crc15 import Crc15Firmware
from simulators.devices.crc55 import Crc55Firmware
from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.hose import HosedVial
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.plumbing import Syringe
from simulators.devices.room import Bay, Container, Room
from simulators.devices.serve import Firmware

TICKET_EVERY_NS: Final = 17_000_000_000
"""So that a ticket comes into most assays, and never at the same place of one."""

Made_co = TypeVar("Made_co", bound=Firmware, covariant=True)


class CalibratorFirmware(Firmware, Protocol):
    """A dose calibrator as the bench needs it."""

    powered: bool

    def select_locally(self, nuclide: str) -> None:
        """Somebody presses a nuclide's key; KeyError for an unknown nuclide."""


class PumpFirmware(Firmware, Protocol):
    """A pump as hands and the bench know it; keys return what it then says unasked."""

    powered: bool

    def quiet(self, now_ns: int) -> bool:
        """True if it says nothing by itself until ``now_ns``."""

    def power_off(self, now_ns: int) -> None:
        """Pull the plug."""

    def power_on(self, now_ns: int) -> bytes:
        """Put it in again."""

    def move_to(self, address: int) -> None:
        """Give it another address on its line, as somebody does at its keys."""

    def keypad_start_stop(self, now_ns: int) -> bytes:
        """Press the key that starts and stops."""

    def keypad_rate(self, rate: str, now_ns: int) -> bool:
        """Turn the rate at the keypad; False if it is refused."""

    def keypad_purge(self, now_ns: int) -> bytes:
        """Hold the key for full speed."""

    def keypad_withdraw(self, now_ns: int) -> bytes:
        """Turn the direction round."""

    def trigger_edge(self, now_ns: int) -> bytes:
        """See the hardware input close."""

    def raise_alarm(self, letter: str, now_ns: int) -> bytes:
        """An alarm without a cause, by its letter or number."""


@dataclass(frozen=True, slots=True)
class DeviceKind(Generic[Made_co]):
    """``make`` is given the room (a pump its bay of it) and whether TCP carries it.

    ``tcp_scheme``: ``socket`` where TCP carries a serial line's bytes, ``tcp`` where the device
    frames them for TCP itself.
    """

    make: Callable[[Any, bool], Made_co]
    tcp_scheme: str = "socket"


def _crc55(room: Room, _tcp: bool) -> CalibratorFirmware:
    return Crc55Firmware(room)


def _crc15(room: Room, _tcp: bool) -> CalibratorFirmware:
    """One in curies, whose codes are ambiguous, where somebody keeps pressing PRINT."""
    return Crc15Firmware(room, ticket_every_ns=TICKET_EVERY_NS)


def _activity_meter(room: Room, tcp: bool) -> CalibratorFirmware:
    return ActivityMeterFirmware(room, tcp=tcp)


def _ne1000(bay: Bay, _tcp: bool) -> PumpFirmware:
    return Ne1000Firmware(bay)


def _dulcoflex(bay: Bay, tcp: bool) -> PumpFirmware:
    return DulcoFlexFirmware(bay, tcp=tcp)


PUMPS: Final[Mapping[str, DeviceKind[PumpFirmware]]] = {
    "ne1000": DeviceKind(_ne1000),
    "dulcoflex": DeviceKind(_dulcoflex, "tcp"),
}
CALIBRATORS: Final[Mapping[str, DeviceKind[CalibratorFirmware]]] = {
    "crc55": DeviceKind(_crc55),
    "crc15": DeviceKind(_crc15),
    "activity-meter": DeviceKind(_activity_meter, "tcp"),
}


def container(kind: str, name: str, diameter_mm: float, capacity_nl: float) -> Container:
    """What a pump of that kind pushes out of: a syringe, or a vented vial on a hose."""
    if kind == "dulcoflex":
        return HosedVial(name, capacity_nl)
    return Syringe(name, diameter_mm, capacity_nl)
