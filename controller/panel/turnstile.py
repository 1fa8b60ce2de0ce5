"""One thing at a time for whoever asks: so many knock, the loop still comes round in milliseconds.

Requests and news go through in the order in which they came, one in each turn of the event loop.
STOP goes round it, and for a moment nobody else goes through. It knows nothing of what passes.
"""

import asyncio
from collections import deque
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

STILL_S: Final = 0.02
"""So long nobody goes through once STOP was pressed: about one exchange with a pump."""
AGAIN_S: Final = 0.2
"""A STOP so soon after another lets no further stillness begin: a stuck key blocks nobody."""


class Turnstile:
    """Use within one running loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False
        self._still_until = float("-inf")

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            self._wait(loop)
            if loop.time() >= self._still_until:
                return
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def stand_still(self) -> None:
        """Let nobody through for a moment."""
        now = asyncio.get_running_loop().time()
        if now >= self._still_until + AGAIN_S:
            self._still_until = now + STILL_S

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Turn in the next turn of the loop, or when nobody has to stand still any more."""
        if loop.time() < self._still_until:
            loop.call_at(self._still_until, self._turn)
        else:
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft()
        self._turning = bool(self._waiting)
        if not self._waiting:
            return
        if loop.time() >= self._still_until:
            self._waiting.popleft().set_result(None)
        self._wait(loop)


class InTurn:
    """An application whose every path but ``at_once`` goes through a turnstile."""

    def __init__(self, app: ASGIApp, turnstile: Turnstile, at_once: str) -> None:
        self._app, self._turnstile, self._at_once = app, turnstile, at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["path"] == self._at_once:
            self._turnstile.stand_still()
        else:
            await self._turnstile.turn()
        await self._app(scope, receive, send)
