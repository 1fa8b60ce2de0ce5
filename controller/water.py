"""Supervised runs of water through a pump that is not on a patient: one run, and one in silence.

Knows permits, polls and rest. What the figures mean is judged in `controller.commission`.
"""

from dataclasses import dataclass
from typing import Final

from controller.core.motion import PERMIT_SHARE
from controller.ports import Clock, Pump
from firmware_interfaces.readings import Permit, PumpAlarm, PumpPlan, PumpStatus
from firmware_interfaces.units import NS_PER_S, Nanoseconds

POLL_NS: Final = NS_PER_S
"""Slower than in a treatment, and still inside a permit: a watchdog of 4 s gives 1.33 s."""
SILENCE_MARGIN_NS: Final = 2 * NS_PER_S
UL_H_NS_PER_NL: Final = 3600 * NS_PER_S // 1000


class Unfinished(Exception):
    """A run that cannot be judged: what was to be seen, and what was."""

    def __init__(self, what: str, seen: str) -> None:
        super().__init__(f"{what}: {seen}")
        self.what, self.seen = what, seen


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: how long it took (to half a poll), what the pump counted, its alarm if any.

    ``rate_ul_h`` is what the pump held, ``step_nl`` the last digit of its counter.
    """

    rate_ul_h: int
    duration_ns: int
    counter_nl: int
    step_nl: int
    alarm: PumpAlarm | None


class Water:
    """Runs on one pump, one after another. Each ends with a STOP that was confirmed."""

    def __init__(self, pump: Pump, clock: Clock) -> None:
        self._pump, self._clock = pump, clock
        self._epoch = 0

    async def run(self, plan: PumpPlan) -> Ran:
        """Pump ``plan`` until it rests or alarms, supervised by polls."""
        rate_ul_h = await self._prepare(plan)
        begun_ns = moving_ns = self._clock.monotonic_ns()
        alarm: PumpAlarm | None = None
        try:
            self._grant(plan.watchdog_ns // PERMIT_SHARE)
            await self._pump.run(self._epoch)
            while True:
                await self._clock.sleep_until(self._clock.monotonic_ns() + POLL_NS)
                self._grant(plan.watchdog_ns // PERMIT_SHARE)
                status = await self._pump.poll()
                if status.alarm is not None or status.motion is None or status.motion.at_rest:
                    alarm = status.alarm
                    break
                moving_ns = status.asked_ns
        finally:
            rest = await self._stop()
        duration_ns = (moving_ns + status.asked_ns) // 2 - begun_ns
        return Ran(rate_ul_h, duration_ns, _counted(rest), rest.counter_step_nl, alarm)

    async def fall_silent(self, plan: PumpPlan) -> Ran:
        """Start ``plan`` and say nothing until its watchdog must have stopped the pump.

        ``duration_ns`` is how long the pump then ran on, by its counter and its rate. It is stopped
        in any case.
        """
        rate_ul_h = await self._prepare(plan)
        wait_ns = plan.watchdog_ns + POLL_NS + SILENCE_MARGIN_NS
        try:
            self._grant(2 * wait_ns)
            last = await self._pump.run(self._epoch)
            await self._clock.sleep_until(last.read_ns + wait_ns)
            found = await self._pump.poll()
        finally:
            rest = await self._stop()
        ran_on_nl = _counted(rest) - _counted(last)
        duration_ns = ran_on_nl * UL_H_NS_PER_NL // rate_ul_h
        return Ran(rate_ul_h, duration_ns, ran_on_nl, rest.counter_step_nl, found.alarm)

    async def _prepare(self, plan: PumpPlan) -> int:
        self._epoch += 1
        self._pump.open_epoch(self._epoch)
        return (await self._pump.prepare(plan, self._epoch)).rate_ul_h

    def _grant(self, life_ns: int) -> None:
        expires_ns = Nanoseconds(self._clock.monotonic_ns() + life_ns)
        self._pump.grant(Permit(self._epoch, expires_ns))

    async def _stop(self) -> PumpStatus:
        self._epoch += 1
        return await self._pump.stop(self._epoch)

    async def leave(self) -> None:
        """Leave Safe mode: the pump is as it was found but for its settings."""
        await self._pump.disarm(self._epoch)


def _counted(status: PumpStatus) -> int:
    if status.infused_nl is None:
        raise Unfinished("the pump's counter", "it was not told")
    return status.infused_nl
