"""Carries out what was decided for the pump: one job at a time, STOP beside and before all.

Knows what a driver's errors amount to; decides nothing. Only what energises or clears the pump's
counter waits for the journal, and a newer epoch ends that wait. A STOP waits for nothing and is
never cancelled by anything here.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from controller.core import events
from controller.core.commands import DisarmPump, Prepare, RecoverPump, RunPump, SetRate
from controller.inbox import Inbox
from controller.ports import Clock, Pump
from controller.two_pumps import channel_in_use
from drivers import pump_errors
from drivers.request import StaleEpoch, WriteLost
from drivers.stream import PortError
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import NS_PER_S

RETRY_NS: Final = NS_PER_S
"""Pause between two attempts to reach a pump that must be reached; each attempt has its own limits.
"""
PumpCommand = Prepare | RunPump | SetRate | RecoverPump | DisarmPump
Durable = Callable[[], Awaitable[None]]

_NEVER_RAN: Final = (
    pump_errors.PumpRefused,
    pump_errors.NotPermitted,
    pump_errors.PlanRefused,
    pump_errors.WrongDevice,
    PortError,
)
"""Errors after which it is certain that a write did not act."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command, whose it is, and the wait for what it rests on to be on disk."""

    session: str
    command: PumpCommand
    durable: Durable
    lead: int


class Superseded(Exception):
    """A newer epoch came before the job could begin."""


class PumpWorker:
    """The only one who gives the pump commands. ``stop`` and ``grant`` act in the caller's turn."""

    def __init__(self, pump: Pump, clock: Clock, inbox: Inbox, stop_confirm_ns: int) -> None:
        self._pump, self._clock, self._inbox = pump, clock, inbox
        self._stop_confirm_ns = stop_confirm_ns
        self._jobs: deque[Job] = deque()
        self._wake = asyncio.Event()
        self._newer = asyncio.Event()
        self._rest = asyncio.Event()
        self._rest.set()
        self._stopping: asyncio.Task[None] | None = None
        self._timers: set[asyncio.Task[None]] = set()
        self._wanted: tuple[int, str, int] | None = None
        self._asked = 0
        self._confirmed = 0
        self._lead = 0
        self.epoch = 0

    def stop(self, session: str, epoch: int) -> None:
        """STOP now, in a new epoch: older work is dropped, the wait for the journal ends.

        ``epoch`` is the session's own; where another session has gone further, the pump's stays.
        """
        self.epoch = max(self.epoch, epoch)
        self._pump.open_epoch(self.epoch + self._lead)
        self._jobs = deque(job for job in self._jobs if not self._stale(job))
        self._newer.set()
        self._newer = asyncio.Event()
        self._asked += 1
        self._wanted = (self._asked, session, epoch)
        self._rest.clear()
        self._spawn_timer(self._wanted)
        if self._stopping is None or self._stopping.done():
            self._stopping = asyncio.create_task(self._stop(), name="stop")

    def stop_unjudged(self, session: str) -> None:
        """STOP that no session decided: from here the pump's epoch is ahead of every session's."""
        self._lead += 1
        self.stop(session, self.epoch)

    def grant(self, permit: Permit) -> None:
        """Hand a permit on."""
        ahead = replace(permit, epoch=permit.epoch + self._lead) if self._lead else permit
        self._pump.grant(ahead)

    def submit(self, session: str, command: PumpCommand, durable: Durable) -> None:
        """Queue a command; one of an older epoch is dropped."""
        if command.epoch >= self.epoch:
            self._jobs.append(Job(session, command, durable, self._lead))
            self._wake.set()

    async def at_rest(self) -> None:
        """Return when no STOP waits for its confirmation."""
        await self._rest.wait()

    async def run(self) -> None:
        """Serve the queue until cancelled."""
        while True:
            self._wake.clear()
            if self._jobs:
                await self._serve(self._jobs.popleft())
            else:
                await self._wake.wait()

    async def close(self) -> None:
        """Close the pump, which stops one that is energised; whoever cancels us waits for that."""
        closing = asyncio.ensure_future(self._pump.close())
        while not closing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(closing)
        ending = [*self._timers, *([self._stopping] if self._stopping else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        closing.result()

    # --- stop ---------------------------------------------------------------------------------

    async def _stop(self) -> None:
        while self._wanted is not None:
            number, session, epoch = self._wanted
            channel = channel_in_use(self._pump)
            try:
                status = await self._pump.stop(self.epoch + self._lead)
            except Exception as error:  # noqa: BLE001 - whatever failed, the pump must still stop
                self._inbox.tell(session, events.PumpSilent, f"stop: {error}")
                await self._clock.sleep_until(self._clock.monotonic_ns() + RETRY_NS)
                continue
            self._confirmed = number
            self._inbox.tell(session, events.StopConfirmed, epoch, status, channel)
            if self._asked == number:
                self._wanted = None
        self._rest.set()

    def _spawn_timer(self, wanted: tuple[int, str, int]) -> None:
        due_ns = self._clock.monotonic_ns() + self._stop_confirm_ns
        timer = asyncio.create_task(self._unconfirmed(wanted, due_ns))
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    async def _unconfirmed(self, wanted: tuple[int, str, int], due_ns: int) -> None:
        await self._clock.sleep_until(due_ns)
        number, session, epoch = wanted
        if self._confirmed < number:
            self._inbox.tell(session, events.StopUnconfirmed, epoch)

    # --- jobs ---------------------------------------------------------------------------------

    async def _serve(self, job: Job) -> None:
        try:
            await self._carry_out(job)
        except (Superseded, StaleEpoch):
            return
        except pump_errors.PermitExpired:
            self._inbox.tell(job.session, events.PermitExpired)
        except pump_errors.PumpAlarmed as error:
            channel = channel_in_use(self._pump)
            self._inbox.tell(job.session, events.AlarmSeen, error.status, channel)
            self._tell_failure(job, error)
        except Exception as error:  # noqa: BLE001 - an error nobody foresaw is a lost write
            self._tell_failure(job, error)

    async def _carry_out(self, job: Job) -> None:
        command, tell = job.command, self._inbox.tell
        epoch = command.epoch + job.lead
        match command:
            case Prepare():
                # It clears the counter: what was pumped must be on disk first, or a crash loses it.
                await self._unless_newer(job, job.durable())
                readback = await self._pump.prepare(command.plan, epoch)
                tell(job.session, events.PumpPrepared, command.epoch, readback)
            case RunPump():
                if await self._may_energise(job):
                    status = await self._pump.run(epoch)
                    tell(job.session, events.RunStarted, command.epoch, status)
            case SetRate():
                if await self._may_energise(job):
                    status = await self._pump.set_rate(command.rate_ul_h, epoch)
                    tell(job.session, events.PumpRead, status, channel_in_use(self._pump))
            case RecoverPump():
                await self._recover(job)
            case DisarmPump():
                await self._pump.disarm(epoch)

    def _stale(self, job: Job) -> bool:
        return job.command.epoch < self.epoch or job.lead < self._lead

    async def _may_energise(self, job: Job) -> bool:
        """Wait until what the command rests on is durable; False, and told, if it never will be."""
        try:
            await self._unless_newer(job, job.durable())
        except Superseded:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the disk said: nothing starts
            reason = f"journal: {error}"
            self._inbox.tell(job.session, events.RunRefused, job.command.epoch, reason)
            return False
        return True

    async def _unless_newer(self, job: Job, waiting: Awaitable[None]) -> None:
        wait = asyncio.ensure_future(waiting)
        newer = asyncio.ensure_future(self._newer.wait())
        try:
            await asyncio.wait({wait, newer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            newer.cancel()
            if not wait.done():
                wait.cancel()
        if self._stale(job):
            if wait.done() and not wait.cancelled():
                wait.exception()
            raise Superseded
        await wait

    async def _recover(self, job: Job) -> None:
        """Reach the pump however long it takes; each failure is told, a newer epoch ends it."""
        await self._unless_newer(job, self.at_rest())
        while True:
            try:
                recovery = await self._pump.recover()
            except StaleEpoch:
                raise
            except Exception as error:  # noqa: BLE001 - it must be reached, whatever is in the way
                self._inbox.tell(job.session, events.PumpSilent, f"recover: {error}")
            else:
                channel = channel_in_use(self._pump)
                self._inbox.tell(job.session, events.PumpRecovered, recovery, channel)
                return
            pause = self._clock.sleep_until(self._clock.monotonic_ns() + RETRY_NS)
            await self._unless_newer(job, pause)

    def _tell_failure(self, job: Job, error: Exception) -> None:
        """What an error amounts to: not prepared, certainly not run, or nobody knows."""
        epoch, reason = job.command.epoch, str(error) or type(error).__name__
        never_ran = isinstance(error, (*_NEVER_RAN, pump_errors.PumpAlarmed))
        if isinstance(job.command, Prepare) and not isinstance(error, WriteLost):
            field = _field(error)
            self._inbox.tell(job.session, events.PrepareFailed, epoch, field, reason)
        elif isinstance(job.command, (RunPump, SetRate)) and never_ran:
            self._inbox.tell(job.session, events.RunRefused, epoch, reason)
        else:
            self._inbox.tell(job.session, events.WriteLost, epoch, reason)


def _field(error: Exception) -> str:
    """What a *prepare* found wrong in the pump; "" where it only found nobody to talk to.

    A pump that answers and does not do as it is told may have taken something for another command
    and move, with no watchdog armed: that must trip, and so be stopped until it is seen to rest.
    """
    if isinstance(error, pump_errors.WrongDevice):
        return "identity"
    refused = "refused" if isinstance(error, pump_errors.PumpRefused) else ""
    return str(getattr(error, "field", refused))
