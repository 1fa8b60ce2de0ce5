"""So many a second and no more: whoever knocks, the loop stays free for STOP, pump and judgement.

What stops the pump goes round it. It knows nothing of what passes.
"""

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

EVERY_S: Final = 0.01
"""What one costs is one to three milliseconds: most of the loop's time stays free."""
LATE_FACTOR: Final = 4
"""A loop that came round late is busy, or its processor is: the next waits so much longer."""
TIMER_S: Final = 0.001
"""A loop's timers come up to a millisecond late on an idle machine too."""
PAUSE_MAX_S: Final = 0.2
WAITING_MAX: Final = 200
"""Two seconds of waiting."""


class Turnstile:
    """Lets one through, in the order of coming, and the next no sooner than 10 ms after it.

    The later the loop comes round, the longer the next one waits. Use within one running loop.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shut = False

    async def turn(self) -> bool:
        """Return when it is the caller's turn; False, at once, where too many wait."""
        loop = asyncio.get_running_loop()
        if not self._shut:
            self._shut = True
            loop.call_later(EVERY_S, self._open, loop.time() + EVERY_S)
            return True
        if len(self._waiting) >= WAITING_MAX:
            return False
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        await waiter
        return True

    def _open(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        late_s = max(0.0, loop.time() - due_s - TIMER_S)
        pause_s = min(EVERY_S + LATE_FACTOR * late_s, PAUSE_MAX_S)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                loop.call_later(pause_s, self._open, loop.time() + pause_s)
                return
        self._shut = False


class InTurn:
    """An application behind a turnstile, but for some paths; who is not let in gets ``busy``."""

    def __init__(
        self, app: ASGIApp, turnstile: Turnstile, at_once: Collection[str], busy: ASGIApp
    ) -> None:
        self._app, self._turnstile, self._at_once, self._busy = app, turnstile, at_once, busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        passes = scope["path"] in self._at_once or await self._turnstile.turn()
        await (self._app if passes else self._busy)(scope, receive, send)
