"""What is decided on every event in every situation, as lines of text that a person can read.

``python -m tests.core.decisions`` writes ``decisions.txt`` anew. A line that differs is another
behaviour, or another wording: to be explained in the commit that brings it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

from controller.core import events as e
from controller.core.codec import plain
from controller.core.table import EVENTS, HANDLERS
from tests.core.further import FURTHER
from tests.core.hand import Hand
from tests.core.otherwise import LATE, otherwise
from tests.core.situations import BUILDERS, at, built, plausible
from tests.core.test_sole_causes import CASES

KEPT: Final = Path(__file__).with_name("decisions.txt")
SITUATIONS: Final[dict[str, Callable[[], Hand]]] = {**BUILDERS, **FURTHER}

PASSED_BY_A_POLL: Final = (
    "near_the_next_part", "drug_arriving", "line_clearing", "check_due", "second_kvo",
    "second_arriving", "second_infusing", "second_flush_running", "ending",
)  # fmt: skip
"""Where the next reading of a counter passes a point."""
ASKED_APART: Final = {
    *((name, e.PumpRead) for name in PASSED_BY_A_POLL),
    ("near_the_next_part", e.BarrelRead),
    ("lost_before_arrival", e.PumpRecovered),
    ("lost_at_the_end", e.PumpRecovered),
    ("second_new_site", e.ResumeRequested),
    ("all_given", e.ResumeRequested),
    ("patency_ran", e.PatencyConfirmed),
    ("signed_15_off", e.ReleaseSigned),
    ("dose_signed", e.ReleaseSigned),
    ("assayed_nothing", e.ReleaseSigned),
    ("assayed_too_little", e.ReleaseSigned),
}
"""Where more is decided than in a situation like it: by a number, or by a second pump."""


def on(kind: type[e.Event]) -> list[str]:
    """Each decision on an event, with the situations in which it is that.

    First on the event as it may plausibly be; then, where another field decides otherwise, on that:
    in one situation of those that are alike.
    """
    decided: dict[tuple[str, str], list[str]] = {}
    asked: set[Any] = set()
    for name, builder in SITUATIONS.items():
        usual = _decision(builder, kind, {})
        decided.setdefault((kind.__name__, usual), []).append(name)
        hand = built(builder)
        like = name if (name, kind) in ASKED_APART else _like(hand)
        if (hand.state.phase, kind) not in HANDLERS or like in asked:
            continue
        asked.add(like)
        for odd, changes in otherwise(hand).get(kind, {}).items():
            what = _decision(builder, kind, changes)
            if what != usual:
                decided.setdefault((f"{kind.__name__}, {odd}", what), []).append(name)
    return [f"{told} ({' '.join(names)}): {what}" for (told, what), names in decided.items()]


def _like(hand: Hand) -> tuple[Any, ...]:
    """The same of situations that differ in numbers only."""
    run, waits = hand.state.run, (hand.state.assay_pending, hand.state.start_by)
    going = None if run is None else (run.purpose, run.stage, run.doubt)
    return hand.state.phase, going, len(hand.state.released), hand.state.resume_by, waits


def words(id_: str) -> str:
    """What an alarm says at its sole cause."""
    hand = at(CASES[id_].start)
    CASES[id_].fire(hand)
    return f"{id_}: {next(one for one in hand.state.alarms if one.id == id_).evidence}"


def kept(*begin: str) -> list[str]:
    """The lines that begin with one of these."""
    return [line for line in KEPT.read_text("utf-8").split("\n") if line.startswith(begin)]


def _decision(builder: Callable[[], Hand], kind: type[e.Event], changes: dict[str, Any]) -> str:
    hand = built(builder)
    before, fields_told = hand.state, plausible(hand)[kind]
    hand.wait(changes.get(LATE, 0))
    event = kind(hand.now_ns, hand.now_ns + hand.skew_ns, *fields_told)
    others = {name: value for name, value in changes.items() if name != LATE}
    commands = hand.take(replace(event, **others))
    told = [f"{type(one).__name__}{_short(one)}" for one in commands]
    return "; ".join([*told, *_changed(before, hand.state, "")]) or "nothing"


def _changed(was: Any, now: Any, path: str) -> Iterator[str]:
    """The leaves of the state that are not what they were; of a tuple, what is new at its end."""
    if was is now or was == now:
        return
    if is_dataclass(now) and type(was) is type(now):
        for field in fields(now):
            name = f"{path}.{field.name}" if path else field.name
            yield from _changed(getattr(was, field.name), getattr(now, field.name), name)
    elif isinstance(was, tuple) and isinstance(now, tuple) and now[: len(was)] == was:
        new = now[len(was) :]
        yield f"{path}+={_short([one.id for one in new] if path == 'history' else new)}"
    else:
        yield f"{path}={_short(now)}"


def _short(value: Any) -> str:
    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    told = [line for kind in EVENTS for line in on(kind)] + [words(id_) for id_ in CASES]
    KEPT.write_text("".join(f"{line}\n" for line in told), "utf-8")
