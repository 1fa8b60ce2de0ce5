"""STOP until it is confirmed, and the lease of an energised pump; the same for every pump.

Knows when to say STOP again, when to be silent and for how long. Does not know what STOP is on a
wire: each pump brings its own way to say it once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from drivers.lease import Lease
from drivers.request import LinkLost
from drivers.stream import PortError
from firmware_interfaces.readings import Motion, PumpStatus
from firmware_interfaces.units import Nanoseconds, as_seconds

STOP_PAUSE_S: Final = 0.1
"""Between two attempts: a dead port fails at once and must not take the whole processor."""
BURST_S: Final = 2.0
"""How long attempts to stop go on before a silence (people are told to clamp after as long)."""
CLOSE_MARGIN_S: Final = 1.0


class Stopping:
    """One pump's STOP and its ``lease``.

    ``once(n)`` says STOP and returns a status asked after it; ``n`` counts from 0 on each link and
    in each burst after one was lost. ``rested`` is given the status that confirmed, when the lease
    has been released, and returns what the callers get. ``links`` counts openings of the line,
    ``watchdog_ns`` is how long the pump may run on in silence. ``on_permit_expired`` and
    ``on_unconfirmed`` are the driver's own.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        once: Callable[[int], Awaitable[PumpStatus]],
        rested: Callable[[PumpStatus], Awaitable[PumpStatus]],
        links: Callable[[], int],
        watchdog_ns: Callable[[], Nanoseconds],
        on_permit_expired: Callable[[], None],
        on_unconfirmed: Callable[[int, str], None],
    ) -> None:
        self._now_ns = now_ns
        self._once, self._rested = once, rested
        self._links, self._watchdog_ns = links, watchdog_ns
        self._on_permit_expired, self._on_unconfirmed = on_permit_expired, on_unconfirmed
        self._task: asyncio.Task[PumpStatus] | None = None
        self._ended = False
        self.lease = Lease(now_ns, self._permit_ran_out)

    async def confirmed(self) -> PumpStatus:
        """STOP until a status asked after this call says that the pump rests. Never gives up.

        Raises LinkLost only if the driver is closed meanwhile. Cancelling the caller does not
        cancel the STOP.
        """
        called_ns = self._now_ns()
        while True:
            stopping = self._begin()
            await asyncio.wait({stopping})
            if stopping.cancelled():
                raise LinkLost("STOP", "closed by us")
            if stopping.result().asked_ns >= called_ns:
                return stopping.result()

    async def end(self) -> None:
        """Before the line closes: an energised pump gets its STOP, whatever happens to the caller.

        Gives up once the pump's own watchdog must have stopped it. After it no STOP begins.
        """
        unconfirmed = self._task is not None and not self._task.done()
        if self.lease.energised or unconfirmed:
            patience_s = as_seconds(self._watchdog_ns()) + CLOSE_MARGIN_S
            await asyncio.wait({self._begin()}, timeout=patience_s)
        self._ended = True
        self.lease.release()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _permit_ran_out(self) -> None:
        self._begin()
        self._on_permit_expired()

    def _begin(self) -> "asyncio.Task[PumpStatus]":
        if self._task is None or self._task.done():
            if self._ended:
                raise LinkLost("STOP", "closed by us")
            self._task = asyncio.ensure_future(self._until_confirmed())
        return self._task

    async def _until_confirmed(self) -> PumpStatus:
        """STOP until confirmed, in bursts.

        Every valid packet restarts the watchdog of a pump that hears and does not obey. So after a
        burst nothing is said for as long as the watchdog needs: then it stops by itself.
        """
        now = asyncio.get_running_loop().time
        links, said, begun = self._links(), 0, now()
        for attempt in count(1):
            if links != self._links():
                links, said, begun = self._links(), 0, now()
            said += 1
            try:
                status = await self._once(said - 1)
                seen = str(status.motion or status.alarm)
                if status.motion is Motion.STOPPED:
                    self.lease.release()
                    return await self._rested(status)
            except (LinkLost, PortError) as error:
                # Nothing is said on a line that is gone, and a new one begins anew.
                seen, said, begun = str(error), 0, now()
            except Exception as error:  # noqa: BLE001 - a STOP outlives every fault, ours included
                seen = str(error) or repr(error)
            # By the loop: what a listener does with it must not end the attempts.
            asyncio.get_running_loop().call_soon(self._on_unconfirmed, attempt, seen)
            if now() - begun >= BURST_S:
                await asyncio.sleep(as_seconds(self._watchdog_ns()) + STOP_PAUSE_S)
                begun = now()
            await asyncio.sleep(STOP_PAUSE_S)
        raise AssertionError("unreachable: count() has no end")
