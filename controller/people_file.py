"""The file of a site's people: every change ever made, one line each, chained by hashes.

It is only ever replaced whole by itself and one line more. Nobody but its owner may read it. What a
change must keep to stands in `controller.clinic.people`.
"""

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from controller.chain import (
    GENESIS,
    HEADER_KIND,
    JournalBroken,
    Record,
    canonical,
    checked,
    line_of,
    linked,
)
from controller.clinic.people import Change, Register, changed

SCHEMA: Final = 1
KIND: Final = "person"
NAME: Final = "people.jsonl"
BYTES_MAX: Final = 4_000_000
"""Thousands of changes; what is longer is no file of people."""
_KEYS: Final = {"body", "hash", "kind", "mono_ns", "prev", "seq", "utc_ns"}
_MINE_ONLY: Final = stat.S_IRUSR | stat.S_IWUSR


class PeopleBroken(Exception):
    """The file is not what was written, or not for our eyes alone; says what was found."""


@dataclass(frozen=True, slots=True)
class People:
    """What the file says: who there is, and every change with its time (UTC, ns)."""

    register: Register
    changes: tuple[tuple[int, Change], ...] = ()
    records: tuple[Record, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """The file."""
        return "".join(f"{line_of(record)}\n" for record in self.records)


def begun(at_utc_ns: int, badge_key: str = "") -> People:
    """A file without people, made now. ``badge_key`` is made up where none is given."""
    header = {"schema": SCHEMA, "badge_key": badge_key or secrets.token_hex(32)}
    row = linked((-1, GENESIS), HEADER_KIND, header, 0, at_utc_ns)
    return _extended(People(Register("")), checked(row, 0, GENESIS))


def with_change(people: People, change: Change, at_utc_ns: int) -> People:
    """The file with one change more. Raises DocumentError with every reason against it."""
    last = people.records[-1]
    body = change.model_dump(mode="json", exclude_none=True)
    row = linked((last.seq, last.hash), KIND, body, 0, at_utc_ns)
    return _extended(people, checked(row, last.seq + 1, last.hash))


def people_of(text: str) -> People:
    """Everything a file says, each line proven. Raises PeopleBroken."""
    people, prev = People(Register("")), GENESIS
    try:
        for seq, line in enumerate(text.splitlines()):
            record = checked(_row(line), seq, prev)
            people, prev = _extended(people, record), record.hash
    except (JournalBroken, ValueError, TypeError, RecursionError) as error:
        raise PeopleBroken(f"people: {error}") from error
    if not people.records or people.text != text:
        raise PeopleBroken("people: must be whole lines as they were written")
    return people


def read_people(path: Path) -> People:
    """What the file says. Blocking. Raises PeopleBroken, FileNotFoundError and OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if stat.S_IMODE(found.st_mode) & ~_MINE_ONLY:
            mode = f"{stat.S_IMODE(found.st_mode):04o}"
            raise PeopleBroken(f"{path} has mode {mode}: must be its owner's alone (0600)")
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise PeopleBroken(f"{path} holds more than {BYTES_MAX} bytes")
    try:
        return people_of(data.decode())
    except UnicodeDecodeError as error:
        raise PeopleBroken(f"{path} holds no text: {error}") from error


def change_people(path: Path, change: Change, at_utc_ns: int, new: People) -> People:
    """Put one change into the file, all of it or nothing, and synced. Blocking.

    Where there is no file yet it begins as ``new``. Raises DocumentError, PeopleBroken and OSError.
    """
    with _alone(path):
        try:
            before = read_people(path)
        except FileNotFoundError:
            before = new
        after = with_change(before, change, at_utc_ns)
        write_people(path, after)
    return after


def write_people(path: Path, people: People) -> None:
    """Replace the file, mode 0600, by a new one that is on the disk before it has the name."""
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, _MINE_ONLY), "wb") as file:
            file.write(people.text.encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two who change people at once do so one after the other."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _row(line: str) -> Any:
    """One line as the chain takes it; ValueError for what is no record."""
    told = json.loads(line)
    if not isinstance(told, dict) or told.keys() != _KEYS:
        raise ValueError("a line is no record")
    body = canonical(told["body"])
    facts: Sequence[Any] = told["seq"], told["mono_ns"], told["utc_ns"], told["kind"]
    return (*facts, body, told["prev"], told["hash"])


def _extended(people: People, record: Record) -> People:
    """What is known after one more record."""
    records = (*people.records, record)
    if record.seq == 0:
        key = record.body.get("badge_key")
        if record.body.get("schema") != SCHEMA or not isinstance(key, str):
            raise ValueError("must be a file of people that this version knows")
        return People(Register(key, (), record.utc_ns, record.hash), (), records)
    change = Change.model_validate_json(canonical(record.body))
    register = changed(people.register, change, record.utc_ns, record.hash)
    return People(register, (*people.changes, (record.utc_ns, change)), records)
