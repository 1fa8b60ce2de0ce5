"""Handlers of the bedside: patency, seat, connect, arm, and the start in two steps."""

from dataclasses import replace

from controller.clinic.gate_table import Place
from controller.core import commands as c
from controller.core import commissioning, custody, gates, judge, motion
from controller.core import events as e
from controller.core.judge import Commands, enter, forget, note
from controller.core.limits import Limits
from controller.core.profile import Profile, profile_of, rate_max_ul_h, remaining
from controller.core.rules import Refused, Result, co_sign, done, second_person, sign
from controller.core.state import Phase, Pumped, Purpose, Run, Stage, State
from controller.core.treatment import container
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import Nanoseconds

RELEASES = 2


def drug_profile(state: State) -> Profile:
    """The whole profile of the drug, for the volume that was planned at release."""
    return profile_of(state.planned_nl, state.order.duration_ns, state.order.profile)


def constant(volume_nl: int, rate_ul_h: int) -> Profile:
    """One part that pumps ``volume_nl`` at ``rate_ul_h``."""
    return ((rate_ul_h, max(1, volume_nl * 3_600_000_000 // rate_ul_h)),)


def _idle(state: State) -> Refused | None:
    """A refusal unless the pump is free for a new run."""
    if state.assay_pending:
        return Refused("one thing at a time", f"{state.assay_pending} is being measured")
    if state.run is None:
        return None
    run = state.run
    return Refused("one run at a time", f"{run.purpose.value} is {run.stage.value}")


def _ready(state: State) -> Refused | None:
    """A refusal unless the pump is free, and the self-test has passed: no flow before (POST)."""
    standing = next((n.evidence for n in state.notices if n.id == "self_test"), None)
    if standing is not None:
        return Refused("the self-test must have passed", standing)
    return _idle(state)


def begin(
    state: State, purpose: Purpose, volume_nl: int, profile: Profile, diameter_um: int
) -> Result:
    """Programme the pump for a run of this purpose."""
    state = forget(state, "pump_link", "pump_unprepared")
    state = motion.begin(state, purpose, volume_nl, profile, diameter_um)
    assert state.run is not None
    return done(state, c.Prepare(state.epoch, state.run.plan))


def energise(state: State, run: Run) -> Result:
    """RUN leaves from here: the run is live from this moment on, with its first permit."""
    run = replace(run, stage=Stage.STARTING, started_ns=state.now_ns)
    # What was counted before the start says nothing of the flow after it.
    told = ((state.now_ns, run.profile[0][0]),)
    run = replace(run, samples=(), previous=None, told=told)
    expires = state.now_ns + motion.permit_life_ns(run.plan)
    state = replace(state, run=run, permit_expires_ns=expires)
    permit = Permit(state.epoch, Nanoseconds(expires))
    return done(state, c.GrantPermit(permit), c.RunPump(state.epoch))


def patency_requested(state: State, event: e.PatencyRequested, limits: Limits) -> Result | Refused:
    """Saline at the infusion's rate, before the drug is mounted; whatever was seated comes off.

    The latch must be clear: a STOP before the release may have left one as well.
    """
    refused = _ready(state) or custody.not_at_bedside(state)
    if refused:
        return refused
    standing = judge.standing(state)
    if standing or state.no_resume:
        return Refused("the latch must be clear", standing or state.no_resume)
    state, cleared = judge.clear_latch(state)
    state = replace(_saline_mounted(state, event), patency_ok=False)
    state = sign(state, event, "patency run")
    state = replace(state, patency_ran=False, seat_before_nl=state.seat.high_nl)
    rate = rate_max_ul_h(drug_profile(state))
    profile = constant(limits.patency_volume_nl, rate)
    volume = limits.patency_volume_nl
    state, commands = begin(state, Purpose.PATENCY, volume, profile, event.diameter_um)
    return state, cleared + commands


def _saline_mounted(
    state: State, event: e.PatencyRequested | e.FlushRequested | e.KvoRequested
) -> State:
    """Saline takes the drug syringe's place, unless it has a pump of its own.

    Drug then goes on only once it was seated and connected anew.
    """
    if state.order.second is None:
        return replace(state, connected=False)
    return replace(state, saline_syringe=event.syringe, saline_um=event.diameter_um)


def flush_pump_refused(
    state: State, syringe: str, diameter_um: int, limits: Limits
) -> Refused | None:
    """Why the second pump may not push saline out of this syringe; None where there is none."""
    second = state.order.second
    if second is None:
        return None
    mounted = replace(
        state.order, syringe=syringe, diameter_um=diameter_um, watchdog_ns=second.watchdog_ns
    )
    known, now = state.flush_commissioned, state.now_utc_ns
    objection = commissioning.objection(known, state.flush_pump, mounted, now, limits)
    if objection is None:
        return None
    rule, seen = objection
    return Refused("the second pump must be proven too", f"{rule}: {seen}")


def patency_confirmed(state: State, event: e.PatencyConfirmed, limits: Limits) -> Result | Refused:
    """What was seen at the site. A leak trips; no blood return means another run."""
    if event.leak_seen:
        return done(note(sign(state, event, "leak seen"), "leak", "seen during the patency run"))
    if not state.patency_ran or state.run is not None:
        return Refused("saline must have run before patency is confirmed", "no finished run")
    if not event.blood_return:
        return Refused("blood return must be seen", "run again, or choose another site")
    return done(replace(sign(state, event, "patency confirmed"), patency_ok=True))


def seat_requested(state: State, event: e.SeatRequested, limits: Limits) -> Result | Refused:
    """Advance the pusher to a drop at the tip: capped volume and rate, watchdog armed."""
    refused = _ready(state) or second_person(event, event.confirmed_by)
    refused = refused or custody.not_at_bedside(state)
    if refused:
        return refused
    if not state.patency_ok:
        return Refused("patency must be confirmed before the drug is mounted", "no patency run")
    used = state.seat.high_nl - state.seat_before_nl
    left = limits.seat_volume_nl - used
    if left < limits.drop_nl:
        return Refused("the seat volume is capped", f"{used} nL are used up")
    mounted = f"{container(state.order.diameter_um)} {state.order.syringe} mounted"
    state = co_sign(state, event, event.confirmed_by, mounted)
    rate = min(limits.seat_rate_ul_h, rate_max_ul_h(drug_profile(state)))
    profile = constant(left, rate)
    return begin(state, Purpose.SEAT, left, profile, state.order.diameter_um)


def seat_confirmed(state: State, event: e.SeatConfirmed, limits: Limits) -> Result | Refused:
    """RELEASED -> SEATED once a drop was seen; stops a seat run that is still going."""
    if not event.drop_seen:
        return Refused("a drop must be seen at the tip", "run again")
    if state.assay_pending:
        return Refused("one thing at a time", f"{state.assay_pending} is being measured")
    run = state.run
    if run is not None and run.purpose is not Purpose.SEAT:
        return Refused("one run at a time", f"{run.purpose.value} is {run.stage.value}")
    pumped = state.pumped(Purpose.SEAT).high_nl - state.seat_before_nl
    if pumped == 0:
        return Refused("the pusher must have moved before it is seated", "no seat run")
    drop = state.seat_prime_nl + min(limits.drop_nl, pumped)
    state = replace(sign(state, event, "drop seen"), seat_prime_nl=drop)
    commands: Commands = ()
    if run is not None and run.stage is not Stage.STOPPING:
        state, commands = judge.stop(state, "drop seen")
    return enter(state, Phase.SEATED), commands


def connection_confirmed(
    state: State,
    event: e.ConnectionConfirmed,
    limits: Limits,
) -> Result | Refused:
    """The line is joined and every clamp is open. Not before the pump rests after the seat run."""
    if not event.clamps_open:
        return Refused("the clamps must be open", "a clamp is closed")
    if state.run is not None and state.run.live:
        return Refused("the pump must rest", "STOP is not confirmed yet")
    return done(replace(sign(state, event, "line connected"), connected=True))


def remaining_nl(state: State) -> int:
    """What may still be given, by the upper bound of what was pumped, nL.

    Each seating costs a drop: never more than the syringe then has to give.
    """
    order = state.order
    given = order.primed_nl + state.seat_prime_nl
    return min(state.planned_nl, order.fill_nl - order.unusable_nl - given) - state.drug.high_nl


def programme_drug(state: State, limits: Limits) -> Result | Refused:
    """Programme what remains, at no more than the profile's rates."""
    refused = _ready(state)
    if refused:
        return refused
    if len({signed.who for signed in state.released}) < RELEASES:
        return Refused("two people must have released", f"{len(state.released)} have")
    volume = remaining_nl(state)
    if volume <= 0:
        return Refused("something must remain to be given", f"{volume} nL remain")
    profile = remaining(drug_profile(state), state.drug.high_nl)
    return begin(state, Purpose.DRUG, volume, profile, state.order.diameter_um)


def arm_requested(state: State, event: e.ArmRequested, limits: Limits) -> Result | Refused:
    """SEATED: programme the drug; the phase becomes ARMED when everything was read back."""
    if not (state.connected and state.patency_ok):
        return Refused("patency and connection must be confirmed", "the line is not confirmed")
    blocking = judge.start_refusals(state)
    if blocking:
        return Refused("no alarm may forbid the start", ", ".join(blocking))
    known = state.commissioned
    objection = commissioning.objection(known, state.pump, state.order, event.utc_ns, limits)
    if objection is not None:
        return Refused(*objection)
    refused = flush_pump_refused(state, state.saline_syringe, state.saline_um, limits)
    if refused:
        return refused
    return programme_drug(sign(state, event, "arm"), limits)


def start_refused(state: State, limits: Limits) -> Refused | None:
    """Every reason why drug may not start now (treatment.md 2, 3)."""
    run = state.run
    if run is None or run.stage is not Stage.READY or run.epoch != state.epoch:
        return Refused("the pump must be programmed and read back", "it is not")
    blocking = judge.start_refusals(state)
    if blocking:
        return Refused("no alarm may forbid the start", ", ".join(blocking))
    age = state.now_ns - run.read_ns
    if age > limits.stale_ns:
        return Refused("the pump must answer", f"last status {age // 1_000_000} ms old")
    assert state.released_ns is not None
    since = state.now_ns - state.released_ns
    if state.first_start_ns is None and since > limits.time_out_ns:
        return Refused("the time-out must be fresh", f"released {since // 60_000_000_000} min ago")
    return None


def _gated(state: State, event: e.ByPerson, limits: Limits) -> Refused | None:
    """Before the first drug every gate must be open; what follows was asked before."""
    if state.first_start_ns is not None:
        return None
    return gates.not_yet(state, event.utc_ns, Place.BEDSIDE, limits)


def start_requested(state: State, event: e.StartRequested, limits: Limits) -> Result | Refused:
    """First step of the start: opens the window for the second."""
    refused = start_refused(state, limits) or _gated(state, event, limits)
    if refused:
        return refused
    return done(replace(state, start_by=event.who, start_requested_ns=state.now_ns))


def start_confirmed(state: State, event: e.StartConfirmed, limits: Limits) -> Result | Refused:
    """ARMED -> INFUSING: the same person, inside the window, with every gate still open."""
    refused = start_refused(state, limits) or _gated(state, event, limits)
    if refused:
        return refused
    asked = state.start_requested_ns
    if asked is None or state.now_ns - asked > limits.start_window_ns:
        return Refused("the start is two steps inside the window", "the first step is missing")
    if state.start_by != event.who:
        return Refused("both steps are one person's", f"{state.start_by!r} and {event.who!r}")
    assert state.run is not None
    state = sign(state, event, "started")
    first = state.first_start_ns is None
    state = replace(
        enter(state, Phase.INFUSING),
        start_by="",
        start_requested_ns=None,
        first_start_ns=state.now_ns if first else state.first_start_ns,
        first_start_utc_ns=state.now_utc_ns if first else state.first_start_utc_ns,
    )
    assert state.run is not None
    return energise(_prompts(state) if first else state, state.run)


def arrival_active_ns(state: State) -> int:
    """Pumping time until drug reaches the vein.

    Dead volume at the first rate, 0 if primed with drug.
    """
    treatment = state.order
    if treatment.primed_with == "drug":
        return 0
    rate = drug_profile(state)[0][0]
    return treatment.line_dead_nl * 3_600_000_000 // rate


FIRST_CHECK_NS = 60_000_000_000
BARREL_NS = (120_000_000_000, 300_000_000_000, 900_000_000_000)


def _prompts(state: State) -> State:
    """Site checks count from drug arrival, barrel readings from the start."""
    check = arrival_active_ns(state) + FIRST_CHECK_NS
    return replace(state, check_due_active_ns=check, barrel_due_active_ns=BARREL_NS[0])


def flush_rate_ul_h(state: State) -> int:
    """Never faster than the drug until the line is cleared."""
    return min(rate for rate, _ in drug_profile(state))


def flush_requested(state: State, event: e.FlushRequested, limits: Limits) -> Result | Refused:
    """FLUSHING, or STOPPED with a clear latch: flush with a saline syringe.

    Out of the drug pump, or out of the second one where there is one.
    """
    refused = (
        _ready(state)
        or custody.not_at_bedside(state)
        or second_person(event, event.confirmed_by)
        or flush_pump_refused(state, event.syringe, event.diameter_um, limits)
    )
    if refused:
        return refused
    cleared: Commands = ()
    if state.phase is Phase.STOPPED:
        standing = judge.standing(state)
        if standing:
            return Refused("the latch must be clear", standing)
        state, cleared = judge.clear_latch(state)
    left = state.order.flush_volume_nl - state.flush.low_nl
    if left <= 0:
        return Refused("the flush is complete", f"{state.flush.low_nl} nL flushed")
    mounted = f"flush {container(event.diameter_um)} {event.syringe} mounted"
    state = co_sign(state, event, event.confirmed_by, mounted)
    state = enter(_saline_mounted(state, event), Phase.FLUSHING)
    profile = constant(left, flush_rate_ul_h(state))
    state, commands = begin(state, Purpose.FLUSH, left, profile, event.diameter_um)
    return state, cleared + commands


def kvo_requested(state: State, event: e.KvoRequested, limits: Limits) -> Result | Refused:
    """HELD: saline out of the second pump keeps the vein open, slowly and up to a volume."""
    refused = (
        _ready(state)
        or second_person(event, event.confirmed_by)
        or flush_pump_refused(state, event.syringe, event.diameter_um, limits)
    )
    if refused:
        return refused
    second = state.order.second
    if second is None or not second.kvo_ul_h:
        return Refused("a vein is kept open only where the site says so", "no flush.kvo_ml_h")
    if state.flush.low_nl >= state.order.flush_volume_nl:
        return Refused("the flush is complete", f"{state.flush.low_nl} nL flushed")
    if not state.patency_ok:
        return Refused("patency must be confirmed before a vein is kept open", "it is not")
    left = second.kvo_nl - state.kvo.high_nl
    if left <= 0:
        return Refused("the volume that keeps a vein open is capped", f"{state.kvo.high_nl} nL")
    mounted = f"KVO {container(event.diameter_um)} {event.syringe} mounted"
    state = co_sign(state, event, event.confirmed_by, mounted)
    profile = constant(left, min(second.kvo_ul_h, flush_rate_ul_h(state)))
    state = _saline_mounted(state, event)
    return begin(state, Purpose.KVO, left, profile, event.diameter_um)


def flush_confirmed(state: State, event: e.FlushConfirmed, limits: Limits) -> Result | Refused:
    """The line was flushed by hand: the confirmed volume counts, the pump is out of it."""
    refused = _idle(state)
    if refused:
        return refused
    if not 0 < event.volume_nl <= 20 * state.order.line_dead_nl:
        return Refused("a flush volume above 0 and up to 20 dead volumes", f"{event.volume_nl} nL")
    flushed = Pumped(event.volume_nl, event.volume_nl)
    state = motion.add(sign(state, event, "flushed by hand"), Purpose.FLUSH, flushed)
    return to_residual(replace(state, clearance_utc_ns=event.utc_ns))


def to_residual(state: State) -> Result:
    """RESIDUAL: nothing will run any more, so the pump may leave Safe mode."""
    return judge.disarm(enter(state, Phase.RESIDUAL))
