"""The one bounded inbox: its order is the history. Whoever posts has both stamps put on at once.

Knows of an event only whether somebody pressed it to have the pump stopped: that passes everything
that waits. Overflow needs no room: it is a mark that is taken before anything else.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from controller.core.commands import Refuse
from controller.core.events import (
    Booted,
    ConditionSeen,
    Event,
    PainPressed,
    ShutdownRequested,
    SpillPressed,
    StopPressed,
)
from controller.ports import Clock

CAPACITY: Final = 1000
AT_ONCE: Final = (Booted, StopPressed, PainPressed, SpillPressed, ShutdownRequested)
"""What a person does so that the pump stops, and the boot that comes before anything after it.

There is room of its own for as many again.
"""
LOOK_NS: Final = 10_000_000
"""How often who waits for an empty inbox looks again."""
SITE: Final = ""
"""The session name of an event that belongs to no session, or to whichever it concerns."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request: the phase after its event, and the refusal if there was one.

    ``record`` is the number of the event in the session's journal; None where it stands in none.
    """

    session: str
    phase: str
    refusal: Refuse | None = None
    record: int | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """An event on its way, for a session (or `SITE`), and who waits for the verdict."""

    session: str
    event: Event
    answer: "asyncio.Future[Verdict] | None" = None


class Inbox:
    """Many posters, one consumer. ``tell`` never waits."""

    def __init__(self, clock: Clock, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._at_once: deque[Posted] = deque()
        self._waiting: deque[Posted] = deque()
        self._more = asyncio.Event()
        self._lost = 0
        self._marked = False
        self._over = False
        self._last = (clock.monotonic_ns(), clock.utc_ns())

    @property
    def empty(self) -> bool:
        """True while nothing waits."""
        return not (self._at_once or self._waiting)

    def tell(
        self,
        session: str,
        kind: Callable[..., Event],
        *fields: object,
        answer: "asyncio.Future[Verdict] | None" = None,
        **known: object,
    ) -> bool:
        """Post ``kind(mono_ns, utc_ns, *fields, **known)`` stamped now; False without room."""
        event = kind(self._clock.monotonic_ns(), self._clock.utc_ns(), *fields, **known)
        lane = self._at_once if kind in AT_ONCE else self._waiting
        if len(lane) >= self._capacity:
            self._lost += 1
            self._marked = True
            return False
        lane.append(Posted(session, event, answer))
        self._more.set()
        return True

    async def take(self) -> Posted:
        """The next event: what must be at once, then an overflow, then what waits, then its end."""
        while self.empty and not (self._marked or self._over):
            self._more.clear()
            await self._more.wait()
        if self._at_once:
            return self._stamped(self._at_once.popleft())
        if self._marked:
            self._marked, self._over = False, True
            return self._condition(True, f"{self._lost} events found no room")
        if self._waiting:
            return self._stamped(self._waiting.popleft())
        self._over = False
        return self._condition(False, "the inbox is empty again")

    async def drained(self) -> None:
        """Return once nothing waits."""
        while not self.empty:
            await self._clock.sleep_until(self._clock.monotonic_ns() + LOOK_NS)

    def _stamped(self, posted: Posted) -> Posted:
        """What was passed is history after that which passed it: its stamps are not older."""
        event = posted.event
        if event.mono_ns < self._last[0]:
            mono_ns, utc_ns = self._last
            return replace(posted, event=replace(event, mono_ns=mono_ns, utc_ns=utc_ns))
        self._last = (event.mono_ns, event.utc_ns)
        return posted

    def _condition(self, present: bool, evidence: str) -> Posted:
        """Stamped as the event before it: what still waits is older than now."""
        return Posted(SITE, ConditionSeen(*self._last, "inbox_overflow", present, evidence))
