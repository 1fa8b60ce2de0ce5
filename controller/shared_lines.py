"""Which devices of a site may hang on one port: one protocol, one setting, an address each.

It knows what site.toml says of two devices; how a line is shared on the wire is the drivers'.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from controller.device_sections import (
    ActivityMeterSection,
    CalibratorSection,
    DulcoFlexSection,
    Ne1000Section,
    PumpSection,
)
from drivers.modbus import SHARED_WATCHDOG_S, is_framed_for_tcp

DeviceSection = PumpSection | CalibratorSection
LANGUAGE: Final = {"ne1000": "New Era", "dulcoflex": "Modbus", "activity-meter": "Modbus"}
"""What is spoken on lines that carry addresses. Every other kind has its line to itself."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Why a device may not be on the port of another: its field, the value there, and the rule."""

    field: str
    value: object
    rule: str


def line_of(port: str) -> str:
    """The line behind a port, so that two names of one are told: links followed, no scheme."""
    if "://" not in port:
        return str(Path(port).resolve())
    parts = urlsplit(port)
    return f"{parts.hostname}:{parts.port}"


def setting_of(section: DeviceSection) -> str:
    """How a device is spoken to: protocol, speed, data bits, parity and stop bits."""
    language = LANGUAGE.get(section.kind, section.kind)
    if is_framed_for_tcp(section.port):
        return f"{language} TCP"
    return f"{language} {section.baud} 8{section.parity[0].upper()}1"


def place_of(section: DeviceSection) -> str:
    """The setting, and where on the line the device is."""
    match section:
        case Ne1000Section(address=address):
            return f"{setting_of(section)}, address {address}"
        case DulcoFlexSection(unit=unit) | ActivityMeterSection(unit=unit):
            return f"{setting_of(section)}, unit {unit}"
        case _:
            return setting_of(section)


def clash(one: DeviceSection, other: DeviceSection) -> Clash | None:
    """What keeps ``one`` from the line that ``other`` is on; None on a line of its own too."""
    if line_of(one.port) != line_of(other.port):
        return None
    spoken, there = LANGUAGE.get(one.kind), LANGUAGE.get(other.kind)
    if spoken is None or there is None:
        alone = one.kind if spoken is None else other.kind
        return Clash("port", one.port, f"must not be the {other.kind}'s: {_ALONE % alone}")
    if spoken != there:
        rule = f"must not be the {other.kind}'s: one speaks {spoken}, the other {there}"
        return Clash("port", one.port, rule)
    if is_framed_for_tcp(one.port) != is_framed_for_tcp(other.port):
        rule = f"must be framed like the {other.kind}'s on this port, {other.port}"
        return Clash("port", one.port, rule)
    return _other_settings(one, other) or _one_address(one, other) or _short_watchdog(one, other)


_ALONE: Final = "a %s has its line to itself"


def _other_settings(one: DeviceSection, other: DeviceSection) -> Clash | None:
    if is_framed_for_tcp(one.port):
        return None
    for field in ("baud", "parity"):
        ours, theirs = getattr(one, field), getattr(other, field)
        if ours != theirs:
            return Clash(field, ours, f"must be {theirs} like the {other.kind}'s on this port")
    return None


def _one_address(one: DeviceSection, other: DeviceSection) -> Clash | None:
    field = "address" if isinstance(one, Ne1000Section) else "unit"
    ours = getattr(one, field)
    if ours != getattr(other, field):
        return None
    rule = f"must be another {field} than the {other.kind}'s on this port: both would answer"
    return Clash(field, ours, rule)


def _short_watchdog(one: DeviceSection, other: DeviceSection) -> Clash | None:
    """A silent neighbour keeps a pump's poll waiting: its watchdog must outlast that."""
    for section in (one, other):
        if isinstance(section, ActivityMeterSection):
            continue
        assert isinstance(section, Ne1000Section | DulcoFlexSection)
        if section.watchdog_s < SHARED_WATCHDOG_S:
            rule = f"must be at least {SHARED_WATCHDOG_S} on a line with another device"
            return Clash("watchdog_s", section.watchdog_s, rule)
    return None
