"""The journal: what it accepts, how it is chained, when it is durable, and how it fails."""

import asyncio
import enum
import hashlib
import json
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import journal as journal_module
from controller.chain import GENESIS, canonical, checked, digest
from controller.journal import (
    CanonicalError,
    Journal,
    JournalBroken,
    JournalFailed,
    VerifyReport,
    WriterThread,
    connect_sqlite,
    export_lines,
    read,
    verify,
)
from tests.controller.stepped_loop import HeldExecutor, InlineExecutor, run_stepped

HEADER = {"schema": 1, "order": {"prescribed_bq": 3_700_000_000}}


async def created(path, **options):
    options.setdefault("executor", InlineExecutor())
    return await Journal.create(path, HEADER, mono_ns=5, utc_ns=7, synchronous="OFF", **options)


async def filled(path, count):
    journal = await created(path)
    for number in range(1, count):
        journal.append("tick", {"number": number}, number, number)
    assert await journal.close(1)
    return journal.head


class Faulty(sqlite3.Connection):
    """A connection whose statements fail while ``Faulty.error`` is set."""

    error: Exception | None = None

    def executemany(self, *args):
        if Faulty.error is not None:
            raise Faulty.error
        return super().executemany(*args)


@pytest.fixture
def faulty():
    Faulty.error = None
    yield lambda path: sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=Faulty
    )
    Faulty.error = None


# --- canonical text


class Colour(enum.StrEnum):
    """A text by another name."""

    RED = "red"


class Level(enum.IntEnum):
    """A number by another name."""

    HIGH = 2


def test_canonical_text_has_one_form():
    body = {"b": [1, (True, None)], "a": "µCi\n", "c": Colour.RED, "d": Level.HIGH}
    assert canonical(body) == '{"a":"µCi\\n","b":[1,[true,null]],"c":"red","d":2}'
    assert canonical(MappingProxyType({"z": 1, "a": 2})) == '{"a":2,"z":1}'


@pytest.mark.parametrize(
    ("body", "key", "rule"),
    [
        ({"limits": {"rate": 1.5}}, "body.limits.rate", "floats are refused"),
        ({"list": [0, float("nan")]}, "body.list[1]", "floats are refused"),
        ({"raw": b"x"}, "body.raw", "bytes is not a JSON value"),
        ({"outer": {7: 1}}, "body.outer.7", "a key must be a string"),
        ({"text": "\ud800"}, "body.text", "valid Unicode"),
    ],
)
def test_what_cannot_be_held_exactly_is_refused_by_key(body, key, rule):
    with pytest.raises(CanonicalError, match=rule) as caught:
        canonical(body)
    assert caught.value.key == key


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), plain_values))
def test_canonical_text_reads_back_equal_and_stays_the_same(body):
    text = canonical(body)
    assert json.loads(text) == body
    assert canonical(json.loads(text)) == text


# --- chain


async def test_the_chain_is_what_the_description_says(tmp_path):
    path = tmp_path / "s.journal"
    journal = await created(path)
    assert journal.append("rate_set", {"rate_ul_h": 20_000}, 11, 13) == 1
    await journal.close(1)
    first = '{"body":{"order":{"prescribed_bq":3700000000},"schema":1},"kind":"header",'
    first += '"mono_ns":5,"seq":0,"utc_ns":7}'
    second = '{"body":{"rate_ul_h":20000},"kind":"rate_set","mono_ns":11,"seq":1,"utc_ns":13}'
    head0 = hashlib.sha256(f"{'0' * 64}\n{first}".encode()).hexdigest()
    head1 = hashlib.sha256(f"{head0}\n{second}".encode()).hexdigest()
    assert journal.head == head1
    assert list(export_lines(path)) == [
        first.replace(',"kind"', f',"hash":"{head0}","kind"').replace(
            '"seq"', f'"prev":"{GENESIS}","seq"'
        ),
        second.replace(',"kind"', f',"hash":"{head1}","kind"').replace(
            '"seq"', f'"prev":"{head0}","seq"'
        ),
    ]
    assert verify(path) == VerifyReport(2, head1)
    assert verify(path).ok


async def test_equal_sessions_give_equal_exports(tmp_path):
    heads = [await filled(tmp_path / name, 20) for name in ("a", "b")]
    assert heads[0] == heads[1]
    assert list(export_lines(tmp_path / "a")) == list(export_lines(tmp_path / "b"))


TAMPERS = {
    "body": ("UPDATE record SET body_json = '{\"number\":9}' WHERE seq = 3", 3, "altered"),
    "respelt": ("UPDATE record SET body_json = '{\"number\": 3}' WHERE seq = 3", 3, "altered"),
    "kind": ("UPDATE record SET kind = 'tock' WHERE seq = 3", 3, "altered"),
    "mono": ("UPDATE record SET mono_ns = mono_ns + 1 WHERE seq = 3", 3, "altered"),
    "utc": ("UPDATE record SET utc_ns = utc_ns + 1 WHERE seq = 3", 3, "altered"),
    "hash": ("UPDATE record SET hash = prev WHERE seq = 3", 3, "altered"),
    "prev": ("UPDATE record SET prev = hash WHERE seq = 3", 3, "does not follow"),
    "gap": ("DELETE FROM record WHERE seq = 3", 3, "missing: the next record is 4"),
    "swap": ("UPDATE record SET seq = 99 WHERE seq = 3", 3, "missing: the next record is 4"),
    "headless": ("DELETE FROM record WHERE seq = 0", 0, "missing: the next record is 1"),
    "header": ("UPDATE record SET kind = 'x' WHERE seq = 0", 0, "must be of kind 'header'"),
    "emptied": ("DELETE FROM record", 0, "no header"),
    "text": ("UPDATE record SET kind = CAST(x'ff' AS TEXT) WHERE seq = 3", 3, "cannot be read"),
}


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("name", TAMPERS)
async def test_every_alteration_names_its_first_record(tmp_path, name):
    statement, seq, reason = TAMPERS[name]
    path = tmp_path / "s.journal"
    await filled(path, 6)
    editor = sqlite3.connect(path)
    with editor:
        editor.execute(statement)
    editor.close()
    report = verify(path)
    assert (report.ok, report.broken_seq, report.records) == (False, seq, seq)
    assert reason in report.reason
    with pytest.raises(JournalBroken, match=reason) as caught:
        await Journal.reopen(path, executor=InlineExecutor())
    assert caught.value.seq == seq


ROW = (0, 5, 7, "header", "{}", GENESIS)


def sealed(*row):
    """A row with the hash that belongs to it."""
    return (*row, digest(row[:5], row[5]))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (sealed(*ROW[:4], "[]", GENESIS), "not in its canonical form"),
        (sealed(*ROW[:4], '{"a": 1}', GENESIS), "not in its canonical form"),
        (sealed(*ROW[:4], '{"a":1,"a":1}', GENESIS), "not in its canonical form"),
        (sealed(*ROW[:4], '{"a":1.5}', GENESIS), "1.5 is no whole number"),
        (sealed(*ROW[:4], '{"a":NaN}', GENESIS), "NaN is no whole number"),
        (sealed(*ROW[:4], "{", GENESIS), "holds no JSON"),
        (sealed(*ROW[:4], '{"a":' * 2000, GENESIS), "holds no JSON: maximum recursion"),
        ((*ROW[:3], "\ud800", *ROW[4:], GENESIS), "must be of kind"),
        ((*ROW[:4], "\ud800", GENESIS, GENESIS), "holds no text"),
        ((False, *ROW[1:], GENESIS), "fields are not a record's"),
        ((0, 5.0, *ROW[2:], GENESIS), "fields are not a record's"),
        ((0, 5, 2**63, *ROW[3:], GENESIS), "fields are not a record's"),
        ((0, 5, 7, b"header", *ROW[4:], GENESIS), "fields are not a record's"),
        ((*ROW, None), "fields are not a record's"),
    ],
)
def test_a_row_that_is_no_record_is_broken_though_its_hash_holds(row, reason):
    with pytest.raises(JournalBroken, match=reason) as caught:
        checked(row, 0, GENESIS)
    assert caught.value.seq == 0


def test_a_record_is_written_as_it_stood():
    row = sealed(*ROW[:4], '{"µ":[-1,"\\n"]}', GENESIS)
    assert checked(row, 0, GENESIS).body == {"µ": [-1, "\n"]}


async def test_one_bad_byte_in_the_table_s_own_words_is_a_broken_journal(tmp_path):
    """SQLite then quotes bytes that are no text, which Python cannot even read."""
    path = tmp_path / "s.journal"
    await filled(path, 6)
    editor = sqlite3.connect(path, isolation_level=None)
    editor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    editor.execute("PRAGMA journal_mode = DELETE")
    editor.close()
    path.write_bytes(path.read_bytes().replace(b"STRICT", b"STRI\xefT"))
    report = verify(path)
    assert (report.ok, report.broken_seq) == (False, 0)
    assert "cannot be read" in report.reason


async def test_a_file_that_is_no_journal_is_broken_at_its_header(tmp_path):
    path = tmp_path / "s.journal"
    path.write_text("not a database " * 100)
    assert "cannot be read" in verify(path).reason
    with pytest.raises(JournalBroken):
        await Journal.reopen(path)


async def test_an_absent_file_is_said_to_be_absent(tmp_path):
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        await Journal.reopen(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


# --- life of a journal


async def test_an_existing_file_is_never_written_over(tmp_path):
    path = tmp_path / "s.journal"
    path.write_text("someone's")
    with pytest.raises(FileExistsError):
        await created(path, executor=None)
    assert path.read_text() == "someone's"


async def test_only_the_owner_may_read_it(tmp_path):
    journal = await created(tmp_path / "s.journal")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 3
    assert modes == {0o600}
    await journal.close(1)


@pytest.mark.requirement("PCA-R6.6.0(4)(5)", "GIP-1.7.1")
async def test_it_is_durable_by_default(tmp_path):
    opened = []

    def connect(path):
        opened.append(connect_sqlite(path))
        return opened[0]

    journal = await Journal.create(tmp_path / "s", {}, mono_ns=0, utc_ns=0, connect=connect)
    settings = [
        opened[0].execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    assert settings == ["wal", 2]
    assert await journal.close(5)


async def test_reopen_gives_back_the_records_and_continues_the_chain(tmp_path):
    path = tmp_path / "s.journal"
    head = await filled(path, 4)
    journal, records = await Journal.reopen(path)
    assert [record.seq for record in records] == [0, 1, 2, 3]
    assert records[0].body == HEADER
    assert (journal.head, journal.durable_seq) == (head, 3)
    assert journal.append("boot", {}, 0, 99) == 4
    await journal.committed(4)
    assert await journal.close(5)
    assert [record.kind for record in read(path)][-1] == "boot"
    assert verify(path).records == 5


async def test_a_header_that_cannot_be_held_refuses_the_session(tmp_path):
    with pytest.raises(CanonicalError, match=r"body\.rate"):
        await Journal.create(tmp_path / "s", {"rate": 0.5}, mono_ns=0, utc_ns=0)


async def test_a_refused_body_leaves_the_chain_as_it_was(tmp_path):
    journal = await created(tmp_path / "s.journal")
    head = journal.head
    with pytest.raises(CanonicalError):
        journal.append("tick", {"x": 0.1}, 1, 1)
    with pytest.raises(CanonicalError, match="kind"):
        journal.append("\ud800", {}, 1, 1)
    assert journal.head == head
    assert journal.append("tick", {}, 1, 1) == 1
    assert await journal.close(1)


async def test_a_reader_may_open_while_the_daemon_writes(tmp_path):
    path = tmp_path / "s.journal"
    journal = await created(path)
    reading = read(path)
    assert next(reading).seq == 0
    await journal.committed(journal.append("tick", {}, 1, 1))
    assert [record.seq for record in read(path)] == [0, 1]
    assert [record.seq for record in reading] == []
    assert await journal.close(1)


def test_all_records_of_one_turn_share_a_commit(tmp_path):
    batches = []

    class Counting(sqlite3.Connection):
        def executemany(self, statement, rows):
            batches.append(len(rows))
            return super().executemany(statement, rows)

    async def main():
        journal = await created(
            tmp_path / "s",
            connect=lambda path: sqlite3.connect(path, isolation_level=None, factory=Counting),
        )
        last = max(journal.append("tick", {}, number, number) for number in range(50))
        assert journal.durable_seq == 0
        await journal.committed(last)
        await journal.close(1)

    run_stepped(main)
    assert batches == [1, 50]


def test_what_arrives_during_a_commit_goes_into_the_next(tmp_path):
    async def main():
        disk = HeldExecutor()
        journal = await created(tmp_path / "s", executor=disk)
        disk.held = True
        journal.append("first", {}, 1, 1)
        waits = [asyncio.ensure_future(journal.committed(seq)) for seq in (1, 2)]
        await asyncio.sleep(0.01)
        journal.append("second", {}, 2, 2)
        waits.append(asyncio.ensure_future(journal.committed(2)))
        await asyncio.sleep(0.01)
        waits.pop().cancel()
        assert (len(disk.jobs), journal.durable_seq) == (1, 0)
        assert journal.oldest_pending_ns == 20_000_000
        disk.let_go()
        await asyncio.gather(*waits)
        assert (journal.durable_seq, journal.oldest_pending_ns) == (2, 0)
        await journal.committed(2)
        assert await journal.close(1)

    run_stepped(main)


def test_a_slow_disk_is_said_once_a_commit_and_is_no_failure(tmp_path):
    async def main():
        disk, ages, failures = HeldExecutor(), list[int](), list[str]()
        journal = await created(
            tmp_path / "s", executor=disk, on_slow=ages.append, on_failure=failures.append
        )
        for seq in (1, 2):
            disk.held = True
            journal.append("tick", {}, seq, seq)
            await asyncio.sleep(1)
            disk.let_go()
            await journal.committed(seq)
        await asyncio.sleep(60)
        assert (ages, failures, journal.failure) == ([200_000_000] * 2, [], None)
        assert await journal.close(1)

    run_stepped(main)


def test_a_hung_disk_fails_the_journal_and_hangs_nobody(tmp_path):
    async def main():
        disk, failures = HeldExecutor(), list[str]()
        journal = await created(tmp_path / "s", executor=disk, on_failure=failures.append)
        disk.held = True
        seq = journal.append("tick", {}, 1, 1)
        with pytest.raises(JournalFailed, match="no answer from the disk for 5 s"):
            await journal.committed(seq)
        assert failures == ["no answer from the disk for 5 s"]
        assert journal.append("stop", {}, 2, 2) == 2
        began = asyncio.get_running_loop().time()
        assert not await journal.close(2)
        assert asyncio.get_running_loop().time() - began == 2
        assert journal.append("after", {}, 3, 3) == 3
        disk.let_go()
        await asyncio.sleep(1)
        assert journal.durable_seq == 2
        assert len(failures) == 1

    run_stepped(main)


def test_a_waiter_is_told_when_the_journal_closes_without_its_record(tmp_path):
    async def main():
        disk = HeldExecutor()
        journal = await created(tmp_path / "s", executor=disk)
        disk.held = True
        seq = journal.append("tick", {}, 1, 1)
        waits = [asyncio.ensure_future(journal.committed(seq)) for _ in range(2)]
        await asyncio.sleep(0)
        waits[1].cancel()
        assert not await journal.close(1)
        with pytest.raises(JournalFailed, match="closed"):
            await waits[0]
        with pytest.raises(JournalFailed, match="closed"):
            await journal.committed(seq)

    run_stepped(main)


# --- failure of the disk


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError(28, "full")])
async def test_the_first_error_is_reported_once_and_nothing_is_promised_after(
    tmp_path, faulty, error
):
    failures: list[str] = []
    path = tmp_path / "s.journal"
    journal = await created(path, connect=faulty, on_failure=failures.append)
    Faulty.error = error
    waiting = asyncio.ensure_future(journal.committed(2))
    with pytest.raises(JournalFailed, match=str(error).split("]")[-1].strip()):
        await journal.committed(journal.append("tick", {}, 1, 1))
    journal.append("tick", {}, 2, 2)
    with pytest.raises(JournalFailed):
        await waiting
    await asyncio.sleep(0.01)
    assert failures == [f"{type(error).__name__}: {error}"]
    with pytest.raises(JournalFailed):
        await journal.committed(0)
    assert isinstance(journal.failure, JournalFailed)
    assert not await journal.close(1)
    assert verify(path).records == 1


async def test_records_of_a_failed_journal_are_still_written_when_the_disk_recovers(
    tmp_path, faulty
):
    path = tmp_path / "s.journal"
    journal = await created(path, connect=faulty)
    Faulty.error = sqlite3.OperationalError("database or disk is full")
    with pytest.raises(JournalFailed, match="disk is full"):
        await journal.committed(journal.append("trip", {}, 1, 1))
    Faulty.error = None
    assert not await journal.close(1)
    assert journal.durable_seq == 1
    assert [record.kind for record in read(path)] == ["header", "trip"]


async def test_a_full_disk_leaves_whole_records_only(tmp_path):
    def small(path):
        connection = connect_sqlite(path)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    path = tmp_path / "s.journal"
    failures: list[str] = []
    journal = await created(path, connect=small, on_failure=failures.append)

    async def fill():
        for number in range(100):
            await journal.committed(journal.append("big", {"x": "x" * 900}, number, number))

    with pytest.raises(JournalFailed, match="disk is full"):
        await fill()
    durable = journal.durable_seq
    await journal.close(1)
    assert len(failures) == 1
    assert verify(path) == VerifyReport(durable + 1, list(read(path))[-1].hash)


async def test_a_second_writer_is_a_failure_not_a_fork(tmp_path):
    path = tmp_path / "s.journal"
    first = await created(path)
    second, _ = await Journal.reopen(path, executor=InlineExecutor(), synchronous="OFF")
    await first.committed(first.append("mine", {}, 1, 1))
    with pytest.raises(JournalFailed, match="UNIQUE"):
        await second.committed(second.append("other", {}, 1, 1))
    await second.close(1)
    await first.close(1)
    assert [record.kind for record in read(path)] == ["header", "mine"]


async def test_a_directory_that_cannot_be_written_refuses_the_session(tmp_path, faulty):
    with pytest.raises(FileNotFoundError):
        await created(tmp_path / "absent" / "s")
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFailed, match="NotADirectory"):
        await created(tmp_path / "file" / "s")
    Faulty.error = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(JournalFailed, match="disk I/O error"):
        await created(tmp_path / "s", connect=faulty)


async def test_a_connection_that_cannot_be_prepared_is_closed(tmp_path):
    class Refusing(sqlite3.Connection):
        closed = 0

        def execute(self, *args):
            raise sqlite3.OperationalError("locking protocol")

        def close(self):
            Refusing.closed += 1
            super().close()

    with pytest.raises(JournalFailed, match="locking protocol"):
        await created(tmp_path / "s", connect=lambda path: sqlite3.connect(path, factory=Refusing))
    assert Refusing.closed == 1


def test_a_backlog_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "BACKLOG", 3)

    async def main():
        disk, failures = HeldExecutor(), list[str]()
        journal = await created(tmp_path / "s", executor=disk, on_failure=failures.append)
        disk.held = True
        for number in range(1, 6):
            journal.append("tick", {}, number, number)
        assert failures == ["3 records wait for the disk"]
        await asyncio.sleep(0)
        disk.let_go()
        assert not await journal.close(1)
        assert journal.durable_seq == 3

    run_stepped(main)


async def test_a_cancelled_write_is_a_failure(tmp_path):
    disk = HeldExecutor()
    journal = await created(tmp_path / "s", executor=disk)
    disk.held = True
    seq = journal.append("tick", {}, 1, 1)
    await asyncio.sleep(0)
    disk.jobs.pop()[0].cancel()
    with pytest.raises(JournalFailed, match="Cancelled"):
        await journal.committed(seq)
    disk.held = False
    assert not await journal.close(1)
    assert journal.durable_seq == 1


# --- the writer's thread


async def test_the_writer_runs_jobs_in_turn_off_the_loop():
    writer, loop = WriterThread(), asyncio.get_running_loop()
    names = [
        await loop.run_in_executor(writer, lambda: threading.current_thread().name)
        for _ in range(3)
    ]
    assert names == ["journal"] * 3
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(writer, lambda: 1 // 0)
    writer.shutdown()


async def test_a_job_cancelled_before_its_turn_never_runs():
    writer, gate, ran = WriterThread(), threading.Event(), list[int]()
    first = writer.submit(gate.wait)
    assert writer.submit(ran.append, 1).cancel()
    last = writer.submit(ran.append, 2)
    gate.set()
    await asyncio.wrap_future(last)
    assert first.result()
    assert ran == [2]
    writer.shutdown()


@pytest.mark.realtime
def test_a_process_exits_though_its_disk_hangs(tmp_path):
    program = (
        "import asyncio, sys, threading, pathlib, controller.journal as j\n"
        "class Hung(j.WriterThread):\n"
        "    pass\n"
        "async def main():\n"
        "    writer = Hung()\n"
        "    journal = await j.Journal.create(pathlib.Path(sys.argv[1]), {}, mono_ns=0, utc_ns=0,"
        " executor=writer)\n"
        "    writer.submit(threading.Event().wait)\n"
        "    journal.append('tick', {}, 1, 1)\n"
        "    print(await journal.close(0.1))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


@pytest.mark.requirement("P9", "PCA-R6.6.0(4)(5)")
@pytest.mark.realtime
def test_sigkill_loses_no_acknowledged_record(tmp_path):
    chance, acknowledged = random.Random(1313), -1
    path = tmp_path / "s.journal"
    for _ in range(6):
        command = [sys.executable, "-m", "tests.controller.journal_writer", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randint(1, 120)):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            late = writer.stdout.read().split()
        acknowledged = max([acknowledged, *map(int, late)])
        report = verify(path)
        assert report.ok, report
        assert report.records > acknowledged
