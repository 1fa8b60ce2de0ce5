"""How the daemon comes up and goes down. It knows the order of both; it judges nothing.

Up: journals are folded back first. Where no treatment is under way, a device that is not there is
named and the daemon does not come up. Where one is, or a journal does not hold, it must come up:
the pump is stopped and recovered for as long as it takes, and alarms say what is missing.

Down: the pump's STOP is confirmed before anything is closed, and the pump's driver is the last
device to go. A hung disk or broker is left behind, and asking twice changes nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from controller import periodic
from controller.boot import Kept, RebasedClock, folded
from controller.calibrator_worker import CalibratorWorker
from controller.core import events
from controller.daemon import Daemon
from controller.herald import Herald
from controller.inbox import SITE, Inbox
from controller.ports import Calibrator, Clock, Pump
from controller.pump_worker import PumpWorker
from controller.self_checks import SelfChecks
from controller.self_test import SelfTest
from controller.sessions import SessionJournal
from controller.sheets import SheetKeeper
from controller.store import Listener
from controller.supervisor import Supervisor
from controller.surroundings import PumpListener, Setting, Surroundings, Telemetry
from controller.two_pumps import IdleListener, TwoPumps, each_pump
from firmware_interfaces.readings import Channel, Identity, PumpStatus
from firmware_interfaces.units import NS_PER_S, Nanoseconds, as_seconds

FAREWELL_S: Final = 2.0
"""How long each of judgement, broker and journal may take over the exit."""
IDENTIFY_NS: Final = 5 * NS_PER_S
Connect = Callable[[], Awaitable[Identity]]


class StartupFailure(Exception):
    """Something without which no treatment can begin: what it is, and what was seen."""

    def __init__(self, what: str, seen: str) -> None:
        super().__init__(f"{what}: {seen}")
        self.what, self.seen = what, seen


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


class Life:
    """One daemon from start to end. Call ``start`` once, then ``end`` once."""

    def __init__(self, setting: Setting, world: Surroundings) -> None:
        self._setting, self._world = setting, world
        self._clock: Clock
        self._inbox: Inbox
        self._pump: Pump
        self._calibrator: Calibrator
        self._telemetry: Telemetry
        self._journal_slow: periodic.Condition
        self.daemon: Daemon
        self.supervisor: Supervisor

    async def start(self) -> Daemon:
        """Fold, tell every session of the boot, meet the devices, serve; or `StartupFailure`."""
        setting, world = self._setting, self._world
        limits = setting.limits
        try:
            listener = Listener(self._failed, self._slow, limits.journal_slow_ns)
            scan = await world.store.scan(listener)
            kept = await folded(scan, world.store, limits)
        except Exception as error:
            raise StartupFailure("journal", _said(error)) from error
        self._clock = RebasedClock(world.clock, scan.last_mono_ns)
        self._inbox = Inbox(self._clock)
        self._journal_slow = periodic.Condition(self._inbox, "journal_slow")
        self.daemon = Daemon(setting, world, self._clock, self._inbox)
        self.supervisor = Supervisor(self._inbox, self.daemon.task_died)
        self._furnish(kept)
        self.daemon.site_journal = await self._site_journal(scan.site)
        self._announce(kept)
        checks = SelfChecks(self.daemon, self._pump, self._calibrator, scan.last_utc_ns)
        self.daemon.self_test = SelfTest(self._clock, self._inbox, checks.all())
        self.daemon.self_test.announce()
        must_come_up = bool(self.daemon.active() or kept.quarantined)
        try:
            await self._meet(must_come_up)
        except StartupFailure:
            await self._leave()
            raise
        self._serve()
        return self.daemon

    async def end(self, close_panel: Callable[[], Awaitable[None]]) -> bool:
        """STOP, confirmed; then close everything in order. True if the pump is known to rest."""
        rested = await self._rest()
        await close_panel()
        watches = ("poller", "ticker", "lag", "clock", "disk", "journals", "self-test")
        await self.supervisor.stop(*watches)
        await self._say_farewell()
        devices = ("pump", "calibrator", "flush pump")
        await self.supervisor.stop("calibrator", "pump", *(f"identify {name}" for name in devices))
        await self._leave()
        return rested

    # --- up ------------------------------------------------------------------------------------

    def _furnish(self, kept: Kept) -> None:
        daemon, world, inbox = self.daemon, self._world, self._inbox
        self._pump = world.pump(self._clock, self._heard(Channel.DRUG))
        if world.flush_pump is not None:
            flush = world.flush_pump(self._clock, self._heard(Channel.FLUSH))
            self._pump = both = TwoPumps(self._pump, flush, self._idle_heard())
            both.channel = next(
                (s.state.run.plan.channel for s in kept.sessions if s.state.run is not None),
                Channel.DRUG,
            )
        self._calibrator = world.calibrator(self._clock)
        broker = periodic.Condition(inbox, "broker_lost")
        self._telemetry = world.telemetry(lambda up, reason: broker.be(not up, reason))
        limits = self._setting.limits
        daemon.pump = PumpWorker(self._pump, self._clock, inbox, limits.stop_confirm_ns)
        daemon.calibrator = CalibratorWorker(self._calibrator, inbox)
        daemon.herald = Herald(daemon, self._telemetry)
        daemon.sessions = {session.id: session for session in kept.sessions}
        daemon.closed = {session.id: session for session in kept.closed}
        daemon.quarantined = kept.quarantined
        daemon.pump.epoch = max((s.state.epoch for s in kept.sessions), default=0)

    def _heard(self, channel: Channel) -> PumpListener:
        inbox = self._inbox
        return PumpListener(
            alarm=lambda status: _ignore(inbox.tell(SITE, events.AlarmSeen, status, channel)),
            permit_expired=lambda: _ignore(inbox.tell(SITE, events.PermitExpired)),
        )

    def _idle_heard(self) -> IdleListener:
        inbox = self._inbox

        def status(channel: Channel, seen: PumpStatus) -> None:
            if seen.alarm is None:
                inbox.tell(SITE, events.IdlePumpSeen, channel, seen)
            else:
                inbox.tell(SITE, events.AlarmSeen, seen, channel)

        def silent(channel: Channel, reason: str) -> None:
            inbox.tell(SITE, events.IdlePumpSeen, channel, None, reason)

        return IdleListener(status, silent)

    async def _site_journal(self, kept: SessionJournal | None) -> SessionJournal:
        if kept is not None:
            return kept
        stamps = self._clock.monotonic_ns(), self._clock.utc_ns()
        try:
            return await self._world.store.create_site(self._setting.header, stamps)
        except Exception as error:
            raise StartupFailure("journal", _said(error)) from error

    def _announce(self, kept: Kept) -> None:
        """A boot is an event, the first one of each open session; nothing else was posted yet."""
        for session in kept.sessions:
            self._inbox.tell(session.id, events.Booted, self._setting.version)
        self._inbox.tell(SITE, events.Booted, self._setting.version)
        if kept.quarantined and self.daemon.active() is None:
            self.daemon.pump.stop(SITE, self.daemon.pump.epoch)

    async def _meet(self, must_come_up: bool) -> None:
        pumps = each_pump(self._pump)
        devices: list[tuple[str, Connect, Callable[[Identity], None]]] = [
            ("pump", pumps[Channel.DRUG].connect, self._know_pump),
            ("calibrator", self._calibrator.connect, self._know_calibrator),
        ]
        if Channel.FLUSH in pumps:
            devices.append(("flush pump", pumps[Channel.FLUSH].connect, self._know_flush_pump))
        for name, connect, known in devices:
            if must_come_up:
                work = partial(self._identify, name, connect, known)
                self.supervisor.keep(f"identify {name}", work, critical=False)
                continue
            try:
                known(await connect())
            except Exception as error:
                port, seen = self._setting.ports.get(name, ""), _said(error)
                raise StartupFailure(name, seen if port in seen else f"{port}: {seen}") from error

    async def _identify(
        self, name: str, connect: Connect, known: Callable[[Identity], None]
    ) -> None:
        """Try until the device says who it is; each new reason why not is kept and told."""
        seen = ""
        while True:
            try:
                known(await connect())
            except Exception as error:  # noqa: BLE001 - whatever is in the way, it is tried again
                if _said(error) != seen:
                    seen = _said(error)
                    self.daemon.task_died(f"identify {name}", seen)
            else:
                return
            await self._clock.sleep_until(self._clock.monotonic_ns() + IDENTIFY_NS)

    def _know_pump(self, identity: Identity) -> None:
        self.daemon.pump_identity = identity
        self._inbox.tell(SITE, events.PumpIdentified, identity)

    def _know_flush_pump(self, identity: Identity) -> None:
        self.daemon.flush_identity = identity
        self._inbox.tell(SITE, events.PumpIdentified, identity, Channel.FLUSH)

    def _know_calibrator(self, identity: Identity) -> None:
        self.daemon.calibrator_identity = identity
        self._inbox.tell(SITE, events.CalibratorIdentified, identity)

    def _serve(self) -> None:
        daemon, clock, inbox, limits = self.daemon, self._clock, self._inbox, self._setting.limits
        keep = partial(self.supervisor.keep, critical=True)
        poll_ns = limits.poll_ns
        keep("consumer", daemon.consume)
        keep("pump", daemon.pump.run)
        keep("calibrator", daemon.calibrator.run)
        keep("poller", lambda: periodic.poll_pump(self._pump, clock, inbox, poll_ns, daemon.polled))
        ticker = periodic.Ticker(clock, inbox, poll_ns)
        keep("ticker", lambda: ticker.run(daemon.tick_periods))
        keep("lag", lambda: periodic.watch_lag(clock, inbox, limits))
        keep("clock", lambda: periodic.watch_clock(clock, inbox))
        disk = (self._world.disk_free_mb, self._world.executor)
        keep("disk", lambda: periodic.watch_disk(clock, inbox, limits, *disk))
        spare = partial(self.supervisor.keep, critical=False)
        spare("journals", self._watch_journals)
        spare("herald", daemon.herald.run)
        spare("numbers", lambda: daemon.herald.tell_numbers(clock))
        spare("telemetry", self._telemetry.run)
        spare("self-test", daemon.self_test.run)
        spare("sheets", SheetKeeper(daemon, self._world.print_sheet).run)

    # --- the journals --------------------------------------------------------------------------

    def _failed(self, name: str, reason: str) -> None:
        condition = ("journal_failed", True, f"{name}: {reason}")
        self._inbox.tell(SITE, events.ConditionSeen, *condition)

    def _slow(self, name: str, age_ns: int) -> None:
        age = as_seconds(Nanoseconds(age_ns))
        self._journal_slow.be(True, f"{name}: a record has waited {age:.3f} s")

    async def _watch_journals(self) -> None:
        """Slow is told by the journal itself; that it is over, here."""
        async for _ in periodic.every(self._clock, NS_PER_S):
            journals = [session.journal for session in self.daemon.sessions.values()]
            if not any(j.oldest_pending_ns for j in (*journals, self.daemon.site_journal)):
                self._journal_slow.be(False, "everything is written")

    # --- down ----------------------------------------------------------------------------------

    async def _rest(self) -> bool:
        """Have every session stop and wait until the pump says that it rests.

        Not for ever: once its own watchdog must have stopped it, the wait is over.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.daemon.request(SITE, events.ShutdownRequested)
        patience_ns = max(self._setting.watchdogs_ns) + self._setting.limits.stop_confirm_ns
        try:
            async with asyncio.timeout(as_seconds(Nanoseconds(patience_ns))):
                await self.daemon.pump.at_rest()
        except TimeoutError:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._inbox.drained()
        return True

    async def _say_farewell(self) -> None:
        await self.supervisor.stop("numbers", "herald")
        self.daemon.herald.tell_all()
        self._telemetry.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.supervisor.ended("telemetry")
        await self.supervisor.stop("telemetry")

    async def _leave(self) -> None:
        """Close calibrator, pump, journals. Neither a device nor a disk can hold us here."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(FAREWELL_S):
                await self._calibrator.close()
        await self.daemon.pump.close()
        await self.supervisor.stop()
        journals = [session.journal for session in self.daemon.sessions.values()]
        closing = [journal.close(FAREWELL_S) for journal in (*journals, self.daemon.site_journal)]
        await asyncio.gather(*closing, return_exceptions=True)


def _ignore(_: object) -> None:
    """A listener answers nothing."""
