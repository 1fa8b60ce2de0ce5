"""Where sessions are kept: a directory each with order and journal, beside the site's journal.

Knows names and files. A journal that does not hold is set aside under another name and reported; it
is never mended. Blocking calls run in an executor.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from controller.chain import JournalBroken, Record
from controller.journal import Journal
from controller.journal_file import Synchronous, read
from controller.sessions import SessionJournal

JOURNAL: Final = "journal.sqlite"
ORDER: Final = "order.json"
SITE_JOURNAL: Final = "site.sqlite"
BROKEN: Final = ".broken"
PROBE: Final = "probe.tmp"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears that a journal failed (why) or is slow (age of the oldest record, ns)."""

    failed: Callable[[str, str], None]
    slow: Callable[[str, int], None]
    slow_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """A session on disk whose chain holds."""

    session: str
    journal: SessionJournal
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A journal that does not hold: its new name, and what is wrong with it."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """All that stands in the directory; ``last_*`` are the newest stamps of any record."""

    found: tuple[Found, ...]
    quarantined: tuple[Quarantined, ...]
    site: SessionJournal | None
    last_mono_ns: int
    last_utc_ns: int


class Store(Protocol):
    """The kept sessions of one site."""

    async def scan(self, listener: Listener) -> Scan:
        """Open everything that is kept. Raises JournalFailed or OSError."""

    async def create(
        self, session: str, header: Mapping[str, Any], order: str, stamps: tuple[int, int]
    ) -> SessionJournal:
        """A new session with its order. Raises JournalFailed or OSError."""

    async def create_site(
        self, header: Mapping[str, Any], stamps: tuple[int, int]
    ) -> SessionJournal:
        """The journal of what belongs to no session."""

    async def keep(self, session: str, name: str, text: str) -> Path:
        """Put a page beside a session's journal, over one of its name. Raises OSError."""

    async def set_aside(self, session: str) -> str:
        """Give a session that cannot be used another name; returns it."""

    async def read(self, session: str) -> list[Record]:
        """Every record of a session. Raises FileNotFoundError or JournalBroken."""

    async def read_site(self) -> list[Record]:
        """Every record of the site's own journal. Raises FileNotFoundError or JournalBroken."""

    async def probe(self) -> None:
        """Write a little, have it synced to the disk and remove it. Raises OSError."""


class DirectoryStore:
    """A `Store` in a directory of the file system."""

    def __init__(
        self,
        directory: Path,
        *,
        executor: Executor | None = None,
        synchronous: Synchronous = "FULL",
    ) -> None:
        self._directory = directory
        self._executor = executor
        self._synchronous: Synchronous = synchronous
        self._listener = Listener(lambda _n, _r: None, lambda _n, _a: None, 200_000_000)

    async def scan(self, listener: Listener) -> Scan:
        """Open everything that is kept, and set aside what does not hold."""
        self._listener = listener
        names = await self._off_loop(self._names)
        found: list[Found] = []
        quarantined: list[Quarantined] = []
        for name in names:
            try:
                found.append(await self._reopen(name, self._directory / name / JOURNAL))
            except JournalBroken as error:
                quarantined.append(Quarantined(await self.set_aside(name), str(error)))
        site, broken = await self._reopen_site()
        newest = [item.records[-1] for item in [*found, *([site] if site else [])]]
        return Scan(
            tuple(found),
            (*quarantined, *broken),
            site.journal if site else None,
            max((record.mono_ns for record in newest), default=0),
            max((record.utc_ns for record in newest), default=0),
        )

    async def create(
        self, session: str, header: Mapping[str, Any], order: str, stamps: tuple[int, int]
    ) -> SessionJournal:
        """Make the session's directory, its order.json (0600) and its journal."""
        directory = self._directory / session
        await self._off_loop(_make, directory, order)
        return await self._create(session, directory / JOURNAL, header, stamps)

    async def create_site(
        self, header: Mapping[str, Any], stamps: tuple[int, int]
    ) -> SessionJournal:
        """Make site.sqlite."""
        return await self._create(SITE_JOURNAL, self._directory / SITE_JOURNAL, header, stamps)

    async def keep(self, session: str, name: str, text: str) -> Path:
        """Write a file (0600) that is whole or not there."""
        return await self._off_loop(_keep, self._directory / session / name, text)

    async def set_aside(self, session: str) -> str:
        """Rename to ``.broken``, or ``.broken-2`` and so on."""
        return await self._off_loop(_set_aside, self._directory / session)

    async def read(self, session: str) -> list[Record]:
        """Read a session's journal, each record proven, whether it is open or not."""
        if session not in await self._off_loop(self._names):
            raise FileNotFoundError(session)
        path = self._directory / session / JOURNAL
        return await self._off_loop(lambda: list(read(path)))

    async def read_site(self) -> list[Record]:
        """Read the site's journal, each record proven."""
        return await self._off_loop(lambda: list(read(self._directory / SITE_JOURNAL)))

    async def probe(self) -> None:
        """Write, sync and remove a file of some bytes beside the journals."""
        await self._off_loop(probe_disk, self._directory / PROBE)

    async def _off_loop(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)

    def _names(self) -> list[str]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return sorted(
            path.name
            for path in self._directory.iterdir()
            if (path / JOURNAL).exists() and BROKEN not in path.name
        )

    def _options(self, name: str) -> dict[str, Any]:
        return {
            "executor": self._executor,
            "synchronous": self._synchronous,
            "slow_ns": self._listener.slow_ns,
            "on_failure": lambda reason: self._listener.failed(name, reason),
            "on_slow": lambda age_ns: self._listener.slow(name, age_ns),
        }

    async def _create(
        self, name: str, path: Path, header: Mapping[str, Any], stamps: tuple[int, int]
    ) -> SessionJournal:
        mono_ns, utc_ns = stamps
        options = self._options(name)
        return await Journal.create(path, header, mono_ns=mono_ns, utc_ns=utc_ns, **options)

    async def _reopen(self, name: str, path: Path) -> Found:
        journal, records = await Journal.reopen(path, **self._options(name))
        return Found(name, journal, records)

    async def _reopen_site(self) -> tuple[Found | None, list[Quarantined]]:
        try:
            return await self._reopen(SITE_JOURNAL, self._directory / SITE_JOURNAL), []
        except FileNotFoundError:
            return None, []
        except JournalBroken as error:
            return None, [Quarantined(await self.set_aside(SITE_JOURNAL), str(error))]


def _keep(path: Path, text: str) -> Path:
    written = path.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(text, "utf-8")
    return written.replace(path)


def probe_disk(path: Path) -> None:
    """Write ``path``, have it synced and remove it. Raises OSError."""
    try:
        with path.open("wb") as file:
            file.write(b"isodrip\n")
            file.flush()
            os.fdatasync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _make(directory: Path, order: str) -> None:
    directory.mkdir(mode=0o700, parents=True)
    path = directory / ORDER
    path.touch(mode=0o600)
    path.write_text(order, encoding="utf-8")


def _set_aside(path: Path) -> str:
    names = (f"{path.name}{BROKEN}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
    free = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    path.rename(free)
    return free.name
