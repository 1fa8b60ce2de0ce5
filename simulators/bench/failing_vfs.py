"""A file system under SQLite whose writes and syncs can be made to fail, as SQLite itself sees it.

It stands between the process' own SQLite library and its files (https://sqlite.org/vfs.html): what
is not made to fail is done by the ordinary one. It knows operations, not records; a sync that is
let through is counted and left out, so that a rehearsal does not wait for a real disk.
"""

import ctypes as c
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

NAME: Final = b"isodrip-failing"
LIBRARY: Final = "libsqlite3.so.0"
OK: Final = 0
BUSY: Final = 5
FULL: Final = 13
IOERR_WRITE: Final = 10 | 3 << 8
IOERR_FSYNC: Final = 10 | 4 << 8
"""Result codes (https://sqlite.org/rescode.html)."""
WRITE_LOCK: Final = 0
"""Which of a log's locks its one writer holds (https://sqlite.org/walformat.html, 2.3.1)."""
SHARE_NOTHING: Final = 2 | 8
"""SQLITE_SHM_LOCK and SQLITE_SHM_EXCLUSIVE."""


class VfsMissing(OSError):
    """This Python has no SQLite library of its own to stand under."""


class Operation(Enum):
    """What is asked of a file that is changed; ``FILE``: of the directory that it stands in."""

    FILE = "file"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    LOCK = "lock"


class Failure(Enum):
    """How a file system refuses. ``SHORT``: half of the bytes are written, then it is full.

    ``LOCKED``: another program holds the journal's lock for writing; this alone fails a ``LOCK``.
    """

    FULL = "full"
    IO_ERROR = "io_error"
    SHORT = "short"
    LOCKED = "locked"


@dataclass(slots=True)
class Writes:
    """What one world's SQLite asked of its files. ``before`` is called with each one's number.

    The next ``left`` operations fail by ``failure``.
    """

    before: Callable[[int], None] = lambda _number: None
    asked: list[Operation] = field(default_factory=list)
    failure: Failure = Failure.FULL
    left: int = 0

    def asks(self, operation: Operation) -> Failure | None:
        """Count one operation; how it fails, or None."""
        self.asked.append(operation)
        self.before(len(self.asked))
        if self.left <= 0 or (operation is Operation.LOCK) != (self.failure is Failure.LOCKED):
            return None
        self.left -= 1
        return self.failure


def connect(path: Path, writes: Writes) -> sqlite3.Connection:
    """A journal's connection whose writes are ``writes``. Raises VfsMissing.

    One world at a time: the last one that connected is the one that is asked.
    """
    _vfs().writes = writes
    uri = f"{path.absolute().as_uri()}?vfs={NAME.decode()}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=0)


class _Vfs(c.Structure):
    """``sqlite3_vfs`` as far as it is changed here; the rest is copied as it is."""

    _fields_ = (
        ("version", c.c_int),
        ("file_size", c.c_int),
        ("path_max", c.c_int),
        ("next", c.c_void_p),
        ("name", c.c_char_p),
        ("data", c.c_void_p),
        ("open", c.c_void_p),
        ("between", c.c_void_p * 8),
        ("sleep", c.c_void_p),
        ("rest", c.c_void_p * 6),
    )


class _File(c.Structure):
    """``sqlite3_file``."""

    _fields_ = (("methods", c.c_void_p),)


class _Methods(c.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = (
        ("version", c.c_int),
        ("close", c.c_void_p),
        ("read", c.c_void_p),
        ("write", c.c_void_p),
        ("truncate", c.c_void_p),
        ("sync", c.c_void_p),
        ("middle", c.c_void_p * 7),
        ("shm_map", c.c_void_p),
        ("shm_lock", c.c_void_p),
        ("rest", c.c_void_p * 4),
    )


_OPEN: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p, c.c_int, c.c_void_p)
_WRITE: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int, c.c_int64)
_TRUNCATE: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int64)
_LOCK: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int, c.c_int, c.c_int)
_SLEEP: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int)
_SYNC: Final = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int)


class _Failing:
    """The registered file system. It lives as long as the process: SQLite holds its addresses."""

    def __init__(self, library: Any) -> None:
        self.writes = Writes()
        self._kept: list[Any] = []
        self._copies: dict[int, Any] = {}
        library.sqlite3_vfs_find.restype = c.c_void_p
        ordinary = _Vfs.from_address(library.sqlite3_vfs_find(None))
        self._open = _OPEN(ordinary.open)
        self._vfs = _Vfs.from_buffer_copy(ordinary)
        self._vfs.name, self._vfs.next = NAME, None
        self._vfs.open = self._address(_OPEN(self._opened))
        self._vfs.sleep = self._address(_SLEEP(self._slept))
        if library.sqlite3_vfs_register(c.byref(self._vfs), 0) != OK:
            raise VfsMissing("SQLite would not take another file system")

    def _address(self, function: Any) -> int | None:
        self._kept.append(function)
        return c.cast(function, c.c_void_p).value

    def _slept(self, _vfs: int, asked_us: int) -> int:
        """SQLite waits for a lock in ever longer steps of real time: in this world none passes."""
        return asked_us

    def _opened(self, vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code: int = self._open(vfs, name, file, flags, out)
        opened = _File.from_address(file)
        if code == OK and opened.methods:
            opened.methods = c.addressof(self._copy(opened.methods))
        return code

    def _copy(self, address: int) -> Any:
        """The methods of a file with the three that change it and its lock replaced by ours."""
        if address not in self._copies:
            methods = _Methods.from_buffer_copy(_Methods.from_address(address))
            write, truncate = _WRITE(methods.write), _TRUNCATE(methods.truncate)
            methods.write = self._address(_WRITE(self._writing(write)))
            methods.truncate = self._address(_TRUNCATE(self._truncating(truncate)))
            methods.sync = self._address(_SYNC(self._syncing))
            lock = _LOCK(methods.shm_lock)
            methods.shm_lock = self._address(_LOCK(self._locking(lock)))
            self._copies[address] = methods
        return self._copies[address]

    def _writing(self, write: Any) -> Callable[[int, int, int, int], int]:
        def doing(file: int, data: int, amount: int, offset: int) -> int:
            failure = self.writes.asks(Operation.WRITE)
            if failure is None:
                return int(write(file, data, amount, offset))
            if failure is Failure.SHORT:
                write(file, data, amount // 2, offset)
            return IOERR_WRITE if failure is Failure.IO_ERROR else FULL

        return doing

    def _truncating(self, truncate: Any) -> Callable[[int, int], int]:
        def doing(file: int, size: int) -> int:
            failure = self.writes.asks(Operation.TRUNCATE)
            return int(truncate(file, size)) if failure is None else IOERR_WRITE

        return doing

    def _locking(self, lock: Any) -> Callable[[int, int, int, int], int]:
        def doing(file: int, offset: int, count: int, flags: int) -> int:
            write = offset == WRITE_LOCK and flags == SHARE_NOTHING
            if write and self.writes.asks(Operation.LOCK) is not None:
                return BUSY
            return int(lock(file, offset, count, flags))

        return doing

    def _syncing(self, _file: int, _flags: int) -> int:
        return OK if self.writes.asks(Operation.SYNC) is None else IOERR_FSYNC


@cache
def _vfs() -> _Failing:
    """The file system, registered once. Raises VfsMissing."""
    try:
        library = c.CDLL(LIBRARY)
    except OSError as error:
        raise VfsMissing(f"{LIBRARY}: {error}") from error
    library.sqlite3_libversion.restype = c.c_char_p
    if library.sqlite3_libversion().decode() != sqlite3.sqlite_version:
        raise VfsMissing(f"{LIBRARY} is not the library of this Python")
    return _Failing(library)
