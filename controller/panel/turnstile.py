"""So many a second and no more: whoever knocks, the loop stays free for STOP, pump and judgement.

STOP goes round it. It knows nothing of what passes.
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

EVERY_S: Final = 0.005
"""A request costs one to three milliseconds: at most half of the loop's time, and never two at once
between a STOP and its way to the wire."""
WAIT_MAX_S: Final = 2.0


class Turnstile:
    """Lets one through every 5 ms, in the order of coming. Use within one running loop."""

    def __init__(self) -> None:
        self._next_s = float("-inf")

    async def turn(self) -> bool:
        """Return when it is the caller's turn; False, at once, where that is 2 s away."""
        now_s = asyncio.get_running_loop().time()
        at_s = max(self._next_s, now_s)
        if at_s - now_s > WAIT_MAX_S:
            return False
        self._next_s = at_s + EVERY_S
        if at_s > now_s:
            await asyncio.sleep(at_s - now_s)
        return True


class InTurn:
    """An application behind a turnstile, but for one path; who is not let in gets ``busy``."""

    def __init__(self, app: ASGIApp, turnstile: Turnstile, at_once: str, busy: ASGIApp) -> None:
        self._app, self._turnstile, self._at_once, self._busy = app, turnstile, at_once, busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        passes = scope["path"] == self._at_once or await self._turnstile.turn()
        await (self._app if passes else self._busy)(scope, receive, send)
