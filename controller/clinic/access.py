"""Who is at a station, for how long it counts, and how often somebody may be mistaken.

Pure: every moment is handed in, monotonic ns. It hashes nothing and logs nothing. STOP is asked of
nobody here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from firmware_interfaces.units import NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S
IDLE_NS: Final = 3 * MINUTE_NS
"""Outside INFUSING a person who does nothing for so long shows the badge again (rule I3)."""
STATION_NS: Final = 12 * 60 * MINUTE_NS
"""A station that nobody has opened for so long is a stranger again."""
PERSON_TRIES: Final = 5
STATION_TRIES: Final = 10
PAUSE_NS: Final = NS_PER_S
PAUSE_NS_MAX: Final = 8 * NS_PER_S
LOCK_NS: Final = 5 * MINUTE_NS
LOCK_NS_MAX: Final = 60 * MINUTE_NS


class Proof(Enum):
    """What an action asks of a person: nothing, a badge shown at the station, or the PIN too."""

    NOTHING = "nothing"
    BADGE = "badge"
    PIN = "badge and PIN"


@dataclass(frozen=True, slots=True)
class Strikes:
    """Mistakes in a row of one person or at one station, and until when nothing is tried."""

    count: int = 0
    locks: int = 0
    until_ns: int = 0


UNBLAMED: Final = Strikes()


def struck(strikes: Strikes, tries: int, now_ns: int) -> Strikes:
    """After one more mistake: a pause that doubles up to 8 s; after ``tries`` a lock, up to 1 h."""
    count = strikes.count + 1
    if count < tries:
        pause_ns = min(PAUSE_NS << (count - 1), PAUSE_NS_MAX)
        return replace(strikes, count=count, until_ns=now_ns + pause_ns)
    lock_ns = min(LOCK_NS << strikes.locks, LOCK_NS_MAX)
    return Strikes(0, min(strikes.locks + 1, 4), now_ns + lock_ns)


def locked(strikes: Strikes, now_ns: int) -> str:
    """Until when nothing is tried, in words: "locked, 4 min 59 s left"; nothing where it may be."""
    left_s = -((now_ns - strikes.until_ns) // NS_PER_S)
    if left_s <= 0:
        return ""
    word = "paused" if strikes.count else "locked"
    minutes, seconds = divmod(left_s, 60)
    return f"{word}, {f'{minutes} min ' * bool(minutes)}{seconds} s left"


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody whose badge was shown at a station; when they last did something there."""

    who: str
    last_ns: int


@dataclass(frozen=True, slots=True)
class Station:
    """One panel: where it is (its address), since when it is known, who is there."""

    place: str
    opened_ns: int
    present: tuple[Present, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """The ids of who is there."""
        return (one.who for one in self.present)

    def open(self, now_ns: int) -> bool:
        """True while it is no stranger."""
        return now_ns - self.opened_ns < STATION_NS


def seen(station: Station, who: str, now_ns: int) -> Station:
    """The station after this person did something there."""
    others = tuple(one for one in station.present if one.who != who)
    return replace(station, present=(*others, Present(who, now_ns)))


def left(station: Station, who: str) -> Station:
    """The station without this person."""
    return replace(station, present=tuple(one for one in station.present if one.who != who))


def awake(station: Station, now_ns: int, *, infusing: bool) -> Station:
    """The station without those who were idle for too long; while drug runs nobody is."""
    if infusing:
        return station
    kept = tuple(one for one in station.present if now_ns - one.last_ns < IDLE_NS)
    return replace(station, present=kept)


def idle_left_s(station: Station, now_ns: int) -> dict[str, int]:
    """For everybody there, after how many seconds of doing nothing they are not any more."""
    return {
        one.who: max(0, -((now_ns - one.last_ns - IDLE_NS) // NS_PER_S)) for one in station.present
    }
