"""What the start-up self-test looks at: clock, journal, disk, ports, identity, read-back, alarms.

Each check returns what it saw, or raises. None changes what a device holds, and none speaks to a
pump that is still to be recovered: only *recover* may read the alarm of that one.
"""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from controller.clinic.text import exact_seconds_text, utc_text, volume_text
from controller.core.commands import ClearAlarm, RaiseAlarm
from controller.core.events import AlarmSeen, ConditionSeen
from controller.core.motion import PERMIT_SHARE
from controller.core.state import Phase
from controller.inbox import SITE
from controller.ports import Calibrator, Pump
from controller.self_test import CONDITION, CheckFailed, NotYet, Work
from controller.two_pumps import each_pump
from drivers.pump_errors import PumpAlarmed
from firmware_interfaces.readings import Channel, Holdings, Identity
from firmware_interfaces.units import NS_PER_S, UL_PER_ML

if TYPE_CHECKING:
    from controller.daemon import Daemon

WATCH_NS: Final = NS_PER_S
"""How long both clocks are watched."""
PROGRAM_UTC_NS: Final = 1_761_955_200 * NS_PER_S
"""2025-11-01: a computer that says it is earlier than this program has lost its clock's battery."""
TEST: Final = "test of the way that alarms take"
UM_PER_MM: Final = 1_000
PUMPS: Final = {Channel.DRUG: "pump", Channel.FLUSH: "flush pump"}
"""What people call them; the drug's pump is the one that is meant where none is named."""


class SelfChecks:
    """The checks of one daemon. ``last_utc_ns`` is the newest time of day of any journal."""

    def __init__(
        self, daemon: "Daemon", pump: Pump, calibrator: Calibrator, last_utc_ns: int
    ) -> None:
        self._daemon, self._pump, self._calibrator = daemon, pump, calibrator
        self._last_utc_ns = last_utc_ns

    def all(self) -> dict[str, Work]:
        """Every check by its name, in the order in which they are made."""
        return {
            "clock": self.clock,
            "journal": self.journal,
            "disk": self.disk,
            "ports": self.ports,
            "identity": self.identity,
            "read-back": self.read_back,
            "alarm path": self.alarm_path,
        }

    async def clock(self) -> str:
        """Monotonic time advances, UTC with it, and UTC is not earlier than what is on record."""
        clock, step_ns = self._daemon.clock, self._daemon.setting.limits.clock_step_ns
        mono_ns, utc_ns = clock.monotonic_ns(), clock.utc_ns()
        earliest_ns = max(PROGRAM_UTC_NS, self._last_utc_ns)
        if utc_ns + step_ns < earliest_ns:
            known = "on record" if earliest_ns == self._last_utc_ns else "when this was written"
            raise CheckFailed(f"UTC is {utc_text(utc_ns)}, but {utc_text(earliest_ns)} is {known}")
        await clock.sleep_until(mono_ns + WATCH_NS)
        passed_ns, utc_passed_ns = clock.monotonic_ns() - mono_ns, clock.utc_ns() - utc_ns
        if passed_ns < WATCH_NS:
            waited, seen = exact_seconds_text(WATCH_NS), exact_seconds_text(passed_ns)
            raise CheckFailed(f"monotonic time advanced by {seen} while {waited} were waited")
        if abs(utc_passed_ns - passed_ns) > step_ns:
            stepped = exact_seconds_text(utc_passed_ns - passed_ns)
            raise CheckFailed(f"UTC stepped by {stepped}, limit {exact_seconds_text(step_ns)}")
        return f"UTC is {utc_text(utc_ns)}; both clocks advanced by {passed_ns / NS_PER_S:.3f} s"

    async def journal(self) -> str:
        """A record is written, committed and read back, in a chain that holds."""
        journal, clock = self._daemon.site_journal, self._daemon.clock
        stamps = clock.monotonic_ns(), clock.utc_ns()
        seq = journal.append(CONDITION, {"probe": "written to be read back"}, *stamps)
        await journal.committed(seq)
        records = await self._daemon.world.store.read_site()
        if not any((r.seq, r.kind, r.mono_ns) == (seq, CONDITION, stamps[0]) for r in records):
            raise CheckFailed(f"record {seq} was committed and is not there")
        return f"record {seq} was written and read back, {len(records)} records hold"

    async def disk(self) -> str:
        """There is room, and the disk syncs faster than a permit expires (ADR 0009)."""
        world, setting = self._daemon.world, self._daemon.setting
        loop = asyncio.get_running_loop()
        free_mb = await loop.run_in_executor(world.executor, world.disk_free_mb)
        low_mb = setting.limits.disk_low_mb
        if free_mb < low_mb:
            raise CheckFailed(f"{free_mb} MB are free, limit {low_mb} MB")
        begun_s = loop.time()
        await world.store.probe()
        took_s, allowed_s = (
            loop.time() - begun_s,
            min(setting.watchdogs_ns) / PERMIT_SHARE / NS_PER_S,
        )
        if took_s > allowed_s:
            raise CheckFailed(f"a sync took {took_s:.3f} s, limit {allowed_s:.3f} s")
        return f"{free_mb} MB are free, a sync took {took_s * 1000:.0f} ms"

    async def ports(self) -> str:
        """Every device answers now."""
        pumps = each_pump(self._pump)
        for name in (*(PUMPS[channel] for channel in pumps), "calibrator"):
            self._known(name)
        await self._pump_may_be_asked()
        for channel, pump in pumps.items():
            status = await pump.poll()
            if status.alarm is not None:
                # Being read acknowledges it: nobody would hear of it again.
                self._daemon.inbox.tell(SITE, AlarmSeen, status, channel)
                alarm = status.alarm.value
                raise CheckFailed(f"the {PUMPS[channel]} reports alarm '{alarm}'")
        await self._calibrator.connect()
        return ", ".join(f"{name} at {port}" for name, port in self._daemon.setting.ports.items())

    async def identity(self) -> str:
        """The devices are those that the site names."""
        pump, calibrator = self._known("pump"), self._known("calibrator")
        setting = self._daemon.setting
        wanted = (*setting.kinds, setting.pump_address)
        found = (pump.kind, calibrator.kind, pump.address)
        if found != wanted:
            raise CheckFailed(f"{found} answer, {wanted} are configured")
        self._second_is_configured()
        serial = setting.calibrator_serial
        if serial and calibrator.serial not in (serial, None):
            raise CheckFailed(f"calibrator {calibrator.serial} answers, {serial} is configured")
        told = calibrator.serial or "tells no serial number"
        address = f"{pump.address:02d}" if pump.address is not None else "no address"
        return f"{pump.model} {pump.firmware} at {address}; {calibrator.model}, {told}"

    async def read_back(self) -> str:
        """What each pump holds can be read, in units that are known, and is possible."""
        told = []
        for channel, pump in each_pump(self._pump).items():
            self._known(PUMPS[channel])
            await self._pump_may_be_asked()
            try:
                told.append(_held_text(await pump.holdings()))
            except PumpAlarmed as alarmed:
                raise CheckFailed(str(alarmed)) from alarmed
        return "; flush pump: ".join(told)

    def _second_is_configured(self) -> None:
        """The second pump is the one that the site names, where it names one."""
        flush = self._daemon.setting.flush
        if flush is None:
            return
        identity = self._known("flush pump")
        found, wanted = (identity.kind, identity.address), (flush.kind, flush.address)
        if found != wanted:
            raise CheckFailed(f"{found} answers as flush pump, {wanted} is configured")

    async def alarm_path(self) -> str:
        """An alarm that is told comes out where panels listen. A broker may be away."""
        daemon, clock = self._daemon, self._daemon.clock
        ring = daemon.herald.ring
        position, stamps = ring.end, (clock.monotonic_ns(), clock.utc_ns())
        told = ConditionSeen(*stamps, CONDITION, True, TEST)
        decided = (RaiseAlarm(CONDITION, TEST), ClearAlarm(CONDITION))
        daemon.herald.note(SITE, told, Phase.IDLE, decided)
        async with contextlib.aclosing(ring.follow(position)) as news:
            async for item in news:
                if item is not None and item.kind == "alarm" and TEST in item.text:
                    away = "broker_lost" in daemon.conditions
                    beside = "the broker is away: nobody outside hears" if away else "and sent out"
                    return f"a test alarm came through to the panels; {beside}"
        raise CheckFailed("the news are closed")

    def _known(self, name: str) -> Identity:
        daemon = self._daemon
        known = {
            "pump": daemon.pump_identity,
            "calibrator": daemon.calibrator_identity,
            "flush pump": daemon.flush_identity,
        }
        identity = known[name]
        if identity is None:
            port = self._daemon.setting.ports.get(name, "its port")
            raise CheckFailed(f"the {name} at {port} has not answered")
        return identity

    async def _pump_may_be_asked(self) -> None:
        active = self._daemon.active()
        if active is not None and (
            active.state.phase is Phase.UNCERTAIN or active.state.run is not None
        ):
            raise NotYet(f"{active.id} must be recovered and bounded first")
        await self._daemon.pump.at_rest()


def _held_text(held: Holdings) -> str:
    return (
        f"{held.diameter_um / UM_PER_MM:g} mm, {held.rate_ul_h / UL_PER_ML:g} mL/h, "
        f"volume {volume_text(held.volume_nl)}, counter {volume_text(held.infused_nl)}, "
        f"watchdog {held.watchdog_ns // NS_PER_S} s"
    )
