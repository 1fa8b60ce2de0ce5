"""Keeps tasks alive and turns their death into news. It decides nothing about a treatment.

A task that dies is started again after a pause that doubles up to a bound. A critical one is
announced as ``task_died``, which trips whatever is under way; it may not even end by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from controller.core.events import ConditionSeen
from controller.inbox import SITE, Inbox

PAUSE_FIRST_S: Final = 0.5
PAUSE_MAX_S: Final = 30.0
PAUSE_CRITICAL_MAX_S: Final = 2.0
"""A part without which nothing may run is not left lying for long; STOP does not wait for it."""
Work = Callable[[], Awaitable[None]]


class Supervisor:
    """Owner of the long-running tasks. ``on_death(name, reason)`` hears of every death."""

    def __init__(self, inbox: Inbox, on_death: Callable[[str, str], None]) -> None:
        self._inbox = inbox
        self._on_death = on_death
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def keep(self, name: str, work: Work, *, critical: bool) -> None:
        """Run ``work`` for as long as the daemon lives."""
        self._tasks[name] = asyncio.create_task(self._kept(name, work, critical), name=name)

    async def stop(self, *names: str) -> None:
        """End the named tasks that there are, or all, and wait for them."""
        named = [name for name in names or tuple(self._tasks) if name in self._tasks]
        ending = [self._tasks.pop(name) for name in named]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def ended(self, name: str) -> None:
        """Wait until a task has ended by itself; cancelled, it lives on."""
        if name in self._tasks:
            await asyncio.wait({self._tasks[name]})

    async def _kept(self, name: str, work: Work, critical: bool) -> None:
        pause_s, longest_s = PAUSE_FIRST_S, PAUSE_CRITICAL_MAX_S if critical else PAUSE_MAX_S
        while True:
            reason = await _reason_of_death(work)
            if not (reason or critical):
                return
            reason = reason or "it ended"
            self._on_death(name, reason)
            if critical:
                self._inbox.tell(SITE, ConditionSeen, "task_died", True, f"{name}: {reason}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)
            if critical:
                self._inbox.tell(SITE, ConditionSeen, "task_died", False, f"{name}: started again")


async def _reason_of_death(work: Work) -> str:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - any death is reported and survived
        return f"{type(error).__name__}: {error}"
    return ""
