"""What is told of replayed journals, to people in lines and to programs in one object.

It names every way in which a file cannot be replayed; it judges no event itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from controller.chain import JournalBroken, canonical
from controller.core.state import Purpose, State
from controller.replay import BOOTED, Body, NotReplayable, Replay, Turn, records_of, replay
from firmware_interfaces.units import NL_PER_ML


class Verdict(Enum):
    """What a replay amounts to."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of one file: lines for people, one JSON object for programs."""

    verdict: Verdict
    lines: tuple[str, ...]
    facts: dict[str, Any]


def report(path: Path, version: str) -> Report:
    """Replay one file, a journal or its canonical export, by this ``version``. Never raises."""
    try:
        found = replay(records_of(path))
    except JournalBroken as error:
        return _unreadable(path, str(error), error.seq)
    except OSError as error:
        return _unreadable(path, f"must be readable: {error.strerror}")
    except NotReplayable as error:
        return _unreadable(path, str(error))
    facts = {"file": str(path), **_facts(found, version)}
    lines = (*_verdict_lines(path, found), *_end_lines(found, version))
    return Report(Verdict(facts["verdict"]), lines, facts)


def _unreadable(path: Path, reason: str, broken_seq: int | None = None) -> Report:
    verdict = Verdict.UNREADABLE
    facts = {
        "file": str(path),
        "verdict": verdict.value,
        "broken_seq": broken_seq,
        "reason": reason,
    }
    return Report(verdict, (f"{path}: {reason}",), facts)


def _facts(found: Replay, version: str) -> dict[str, Any]:
    differences = found.differences
    return {
        "verdict": (Verdict.DIFFERENT if differences else Verdict.EQUAL).value,
        "session": found.session,
        "recorded_by": found.release,
        "replayed_by": version,
        "records": found.records,
        "events": len(found.turns),
        "decisions": sum(turn.recorded is not None for turn in found.turns),
        "boots": sum(turn.event == BOOTED for turn in found.turns),
        "refusals": sum(turn.refused for turn in found.turns),
        "undecided": sum(turn.undecided for turn in found.turns),
        "differences": len(differences),
        "first": _difference(differences[0]) if differences else None,
        "limits_defaulted": list(found.limits_defaulted),
        "limits_unknown": list(found.limits_unknown),
        "end": _end(found),
    }


def _difference(turn: Turn) -> dict[str, Any]:
    return {
        "seq": turn.seq,
        "event": turn.event,
        "phase": turn.phase,
        "recorded": turn.recorded,
        "replayed": turn.replayed,
        "error": turn.error,
    }


def _end(found: Replay) -> dict[str, Any]:
    state = found.state
    pumped = {purpose.value: state.pumped(purpose) for purpose in Purpose}
    return {
        "phase": state.phase.value,
        "outcome": None if state.outcome is None else state.outcome.value,
        "epoch": state.epoch,
        "run_open": _run_open(state),
        "unbounded": state.unbounded,
        "pumped_nl": {name: [held.low_nl, held.high_nl] for name, held in pumped.items()},
        "head": found.head,
    }


def _run_open(state: State) -> bool:
    """True while a run is not booked: by now more may be pumped than was ever read."""
    return state.run is not None and state.run.live


def _verdict_lines(path: Path, found: Replay) -> Iterator[str]:
    differences = found.differences
    if not differences:
        yield f"{path}: {len(found.turns)} events are decided as they were"
        return
    first = differences[0]
    where = f"event {first.seq}, {first.event or 'none'} in {first.phase}"
    yield f"{path}: decided otherwise first at {where} ({len(differences)} in all)"
    yield f"  recorded: {_decision_text(first.recorded)}"
    yield f"  replayed: {first.error or _decision_text(first.replayed)}"


def _decision_text(decision: Body | None) -> str:
    if decision is None:
        return "no decision"
    commands = decision.get("commands")
    told = ", ".join(map(canonical, commands)) if isinstance(commands, list) else ""
    return f"{decision.get('phase')}; {told or 'no command'} (on event {decision.get('event')})"


def _end_lines(found: Replay, version: str) -> Iterator[str]:
    yield f"  recorded by {found.release}, replayed by {version}"
    if found.limits_defaulted:
        yield f"  limits taken at their default: {', '.join(found.limits_defaulted)}"
    if found.limits_unknown:
        yield f"  limits that are none any more: {', '.join(found.limits_unknown)}"
    state, drug = found.state, found.state.pumped(Purpose.DRUG)
    outcome = f", {state.outcome.value}" if state.outcome is not None else ""
    booked = " by the last reading of a run that is not booked" if _run_open(state) else ""
    low_ml, high_ml = drug.low_nl / NL_PER_ML, drug.high_nl / NL_PER_ML
    pumped = f"drug pumped {low_ml:.3f} .. {high_ml:.3f} mL{booked}"
    yield f"  ends in {state.phase.value}{outcome}; {pumped}"
    yield f"  head {found.head}"
