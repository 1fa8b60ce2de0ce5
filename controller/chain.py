"""The hash chain of a journal: canonical JSON, records, and what makes one follow another.

Pure: text in, records out. It knows nothing of files, clocks or what the records mean.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = "0" * 64
HEADER_KIND: Final = "header"
Facts = tuple[int, int, int, str, str]
Row = tuple[int, int, int, str, str, str, str]
_ROW_TYPES: Final = (int, int, int, str, str, str, str)
_INTEGER_MAX: Final = 2**63 - 1
"""What SQLite holds as an integer."""


class CanonicalError(ValueError):
    """A value that a journal cannot hold exactly; names the key and what stood there."""

    def __init__(self, key: str, value: object, rule: str) -> None:
        super().__init__(f"{key} = {value!r}: {rule}")
        self.key = key
        self.value = value
        self.rule = rule


class JournalBroken(Exception):
    """The chain does not hold; names the first record that is not what was written."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"record {seq}: {reason}")
        self.seq = seq
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """One journalled fact with both stamps (ns) and its link to the record before it."""

    seq: int
    mono_ns: int
    utc_ns: int
    kind: str
    body: dict[str, Any]
    prev: str
    hash: str


_dumped: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def _text(value: str, key: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CanonicalError(key, value, "text must be valid Unicode") from None
    return str.__str__(value)


def _mapping(value: Mapping[Any, Any], key: str) -> dict[str, Any]:
    for name in value:
        if not isinstance(name, str):
            raise CanonicalError(f"{key}.{name}", name, "a key must be a string")
    return {_text(name, key): _plain(held, f"{key}.{name}") for name, held in value.items()}


def _plain(value: object, key: str) -> Any:
    """``value`` as plain JSON types; floats are refused because replay compares exactly."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case str():
            return _text(value, key)
        case dict() | Mapping():
            return _mapping(value, key)
        case list() | tuple():
            return [_plain(held, f"{key}[{index}]") for index, held in enumerate(value)]
        case float():
            raise CanonicalError(key, value, "floats are refused: give an integer in a base unit")
        case _:
            raise CanonicalError(key, value, f"{type(value).__name__} is not a JSON value")


def canonical(value: object, key: str = "body") -> str:
    """Return the one JSON text of ``value``: keys sorted, no blanks, UTF-8, no floats.

    Raises ``CanonicalError`` with the path of the offending key, which begins with ``key``.
    """
    return _dumped(_plain(value, key))


def digest(facts: Facts, prev: str) -> str:
    """Return the SHA-256 of the previous hash, a newline and the canonical line of ``facts``.

    The body goes in as it is stored, so that it is proven letter by letter.
    """
    seq, mono_ns, utc_ns, kind, body_json = facts
    line = (
        f'{{"body":{body_json},"kind":{_dumped(kind)},'
        f'"mono_ns":{mono_ns},"seq":{seq},"utc_ns":{utc_ns}}}'
    )
    return hashlib.sha256(f"{prev}\n{line}".encode()).hexdigest()


def linked(
    after: tuple[int, str], kind: str, body: Mapping[str, Any], mono_ns: int, utc_ns: int
) -> Row:
    """Return the row that follows the record whose number and hash are ``after``."""
    seq, prev = after
    facts = (seq + 1, mono_ns, utc_ns, _text(kind, "kind"), canonical(body))
    return (*facts, prev, digest(facts, prev))


def checked(row: Row, seq: int, prev: str) -> Record:
    """Return the record of a stored ``row``, which must be number ``seq`` after ``prev``.

    Raises ``JournalBroken`` naming ``seq`` when a record is missing, altered or out of order, or
    when it is none: a field of another type, a body that is not spelt as `canonical` does.
    """
    if tuple(map(type, row)) != _ROW_TYPES or not all(abs(n) <= _INTEGER_MAX for n in row[:3]):
        raise JournalBroken(seq, "is no record: its fields are not a record's")
    found, mono_ns, utc_ns, kind, body_json, stored_prev, stored_hash = row
    if found != seq:
        raise JournalBroken(seq, f"missing: the next record is {found}")
    if seq == 0 and kind != HEADER_KIND:
        raise JournalBroken(0, f"must be of kind {HEADER_KIND!r}, is {kind!r}")
    if stored_prev != prev:
        raise JournalBroken(seq, "does not follow the record before it")
    try:
        found_hash = digest((found, mono_ns, utc_ns, kind, body_json), prev)
    except UnicodeEncodeError as error:
        raise JournalBroken(seq, f"holds no text: {error}") from error
    if found_hash != stored_hash:
        raise JournalBroken(seq, "was altered: its hash differs")
    return Record(seq, mono_ns, utc_ns, kind, body_of(body_json, seq), prev, stored_hash)


def body_of(text: str, seq: int) -> dict[str, Any]:
    """The body of record ``seq``; ``JournalBroken`` unless it is spelt as by `canonical`."""
    try:
        body = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
        if isinstance(body, dict) and _dumped(body) == text:
            return body
    except (ValueError, RecursionError) as error:
        raise JournalBroken(seq, f"holds no JSON: {error}") from error
    raise JournalBroken(seq, "its body is not in its canonical form")


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def line_of(record: Record) -> str:
    """Return the canonical JSON line of a record with its hashes, for export and comparison."""
    return _dumped(
        {
            "body": record.body,
            "hash": record.hash,
            "kind": record.kind,
            "mono_ns": record.mono_ns,
            "prev": record.prev,
            "seq": record.seq,
            "utc_ns": record.utc_ns,
        }
    )
