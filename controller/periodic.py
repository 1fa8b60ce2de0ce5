"""What happens again and again: polls, ticks, and the watch over clock, loop and disk.

Absolute deadlines, and a missed one is skipped, never made up for: a burst of late polls would tell
nothing. It posts what it saw; what that means is judged elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from controller.clock import ClockWatch
from controller.core.events import (
    AlarmSeen,
    ConditionSeen,
    PermitExpired,
    PumpRead,
    PumpSilent,
    Ticked,
)
from controller.core.limits import Limits
from controller.inbox import SITE, Inbox
from controller.ports import Clock, Pump
from controller.two_pumps import channel_in_use
from drivers import pump_errors
from firmware_interfaces.units import NS_PER_MS, NS_PER_S, Nanoseconds, as_seconds

LAG_PERIOD_NS: Final = 200 * NS_PER_MS
CLOCK_PERIOD_NS: Final = NS_PER_S
DISK_PERIOD_NS: Final = 10 * NS_PER_S


async def every(clock: Clock, period_ns: int) -> AsyncIterator[int]:
    """Absolute deadlines a period apart; those that have passed meanwhile are left out."""
    due_ns = clock.monotonic_ns()
    while True:
        behind_ns = clock.monotonic_ns() - due_ns
        due_ns += max(1, -(-behind_ns // period_ns)) * period_ns
        await clock.sleep_until(due_ns)
        yield due_ns


async def poll_pump(
    pump: Pump, clock: Clock, inbox: Inbox, period_ns: int, wanted: Callable[[], str | None]
) -> None:
    """Ask the pump once a period while ``wanted`` names the session that wants it asked."""
    async for _ in every(clock, period_ns):
        session = wanted()
        if session is not None:
            await _poll_once(pump, inbox, session)


async def _poll_once(pump: Pump, inbox: Inbox, session: str) -> None:
    try:
        status = await pump.poll()
    except pump_errors.PermitExpired:
        inbox.tell(session, PermitExpired)
    except Exception as error:  # noqa: BLE001 - whatever kept the answer away, there is none
        inbox.tell(session, PumpSilent, str(error) or type(error).__name__)
    else:
        if status.alarm is None:
            inbox.tell(session, PumpRead, status, channel_in_use(pump))
        else:
            inbox.tell(session, AlarmSeen, status, channel_in_use(pump))


class Ticker:
    """A ``Ticked`` event for each session that has heard nothing for as long as its state names.

    Where polls are answered, every answer brings the time with it and no tick is needed.
    """

    def __init__(self, clock: Clock, inbox: Inbox, look_ns: int) -> None:
        self._clock, self._inbox, self._look_ns = clock, inbox, look_ns
        self._told: dict[str, int] = {}

    async def run(self, wanted: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        """Serve until cancelled.

        ``wanted`` gives (session, silence in ns after which it wants a tick, its last event).
        """
        while True:
            now = self._clock.monotonic_ns()
            due = {
                session: max(last, self._told.get(session, 0)) + silence
                for session, silence, last in wanted()
                if silence > 0
            }
            for session in [name for name, at in due.items() if at <= now]:
                self._inbox.tell(session, Ticked)
                self._told[session] = now
                del due[session]
            await self._clock.sleep_until(min([*due.values(), now + self._look_ns]))


@dataclass(slots=True)
class Condition:
    """One host condition; told only when it begins or ends."""

    inbox: Inbox
    id: str
    present: bool = False

    def be(self, present: bool, evidence: str) -> None:
        """Tell the inbox if this is a change."""
        if present != self.present:
            self.present = present
            self.inbox.tell(SITE, ConditionSeen, self.id, present, evidence)


async def watch_lag(clock: Clock, inbox: Inbox, limits: Limits) -> None:
    """Tell when the loop wakes us later than the limit."""
    condition = Condition(inbox, "lag")
    async for due_ns in every(clock, LAG_PERIOD_NS):
        late_ns = clock.monotonic_ns() - due_ns
        late = late_ns > limits.lag_ns
        if late or condition.present:
            condition.be(late, f"woken {as_seconds(Nanoseconds(late_ns)):.3f} s late")


async def watch_clock(clock: Clock, inbox: Inbox) -> None:
    """Tell when UTC steps against monotonic time.

    Raises `controller.clock.MonotonicFailure`: the death of this watch is what then trips.
    """
    condition = Condition(inbox, "clock_step")
    watch = ClockWatch.start(clock.monotonic_ns(), clock.utc_ns())
    async for _ in every(clock, CLOCK_PERIOD_NS):
        watch, step_ns = watch.observe(clock.monotonic_ns(), clock.utc_ns())
        condition.be(step_ns != 0, f"UTC stepped by {as_seconds(step_ns):+.3f} s")


async def watch_disk(
    clock: Clock,
    inbox: Inbox,
    limits: Limits,
    free_mb: Callable[[], int],
    executor: Executor | None = None,
) -> None:
    """Tell when the journal's disk has less room than the limit.

    A disk that will not say counts as full.
    """
    condition = Condition(inbox, "disk_low")
    loop = asyncio.get_running_loop()
    async for _ in every(clock, DISK_PERIOD_NS):
        try:
            free = await loop.run_in_executor(executor, free_mb)
        except OSError as error:
            condition.be(True, str(error))
        else:
            condition.be(free < limits.disk_low_mb, f"{free} MB are free")
