"""The stations of a room and who is at each, in memory only: a restart forgets them all.

What counts as present is decided by `controller.clinic.access`.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection
from enum import Enum
from typing import Final

from controller.clinic.access import Station, awake, idle_left_s, left, seen
from controller.ports import Clock

STATIONS_MAX: Final = 64


class Doing(Enum):
    """What goes on in the room: nothing, a treatment, or drug that runs."""

    NOTHING = "nothing"
    TREATING = "treating"
    INFUSING = "infusing"


class Stations:
    """Every station at which a badge was shown, by its token.

    Only a token's digest is kept and looked up, so that no time tells how near a guess was.
    """

    def __init__(
        self,
        clock: Clock,
        doing: Callable[[], Doing],
        new_token: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._clock, self._doing, self._new_token = clock, doing, new_token
        self._known: OrderedDict[str, Station] = OrderedDict()

    def find(self, token: str) -> Station | None:
        """The station of a token; whoever was idle for too long, anywhere, is gone by now."""
        now_ns, infusing = self._clock.monotonic_ns(), self._doing() is Doing.INFUSING
        for key, station in list(self._known.items()):
            if station.open(now_ns):
                self._known[key] = awake(station, now_ns, infusing=infusing)
            else:
                del self._known[key]
        return self._known.get(_digest(token))

    def has(self, token: str, who: str) -> bool:
        """True while this person is present there."""
        station = self.find(token)
        return station is not None and who in set(station)

    def come(self, token: str, place: str, who: str) -> str:
        """The token of the station, a new one where it was unknown, with this person there."""
        if self.find(token) is None:
            token = self._new_token()
            self._known[_digest(token)] = Station(place, self._clock.monotonic_ns())
        self.touch(token, who)
        while len(self._known) > STATIONS_MAX:
            self._known.popitem(last=False)
        return token

    def touch(self, token: str, who: str) -> None:
        """This person did something there; nothing where the station is not known any more."""
        station = self._known.get(_digest(token))
        if station is not None:
            self._known[_digest(token)] = seen(station, who, self._clock.monotonic_ns())
            self._known.move_to_end(_digest(token))

    def go(self, token: str, who: str) -> None:
        """This person is not there any more."""
        self._known[_digest(token)] = left(self._known[_digest(token)], who)

    def dismiss(self, people: Collection[str]) -> None:
        """These people are at no station any more."""
        for key in self._known:
            for who in people:
                self._known[key] = left(self._known[key], who)

    def idle_left_s(self, token: str) -> dict[str, int]:
        """Who is there, and how many seconds of doing nothing each has left."""
        station = self.find(token)
        return {} if station is None else idle_left_s(station, self._clock.monotonic_ns())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
