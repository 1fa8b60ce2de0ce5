"""A journal's file: how it is made, opened, written and read back. Blocking calls only.

It knows SQLite and the directory entry; what a failure means for the session is decided elsewhere.
"""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

from controller.chain import GENESIS, JournalBroken, Record, Row, checked, line_of

Synchronous = Literal["FULL", "OFF"]
Connect = Callable[[Path], sqlite3.Connection]
P = ParamSpec("P")
T = TypeVar("T")

_SCHEMA: Final = """CREATE TABLE record (
    seq INTEGER PRIMARY KEY, mono_ns INTEGER NOT NULL, utc_ns INTEGER NOT NULL, kind TEXT NOT NULL,
    body_json TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL) STRICT"""
_INSERT: Final = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT seq, mono_ns, utc_ns, kind, body_json, prev, hash FROM record ORDER BY seq"


class WriterThread(Executor):
    """One daemon thread that runs jobs in turn.

    `ThreadPoolExecutor` joins its threads at interpreter exit, so a hung disk would hang the exit.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="journal", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call; its outcome is in the future."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - belongs to whoever awaits the future
                future.set_exception(error)
            else:
                future.set_result(result)

        self._jobs.put(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let the thread end after its queued jobs; never waits for it."""
        self._jobs.put(None)


def connect_sqlite(path: Path) -> sqlite3.Connection:
    """Return an autocommit connection for the writer, usable from any thread that runs its jobs."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2)


def _fsync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prepared(
    path: Path, connect: Connect, synchronous: Synchronous, schema: str | None
) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        if schema is not None:
            connection.execute(schema)
            _fsync_directory(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def create_file(path: Path, connect: Connect, synchronous: Synchronous) -> sqlite3.Connection:
    """Make a new, empty journal of mode 0600; raises ``OSError`` and ``sqlite3.Error``."""
    # The exclusive create both refuses an existing journal and fixes the mode, which SQLite copies
    # to its -wal and -shm files. Closed before SQLite opens: closing later would drop its locks.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return _prepared(path, connect, synchronous, _SCHEMA)


def reopen_file(
    path: Path, connect: Connect, synchronous: Synchronous
) -> tuple[sqlite3.Connection, list[Record]]:
    """Open a journal, its records proven; raises ``JournalBroken`` and file errors."""
    records = list(read(path))
    if not records:
        raise JournalBroken(0, "missing: the journal has no header")
    return _prepared(path, connect, synchronous, None), records


def write_rows(connection: sqlite3.Connection, rows: list[Row]) -> None:
    """Make ``rows`` durable in one transaction, or raise and leave none of them."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def read(path: Path) -> Iterator[Record]:
    """Every record in order, each proven before it is given; the daemon may be writing meanwhile.

    Raises ``FileNotFoundError``, and ``JournalBroken`` at the first record that does not hold.
    """
    path.stat()
    seq, prev = 0, GENESIS
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            for row in file.execute(_SELECT):
                record = checked(row, seq, prev)
                yield record
                seq, prev = seq + 1, record.hash
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalBroken(seq, f"cannot be read: {error}") from error


def export_lines(path: Path) -> Iterator[str]:
    """Yield the journal as canonical JSON lines: equal journals give equal lines."""
    return map(line_of, read(path))


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """How many records hold, the hash of the last, and where the chain breaks if it does."""

    records: int
    head: str
    broken_seq: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether every record holds."""
        return self.broken_seq is None


def verify(path: Path) -> VerifyReport:
    """Prove a journal from its header on; raises ``FileNotFoundError`` only.

    Records cut off the end leave a chain that holds: compare ``head`` with the session's record.
    """
    count, head = 0, GENESIS
    try:
        for record in read(path):
            count, head = count + 1, record.hash
    except JournalBroken as broken:
        return VerifyReport(count, head, broken.seq, broken.reason)
    if count == 0:
        return VerifyReport(0, head, 0, "missing: the journal has no header")
    return VerifyReport(count, head)
