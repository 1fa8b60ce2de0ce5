"""Runs of the plunger: how one begins, what a reading adds to it, and how its volume is booked.

Knows intervals and bounds; knows nothing of phases, people or alarms.
"""

from bisect import bisect_right
from operator import attrgetter

from controller.core.changed import changed
from controller.core.limits import Limits
from controller.core.profile import Profile, duration_ns, rate_max_ul_h, rate_min_ul_h
from controller.core.state import Pumped, Purpose, Rest, Run, Saline, Sample, Stage, State
from firmware_interfaces.readings import Channel, Motion, PumpPlan, PumpStatus, Trigger
from firmware_interfaces.units import (
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    Nanoseconds,
    volume_down,
    volume_up,
)

NO_FLOW_PERCENT = 50
"""Below this share of the expected advance over the flow window, the pump counts as standing."""


def begin(
    state: State, purpose: Purpose, volume_nl: int, profile: Profile, diameter_um: int
) -> State:
    """The state with a new run in PREPARING, on the pump that gives what it is for.

    The plan's rate is the first part's.
    """
    channel = state.order.saline_channel if purpose.saline else Channel.DRUG
    second = state.order.second if channel is Channel.FLUSH else None
    armed = second or state.order
    plan = PumpPlan(
        Micrometre(diameter_um),
        MicrolitrePerHour(profile[0][0]),
        Nanolitre(volume_nl),
        Nanoseconds(armed.watchdog_ns),
        Trigger(armed.trigger),
        channel,
    )
    return changed(state, run=Run(purpose, Stage.PREPARING, state.epoch, plan, profile))


def programmed_nl(run: Run) -> int:
    """Volume that the pump holds for this run: read back where it was, else the plan's."""
    return run.plan.volume_nl if run.readback is None else run.readback.volume_nl


def held_rate_ul_h(run: Run) -> int:
    """The highest rate that the pump may run at in this run, uL/h."""
    return rate_max_ul_h(run.profile)


def _kept(samples: tuple[Sample, ...], run: Run, limits: Limits) -> tuple[Sample, ...]:
    """Samples young enough for the longest window, and the one just older than it."""
    oldest = samples[-1].at_ns - max(limits.rate_window_ns, flow_window_ns(run, limits))
    return samples[max(0, _newest_at(samples, oldest)) :]


def _newest_at(samples: tuple[Sample, ...], at_ns: int) -> int:
    """Index of the newest sample that is no younger than ``at_ns``, or -1. Samples lie in order."""
    return bisect_right(samples, at_ns, key=attrgetter("at_ns")) - 1


def _steps_ns(run: Run, limits: Limits) -> int:
    """How long the slowest part needs for the counter steps that a window must hold, ns."""
    return limits.flow_window_steps * run.step_nl * 3_600_000_000 // rate_min_ul_h(run.profile)


def flow_window_ns(run: Run, limits: Limits) -> int:
    """The window of the flow rows: the limit, never under five counter steps (treatment.md 3)."""
    return max(limits.flow_window_ns, _steps_ns(run, limits))


def stood(run: Run, limits: Limits) -> bool:
    """True if the counter stood where flow was due, over as short a window as its steps allow.

    What a stop cut off before the flow rows could look back is judged by this before it is booked:
    a counter that stood says nothing of what was pumped.
    """
    if not run.samples:
        return False
    first, last = run.samples[0], run.samples[-1]
    advance, first = window(run, max(2 * limits.stale_ns, _steps_ns(run, limits))) or (
        last.nl,
        first,
    )
    least = due_nl(run, first.at_ns, last.at_ns, limits.stale_ns)[0]
    seen = least >= limits.flow_window_steps * run.step_nl
    return (seen and advance * 100 < least * NO_FLOW_PERCENT) or _frozen(run, limits)


FROZEN_READINGS = 3
"""So many equal readings of a moving pump in a row: one late answer makes only two."""


def _frozen(run: Run, limits: Limits) -> bool:
    """True if the last readings of the moving pump are all equal where the steps were due.

    The last reading of a pump that rests already may rightly be the one before it.
    """
    rests = run.motion is not None and run.motion.at_rest
    moving = run.samples[:-1] if rests else run.samples
    equal = [sample for sample in moving if sample.nl == moving[-1].nl]
    if len(equal) < FROZEN_READINGS:
        return False
    least = due_nl(run, equal[0].at_ns, equal[-1].at_ns, limits.stale_ns)[0]
    return least >= limits.flow_window_steps * run.step_nl


def fell_short(run: Run, counter_nl: int, until_ns: int, limits: Limits) -> bool:
    """True if a pump that nobody could have stopped before ``until_ns`` counted too little.

    Without a word from anybody its watchdog or the end of its volume stops it. What is due since
    the last reading is judged as the row *rate low* does.
    """
    if not run.samples:
        return False
    last = run.samples[-1]
    until_ns = min(until_ns, last.at_ns + run.plan.watchdog_ns)
    least = due_nl(run, last.at_ns, until_ns, limits.stale_ns)[0]
    least = min(least, programmed_nl(run) - last.nl)
    advance = counter_nl - last.nl + run.step_nl
    return advance * 100 < least * (100 - limits.rate_low_percent)


POLLS_LEAST = 10


def rate_window_ns(run: Run, limits: Limits) -> int:
    """The window of the rate rows: 60 s or 10 % of the profile.

    Never under five counter steps, nor under ten polls: in a short run one late answer would look
    like a rate.
    """
    share = duration_ns(run.profile) * limits.rate_window_percent // 100
    least_ns = max(_steps_ns(run, limits), POLLS_LEAST * limits.poll_ns)
    return max(min(limits.rate_window_ns, share), least_ns)


def absorb(run: Run, status: PumpStatus, limits: Limits) -> Run:
    """The run with one more reading.

    A status without a counter only tells the motion: it makes no reading fresh.
    """
    if status.infused_nl is None:
        return changed(run, motion=status.motion)
    previous = run.samples[-1] if run.samples else None
    samples = (*run.samples, Sample(status.asked_ns, status.infused_nl))
    run = changed(
        run,
        motion=status.motion,
        read_ns=status.asked_ns,
        step_nl=max(run.step_nl, status.counter_step_nl),
        withdrawn_nl=status.withdrawn_nl or 0,
        counter_nl=max(run.counter_nl, status.infused_nl),
        previous=previous,
    )
    return changed(run, samples=_kept(samples, run, limits))


def due_nl(run: Run, from_ns: int, to_ns: int, lag_ns: int) -> tuple[int, int]:
    """The least and the most that may have been pumped between two times at the rates told, nL.

    A part changes by volume, not by the clock, so windows are judged by what the pump was told.
    For ``lag_ns`` after a rate was told, the one before it (0 before the start) is right as well.
    """
    least = most = before = 0
    for index, (since, rate) in enumerate(run.told):
        end = run.told[index + 1][0] if index + 1 < len(run.told) else max(to_ns, since)
        acting = min(since + lag_ns, end)
        slow, fast = sorted((before, rate))
        for low, high, begin, until in ((slow, fast, since, acting), (rate, rate, acting, end)):
            time = Nanoseconds(min(to_ns, until) - max(from_ns, begin))
            if time > 0:
                least += volume_down(MicrolitrePerHour(low), time)
                most += volume_up(MicrolitrePerHour(high), time)
        before = rate
    return least, most


PERMIT_SHARE = 3
"""A permit lives for a third of the pump's watchdog time (design.md, Conduct 1)."""


def permit_life_ns(plan: PumpPlan) -> int:
    """How long a permit lives, ns."""
    return plan.watchdog_ns // PERMIT_SHARE


def leased_nl(state: State, run: Run, known: Sample) -> int:
    """The most that this run can have pumped before its watchdog stopped it (treatment.md 5).

    A known reading, plus the highest rate times (time from that read to the last packet that can
    have left by the last permit, plus the lease). Permits are only handed on while the journal is
    at most a permit's life behind (`controller.daemon`), and it is behind from the first reading
    after the last durable one: so a permit that a crash took with it outlived the last known one
    by a poll, which is no longer than a life, and a life.
    """
    since = max(state.permit_expires_ns, run.started_ns or 0) - known.at_ns
    time_ns = max(0, since) + 2 * permit_life_ns(run.plan) + run.plan.watchdog_ns
    return known.nl + volume_up(MicrolitrePerHour(held_rate_ul_h(run)), Nanoseconds(time_ns))


def last_advanced(run: Run) -> Sample:
    """The newest reading from which the counter still went on, or the start at zero."""
    older = [sample for sample in run.samples if sample.nl < run.counter_nl]
    return older[-1] if older else Sample(run.started_ns or run.read_ns, 0)


def upper_nl(state: State, run: Run) -> int:
    """The most that this run can have pumped if nothing more is ever known (treatment.md 5).

    What the lease allows after the last reading, but never more than the programmed volume.
    """
    most = leased_nl(state, run, _last_known(run))
    return min(most, max(programmed_nl(run), run.counter_nl))


def _last_known(run: Run) -> Sample:
    """The last reading of the run, or its start."""
    counted_ns = run.samples[-1].at_ns if run.samples else (run.started_ns or run.read_ns)
    return Sample(counted_ns, run.counter_nl)


def counted_nl(run: Run, counter_nl: int) -> tuple[int, int]:
    """The least and the most that a run pumped whose counter says ``counter_nl`` at rest, nL.

    A counter tells whole steps: what it has not told yet may be almost one more, but never more
    than was programmed (design: what was pumped rounds up).
    """
    return counter_nl, min(counter_nl + run.step_nl, max(counter_nl, programmed_nl(run)))


def doubted_nl(run: Run, rest_ns: int) -> tuple[int, int]:
    """The least and the most that a run pumped whose counter cannot be believed, nL.

    From the lowest of the latest readings to what the told rates give from RUN to rest, or the
    counter and its untold step if that is more. The programmed volume is no bound: it is the same
    counter that would have stopped the pump there.
    """
    least = min((sample.nl for sample in run.samples), default=0)
    due = due_nl(run, run.started_ns or rest_ns, rest_ns, 0)[1]
    return least, max(due, counted_nl(run, run.counter_nl)[1])


def book(state: State, low_nl: int, high_nl: int) -> State:
    """The state with its run ended and its volume added to the run's purpose."""
    assert state.run is not None
    return changed(add(state, state.run.purpose, Pumped(low_nl, high_nl)), run=None)


def add(state: State, purpose: Purpose, more: Pumped) -> State:
    """The state with a volume added to what was pumped for a purpose.

    Drug that keys had the pump give before any start of ours has begun the treatment too. Saline of
    a second pump has its place in the line, behind the drug that had gone in before it.
    """
    if more.high_nl > 0 and purpose is Purpose.DRUG and state.first_start_ns is None:
        state = changed(state, first_start_ns=state.now_ns, first_start_utc_ns=state.now_utc_ns)
    if more.high_nl > 0 and purpose.saline and state.order.second is not None:
        state = changed(state, saline=(*state.saline, Saline(more, state.drug)))
    total: Pumped = getattr(state, purpose.value)
    both = Pumped(total.low_nl + more.low_nl, total.high_nl + more.high_nl)
    return changed(state, **{purpose.value: both})  # type: ignore[arg-type]


def rest_of(state: State, channel: Channel) -> Rest | None:
    """What is known of a pump's counter at rest."""
    return state.rest if channel is Channel.DRUG else state.flush_rest


def with_rest(state: State, channel: Channel, rest: Rest | None) -> State:
    """The state with what is known of a pump's counter at rest; None: nobody knows."""
    if channel is Channel.DRUG:
        return changed(state, rest=rest)
    return changed(state, flush_rest=rest)


def rest_at(
    state: State, run: Run, counter_nl: int | None, till_ns: int | None = None
) -> tuple[State, Run]:
    """State and run with what the pump's counter says at rest; a leap puts the run in doubt.

    ``till_ns``: until when it may have pumped, where that is known. A counter in doubt says how
    far it got at the most all the same.
    """
    channel = run.plan.channel
    if counter_nl is None:
        return with_rest(state, channel, None), run
    if run.doubt or _leapt(state, run, counter_nl, till_ns):
        furthest_nl = max(run.counter_nl, counter_nl)
        run = changed(run, counter_nl=furthest_nl, doubt=run.doubt or "counter_jumped")
    rest = Rest(run.purpose, counter_nl)
    return with_rest(changed(state, run=run), channel, rest), run


def _leapt(state: State, run: Run, counter_nl: int, till_ns: int | None) -> bool:
    """True if the counter rose since its last reading by more than a time without polls allows.

    That is what the lease allows, and where the time is known no more than twice what it does: to
    two steps, as *counter jumped* has it. A purge was seen to be faster.
    """
    known = _last_known(run)
    most = leased_nl(state, run, known)
    if till_ns is not None:
        rate = MicrolitrePerHour(held_rate_ul_h(run))
        time_ns = Nanoseconds(max(0, till_ns - known.at_ns))
        most = min(most, known.nl + 2 * volume_up(rate, time_ns))
    return run.motion is not Motion.PURGING and counter_nl > most + 2 * run.step_nl


def moved_at_rest(state: State, channel: Channel, counter_nl: int | None, step_nl: int) -> State:
    """The state with what a pump counted that nothing was run on, as keys have it do.

    It may have been what ran last, and need not: the syringe may be another by now. So it only
    adds to the most, to one step. With the line joined, the seat's syringe gives drug. A counter
    that fell was cleared and may have counted all it says since then.
    """
    rest = rest_of(state, channel)
    if rest is None or counter_nl is None or counter_nl == rest.counter_nl:
        return state
    joined = rest.purpose is Purpose.SEAT and state.connected
    more = counter_nl - rest.counter_nl if counter_nl > rest.counter_nl else counter_nl
    state = with_rest(state, channel, Rest(rest.purpose, counter_nl))
    if not more:
        return state
    purpose = Purpose.DRUG if joined else rest.purpose
    return add(state, purpose, Pumped(0, more + step_nl))


def window(run: Run, length_ns: int) -> tuple[int, Sample] | None:
    """(advance nL, first sample) over at least ``length_ns``, or None while history is shorter."""
    if not run.samples:
        return None
    last = run.samples[-1]
    index = _newest_at(run.samples, last.at_ns - length_ns)
    if index < 0:
        return None
    first = run.samples[index]
    return last.nl - first.nl, first
