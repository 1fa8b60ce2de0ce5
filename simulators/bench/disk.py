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
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from controller.chain import Row
from controller.journal_file import create_file, reopen_file, write_rows
from simulators.bench import failing_vfs
from simulators.bench.failing_vfs import Failure, Operation, Writes
from simulators.bench.virtual_time import NS_PER_S

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


class Disk(Executor):
    """One disk. ``free_mb`` 0 or ``failing`` refuse every write; ``delay_s`` slows each one.

    ``handed`` hear of each record as it is about to be written, ``durable`` once it is; ``kept`` is
    what they heard of all that is. ``writes`` counts operations once `writes_through` was called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.free_mb = FREE_MB
        self.failing = False
        self.delay_s = 0.0
        self.through = False
        self.handed: list[Heard] = []
        self.durable: list[Heard] = []
        self.kept: list[tuple[Path, int, str, str]] = []
        self.writes: Writes | None = None
        self._loop = loop
        self._context = copy_context()
        self._paths: dict[sqlite3.Connection, Path] = {}
        self._remains: list[Remains] = []
        self._opening: list[Path] = []
        self._working = self._died = False
        self._free_at_ns = 0
        self._unwritten: dict[sqlite3.Connection, list[Row]] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Do it now; the answer to a write may take its time."""
        future: Future[T] = Future()
        if fn is write_rows and self.delay_s:
            job = (future, fn, args, kwargs)
            self._loop.call_at(self._slot(), self._run, *job, context=self._context)
        else:
            self._run(future, fn, args, kwargs)
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
        if fn is write_rows:
            self._tell(self.handed, *args)
        try:
            result = self._do(fn, args, kwargs)
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
            return
        future.set_result(result)
        if fn is write_rows:
            self._tell([self._keep, *self.durable], *args)

    def _do(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if fn is write_rows and self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        if fn is write_rows and self.free_mb <= 0:
            raise sqlite3.OperationalError("database or disk is full")
        if fn is write_rows and not self.through:
            connection, rows = args
            self._unwritten.setdefault(connection, []).extend(rows)
            return None
        self._write_out()
        self._working = True
        self._opening = [args[0]] if fn in (create_file, reopen_file) else []
        try:
            result = self._worked(fn, args, kwargs)
        finally:
            self._working, self._opening = False, []
            if self._died:
                self._died = False
                self._let_go()
        if fn is create_file:
            self._paths[result] = args[0]
        elif fn is reopen_file:
            self._paths[result[0]] = args[0]
        return result

    def _worked(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The job, counted by its operations where these are counted."""
        if self.writes is None or fn is write_rows:
            return fn(*args, **kwargs)
        if fn is not reopen_file:
            failure = self.writes.asks(Operation.FILE)
            if failure is not None:
                number = ERRNO[failure]
                raise OSError(number, os.strerror(number))
        if fn in (create_file, reopen_file):
            return fn(args[0], partial(failing_vfs.connect, writes=self.writes), "FULL")
        return fn(*args, **kwargs)

    def _keep(self, path: Path, number: int, kind: str, body: str) -> None:
        self.kept.append((path, number, kind, body))

    def _write_out(self) -> None:
        for connection, rows in self._unwritten.items():
            write_rows(connection, rows)
        self._unwritten.clear()

    def _tell(self, who: list[Heard], connection: sqlite3.Connection, rows: list[Any]) -> None:
        path = self._paths.get(connection)
        if path is None:
            return
        for row in rows:
            for hear in tuple(who):
                hear(path, row[0], row[3], row[4])
