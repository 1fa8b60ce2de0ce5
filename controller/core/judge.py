"""After every event: evaluate every interlock, keep the alarms, trip, stop, grant permits.

A trip row that becomes active latches: drug flow is zero from there on, and only `clear_latch`
(condition gone, acknowledged, and for drug two people) opens the way again.
"""

from dataclasses import replace
from typing import Final

from controller.core import commands as c
from controller.core.alarms import ALARMS, LATCHING, MOVING, Action
from controller.core.changed import changed
from controller.core.interlocks import COMPUTED, NOTICED, Interlock
from controller.core.limits import Limits
from controller.core.motion import permit_life_ns, stood
from controller.core.state import Alarm, Notice, Phase, Purpose, Stage, State
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import Nanoseconds

Commands = tuple[c.Command, ...]
HISTORY = 1000
"""Alarms kept in the state; the journal keeps all."""

STOPPABLE = LATCHING - {Phase.STOPPED, Phase.UNCERTAIN}


def note(state: State, id_: str, evidence: str) -> State:
    """The state with a notice; the first evidence of an id stands."""
    if any(n.id == id_ for n in state.notices):
        return state
    return changed(state, notices=(*state.notices, Notice(id_, evidence, state.now_ns)))


def forget(state: State, *ids: str) -> State:
    """The state without the notices of these ids."""
    if not any(n.id in ids for n in state.notices):
        return state
    return changed(state, notices=tuple(n for n in state.notices if n.id not in ids))


def enter(state: State, phase: Phase) -> State:
    """The state in another phase, with the time it came there."""
    return changed(state, phase=phase, phase_ns=state.now_ns)


def to_stopped(state: State) -> State:
    """The state in STOPPED. What was seen at the site before says nothing of it now."""
    return changed(enter(state, Phase.STOPPED), patency_ran=False, patency_ok=False)


def stop(state: State, reason: str) -> tuple[State, Commands]:
    """Open a new epoch and stop the pump.

    A run that never left is dropped, a live one is STOPPING.
    """
    run = state.run
    if run is not None:
        run = changed(run, stage=Stage.STOPPING) if run.live else None
    state = changed(state, epoch=state.epoch + 1, run=run)
    state = changed(state, start_by="", start_requested_ns=None, resume_by="")
    return state, (c.Stop(state.epoch, reason),)


def is_trip(alarm: Alarm) -> bool:
    """True for an alarm whose row trips."""
    return ALARMS[alarm.id].action is Action.TRIP


def latched(state: State) -> bool:
    """True while a trip row is active: no drug flows."""
    return any(is_trip(alarm) for alarm in state.alarms)


def standing(state: State) -> str:
    """Why the latch cannot be cleared: the ids of trips still present or not acknowledged."""
    held = [a.id for a in state.alarms if is_trip(a) and (a.present or not a.acknowledged_by)]
    return ", ".join(held)


def clear_latch(state: State) -> tuple[State, Commands]:
    """Drop every trip alarm; only called when `standing` is empty."""
    gone = tuple(c.ClearAlarm(a.id) for a in state.alarms if is_trip(a))
    return changed(state, alarms=tuple(a for a in state.alarms if not is_trip(a))), gone


def start_refusals(state: State) -> tuple[str, ...]:
    """Ids of active alarms that forbid a start."""
    return tuple(a.id for a in state.alarms if ALARMS[a.id].action is not Action.ADVISORY)


_ARMED: Final = {
    phase: tuple((id_, rule) for id_, rule in COMPUTED.items() if phase in ALARMS[id_].phases)
    for phase in Phase
}
"""Interlocks that compute something, by the phase in which their row is armed."""


_ARMED_IN_KVO: Final = tuple(
    (id_, rule)
    for id_, rule in COMPUTED.items()
    if ALARMS[id_].phases >= MOVING or Phase.HELD in ALARMS[id_].phases
)
"""A vein is kept open while the treatment is held: that run is watched like any other."""


def _armed(state: State) -> tuple[tuple[str, Interlock], ...]:
    kvo = state.run is not None and state.run.purpose is Purpose.KVO
    return _ARMED_IN_KVO if kvo and state.phase is Phase.HELD else _ARMED[state.phase]


def _evaluate(state: State, limits: Limits) -> dict[str, str]:
    """Evidence by row, of every interlock whose row is armed in this phase."""
    found = {id_: rule(state, limits) for id_, rule in _armed(state)}
    found = {id_: evidence for id_, evidence in found.items() if evidence}
    for seen in state.notices:
        if seen.id in NOTICED and state.phase in ALARMS[seen.id].phases:
            found.setdefault(seen.id, seen.evidence)
    return found


def _kept(state: State, found: dict[str, str]) -> tuple[tuple[Alarm, ...], Commands]:
    """Alarms that stay: trips always, the others while present."""
    kept = tuple(
        replace(alarm, present=alarm.id in found)
        for alarm in state.alarms
        if is_trip(alarm) or alarm.id in found
    )
    ids = {alarm.id for alarm in kept}
    return kept, tuple(c.ClearAlarm(a.id) for a in state.alarms if a.id not in ids)


def _raise(state: State, found: dict[str, str]) -> tuple[State, Commands]:
    """The state with its alarms brought up to date, and what is to be told."""
    if not found and not state.alarms:
        return state, ()
    kept, cleared = _kept(state, found)
    known = {alarm.id for alarm in kept}
    new = tuple(
        Alarm(id_, state.now_ns, state.now_utc_ns, evidence, True)
        for id_, evidence in found.items()
        if id_ not in known
    )
    trips = tuple(Notice(a.id, a.evidence, a.raised_ns) for a in new if is_trip(a))
    state = changed(
        state,
        alarms=kept + new,
        history=(state.history + new)[-HISTORY:],
        trips=(state.trips + trips)[-HISTORY:],
        audio_pause_until_ns=0 if new else state.audio_pause_until_ns,
    )
    return state, cleared + tuple(c.RaiseAlarm(a.id, a.evidence) for a in new)


def _trip(state: State, fresh: tuple[str, ...], stopped: bool) -> tuple[State, Commands]:
    """Stop for the rows that have just tripped, run or no run: the plunger must stand still.

    Not where a STOP is under way already: a newer epoch would only drop the *recover* behind it.
    """
    stopping = state.run is not None and state.run.stage is Stage.STOPPING
    commands: Commands = ()
    if not (stopped or stopping or state.phase is Phase.UNCERTAIN):
        state, commands = stop(state, "trip: " + ", ".join(fresh))
    if state.phase in STOPPABLE:
        state = to_stopped(state)
    return state, commands


DOUBTS: Final = frozenset({"no_flow", "free_flow", "counter_fell", "counter_jumped"})
"""Trips that say that the pump's counter and what was pumped are two things."""


def _doubt(state: State, fresh: tuple[str, ...]) -> State:
    """After such a trip the run is booked as an interval, not by its counter."""
    doubts = [id_ for id_ in fresh if id_ in DOUBTS]
    if state.run is None or not doubts:
        return state
    return changed(state, run=changed(state.run, doubt=doubts[0]))


def _stood(state: State, limits: Limits) -> State:
    """A run that is being stopped before *no flow* could look back is in doubt all the same."""
    run = state.run
    if run is None or run.stage is not Stage.STOPPING or run.doubt or not stood(run, limits):
        return state
    return replace(state, run=replace(run, doubt="no_flow"))


def _permit(state: State) -> tuple[State, Commands]:
    """A permit for a live run, as old as the reading it rests on. Never for one that is to stop."""
    run = state.run
    if run is None or run.stage not in (Stage.STARTING, Stage.RUNNING):
        return state, ()
    expires = max(run.read_ns, run.started_ns or 0) + permit_life_ns(run.plan)
    if expires <= state.permit_expires_ns:
        return state, ()
    permit = Permit(state.epoch, Nanoseconds(expires))
    return changed(state, permit_expires_ns=expires), (c.GrantPermit(permit),)


def disarm(state: State) -> tuple[State, Commands]:
    """Leave Safe mode where it is armed: nothing will run before a new preparation.

    A pump that never confirmed its STOP keeps its watchdog: that alone may still stop it.
    """
    unconfirmed = any(seen.id == "stop_unconfirmed" for seen in state.notices)
    if unconfirmed or not state.watchdog_armed:
        return state, ()
    return changed(state, watchdog_armed=False), (c.DisarmPump(state.epoch),)


def judge(state: State, limits: Limits, stopped: bool) -> tuple[State, Commands]:
    """Everything that follows from the new state whatever the event was: alarms, trips, permits.

    ``stopped`` says that the event itself has stopped the pump in this step.
    """
    before = {alarm.id for alarm in state.alarms}
    state, told = _raise(state, _evaluate(state, limits))
    fresh = tuple(a.id for a in state.alarms if is_trip(a) and a.id not in before)
    stops: Commands = ()
    if fresh:
        state, stops = _trip(_doubt(state, fresh), fresh, stopped)
    state, permits = _permit(_stood(state, limits))
    return state, stops + told + permits
