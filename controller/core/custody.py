"""Who answers for the drug's container: the hot lab or the bedside, handed over by signature.

Nothing that stops or warns asks here, and nothing does in a session that began before there were
stations.
"""

from dataclasses import replace

from controller.core.limits import Limits
from controller.core.place import CustodyHandedOver, HandOver, Place
from controller.core.rules import Refused, Result, done, second_person, sign, signature
from controller.core.state import Phase, State
from controller.core.treatment import container


def place_of(state: State) -> Place:
    """Whose the container is now: the hot lab's until it is first handed over."""
    return state.custody[-1].to if state.custody else Place.HOT_LAB


def not_in_hot_lab(state: State) -> Refused | None:
    """A refusal unless the container is in the hot lab's custody."""
    return _not_at(state, Place.HOT_LAB)


def not_at_bedside(state: State) -> Refused | None:
    """A refusal unless the container is in the bedside's custody."""
    return _not_at(state, Place.BEDSIDE)


def _not_at(state: State, place: Place) -> Refused | None:
    found = place_of(state)
    if not state.stations or found is place:
        return None
    return Refused(f"the {place.words} must have custody", f"the {found.words} has: hand it over")


def not_signing(state: State) -> Refused | None:
    """A refusal unless a release is signed where it belongs (treatment.md 2).

    The first signature says in the hot lab that the dose is right, the second at the bedside that
    it is this patient's.
    """
    return _not_at(state, Place.BEDSIDE if state.released else Place.HOT_LAB)


def handed_over(state: State, event: CustodyHandedOver, limits: Limits) -> Result | Refused:
    """The container changes hands: two different people sign, at the place that takes it over."""
    refused = second_person(event, event.confirmed_by) or _objection(state, event.to)
    if refused:
        return refused
    to, taker, what = event.to, event.confirmed_by, _what(state)
    state = sign(state, event, f"handed over to the {to.words}: {what}")
    meaning = f"taken over at the {to.words}: {what}"
    second = signature(taker, "", meaning, event.utc_ns, event.other)
    one = HandOver(to, what, event.who, taker, event.utc_ns)
    signatures, custody = (*state.signatures, second), (*state.custody, one)
    return done(replace(state, signatures=signatures, custody=custody))


def _objection(state: State, to: Place) -> Refused | None:
    """Why the container may not go there now, or None."""
    if not state.stations:
        return Refused("custody is handed over between stations", "this session knows of none")
    if place_of(state) is to:
        return Refused("custody goes to the other place", f"the {to.words} has it already")
    if state.assay_pending:
        return Refused("one thing at a time", f"{state.assay_pending} is being measured")
    if state.run is not None:
        return Refused("the pump must rest", f"{state.run.purpose.value} is under way")
    if to is Place.HOT_LAB and state.phase is Phase.STOPPED:
        return Refused("the treatment must be ended first", "it may still go on")
    if to is Place.BEDSIDE and state.phase is Phase.RESIDUAL:
        return Refused("nothing more goes to the bedside", "delivery has ended")
    if to is Place.BEDSIDE and not state.released:
        return Refused("the hot lab must have signed the release", "no release signature")
    return None


def _what(state: State) -> str:
    """What is handed over, by what has become of it."""
    order = state.order
    named = f"{container(order.diameter_um)} {order.syringe}"
    return f"used {named} and line" if state.drug.high_nl else named
