"""The disk under the journals: it can be slow, full or failing, and says what has become durable.

It is the executor of a store. Jobs run in the caller's turn; a slow one answers later. Rows reach
their file together, before anything else is done on the disk: nobody can look at it in between.
"""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from controller.chain import Row
from controller.journal_file import create_file, reopen_file, write_rows
from controller.store import probe_disk
from simulators.bench.virtual_time import NS_PER_S, InlineExecutor

P = ParamSpec("P")
T = TypeVar("T")
Durable = Callable[[Path, int, str, str], None]
"""Who hears of a record on the disk: journal, number, kind and body."""
FREE_MB: Final = 100_000


class Disk(InlineExecutor):
    """One disk. ``free_mb`` 0 or ``failing`` refuse every write; ``delay_s`` slows each one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.free_mb = FREE_MB
        self.failing = False
        self.delay_s = 0.0
        self.durable: list[Durable] = []
        self._loop = loop
        self._context = copy_context()
        self._paths: dict[sqlite3.Connection, Path] = {}
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

    def cut_off(self) -> None:
        """The program that had files open died."""
        self._write_out()
        for connection in self._paths:
            connection.close()
        self._paths.clear()

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
            return self._keep(*args)
        if fn is probe_disk:
            return self._probe()
        self._write_out()
        result = fn(*args, **kwargs)
        if fn is create_file:
            self._paths[result] = args[0]
        elif fn is reopen_file:
            self._paths[result[0]] = args[0]
        return result

    def _probe(self) -> None:
        """As the journals would find the disk: nothing real is synced."""
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.free_mb <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _keep(self, connection: sqlite3.Connection, rows: list[Row]) -> None:
        """Take rows as durable, and tell so. Raises sqlite3.Error."""
        if self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        if self.free_mb <= 0:
            raise sqlite3.OperationalError("database or disk is full")
        path = self._paths.get(connection)
        if path is None:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        self._unwritten.setdefault(connection, []).extend(rows)
        for row in rows:
            for hear in tuple(self.durable):
                hear(path, row[0], row[3], row[4])

    def _write_out(self) -> None:
        for connection, rows in self._unwritten.items():
            write_rows(connection, rows)
        self._unwritten.clear()
