"""Leave to talk to an energised pump, and what happens when it runs out. Knows no protocol.

A pump with a watchdog goes on as long as anybody talks to it. So talking is what is rationed:
judgement grants permits, and a driver whose permit ran out stops the pump and says nothing else.
"""

import asyncio
from collections.abc import Callable

from drivers.pump_errors import PermitExpired
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import Nanoseconds, as_seconds

RECHECK_S = 0.001
"""The loop's timers and the injected clock may differ by a rounding: look again, never spin."""


class Lease:
    """One pump's permit. ``on_expired`` is called once when it runs out while energised."""

    def __init__(self, now_ns: Callable[[], int], on_expired: Callable[[], None]) -> None:
        self._now_ns = now_ns
        self._on_expired = on_expired
        self._permit: Permit | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        self.energised = False
        """True from the moment a RUN may leave until a confirmed stop."""

    def grant(self, permit: Permit) -> None:
        """Talk until ``permit`` expires."""
        self._permit = permit
        self._watch()

    def live(self, epoch: int) -> bool:
        """True if there is a permit of ``epoch`` or later that has not expired."""
        permit = self._permit
        return permit is not None and permit.epoch >= epoch and self._now_ns() < permit.expires_ns

    def demand(self, epoch: int) -> None:
        """Raise PermitExpired if energised without a live permit."""
        if self.energised and not self.live(epoch):
            raise PermitExpired(
                "the pump is energised and no permit is live: only STOP may be said"
            )

    def energise(self) -> None:
        """A RUN is about to leave: from now on the permit is watched."""
        self.energised = True
        self._watch()

    def release(self) -> None:
        """The pump is confirmed at rest, or given up: nothing is watched any more."""
        self.energised = False
        self._look_no_more()

    def _watch(self) -> None:
        """Look when the permit expires. One that was set earlier looks first, and sets itself anew.

        So a timer is not made for every permit: they come twice a second, and are all but one void.
        """
        if not self.energised or self._permit is None:
            return
        if self._timer is not None and self._due_ns <= self._permit.expires_ns:
            return
        self._look_no_more()
        self._due_ns = self._permit.expires_ns
        left_s = as_seconds(Nanoseconds(self._due_ns - self._now_ns()))
        self._timer = asyncio.get_running_loop().call_later(max(left_s, RECHECK_S), self._look)

    def _look_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._permit is not None and self._now_ns() < self._permit.expires_ns:
            self._watch()
        elif self.energised:
            self._on_expired()
