"""What every event carries: both stamps, and who acted where a person did."""

from dataclasses import dataclass, field

from firmware_interfaces.readings import ADDED


@dataclass(frozen=True, slots=True)
class Event:
    """Common stamps of every event."""

    mono_ns: int
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Proven:
    """Who a person is known to be: printed name, role, and how that was proven."""

    name: str
    role: str
    identity: str


@dataclass(frozen=True, slots=True)
class ByPerson(Event):
    """Something a person did at a station.

    ``who`` is an operator id, empty where none is asked for. ``proven`` is that person and
    ``other`` the second one, where one confirms; None where nobody was recognised.
    """

    who: str
    role: str
    proven: Proven | None = field(default=None, metadata=ADDED, kw_only=True)
    other: Proven | None = field(default=None, metadata=ADDED, kw_only=True)
