"""The one clock of the shell: what time it is, how to wait for it, and whether two clocks agree.

It knows monotonic time, UTC and the running loop. It must not know what is decided by them: the
judgement never asks for the time, every event carries both stamps.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from firmware_interfaces.units import NS_PER_MS, Nanoseconds

STEP_NS: Final = 500 * NS_PER_MS
SLEW_PPM: Final = 500
_NS_PER_US: Final = 1_000


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class SystemClock:
    """Monotonic time, UTC and absolute waiting.

    A virtual world hands in its own two sources; waiting then goes by the running loop, so its
    monotonic source must advance with ``loop.time()``.
    """

    def __init__(
        self,
        monotonic: Callable[[], int] = time.monotonic_ns,
        utc: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic = monotonic
        self._utc = utc

    def monotonic_ns(self) -> Nanoseconds:
        """Nanoseconds since an arbitrary moment of this boot; enforces every deadline."""
        return Nanoseconds(self._monotonic())

    def utc_ns(self) -> Nanoseconds:
        """Nanoseconds since 1970-01-01 UTC; for decay and the record only."""
        return Nanoseconds(self._utc())

    async def sleep_until(self, mono_ns: int) -> None:
        """Return no earlier than ``mono_ns``; a deadline already past costs one loop turn.

        Absolute deadlines, because relative sleeps drift by 3 % and more under load.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        while (left_ns := mono_ns - self._monotonic()) > 0:
            # Rounded up to the microsecond, the tick of a virtual loop: a timer that fires a
            # fraction early would turn this loop many times.
            delay_s = math.ceil(left_ns / _NS_PER_US) / 1_000_000
            waiter: asyncio.Future[None] = loop.create_future()
            timer = loop.call_at(loop.time() + delay_s, _wake, waiter)
            try:
                await waiter
            finally:
                timer.cancel()


class MonotonicError(Exception):
    """The monotonic clock went backwards: nothing that is measured by it can be trusted."""

    def __init__(self, before_ns: int, after_ns: int) -> None:
        super().__init__(f"monotonic clock went from {before_ns} ns back to {after_ns} ns")
        self.before_ns = before_ns
        self.after_ns = after_ns


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """Remembers where UTC stood against monotonic time, and names a step between the two.

    A disciplined clock is slewed by at most 500 ppm (adjtimex(2)), so the remembered offset
    follows at that speed: a slew is never a step, and many small steps still add up to one.
    """

    mono_ns: int
    offset_ns: int
    step_ns: int = STEP_NS

    @classmethod
    def start(cls, mono_ns: int, utc_ns: int, step_ns: int = STEP_NS) -> "ClockWatch":
        """Return a watch that takes this first pair as agreed; ``step_ns`` is still no step."""
        return cls(mono_ns, utc_ns - mono_ns, step_ns)

    def observe(self, mono_ns: int, utc_ns: int) -> "tuple[ClockWatch, Nanoseconds]":
        """Return the next watch and the step of UTC in ns (positive: forwards; 0: none).

        A step is a difference above ``step_ns``; it is reported once and then agreed.
        Raises ``MonotonicError`` when ``mono_ns`` is before the last pair's.
        """
        elapsed_ns = mono_ns - self.mono_ns
        if elapsed_ns < 0:
            raise MonotonicError(self.mono_ns, mono_ns)
        apart_ns = utc_ns - mono_ns - self.offset_ns
        if abs(apart_ns) > self.step_ns:
            agreed = replace(self, mono_ns=mono_ns, offset_ns=utc_ns - mono_ns)
            return agreed, Nanoseconds(apart_ns)
        slew_ns = elapsed_ns * SLEW_PPM // 1_000_000
        followed_ns = max(-slew_ns, min(slew_ns, apart_ns))
        offset_ns = self.offset_ns + followed_ns
        return replace(self, mono_ns=mono_ns, offset_ns=offset_ns), Nanoseconds(0)
