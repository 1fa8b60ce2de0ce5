"""Two pumps on one patient's line, to the shell one pump: what is prepared is what runs.

At most one is energised. STOP goes to both at once and is confirmed once both rest. The one that
does not run is looked at beside every poll; what it shows is told, never waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from controller.ports import Pump
from drivers.pump_errors import NotPermitted
from firmware_interfaces.readings import (
    Channel,
    Holdings,
    Identity,
    Permit,
    PlanReadback,
    PumpPlan,
    PumpStatus,
    Recovery,
)

AGAIN_S: Final = 1.0
"""A pump that rests is stopped anew this often while the other one's STOP is unconfirmed: keys may
have moved it meanwhile, and what is confirmed is that both rest."""
QUIET_S: Final = 1.5
"""An idle pump that did not answer is looked at again only after this time: on a shared line each
silence keeps the running one waiting for most of a second. Less than a third of a watchdog's least
time, so that one lost answer lets no watchdog fire."""
MISSES: Final = 3
"""So many silences in a row are told; *prepare* takes none."""


@dataclass(frozen=True, slots=True)
class IdleListener:
    """Who hears of the pump that does not run: each status, or what was seen instead of one."""

    status: Callable[[Channel, PumpStatus], None]
    silent: Callable[[Channel, str], None]


class TwoPumps:
    """The pumps of a room by their channel. Until something is prepared the drug's is in use."""

    def __init__(self, drug: Pump, flush: Pump, heard: IdleListener) -> None:
        self.each: dict[Channel, Pump] = {Channel.DRUG: drug, Channel.FLUSH: flush}
        self.channel = Channel.DRUG
        """Which pump is in use; whoever knows of a run before this program began says so."""
        self._heard = heard
        self._looking: asyncio.Task[None] | None = None
        self._look_at = 0.0
        self._again = asyncio.Event()
        self._told: object = None
        self._missed = 0

    @property
    def _used(self) -> Pump:
        return self.each[self.channel]

    @property
    def _idle(self) -> Channel:
        return Channel.FLUSH if self.channel is Channel.DRUG else Channel.DRUG

    async def connect(self) -> Identity:
        """The identity of the pump in use; both must answer."""
        found = [await pump.connect() for pump in self.each.values()]
        return found[list(self.each).index(self.channel)]

    async def recover(self) -> Recovery:
        """Both are recovered, the one in use last: what that one pumped is what is to be known."""
        await self.each[self._idle].recover()
        return await self._used.recover()

    async def holdings(self) -> Holdings:
        """What the pump in use holds."""
        return await self._used.holdings()

    async def prepare(self, plan: PumpPlan, epoch: int) -> PlanReadback:
        """Prepare the plan's pump, once the other one has shown that it rests."""
        self.channel = plan.channel
        status = await self.each[self._idle].poll()
        self._told = None
        self._tell(self._idle, status)
        if status.motion is None or not status.motion.at_rest:
            shown = status.alarm or status.motion
            told = "no motion" if shown is None else shown.value
            raise NotPermitted(f"prepare: the {self._idle.value} pump shows {told}")
        return await self._used.prepare(plan, epoch)

    async def run(self, epoch: int) -> PumpStatus:
        """Energise the prepared pump."""
        return await self._used.run(epoch)

    async def set_rate(self, rate_ul_h: int, epoch: int) -> PumpStatus:
        """Another rate for the running pump."""
        return await self._used.set_rate(rate_ul_h, epoch)

    def grant(self, permit: Permit) -> None:
        """Leave to talk, to both; one that is not energised needs none."""
        for pump in self.each.values():
            pump.grant(permit)

    async def poll(self) -> PumpStatus:
        """The status of the pump in use. The idle one is asked after it, and not waited for."""
        try:
            return await self._used.poll()
        finally:
            self._look()

    def open_epoch(self, epoch: int) -> None:
        """Drop older writes, on both; a STOP that waits for one pump is sent to both anew."""
        self._again.set()
        for pump in self.each.values():
            pump.open_epoch(epoch)

    async def stop(self, epoch: int) -> PumpStatus:
        """STOP to both at once, the one in use first; the status of that one once both rest."""
        self.open_epoch(epoch)
        self._again.clear()
        used, idle = self.channel, self._idle
        stops = {name: self._begin_stop(name, epoch) for name in (used, idle)}
        again = asyncio.ensure_future(self._again.wait())
        try:
            while waiting := {task for task in stops.values() if not task.done()}:
                ended, _ = await asyncio.wait(
                    {*waiting, again}, timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED
                )
                if again in ended:
                    self._again.clear()
                    again = asyncio.ensure_future(self._again.wait())
                elif ended:
                    continue
                for name in [name for name, task in stops.items() if task.done()]:
                    stops[name].result()
                    stops[name] = self._begin_stop(name, epoch)
            self._tell(idle, stops[idle].result())
            return stops[used].result()
        finally:
            await _cancelled(again, *stops.values())

    def _begin_stop(self, channel: Channel, epoch: int) -> "asyncio.Task[PumpStatus]":
        return asyncio.create_task(self.each[channel].stop(epoch), name=f"stop {channel.value}")

    async def disarm(self, epoch: int) -> None:
        """Both leave Safe mode; one that fails does not keep the other in it."""
        await _every(pump.disarm(epoch) for pump in self.each.values())

    async def close(self) -> None:
        """Close both; an energised one gets its STOP first."""
        if self._looking is not None:
            await _cancelled(self._looking)
        await _every(pump.close() for pump in self.each.values())

    def _look(self) -> None:
        looking = self._looking is not None and not self._looking.done()
        if not looking and asyncio.get_running_loop().time() >= self._look_at:
            self._looking = asyncio.create_task(self._look_once(self._idle), name="idle pump")

    async def _look_once(self, channel: Channel) -> None:
        try:
            status = await self.each[channel].poll()
        except Exception as error:  # noqa: BLE001 - whatever kept the answer away, there is none
            self._look_at = asyncio.get_running_loop().time() + QUIET_S
            self._missed += 1
            if self._missed >= MISSES and channel is self._idle:
                self._told = None
                self._heard.silent(channel, str(error) or type(error).__name__)
        else:
            self._missed = 0
            if channel is self._idle:
                self._tell(channel, status)

    def _tell(self, channel: Channel, status: PumpStatus) -> None:
        """Tell it unless nothing has changed since the last that was told."""
        shown = (channel, status.motion, status.alarm, status.infused_nl)
        if shown != self._told:
            self._told = shown
            self._heard.status(channel, status)


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every(acts: Iterable[Awaitable[None]]) -> None:
    """All of them, whatever becomes of one; then the first error."""
    for failed in await asyncio.gather(*acts, return_exceptions=True):
        if failed is not None:
            raise failed


def each_pump(pump: Pump) -> dict[Channel, Pump]:
    """The pumps behind the port, by their channel."""
    return pump.each if isinstance(pump, TwoPumps) else {Channel.DRUG: pump}


def channel_in_use(pump: Pump) -> Channel:
    """Whose status a poll or a command brings."""
    return pump.channel if isinstance(pump, TwoPumps) else Channel.DRUG
