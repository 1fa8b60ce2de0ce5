"""One New Era NE-1000 pump: the sequences of a treatment, and the lease on an energised pump.

Knows connect, recover, prepare, run and stop. Decides nothing clinical. Every valid packet
restarts the pump's watchdog, so from the RUN until a confirmed stop nothing is said without a live
permit but STOP and the status that confirms it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from drivers.new_era_bus import NewEraBus
from drivers.new_era_line import NewEraLine
from drivers.new_era_program import HOLDINGS, Expected, holdings_of, new_rate, program
from drivers.pump_errors import (
    NotPermitted,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
    WrongDevice,
)
from drivers.request import CHECK, ECHOED, ExchangeError, NoReply
from drivers.stopping import Stopping
from drivers.stream import Opener, PortError
from firmware_interfaces.new_era import (
    parse_diameter,
    parse_dispensed,
    parse_rate,
    parse_version,
    parse_volume,
    rate_limits_ul_h,
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
from firmware_interfaces.units import NS_PER_S, MicrolitrePerHour, Nanoseconds, seconds
from protocols.new_era import Mode

BASIC_EVERY: Final = 3
"""Each third attempt is Basic: a pump that was put into Basic mode by hand must stop too."""
WATCHDOG_NS: Final = seconds(5)
"""The default watchdog (treatment.md 3)."""


class NewEraPump:
    """One pump at ``address`` of a line, or alone behind an opener at ``baud``.

    ``watchdog_ns`` is what the site arms: a pump found running may run on so long in silence.
    ``on_event`` is given each alarm that is not the result of the call that saw it;
    ``on_permit_expired`` is called when the driver itself begins to stop an energised pump;
    ``on_unconfirmed(attempts, seen)`` after each attempt to stop that was not confirmed.
    """

    def __init__(
        self,
        line: NewEraBus | Opener,
        address: int,
        now_ns: Callable[[], int],
        *,
        baud: int = 19200,
        watchdog_ns: Nanoseconds = WATCHDOG_NS,
        on_event: Callable[[PumpStatus], None] = lambda _status: None,
        on_permit_expired: Callable[[], None] = lambda: None,
        on_unconfirmed: Callable[[int, str], None] = lambda _attempts, _seen: None,
    ) -> None:
        self._address = address
        self._site_watchdog_ns = watchdog_ns
        self._now_ns = now_ns
        bus = line if isinstance(line, NewEraBus) else NewEraBus(line, now_ns, baud)
        self._line = NewEraLine(bus, address, on_event)
        self._stopping = Stopping(
            now_ns, self._stop_once, self._rested, lambda: self._line.links, self._watchdog_ns,
            on_permit_expired, on_unconfirmed,
        )  # fmt: skip
        self._lease = self._stopping.lease
        self._prepared: tuple[PumpPlan, int] | None = None
        self._running: PumpPlan | None = None
        self._unrecovered: PumpStatus | None = None

    @property
    def energised(self) -> bool:
        """True from the moment a RUN may leave until a confirmed stop."""
        return self._lease.energised

    async def connect(self) -> Identity:
        """Open the line, read status and version; change nothing.

        Raises PortError, LinkLost, or WrongDevice naming what was heard instead.
        """
        self._line.forget_loss()
        expected = f"a New Era pump at address {self._address:02d}"
        strays = self._line.strays
        try:
            status = await self._line.status()
            if status.alarm is not None:
                self._unrecovered = status
                self._line.report(status)
            model, firmware = await self._version()
        except NoReply as error:
            raise WrongDevice(expected, f"{error.seen}; {CHECK}") from error
        except (PumpRefused, ValueError) as error:
            raise WrongDevice(expected, str(error)) from error
        if self._line.strays != strays:
            raise WrongDevice(expected, ECHOED)
        return Identity("ne1000", model, firmware, self._address, None)

    async def recover(self) -> Recovery:
        """Status first, STOP until confirmed, then what the pump still knows (pumps.md 1.8 d).

        Clears, re-sizes and disarms nothing. An alarm that *connect* saw is the first status.
        """
        self._line.forget_loss()
        found = self._unrecovered
        if found is None:
            found = await self._line.status()
            if found.alarm is not None:
                self._line.report(found)
        stopped = await self.stop(self._line.epoch)
        infused = stopped.infused_nl
        volume = await self._line.if_told("VOL", parse_volume)
        rate = await self._line.if_told("RAT", parse_rate)
        recovery = Recovery(found, stopped, infused, volume, rate, self._line.reset_seen)
        self._unrecovered, self._line.reset_seen = None, False
        return recovery

    async def holdings(self) -> Holdings:
        """Read what the resting pump holds; nothing is changed. An alarm in the way is reported.

        Raises NotPermitted (nothing sent), PumpAlarmed, PumpRefused, NoReply, or ReadbackMismatch
        for a value that no New Era pump can hold.
        """
        if self.energised:
            raise NotPermitted("holdings: the pump is energised and not confirmed stopped")
        told = {}
        for name in HOLDINGS:
            try:
                told[name] = await self._line.query(name)
            except PumpAlarmed as alarmed:
                self._line.report(alarmed.status)
                raise
        return holdings_of(told)

    async def prepare(self, plan: PumpPlan, epoch: int) -> PlanReadback:
        """Programme ``plan``, arm the watchdog, read everything back in Safe mode. Does not run.

        Only from an accounted state: it clears the counter. Raises PlanRefused (nothing sent),
        ReadbackMismatch, PumpRefused, PumpAlarmed, WriteLost, StaleEpoch, NotPermitted, NoReply.
        """
        wanted = program(plan)
        if self.energised:
            raise NotPermitted("prepare: the pump is energised and not confirmed stopped")
        self._prepared = None
        await self._clear_the_way(epoch)
        for text in wanted.settings:
            await self._line.set(text, epoch)
        self._line.armed = True
        await self._line.set(wanted.watchdog, epoch)
        held = await self._read_back(wanted.reread, epoch)
        infused = parse_dispensed(held["DIS"]).infused_nl
        self._prepared, self._line.reset_seen = (plan, self._line.links), False
        diameter = parse_diameter(held["DIA"])
        return PlanReadback(
            diameter_um=diameter,
            rate_ul_h=parse_rate(held["RAT"]),
            volume_nl=parse_volume(held["VOL"]),
            watchdog_ns=Nanoseconds(int(held["SAF"]) * NS_PER_S),
            trigger=plan.trigger,
            rate_max_ul_h=rate_limits_ul_h(diameter)[1],
            infused_nl=infused,
            read_ns=Nanoseconds(self._now_ns()),
        )

    async def run(self, epoch: int) -> PumpStatus:
        """Send RUN once, and confirm it by polls.

        Raises NotPermitted or StaleEpoch (not sent), PumpAlarmed or PumpRefused (not executed),
        WriteLost (nobody knows); what *poll* raises, once RUN was acknowledged. In all cases but
        the first the pump counts as energised until a confirmed stop. One *prepare* carries one
        RUN.
        """
        await self._line.set("RUN", epoch, lambda: self._energise(epoch))
        status = await self.poll()
        if status.motion is Motion.STOPPED:
            # One public host shows S for one cycle after RUN (pumps.md 1.8).
            status = await self.poll()
        if status.alarm is not None:
            raise PumpAlarmed("RUN", status)
        if status.motion is not Motion.INFUSING:
            raise PumpRefused("RUN", f"with motion {status.motion}")
        return status

    async def set_rate(self, rate_ul_h: int, epoch: int) -> PumpStatus:
        """Change the rate while infusing (value only: the unit stays) and read it back."""
        if self._running is None:
            raise NotPermitted("RAT: the pump is not running a prepared plan")
        text, expected = new_rate(MicrolitrePerHour(rate_ul_h), self._running)
        await self._line.set(text, epoch, self._demand_permit)
        expected.check(await self._line.query("RAT", self._demand_permit))
        return await self.poll()

    def grant(self, permit: Permit) -> None:
        """Leave to talk until the permit expires."""
        self._lease.grant(permit)

    async def poll(self) -> PumpStatus:
        """Prompt and counter in one exchange (DIS); an alarm comes back as a status.

        Raises PermitExpired if energised without a live permit: then nothing was sent.
        """
        return await self._line.counter(self._demand_permit)

    def open_epoch(self, epoch: int) -> None:
        """Drop queued and later writes of older epochs; permits of older epochs are void."""
        self._line.open_epoch(epoch)

    async def stop(self, epoch: int) -> PumpStatus:
        """STP twice, then a status, until one asked after this call says S; then the counter.

        Never gives up. Raises LinkLost only if the driver is closed meanwhile. Cancelling the
        caller does not cancel the STOP. ``infused_nl`` is None where the counter was not told.
        """
        self.open_epoch(epoch)
        return await self._stopping.confirmed()

    async def disarm(self, epoch: int) -> None:
        """Leave Safe mode, once everything is accounted for."""
        if self.energised:
            raise NotPermitted("SAF0: the pump is energised and not confirmed stopped")
        self._prepared, self._line.armed = None, False
        await self._line.set("SAF0", epoch)

    async def close(self) -> None:
        """Close the line; an energised pump gets its STOP first, whatever happens to the caller.

        Gives up once the pump's own watchdog must have stopped it.
        """
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        await self._stopping.end()
        await self._line.close()

    def _energise(self, epoch: int) -> None:
        """Guard of the RUN: called when it is about to leave."""
        if self._prepared is None or self._prepared[1] != self._line.links:
            raise NotPermitted("RUN: not prepared on this line since the last RUN or stop")
        if not self._lease.live(epoch):
            raise NotPermitted(f"RUN: no live permit for epoch {epoch}")
        (self._running, _), self._prepared = self._prepared, None
        self._lease.energise()

    def _demand_permit(self) -> None:
        self._lease.demand(self._line.epoch)

    async def _stop_once(self, said: int) -> PumpStatus:
        """The first word on a line is Safe-framed."""
        basic = said % BASIC_EVERY == BASIC_EVERY - 1
        return await self._line.stop_once(Mode.BASIC if basic else Mode.SAFE)

    def _watchdog_ns(self) -> Nanoseconds:
        return self._site_watchdog_ns if self._running is None else self._running.watchdog_ns

    async def _rested(self, confirmed: PumpStatus) -> PumpStatus:
        """The status that confirmed the stop, with the counter if the pump will tell it.

        The rest is proven without it, so whatever fails here takes nothing back.
        """
        self._running, self._prepared = None, None
        try:
            counted = await self._line.counter(self._demand_permit)
        except (ExchangeError, PumpRefused, ReadbackMismatch, PortError, ValueError):
            return confirmed
        if counted.alarm is not None:
            self._line.report(counted)
        return counted if counted.motion is Motion.STOPPED else confirmed

    async def _clear_the_way(self, epoch: int) -> None:
        """Read any alarm, leave Safe mode, prove who it is, and bring the program to its start.

        A reset was a power cycle before this preparation, which sets everything anew; any other
        alarm has a cause that somebody must look at.
        """
        status = await self._line.status()
        if status.alarm is PumpAlarm.RESET:
            self._line.report(status)
        elif status.alarm is not None:
            raise PumpAlarmed("prepare", status)
        self._line.armed = False
        await self._line.set("SAF0", epoch)
        await self._version()
        if (await self._line.status()).motion is Motion.STOPPED:
            return
        status = await self._line.stop_once(Mode.SAFE)
        if status.motion is not Motion.STOPPED:
            raise PumpRefused("STP", f"with motion {status.motion}")

    async def _version(self) -> tuple[str, str]:
        """Model and firmware. An alarm takes the first answer's place (pumps.md 1.8 d)."""
        try:
            return parse_version(await self._line.query("VER"))
        except PumpAlarmed as alarmed:
            self._unrecovered = alarmed.status
            self._line.report(alarmed.status)
            return parse_version(await self._line.query("VER"))

    async def _read_back(self, reread: tuple[str | Expected, ...], epoch: int) -> dict[str, str]:
        held: dict[str, str] = {}
        for item in reread:
            if isinstance(item, str):
                await self._line.set(item, epoch)
            else:
                held[item.query] = await self._line.query(item.query)
                item.check(held[item.query])
        return held
