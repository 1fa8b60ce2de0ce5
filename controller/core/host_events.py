"""Handlers of time and the host: ticks, boots, conditions, shutdown."""

from dataclasses import replace

from controller.core import events as e
from controller.core import judge
from controller.core.alarms import ALARMS, HOST_CONDITIONS, LATCHING, Action
from controller.core.device_events import uncertain
from controller.core.judge import STOPPABLE, forget, note
from controller.core.limits import Limits
from controller.core.rules import Result, done
from controller.core.state import Phase, Stage, State


def ticked(state: State, event: e.Ticked, limits: Limits) -> Result:
    """Time alone: the interlocks look at it."""
    return done(state)


def booted(state: State, event: e.Booted, limits: Limits) -> Result:
    """A restart. Never back into a run: whatever may have moved is UNCERTAIN until *recovered*."""
    state = replace(forget(state, *HOST_CONDITIONS, "shutdown"), assay_pending="")
    untouched = state.run is None and not state.watchdog_armed
    if untouched and state.phase is not Phase.UNCERTAIN:
        return done(state)
    if state.phase not in LATCHING:
        # Only the account is open, but the STOP before it was never confirmed.
        return judge.stop(state, "the controller was restarted")
    state = note(state, "restarted", f"version {event.version}")
    return uncertain(state, "the controller was restarted")


def condition_seen(state: State, event: e.ConditionSeen, limits: Limits) -> Result:
    """A condition of the host began or ended, or stands for another reason."""
    if event.present:
        state = _without_older_reason(state, event)
        return done(note(state, event.condition, event.evidence))
    return done(forget(state, event.condition))


def _without_older_reason(state: State, event: e.ConditionSeen) -> State:
    """Of what only forbids a start the newest reason is shown; of a trip, what tripped."""
    row = ALARMS.get(event.condition)
    if row is None or row.action is Action.TRIP:
        return state
    kept = tuple(
        alarm
        for alarm in state.alarms
        if alarm.id != event.condition or alarm.evidence == event.evidence
    )
    return replace(forget(state, event.condition), alarms=kept)


def shutdown_requested(
    state: State,
    event: e.ShutdownRequested,
    limits: Limits,
) -> Result:
    """SIGTERM: the pump stops and confirms before the program ends."""
    if state.run is None and state.phase not in STOPPABLE - {Phase.RELEASED, Phase.SEATED}:
        return done(state)
    state = note(state, "shutdown", "the controller was asked to end")
    if state.run is not None and state.run.stage is Stage.STOPPING:
        return done(state)
    return judge.stop(state, "shutdown")
