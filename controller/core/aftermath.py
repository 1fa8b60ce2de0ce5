"""Handlers after the drug: bounding what is uncertain, residual items, survey, close."""

from dataclasses import replace

from controller.core import commands as c
from controller.core import custody, gates, motion
from controller.core import events as e
from controller.core.hot_lab import status_text
from controller.core.judge import enter, forget, note, to_stopped
from controller.core.limits import Limits
from controller.core.rules import Refused, Result, asked_by, co_sign, done, second_person, sign
from controller.core.state import Item, Outcome, Phase, Stage, State

BACKGROUND = "background"
SYRINGE_AND_LINE = "syringe_and_line"
PADS = "pads"
SURVEY_PLACES = frozenset({"pad", "site", "floor", "gloves"})
COMPLETE_PERMILLE = 10
"""Complete: all but 1 % of the planned volume was pumped, and the line is cleared."""


def leave_uncertain(state: State) -> State:
    """UNCERTAIN -> STOPPED: the interval stands."""
    state = forget(replace(state, uncertain_from=None), "uncertain")
    return to_stopped(state)


def delivery_bounded(
    state: State,
    event: e.DeliveryBounded,
    limits: Limits,
) -> Result | Refused:
    """Two people bound the drug volume pumped so far, inside what is already certain."""
    refused = second_person(event, event.confirmed_by)
    if refused:
        return refused
    state = settle_unasked(state)
    if not state.drug.low_nl <= event.low_nl <= event.high_nl <= state.drug.high_nl:
        known = f"{state.drug.low_nl} .. {state.drug.high_nl} nL"
        return Refused("inside what is certain", f"{event.low_nl} .. {event.high_nl}, not {known}")
    state = co_sign(state, event, event.confirmed_by, f"bounded by {event.method}")
    drug = replace(state.drug, low_nl=event.low_nl, high_nl=event.high_nl)
    return done(leave_uncertain(replace(state, drug=drug, unbounded=False)))


def settle_run(state: State) -> State:
    """A live run that nobody could ask is booked as an interval (treatment.md 5)."""
    run = state.run
    if run is None:
        return state
    low, high = run.counter_nl, motion.upper_nl(state, run)
    if run.doubt:
        rested = state.rested_ns > (run.started_ns or 0)
        talks_ns = max(state.now_ns, state.permit_expires_ns)
        until = state.rested_ns if rested else talks_ns + run.plan.watchdog_ns
        low, high = motion.doubted_nl(run, until)
    return book_interval(state, low, high)


def book_interval(state: State, low_nl: int, high_nl: int) -> State:
    """The run's end booked as what people may have to bound."""
    unbounded = state.unbounded or high_nl > low_nl
    return replace(motion.book(state, low_nl, high_nl), unbounded=unbounded)


def settle_unasked(state: State) -> State:
    """A run that nobody asked about, settled: the interval holds what its counter may show later.

    So where there are two pumps that is not booked once more.
    """
    run, state = state.run, settle_run(state)
    if run is None or state.order.second is None:
        return state
    return motion.with_rest(state, run.plan.channel, None)


def given_up(state: State, event: e.GivenUp, limits: Limits) -> Result | Refused:
    """The interval stands as it is, and there is no resume.

    Also from STOPPED, where a pump never confirmed its STOP: else nobody could end the treatment.
    """
    stopping = state.run is not None and state.run.stage is Stage.STOPPING
    if state.phase is Phase.STOPPED and not stopping:
        return Refused("something must be uncertain", "no STOP waits for its confirmation")
    state = settle_unasked(sign(state, event, "given up: interval stands"))
    if stopping:
        state = note(state, "stop_unconfirmed", "given up before the pump confirmed its STOP")
    return done(leave_uncertain(replace(state, no_resume="delivery could not be bounded")))


def residual_requested(
    state: State,
    event: e.ResidualRequested,
    limits: Limits,
) -> Result | Refused:
    """Measure one item, after the empty well."""
    if state.assay_pending:
        return Refused("one reading at a time", f"{state.assay_pending} is being measured")
    if not event.item.strip():
        return Refused("an item has a name", repr(event.item))
    refused = None if event.item == BACKGROUND else custody.not_in_hot_lab(state)
    if refused:
        return refused
    if event.item != BACKGROUND and state.background_bq is None:
        return Refused("the empty well comes first", f"item {event.item!r} before background")
    state = asked_by(replace(forget(state, "calibrator_link"), assay_pending=event.item), event)
    return done(state, c.ReadAssay(event.item, state.order.nuclide))


def residual_read(state: State, event: e.AssayRead, limits: Limits) -> Result:
    """Keep the item's reading; measured again, it replaces the earlier one."""
    pending, state = state.assay_pending, replace(state, assay_pending="")
    reading = event.reading
    if pending != event.item or reading.activity_bq is None or not reading.final:
        return done(note(state, "calibrator_link", f"{event.item}: {status_text(reading.status)}"))
    if reading.nuclide != state.order.nuclide:
        return done(note(state, "calibrator_link", f"measured as {reading.nuclide}"))
    if event.item == BACKGROUND:
        return done(replace(state, background_bq=reading.activity_bq))
    item = Item(event.item, reading.activity_bq, reading.resolution_bq, event.utc_ns)
    others = tuple(i for i in state.items if i.item != event.item)
    return done(replace(state, items=(*others, item)))


def survey_recorded(
    state: State,
    event: e.SurveyRecorded,
    limits: Limits,
) -> Result | Refused:
    """Pad, site, floor and gloves: a leak that both routes agree about is found here (EN 57953)."""
    places = {place for place, _ in event.places}
    missing = SURVEY_PLACES - places
    if missing:
        return Refused("every place must be surveyed", f"missing: {', '.join(sorted(missing))}")
    return done(
        replace(
            sign(state, event, "survey"),
            survey=event.places,
            survey_utc_ns=event.utc_ns,
            contaminated=event.contaminated,
        )
    )


def outcome_of(state: State) -> Outcome:
    """What the session amounts to, by the lower bound of what was given and cleared."""
    if state.given.high_nl == 0:
        return Outcome.NOT_GIVEN
    enough = state.given.low_nl * 1000 >= state.planned_nl * (1000 - COMPLETE_PERMILLE)
    cleared = state.flushed_nl >= state.order.line_dead_nl
    return Outcome.COMPLETE if enough and cleared else Outcome.PARTIAL


def close_requested(
    state: State,
    event: e.CloseRequested,
    limits: Limits,
) -> Result | Refused:
    """RESIDUAL -> CLOSED once the residual was measured and the room surveyed."""
    items = {item.item for item in state.items}
    if state.assay is not None and SYRINGE_AND_LINE not in items:
        return Refused("residual before close", f"{SYRINGE_AND_LINE} is not measured")
    if state.given.high_nl > 0 and state.survey_utc_ns is None:
        return Refused("survey before close", "pad, site, floor and gloves are not surveyed")
    if state.assay_pending:
        return Refused("one thing at a time", f"{state.assay_pending} is being measured")
    refused = gates.unsigned(state)
    if refused:
        return refused
    state = replace(sign(state, event, "closed"), outcome=outcome_of(state))
    return done(enter(state, Phase.CLOSED))
