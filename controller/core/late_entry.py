"""Handler of what people finished by hand while computer or pump was down, entered afterwards.

It adds to what the pump gave and overwrites nothing: the record shows both apart.
"""

from dataclasses import replace

from controller.clinic.text import utc_text, volume_text
from controller.core import events as e
from controller.core import judge
from controller.core.aftermath import settle_unasked
from controller.core.bedside import to_residual
from controller.core.judge import Commands, forget, note
from controller.core.limits import Limits
from controller.core.rules import Refused, Result, co_sign, done, second_person
from controller.core.state import ByHand, Phase, Pumped, Stage, State


def left_nl(state: State) -> int:
    """What the container still held at least, by the upper bound of what the pump took out, nL."""
    order = state.order
    return order.fill_nl - order.primed_nl - state.seat_prime_nl - state.drug.high_nl


def finished_by_hand(state: State, event: e.FinishedByHand, limits: Limits) -> Result | Refused:
    """-> RESIDUAL: two people enter what was given by hand; the pump gives nothing any more."""
    refused = second_person(event, event.confirmed_by) or _unsaid(event) or _times(state, event)
    if refused:
        return refused
    if state.phase is not Phase.UNCERTAIN and state.run is not None and state.run.live:
        return Refused("the pump must rest", "press STOP, or give up what is uncertain")
    state, commands = _let_go(state)
    refused = _volumes(state, event)
    if refused:
        return refused
    state = co_sign(state, event, event.confirmed_by, f"finished by hand: {event.method}")
    state = _entered(state, event)
    state, more = to_residual(state)
    return done(state, *commands, *more)


def _unsaid(event: e.FinishedByHand) -> Refused | None:
    """A refusal unless it is said who gave it, how the volume was found, and why by hand."""
    for name in ("given_by", "method", "reason"):
        if not getattr(event, name).strip():
            said = f"{name} {getattr(event, name)!r}"
            return Refused("it must be said who gave it, how it was found, and why by hand", said)
    return None


def _times(state: State, event: e.FinishedByHand) -> Refused | None:
    """A refusal unless it began after the release, ended after it began, and is over."""
    begun, ended = event.begun_utc_ns, event.ended_utc_ns
    released = state.released[-1].utc_ns
    told = f"begun {utc_text(begun)}, ended {utc_text(ended)}"
    if ended > event.utc_ns:
        return Refused("what was done by hand lies in the past", f"{told}: it has not ended")
    if begun > ended:
        return Refused("what was done by hand ends after it began", told)
    if begun < released:
        return Refused("nothing is given before the release", f"{told}; {utc_text(released)}")
    return None


def _let_go(state: State) -> tuple[State, Commands]:
    """The state with nothing left for the pump to do, and what it gave booked as an interval."""
    if state.phase is Phase.UNCERTAIN:
        stopping = state.run is not None and state.run.stage is Stage.STOPPING
        state = forget(replace(settle_unasked(state), uncertain_from=None), "uncertain")
        if stopping:
            state = note(state, "stop_unconfirmed", "finished by hand before STOP was confirmed")
        return state, ()
    if state.run is None:
        return state, ()
    return judge.stop(state, "finished by hand")


def _volumes(state: State, event: e.FinishedByHand) -> Refused | None:
    """A refusal unless the container held as much, and a flush is one of a line."""
    low, high, left = event.low_nl, event.high_nl, left_nl(state)
    told = f"{volume_text(low)} to {volume_text(high)}"
    if not 0 <= low <= high:
        return Refused("what was given by hand lies between a least and a most", told)
    if high > left:
        told = f"{told}; it held {volume_text(left)}; bound what the pump gave first"
        return Refused("never more by hand than the container still held", told)
    if not 0 <= event.flushed_nl <= 20 * state.order.line_dead_nl:
        flushed = volume_text(event.flushed_nl)
        return Refused("a flush volume of 0 to 20 dead volumes", flushed)
    return None


def _entered(state: State, event: e.FinishedByHand) -> State:
    first = state.first_start_ns is None
    by_hand = ByHand(
        drug=Pumped(event.low_nl, event.high_nl),
        flushed_nl=event.flushed_nl,
        begun_utc_ns=event.begun_utc_ns,
        ended_utc_ns=event.ended_utc_ns,
        entered_utc_ns=event.utc_ns,
        given_by=event.given_by,
        entered_by=(event.who, event.confirmed_by),
        method=event.method,
        reason=event.reason,
        first=first,
    )
    cleared = event.ended_utc_ns if event.flushed_nl else state.clearance_utc_ns
    state = replace(
        state,
        by_hand=by_hand,
        cause=state.cause or event.reason,
        assay_pending="",
        held_from=None,
        held_ns=None,
        hold_reason="",
        clearance_utc_ns=cleared,
        # What a counter shows from here on is in the interval, or was done by hand at its keys.
        rest=None,
        flush_rest=None,
    )
    if not first or event.high_nl == 0:
        return state
    return replace(state, first_start_ns=state.now_ns, first_start_utc_ns=event.begun_utc_ns)
