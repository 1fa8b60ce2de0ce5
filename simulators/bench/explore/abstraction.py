"""When two points of the exploration count as one, and so what it cannot see.

Kept is whatever a handler, an interlock or a rule asks with yes or no; volumes, counters and times
are sorted into the few classes between which they decide. docs/safety/exploration.md argues what
is merged.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Final

from controller.core.alarms import ALARMS, Action
from controller.core.custody import place_of
from controller.core.state import Phase, Pumped, Run, Stage, State
from simulators.bench.explore.node import LIMITS, ORDER, Node
from simulators.bench.explore.plant import MILLION, STEP_NL

HOST: Final = frozenset({"journal_failed", "lag", "shutdown"})
"""Conditions that last until the host itself ends them: one kind."""
BEFORE: Final = frozenset({Phase.IDLE, Phase.ORDERED, Phase.ASSAYED})
AT_START: Final = frozenset({Phase.SEATED, Phase.ARMED})
"""Where a start refusal is asked about; it may come in every phase anew."""
OVER: Final = frozenset({Phase.RESIDUAL, Phase.CLOSED})


def key(node: Node) -> Hashable:
    """The abstract state of a node. Once all is over, only the account is asked about."""
    state = node.state
    plant = (node.plant.turning, node.plant.stop_asked, state.run is None, state.watchdog_armed)
    if state.phase in OVER:
        given = (state.assay is None, state.drug.high_nl > 0)
        return state.phase, given, _account(state), plant
    return (
        (state.phase, state.held_from, state.assay_pending, plant),
        _release(state),
        _bedside(state),
        None if state.run is None else _run(state, state.run),
        _volumes(state),
        _alarms(state),
        _beside(node),
    )


def _account(state: State) -> Hashable:
    items = frozenset(item.item for item in state.items)
    surveyed = state.survey_utc_ns is not None
    read = state.background_bq is None, state.assay_pending
    return items, read, surveyed, place_of(state), state.outcome


def _release(state: State) -> Hashable:
    """Of the ages, whether a request is refused by them; of the people, how many and which role."""
    if state.assay is None or state.assay_utc_ns is None:
        return None
    old = state.now_utc_ns - state.assay_utc_ns > LIMITS.assay_age_ns
    waited = state.now_ns - (state.released_ns or state.now_ns) > LIMITS.time_out_ns
    deviation = (state.assay.activity_bq or 0) * 10 // ORDER.prescribed_bq
    user = any(signed.role == "authorized_user" for signed in state.released)
    given = state.first_start_ns is not None
    signed = len(state.released), user, place_of(state)
    return deviation, old, signed, given, waited and not given


def _bedside(state: State) -> Hashable:
    asked = state.start_requested_ns
    return (
        state.patency_ran,
        state.patency_ok,
        state.connected,
        asked is not None and state.now_ns - asked <= LIMITS.start_window_ns,
        bool(state.resume_by),
        bool(state.no_resume),
    )


LONG: Final = 20
"""Samples from which on the windows of rate and flow are full."""


def _run(state: State, run: Run) -> Hashable:
    asks = run.stage in (Stage.READY, Stage.STARTING, Stage.RUNNING)
    age = state.now_ns - max(run.read_ns, run.started_ns or 0)
    return (
        run.purpose,
        run.stage,
        run.part,
        run.complete,
        bool(run.doubt),
        _share(run.counter_nl, run.plan.volume_nl),
        run.stage is Stage.RUNNING and len(run.samples) > LONG,
        asks and age > LIMITS.stale_ns,
    )


def _share(nl: int, whole_nl: int) -> int:
    """0 nothing, 1 some of it, 2 all but a hundredth or more."""
    return 0 if nl <= 0 else 1 if (nl + STEP_NL) * 100 < whole_nl * 99 else 2


def _volumes(state: State) -> Hashable:
    used = state.seat.high_nl - state.seat_before_nl
    return (
        _interval(state.drug, state.planned_nl),
        _share(state.flush.low_nl, ORDER.flush_volume_nl),
        LIMITS.seat_volume_nl - used < LIMITS.drop_nl,
        used > 0,
        state.seat_prime_nl > 0,
        state.unbounded,
    )


def _interval(pumped: Pumped, whole_nl: int) -> Hashable:
    wide = pumped.high_nl > pumped.low_nl
    return _share(pumped.low_nl, whole_nl), _share(pumped.high_nl, whole_nl), wide


def _alarms(state: State) -> Hashable:
    """Of what kind the alarms are, not which: a latch asks for present and acknowledged only."""
    trips = [a for a in state.alarms if ALARMS[a.id].action is Action.TRIP]
    present = any(a.present for a in trips)
    unseen = any(not a.acknowledged_by for a in trips)
    refusing = state.phase in AT_START and any(
        ALARMS[a.id].action is Action.START_REFUSAL for a in state.alarms
    )
    ids = {n.id for n in state.notices}
    lasting = "stop_unconfirmed" in ids, "uncertain" in ids, bool(ids & HOST)
    repeats = 0 if state.phase in BEFORE else _repeats(state)
    return bool(trips), present, unseen, refusing, lasting, repeats


def _repeats(state: State) -> int:
    """How often the most frequent trip came inside the window of the lock."""
    since = state.now_ns - LIMITS.lock_window_ns
    recent = Counter(trip.id for trip in state.trips if trip.at_ns >= since)
    return min(LIMITS.lock_count, max(recent.values(), default=0))


def _beside(node: Node) -> Hashable:
    """The path's own reckoning and what is wrong with the plant, where it is under way."""
    plant, path = node.plant, node.path
    odd = plant.turning and (plant.stuck or plant.gear_ppm != MILLION or plant.off != 0)
    return (
        path.mounted,
        path.patent,
        path.seated,
        path.joined,
        path.programmed,
        plant.asked is not None,
        plant.recovering,
        odd,
    )
