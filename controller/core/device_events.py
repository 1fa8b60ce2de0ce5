"""Handlers of what devices say. A fact is taken in every phase; what follows depends on the run."""

from controller.core import aftermath, interruption, judge, motion
from controller.core import commands as c
from controller.core import events as e
from controller.core.alarms import LATCHING
from controller.core.bedside import FIRST_CHECK_NS, energise, to_residual
from controller.core.changed import changed
from controller.core.idle_pump import is_idle
from controller.core.judge import enter, forget, note
from controller.core.limits import Limits
from controller.core.line import line_of
from controller.core.profile import part_at
from controller.core.rules import Result, done
from controller.core.state import Phase, Purpose, Rest, Run, Sample, Stage, State
from firmware_interfaces.readings import Channel, PlanReadback, PumpAlarm, PumpPlan, PumpStatus
from firmware_interfaces.units import NL_PER_UL, NS_PER_H, NS_PER_S

ALARM_ROWS = {
    PumpAlarm.RESET: "pump_reset",
    PumpAlarm.STALL: "occlusion",
    PumpAlarm.WATCHDOG: "watchdog_fired",
    PumpAlarm.PROGRAM_ERROR: "program_error",
    PumpAlarm.PHASE_RANGE: "program_error",
    PumpAlarm.HOSE_RUPTURE: "hose_rupture",
    PumpAlarm.AIR: "air",
    PumpAlarm.OVER_PRESSURE: "pressure_high",
    PumpAlarm.EMPTY: "container_empty",
    PumpAlarm.NEAR_EMPTY: "container_low",
    PumpAlarm.FAULT: "pump_fault",
}
RATE_TOLERANCE_PERMILLE = 10
"""How far below the plan a read-back rate or volume may lie.

Rounding to four digits is 1 in 1000.
"""
BATCH_TOLERANCE_PERMILLE = 20
"""The same of a volume in half revolutions, of which a dose has 50 at least; its time is rounded up
to a whole second."""


def pump_identified(state: State, event: e.PumpIdentified, limits: Limits) -> Result:
    """Remember who a pump is; another one during a treatment is a trip."""
    drug = event.channel is Channel.DRUG
    known = state.pump if drug else state.flush_pump
    if known is not None and known != event.identity and state.phase in LATCHING:
        state = note(state, "identity", f"{known} before, {event.identity} now")
    if drug:
        return done(changed(state, pump=event.identity))
    return done(changed(state, flush_pump=event.identity))


def calibrator_identified(
    state: State,
    event: e.CalibratorIdentified,
    limits: Limits,
) -> Result:
    """Remember who the calibrator is."""
    return done(changed(state, calibrator=event.identity))


def mismatch(plan: PumpPlan, held: PlanReadback) -> str:
    """What the pump holds that it was not told, or an empty string. Never above, hardly below."""
    batch = plan.diameter_um == 0
    share = 1000 - (BATCH_TOLERANCE_PERMILLE if batch else RATE_TOLERANCE_PERMILLE)
    slower_ul_h = _second_ul_h(plan) if batch else 0
    if held.diameter_um != plan.diameter_um:
        return f"diameter {held.diameter_um} um, wanted {plan.diameter_um} um"
    least = plan.rate_ul_h * share - slower_ul_h * 1000
    if not least <= held.rate_ul_h * 1000 <= plan.rate_ul_h * 1000:
        return f"rate {held.rate_ul_h} uL/h, wanted {plan.rate_ul_h} uL/h"
    if not plan.volume_nl * share <= held.volume_nl * 1000 <= plan.volume_nl * 1000:
        return f"volume {held.volume_nl} nL, wanted {plan.volume_nl} nL"
    if held.watchdog_ns != plan.watchdog_ns:
        return f"watchdog {held.watchdog_ns} ns, wanted {plan.watchdog_ns} ns"
    if held.trigger is not plan.trigger:
        return f"trigger {held.trigger.value}, wanted {plan.trigger.value}"
    if held.infused_nl != 0:
        return f"counter {held.infused_nl} nL, wanted 0"
    return ""


def _second_ul_h(plan: PumpPlan) -> int:
    """By how much a batch is slower that takes a second longer than planned, uL/h, rounded up."""
    planned_ns = max(1, plan.volume_nl * NS_PER_H // (plan.rate_ul_h * NL_PER_UL))
    return -(-plan.rate_ul_h * NS_PER_S // (planned_ns + NS_PER_S))


def pump_prepared(state: State, event: e.PumpPrepared, limits: Limits) -> Result:
    """Everything was read back: ARMED for the drug; other runs start at once."""
    run = state.run
    state = changed(state, watchdog_armed=True)
    if run is None or event.epoch != run.epoch or run.stage is not Stage.PREPARING:
        return done(state)
    rest = Rest(run.purpose, event.readback.infused_nl)
    state = motion.with_rest(state, run.plan.channel, rest)
    wrong = mismatch(run.plan, event.readback)
    if wrong:
        return done(note(changed(state, run=None), "readback", wrong))
    run = changed(run, stage=Stage.READY, readback=event.readback, read_ns=event.readback.read_ns)
    state = changed(state, run=run)
    if run.purpose is not Purpose.DRUG:
        return energise(state, run)
    back = changed(state, held_from=None, held_ns=None, hold_reason="")
    return done(enter(back, Phase.ARMED))


def prepare_failed(state: State, event: e.PrepareFailed, limits: Limits) -> Result:
    """Nothing was started. A value refused or not held is a trip, silence a start refusal."""
    run = state.run
    if run is None or event.epoch != run.epoch or run.stage is not Stage.PREPARING:
        return done(state)
    state = changed(state, run=None)
    if event.field:
        return done(note(state, "readback", f"{event.field}: {event.reason}"))
    return done(note(state, "pump_unprepared", event.reason))


def run_started(state: State, event: e.RunStarted, limits: Limits) -> Result:
    """RUN acted; from here the interlocks watch."""
    run = state.run
    if run is None or event.epoch != run.epoch or run.stage is not Stage.STARTING:
        return done(state)
    assert run.started_ns is not None
    began = Sample(run.started_ns, 0)
    run = changed(run, stage=Stage.RUNNING, samples=(began,))
    run = motion.absorb(run, event.status, limits)
    return _progress(changed(state, run=run))


def run_refused(state: State, event: e.RunRefused, limits: Limits) -> Result:
    """The pump definitely did not run, or not at the next part's rate: stop."""
    run = state.run
    at_work = (Stage.STARTING, Stage.RUNNING)
    if run is None or event.epoch != run.epoch or run.stage not in at_work:
        return done(state)
    state, commands = judge.stop(state, "run refused")
    return note(state, "run_refused", event.reason), commands


def write_lost(state: State, event: e.WriteLost, limits: Limits) -> Result:
    """Nobody knows whether the write acted: stop, then ask the pump what it knows."""
    if event.epoch != state.epoch or state.run is None:
        return done(state)
    return uncertain(state, f"the reply to {event.operation} was lost")


def uncertain(state: State, why: str) -> Result:
    """To UNCERTAIN: STOP first, then *recover*."""
    before = state.uncertain_from or state.phase
    state, commands = judge.stop(state, why)
    state = note(changed(state, uncertain_from=before), "uncertain", why)
    return enter(state, Phase.UNCERTAIN), (*commands, c.RecoverPump(state.epoch))


def pump_read(state: State, event: e.PumpRead, limits: Limits) -> Result:
    """One poll.

    Take it into the run, see whether it is done, move on to the profile's next part.
    """
    status, run = event.status, state.run
    state = forget(state, "pump_link")
    if status.asked_ns > state.now_ns:
        ahead_ms = (status.asked_ns - state.now_ns) // 1_000_000
        return done(note(state, "monotonic", f"a reading is {ahead_ms} ms ahead of its event"))
    if run is None:
        return _unexpected(state, event)
    if run.stage is Stage.PREPARING or status.asked_ns <= run.read_ns:
        return done(state)
    if run.stage is Stage.STOPPING:
        return done(_fell_while_stopping(state, run, status))
    if run.stage is Stage.STARTING:
        return done(changed(state, run=changed(run, read_ns=status.asked_ns)))
    state = changed(state, run=motion.absorb(run, status, limits))
    return _progress(state) if run.stage is Stage.RUNNING else done(state)


def _fell_while_stopping(state: State, run: Run, status: PumpStatus) -> State:
    """No row is told of a reading that comes after STOP, but the account must not believe it."""
    if status.infused_nl is None or status.infused_nl >= run.counter_nl:
        return state
    return changed(state, run=changed(run, doubt=run.doubt or "counter_fell"))


def _unexpected(state: State, event: e.PumpRead) -> Result:
    """A reading without a run: a pump that moves all the same is stopped each time it is seen.

    Not while *recover* is under way: a STOP would drop it. Once an interval waits for people,
    keys move the pump as ever.
    """
    status = event.status
    if state.recovering or status.asked_ns <= state.rested_ns:
        return done(state)
    counter_nl, step_nl = status.infused_nl, status.counter_step_nl
    state = motion.moved_at_rest(state, event.channel, counter_nl, step_nl)
    if status.motion is None or status.motion.at_rest:
        return done(state)
    evidence = f"pump is {status.motion.value} and nothing was run"
    return judge.stop(note(state, "take_over", evidence), "take-over")


def _finished(run: Run) -> bool:
    """At rest with all that was programmed, to within one counter step."""
    rested = run.motion is not None and run.motion.at_rest
    return rested and run.counter_nl + run.step_nl >= motion.programmed_nl(run)


def _progress(state: State) -> Result:
    """The end of a run, the next part of its profile, or nothing."""
    run = state.run
    assert run is not None
    state = _arrival(state)
    if _finished(run):
        return _finish(state, run)
    part = part_at(run.profile, run.counter_nl)
    if part == run.part:
        return done(state)
    rate = run.profile[part][0]
    run = changed(run, part=part, told=(*run.told, (state.now_ns, rate)))
    return done(changed(state, run=run), c.SetRate(state.epoch, rate))


def _arrival(state: State) -> State:
    """Estimate when drug reached the vein and when the line was cleared."""
    treatment = state.order
    ahead = 0 if treatment.primed_with == "drug" else treatment.line_dead_nl
    if state.arrival_utc_ns is None and state.pumped(Purpose.DRUG).low_nl >= max(1, ahead):
        state = changed(state, arrival_utc_ns=state.now_utc_ns)
    if state.arrival_utc_ns is None and state.order.second is not None:
        state = _early_arrival(state)
    dead = treatment.line_dead_nl
    if state.clearance_utc_ns is None and 0 < dead <= state.pumped(Purpose.FLUSH).low_nl:
        state = changed(state, clearance_utc_ns=state.now_utc_ns)
    return state


def _early_arrival(state: State) -> State:
    """Saline of the second pump brings drug to the vein too, and the first site check with it."""
    if line_of(state).delivered_low_nl <= 0 or state.check_due_active_ns is None:
        return state
    due = min(state.check_due_active_ns, state.active_ns + FIRST_CHECK_NS)
    return changed(state, arrival_utc_ns=state.now_utc_ns, check_due_active_ns=due)


def _finish(state: State, run: Run) -> Result:
    """A run that came to its end by itself gets its STOP too: only that confirms its rest."""
    return judge.stop(changed(state, run=changed(run, complete=True)), "volume complete")


def pump_silent(state: State, event: e.PumpSilent, limits: Limits) -> Result:
    """A poll without an answer; `status_stale` counts the time. Without a run it is only noted."""
    if state.run is not None or not state.watchdog_armed:
        return done(state)
    return done(note(state, "pump_link", event.reason))


def alarm_seen(state: State, event: e.AlarmSeen, limits: Limits) -> Result:
    """The pump's own alarm.

    After a reset its counter means nothing: UNCERTAIN if it was running. A pump that nothing was
    asked of yet may be switched on; *prepare* proves all that it holds.
    """
    alarm, run = event.status.alarm, state.run
    if alarm is None:
        return done(state)
    if is_idle(state, event.channel):
        return done(_idle_alarm(state, event.channel, alarm))
    fresh = run.stage is Stage.PREPARING if run is not None else not state.watchdog_armed
    if alarm is PumpAlarm.RESET and fresh:
        return done(state)
    state = note(state, ALARM_ROWS[alarm], f"pump reports {alarm.value}")
    if alarm is PumpAlarm.RESET and run is not None and state.phase is not Phase.UNCERTAIN:
        return uncertain(state, "the pump was reset during a run")
    return done(state)


def _idle_alarm(state: State, channel: Channel, alarm: PumpAlarm) -> State:
    """A pump that rests loses nothing by a reset, and its watchdog stops nothing.

    *Prepare* sets all that it holds anew.
    """
    if alarm in (PumpAlarm.RESET, PumpAlarm.WATCHDOG):
        return state
    return note(state, ALARM_ROWS[alarm], f"{channel.value} pump reports {alarm.value}")


def stop_confirmed(state: State, event: e.StopConfirmed, limits: Limits) -> Result:
    """The pump rests. Book what its counter says; without a counter, ask again.

    The answer to an older STOP says nothing of what was run after it.
    """
    if event.epoch < state.epoch:
        return done(state)
    status, run = event.status, state.run
    state = changed(forget(state, "stop_unconfirmed"), rested_ns=status.asked_ns)
    counted = status.infused_nl
    if run is None:
        step_nl = status.counter_step_nl
        return done(motion.moved_at_rest(state, event.channel, counted, step_nl))
    if run.stage is not Stage.STOPPING or state.phase is Phase.UNCERTAIN:
        return done(state)
    state, run = motion.rest_at(state, run, counted, status.asked_ns + limits.poll_ns)
    if run.doubt:
        return _doubted(state, run)
    if counted is None or counted < run.counter_nl:
        return uncertain(state, "the pump rests but its counter is lost")
    state = _last_reading(state, run, status)
    return _rested(motion.book(state, *motion.counted_nl(run, counted)), run, limits)


def _doubted(state: State, run: Run) -> Result:
    """To UNCERTAIN with an interval: the pump rests, but its counter cannot be believed."""
    state = note(aftermath.settle_run(state), "uncertain", f"the counter is in doubt: {run.doubt}")
    return done(enter(changed(state, uncertain_from=state.phase), Phase.UNCERTAIN))


def _last_reading(state: State, run: Run, status: PumpStatus) -> State:
    return _arrival(changed(state, run=changed(run, counter_nl=status.infused_nl or 0)))


def _rested(state: State, run: Run, limits: Limits) -> Result:
    """What follows the end of a run. A STOP for another reason can fall on the last drop too."""
    if run.purpose is Purpose.PATENCY:
        return done(changed(state, patency_ran=not judge.latched(state)))
    if run.purpose is Purpose.KVO:
        return interruption.kvo_ended(state, limits)
    if run.purpose is Purpose.FLUSH and run.complete and state.phase is Phase.FLUSHING:
        return to_residual(state)
    all_in = run.complete or state.drug.low_nl >= state.planned_nl
    if run.purpose is not Purpose.DRUG or not all_in:
        return done(state)
    state = changed(state, drug_end_utc_ns=state.now_utc_ns)
    if state.phase is Phase.INFUSING:
        return done(enter(state, Phase.FLUSHING))
    if state.phase is Phase.HELD:
        return done(changed(state, held_from=Phase.FLUSHING))
    return done(state)


def stop_unconfirmed(state: State, event: e.StopUnconfirmed, limits: Limits) -> Result:
    """Shout: nobody knows that the pump rests."""
    if event.epoch != state.epoch:
        return done(state)
    return done(note(state, "stop_unconfirmed", "no status has confirmed STOP"))


def pump_recovered(state: State, event: e.PumpRecovered, limits: Limits) -> Result:
    """What the pump still knows bounds what was pumped, or leaves an interval to people."""
    state = forget(state, "stop_unconfirmed")
    recovery, run = event.recovery, state.run
    counted = recovery.infused_nl
    if run is None:
        step_nl = recovery.found.counter_step_nl
        state = motion.moved_at_rest(state, event.channel, counted, step_nl)
        return done(state if state.unbounded else aftermath.leave_uncertain(state))
    state, run = motion.rest_at(state, run, counted)
    lost = recovery.power_cycled or counted is None or counted < run.counter_nl
    if run.doubt or lost or counted is None:
        state = aftermath.settle_run(state)
        return done(state if state.unbounded else aftermath.leave_uncertain(state))
    state = _arrival(changed(state, run=changed(run, counter_nl=counted)))
    if _unwatched(state, run, counted, limits):
        high = max(counted, motion.leased_nl(state, run, motion.last_advanced(run)))
        return done(aftermath.book_interval(state, counted, high))
    state = motion.book(state, *motion.counted_nl(run, counted))
    return done(aftermath.leave_uncertain(state))


def _unwatched(state: State, run: Run, counted_nl: int, limits: Limits) -> bool:
    """True if the pump counted too little for the time in which the program was gone.

    Only where the restart found it running: what was being stopped may have rested at once, and
    what the pump says is blocked did.
    """
    gone = [alarm.raised_ns for alarm in state.alarms if alarm.id == "restarted"]
    ran = state.uncertain_from in (Phase.INFUSING, Phase.FLUSHING) and not run.complete
    blocked = any(seen.id == "occlusion" for seen in state.notices)
    if not gone or not ran or blocked:
        return False
    return motion.fell_short(run, counted_nl, gone[0], limits)


def permit_expired(state: State, event: e.PermitExpired, limits: Limits) -> Result:
    """The driver stopped the pump by itself because the judgement was late."""
    return done(note(state, "permit_expired", "no permit was alive; the driver sent STOP"))
