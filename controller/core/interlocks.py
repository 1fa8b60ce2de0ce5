"""The interlocks: short pure functions over the new state, every one evaluated on every step.

Each returns its evidence, or an empty string when its condition does not hold. They never read
the past alone: volume limits look at the projection. They only tighten; what an alarm row then
does stands in `controller.core.alarms`, and who calls them in `controller.core.judge`.
"""

from collections.abc import Callable
from typing import Final

from controller.clinic.text import volume_text as _ml
from controller.core import motion
from controller.core.alarms import HOST_CONDITIONS
from controller.core.directive import directive_due
from controller.core.limits import Limits
from controller.core.profile import duration_ns, planned_nl, rate_max_ul_h
from controller.core.state import Purpose, Run, Stage, State
from firmware_interfaces.readings import Motion
from firmware_interfaces.units import (
    MicrolitrePerHour,
    Nanoseconds,
    as_seconds,
    volume_up,
)

Interlock = Callable[[State, Limits], str]

FREE_FLOW_PERCENT: Final = 150
"""Above this share of the expected advance it is free flow rather than a high rate."""


def _running(state: State) -> Run | None:
    """The run if the pump is to be moving right now."""
    run = state.run
    return run if run is not None and run.stage is Stage.RUNNING else None


def _s(ns: int) -> str:
    return f"{as_seconds(Nanoseconds(ns)):.1f} s"


def _flow(run: Run, length_ns: int, limits: Limits) -> tuple[int, int, int] | None:
    """(advance, least due, most due) over a window of the run, nL; None while history is short."""
    found = motion.window(run, length_ns)
    if found is None:
        return None
    advance, first = found
    return advance, *motion.due_nl(run, first.at_ns, run.samples[-1].at_ns, limits.stale_ns)


def status_stale(state: State, limits: Limits) -> str:
    """Hazard: an unwatched pump.

    The last answered status is ``stale_polls`` polls old, or RUN a watchdog's time. Trips.
    """
    run = state.run
    if run is None or run.stage not in (Stage.STARTING, Stage.RUNNING):
        return ""
    started = state.now_ns - (run.started_ns or 0)
    if run.stage is Stage.STARTING and started > run.plan.watchdog_ns:
        return f"no answer to RUN for {_s(started)}, limit {_s(run.plan.watchdog_ns)}"
    age = state.now_ns - max(run.read_ns, run.started_ns or 0)
    if age <= limits.stale_ns:
        return ""
    return f"no status for {_s(age)}, limit {_s(limits.stale_ns)}"


def no_flow(state: State, limits: Limits) -> str:
    """Hazard: occluded or stalled delivery.

    The counter advances by less than half of what is due while the pump says it runs. Trips.
    """
    run = _running(state)
    flow = _flow(run, motion.flow_window_ns(run, limits), limits) if run else None
    if flow is None or flow[0] * 100 >= flow[1] * motion.NO_FLOW_PERCENT:
        return ""
    return f"counter advanced {_ml(flow[0])} where {_ml(flow[1])} were due"


def free_flow(state: State, limits: Limits) -> str:
    """Hazard: over-infusion. The counter advances by over 1.5 times what is due. Trips."""
    run = _running(state)
    flow = _flow(run, motion.flow_window_ns(run, limits), limits) if run else None
    if run is None or flow is None:
        return ""
    if (flow[0] - 2 * run.step_nl) * 100 <= flow[2] * FREE_FLOW_PERCENT:
        return ""
    return f"counter advanced {_ml(flow[0])} where {_ml(flow[2])} were due"


def reversed_flow(state: State, limits: Limits) -> str:
    """Hazard: blood in the line, a false account. Status or counter tells of withdrawing. Trips."""
    run = state.run
    if run is None or not run.live:
        return ""
    if run.motion is Motion.WITHDRAWING or run.withdrawn_nl > 0:
        return f"pump {run.motion.value if run.motion else '?'}, withdrew {_ml(run.withdrawn_nl)}"
    return ""


def counter_fell(state: State, limits: Limits) -> str:
    """Hazard: an account that cannot be trusted. The counter is lower than before. Trips."""
    run = state.run
    if run is None or run.previous is None or run.samples[-1].nl >= run.previous.nl:
        return ""
    return f"counter fell from {_ml(run.previous.nl)} to {_ml(run.samples[-1].nl)}"


def counter_jumped(state: State, limits: Limits) -> str:
    """Hazard: free flow, or an account that cannot be trusted.

    The counter advances in one poll by more than twice what time allows. Trips.
    """
    run = state.run
    if run is None or run.previous is None:
        return ""
    advance = run.samples[-1].nl - run.previous.nl
    time_ns = run.samples[-1].at_ns - run.previous.at_ns + limits.poll_ns
    rate = MicrolitrePerHour(motion.held_rate_ul_h(run))
    most = 2 * volume_up(rate, Nanoseconds(time_ns)) + 2 * run.step_nl
    if advance <= most:
        return ""
    return f"counter advanced {_ml(advance)} in one poll, at most {_ml(most)} is possible"


def rate_high(state: State, limits: Limits) -> str:
    """Hazard: over-infusion by a wrong size or setting.

    The counter's mean rate over the window is above the profile's by the limit. Trips.
    """
    run = _running(state)
    flow = _flow(run, motion.rate_window_ns(run, limits), limits) if run else None
    if run is None or flow is None:
        return ""
    if (flow[0] - run.step_nl) * 100 <= flow[2] * (100 + limits.rate_high_percent):
        return ""
    over = f"limit +{limits.rate_high_percent} %"
    return f"pumped {_ml(flow[0])} in the window, due {_ml(flow[2])}, {over}"


def rate_low(state: State, limits: Limits) -> str:
    """Hazard: under-infusion; a stopped cannula clots, so flow goes on.

    The counter's mean rate over the window is below the profile's by the limit. Advises.
    """
    run = _running(state)
    flow = _flow(run, motion.rate_window_ns(run, limits), limits) if run else None
    if run is None or flow is None:
        return ""
    if (flow[0] + run.step_nl) * 100 >= flow[1] * (100 - limits.rate_low_percent):
        return ""
    under = f"limit -{limits.rate_low_percent} %"
    return f"pumped {_ml(flow[0])} in the window, due {_ml(flow[1])}, {under}"


def overrun(state: State, limits: Limits) -> str:
    """Hazard: a slow occlusion that never crosses a rate limit.

    The counter has not reached the volume in the planned duration and the limit. Trips.
    """
    run = _running(state)
    if run is None or run.started_ns is None:
        return ""
    elapsed = state.now_ns - run.started_ns
    limit = duration_ns(run.profile) + limits.overrun_ns
    return f"running for {_s(elapsed)}, limit {_s(limit)}" if elapsed > limit else ""


def _lead(run: Run) -> tuple[int, int, int]:
    """(counter, due by the last reading, whole plan), nL."""
    elapsed = run.samples[-1].at_ns - (run.started_ns or 0)
    total = planned_nl(run.profile, duration_ns(run.profile))
    return run.counter_nl, planned_nl(run.profile, elapsed), total


def cumulative_high(state: State, limits: Limits) -> str:
    """Hazard: over-infusion in total. The counter leads by a share of the plan. Trips."""
    run = _running(state)
    if run is None or not run.samples:
        return ""
    counter, due, total = _lead(run)
    if (counter - run.step_nl - due) * 100 <= total * limits.cumulative_percent:
        return ""
    return f"pumped {_ml(counter)}, due {_ml(due)} + {limits.cumulative_percent} % of {_ml(total)}"


def cumulative_low(state: State, limits: Limits) -> str:
    """Hazard: under-infusion in total. The counter lags by a share of the plan. Advises."""
    run = _running(state)
    if run is None or not run.samples:
        return ""
    counter, due, total = _lead(run)
    if (due - counter - run.step_nl) * 100 <= total * limits.cumulative_percent:
        return ""
    return f"pumped {_ml(counter)}, due {_ml(due)} - {limits.cumulative_percent} % of {_ml(total)}"


def projected_nl(state: State, run: Run, limits: Limits) -> int:
    """The most that may have left by the time the pump's own watchdog would have stopped it, nL."""
    pumped = state.pumped(run.purpose).high_nl
    rate = MicrolitrePerHour(motion.held_rate_ul_h(run))
    lease = volume_up(rate, Nanoseconds(run.plan.watchdog_ns + limits.poll_ns))
    return pumped + min(lease, max(0, motion.programmed_nl(run) - run.counter_nl))


def allowed_nl(state: State, run: Run, limits: Limits) -> int:
    """What may be pumped for the run's purpose over the whole treatment, nL."""
    if run.purpose is Purpose.DRUG:
        return state.planned_nl
    if run.purpose is Purpose.SEAT:
        return state.seat_before_nl + limits.seat_volume_nl
    return state.pumped(run.purpose).high_nl - run.counter_nl + run.plan.volume_nl


def projection(state: State, limits: Limits) -> str:
    """Hazard: more than was released.

    The counter and what could still leave, by read-back and lease, pass the limit. Trips.
    """
    run = state.run
    if run is None or not run.live:
        return ""
    projected, allowed = projected_nl(state, run, limits), allowed_nl(state, run, limits)
    if projected <= allowed + run.step_nl:
        return ""
    return f"up to {_ml(projected)} could be pumped, limit {_ml(allowed)}"


def stopped_cause_lost(state: State, limits: Limits) -> str:
    """Hazard: a stop taken for the end. Status tells of rest before the volume is in. Trips."""
    run = _running(state)
    if run is None or run.motion is None or not run.motion.at_rest:
        return ""
    return f"pump {run.motion.value} at {_ml(run.counter_nl)} of {_ml(motion.programmed_nl(run))}"


def take_over(state: State, limits: Limits) -> str:
    """Hazard: somebody works at the pump's keys. Status shows a motion not commanded. Trips."""
    run = state.run
    if run is not None and run.stage is Stage.READY and run.motion is not None:
        return "" if run.motion.at_rest else f"pump is {run.motion.value} before any start"
    run = _running(state)
    odd = (Motion.PURGING, Motion.WAITING, Motion.TIMED_PAUSE)
    if run is not None and run.motion in odd:
        return f"pump is {run.motion.value} during a run"
    return ""


def near_end(state: State, limits: Limits) -> str:
    """Prompt: have the flush syringe ready. The counter leaves less than the limit. Advises."""
    run = _running(state)
    if run is None or run.purpose is not Purpose.DRUG or run.started_ns is None:
        return ""
    left_nl = max(0, motion.programmed_nl(run) - run.counter_nl)
    left_ns = left_nl * 3_600_000_000 // rate_max_ul_h(run.profile)
    return f"{_s(left_ns)} left" if left_ns <= limits.near_end_ns else ""


def hold_forgotten(state: State, limits: Limits) -> str:
    """Prompt: a pause, or a flush to begin, is forgotten. The time of waiting is up. Advises."""
    run = state.run
    if run is not None and run.stage is not Stage.READY and run.purpose is not Purpose.KVO:
        return ""
    waited = state.now_ns - state.phase_ns
    return f"waiting for {_s(waited)}" if waited >= limits.hold_reminder_ns else ""


def _check_overdue(state: State) -> int:
    if state.check_due_active_ns is None or _running(state) is None:
        return -1
    return state.active_ns - state.check_due_active_ns


def site_check_due(state: State, limits: Limits) -> str:
    """Prompt: look at the IV site. By pumping time since arrival a person is asked. Advises."""
    overdue = _check_overdue(state)
    return f"due for {_s(overdue)}" if overdue >= 0 else ""


def site_check_reminder(state: State, limits: Limits) -> str:
    """Prompt: look at the IV site, asked anew. No person answered for a minute. Advises."""
    overdue = _check_overdue(state)
    return f"unanswered for {_s(overdue)}" if overdue >= limits.check_reminder_ns else ""


def site_check_late(state: State, limits: Limits) -> str:
    """Hazard: an unattended patient. No person answered a site check for a while. Advises."""
    overdue = _check_overdue(state)
    return f"unanswered for {_s(overdue)}" if overdue >= limits.check_medium_ns else ""


def site_check_missed(state: State, limits: Limits) -> str:
    """Hazard: an unattended patient. No person answered to the site's limit. Trips."""
    overdue = _check_overdue(state)
    return f"unanswered for {_s(overdue)}" if overdue >= limits.check_trip_ns else ""


def barrel_due(state: State, limits: Limits) -> str:
    """Prompt: read the barrel. By pumping time since the start a person is asked. Advises."""
    if state.barrel_due_active_ns is None or _running(state) is None:
        return ""
    overdue = state.active_ns - state.barrel_due_active_ns
    return f"due for {_s(overdue)}" if overdue >= 0 else ""


def repeat_lock(state: State, limits: Limits) -> str:
    """Hazard: resuming against a fault. The same trip too often in a time; no resume. Trips."""
    since = state.now_ns - limits.lock_window_ns
    recent = [trip.id for trip in state.trips if trip.at_ns >= since]
    for id_ in sorted(set(recent)):
        if recent.count(id_) >= limits.lock_count:
            return f"{id_} came {recent.count(id_)} times in {_s(limits.lock_window_ns)}"
    return ""


COMPUTED: Final[dict[str, Interlock]] = {
    "status_stale": status_stale,
    "no_flow": no_flow,
    "free_flow": free_flow,
    "reversed": reversed_flow,
    "counter_fell": counter_fell,
    "counter_jumped": counter_jumped,
    "rate_high": rate_high,
    "rate_low": rate_low,
    "overrun": overrun,
    "cumulative_high": cumulative_high,
    "cumulative_low": cumulative_low,
    "projection": projection,
    "stopped_cause_lost": stopped_cause_lost,
    "take_over": take_over,
    "near_end": near_end,
    "hold_forgotten": hold_forgotten,
    "site_check_due": site_check_due,
    "site_check_reminder": site_check_reminder,
    "site_check_late": site_check_late,
    "site_check_missed": site_check_missed,
    "barrel_due": barrel_due,
    "repeat_lock": repeat_lock,
    "directive_due": directive_due,
}
"""Interlocks that look at the numbers of the state, by the id of their alarm row."""

NOTICED: Final = (
    *HOST_CONDITIONS,
    "stop_unconfirmed",
    "uncertain",
    "restarted",
    "permit_expired",
    "stop_pressed",
    "pain",
    "spill",
    "leak",
    "patient_moved",
    "occlusion",
    "pump_reset",
    "watchdog_fired",
    "program_error",
    "pump_fault",
    "hose_rupture",
    "container_empty",
    "container_low",
    "air",
    "pressure_high",
    "readback",
    "run_refused",
    "take_over",
    "identity",
    "monotonic",
    "barrel_mismatch",
    "shutdown",
    "pump_link",
    "idle_pump_link",
    "pump_unprepared",
    "calibrator_link",
    "cold_active",
)
"""Interlocks over a fact that an event brought: its notice is the condition and the evidence."""

INTERLOCKS: Final = tuple(dict.fromkeys((*COMPUTED, *NOTICED)))
"""Every interlock by the id of its row. Rows that are not here no device of ours can see."""
