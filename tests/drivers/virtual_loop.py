"""An event loop whose time jumps to its next live timer: deadlines are exact and nothing waits."""

import asyncio
import heapq
import selectors


class Unwatched(selectors.SelectSelector):
    """Real descriptors are looked at, never waited for."""

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer is set")
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """In-memory streams only. ``time`` starts at 100 s."""

    def __init__(self):
        super().__init__(Unwatched())
        self._now = 100.0

    def time(self):
        return self._now

    def _run_once(self):
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        if not self._ready and timers:  # type: ignore[attr-defined]
            self._now = max(self._now, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def now_ns():
    """The running loop's time, for drivers."""
    return round(asyncio.get_running_loop().time() * 1_000_000_000)
