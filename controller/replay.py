"""Judges a kept journal anew and says where this version decides otherwise than was recorded.

It knows the order of a session's records. Events go through the daemon's own judgement; nothing is
written, no clock is asked, and what a difference means is left to whoever reads of it.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.chain import GENESIS, JournalBroken, Record, Row, canonical, checked, line_of
from controller.core.codec import CodecError
from controller.core.events import Booted
from controller.core.limits import Limits, limits_from
from controller.core.state import State
from controller.journal_file import read
from controller.sessions import event_of, judged, lasting_decision, limits_of, state_of

SQLITE_BEGIN: Final = b"SQLite format 3\0"
BOOTED: Final = Booted.__name__
Body = dict[str, Any]


class NotReplayable(Exception):
    """A file that holds no session to judge anew, and why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One event judged anew: number, type, phase in which it came, the decisions then and now.

    A decision is the body of its record, None where nothing lasting was decided. ``error`` says why
    this version has none. ``cut`` marks an event after which the daemon died before it decided.
    """

    seq: int
    event: str
    phase: str
    recorded: Body | None
    replayed: Body | None
    error: str = ""
    cut: bool = False

    @property
    def differs(self) -> bool:
        """True where the two decisions are not the same, letter by letter."""
        if self.error:
            return True
        if self.cut:
            return False
        return canonical(self.recorded) != canonical(self.replayed)

    @property
    def undecided(self) -> bool:
        """True where the daemon died between this event and the decision on it."""
        return self.cut and self.replayed is not None

    @property
    def refused(self) -> bool:
        """True where the event was a request that is answered with no."""
        return any(told["type"] == "Refuse" for told in (self.replayed or {}).get("commands", ()))


@dataclass(frozen=True, slots=True)
class Replay:
    """A session judged anew: every turn of it, and the state that this version comes to.

    ``limits_defaulted`` did not exist when the journal was begun, ``limits_unknown`` do not any
    more.
    """

    session: str
    release: str
    turns: tuple[Turn, ...]
    state: State
    records: int
    head: str
    limits_defaulted: tuple[str, ...]
    limits_unknown: tuple[str, ...]

    @property
    def differences(self) -> tuple[Turn, ...]:
        """Turns that this version decides otherwise, in order."""
        return tuple(turn for turn in self.turns if turn.differs)


# --- reading ------------------------------------------------------------------------------------


def records_of(path: Path) -> list[Record]:
    """Every record of a journal or of its export, each proven.

    Raises ``OSError``, and ``JournalBroken`` at the first record that does not hold.
    """
    with path.open("rb") as file:
        begin = file.read(len(SQLITE_BEGIN))
        text = b"" if begin == SQLITE_BEGIN else begin + file.read()
    records = list(read(path) if begin == SQLITE_BEGIN else exported_records(text))
    if not records:
        raise JournalBroken(0, "missing: the journal has no header")
    return records


def exported_records(text: bytes) -> Iterator[Record]:
    """Records of canonical JSON lines. No other text of the same records is taken."""
    seq, prev = 0, GENESIS
    for line in text.removesuffix(b"\n").split(b"\n") if text else ():
        record = checked(_row(line, seq), seq, prev)
        if line_of(record).encode() != line:
            raise JournalBroken(seq, "is not in its canonical form")
        yield record
        seq, prev = seq + 1, record.hash


def _row(line: bytes, expected: int) -> Row:
    try:
        found = json.loads(line)
        match found:
            case {
                "seq": int(seq),
                "mono_ns": int(mono_ns),
                "utc_ns": int(utc_ns),
                "kind": str(kind),
                "body": dict(body),
                "prev": str(prev),
                "hash": str(hash_),
            }:
                return seq, mono_ns, utc_ns, kind, canonical(body), prev, hash_
    except (ValueError, RecursionError) as error:
        raise JournalBroken(expected, f"is no line of a journal: {error}") from error
    raise JournalBroken(expected, "is no line of a journal: its fields are not a record's")


# --- judging anew -------------------------------------------------------------------------------


def replay(records: Sequence[Record]) -> Replay:
    """Judge a session's events anew. Raises `NotReplayable` where there is no session."""
    header = records[0].body
    session, versions = header.get("session"), header.get("versions", {})
    if not isinstance(session, str) or not isinstance(versions, dict):
        raise NotReplayable("must be the journal of a treatment")
    try:
        limits, state = limits_of(header, limits_from({})), state_of(session, header)
    except CodecError as error:
        raise NotReplayable(f"its header cannot be read: {error}") from error
    turns: list[Turn] = []
    for event, decision, cut in _pairs(records):
        state, turn = _turned(state, event, decision, limits)
        turns.append(dataclasses.replace(turn, cut=cut))
    known, kept = {row.name for row in dataclasses.fields(Limits)}, set(header.get("limits", {}))
    return Replay(
        session=session,
        release=str(versions.get("isodrip", "unknown")),
        turns=tuple(turns),
        state=state,
        records=len(records),
        head=records[-1].hash,
        limits_defaulted=tuple(sorted(known - kept)),
        limits_unknown=tuple(sorted(kept - known)),
    )


def _pairs(records: Sequence[Record]) -> Iterator[tuple[Record | None, Record | None, bool]]:
    """(event, the decision on it, whether the daemon died between the two).

    Nothing, or a boot, follows an event after which the daemon died. A decision that follows no
    event comes without one.
    """
    told = [record for record in records if record.kind in ("event", "decision")]
    event: Record | None = None
    for record in told:
        if record.kind == "decision":
            yield event, record, False
            event = None
            continue
        if event is not None:
            yield event, None, record.body.get("type") == BOOTED
        event = record
    if event is not None:
        yield event, None, True


def _turned(
    state: State, event: Record | None, decision: Record | None, limits: Limits
) -> tuple[State, Turn]:
    """The state after one event, and the turn."""
    recorded = None if decision is None else decision.body
    phase = state.phase
    if event is None:
        assert decision is not None
        stray = "a decision that follows no event"
        return state, Turn(decision.seq, "", phase.value, recorded, None, stray)
    turn = Turn(event.seq, str(event.body.get("type", "")), phase.value, recorded, None)
    try:
        state, decided = judged(state, event_of(event.body), limits)
    except CodecError as error:
        return state, dataclasses.replace(turn, error=f"cannot be read: {error}")
    except Exception as error:  # noqa: BLE001 - a judgement that fails is a difference to report
        failed = f"the judgement fails: {type(error).__name__}: {error}"
        return state, dataclasses.replace(turn, error=failed)
    body, _ = lasting_decision(turn.seq, phase, state, decided)
    return state, dataclasses.replace(turn, replayed=body)
