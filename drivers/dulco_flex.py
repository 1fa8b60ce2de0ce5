"""One ProMinent DULCO flex Control: the sequences of a treatment, over Modbus RTU or TCP.

Knows connect, recover, prepare, run and stop. Decides nothing clinical. Every frame to the pump
restarts its bus time-out, so from the start until a confirmed stop nothing is said without a live
permit but STOP and the reading that confirms it.

A dose is one batch: volume and time are programmed, so the pump ends it by itself and its rate
cannot change while it runs.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from drivers.dulco_flex_line import DulcoFlexLine
from drivers.dulco_flex_program import TIME_CONTROL, Program, check_held, program
from drivers.modbus import DeviceRefused, ModbusBus
from drivers.pump_errors import (
    NotPermitted,
    PlanRefused,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
    WrongDevice,
)
from drivers.request import CHECK, ECHOED, ExchangeError, Kind, NoReply
from drivers.stopping import Stopping
from drivers.stream import PortError
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Mode, Setup
from firmware_interfaces.dulco_flex_rules import (
    Identification,
    Inconsistent,
    PumpReading,
    batch_rate_ul_h,
    litres_up_nl,
)
from firmware_interfaces.readings import (
    Holdings,
    Identity,
    Motion,
    Permit,
    PlanReadback,
    PumpAlarm,
    PumpPlan,
    PumpStatus,
    Recovery,
)
from firmware_interfaces.units import (
    NS_PER_MS,
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    Nanoseconds,
    seconds,
)

KIND: Final = "dulcoflex"
WATCHDOG_NS: Final = seconds(5)
"""The default watchdog (treatment.md 3)."""
NO_BORE: Final = Micrometre(0)


class DulcoFlexPump:
    """The pump with address ``unit`` on ``bus``.

    ``setup`` is what the site states of it. ``watchdog_ns`` is what the site arms: a pump found
    running may run on so long in silence. ``on_event`` is given each alarm that is not the result
    of the call that saw it; ``on_permit_expired`` is called when the driver itself begins to stop
    an energised pump; ``on_unconfirmed(attempts, seen)`` after each attempt to stop that was not
    confirmed.
    """

    def __init__(
        self,
        bus: ModbusBus,
        unit: int,
        now_ns: Callable[[], int],
        setup: Setup,
        *,
        watchdog_ns: Nanoseconds = WATCHDOG_NS,
        on_event: Callable[[PumpStatus], None] = lambda _status: None,
        on_permit_expired: Callable[[], None] = lambda: None,
        on_unconfirmed: Callable[[int, str], None] = lambda _attempts, _seen: None,
    ) -> None:
        self._unit, self._now_ns, self._setup = unit, now_ns, setup
        self._site_watchdog_ns = watchdog_ns
        self._line = DulcoFlexLine(bus, unit, setup, on_event)
        self._stopping = Stopping(
            now_ns, self._stop_once, self._rested, lambda: self._line.links, self._watchdog_ns,
            on_permit_expired, on_unconfirmed,
        )  # fmt: skip
        self._lease = self._stopping.lease
        self._prepared: tuple[PumpPlan, int] | None = None
        self._running: PumpPlan | None = None

    @property
    def energised(self) -> bool:
        """True from the moment a start may leave until a confirmed stop."""
        return self._lease.energised

    async def connect(self) -> Identity:
        """Open the line, settle the layout, read who answers; change nothing.

        Raises PortError, LinkLost, or WrongDevice naming what was seen and what was expected.
        """
        self._line.forget_loss()
        strays = self._line.strays
        try:
            who = await self._identified()
            await self._line.quiet_status()
        except NoReply as error:
            raise WrongDevice(self._expected(), f"{error}; {CHECK}") from error
        except (PumpRefused, ReadbackMismatch) as error:
            raise WrongDevice(self._expected(), str(error)) from error
        if self._line.strays != strays:
            raise WrongDevice(self._expected(), ECHOED)
        return Identity(KIND, who.identity_code, who.software, self._unit, who.serial)

    async def recover(self) -> Recovery:
        """Status first, STOP until confirmed, then what the pump still knows.

        Clears, re-sizes, acknowledges and disarms nothing. The first status has the worst alarm
        that stands.
        """
        self._line.forget_loss()
        found, reading = await self._line.quiet_status()
        standing = [PumpAlarm.RESET] if self._line.reset_seen else list(reading.alarms)
        stopped = await self.stop(self._line.epoch)
        batch = await self._batch_if_told()
        recovery = Recovery(
            found=replace(found, alarm=standing[0]) if standing else found,
            stopped=stopped,
            infused_nl=stopped.infused_nl,
            volume_nl=None if batch is None else batch[0],
            rate_ul_h=None if batch is None else batch[1],
            power_cycled=self._line.reset_seen,
        )
        self._line.reset_seen = False
        return recovery

    async def holdings(self) -> Holdings:
        """Read what the resting pump holds; nothing is changed. An alarm in the way is reported.

        Raises NotPermitted (nothing sent), PumpRefused, NoReply, or ReadbackMismatch for a value
        that this pump cannot hold.
        """
        if self.energised:
            raise NotPermitted("holdings: the pump is energised and not confirmed stopped")
        status, _ = await self._line.quiet_status()
        volume_nl, rate_ul_h = await self._batch()
        timeout_ms = int(await self._line.value(df.BUS_TIMEOUT))
        armed = int(await self._line.value(df.START_STOP)) & df.TIMEOUT_STOPS
        assert status.infused_nl is not None
        return Holdings(
            diameter_um=NO_BORE,
            rate_ul_h=rate_ul_h,
            volume_nl=volume_nl,
            infused_nl=status.infused_nl,
            watchdog_ns=Nanoseconds(timeout_ms * NS_PER_MS if armed else 0),
        )

    async def prepare(self, plan: PumpPlan, epoch: int) -> PlanReadback:
        """Programme ``plan`` as one batch, arm the bus time-out, read everything back.

        Only from an accounted state: it clears the counter. Raises PlanRefused (nothing sent),
        ReadbackMismatch, PumpRefused, PumpAlarmed, WriteLost, StaleEpoch, NotPermitted, NoReply,
        or WrongDevice.
        """
        wanted = program(plan, self._setup)
        if self.energised:
            raise NotPermitted("prepare: the pump is energised and not confirmed stopped")
        self._prepared = None
        await self._identified()
        reading = await self._clear_the_way(epoch)
        if wanted.rate_ul_h > reading.rate_max_ul_h:
            rule = f"this hose gives at most {reading.rate_max_ul_h} uL/h"
            raise PlanRefused("rate_ul_h", str(wanted.rate_ul_h), rule)
        for register, value in wanted.settings:
            await self._line.set(register, value, epoch)
        for register, value in wanted.held:
            check_held(register, value, await self._line.value(register))
        status, reading = await self._line.quiet_status()
        await self._demand_ready(status, reading, wanted)
        self._prepared, self._line.reset_seen = (plan, self._line.links), False
        return PlanReadback(
            diameter_um=NO_BORE,
            rate_ul_h=wanted.rate_ul_h,
            volume_nl=wanted.volume_nl,
            watchdog_ns=wanted.watchdog_ns,
            trigger=plan.trigger,
            rate_max_ul_h=reading.rate_max_ul_h,
            infused_nl=Nanolitre(0),
            read_ns=Nanoseconds(self._now_ns()),
        )

    async def run(self, epoch: int) -> PumpStatus:
        """Set the start bit and trigger the batch, each once, and confirm it by polls.

        Raises NotPermitted or StaleEpoch (not sent), PumpAlarmed or PumpRefused (not executed),
        WriteLost (nobody knows); what *poll* raises, once the trigger was acknowledged. In all
        cases but the first the pump counts as energised until a confirmed stop. One *prepare*
        carries one *run*.
        """
        start = df.ACTIVE | df.TIMEOUT_STOPS
        await self._line.set(df.START_STOP, start, epoch, lambda: self._energise(epoch))
        status = await self._demand_motion(Motion.STOPPED, "start/stop")
        await self._line.set(df.TRIGGER, df.CODE_WORD, epoch, self._demand_permit)
        status = await self._polled()
        if status.motion is Motion.STOPPED and status.alarm is None:
            # The motor may turn a moment after the trigger was acknowledged.
            status = await self._polled()
        if status.alarm is not None:
            raise PumpAlarmed("trigger", status)
        if status.motion is not Motion.INFUSING:
            raise PumpRefused("trigger", f"with motion {status.motion}")
        return status

    async def set_rate(self, rate_ul_h: int, epoch: int) -> PumpStatus:
        """Refused: a batch has one rate. Nothing is sent."""
        raise NotPermitted(f"rate {rate_ul_h} uL/h in epoch {epoch}: a batch keeps its rate")

    def grant(self, permit: Permit) -> None:
        """Leave to talk until the permit expires."""
        self._lease.grant(permit)

    async def poll(self) -> PumpStatus:
        """Motion and counter in one exchange; an alarm that was not told yet is in the status.

        Of a pump that rests before it was told to, a second exchange asks whether its bus time-out
        stopped it: the alarm is then WATCHDOG.

        Raises PermitExpired if energised without a live permit: then nothing was sent.
        """
        status = await self._polled()
        if self._running is None or status.alarm is not None or status.motion is not Motion.STOPPED:
            return status
        held = int(await self._line.value(df.START_STOP, self._demand_permit))
        # Of itself the pump clears the start bit at its bus time-out alone.
        return status if held & df.ACTIVE else replace(status, alarm=PumpAlarm.WATCHDOG)

    async def _polled(self) -> PumpStatus:
        """A batch larger than what was programmed is a program error, whoever made it so."""
        status, reading, fresh = await self._line.status(Kind.HEALTH, self._demand_permit)
        if self._running is not None:
            most_nl = self._running.volume_nl + self._setup.increment_nl
            fresh += [PumpAlarm.PROGRAM_ERROR] if reading.remaining_nl > most_nl else []
        self._line.report(status, fresh[1:])
        return replace(status, alarm=fresh[0]) if fresh else status

    def open_epoch(self, epoch: int) -> None:
        """Drop queued and later writes of older epochs; permits of older epochs are void."""
        self._line.open_epoch(epoch)

    async def stop(self, epoch: int) -> PumpStatus:
        """Clear the start bit until a status asked after this call says that the pump rests.

        Never gives up. Raises LinkLost only if the driver is closed meanwhile. Cancelling the
        caller does not cancel the STOP.
        """
        self.open_epoch(epoch)
        return await self._stopping.confirmed()

    async def disarm(self, epoch: int) -> None:
        """Take the bus time-out off the stopped pump, once everything is accounted for."""
        if self.energised:
            raise NotPermitted("disarm: the pump is energised and not confirmed stopped")
        self._prepared = None
        await self._line.set(df.START_STOP, 0, epoch)

    async def close(self) -> None:
        """Close the line; an energised pump gets its STOP first, whatever happens to the caller.

        Gives up once the pump's own bus time-out must have stopped it.
        """
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        await self._stopping.end()
        await self._line.close()

    def _energise(self, epoch: int) -> None:
        """Guard of the start: called when it is about to leave."""
        if self._prepared is None or self._prepared[1] != self._line.links:
            raise NotPermitted("start: not prepared on this line since the last start or stop")
        if not self._lease.live(epoch):
            raise NotPermitted(f"start: no live permit for epoch {epoch}")
        (self._running, _), self._prepared = self._prepared, None
        self._lease.energise()

    def _demand_permit(self) -> None:
        self._lease.demand(self._line.epoch)

    def _watchdog_ns(self) -> Nanoseconds:
        return self._site_watchdog_ns if self._running is None else self._running.watchdog_ns

    async def _stop_once(self, _said: int) -> PumpStatus:
        return await self._line.stop_once()

    async def _rested(self, confirmed: PumpStatus) -> PumpStatus:
        """The counter is in the status that confirmed the stop; the motor may yet have run out.

        The rest is proven without a second reading, so whatever fails here takes nothing back.
        """
        self._running, self._prepared = None, None
        try:
            counted, _ = await self._line.quiet_status(Kind.HEALTH)
        except (ExchangeError, PumpRefused, ReadbackMismatch, PortError):
            return confirmed
        return counted if counted.motion is Motion.STOPPED else confirmed

    async def _identified(self) -> Identification:
        try:
            return await self._line.identify()
        except (Inconsistent, DeviceRefused) as error:
            raise WrongDevice(self._expected(), str(error)) from error

    def _expected(self) -> str:
        return f"a {self._setup.model.value} pump of ProMinent as unit {self._unit}"

    async def _clear_the_way(self, epoch: int) -> PumpReading:
        """Acknowledge errors that were told before and leave the pump at rest.

        A fault that nobody has been told of, or that stands after the acknowledgement, has a cause
        that somebody must look at. A power-up is over with this preparation, which sets everything
        anew.
        """
        status, reading, fresh = await self._line.status()
        self._line.report(status, [alarm for alarm in fresh if alarm is PumpAlarm.RESET])
        unknown = [alarm for alarm in fresh if alarm is not PumpAlarm.RESET]
        if unknown:
            self._line.report(status, unknown[1:])
            raise PumpAlarmed("prepare", replace(status, alarm=unknown[0]))
        if reading.faults:
            await self._line.set(df.ACKNOWLEDGE, df.CODE_WORD, epoch)
            status, reading = await self._line.quiet_status()
        left = [alarm for alarm in reading.alarms if alarm is not PumpAlarm.NEAR_EMPTY]
        if left:
            raise PumpAlarmed("prepare", replace(status, alarm=left[0]))
        if status.motion is not Motion.STOPPED:
            status = await self._line.stop_once()
        if status.motion is not Motion.STOPPED:
            raise PumpRefused("start/stop", f"with motion {status.motion}")
        if reading.batch_memory:
            raise ReadbackMismatch("batch memory", "off", "on: a trigger adds an older batch", "")
        return reading

    async def _demand_ready(
        self, status: PumpStatus, reading: PumpReading, wanted: Program
    ) -> None:
        """At rest, in batch mode with time control, with an empty counter and no batch begun."""
        check_held(df.MODE, Mode.BATCH.value, await self._line.value(df.MODE))
        check_held(df.SUB_MODE, TIME_CONTROL, await self._line.value(df.SUB_MODE))
        if status.motion is not Motion.STOPPED:
            raise ReadbackMismatch("motion", Motion.STOPPED.value, str(status.motion), "")
        if reading.infused_nl:
            raise ReadbackMismatch(df.QUANTITY.name, "0", str(reading.infused_nl), "nL")
        if reading.remaining_nl > wanted.volume_nl:
            most = f"at most {wanted.volume_nl}"
            raise ReadbackMismatch(df.REMAINING.name, most, str(reading.remaining_nl), "nL")

    async def _demand_motion(self, wanted: Motion, what: str) -> PumpStatus:
        status = await self._polled()
        if status.alarm is not None:
            raise PumpAlarmed(what, status)
        if status.motion is not wanted:
            raise PumpRefused(what, f"with motion {status.motion}")
        return status

    async def _batch(self) -> tuple[Nanolitre, MicrolitrePerHour]:
        """Volume and rate of the batch that the pump holds."""
        volume_nl = litres_up_nl(float(await self._line.value(df.BATCH_VOLUME)))
        time_s = int(await self._line.value(df.BATCH_TIME))
        if not 1 <= time_s <= df.BATCH_S_MAX:
            raise ReadbackMismatch(df.BATCH_TIME.name, f"1..{df.BATCH_S_MAX}", str(time_s), "s")
        return volume_nl, batch_rate_ul_h(volume_nl, time_s)

    async def _batch_if_told(self) -> tuple[Nanolitre, MicrolitrePerHour] | None:
        try:
            return await self._batch()
        except (NoReply, PumpRefused, ReadbackMismatch):
            return None
