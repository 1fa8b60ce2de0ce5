"""What must hold in every step: each rule looks at one step and says what is broken, or nothing.

Written against commands, volumes and people, not against the judgement's own helpers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final

from controller.core import commands as c
from controller.core import events as e
from controller.core.limits import Limits
from controller.core.place import Place
from controller.core.profile import profile_of
from controller.core.state import Phase, Pumped, Purpose, Stage, State
from controller.core.table import HANDLERS, ROWS, TRIPS_FROM
from firmware_interfaces.readings import PumpAlarm
from simulators.bench.explore.path import Path, trips
from simulators.bench.explore.plant import STEP_NL, Plant

ENERGISE: Final = (c.RunPump, c.SetRate, c.GrantPermit)
RUNS_IN: Final = {
    Purpose.PATENCY: {(Phase.RELEASED, Phase.RELEASED), (Phase.STOPPED, Phase.STOPPED)},
    Purpose.SEAT: {(Phase.RELEASED, Phase.RELEASED)},
    Purpose.DRUG: {(Phase.ARMED, Phase.INFUSING)},
    Purpose.FLUSH: {(Phase.FLUSHING, Phase.FLUSHING)},
    Purpose.KVO: {(Phase.HELD, Phase.HELD)},
}
"""From and to which phase a RUN of a purpose may leave."""
EDGES: Final = {(phase, to) for row in ROWS for phase in row.phases for to in row.to} | {
    (phase, Phase.STOPPED) for phase in TRIPS_FROM
}
BEFORE_TRIPS: Final = {phase for phase, to in EDGES if to in TRIPS_FROM}
FAULTY_CONDITIONS: Final = frozenset({"journal_failed", "lag", "inbox_overflow", "task_died"})
CLEARS: Final = (e.PatencyRequested, e.FlushRequested, e.ResumeRequested)
"""Requests with which people open a latch; anything but a saline run needs two of them."""
EMPTY_WELL: Final = "background"
CO_SIGNED: Final = (
    e.SeatRequested, e.FlushRequested, e.DeliveryBounded, e.CustodyHandedOver, e.FinishedByHand
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step as its rules see it: before, after, and the plant and path on both sides.

    ``was`` is the plant when the event came, before it obeyed; ``raised`` an error of `step`.
    """

    before: State
    event: e.Event
    after: State
    told: tuple[c.Command, ...]
    was: Plant
    plant: Plant
    path_before: Path
    path: Path
    limits: Limits
    raised: str = ""

    def given(self, *kinds: type) -> tuple[c.Command, ...]:
        """The commands of these kinds."""
        return tuple(command for command in self.told if isinstance(command, kinds))

    @property
    def edge(self) -> tuple[Phase, Phase]:
        """From and to which phase it led."""
        return self.before.phase, self.after.phase

    @property
    def refused(self) -> bool:
        """True for a request that was answered with no."""
        return bool(self.given(c.Refuse))


Rule = Callable[[Step], Iterator[str]]


def s1_volume(s: Step) -> Iterator[str]:
    """S1: what is programmed and what truly left never exceed what was released."""
    planned, run = s.after.planned_nl, s.after.run
    if run is not None and run.purpose is Purpose.DRUG and s.given(c.Prepare):
        most = run.plan.volume_nl + s.after.drug.high_nl
        if most > planned:
            yield f"{most} nL given and programmed, {planned} nL were released"
    # Each run's counter is read in steps, so up to one of them a run is not seen.
    unseen = s.plant.runs * STEP_NL
    if s.plant.drug_nl > planned + unseen:
        yield f"{s.plant.drug_nl} nL left the syringe, {planned} nL were released"


def s1_bound(s: Step) -> Iterator[str]:
    """S1: once nothing runs, the upper bound is no less than what truly left."""
    if s.after.run is None and not s.plant.turning:
        most = s.after.drug.high_nl + s.plant.runs * STEP_NL
        if s.plant.drug_nl > most:
            yield f"{s.plant.drug_nl} nL left the syringe, the bound is {s.after.drug.high_nl} nL"


def s2_rate(s: Step) -> Iterator[str]:
    """S2: no rate above the profile's maximum, whatever is pumped; no flush above its minimum."""
    order = s.after.treatment
    if order is None or not s.after.planned_nl:
        return
    rates = [rate for rate, _ in profile_of(s.after.planned_nl, order.duration_ns, order.profile)]
    run = s.after.run
    flush = run is not None and run.purpose is Purpose.FLUSH
    most = min(rates) if flush else max(rates)
    told: list[int] = [x.plan.rate_ul_h for x in s.told if isinstance(x, c.Prepare)]
    told += [x.rate_ul_h for x in s.told if isinstance(x, c.SetRate)]
    if told and max(told) > most:
        yield f"{max(told)} uL/h told, at most {most} uL/h"


def s3_release(s: Step) -> Iterator[str]:
    """S3: nothing runs, saline neither, before an assay and two people's release."""
    gaps = s.path.unreleased()
    if gaps and s.given(c.RunPump, c.Prepare):
        yield f"{s.given(c.RunPump, c.Prepare)[0]} without {', '.join(gaps)}"


def released_path(s: Step) -> Iterator[str]:
    """Only the whole way to the bedside ends in a programme, and in a start, of drug."""
    run = s.after.run
    if run is None or run.purpose is not Purpose.DRUG:
        return
    if s.given(c.Prepare) and s.path.unready():
        yield f"drug programmed without {', '.join(s.path.unready())}"
    gaps = s.path_before.unstarted(s.event, s.limits.start_window_ns)
    if s.given(c.RunPump) and gaps:
        yield f"drug started without {', '.join(gaps)}"


def two_people(s: Step) -> Iterator[str]:
    """What two people must say has a second, different person's word."""
    event = s.event
    if not isinstance(event, CO_SIGNED):
        return
    taken = _watched(s) and not s.refused
    if taken and event.confirmed_by in ("", event.who):
        yield f"{type(event).__name__} by {event.who!r} and {event.confirmed_by!r}"


def release(s: Step) -> Iterator[str]:
    """Two different people release a fresh assay, with the authorized user beyond 10 %."""
    if s.edge != (Phase.ASSAYED, Phase.RELEASED):
        return
    path, order = s.path, s.after.order
    if path.assay_utc_ns is None or len(set(path.signers)) < 2 or "" in path.signers:
        yield f"released by {path.signers} over the assay of {path.assay_utc_ns}"
        return
    age = path.second_utc_ns - path.assay_utc_ns
    if not 0 <= age <= s.limits.assay_age_ns:
        yield f"released over an assay {age // 60_000_000_000} min old"
    if abs(path.assay_bq - order.prescribed_bq) * 100 > 21 * order.prescribed_bq:
        yield f"released {path.assay_bq} Bq where {order.prescribed_bq} Bq are prescribed"


def custody(s: Step) -> Iterator[str]:
    """Each signs the release where the container is; only the hot lab measures it."""
    signed = isinstance(s.event, e.ReleaseSigned) and _watched(s) and not s.refused
    belongs = Place.BEDSIDE if s.path_before.signers else Place.HOT_LAB
    place = s.path_before.place
    if signed and place is not belongs:
        yield f"release {len(s.path_before.signers) + 1} signed at the {place.words}"
    for read in s.given(c.ReadAssay):
        assert isinstance(read, c.ReadAssay)
        if read.item != EMPTY_WELL and place is not Place.HOT_LAB:
            yield f"{read.item} measured with the container at the {place.words}"


def s4_stop(s: Step) -> Iterator[str]:
    """S4: a fault while the plunger may move is answered with STOP in the same step."""
    run = s.before.run
    ours = run is not None and run.stage in (Stage.STARTING, Stage.RUNNING)
    moving = (ours or s.was.turning) and not (s.was.stop_asked or s.was.recovering)
    if _faulty(s) and moving and not s.given(c.Stop):
        yield f"{type(s.event).__name__} while the pump may move, and no STOP"


def _faulty(s: Step) -> bool:
    event = s.event
    match event:
        case e.PumpRead() if s.was.turning and s.before.run is None:
            return event.status.asked_ns > s.before.rested_ns and s.before.phase in _TABLE_READS
        case e.AlarmSeen():
            return event.status.alarm not in (None, PumpAlarm.RESET) and _watched(s)
        case e.ConditionSeen():
            return event.present and event.condition in FAULTY_CONDITIONS and _watched(s)
        case e.SiteChecked():
            return not event.site_ok and _watched(s)
        case e.PatencyConfirmed():
            return event.leak_seen and _watched(s)
        case e.RunRefused() | e.WriteLost():
            return event.epoch == s.before.epoch and s.before.run is not None
        case e.StopPressed() | e.ShutdownRequested():
            return True
        case e.PainPressed() | e.SpillPressed() | e.PermitExpired():
            return _watched(s)
    return False


_TABLE_READS: Final = {phase for phase, kind in HANDLERS if kind is e.PumpRead}


def _watched(s: Step) -> bool:
    return (s.before.phase, type(s.event)) in HANDLERS


def trip_stops(s: Step) -> Iterator[str]:
    """Every trip has its STOP, first of all commands, unless one is under way or all rests."""
    fresh = [x for x in s.told if trips(x)]
    if fresh and not s.given(c.Stop):
        safe = s.was.stop_asked or s.was.recovering or not s.was.turning
        if not safe or s.before.phase not in (Phase.UNCERTAIN, *_stopping(s)):
            yield f"{fresh[0]} without a STOP"
    stops = s.given(c.Stop)
    if stops and (len(stops) > 1 or s.told[0] is not stops[0]):
        yield "STOP is not the first and only one"


def _stopping(s: Step) -> tuple[Phase, ...]:
    run = s.before.run
    under_way = run is not None and run.stage is Stage.STOPPING
    # What rests and lies in doubt goes to UNCERTAIN by the confirmation of the STOP itself.
    return (s.before.phase,) if under_way or s.was.stop_asked else ()


def s5_latch(s: Step) -> Iterator[str]:
    """S5: nothing is energised while a trip stands, nor in a phase in which nothing may run."""
    runs = s.given(c.RunPump)
    if s.path.trips and s.given(*ENERGISE, c.Prepare):
        yield f"{s.given(*ENERGISE, c.Prepare)[0]} while {', '.join(sorted(s.path.trips))} stands"
    run = s.after.run
    if runs and (run is None or s.edge not in RUNS_IN[run.purpose]):
        yield f"RUN from {s.edge[0].value} to {s.edge[1].value}"
    if runs and (s.after.no_resume or s.after.unbounded) and run and run.purpose is Purpose.DRUG:
        yield "drug runs although nobody may resume"


def latch_opens(s: Step) -> Iterator[str]:
    """A latch opens only once its condition is gone and somebody saw it, by who may open it."""
    gone = s.path_before.trips - s.path.trips
    if not gone:
        return
    held = {a.id for a in s.before.alarms if a.present}
    if s.before.phase is Phase.STOPPED and not isinstance(s.event, CLEARS):
        yield f"{type(s.event).__name__} cleared {', '.join(sorted(gone))}"
    if gone & held and s.before.phase is Phase.STOPPED:
        yield f"{', '.join(sorted(gone & held))} cleared while present"
    if gone - s.path.acknowledged - s.path_before.acknowledged:
        yield f"{', '.join(sorted(gone))} cleared and nobody acknowledged"


def resume_by_two(s: Step) -> Iterator[str]:
    """From STOPPED back to the drug: two different people, one after the other."""
    run = s.after.run
    drug = run is not None and run.purpose is Purpose.DRUG and bool(s.given(c.Prepare))
    back = s.edge == (Phase.STOPPED, Phase.RELEASED)
    if s.before.phase is not Phase.STOPPED or not (drug or back):
        return
    who = s.event.who if isinstance(s.event, e.ResumeRequested) else ""
    if not s.path_before.resumers or s.path_before.resumers[-1] == who:
        yield f"resumed by {s.path_before.resumers} and {who!r}"


def epochs(s: Step) -> Iterator[str]:
    """Each device command is of the state's epoch; only a STOP opens one."""
    for command in s.told:
        epoch = getattr(command, "epoch", s.after.epoch)
        if isinstance(command, c.GrantPermit):
            epoch = command.permit.epoch
        if epoch != s.after.epoch:
            yield f"{command} in epoch {s.after.epoch}"
    if s.after.epoch - s.before.epoch != len(s.given(c.Stop)):
        yield f"epoch {s.before.epoch} became {s.after.epoch} without a STOP"


def permits(s: Step) -> Iterator[str]:
    """A permit is for a run that left in this epoch, never for one that is to stop, and short."""
    for command in s.given(c.GrantPermit):
        assert isinstance(command, c.GrantPermit)
        run = s.after.run
        if run is None or run.stage not in (Stage.STARTING, Stage.RUNNING):
            yield "a permit without a live run"
        elif command.permit.expires_ns > s.after.now_ns + run.plan.watchdog_ns // 3:
            yield "a permit outlives a third of the lease"
        if not s.given(c.RunPump) and not (s.was.ran and not s.was.stop_asked):
            yield "a permit after a STOP, or before a RUN, of its epoch"
    if s.given(c.Stop) and s.given(*ENERGISE, c.Prepare):
        yield "energised in the step of a STOP"


def programmed(s: Step) -> Iterator[str]:
    """RUN only for what the plant holds; *prepare* and *disarm* only while it rests."""
    if s.given(c.RunPump) and (s.was.plan is None or s.was.ran or s.was.stop_asked):
        yield "RUN, and the pump holds no fresh programme"
    if s.given(c.Prepare, c.DisarmPump) and s.was.turning:
        yield f"{s.given(c.Prepare, c.DisarmPump)[0]} while the plunger moves"


def intervals(s: Step) -> Iterator[str]:
    """Volumes are intervals that only grow; people alone may narrow one, inside what it was."""
    for purpose in Purpose:
        old: Pumped = getattr(s.before, purpose.value)
        new: Pumped = getattr(s.after, purpose.value)
        if not 0 <= new.low_nl <= new.high_nl or new.low_nl < old.low_nl:
            yield f"{purpose.value}: {old} became {new}"
        if new.high_nl < old.high_nl and not isinstance(s.event, e.DeliveryBounded):
            yield f"{purpose.value}: {old} fell to {new}"
    if s.before.by_hand not in (None, s.after.by_hand):
        yield "what was entered late was overwritten"
    if s.after.by_hand is not None and s.after.given.high_nl > s.after.order.fill_nl:
        yield f"{s.after.given} were given of {s.after.order.fill_nl} nL"


def edges(s: Step) -> Iterator[str]:
    """Phases change only as the table draws them; nothing brings a closed treatment back.

    What a row leads to may trip in the very same step.
    """
    tripped = s.after.phase is Phase.STOPPED and any(trips(x) for x in s.told)
    drawn = s.edge in EDGES or (tripped and s.before.phase in BEFORE_TRIPS)
    if s.edge[0] is not s.edge[1] and not drawn:
        yield f"{s.edge[0].value} became {s.edge[1].value}"
    if s.before.phase is Phase.CLOSED and s.after.phase is not Phase.CLOSED:
        yield "a closed treatment came back"


def asks_again(s: Step) -> Iterator[str]:
    """Whoever becomes UNCERTAIN with a run in hand asks the pump what it knows."""
    fresh = s.after.phase is Phase.UNCERTAIN and s.edge[0] is not Phase.UNCERTAIN
    if fresh and s.after.run is not None and not s.given(c.RecoverPump):
        yield "UNCERTAIN, and nobody asks the pump"


RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("S1 volume", s1_volume),
    ("S1 bound", s1_bound),
    ("S2 rate", s2_rate),
    ("S3 release", s3_release),
    ("released path", released_path),
    ("release", release),
    ("two people", two_people),
    ("custody", custody),
    ("S4 stop", s4_stop),
    ("trip stops", trip_stops),
    ("S5 latch", s5_latch),
    ("latch opens", latch_opens),
    ("resume by two", resume_by_two),
    ("epoch", epochs),
    ("permit", permits),
    ("programmed", programmed),
    ("interval", intervals),
    ("edge", edges),
    ("asks again", asks_again),
)


def broken(s: Step) -> tuple[str, ...]:
    """Every rule that this step breaks, as ``name: what``."""
    if s.raised:
        return (f"total: {type(s.event).__name__} in {s.before.phase.value} raised {s.raised}",)
    return tuple(f"{name}: {text}" for name, rule in RULES for text in rule(s))


def differs(left: State, right: State) -> str:
    """Fields in which two states differ, or an empty string."""
    if left == right:
        return ""
    names = [f.name for f in fields(State) if getattr(left, f.name) != getattr(right, f.name)]
    return ", ".join(names)


def as_ticked(s: Step, ticked: State) -> Iterator[str]:
    """What was refused, or no row takes, does to the state what a tick of that moment does."""
    if not s.refused and (s.before.phase, type(s.event)) in HANDLERS:
        return
    odd = differs(s.after, ticked)
    if odd:
        yield f"refused: {type(s.event).__name__} changed {odd}"
