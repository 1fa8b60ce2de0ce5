"""What is past the line and what is still in it, by plug flow. Reads a state, decides nothing."""

from controller.clinic.ledger import LineModel, LineState
from controller.clinic.order import Priming
from controller.core.state import Pumped, Purpose, Saline, State
from firmware_interfaces.units import Nanolitre


def line_of(state: State) -> LineState:
    """Drug volumes past the line and in it, the run in progress included."""
    order = state.order
    model = LineModel(Nanolitre(order.line_dead_nl), Priming(order.primed_with))
    drug = state.given
    if order.second is None and state.by_hand is None:
        return model.state(drug.low_nl, drug.high_nl, state.flushed_nl)
    marks = (*_before_hands(state), *_by_hand(state))
    low = tuple((mark.drug.low_nl, mark.saline.low_nl) for mark in marks)
    high = tuple((mark.drug.high_nl, mark.saline.high_nl) for mark in marks)
    return model.interleaved((drug.low_nl, drug.high_nl), (low, high))


def _before_hands(state: State) -> tuple[Saline, ...]:
    """What pumps let in: of one pump's flush the least is what counts, as ever."""
    if state.order.second is not None:
        return (*state.saline, *_running(state))
    flushed = state.pumped(Purpose.FLUSH).low_nl
    return (Saline(Pumped(flushed, flushed), state.drug),)


def _by_hand(state: State) -> tuple[Saline, ...]:
    """The flush that hands gave: behind all drug, however much that was."""
    if state.by_hand is None:
        return ()
    flushed, most = state.by_hand.flushed_nl, state.given.high_nl
    return (Saline(Pumped(flushed, flushed), Pumped(most, most)),)


def _running(state: State) -> tuple[Saline, ...]:
    """What a saline run has let in so far."""
    run = state.run
    if run is None or not run.purpose.saline or not run.live:
        return ()
    before, now = getattr(state, run.purpose.value), state.pumped(run.purpose)
    more = type(now)(now.low_nl - before.low_nl, now.high_nl - before.high_nl)
    return (Saline(more, state.drug),)
