"""SQLite itself sees each write fail, and leaves whole transactions only."""

import sqlite3
from functools import partial

import pytest

from controller.chain import GENESIS, linked
from controller.journal_file import create_file, read, write_rows
from simulators.bench import failing_vfs
from simulators.bench.failing_vfs import Failure, Operation, VfsMissing, Writes, connect

SAID = {Operation.WRITE: "is full", Operation.SYNC: "disk I/O error"}


def chained(count):
    newest, rows = (-1, GENESIS), []
    for number in range(count):
        row = linked(newest, "tick" if number else "header", {"padding": "x" * 700}, 1, 1)
        newest = row[0], row[6]
        rows.append(row)
    return rows


def test_a_commit_is_writes_and_one_sync(tmp_path):
    writes = Writes()
    connection = create_file(tmp_path / "j", partial(connect, writes=writes), "FULL")
    made = len(writes.asked)
    write_rows(connection, chained(1))
    connection.close()
    assert writes.asked[made : made + 4] == [
        Operation.LOCK, Operation.WRITE, Operation.WRITE, Operation.SYNC,
    ]  # fmt: skip
    assert [record.kind for record in read(tmp_path / "j")] == ["header"]


@pytest.mark.parametrize("number", range(1, 10))
@pytest.mark.parametrize("failure", [kind for kind in Failure if kind is not Failure.LOCKED])
def test_a_commit_that_fails_anywhere_leaves_nothing_and_can_be_made_again(
    tmp_path, failure, number
):
    writes = Writes()
    connection = create_file(tmp_path / "j", partial(connect, writes=writes), "FULL")
    rows = chained(6)
    write_rows(connection, rows[:1])
    begun = len(writes.asked)

    def refuse(at):
        if at == begun + number + 1:  # after the lock
            writes.failure, writes.left = failure, 1

    writes.before = refuse
    with pytest.raises(sqlite3.OperationalError) as failed:
        write_rows(connection, rows[1:])
    full = writes.asked[-1] is Operation.WRITE and failure is not Failure.IO_ERROR
    assert SAID[Operation.WRITE if full else Operation.SYNC] in str(failed.value)
    assert len(list(read(tmp_path / "j"))) == 1
    write_rows(connection, rows[1:])
    connection.close()
    assert [record.seq for record in read(tmp_path / "j")] == list(range(6))


def test_a_lock_that_another_holds_fails_the_commit_and_nothing_else(tmp_path):
    writes = Writes()
    connection = create_file(tmp_path / "j", partial(connect, writes=writes), "FULL")
    writes.failure, writes.left = Failure.LOCKED, 1
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        write_rows(connection, chained(2))
    assert writes.asked[-1] is Operation.LOCK
    write_rows(connection, chained(2))
    connection.close()
    assert len(list(read(tmp_path / "j"))) == 2


def test_a_python_without_the_library_is_told(monkeypatch):
    failing_vfs._vfs.cache_clear()
    monkeypatch.setattr(failing_vfs, "LIBRARY", "libnothing.so.0")
    with pytest.raises(VfsMissing, match="libnothing"):
        failing_vfs._vfs()
