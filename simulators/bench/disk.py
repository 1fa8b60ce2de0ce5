"""The disk under the journals: it can be slow, full or failing, and says what has become durable.

It is the executor of a store. Jobs run in the caller's turn; a slow one answers later.
"""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from controller.journal_file import create_file, reopen_file, write_rows
from controller.store import probe_disk
from simulators.bench.virtual_time import NS_PER_S

P = ParamSpec("P")
T = TypeVar("T")
Durable = Callable[[Path, int, str, str], None]
"""Who hears of a record on the disk: journal, number, kind and body."""
FREE_MB: Final = 100_000


class Disk(Executor):
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

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Do it now; the answer to a write may take its time."""
        future: Future[T] = Future()
        if fn in (write_rows, probe_disk) and self.delay_s:
            job = (future, fn, args, kwargs)
            self._loop.call_at(self._slot(), self._run, *job, context=self._context)
        else:
            self._run(future, fn, args, kwargs)
        return future

    def cut_off(self) -> None:
        """The program that had files open died."""
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
            result = self._do(fn, args, kwargs)
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
            return
        future.set_result(result)
        if fn is write_rows:
            self._tell(*args)

    def _do(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if fn is write_rows and self.failing:
            raise sqlite3.OperationalError("disk I/O error")
        if fn is write_rows and self.free_mb <= 0:
            raise sqlite3.OperationalError("database or disk is full")
        if fn is probe_disk:
            self._probe()
            return None
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

    def _tell(self, connection: sqlite3.Connection, rows: list[Any]) -> None:
        path = self._paths.get(connection)
        if path is None:
            return
        for row in rows:
            for hear in tuple(self.durable):
                hear(path, row[0], row[3], row[4])
