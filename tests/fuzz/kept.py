"""Fuzz targets of what is kept: journals, their exports and rows, and the core's values in them."""

import json
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from controller.chain import (
    GENESIS,
    JournalBroken,
    Record,
    Row,
    body_of,
    canonical,
    checked,
    digest,
    line_of,
)
from controller.core.codec import CodecError, plain, revive
from controller.core.limits import limits_from
from controller.core.state import State
from controller.journal_file import connect_sqlite, create_file, verify, write_rows
from controller.records import NoRecord, record_of_journal
from controller.replay import exported_records
from controller.replay_report import report
from controller.sessions import event_body, event_of, fold_state, limits_of
from tests.fuzz.given import Choices, Form, json_form, text_of

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "journals" / "0.1.0-complete.jsonl"
LIMITS: Final = limits_from({})
KINDS: Final = ("header", "event", "decision", "note")
RECORDS: Final = 6
MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None
ROW_FIELDS: Final = 7
ODD: Final = (None, True, -1, 2**63, 10**5000, 1.0, "", "\ud800", "header", b"x", "0" * 64)
FLIPS_MAX: Final = 16


@cache
def golden() -> tuple[Record, ...]:
    """The beginning of a treatment's journal."""
    lines = GOLDEN.read_bytes().split(b"\n")[:RECORDS]
    return tuple(exported_records(b"\n".join(lines)))


@cache
def _forms() -> tuple[Form, ...]:
    return tuple(json_form(one.body) for one in golden())


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    return tuple((one.kind, canonical(one.body)) for one in golden())


@cache
def directory() -> Path:
    """A place for files, gone with the process."""
    held = tempfile.TemporaryDirectory(prefix="isodrip-fuzz-", dir=MEMORY)
    _HELD.append(held)
    return Path(held.name)


_HELD: Final[list[tempfile.TemporaryDirectory[str]]] = []


def _sealed(bodies: Sequence[tuple[str, str]]) -> list[Row]:
    """A chain that holds, whatever its bodies say."""
    rows: list[Row] = []
    prev = GENESIS
    for seq, (kind, body) in enumerate(bodies):
        facts = (seq, seq, seq, kind, body)
        rows.append((*facts, prev, digest(facts, prev)))
        prev = rows[-1][-1]
    return rows


def _bodies(choices: Choices) -> list[tuple[str, str]]:
    """Records of a good journal, some of them spoiled."""
    found = list(_texts()[: choices.number() % RECORDS + 1])
    for _ in range(choices.number() % 3):
        at = choices.number() % len(found)
        raw = choices.number() % 4 == 0
        text = text_of(choices.word()) if raw else _forms()[at].spoiled(choices)
        kind = choices.one_of(KINDS) if choices.number() % 4 == 0 else found[at][0]
        found[at] = (kind, text)
    return found


def _line(row: Row) -> str:
    seq, mono_ns, utc_ns, kind, body, prev, hash_ = row
    return (
        f'{{"body":{body},"hash":"{hash_}","kind":"{kind}","mono_ns":{mono_ns},'
        f'"prev":"{prev}","seq":{seq},"utc_ns":{utc_ns}}}'
    )


def journal_rows(data: bytes) -> None:
    """Rows of a table: what is taken is a record that is written as it stood."""
    choices = Choices(data)
    prev = GENESIS
    for seq, row in enumerate(_sealed(_bodies(choices))):
        held: list[Any] = list(row)
        if choices.number() % 8 == 0:
            held[choices.number() % ROW_FIELDS] = choices.one_of((*ODD, choices.word()))
        try:
            record = checked(tuple(held), seq, prev)
        except JournalBroken as broken:
            assert broken.seq == seq
            assert broken.reason
            return
        assert isinstance(record.body, dict)
        assert json.loads(line_of(record))["body"] == record.body
        prev = record.hash


def journal_export(data: bytes) -> None:
    """An export: what is taken is canonical, and a replay of it says what it comes to."""
    choices = Choices(data)
    raw = choices.number() % 4 == 0
    lines = choices.rest() if raw else "\n".join(map(_line, _sealed(_bodies(choices)))).encode()
    try:
        records = list(exported_records(lines))
    except JournalBroken as broken:
        assert broken.reason
        records = []
    assert not records or "\n".join(map(line_of, records)).encode() == lines.removesuffix(b"\n")
    path = directory() / "export.jsonl"
    path.write_bytes(lines)
    told = report(path, "0")
    assert told.lines
    json.dumps(told.facts, allow_nan=False)


def session_fold(data: bytes) -> None:
    """A session's records: folded as at a start of the daemon, or set aside by a named error."""
    rows = _sealed(_bodies(Choices(data)))
    prev, records = GENESIS, []
    with suppress(JournalBroken):
        for seq, row in enumerate(rows):
            records.append(checked(row, seq, prev))
            prev = records[-1].hash
    if not records:
        return
    with suppress(CodecError):
        state = fold_state("s", records, limits_of(records[0].body, LIMITS))
        assert revive(State, plain(state)) == state
    with suppress(CodecError, NoRecord):
        record_of_journal(records, LIMITS)


@cache
def _journal_bytes() -> bytes:
    path = directory() / "good.sqlite"
    with closing(create_file(path, connect_sqlite, "OFF")) as file:
        write_rows(file, _sealed(_texts()[:6]))
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


def journal_file(data: bytes) -> None:
    """A journal's file with bytes of it altered or cut off: it holds, or says where it does not."""
    choices = Choices(data)
    held = bytearray(_journal_bytes())
    if choices.number() % 4 == 0:
        del held[int.from_bytes(choices.word(3), "little") % len(held) :]
    for _ in range(choices.number() % FLIPS_MAX if held else 0):
        at = (choices.number() << 8 | choices.number()) % len(held)
        held[at] = choices.number()
    path = directory() / "journal.sqlite"
    path.write_bytes(held)
    found = verify(path)
    assert found.ok or found.reason


@cache
def _event_forms() -> tuple[Form, ...]:
    events = [form for one, form in zip(golden(), _forms(), strict=True) if one.kind == "event"]
    return (*events, json_form(plain(State(session="s"))))


def core_values(data: bytes) -> None:
    """JSON of events and of the state: what is revived is written as it stood."""
    choices = Choices(data)
    form = choices.one_of(_event_forms())
    with suppress(CodecError, JournalBroken):
        held = body_of(form.spoiled(choices), 0)
        again = event_body(event_of(held)) if "type" in held else plain(revive(State, held))
        assert canonical(again) == canonical(held)
