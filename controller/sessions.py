"""Treatments as the daemon holds them: a state, its journal, and how one is folded from the other.

Knows the journal's records of a session and how an event is written and read back. Decides nothing:
every event, live or read back, goes through the same `judged`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

from controller.chain import Record
from controller.core import events
from controller.core.codec import CodecError, plain, revive
from controller.core.commands import Command, GrantPermit
from controller.core.commissioning import UNKNOWN, Commissioned
from controller.core.limits import Limits, limits_as_dict
from controller.core.papers import Directive, Papers
from controller.core.state import Phase, State
from controller.core.step import step

DONE: Final = frozenset({Phase.RESIDUAL, Phase.CLOSED})
"""Phases in which a session does not hold the room."""
SCHEMA_COMMISSIONED: Final = 2
"""Since this schema of record 0 arming asks for the pump's commissioning."""
EVENTS: Final = {
    kind.__name__: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, events.Event)
}


class SessionJournal(Protocol):
    """What is needed of a journal; `controller.journal.Journal` is one."""

    @property
    def head(self) -> str:
        """Hash of the newest record."""

    @property
    def oldest_pending_ns(self) -> int:
        """How long the oldest record that is not durable has waited."""

    def append(self, kind: str, body: Mapping[str, Any], mono_ns: int, utc_ns: int) -> int:
        """Queue a record; returns its number at once."""

    async def committed(self, seq: int) -> None:
        """Return when the record is durable; raises if it never will be."""

    async def close(self, timeout_s: float) -> bool:
        """Write what is pending and close, within bounds."""


@dataclass(slots=True)
class Session:
    """One treatment: its limits stand in its journal and do not change with the site's."""

    id: str
    state: State
    journal: SessionJournal
    limits: Limits
    header: Mapping[str, Any]

    @property
    def open(self) -> bool:
        """False once the session is closed."""
        return self.state.phase is not Phase.CLOSED

    @property
    def active(self) -> bool:
        """True while the session holds the room."""
        return self.state.phase not in DONE


def event_body(event: events.Event) -> dict[str, Any]:
    """An event as it stands in a journal."""
    return {"type": type(event).__name__, **plain(event)}


def decision_body(seq: int, state: State, commands: Iterable[Command]) -> dict[str, Any]:
    """What was decided on the event with number ``seq``."""
    told = [{"type": type(command).__name__, **plain(command)} for command in commands]
    return {"event": seq, "phase": state.phase.value, "commands": told}


def lasting_decision(
    seq: int, before: Phase, state: State, decided: Iterable[Command]
) -> tuple[dict[str, Any] | None, Sequence[Command]]:
    """The decision to be journalled for event ``seq``, or None; and all commands but permits.

    A permit is no decision that lasts: it only says that the judgement is awake.
    """
    lasting = [command for command in decided if not isinstance(command, GrantPermit)]
    if not lasting and state.phase is before:
        return None, lasting
    return decision_body(seq, state, lasting), lasting


def event_of(body: Mapping[str, Any]) -> events.Event:
    """The event that `event_body` wrote. Raises `CodecError`."""
    name = body.get("type")
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise CodecError(f"type: {name!r} is no event of this version")
    return revive(kind, {name: value for name, value in body.items() if name != "type"})


def judged(state: State, event: events.Event, limits: Limits) -> tuple[State, tuple[Command, ...]]:
    """`step`; an error of its own is judged as a critical part that died, which stops the pump.

    The same event gives the same result when it is read back, so a journal still folds.
    """
    try:
        return step(state, event, limits)
    except Exception as error:  # noqa: BLE001 - the judgement must survive its own mistakes
        evidence = f"judging {type(event).__name__}: {type(error).__name__}: {error}"
        died = events.ConditionSeen(event.mono_ns, event.utc_ns, "task_died", True, evidence)
        return step(state, died, limits)


def session_header(common: Mapping[str, Any], epoch: int, limits: Limits) -> dict[str, Any]:
    """Record 0 of a session: what the site says, every limit, and the epoch it begins in.

    ``stations``: custody of the container is handed over between hot lab and bedside.
    """
    return {**common, "stations": True, "epoch": epoch, "limits": limits_as_dict(limits)}


def state_of(session: str, header: Mapping[str, Any]) -> State:
    """The state in which record 0 begins a session. Raises `CodecError`.

    A journal that was begun before arming asked for a commissioning goes on without one.
    """
    told = header.get("commissioned")
    if told is not None:
        known = revive(Commissioned, told)
    else:
        known = Commissioned(asked=revive(int, header.get("schema", 0)) >= SCHEMA_COMMISSIONED)
    flush = header.get("flush_commissioned")
    return State(
        session=session,
        epoch=revive(int, header.get("epoch", 0)),
        commissioned=known,
        stations=revive(bool, header.get("stations", False)),
        flush_commissioned=UNKNOWN if flush is None else revive(Commissioned, flush),
        papers=_papers(header) if "gates" in header else None,
    )


def _papers(header: Mapping[str, Any]) -> Papers:
    """What the gates of a session are judged by. Raises `CodecError`.

    A journal that was begun before there were gates asks nothing.
    """
    gates = header["gates"]
    if not isinstance(gates, dict) or gates.keys() != {"zone_min", "oral"}:
        raise CodecError(f"gates: expected zone_min and oral, got {gates!r}")
    return Papers(
        regimen=revive(str, header.get("regimen_text")),
        versions=(Directive(revive(str, header.get("order"))),),
        zone_min=revive(int, gates["zone_min"]),
        oral=revive(bool, gates["oral"]),
    )


def limits_of(header: Mapping[str, Any], site: Limits) -> Limits:
    """The journalled limits; one that did not exist then is the site's. Raises `CodecError`."""
    kept = header.get("limits", {})
    if not isinstance(kept, dict):
        raise CodecError(f"limits: expected an object, got {kept!r}")
    given = {row.name: kept.get(row.name, getattr(site, row.name)) for row in fields(Limits)}
    return revive(Limits, given)


def fold_state(session: str, records: Iterable[Record], limits: Limits) -> State:
    """The state that a session's journalled events lead to. Raises `CodecError`."""
    state = State(session=session)
    for record in records:
        if record.seq == 0:
            state = state_of(session, record.body)
        elif record.kind == "event":
            state, _ = judged(state, event_of(record.body), limits)
    return state


def fold(session: str, records: list[Record], journal: SessionJournal, site: Limits) -> Session:
    """A session as it was when its last event was journalled. Raises `CodecError`."""
    header = records[0].body
    limits = limits_of(header, site)
    return Session(session, fold_state(session, records, limits), journal, limits, header)
