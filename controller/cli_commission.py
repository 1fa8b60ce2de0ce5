"""``isodrip commission pump``: leads a person through the commissioning, and writes its file.

It asks at the terminal, holds the daemon's socket so that no daemon takes the pump meanwhile, and
judges nothing.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from controller import control_socket
from controller.chain import JournalBroken
from controller.clinic.commissioning import (
    SCHEMA,
    CommissioningFile,
    Person,
    commissioning_text,
    dated,
)
from controller.clinic.documents import utc_datetime
from controller.clock import SystemClock
from controller.commission import FULL_MINUTES, Commissioning, Outcome, Wish, size_ml
from controller.config import SiteConfig, Syringe
from controller.console import DONE, FAILED, MISSING, WRONG, Out, fault, number_argument, site_of
from controller.core.codec import CodecError
from controller.core.state import Phase
from controller.devices import UNHEARD, Lines, pump_of
from controller.journal_file import read
from controller.service import versions
from controller.sessions import fold_state, limits_of
from controller.store import BROKEN, JOURNAL
from controller.terminal import Aborted, Terminal
from controller.water import Unfinished
from drivers.pump_errors import (
    NotPermitted,
    PermitExpired,
    PlanRefused,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
    WrongDevice,
)
from drivers.request import ExchangeError
from drivers.serial_port import opener
from drivers.stream import PortError
from firmware_interfaces.readings import Trigger
from firmware_interfaces.units import NS_PER_S, Nanoseconds

MINUTES: Final = (0.5, 60.0)
_MISSING: Final = (PortError, ExchangeError, WrongDevice)
_FAILED: Final = (
    *(PumpAlarmed, PumpRefused, ReadbackMismatch, NotPermitted, PermitExpired, PlanRefused),
    Unfinished,
)


def _site_of(args: argparse.Namespace) -> SiteConfig:
    """The site, with the pump that is meant in the place of its pump."""
    site = site_of(args.config)
    if not args.flush_pump:
        return site
    if site.flush_pump is None:
        raise fault(WRONG, "--flush-pump", "given", "must be a site with a second pump")
    return site.model_copy(update={"pump": site.flush_pump})


def wish_of(site: SiteConfig, names: Sequence[str], minutes: float) -> Wish:
    """What is to be commissioned for a site. Raises `controller.console.Fault`."""
    if minutes != FULL_MINUTES and not site.site.simulated:
        rule = f"must be {FULL_MINUTES:g}; only a simulated site may take less"
        raise fault(WRONG, "--minutes", f"{minutes:g}", rule)
    if not MINUTES[0] <= minutes <= MINUTES[1]:
        rule = f"must lie in {MINUTES[0]:g} .. {MINUTES[1]:g}"
        raise fault(WRONG, "--minutes", f"{minutes:g}", rule)
    return Wish(
        syringes=tuple(_syringe(site, name) for name in names or [s.name for s in site.syringe]),
        watchdog_ns=site.pump.watchdog_s * NS_PER_S,
        trigger=Trigger(site.pump.trigger),
        limits=site.limits,
        minutes=minutes,
    )


def _syringe(site: SiteConfig, name: str) -> Syringe:
    found = next((row for row in site.syringe if row.name == name), None)
    if found is None:
        raise fault(WRONG, "--syringe", name, "must be a syringe of the site's catalogue")
    try:
        size_ml(found)
    except ValueError as error:
        raise fault(WRONG, "--syringe", name, str(error)) from error
    return found


def file_of(
    outcome: Outcome, at: datetime, by: Person, second: Person, *, simulated: bool
) -> CommissioningFile:
    """The file of an outcome, dated ``at`` (UTC, whole seconds)."""
    pump = outcome.pump
    return CommissioningFile(
        schema_=SCHEMA,
        kind=pump.kind,
        model=pump.model,
        firmware=pump.firmware,
        address=pump.address,
        serial=pump.serial,
        simulated=simulated,
        at=at,
        by=by,
        second=second,
        program=f"isodrip {versions()['isodrip']}",
        watchdog=outcome.watchdog,
        syringes=outcome.syringes,
        passed=outcome.passed,
    )


def commission_pump(args: argparse.Namespace, out: Out) -> int:
    """The command. A file is written whether the pump passed or not, never over another one."""
    site = _site_of(args)
    wish = wish_of(site, args.syringe, args.minutes)
    _no_treatment_open(site)
    path = _free_path(args)
    held = _held_socket(site)
    try:
        file = _led(site, wish, held)
    finally:
        held.close()
        site.socket_path.unlink(missing_ok=True)
    _write(path, commissioning_text(file))
    _say(out, file, path)
    return DONE if file.passed else FAILED


def _no_treatment_open(site: SiteConfig) -> None:
    """Refuse while a session of this site is not closed, or cannot be read."""
    for path in sorted(Path(site.journal.directory).glob(f"*/{JOURNAL}")):
        name = path.parent.name
        if BROKEN in name:
            continue
        try:
            records = list(read(path))
            limits = limits_of(records[0].body, site.limits)
            phase = fold_state(name, records, limits).phase
        except (JournalBroken, CodecError, IndexError) as error:
            raise fault(FAILED, "session", name, f"must be readable: {error}") from error
        if phase not in (Phase.CLOSED, Phase.IDLE):
            raise fault(FAILED, "session", f"{name} in {phase.value}", "must be closed first")


def _free_path(args: argparse.Namespace) -> Path:
    now = utc_datetime(SystemClock().utc_ns())
    path: Path = args.output or args.config.parent / "commissioning" / dated(now)
    if path.exists():
        raise fault(WRONG, "--output", path, "must not be there yet: a commissioning is kept")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fault(WRONG, "--output", path, f"must be a place to write: {error}") from error
    return path


def _held_socket(site: SiteConfig) -> socket.socket:
    """The daemon's own socket: while we hold it no daemon of this site starts."""
    path = site.socket_path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return control_socket.listen(path)
    except (control_socket.SocketTaken, OSError) as error:
        rule = "must be free: stop the daemon first"
        raise fault(MISSING, "daemon", str(error), rule) from error


def _led(site: SiteConfig, wish: Wish, held: socket.socket) -> CommissioningFile:
    runner = asyncio.Runner()
    try:
        return runner.run(_until_ended(_whole(site, wish), held))
    except (KeyboardInterrupt, Aborted) as ended:
        sys.stderr.write(f"isodrip: ended: {ended}; the pump was stopped\n")
        sys.stderr.flush()
        # The reader of the terminal may wait for a line for ever; nothing else is left open.
        held.close()
        site.socket_path.unlink(missing_ok=True)
        os._exit(FAILED)
    except _MISSING as error:
        raise fault(MISSING, "pump", error, "must answer") from error
    except _FAILED as error:
        raise fault(FAILED, "pump", error, "must go through every step") from error


async def _until_ended(
    work: Coroutine[Any, Any, CommissioningFile], held: socket.socket
) -> CommissioningFile:
    """Do the work; SIGTERM or ``isodrip stop`` ends it, and the pump is stopped first."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    async def stop() -> dict[str, Any]:
        task.cancel()
        return {"accepted": True, "session": "", "phase": "commissioning"}

    async def status() -> dict[str, Any]:
        return {"error": "the pump is being commissioned"}

    handlers = {"stop": stop, "status": status}
    answering = asyncio.ensure_future(control_socket.serve(held, handlers))
    try:
        return await task
    except asyncio.CancelledError as cancelled:
        raise Aborted("asked to stop") from cancelled
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def _whole(site: SiteConfig, wish: Wish) -> CommissioningFile:
    clock, terminal = SystemClock(), Terminal()
    ids = [person.id for person in site.operator]
    by = await terminal.choose("by", "Who commissions the pump", ids)
    others = [id_ for id_ in ids if id_ != by]
    second = await terminal.choose("second", "Who watches, as second person", others)
    pump = pump_of(site.pump, Lines(opener), lambda: Nanoseconds(clock.monotonic_ns()), UNHEARD)
    try:
        outcome = await Commissioning(pump, clock, terminal, wish).whole()
    finally:
        await pump.close()
    at = utc_datetime(clock.utc_ns()).astimezone(UTC).replace(microsecond=0)
    people = map(partial(_person, site), (by, second))
    return file_of(outcome, at, *people, simulated=site.site.simulated)


def _person(site: SiteConfig, id_: str) -> Person:
    row = next(person for person in site.operator if person.id == id_)
    return Person(id=row.id, name=row.name, role=row.role)


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and synced; an older file is never replaced."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except OSError as error:
        raise fault(FAILED, "--output", path, f"must be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _say(out: Out, file: CommissioningFile, path: Path) -> None:
    word = {True: "passed", False: "FAILED"}
    dog = file.watchdog
    note = "SIMULATED " if file.simulated else ""
    out.say(f"{note}{file.model} {file.firmware} at {file.address}: {word[file.passed]}")
    out.say(
        f"watchdog {dog.watchdog_s} s: {word[dog.passed]}, at rest after {dog.rest_s:.2f} s of "
        f"silence ({dog.rest_s_min:g} to {dog.rest_s_max:g} s), alarm {dog.alarm}"
    )
    for row in file.syringes:
        flow, closed = row.flow, row.occlusion
        out.say(
            f"{row.name}: {word[row.passed]}; rate {flow.rate_error_percent:+.2f} %, volume "
            f"{flow.volume_error_percent:+.2f} %, uncertainty {flow.uncertainty_percent:.2f} % "
            f"(limit {flow.limit_percent:g} %)"
        )
        out.say(
            f"  occlusion: alarm {closed.alarm} after {closed.alarm_s:.0f} s and "
            f"{closed.alarm_ml:.3f} mL at {closed.rate_ml_h:g} mL/h; dead volume "
            f"{row.dead_volume.volume_ml:.3f} mL ({row.dead_volume.method})"
        )
    out.say(f'in site.toml, under [pump]:  commissioning = "{path}"')
    out.end(ok=file.passed, file=str(path), **file.model_dump(mode="json", by_alias=True))


def commission_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``isodrip commission pump``."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--flush-pump", action="store_true",
                        help="the second pump, not the drug's")  # fmt: skip
    parser.add_argument("--syringe", action="append", default=[], metavar="NAME",
                        help="only this one; repeatable (default: all of the site)")  # fmt: skip
    parser.add_argument("--minutes", type=number_argument, default=FULL_MINUTES, metavar="M",
                        help="of flow; less than 30 only where the site is simulated")  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="PATH", help="the file to write")
