"""The one bounded inbox: its order is the history. Whoever posts has both stamps put on at once.

Knows nothing of what an event means. Overflow needs no room: it is a mark that is taken before
anything that waits.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from controller.core.commands import Refuse
from controller.core.events import ConditionSeen, Event
from controller.ports import Clock

CAPACITY: Final = 1000
LOOK_NS: Final = 10_000_000
"""How often who waits for an empty inbox looks again."""
SITE: Final = ""
"""The session name of an event that belongs to no session, or to whichever it concerns."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request: the phase after its event, and the refusal if there was one."""

    session: str
    phase: str
    refusal: Refuse | None = None


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
        self._waiting: asyncio.Queue[Posted] = asyncio.Queue(capacity)
        self._lost = 0
        self._marked = False
        self._over = False
        self._last = (clock.monotonic_ns(), clock.utc_ns())

    def tell(
        self,
        session: str,
        kind: Callable[..., Event],
        *fields: object,
        answer: "asyncio.Future[Verdict] | None" = None,
    ) -> bool:
        """Post ``kind(mono_ns, utc_ns, *fields)`` stamped now; False if there was no room."""
        event = kind(self._clock.monotonic_ns(), self._clock.utc_ns(), *fields)
        try:
            self._waiting.put_nowait(Posted(session, event, answer))
        except asyncio.QueueFull:
            self._lost += 1
            self._marked = True
            return False
        return True

    async def take(self) -> Posted:
        """The next event; an overflow comes before everything that waits, its end after it."""
        if self._marked:
            self._marked, self._over = False, True
            return self._condition(True, f"{self._lost} events found no room")
        if self._over and self._waiting.empty():
            self._over = False
            return self._condition(False, "the inbox is empty again")
        posted = await self._waiting.get()
        self._last = (posted.event.mono_ns, posted.event.utc_ns)
        return posted

    async def drained(self) -> None:
        """Return once nothing waits."""
        while not self._waiting.empty():
            await self._clock.sleep_until(self._clock.monotonic_ns() + LOOK_NS)

    def _condition(self, present: bool, evidence: str) -> Posted:
        """Stamped as the event before it: what still waits is older than now."""
        return Posted(SITE, ConditionSeen(*self._last, "inbox_overflow", present, evidence))
