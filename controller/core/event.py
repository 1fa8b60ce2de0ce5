"""What every event carries: both stamps, and who acted where a person did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Common stamps of every event."""

    mono_ns: int
    utc_ns: int


@dataclass(frozen=True, slots=True)
class ByPerson(Event):
    """Something a person did at a station.

    ``who`` is an operator id, empty where none is asked for.
    """

    who: str
    role: str
