"""What people of a bench write down, answer or do wrongly, as data.

It makes no judgement: what comes of a mistake is the daemon's to say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from controller.clinic.answers import ANSWERS
from simulators.bench.faults import ScenarioError

ORDER: Final = "order"
RELEASE: Final = "release"
HAND_OVER: Final = "hand_over"
ACTS: Final = (RELEASE, HAND_OVER)
"""Done wrongly once: the second release is signed in the hot lab, the hand-over is forgotten."""
AGO: Final = {"hours_ago": 3600.0, "days_ago": 86400.0}
"""A table with one of these keys is a time before the answer."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """``about`` is a question of the gates, the order, or an act.

    ``changes`` is JSON, merged into it, ``without`` are fields left out; ``unanswered``: the
    question is passed over.
    """

    about: str
    changes: str = "{}"
    without: tuple[str, ...] = ()
    unanswered: bool = False

    def made(self, told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What should have been said, with the mistake made in it at ``now``."""
        changes = {name: _dated(value, now) for name, value in json.loads(self.changes).items()}
        merged = _merged(told, changes)
        return {name: value for name, value in merged.items() if name not in self.without}


def mistake_from(given: Mapping[str, Any]) -> Mistake:
    """A mistake as a scenario writes it. Raises ScenarioError."""
    about = given.get("about", "")
    if about in ACTS:
        if len(given) > 1:
            raise ScenarioError("about", about, "is done wrongly in one way: no other key")
        return Mistake(about)
    if about != ORDER and about not in ANSWERS:
        rule = f"must be {ORDER}, {', '.join(ACTS)} or a question of the gates"
        raise ScenarioError("about", about, rule)
    rest = {name: value for name, value in given.items() if name not in _OWN}
    without = given.get("without", [])
    if not isinstance(without, list) or any(type(name) is not str for name in without):
        raise ScenarioError("without", without, "must be a list of fields")
    unanswered = given.get("unanswered", False)
    if type(unanswered) is not bool or (unanswered and (rest or without or about == ORDER)):
        raise ScenarioError("unanswered", unanswered, "a question is passed over as a whole")
    return Mistake(about, json.dumps(rest, sort_keys=True), tuple(without), unanswered)


_OWN: Final = ("about", "without", "unanswered")


def order_with(order: Mapping[str, Any], mistakes: tuple[Mistake, ...]) -> dict[str, Any]:
    """The order as it was handed in."""
    told = dict(order)
    for mistake in mistakes:
        if mistake.about == ORDER:
            told = mistake.made(told, datetime.fromisoformat(order["reference_time"]))
    return told


def _merged(told: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``told`` with the changes; a table is changed inside."""
    merged = dict(told)
    for name, value in changes.items():
        inside = merged.get(name)
        both = isinstance(inside, dict) and isinstance(value, dict)
        merged[name] = _merged(inside, value) if both and inside is not None else value
    return merged


def _dated(value: Any, now: datetime) -> Any:
    if isinstance(value, dict) and len(value) == 1 and (unit := next(iter(value))) in AGO:
        return (now - timedelta(seconds=AGO[unit] * value[unit])).isoformat()
    return value
