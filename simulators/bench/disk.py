"""The disk under the journals: it can be slow, full or failing, and says what has become durable.

It is the executor of a store. Jobs run in the caller's turn; a slow one answers later. Rows reach
their file together, before anything else is done on the disk: nobody can look at it in between.
Where a fault looks at records or writes they go ``through``, each when it comes; when the program
dies then, files stay as they are: what SQLite would have tidied up at a close is not.
"""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from controller.chain import Row
from controller.journal_file import create_file, reopen_file, write_rows
from controller.store import probe_disk
from simulators.bench import failing_vfs
from simulators.bench.failing_vfs import Failure, Operation, Writes
from simulators.bench.virtual_time import NS_PER_S, InlineExecutor

P = ParamSpec("P")
T = TypeVar("T")
Heard = Callable[[Path, int, str, str], None]
"""Who hears of a record: journal, number, kind and body."""
FREE_MB: Final = 100_000
WAL, SHM = "-wal", "-shm"
NOTHING_MORE: Final = 1 << 60
ERRNO: Final = {
    Failure.FULL: errno.ENOSPC,
    Failure.SHORT: errno.ENOSPC,
    Failure.IO_ERROR: errno.EIO,
    Failure.LOCKED: errno.EAGAIN,
}


@dataclass(frozen=True, slots=True)
class Remains:
    """A journal's files as they stood when the program died."""

    path: Path
    data: bytes
    log: bytes

    @classmethod
    def of(cls, path: Path) -> "Remains":
        """What stands on the disk now."""
        log = path.with_name(path.name + WAL)
        return cls(path, path.read_bytes(), log.read_bytes() if log.exists() else b"")

    def restore(self) -> None:
        """Put it back: the index that lived in the program's memory is not there any more."""
        self.path.write_bytes(self.data)
        self.path.with_name(self.path.name + WAL).write_bytes(self.log)
        self.path.with_name(self.path.name + SHM).unlink(missing_ok=True)


class Disk(InlineExecutor):
    """One disk. ``free_mb`` 0 or ``failing`` refuse every write; ``delay_s`` slows each one.

    ``handed`` hear of each record as it is about to be written, ``durable`` once it is; ``kept`` is
    what they heard of all that is, ``refused_ns`` when rows were not taken. ``writes`` counts
    operations once `writes_through` was called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.free_mb = FREE_MB
        self.failing = False
        self.delay_s = 0.0
        self.through = False
        self.handed: list[Heard] = []
        self.durable: list[Heard] = []
        self.kept: list[tuple[Path, int, str, str]] = []
        self.refused_ns: list[int] = []
        self.writes: Writes | None = None
        self._loop = loop
        self._context = copy_context()
        self._paths: dict[sqlite3.Connection, Path] = {}
        self._remains: list[Remains] = []
        self._opening: list[Path] = []
        self._working = self._died = False
        self._free_at_ns = 0
        self._unwritten: dict[sqlite3.Connection, list[Row]] = {}

    def at_once(self, fn: Callable[..., object]) -> bool:
        """Only the answer to a write may take its time."""
        return not (fn in (write_rows, probe_disk) and self.delay_s)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Do it now, or in its time."""
        if self.at_once(fn):
            return super().submit(fn, *args, **kwargs)
        future: Future[T] = Future()
        job = (future, fn, args, kwargs)
        self._loop.call_at(self._slot(), self._run, *job, context=self._context)
        return future

    def writes_through(self, before: Callable[[int], None]) -> Writes:
        """Count every operation on a file opened from now on; ``before`` hears of each."""
        self.through, self.writes = True, Writes(before)
        return self.writes

    def refuse(self, failure: Failure, operations: int) -> None:
        """Let the next operations fail."""
        assert self.writes is not None
        self.writes.failure, self.writes.left = failure, operations

    def cut_off(self) -> None:
        """The program that had files open died, maybe in the middle of writing one."""
        self._write_out()
        paths = [*self._paths.values(), *self._opening]
        self._remains = [Remains.of(path) for path in paths if path.exists()]
        if not self._working:
            self._let_go()
        elif self.writes is not None:
            self._died, self.writes.left = True, NOTHING_MORE

    def _let_go(self) -> None:
        for connection in self._paths:
            connection.close()
        self._paths.clear()
        for remains in self._remains:
            remains.restore()
        self._remains.clear()
        if self.writes is not None:
            self.writes.left = 0

    def _slot(self) -> float:
        """When a write that comes now is done, s: one after another."""
        now_ns = round(self._loop.time() * NS_PER_S)
        self._free_at_ns = max(now_ns, self._free_at_ns) + round(self.delay_s * NS_PER_S)
        return self._free_at_ns / NS_PER_S

    def _run(self, future: "Future[Any]", fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        try:
            future.set_result(self.do(fn, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)

    def do(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Do it. Raises what the job raises, and what a disk's faults amount to."""
        if fn is write_rows:
            return self._taken(*args)
        if fn is probe_disk:
            return self._probe()
        self._write_out()
        self._opening = [args[0]] if fn in (create_file, reopen_file) else []
        result = self._worked(partial(self._opened, fn, *args, **kwargs))
        if fn is create_file:
            self._paths[result] = args[0]
        elif fn is reopen_file:
            self._paths[result[0]] = args[0]
        return result

    def _probe(self) -> None:
        """As the journals would find the disk: nothing real is synced."""
        failure = None if self.writes is None else self.writes.asks(Operation.FILE)
        if failure is not None:
            raise OSError(ERRNO[failure], os.strerror(ERRNO[failure]))
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.free_mb <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _taken(self, connection: sqlite3.Connection, rows: list[Row]) -> None:
        """Keep rows, and remember when that failed. Raises sqlite3.Error."""
        try:
            self._keep(connection, rows)
        except Exception:
            self.refused_ns.append(round(self._loop.time() * NS_PER_S))
            raise

    def _keep(self, connection: sqlite3.Connection, rows: list[Row]) -> None:
        """Take rows as durable, and tell so. Raises sqlite3.Error."""
        path = self._paths.get(connection)
        self._tell(self.handed, path, rows)
        if self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        if self.free_mb <= 0:
            raise sqlite3.OperationalError("database or disk is full")
        if path is None or connection not in self._paths:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        if self.through:
            self._worked(partial(write_rows, connection, rows))
        else:
            self._unwritten.setdefault(connection, []).extend(rows)
        self.kept += [(path, row[0], row[3], row[4]) for row in rows]
        self._tell(self.durable, path, rows)

    def _worked(self, job: Callable[[], Any]) -> Any:
        """Do a job in the middle of which the program may die."""
        self._working = True
        try:
            return job()
        finally:
            self._working, self._opening = False, []
            if self._died:
                self._died = False
                self._let_go()

    def _opened(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """A job of the directory, or a journal's file that is made or opened, counted if that is.

        Raises OSError too.
        """
        if self.writes is None:
            return fn(*args, **kwargs)
        failure = None if fn is reopen_file else self.writes.asks(Operation.FILE)
        if failure is not None:
            raise OSError(ERRNO[failure], os.strerror(ERRNO[failure]))
        if fn in (create_file, reopen_file):
            return fn(args[0], partial(failing_vfs.connect, writes=self.writes), "FULL")
        return fn(*args, **kwargs)

    def _write_out(self) -> None:
        for connection, rows in self._unwritten.items():
            write_rows(connection, rows)
        self._unwritten.clear()

    def _tell(self, who: list[Heard], path: Path | None, rows: list[Row]) -> None:
        if path is None:
            return
        for row in rows:
            for hear in tuple(who):
                hear(path, row[0], row[3], row[4])
