"""Faults of devices and plumbing as data: a name, what it does, and the attribute it sets.

Streams, clocks and processes have faults of their own elsewhere; these are physical.
"""

from collections.abc import Callable, Mapping
from typing import Final

from simulators.devices.hose import NL_PER_REV, HosedVial
from simulators.devices.room import Room


def jam_drive(room: Room, value: float) -> None:
    """Jam the lead screw (1) or free it (0)."""
    room.surroundings.drive_jammed = bool(value)


def close_clamp(room: Room, value: float) -> None:
    """Close the patient's clamp (1) or open it (0)."""
    room.clamp_open = not value


def leak(room: Room, value: float) -> None:
    """Let this share (0..1) of the flow run out on the pad at the tip."""
    room.surroundings.leak = value


def raise_pump(room: Room, value: float) -> None:
    """Put the syringe this many metres above the patient: a siphon where the plunger has play."""
    room.surroundings.head_kpa = 9.8 * value


def tear_hose(room: Room, value: float) -> None:
    """Let this share (0..1) of what a hose gives run into the pump's housing."""
    room.surroundings.hose_torn = value


def wear_hose(room: Room, value: float) -> None:
    """Let a revolution of every hose give this share (0..1) of what it gave when new."""
    for vial in _vials(room):
        vial.nl_per_rev = NL_PER_REV * value


def close_vent(room: Room, value: float) -> None:
    """Close the vents of every vial (1) or open them (0)."""
    for vial in _vials(room):
        vial.vented = not value


def loosen_spike(room: Room, value: float) -> None:
    """Let every vial's hose draw this share (0..1) of air past its spike."""
    for vial in _vials(room):
        vial.loose_spike = value


def drop_voltage(room: Room, value: float) -> None:
    """Set the chamber's high voltage, V: less collects less."""
    room.chamber.electrometer.voltage_v = value


def hold_display(room: Room, value: float) -> None:
    """Freeze the calibrator's number (1) or free it (0)."""
    room.chamber.hold = bool(value)


def _vials(room: Room) -> list[HosedVial]:
    return [one for one in room.syringes.values() if isinstance(one, HosedVial)]


FAULTS: Final[Mapping[str, Callable[[Room, float], None]]] = {
    fault.__name__: fault
    for fault in (
        jam_drive,
        close_clamp,
        leak,
        raise_pump,
        tear_hose,
        wear_hose,
        close_vent,
        loosen_spike,
        drop_voltage,
        hold_display,
    )
}
"""Every device fault by name; the value is the one its docstring speaks of."""
