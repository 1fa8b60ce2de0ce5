"""The disk of a rehearsal: rows are durable at once, in their file at the next look at it."""

from pathlib import Path

import pytest

from controller.chain import GENESIS, linked
from controller.journal_file import connect_sqlite, create_file, read, write_rows
from simulators.bench.disk import Disk
from simulators.bench.virtual_time import run_virtual

HEADER = linked((-1, GENESIS), "header", {}, 0, 0)


def test_rows_are_told_at_once_and_are_in_their_file_when_it_is_next_used(tmp_path: Path) -> None:
    path, told = tmp_path / "journal.sqlite", []

    async def main(loop):
        disk = Disk(loop)
        disk.durable.append(lambda _path, seq, kind, _body: told.append((seq, kind)))
        connection = disk.do(create_file, path, connect_sqlite, "OFF")
        await loop.run_in_executor(disk, write_rows, connection, [HEADER])
        assert told == [(0, "header")]
        assert [record.seq for record in disk.do(lambda: list(read(path)))] == [0]
        connection.close()

    run_virtual(main)


def test_what_was_durable_outlives_the_program_and_nothing_is_written_after_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.sqlite"

    async def main(loop):
        disk = Disk(loop)
        connection = disk.do(create_file, path, connect_sqlite, "OFF")
        disk.do(write_rows, connection, [HEADER])
        disk.delay_s = 1.0
        late = loop.run_in_executor(disk, write_rows, connection, [HEADER])
        disk.cut_off()
        with pytest.raises(Exception, match="closed database"):
            await late

    run_virtual(main)
    assert [record.seq for record in read(path)] == [0]
