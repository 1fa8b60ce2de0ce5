"""Handlers of what interrupts: STOP, buttons, hold, resume, abort, acknowledge, readings, checks.

STOP is the shortest path here: it opens a new epoch and stops, in every phase, whoever asks.
"""

from dataclasses import replace

from controller.clinic.text import volume_text as _ml
from controller.core import commands as c
from controller.core import events as e
from controller.core import gates, judge
from controller.core.bedside import BARREL_NS, arrival_active_ns, programme_drug, to_residual
from controller.core.judge import STOPPABLE, Commands, enter, forget, note
from controller.core.limits import Limits
from controller.core.rules import Refused, Result, done, sign
from controller.core.state import Phase, Purpose, Stage, State

WRONG_SYRINGE = "barrel and counter disagree; a reading that agrees must come first"
CHECK_EVERY_NS = 300_000_000_000
SECOND_CHECK_NS = 300_000_000_000
BUTTONS = {
    e.PainPressed: ("pain", "PAIN / SWELLING pressed"),
    e.SpillPressed: ("spill", "SPILL pressed"),
}


def stop_pressed(state: State, event: e.StopPressed, limits: Limits) -> Result:
    """STOP in any phase. Latches where there was something to stop."""
    matters = state.run is not None or state.phase in STOPPABLE - {Phase.RELEASED}
    state, commands = judge.stop(state, f"STOP pressed ({event.source})")
    if state.phase is Phase.UNCERTAIN:
        # The new epoch has dropped the *recover* that was under way.
        commands = (*commands, c.RecoverPump(state.epoch))
    if not matters:
        return state, commands
    state = note(state, "stop_pressed", f"by {event.who or 'somebody'} at {event.source}")
    if state.phase in STOPPABLE:
        state = judge.to_stopped(state)
    return state, commands


def button_pressed(
    state: State,
    event: e.PainPressed | e.SpillPressed,
    limits: Limits,
) -> Result:
    """PAIN / SWELLING and SPILL trip at once; the interlock finds the notice in this very step."""
    id_, evidence = BUTTONS[type(event)]
    return done(note(sign(state, event, evidence), id_, evidence))


def patient_moved(state: State, event: e.PatientMovedPressed, limits: Limits) -> Result:
    """PATIENT MOVED: look at the site now."""
    state = note(sign(state, event, "patient moved"), "patient_moved", "PATIENT MOVED pressed")
    if state.check_due_active_ns is None:
        return done(state)
    due = min(state.check_due_active_ns, state.active_ns)
    return done(replace(state, check_due_active_ns=due))


def site_checked(state: State, event: e.SiteChecked, limits: Limits) -> Result:
    """The site was looked at; a bad site is PAIN / SWELLING. The next check is 5 minutes on."""
    state = forget(sign(state, event, "site checked"), "patient_moved")
    if not event.site_ok:
        return done(note(state, "pain", "site check: the site is not well"))
    if (
        state.check_due_active_ns is None
        or state.active_ns < state.check_due_active_ns - 30 * 10**9
    ):
        return done(replace(state, checks=state.checks + 1))
    arrival = arrival_active_ns(state)
    due = arrival + SECOND_CHECK_NS
    while due <= state.active_ns:
        due += CHECK_EVERY_NS
    return done(replace(state, check_due_active_ns=due, checks=state.checks + 1))


def barrel_read(state: State, event: e.BarrelRead, limits: Limits) -> Result | Refused:
    """The volume read off the barrel against what the counter leaves in it (wrong syringe size)."""
    treatment = state.order
    where = "barrel" if treatment.diameter_um else "vial"
    if not 0 <= event.volume_nl <= 2 * treatment.fill_nl:
        return Refused(f"a {where} volume between 0 and twice the fill", f"{event.volume_nl} nL")
    pumped = state.pumped(Purpose.DRUG)
    filled = treatment.fill_nl - treatment.primed_nl
    low = filled - state.seat_prime_nl - pumped.high_nl - limits.barrel_nl
    high = filled - pumped.low_nl + limits.barrel_nl
    later = [due for due in BARREL_NS if due > state.active_ns]
    state = replace(
        sign(state, event, f"{where} read {_ml(event.volume_nl)}"),
        barrel_due_active_ns=later[0] if later else None,
    )
    if low <= event.volume_nl <= high:
        known = "" if state.no_resume == WRONG_SYRINGE else state.no_resume
        return done(replace(state, no_resume=known))
    evidence = f"read {_ml(event.volume_nl)}, expected {_ml(low)} to {_ml(high)}"
    state = note(state, "barrel_mismatch", evidence)
    return done(replace(state, no_resume=state.no_resume or WRONG_SYRINGE))


def hold_requested(state: State, event: e.HoldRequested, limits: Limits) -> Result | Refused:
    """A pause with a reason: the plunger rests, a timer runs."""
    if not event.reason.strip():
        return Refused("a reason must be given", repr(event.reason))
    if state.phase is Phase.RELEASED and state.run is None:
        return Refused("there must be something to hold", "nothing runs")
    state = replace(
        sign(state, event, f"held: {event.reason}"),
        held_from=state.phase,
        hold_reason=event.reason,
        held_ns=state.now_ns,
        start_by="",
        start_requested_ns=None,
    )
    commands: Commands = ()
    if state.run is not None and state.phase is not Phase.ARMED:
        state, commands = judge.stop(state, "hold")
    return enter(state, Phase.HELD), commands


def resume_requested(state: State, event: e.ResumeRequested, limits: Limits) -> Result | Refused:
    """From HELD one person; from STOPPED two, with the latch clear.

    Where drug is to flow again after an absence, the patient is identified anew.
    """
    if state.held_from is not Phase.FLUSHING:
        refused = gates.left_alone(state, event.utc_ns, state.phase_ns, limits)
        if refused:
            return refused
    if state.phase is Phase.HELD:
        return _resume_held(state, event, limits)
    return _resume_stopped(state, event, limits)


def _resume_held(state: State, event: e.ResumeRequested, limits: Limits) -> Result | Refused:
    """HELD goes back where it came from; INFUSING by way of ARMED, reprogrammed.

    A flush that is complete has nothing to go back to: RESIDUAL.
    """
    back = state.held_from
    assert back is not None
    state = sign(state, event, "resumed")
    if state.run is not None and state.run.purpose is Purpose.KVO:
        return _end_kvo(state, event, back)
    if back is Phase.INFUSING:
        return programme_drug(state, limits)
    if state.run is not None and back is not Phase.ARMED:
        return Refused("the pump must rest", "STOP is not confirmed yet")
    if back is Phase.FLUSHING and state.flush.low_nl >= state.order.flush_volume_nl:
        back = Phase.RESIDUAL
    state = replace(state, held_from=None, held_ns=None, hold_reason="")
    return to_residual(state) if back is Phase.RESIDUAL else done(enter(state, back))


def _end_kvo(state: State, event: e.ResumeRequested, back: Phase) -> Result:
    """The end of the hold ends what keeps the vein open; drug is programmed once that rests."""
    commands: Commands = ()
    if state.run is not None and state.run.stage is not Stage.STOPPING:
        state, commands = judge.stop(state, "the hold ends")
    if back is Phase.INFUSING:
        return replace(state, resume_by=event.who), commands
    state = replace(state, held_from=None, held_ns=None, hold_reason="")
    return enter(state, back), commands


def kvo_ended(state: State, limits: Limits) -> Result:
    """The second pump rests: the resume that waited for it goes on, if there is one."""
    if state.phase is not Phase.HELD or not state.resume_by:
        return done(state)
    state = replace(state, resume_by="")
    result = programme_drug(state, limits)
    return done(state) if isinstance(result, Refused) else result


def _resume_stopped(state: State, event: e.ResumeRequested, limits: Limits) -> Result | Refused:
    """STOPPED -> RELEASED (new site, after a new patency run) or, reprogrammed, ARMED.

    The patency run took the drug syringe off the pump, so it is seated anew: pusher slack would
    count as drug.
    """
    if state.no_resume or state.unbounded:
        return Refused("no resume", state.no_resume or "what was pumped is not bounded")
    standing = judge.standing(state)
    if standing:
        return Refused("every trip must be gone and acknowledged", standing)
    if state.run is not None:
        return Refused("the pump must rest", "a run is still being stopped")
    if event.new_site and not state.patency_ok:
        return Refused("a new site needs a new patency run", "none was confirmed")
    if not event.new_site and not state.connected:
        return Refused("the line must be connected", "it is not: new patency run, seat, connect")
    if not state.resume_by or state.resume_by == event.who:
        return done(replace(sign(state, event, "resume, first"), resume_by=event.who))
    state, cleared = judge.clear_latch(replace(sign(state, event, "resume"), resume_by=""))
    if event.new_site:
        return enter(replace(state, connected=False), Phase.RELEASED), cleared
    result = programme_drug(state, limits)
    if isinstance(result, Refused):
        return result
    return result[0], cleared + result[1]


def acknowledged(state: State, event: e.Acknowledged, limits: Limits) -> Result:
    """Somebody has seen it. What only happened once is over with that; conditions stay."""
    named = {a.id for a in state.alarms if event.alarm in ("", a.id)}
    alarms = tuple(
        replace(a, acknowledged_by=event.who) if a.id in named and not a.acknowledged_by else a
        for a in state.alarms
    )
    state = replace(sign(state, event, f"acknowledged {event.alarm or 'all'}"), alarms=alarms)
    return done(forget(state, *(named & MOMENTARY)))


def audio_paused(state: State, event: e.AudioPaused, limits: Limits) -> Result | Refused:
    """Quiet for a short while. It ends by itself, and at once when a new alarm comes."""
    if not state.alarms:
        return Refused("there must be an alarm to be quiet about", "none is active")
    until = state.now_ns + limits.audio_pause_ns
    return done(replace(sign(state, event, "audio paused"), audio_pause_until_ns=until))


MOMENTARY = {
    "stop_pressed", "pain", "spill", "leak", "patient_moved", "barrel_mismatch",
    "occlusion", "pump_reset", "watchdog_fired", "program_error", "readback", "run_refused",
    "pump_fault", "hose_rupture", "container_empty", "container_low", "air", "pressure_high",
    "take_over", "identity", "monotonic", "lag", "inbox_overflow", "task_died", "restarted",
    "permit_expired", "clock_step", "pump_link", "pump_unprepared", "calibrator_link",
}  # fmt: skip
"""Notices of things that happened rather than last: an acknowledgement ends them."""


def abort_requested(state: State, event: e.AbortRequested, limits: Limits) -> Result | Refused:
    """Stop for good, with a cause (treatment.md 4). Nothing latches: a person decided."""
    if not event.cause.strip():
        return Refused("a cause must be given", repr(event.cause))
    state = replace(sign(state, event, f"aborted: {event.cause}"), cause=event.cause)
    commands: Commands = ()
    if state.run is not None:
        state, commands = judge.stop(state, "abort")
    return judge.to_stopped(state), commands


def end_requested(state: State, event: e.EndRequested, limits: Limits) -> Result | Refused:
    """STOPPED -> RESIDUAL at any time, by one person, latch standing or not."""
    if not (event.cause.strip() or state.cause):
        return Refused("a cause must be given", repr(event.cause))
    if state.run is not None:
        return Refused("the pump must rest", "STOP is not confirmed; give up what is uncertain")
    state = replace(sign(state, event, "delivery ended"), cause=event.cause or state.cause)
    return to_residual(state)
