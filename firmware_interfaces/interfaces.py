"""Every kind of device that this program drives, with its interface control document."""

from collections.abc import Mapping
from typing import Final

from firmware_interfaces import (
    interface_activity_meter,
    interface_capintec,
    interface_crc15,
    interface_dulco_flex,
    interface_new_era,
)
from firmware_interfaces.interface import Interface

INTERFACES: Final[Mapping[str, Interface]] = {
    one.kind: one
    for one in (
        interface_new_era.INTERFACE,
        interface_dulco_flex.INTERFACE,
        interface_capintec.INTERFACE,
        interface_crc15.INTERFACE,
        interface_activity_meter.INTERFACE,
    )
}
