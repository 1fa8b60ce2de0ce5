"""Every kind of device that a room can have, by the word for it in site.toml.

A new kind is one row here. It knows how each is made in front of a room, and how its address begins
where TCP carries it; what a kind does stands in its own module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.crc55 import Crc55Firmware
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.room import Bay, Room
from simulators.devices.serve import Firmware

Made_co = TypeVar("Made_co", bound=Firmware, covariant=True)


class CalibratorFirmware(Firmware, Protocol):
    """A dose calibrator as the bench needs it."""

    powered: bool

    def select_locally(self, nuclide: str) -> None:
        """Somebody presses a nuclide's key; KeyError for an unknown nuclide."""


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


def _activity_meter(room: Room, tcp: bool) -> CalibratorFirmware:
    return ActivityMeterFirmware(room, tcp=tcp)


def _ne1000(bay: Bay, _tcp: bool) -> Ne1000Firmware:
    return Ne1000Firmware(bay)


PUMPS: Final[Mapping[str, DeviceKind[Ne1000Firmware]]] = {
    "ne1000": DeviceKind(_ne1000),
}
CALIBRATORS: Final[Mapping[str, DeviceKind[CalibratorFirmware]]] = {
    "crc55": DeviceKind(_crc55),
    "activity-meter": DeviceKind(_activity_meter, "tcp"),
}
