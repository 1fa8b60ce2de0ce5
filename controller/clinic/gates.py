"""Which gates are open now: every reason why an order may not go on, in the order of its steps.

It judges rows of ``gate_table`` by the answers so far and knows nothing of phases or logins.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from controller.clinic.answers import ANSWERS, Override
from controller.clinic.documents import Problem, utc_datetime
from controller.clinic.gate_rules import Asked
from controller.clinic.gate_table import GATES, Gate, Place
from controller.clinic.signatures import Signature

TIME_OUT: Final = timedelta(minutes=15)
"""How old the bedside's answers may be at the start (requirement T2.4)."""


def closed_gates(
    asked: Asked,
    *,
    since: Place = Place.BEFORE_THAW,
    upto: Place = Place.BEDSIDE,
    time_out: timedelta = TIME_OUT,
) -> tuple[Problem, ...]:
    """Every reason why a gate from one place up to another is not passed now; empty if all are.

    Answers grow old, and so a gate that was passed may be closed again.
    """
    gates = [gate for gate in applying(asked) if since <= gate.place <= upto]
    return tuple(problem for gate in gates for problem in standing(gate, asked, time_out))


def applying(asked: Asked) -> tuple[Gate, ...]:
    """The gates that stand in the way of this order, in their order."""
    return tuple(gate for gate in GATES if gate.applies(asked))


def standing(gate: Gate, asked: Asked, time_out: timedelta = TIME_OUT) -> list[Problem]:
    """What stands in the way at one gate; nothing where somebody who may has answered for it."""
    problems = list(_problems(gate, asked, time_out))
    override = asked.answers.overrides.get(gate.id)
    if not problems or override is None:
        return problems
    void = list(_void(gate, asked, override, time_out))
    return [*problems, *void] if void else []


def _problems(gate: Gate, asked: Asked, time_out: timedelta) -> Iterator[Problem]:
    given = asked.answers.given.get(gate.answer)
    told = asked.answers.of(gate.answer, ANSWERS[gate.answer])
    if given is None or told is None:
        yield Problem(gate.id, "absent", f"must be answered: {gate.asks}")
        return
    who = given.by
    yield from answerer_problems(gate, who)
    at = utc_datetime(who.at_utc_ns)
    yield from asked.past(at, f"{gate.id}.at")
    yield from _lately(gate, asked, f"{gate.id}.at", at, time_out)
    yield from gate.rule(asked, told)


def answerer_problems(gate: Gate, by: Signature) -> Iterator[Problem]:
    """Why this person may not answer this gate."""
    if by.role not in gate.may_answer:
        rule = f"must be answered by {' or '.join(sorted(gate.may_answer))}"
        yield Problem(f"{gate.id}.by", f"{by.name}, {by.role}", rule)


def _lately(
    gate: Gate, asked: Asked, where: str, at: datetime, time_out: timedelta
) -> Iterator[Problem]:
    """What is said at the bedside holds for the time-out only (T2.4)."""
    if gate.place is Place.BEDSIDE and asked.now - at > time_out:
        rule = f"must be at most {time_out.total_seconds() / 60:g} min ago: answer it anew"
        yield Problem(where, at.isoformat(), rule)


def _void(gate: Gate, asked: Asked, override: Override, time_out: timedelta) -> Iterator[Problem]:
    """Why an override does not count: it needs the right person, a reason, and the last word."""
    where, who, at = f"{gate.id}.override", override.by, utc_datetime(override.by.at_utc_ns)
    if who.role not in gate.may_override:
        allowed = " or ".join(sorted(gate.may_override)) or "nobody"
        yield Problem(where, f"{who.name}, {who.role}", f"may be overridden by {allowed}")
    if not override.reason.strip():
        yield Problem(where, "no reason", "must have a reason")
    yield from asked.past(at, where)
    yield from _lately(gate, asked, where, at, time_out)
    if who.at_utc_ns < _answered_at(asked, gate):
        rule = "must be given anew: the gate was answered again since"
        yield Problem(where, at.isoformat(), rule)


def _answered_at(asked: Asked, gate: Gate) -> int:
    given = asked.answers.given.get(gate.answer)
    return 0 if given is None else given.by.at_utc_ns
