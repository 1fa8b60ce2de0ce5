"""A bounded ring of news for panels, numbered, so that one that was away can go on where it was.

Knows nothing of HTTP. A reader that fell out of the ring is told so and begins with the newest
state.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

KEPT: Final = 1000
_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news: its number, its kind (state, alarm, telemetry) and its JSON text."""

    number: int
    kind: str
    text: str


class NewsRing:
    """Many readers, one writer. ``boot`` makes ids of different runs of the daemon differ."""

    def __init__(self, boot: str, kept: int = KEPT) -> None:
        self._boot = boot
        self._items: deque[Item] = deque(maxlen=kept)
        self._next = 1
        self._more = asyncio.Event()
        self.closed = False

    def add(self, kind: str, payload: dict[str, Any]) -> None:
        """Keep one piece of news and wake every reader."""
        self._items.append(Item(self._next, kind, _JSON.encode(payload)))
        self._next += 1
        self._wake()

    def close(self) -> None:
        """End every reader."""
        self.closed = True
        self._wake()

    def id_of(self, item: Item) -> str:
        """The id by which a reader goes on after ``item``."""
        return f"{self._boot}-{item.number}"

    def before(self, number: int) -> str:
        """The id by which a reader goes on with ``number``."""
        return f"{self._boot}-{number - 1}"

    def position(self, last_id: str) -> int | None:
        """The number to go on from after ``last_id``; None if that cannot be done without a gap."""
        boot, _, number = last_id.rpartition("-")
        if boot != self._boot or not re.fullmatch(r"[0-9]{1,18}", number):
            return None
        first = self._items[0].number if self._items else self._next
        following = int(number) + 1
        return following if first <= following <= self._next else None

    @property
    def end(self) -> int:
        """The number that the next piece of news will have."""
        return self._next

    async def follow(self, position: int) -> AsyncGenerator[Item | None, None]:
        """News from ``position`` on until the ring is closed; None where some were missed."""
        while not self.closed:
            more = self._more
            known = max(0, len(self._items) - (self._next - position))
            waiting = [self._items[index] for index in range(known, len(self._items))]
            if waiting and waiting[0].number > position:
                yield None
            for item in waiting:
                position = item.number + 1
                yield item
            if not waiting:
                await more.wait()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()
