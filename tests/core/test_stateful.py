"""Treatments that nobody thought of: from any point of the exploration's walks, anything at all.

One machine tells what could be seen, and holds every rule of the exploration. The other also tells
events with any values whatever, and holds the rules that need no true pump beside them.
``make explore`` runs both for long.
"""

from dataclasses import replace
from functools import cache
from typing import Any, get_type_hints

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from controller.core import events as e
from controller.core.alarms import HOST_CONDITIONS
from controller.core.state import State
from controller.core.step import step
from controller.core.table import EVENTS
from controller.core.treatment import Treatment
from simulators.bench.explore import node as the
from simulators.bench.explore import rules
from simulators.bench.explore.moves import MOVES, named
from simulators.bench.explore.node import Move, Node
from simulators.bench.explore.path import went
from simulators.bench.explore.rules import Step
from simulators.bench.explore.search import Ticked, follow, judged
from simulators.bench.explore.walks import STATIONS
from tests.core.world import round_trip

pytestmark = pytest.mark.timeout(3_600)

HOUR = 3_600 * the.S
WHO = st.sampled_from(["ab", "cd", "au", ""]) | st.text(max_size=3)
TEXT = st.sampled_from(["", " ", "background", "syringe", "syringe_and_line", "pain"]) | st.text(
    max_size=5
)
NUMBER = st.integers(-3_000_000, 3_000_000) | st.integers(-(10**18), 10**18)
LATER = st.sampled_from([0, 1, the.S // 10, the.S // 2, 2 * the.S]) | st.integers(-HOUR, 3 * HOUR)
STAMPS = {"mono_ns", "utc_ns"}
VALUE_FREE = (
    rules.s2_rate,
    rules.s3_release,
    rules.release,
    rules.two_people,
    rules.s5_latch,
    rules.latch_opens,
    rules.resume_by_two,
    rules.epochs,
    rules.intervals,
    rules.edges,
    rules.asks_again,
)
"""Rules that hold whatever a pump is said to have done."""


@st.composite
def treatments(draw: Any) -> Treatment:
    """Orders as the clinic lets them through: any size that can be infused."""
    fill_nl = draw(st.integers(100_000, 60_000_000))
    part = draw(st.integers(100_000, 900_000))
    profiles = [((10**6, 10**6),), ((part, 500_000), (10**6 - part, 500_000))]
    return replace(
        the.ORDER,
        fill_nl=fill_nl,
        unusable_nl=draw(st.integers(0, fill_nl)),
        line_dead_nl=draw(st.integers(1, 3_000_000)),
        primed_with=draw(st.sampled_from(["saline", "drug"])),
        administer=draw(st.sampled_from(["whole_syringe", "volume_for_dose"])),
        duration_ns=draw(st.integers(30, 3_600)) * the.S,
        profile=draw(st.sampled_from(profiles)),
        flush_volume_nl=draw(st.integers(1, 9_000_000)),
    )


st.register_type_strategy(Treatment, treatments())
OWN = {"who": WHO, "confirmed_by": WHO, "condition": st.sampled_from([*HOST_CONDITIONS, "other"])}


def _events(kind: type[e.Event]) -> st.SearchStrategy[dict[str, Any]]:
    """Any values of an event's own fields."""
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name not in STAMPS}
    return st.fixed_dictionaries({name: OWN.get(name, _any(hint)) for name, hint in hints.items()})


def _any(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, its integers and texts as above."""
    if hint is int:
        return NUMBER
    return TEXT if hint is str else st.from_type(hint)


ANY_EVENT = st.sampled_from(EVENTS).flatmap(lambda kind: st.tuples(st.just(kind), _events(kind)))


@cache
def _node(way: tuple[str, ...]) -> Node:
    """Where a way leads."""
    node = the.start() if not way else _node(way[:-1])
    return _gone(node, named(way[-1]))[0] if way else node


def _gone(node: Node, move: Move) -> tuple[Node, list[Step]]:
    steps = []
    for _ in range(move.times):
        done = follow(node, move)
        if done is None:
            break
        taken, node = done
        steps.append(taken)
    return node, steps


class Seen(RuleBasedStateMachine):
    """Only what a true pump and people can bring about."""

    node = the.start()

    @initialize(way=st.sampled_from(STATIONS))
    def begin(self, way: tuple[str, ...]) -> None:
        """Go to a point of a walk."""
        self.node = _node(way)

    @rule(move=st.sampled_from(MOVES))
    def go(self, move: Move) -> None:
        """Something happens, and every rule holds."""
        self.node, steps = _gone(self.node, move)
        assert [problem for taken in steps for problem in judged(taken, Ticked())] == []


class Told(RuleBasedStateMachine):
    """Anything at all is told, true or not."""

    node = the.start()

    @initialize(way=st.sampled_from(STATIONS))
    def begin(self, way: tuple[str, ...]) -> None:
        """Go to a point of a walk."""
        self.node = _node(way)

    @rule(move=st.sampled_from(MOVES))
    def go(self, move: Move) -> None:
        """Something plausible is told."""
        self.node, steps = _gone(self.node, move)
        for taken in steps:
            _hold(taken)

    @rule(what=ANY_EVENT, later_ns=LATER, utc_off_ns=st.sampled_from([0, 0, -HOUR, 9 * HOUR]))
    def tell(
        self, what: tuple[type[e.Event], dict[str, Any]], later_ns: int, utc_off_ns: int
    ) -> None:
        """An event with any values, at any time."""
        kind, said = what
        node = self.node.wait(max(0, later_ns))
        stamp = node.state.now_ns + later_ns if later_ns < 0 else node.now_ns
        event = kind(stamp, stamp + the.SKEW + utc_off_ns, **said)
        before = node.state
        after, told = step(before, event, the.LIMITS)
        moved = before.phase is not after.phase
        path = went(node.path, event, node.plant, told, moved)
        plant = node.plant.obey(told)
        _hold(Step(before, event, after, told, node.plant, plant, node.path, path, the.LIMITS))
        assert round_trip(after) == after
        self.node = replace(node, state=after, plant=plant, path=path)


def _hold(taken: Step) -> None:
    assert not taken.raised
    assert [problem for one in VALUE_FREE for problem in one(taken)] == []
    assert isinstance(taken.after, State)


# A short run unless a longer profile was asked for.
SHORT = settings(max_examples=50, stateful_step_count=30)
LENGTH = settings() if settings().max_examples > 100 else SHORT
Seen.TestCase.settings = Told.TestCase.settings = LENGTH
TestSeen = Seen.TestCase
TestTold = Told.TestCase
