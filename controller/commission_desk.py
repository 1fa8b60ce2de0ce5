"""What the commissionings at a terminal share: a site at rest, two people, a file kept as written.

It holds the daemon's socket, so that no daemon takes a device meanwhile. It knows no device.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from controller import control_socket
from controller.chain import JournalBroken
from controller.clinic.commissioning import Person
from controller.clinic.documents import utc_datetime
from controller.clinic.people import Register, expired
from controller.clock import SystemClock
from controller.config import SiteConfig
from controller.console import FAILED, MISSING, WRONG, Fault, fault, people_of
from controller.core.codec import CodecError
from controller.core.state import Phase
from controller.journal_file import read
from controller.panel.actions import EYES
from controller.pins import holds
from controller.sessions import fold_state, limits_of
from controller.store import BROKEN, JOURNAL
from controller.terminal import Aborted, Terminal
from controller.water import Unfinished
from drivers.request import ExchangeError, WrongDevice
from drivers.stream import PortError

T = TypeVar("T")
_MISSING: Final = (PortError, ExchangeError, WrongDevice)


@dataclass(frozen=True, slots=True)
class Device:
    """What is commissioned: its word, how it refuses, and what became of it when it is ended."""

    name: str
    refusals: tuple[type[Exception], ...]
    left: str


def conducted(site: SiteConfig, device: Device, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do the work while no daemon can. Raises `controller.console.Fault`.

    SIGTERM, SIGINT and ``isodrip stop`` end it, and with it the program.
    """
    with alone(site) as held:
        return _led(site, device, work, held)


@contextmanager
def alone(site: SiteConfig) -> Iterator[socket.socket]:
    """Hold the daemon's socket: no daemon of this site starts. Raises Fault where one runs."""
    held = _held_socket(site)
    try:
        yield held
    finally:
        held.close()
        site.socket_path.unlink(missing_ok=True)


def no_treatment_open(site: SiteConfig) -> None:
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


def now_utc() -> datetime:
    """The time of day in whole seconds."""
    return utc_datetime(SystemClock().utc_ns()).astimezone(UTC).replace(microsecond=0)


def free_path(args: argparse.Namespace, dated: Callable[[datetime], str]) -> Path:
    """Where the file will go: ``--output``, or a dated name beside site.toml; never over one."""
    path: Path = args.output or args.config.parent / "commissioning" / dated(now_utc())
    if path.exists():
        raise fault(WRONG, "--output", path, "must not be there yet: a commissioning is kept")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fault(WRONG, "--output", path, f"must be a place to write: {error}") from error
    return path


def write(path: Path, text: str) -> None:
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


async def two_people(site: SiteConfig, terminal: Terminal, device: str) -> tuple[Person, Person]:
    """Who does it, and who watches: two people of the site, by badge and PIN. Raises Fault."""
    register = people_of(site).register
    first = await _recognised(register, terminal, f"who commissions the {device}")
    second = await _recognised(register, terminal, "who watches, as second person")
    if first == second:
        raise fault(FAILED, "second person", second.id, "must be another person")
    return first, second


async def _recognised(register: Register, terminal: Terminal, who: str) -> Person:
    """The person whose badge is read and who types the PIN to it."""
    known = register.holder(await terminal.secret("badge", f"Badge of {who}"))
    if known is None:
        raise fault(FAILED, "badge", "(not shown)", "must be the badge of somebody of this site")
    role, rule = known.acts_as(EYES), expired(known, SystemClock().utc_ns())
    if rule or role is None:
        raise fault(FAILED, "badge", known.id, rule or f"must be one of {', '.join(sorted(EYES))}")
    if not holds(known.pin, await terminal.secret("pin", f"PIN of {known.id}")):
        raise fault(FAILED, f"PIN of {known.id}", "(not shown)", "must be that person's PIN")
    return Person(id=known.id, name=known.name, role=role, identity="badge+PIN")


def desk_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every commissioning has."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, metavar="PATH", help="the file to write")


def _held_socket(site: SiteConfig) -> socket.socket:
    """The daemon's own socket: while we hold it no daemon of this site starts."""
    path = site.socket_path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return control_socket.listen(path)
    except (control_socket.SocketTaken, OSError) as error:
        rule = "must be free: stop the daemon first"
        raise fault(MISSING, "daemon", str(error), rule) from error


def _led(
    site: SiteConfig,
    device: Device,
    work: Callable[[], Coroutine[Any, Any, T]],
    held: socket.socket,
) -> T:
    runner = asyncio.Runner()
    ends: tuple[type[Exception], ...] = (Fault, *_MISSING, *device.refusals, Unfinished)
    try:
        return runner.run(_until_ended(device, work, held))
    except (KeyboardInterrupt, Aborted) as ended:
        sys.stderr.write(f"isodrip: ended: {ended}; {device.left}\n")
        sys.stderr.flush()
        # The reader of the terminal may wait for a line for ever; nothing else is left open.
        held.close()
        site.socket_path.unlink(missing_ok=True)
        os._exit(FAILED)
    except ends as error:
        if isinstance(error, Fault):
            raise
        if isinstance(error, _MISSING):
            raise fault(MISSING, device.name, error, "must answer") from error
        raise fault(FAILED, device.name, error, "must go through every step") from error
    finally:
        # Not the runner: it would wait for that reader too.
        runner.get_loop().close()


async def _until_ended(
    device: Device, work: Callable[[], Coroutine[Any, Any, T]], held: socket.socket
) -> T:
    """Do the work; SIGTERM or ``isodrip stop`` ends it, and a pump is stopped first."""
    task = asyncio.ensure_future(work())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    async def stop() -> dict[str, Any]:
        task.cancel()
        return {"accepted": True, "session": "", "phase": "commissioning"}

    async def status() -> dict[str, Any]:
        return {"error": f"the {device.name} is being commissioned"}

    handlers = {"stop": stop, "status": status}
    answering = asyncio.ensure_future(control_socket.serve(held, handlers))
    try:
        return await task
    except asyncio.CancelledError as cancelled:
        raise Aborted("asked to stop") from cancelled
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
