"""Every (phase, event) pair is decided, and the edges are those of the shapes."""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase
from controller.core.table import EVENTS, HANDLERS, ROWS, TRIPS_FROM, is_request
from tests.core.situations import BUILDERS, at, plausible
from tests.core.world import round_trip

SHAPES = (
    "ORDERED RESIDUAL, ASSAYED ORDERED, RELEASED ORDERED, "
    "SEATED RESIDUAL, ARMED RESIDUAL, UNCERTAIN RESIDUAL, "
    "IDLE ORDERED, ORDERED ASSAYED, ASSAYED RELEASED, RELEASED SEATED, SEATED ARMED, "
    "ARMED INFUSING, INFUSING FLUSHING, FLUSHING RESIDUAL, RESIDUAL CLOSED, "
    "RELEASED HELD, SEATED HELD, ARMED HELD, INFUSING HELD, FLUSHING HELD, "
    "RELEASED STOPPED, SEATED STOPPED, ARMED STOPPED, INFUSING STOPPED, FLUSHING STOPPED, "
    "HELD STOPPED, RELEASED UNCERTAIN, SEATED UNCERTAIN, ARMED UNCERTAIN, INFUSING UNCERTAIN, "
    "FLUSHING UNCERTAIN, HELD UNCERTAIN, STOPPED UNCERTAIN, HELD RELEASED, HELD SEATED, "
    "HELD ARMED, HELD FLUSHING, HELD RESIDUAL, STOPPED RESIDUAL, STOPPED FLUSHING, "
    "STOPPED RELEASED, STOPPED ARMED, UNCERTAIN STOPPED, RELEASED ASSAYED, ORDERED CLOSED, "
    "ASSAYED RESIDUAL, RELEASED RESIDUAL"
)
EDGES = {(Phase(a), Phase(b)) for a, b in (pair.split() for pair in SHAPES.split(", "))}
PAIRS = [(name, event) for name in BUILDERS for event in EVENTS]


def drawn() -> set[tuple[Phase, Phase]]:
    rows = {(a, b) for row in ROWS for a in row.phases for b in row.to}
    return {(a, b) for a, b in rows | {(a, Phase.STOPPED) for a in TRIPS_FROM} if a is not b}


def test_every_event_class_has_a_row() -> None:
    known = {
        kind for kind in vars(e).values() if isinstance(kind, type) and issubclass(kind, e.Event)
    } - {e.Event, e.ByPerson}
    assert set(EVENTS) == known == set(plausible(at("infusing")))


def test_every_phase_is_somewhere_a_situation() -> None:
    assert {at(name).state.phase for name in BUILDERS} == set(Phase)


def test_a_pair_has_one_handler() -> None:
    pairs = [(phase, row.event) for row in ROWS for phase in row.phases]
    assert len(pairs) == len(set(pairs)) == len(HANDLERS)


@pytest.mark.requirement("T2.12")
@pytest.mark.parametrize(("name", "event"), PAIRS, ids=lambda x: getattr(x, "__name__", x))
def test_every_pair_is_decided(name: str, event: type[e.Event]) -> None:
    hand = at(name)
    before = hand.state
    commands = hand.see(event, *plausible(hand)[event])
    refusals = [x for x in commands if isinstance(x, c.Refuse)]
    row = HANDLERS.get((before.phase, event))
    after = hand.state
    if not is_request(event):
        assert refusals == []
    elif row is None:
        assert [x.rule for x in refusals] == ["not in this phase"]
    for refusal in refusals:
        assert refusal.event == event.__name__
        assert refusal.phase == before.phase.value
        assert refusal.rule
        assert refusal.detail
    if refusals or row is None:
        assert (after.phase, after.run, after.drug) == (before.phase, before.run, before.drug)
    edge = (before.phase, after.phase)
    assert before.phase is after.phase or edge in drawn()
    assert round_trip(after) == after


@pytest.mark.requirement("T8.5")
@pytest.mark.parametrize("name", BUILDERS)
def test_stop_acts_in_every_phase_at_once(name: str) -> None:
    hand = at(name)
    before = hand.state
    commands = hand.see(e.StopPressed, "", "", "panel")
    assert commands[0] == c.Stop(before.epoch + 1, "STOP pressed (panel)")
    assert hand.state.run is None or hand.stopping
    assert hand.state.phase is not Phase.INFUSING


@pytest.mark.requirement("T2.12", "GIP-2.1.2")
def test_the_table_has_the_edges_of_the_shapes_and_no_others() -> None:
    assert drawn() == EDGES
