"""Breadth-first from every point of a few walks: each abstract state once, by the shortest way.

A state is expanded with every move; what it leads to is judged in each single step.
"""

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase, State
from controller.core.step import step
from controller.core.table import HANDLERS
from simulators.bench.explore import node as the
from simulators.bench.explore.abstraction import key
from simulators.bench.explore.moves import moves, named
from simulators.bench.explore.node import LIMITS, Move, Node
from simulators.bench.explore.path import trips, went
from simulators.bench.explore.rules import Step, as_ticked, broken

TAIL: Final = 3
TAIL_NS: Final = 5 * the.S // 3
"""How much may not be on disk yet: a permit's life (ADR 0009), and so many events at most."""


Way = tuple[str, ...]
"""Moves by name, from the start."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the search ends: moves from a walk, and abstract states expanded."""

    depth: int
    states: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that was broken, and the shortest way there, by the names of its moves."""

    what: str
    way: Way

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.what.partition(":")[0]


@dataclass(slots=True)
class Found:
    """What a search saw. ``edges`` keeps which abstract states follow which, by number."""

    stations: int = 0
    expanded: int = 0
    states: int = 0
    transitions: int = 0
    steps: int = 0
    depth: int = 0
    exhausted: bool = False
    pairs: Counter[tuple[Phase, type[e.Event]]] = field(default_factory=Counter)
    commands: Counter[type] = field(default_factory=Counter)
    phases: Counter[Phase] = field(default_factory=Counter)
    trips: Counter[str] = field(default_factory=Counter)
    drug_starts: int = 0
    broken: dict[str, Broken] = field(default_factory=dict)
    breaches: int = 0
    edges: dict[int, set[int]] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Place:
    """An abstract state on the frontier: its number, a node in it, the way there.

    ``depth`` counts the moves since the walk was left.
    """

    number: int
    node: Node
    way: Way
    depth: int


class Search:
    """One exploration from these stations. ``run`` it once, then read ``found``.

    A station is the names of the moves that lead there. With ``one`` it ends with the state in
    which a rule was first broken.
    """

    def __init__(self, bound: Bound, stations: Iterable[Way], one: bool = False) -> None:
        self.bound = bound
        self.found = Found()
        self._ways, self._one = stations, one
        self._numbers: dict[Hashable, int] = {}
        self._ticked = Ticked()

    def run(self) -> Found:
        """Explore to the bound. Raises ValueError for the name of no move."""
        found = self.found
        frontier = deque(self._stations())
        found.stations = len(frontier)
        while frontier and found.expanded < self.bound.states:
            if frontier[0].depth >= self.bound.depth or (self._one and found.broken):
                break
            frontier.extend(self._expand(frontier.popleft()))
        found.exhausted = not frontier
        found.states = len(self._numbers)
        return found

    def _stations(self) -> Iterator[Place]:
        """Each new abstract state among them, in order; none where the way breaks a rule."""
        nodes: dict[Way, Node | None] = {(): the.start()}
        for way in self._ways:
            for length in range(1, len(way) + 1):
                node = nodes[way[: length - 1]]
                if node is not None and way[:length] not in nodes:
                    node = self._take(node, named(way[length - 1]), way[:length])
                    nodes[way[:length]] = node
                nodes.setdefault(way[:length], None)
            node, known = nodes[way], len(self._numbers)
            if node is not None and self._number(node) == known:
                yield Place(known, node, way, 0)

    def _number(self, node: Node) -> int:
        return self._numbers.setdefault(key(node), len(self._numbers))

    def _expand(self, place: Place) -> Iterator[Place]:
        found = self.found
        found.expanded += 1
        found.depth = max(found.depth, place.depth + 1)
        found.phases[place.node.state.phase] += 1
        followers = found.edges.setdefault(place.number, set())
        if place.node.state.phase is Phase.CLOSED:
            found.closed.add(place.number)
        for move in moves(place.node):
            way = (*place.way, move.name)
            after = self._take(place.node, move, way)
            if after is None:
                continue
            found.transitions += 1
            known = len(self._numbers)
            number = self._number(after)
            followers.add(number)
            if number == known:
                yield Place(number, after, way, place.depth + 1)

    def _take(self, node: Node, move: Move, way: Way) -> Node | None:
        """The node after a move, or None where it cannot be, or led into what must not be."""
        after: Node | None = None
        for _ in range(move.times):
            done = follow(after or node, move)
            if done is None:
                break
            taken, after = done
            problems = judged(taken, self._ticked)
            self._count(taken)
            self._keep(problems, way)
            if problems:
                return None
        return after

    def _count(self, taken: Step) -> None:
        found = self.found
        found.steps += 1
        found.pairs[taken.before.phase, type(taken.event)] += 1
        for command in taken.told:
            found.commands[type(command)] += 1
            if isinstance(command, c.RaiseAlarm) and trips(command):
                found.trips[command.alarm] += 1
        if taken.edge == (Phase.ARMED, Phase.INFUSING) and taken.given(c.RunPump):
            found.drug_starts += 1

    def _keep(self, problems: tuple[str, ...], way: Way) -> None:
        for what in problems:
            self.found.breaches += 1
            one = Broken(what, way)
            self.found.broken.setdefault(one.rule, one)


def follow(node: Node, move: Move) -> tuple[Step, Node] | None:
    """One act of a move: what the judgement made of it, and the node after it."""
    done = move.act(node)
    if done is None:
        return None
    world, event = done
    before = world.state
    after, told, raised = _step(before, event)
    moved = before.phase is not after.phase
    path = went(world.path, event, world.plant, told, moved)
    plant = world.plant
    if isinstance(event, e.StopConfirmed) and event.epoch == before.epoch:
        # Only now: until here the path had to know that a STOP was asked for.
        plant = plant.rest() if plant.stop_asked else plant
    plant = plant.obey(told)
    taken = Step(before, event, after, told, world.plant, plant, world.path, path, LIMITS, raised)
    return taken, replace(world, state=after, plant=plant, path=path, tail=_tail(world, told))


def _step(state: State, event: e.Event) -> tuple[State, tuple[c.Command, ...], str]:
    """What the judgement makes of an event, and the error that it raised, if any."""
    try:
        return *step(state, event, LIMITS), ""
    except Exception as error:  # noqa: BLE001 - that it raises is what is looked for
        return state, (), repr(error)


def _tail(world: Node, told: tuple[c.Command, ...]) -> tuple[State, ...]:
    """States that a crash may throw the judgement back to.

    Not past a RUN, a rate or a *prepare*: those waited for the disk.
    """
    if any(isinstance(command, (c.RunPump, c.SetRate, c.Prepare)) for command in told):
        return ()
    young = (s for s in (world.state, *world.tail) if world.now_ns - s.now_ns <= TAIL_NS)
    return tuple(young)[:TAIL]


class Ticked:
    """What a tick does to the state at hand: many refusals of one moment ask for the same."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._known: dict[tuple[int, int], State] = {}

    def of(self, state: State, event: e.Event) -> State:
        """The state after a tick with the stamps of this event."""
        if state is not self._state:
            self._state, self._known = state, {}
        stamps = event.mono_ns, event.utc_ns
        if stamps not in self._known:
            self._known[stamps] = _step(state, e.Ticked(*stamps))[0]
        return self._known[stamps]


def judged(taken: Step, ticked: Ticked) -> tuple[str, ...]:
    """Every rule that a step breaks."""
    found = broken(taken)
    told_no = taken.refused or (taken.before.phase, type(taken.event)) not in HANDLERS
    if told_no and not taken.raised:
        found += tuple(as_ticked(taken, ticked.of(taken.before, taken.event)))
    return found


def traps(found: Found) -> int:
    """Expanded states from which no way seen leads to CLOSED, or to what was not expanded."""
    before: dict[int, set[int]] = {}
    for number, followers in found.edges.items():
        for follower in followers:
            before.setdefault(follower, set()).add(number)
    good = found.closed | (set(before) - set(found.edges))
    queue = deque(good)
    while queue:
        for number in before.get(queue.popleft(), ()):
            if number not in good:
                good.add(number)
                queue.append(number)
    return len(set(found.edges) - good)
