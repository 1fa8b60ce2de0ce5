"""What is decided on every event in every situation, as lines of text that a person can read.

``python -m tests.core.decisions`` writes ``decisions.txt`` anew. A line that differs is another
behaviour, or another wording: to be explained in the commit that brings it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from controller.core import events as e
from controller.core.codec import plain
from controller.core.table import EVENTS
from tests.core.situations import BUILDERS, at, plausible
from tests.core.test_sole_causes import CASES

KEPT: Final = Path(__file__).with_name("decisions.txt")
STAMPS: Final = ("mono_ns", "utc_ns")
"""Every event moves these."""


def on(kind: type[e.Event]) -> list[str]:
    """Each decision on an event, with the situations in which it is that."""
    decided: dict[str, list[str]] = {}
    for name in BUILDERS:
        decided.setdefault(_decision(name, kind), []).append(name)
    return [f"{kind.__name__} ({' '.join(names)}): {what}" for what, names in decided.items()]


def words(id_: str) -> str:
    """What an alarm says at its sole cause."""
    hand = at(CASES[id_].start)
    CASES[id_].fire(hand)
    return f"{id_}: {next(one for one in hand.state.alarms if one.id == id_).evidence}"


def kept(begin: str) -> list[str]:
    """The lines that begin so."""
    return [line for line in KEPT.read_text("utf-8").split("\n") if line.startswith(begin)]


def _decision(name: str, kind: type[e.Event]) -> str:
    hand = at(name)
    before = plain(hand.state)
    commands = hand.see(kind, *plausible(hand)[kind])
    told = [f"{type(one).__name__}{_short(plain(one))}" for one in commands]
    return "; ".join([*told, *_changed(before, plain(hand.state), "")]) or "nothing"


def _changed(was: Any, now: Any, path: str) -> Iterator[str]:
    """The leaves of the state that are not what they were; of a list, what is new at its end."""
    if was == now or path in STAMPS:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        for key in now:
            yield from _changed(was.get(key), now[key], f"{path}.{key}" if path else key)
    elif isinstance(was, list) and isinstance(now, list) and was and now[: len(was)] == was:
        yield f"{path}+={_short(now[len(was) :])}"
    else:
        yield f"{path}={_short(now)}"


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    told = [line for kind in EVENTS for line in on(kind)] + [words(id_) for id_ in CASES]
    KEPT.write_text("".join(f"{line}\n" for line in told), "utf-8")
