"""Handlers of the hot lab: order, assay, the two release signatures, cancelling."""

from dataclasses import replace

from controller.clinic.assay import (
    Acceptance,
    Verdict,
    accept,
    cold_problem,
    expected_administered_bq,
    planned_volume,
    usable_nl,
)
from controller.clinic.documents import Problem
from controller.clinic.dosing import decayed_bq
from controller.clinic.gate_table import Place
from controller.core import commands as c
from controller.core import custody, gates, judge
from controller.core import events as e
from controller.core.bedside import RELEASES, drug_profile, to_residual
from controller.core.judge import enter, forget, note
from controller.core.limits import Limits
from controller.core.rules import Refused, Result, asked_by, done, sign, signature
from controller.core.state import Outcome, Phase, Signed, State
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.units import Becquerel

SYRINGE = "syringe"
OVERRIDER = "authorized_user"


def order_loaded(state: State, event: e.OrderLoaded, limits: Limits) -> Result:
    """IDLE -> ORDERED. The order was checked by the clinic before it came here."""
    state = replace(sign(state, event, "order loaded"), treatment=event.treatment)
    return done(enter(state, Phase.ORDERED))


def assay_requested(state: State, event: e.AssayRequested, limits: Limits) -> Result | Refused:
    """Ask the calibrator for a settled reading of the syringe; a re-assay voids the release."""
    if state.assay_pending:
        return Refused("one reading at a time", f"{state.assay_pending} is being measured")
    if state.run is not None or state.connected:
        return Refused("nothing is assayed once the line is in use", "a run or a connection exists")
    if state.first_start_ns is not None:
        return Refused("nothing is assayed once drug was given", "what is left is no dose")
    refused = custody.not_in_hot_lab(state) or gates.not_yet(
        state, event.utc_ns, Place.BEFORE_THAW, limits
    )
    if refused:
        return refused
    state = asked_by(replace(forget(state, "calibrator_link"), assay_pending=SYRINGE), event)
    return done(state, c.ReadAssay(SYRINGE, state.order.nuclide, weak=state.order.cold))


def assay_at(state: State, utc_ns: int) -> Becquerel:
    """The assayed activity decayed to ``utc_ns``, Bq, rounded down."""
    assert state.assay is not None
    assert state.assay.activity_bq is not None
    assert state.assay_utc_ns is not None
    elapsed = utc_ns - state.assay_utc_ns
    return decayed_bq(state.assay.activity_bq, elapsed, state.order.half_life_ms)


def planned_nl(state: State, utc_ns: int) -> int:
    """What the clinic plans to pump if the infusion started at ``utc_ns``, nL.

    Of a cold run all that the container yields: there is no dose to make a volume of.
    """
    order = state.order
    if order.cold:
        return usable_nl(order.fill_nl, order.unusable_nl, order.primed_nl)
    return planned_volume(
        order.administer,
        order.fill_nl,
        order.unusable_nl,
        order.prescribed_bq,
        assay_at(state, utc_ns),
        order.primed_nl,
    )


def _seatable_nl(state: State, limits: Limits) -> int:
    """What the syringe can give after seating it has cost a drop, nL."""
    order = state.order
    return order.fill_nl - order.unusable_nl - order.primed_nl - limits.drop_nl


def _accept(state: State, utc_ns: int) -> Acceptance:
    """The assay, or the dose that the planned part of it holds, against the directive."""
    order, activity = state.order, assay_at(state, utc_ns)
    if order.administer == "volume_for_dose":
        given = planned_nl(state, utc_ns) + order.primed_nl
        activity = expected_administered_bq(activity, order.fill_nl, given)
    return accept(activity, order.prescribed_bq, order.prescribed_range_bq)


def assay_taken(state: State, event: e.AssayRead) -> State:
    """ORDERED, ASSAYED or RELEASED -> ASSAYED with a new assay and no release signature.

    In a cold run an activity is kept and goes back to ORDERED: it is to be accounted for, and
    nothing can be released.
    """
    state = replace(
        state,
        assay=event.reading,
        assay_utc_ns=event.utc_ns,
        released=(),
        released_ns=None,
        patency_ran=False,
        patency_ok=False,
    )
    found = _active(state, event)
    if found is None:
        return enter(forget(state, "cold_active"), Phase.ASSAYED)
    return note(enter(forget(state, "cold_active"), Phase.ORDERED), "cold_active", str(found))


def _active(state: State, event: e.AssayRead) -> Problem | None:
    """What there is in a cold run that must not be there."""
    reading = event.reading
    assert reading.activity_bq is not None
    cold = state.order.cold
    return cold_problem(reading.activity_bq, reading.resolution_bq) if cold else None


def _usable(state: State, event: e.ReleaseSigned, limits: Limits) -> Refused | None:
    """Why this assay cannot be released, or None (treatment.md 7; 10 CFR 35.63)."""
    treatment = state.order
    assert state.assay_utc_ns is not None
    age = event.utc_ns - state.assay_utc_ns
    if not 0 <= age <= limits.assay_age_ns:
        minutes = age // 60_000_000_000
        return Refused("the assay must be fresh", f"it is {minutes} min old; measure again")
    if treatment.cold:
        return None
    activity = assay_at(state, event.utc_ns)
    if activity <= 0:
        holder = "syringe" if treatment.diameter_um else "vial"
        return Refused(f"there must be activity in the {holder}", f"measured {activity} Bq")
    accepted = _accept(state, event.utc_ns)
    if accepted.verdict is Verdict.REFUSED:
        rule = (
            "inside the prescribed range"
            if accepted.outside_range
            else ("not usable beyond 20 % of the prescribed activity (10 CFR 35.63(d))")
        )
        return Refused(rule, f"measured {activity} Bq, prescribed {treatment.prescribed_bq} Bq")
    return None


def _unsigned(event: e.ReleaseSigned, others: tuple[Signed, ...]) -> Refused | None:
    """A refusal unless a named person signs who is none of the others."""
    if not event.who:
        return Refused("a release is signed by name", "no name was given")
    if any(signed.who == event.who for signed in others):
        return Refused("two different people must release", f"{event.who!r} has signed already")
    return None


def _needs_authorized_user(state: State, event: e.ReleaseSigned) -> bool:
    if state.order.cold:
        return False
    accepted = _accept(state, event.utc_ns)
    roles = {event.role, *(s.role for s in state.released)}
    return accepted.verdict is Verdict.ACKNOWLEDGE and OVERRIDER not in roles


def release_signed(state: State, event: e.ReleaseSigned, limits: Limits) -> Result | Refused:
    """One of two release signatures; the second, of another person, makes it RELEASED."""
    place = Place.BEDSIDE if state.released else Place.HOT_LAB
    refused = (
        _usable(state, event, limits)
        or _unsigned(event, state.released)
        or custody.not_signing(state)
        or gates.not_yet(state, event.utc_ns, place, limits)
    )
    if refused:
        return refused
    last = len(state.released) == RELEASES - 1
    if last and _needs_authorized_user(state, event):
        return Refused("10 to 20 % off needs the authorized user's signature", event.role)
    one = signature(event.who, event.role, "released", event.utc_ns, event.proven)
    state = replace(sign(state, event, "released"), released=(*state.released, one))
    if not last:
        return done(state)
    planned = min(planned_nl(state, event.utc_ns), _seatable_nl(state, limits))
    if planned <= 0:
        return Refused("something must be left to infuse", f"planned volume {planned} nL")
    state = replace(state, released_ns=state.now_ns, planned_nl=planned)
    try:
        drug_profile(state)
    except ValueError as error:
        return Refused("every part of the profile must have a rate", str(error))
    return done(enter(state, Phase.RELEASED))


def time_out_repeated(state: State, event: e.ReleaseSigned, limits: Limits) -> Result | Refused:
    """The bedside time-out anew, where the start was delayed: the second signature is replaced.

    It is again another person's than the first, over an assay that is still fresh.
    """
    first = state.released[0]
    refused = (
        _usable(state, event, limits)
        or _unsigned(event, (first,))
        or custody.not_signing(state)
        or gates.not_yet(state, event.utc_ns, Place.BEDSIDE, limits)
    )
    if refused:
        return refused
    if _needs_authorized_user(replace(state, released=(first,)), event):
        return Refused("10 to 20 % off needs the authorized user's signature", event.role)
    second = signature(event.who, event.role, "released", event.utc_ns, event.proven)
    state = replace(sign(state, event, "released"), released=(first, second))
    return done(replace(state, released_ns=state.now_ns))


def cancel_requested(state: State, event: e.CancelRequested, limits: Limits) -> Result | Refused:
    """Call the treatment off: to RESIDUAL if a container was assayed, else CLOSED."""
    if not event.reason.strip():
        return Refused("a reason must be given", repr(event.reason))
    if state.run is not None:
        return Refused("the pump must rest", "press STOP, or wait for the end of the run")
    state = replace(sign(state, event, "cancelled"), cause=event.reason, assay_pending="")
    if state.assay is not None:
        return to_residual(state)
    return done(enter(replace(state, outcome=Outcome.NOT_GIVEN), Phase.CLOSED))


def status_text(status: ReadingStatus) -> str:
    """Why a reading is not final, in the words of the status word: "settling, over range"."""
    told = [bit.name or "" for bit in status if bit is not ReadingStatus.VALID]
    return ", ".join(told).replace("_", " ").lower() or "no value"


def assay_read(state: State, event: e.AssayRead, limits: Limits) -> Result:
    """Take the syringe's assay if it may be used as a final reading, else say why not."""
    pending, state = state.assay_pending, replace(state, assay_pending="")
    if pending != SYRINGE or event.item != SYRINGE:
        return done(state)
    reading = event.reading
    if not reading.final:
        return done(note(state, "calibrator_link", status_text(reading.status)))
    if reading.nuclide != state.order.nuclide:
        evidence = f"measured as {reading.nuclide}, ordered {state.order.nuclide}"
        return done(note(state, "calibrator_link", evidence))
    return judge.disarm(assay_taken(sign_assay(state, event), event))


def assay_late(state: State, event: e.AssayRead | e.AssayFailed, limits: Limits) -> Result:
    """Something else began while the chamber was read: the reading counts for nothing."""
    return done(replace(state, assay_pending=""))


def sign_assay(state: State, event: e.AssayRead) -> State:
    """The state with the signature of the person who asked for the reading."""
    meaning = f"assayed {event.item}"
    one = signature(state.assay_by, "", meaning, event.utc_ns, state.assay_proven)
    return replace(state, signatures=(*state.signatures, one))


def assay_failed(state: State, event: e.AssayFailed, limits: Limits) -> Result:
    """No reading: nothing changes but the notice why."""
    state = replace(forget(state, "calibrator_link"), assay_pending="")
    return done(note(state, "calibrator_link", event.reason))
