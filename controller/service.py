"""The ward's daemon as a process: real devices, disk, broker, signals, HTTP and the Unix socket.

The only place where the parts meet their real counterparts. It decides the order of things at start
and end, and nothing about a treatment.
"""

import asyncio
import contextlib
import platform
import secrets
import shutil
import signal
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from controller import control_socket
from controller.chain import JournalBroken
from controller.clinic.documents import utc_datetime
from controller.commissioned import commissioned_of, known_by
from controller.config import SiteConfig
from controller.core.codec import CodecError
from controller.daemon import Daemon
from controller.device_sections import PumpSection
from controller.devices import Lines, calibrator_of, pump_of
from controller.inbox import Verdict
from controller.life import Life, StartupFailure
from controller.mqtt_link import mqtt_connect
from controller.panel.api import Api
from controller.panel.app import make_app
from controller.panel.reception import PeopleWatch, desk_of, people_at_start
from controller.panel.server import PanelServer, bind
from controller.panel.tls import TlsRefused, server_context
from controller.panel.turnstile import Turnstile
from controller.ports import Calibrator, Clock, Pump
from controller.records import NoRecord, record_of, record_of_journal
from controller.sheets import printer
from controller.store import DirectoryStore
from controller.surroundings import FlushPump, PumpListener, Setting, Surroundings, Telemetry
from controller.telemetry import Telemetry as MqttTelemetry
from controller.telemetry import room_prefix
from controller.units_known import NOT_ASKED, UnitsKnown, units_known_of
from controller.view import state_view
from drivers.serial_port import opener
from firmware_interfaces.readings import Channel
from firmware_interfaces.units import NS_PER_S, Nanoseconds

HEADER_SCHEMA: Final = 2
BYTES_PER_MB: Final = 1_000_000
PANEL_FAREWELL_S: Final = 4.0


class NoTelemetry:
    """Stands where no broker is configured: nothing is published and nothing is missed."""

    def publish(
        self, suffix: str, payload: dict[str, Any], *, retain: bool = False, qos: int = 1
    ) -> None:
        """Drop the message."""

    async def run(self) -> None:
        """Have nothing to do."""

    def stop(self) -> None:
        """Have nothing to end."""


def versions() -> dict[str, str]:
    """What runs here, for the record."""
    try:
        own = metadata.version("isodrip")
    except metadata.PackageNotFoundError:
        own = "unknown"
    return {"isodrip": own, "python": platform.python_version()}


def setting_of(
    site: SiteConfig,
    commissioning: str | None = None,
    flush_commissioning: str | None = None,
    units: UnitsKnown = NOT_ASKED,
) -> Setting:
    """What the daemon and every record 0 take from site.toml and what was commissioned.

    ``commissioning`` is the text of the pump's file; None has the one read that site.toml names. So
    is ``flush_commissioning`` for the second pump.
    """
    known = commissioned_of(site) if commissioning is None else known_by(site, commissioning)
    running = versions()
    kinds = (site.pump.kind, site.calibrator.kind)
    flush = _flush_pump_of(site, flush_commissioning)
    header = {
        "schema": HEADER_SCHEMA,
        "site": site.site.name,
        "room": site.site.room,
        "site_hash": site.site_hash,
        "simulated": site.site.simulated,
        "versions": running,
        "kinds": list(kinds if flush is None else (*kinds, flush.kind)),
        **({"unit_proof": units.seen} if units is not NOT_ASKED else {}),
    }
    return Setting(
        site=site.site.name,
        room=site.site.room,
        simulated=site.site.simulated,
        version=running["isodrip"],
        kinds=kinds,
        limits=site.limits,
        watchdog_ns=site.pump.watchdog_s * NS_PER_S,
        header=header,
        ports=_ports(site),
        pump_address=site.pump.address,
        commissioned=known,
        calibrator_serial=site.calibrator.serial,
        flush=flush,
    )


def _flush_pump_of(site: SiteConfig, text: str | None) -> FlushPump | None:
    section = site.flush_pump
    if section is None:
        return None
    known = commissioned_of(site, Channel.FLUSH) if text is None else known_by(site, text)
    return FlushPump(section.kind, section.address, section.watchdog_s * NS_PER_S, known)


def _ports(site: SiteConfig) -> dict[str, str]:
    ports = {"pump": site.pump.port, "calibrator": site.calibrator.port}
    return ports if site.flush_pump is None else {**ports, "flush pump": site.flush_pump.port}


def _now(clock: Clock) -> Callable[[], Nanoseconds]:
    return lambda: Nanoseconds(clock.monotonic_ns())


def _telemetry(site: SiteConfig, on_link: Callable[[bool, str], None]) -> Telemetry:
    if site.mqtt is None:
        return NoTelemetry()
    prefix = room_prefix(site.site.name, site.site.room)
    return MqttTelemetry(prefix, mqtt_connect(site.mqtt.address), on_link=on_link)


def surroundings_of(site: SiteConfig, clock: Clock, units: UnitsKnown) -> Surroundings:
    """The real world of a site; ``units`` is what is known of its calibrator's unit codes."""
    directory = Path(site.journal.directory)
    lines = Lines(opener)

    def pump(section: PumpSection, clock: Clock, heard: PumpListener) -> Pump:
        return pump_of(section, lines, _now(clock), heard)

    def calibrator(clock: Clock) -> Calibrator:
        return calibrator_of(site.calibrator, lines, _now(clock), units)

    def new_id() -> str:
        day = utc_datetime(Nanoseconds(clock.utc_ns())).strftime("%Y%m%d")
        return f"{day}-{secrets.token_hex(3)}"

    return Surroundings(
        clock=clock,
        store=DirectoryStore(directory),
        pump=partial(pump, site.pump),
        flush_pump=None if site.flush_pump is None else partial(pump, site.flush_pump),
        calibrator=calibrator,
        telemetry=partial(_telemetry, site),
        new_id=new_id,
        disk_free_mb=lambda: shutil.disk_usage(directory).free // BYTES_PER_MB,
        print_sheet=printer(site.downtime.print) if site.downtime.print else None,
    )


async def record_json(daemon: Daemon, session: str) -> dict[str, Any]:
    """The record of an open or closed session. Raises `NoRecord`."""
    live = daemon.sessions.get(session)
    if live is not None:
        record = record_of(live.header, live.state, live.journal.head)
    else:
        try:
            records = await daemon.world.store.read(session)
            record = record_of_journal(records, daemon.setting.limits)
        except FileNotFoundError as error:
            raise NoRecord("must be a session of this site") from error
        except (JournalBroken, CodecError) as error:
            raise NoRecord(f"must have a journal that holds: {error}") from error
    found: dict[str, Any] = record.model_dump(mode="json", by_alias=True)
    return found


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the daemon can be found."""

    api: str
    socket: str
    simulated: bool


class Service:
    """One run of the daemon. ``run`` returns the process' exit code."""

    def __init__(self, site: SiteConfig, clock: Clock, on_ready: Callable[[Ready], None]) -> None:
        self._site, self._on_ready = site, on_ready
        self._units = units_known_of(site)
        self._world = surroundings_of(site, clock, self._units)
        self._people, self._no_people = people_at_start(site.people_path)
        self._ending = asyncio.Event()

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT. Raises `StartupFailure`."""
        tls = self._tls()
        http, unix = self._sockets()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        life = Life(setting_of(self._site, units=self._units), self._world)
        try:
            daemon = await life.start()
        except StartupFailure:
            self._close_sockets(http, unix)
            raise
        panel = self._serve(life, daemon, http, unix, tls)
        await self._ending.wait()
        return await self._end(life, panel, http, unix)

    def _tls(self) -> ssl.SSLContext | None:
        try:
            return None if self._site.api.tls is None else server_context(*self._site.api.tls)
        except TlsRefused as error:
            raise StartupFailure(error.field, f"{error.value}: {error.rule}") from error

    def _sockets(self) -> tuple[socket.socket, socket.socket]:
        """Both sockets, before any device is spoken to: a second daemon goes no further."""
        path = self._site.socket_path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unix = control_socket.listen(path)
        except (control_socket.SocketTaken, OSError) as error:
            raise StartupFailure("Unix socket", str(error)) from error
        try:
            return bind(*self._site.api.address), unix
        except OSError as error:
            unix.close()
            path.unlink(missing_ok=True)
            raise StartupFailure("API address", str(error)) from error

    def _close_sockets(self, http: socket.socket, unix: socket.socket) -> None:
        http.close()
        unix.close()
        self._site.socket_path.unlink(missing_ok=True)

    def _serve(
        self,
        life: Life,
        daemon: Daemon,
        http: socket.socket,
        unix: socket.socket,
        tls: ssl.SSLContext | None,
    ) -> PanelServer:
        turnstile, site = Turnstile(), self._site
        # A thread of their own: what is slow here keeps no disk waiting.
        threads = ThreadPoolExecutor(1, "people")
        desk = desk_of(daemon, site, self._people, threads)
        watch = PeopleWatch(site.people_path, daemon, desk, threads)
        if self._no_people:
            watch.note(self._no_people)
        life.supervisor.keep("people", watch.run, critical=False)
        record = partial(record_json, daemon)
        app = make_app(Api(daemon, site, desk), record, turnstile, site.api.called)
        panel = PanelServer(app, http, daemon.herald.ring, tls)

        async def stop() -> dict[str, Any]:
            return verdict_json(await daemon.stop("", "", "terminal"))

        async def status() -> dict[str, Any]:
            if not await turnstile.turn():
                return {"error": {"field": "do", "value": "status", "rule": "too many ask"}}
            return state_view(daemon)

        handlers = {"stop": stop, "status": status}
        life.supervisor.keep("panel", panel.run, critical=False)
        serve = partial(control_socket.serve, unix, handlers)
        life.supervisor.keep("control socket", serve, critical=False)
        host, port = self._site.api.address
        shown = f"[{host}]" if ":" in host else host
        path = str(self._site.socket_path)
        scheme = "http" if tls is None else "https"
        self._on_ready(Ready(f"{scheme}://{shown}:{port}/api/v1", path, site.site.simulated))
        return panel

    async def _end(
        self, life: Life, panel: PanelServer, http: socket.socket, unix: socket.socket
    ) -> int:
        """The STOP first and confirmed; whoever watches is told of it before the panel closes."""
        rested = await life.end(partial(_close_panel, life, panel))
        self._close_sockets(http, unix)
        return 0 if rested else 3


async def _close_panel(life: Life, panel: PanelServer) -> None:
    panel.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PANEL_FAREWELL_S):
            await life.supervisor.ended("panel")
    await life.supervisor.stop("panel", "control socket", "people")


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the API and the Unix socket give it."""
    accepted = verdict.refusal is None
    return {"accepted": accepted, "session": verdict.session, "phase": verdict.phase}
