"""The write-ahead record of one session: hash-chained, with one writer and group commit.

It says when a record is durable and when that can no longer be promised. It must not know what
records mean, nor ask a clock: both stamps come with them, its own patience is loop time.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from controller.chain import (
    GENESIS,
    HEADER_KIND,
    CanonicalError,
    JournalBroken,
    Record,
    Row,
    linked,
)
from controller.journal_file import (
    Connect,
    Synchronous,
    VerifyReport,
    WriterThread,
    connect_sqlite,
    create_file,
    export_lines,
    read,
    reopen_file,
    verify,
    write_rows,
)
from firmware_interfaces.units import NS_PER_MS, NS_PER_S

__all__ = (
    "Journal",
    "JournalBroken",
    "JournalFailed",
    "CanonicalError",
    "Record",
    "VerifyReport",
    "WriterThread",
    "connect_sqlite",
    "export_lines",
    "read",
    "verify",
)

SLOW_NS: Final = 200 * NS_PER_MS
HUNG_NS: Final = 5 * NS_PER_S
BACKLOG: Final = 100_000
T = TypeVar("T")


class JournalFailed(Exception):
    """The journal cannot promise durability any more; says what the disk or SQLite said."""


async def _opened(
    job: "asyncio.Future[T]", writer: Executor, *, owned: bool, patience_s: float | None
) -> T:
    """Return the outcome of opening; a writer of our own must not outlive a failure."""
    try:
        async with asyncio.timeout(patience_s):
            return await job
    except BaseException as error:
        if owned:
            writer.shutdown(wait=False)
        if isinstance(error, FileExistsError | FileNotFoundError):
            raise
        if isinstance(error, OSError | sqlite3.Error):
            raise JournalFailed(_said(error)) from error
        raise


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _ignore(_: Any) -> None:
    """Stand in for an owner who does not listen."""


class Journal:
    """One session's journal, opened by `create` or `reopen`.

    ``on_failure(reason)`` is called once, at the first error or after ``hung_ns`` without an answer
    from the disk; ``on_slow(age_ns)`` once for each commit that leaves a record waiting longer
    than ``slow_ns``. After a failure nothing is promised, but what can still be written is.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        executor: Executor,
        newest: tuple[int, str],
        *,
        owned: bool,
        on_failure: Callable[[str], None] = _ignore,
        on_slow: Callable[[int], None] = _ignore,
        slow_ns: int = SLOW_NS,
        hung_ns: int = HUNG_NS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._executor = executor
        self._owned = owned
        self._seq, self._head = newest
        self._durable_seq = self._seq
        self._on_failure, self._on_slow = on_failure, on_slow
        self._slow_ns, self._hung_ns = slow_ns, hung_ns
        self._pending: list[tuple[float, Row]] = []
        self._writing: list[tuple[float, Row]] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure: JournalFailed | None = None
        self._sealed = False

    @classmethod
    async def create(
        cls,
        path: Path,
        header: Mapping[str, Any],
        *,
        mono_ns: int,
        utc_ns: int,
        executor: Executor | None = None,
        synchronous: Synchronous = "FULL",
        connect: Connect = connect_sqlite,
        **options: Any,
    ) -> "Journal":
        """Make a journal whose record 0, ``header``, is durable.

        Raises ``FileExistsError`` for an existing file, ``CanonicalError`` for a header that cannot
        be held exactly, ``JournalFailed`` when it cannot be written. ``options``: see the class.
        """
        writer = executor or WriterThread()
        job = asyncio.get_running_loop().run_in_executor(
            writer, create_file, path, connect, synchronous
        )
        connection = await _opened(
            job, writer, owned=executor is None, patience_s=HUNG_NS / NS_PER_S
        )
        journal = cls(connection, writer, (-1, GENESIS), owned=executor is None, **options)
        try:
            await journal.committed(journal.append(HEADER_KIND, header, mono_ns, utc_ns))
        except BaseException:
            await journal.close(timeout_s=2)
            raise
        return journal

    @classmethod
    async def reopen(
        cls,
        path: Path,
        *,
        executor: Executor | None = None,
        synchronous: Synchronous = "FULL",
        connect: Connect = connect_sqlite,
        **options: Any,
    ) -> "tuple[Journal, list[Record]]":
        """Return an existing journal, ready for its next record, and every record it holds.

        A transaction torn by a crash was never promised and is no error. Raises
        ``FileNotFoundError``, ``JournalFailed``, and ``JournalBroken`` at the first record that
        does not hold.
        """
        writer = executor or WriterThread()
        job = asyncio.get_running_loop().run_in_executor(
            writer, reopen_file, path, connect, synchronous
        )
        connection, records = await _opened(job, writer, owned=executor is None, patience_s=None)
        newest = records[-1].seq, records[-1].hash
        return cls(connection, writer, newest, owned=executor is None, **options), records

    @property
    def head(self) -> str:
        """Hash of the newest record appended, durable or not."""
        return self._head

    @property
    def durable_seq(self) -> int:
        """Number of the newest record known to be on disk, -1 before the header is."""
        return self._durable_seq

    @property
    def failure(self) -> JournalFailed | None:
        """Why nothing is promised any more, or None."""
        return self._failure

    @property
    def oldest_pending_ns(self) -> int:
        """How long the oldest record that is not durable has waited, in ns; 0 when all are."""
        waiting = self._writing or self._pending
        return round((self._loop.time() - waiting[0][0]) * NS_PER_S) if waiting else 0

    def append(self, kind: str, body: Mapping[str, Any], mono_ns: int, utc_ns: int) -> int:
        """Chain a record and queue it for the writer; returns its number and never waits.

        Raises ``CanonicalError`` for a body that cannot be held exactly. A failed or closed journal
        still takes records, so that the judgement that called can go on to its STOP.
        """
        row = linked((self._seq, self._head), kind, body, mono_ns, utc_ns)
        self._seq, self._head = row[0], row[6]
        if self._sealed:
            return self._seq
        if len(self._pending) >= BACKLOG:
            self._sealed = True
            self._fail(f"{BACKLOG} records wait for the disk")
            return self._seq
        self._pending.append((self._loop.time(), row))
        if self._idle.is_set():
            # One turn later, so that everything appended in this turn shares a commit.
            self._idle.clear()
            self._loop.call_soon(self._start_commit)
        return self._seq

    async def committed(self, seq: int) -> None:
        """Return when record ``seq`` is durable; raises ``JournalFailed`` once it may not be."""
        if self._failure is not None:
            raise self._failure
        if seq <= self._durable_seq:
            return
        if self._sealed:
            raise JournalFailed("the journal is closed")
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((seq, waiter))
        await waiter

    async def close(self, timeout_s: float) -> bool:
        """Write what is pending and close; True if everything appended is durable.

        Gives up after ``timeout_s`` seconds of loop time: a hung disk must not hang the exit.
        """
        self._sealed = True
        if self._pending and self._idle.is_set():
            self._start_commit()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
                await self._loop.run_in_executor(self._executor, self._connection.close)
        self._settle()
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(JournalFailed("the journal is closed"))
        if self._owned:
            self._executor.shutdown(wait=False)
        return self._failure is None and self._durable_seq == self._seq

    def _start_commit(self) -> None:
        self._idle.clear()
        self._writing, self._pending = self._pending, []
        rows = [row for _, row in self._writing]
        job = self._loop.run_in_executor(self._executor, write_rows, self._connection, rows)
        if not job.done():
            self._watch(self._writing[0][0])
        job.add_done_callback(self._commit_done)

    def _watch(self, since_s: float) -> None:
        """Tell when the disk has not answered in time since ``since_s``."""
        self._timers = [
            self._loop.call_at(since_s + self._slow_ns / NS_PER_S, self._slow),
            self._loop.call_at(since_s + self._hung_ns / NS_PER_S, self._hung),
        ]

    def _slow(self) -> None:
        self._on_slow(self.oldest_pending_ns)

    def _hung(self) -> None:
        self._fail(f"no answer from the disk for {self._hung_ns / NS_PER_S:g} s")

    def _settle(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _commit_done(self, job: "asyncio.Future[None]") -> None:
        self._settle()
        error = asyncio.CancelledError() if job.cancelled() else job.exception()
        if error is not None:
            self._fail(_said(error))
            # Kept in order for the next append to try again: a full disk may be emptied.
            self._pending = self._writing + self._pending
            self._writing = []
            self._idle.set()
            return
        self._durable_seq = self._writing[-1][1][0]
        self._writing = []
        self._wake()
        if self._pending:
            self._start_commit()
        else:
            self._idle.set()

    def _wake(self) -> None:
        still: list[tuple[int, asyncio.Future[None]]] = []
        for seq, waiter in self._waiters:
            if waiter.done():
                continue
            if seq <= self._durable_seq:
                waiter.set_result(None)
            else:
                still.append((seq, waiter))
        self._waiters = still

    def _fail(self, reason: str) -> None:
        if self._failure is not None:
            return
        self._failure = JournalFailed(reason)
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(JournalFailed(reason))
        self._waiters = []
        self._on_failure(reason)
