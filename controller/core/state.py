"""One frozen value that holds all the judgement knows about one treatment.

Integers in base units.
"""

from dataclasses import dataclass, field
from enum import Enum

from controller.core.commissioning import UNKNOWN, Commissioned
from controller.core.event import Proven
from controller.core.papers import Papers
from controller.core.papers import Signed as Signed  # noqa: PLC0414
from controller.core.place import HandOver
from controller.core.treatment import Treatment
from firmware_interfaces.readings import (
    ADDED,
    ActivityReading,
    Identity,
    Motion,
    PlanReadback,
    PumpPlan,
)


class Phase(Enum):
    """Phases of a treatment (shapes.md)."""

    IDLE = "IDLE"
    ORDERED = "ORDERED"
    ASSAYED = "ASSAYED"
    RELEASED = "RELEASED"
    SEATED = "SEATED"
    ARMED = "ARMED"
    INFUSING = "INFUSING"
    FLUSHING = "FLUSHING"
    RESIDUAL = "RESIDUAL"
    CLOSED = "CLOSED"
    HELD = "HELD"
    STOPPED = "STOPPED"
    UNCERTAIN = "UNCERTAIN"


class Purpose(Enum):
    """Why the plunger moves. Every movement is a supervised run with one of these."""

    PATENCY = "patency"
    SEAT = "seat"
    DRUG = "drug"
    FLUSH = "flush"
    KVO = "kvo"

    @property
    def saline(self) -> bool:
        """True where saline is pushed: on the second pump, if there is one."""
        return self in (Purpose.PATENCY, Purpose.FLUSH, Purpose.KVO)


class Stage(Enum):
    """How far a run has come."""

    PREPARING = "preparing"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class Outcome(Enum):
    """What a closed session amounts to."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NOT_GIVEN = "not_given"


@dataclass(frozen=True, slots=True)
class Sample:
    """One counter reading: monotonic time of the question, and infused volume in the run."""

    at_ns: int
    nl: int


@dataclass(frozen=True)
class Run:
    """One supervised movement of the plunger, from *prepare* to confirmed rest.

    ``profile`` holds (rate uL/h, duration ns) per part, ``part`` is the one that the pump holds.
    ``told`` holds (since ns, rate uL/h) as the pump was told them.
    ``doubt`` names the trip after which the counter cannot be believed.
    ``started_ns`` is None until RUN left. ``counter_nl`` is the pump's own count of this run.
    Without slots, so that `controller.core.changed` copies it in one go.
    """

    purpose: Purpose
    stage: Stage
    epoch: int
    plan: PumpPlan
    profile: tuple[tuple[int, int], ...]
    part: int = 0
    readback: PlanReadback | None = None
    started_ns: int | None = None
    told: tuple[tuple[int, int], ...] = ()
    counter_nl: int = 0
    withdrawn_nl: int = 0
    step_nl: int = 0
    read_ns: int = 0
    motion: Motion | None = None
    previous: Sample | None = None
    complete: bool = False
    doubt: str = ""
    samples: tuple[Sample, ...] = ()

    @property
    def live(self) -> bool:
        """True from the moment RUN may have left, or keys had it move, until a confirmed stop."""
        moves = self.counter_nl > 0 or (self.motion is not None and not self.motion.at_rest)
        return moves or self.stage in (Stage.STARTING, Stage.RUNNING, Stage.STOPPING)


@dataclass(frozen=True, slots=True)
class Pumped:
    """Volume pumped for one purpose as an interval; ``low == high`` while nothing is uncertain."""

    low_nl: int = 0
    high_nl: int = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """A pump at rest: what its counter was cleared for, and what it says, nL."""

    purpose: Purpose
    counter_nl: int


@dataclass(frozen=True, slots=True)
class Saline:
    """Saline that the second pump let into the line, and how much drug had gone in before it."""

    saline: Pumped
    drug: Pumped


@dataclass(frozen=True, slots=True)
class Item:
    """One measured item of the residual: activity at its own time."""

    item: str
    activity_bq: int
    resolution_bq: int
    utc_ns: int


@dataclass(frozen=True, slots=True)
class ByHand:
    """What hands gave after the pump: drug as an interval, flush, from when till when (UTC).

    ``first`` says that the pump had given nothing yet. It was entered late, at ``entered_utc_ns``.
    """

    drug: Pumped
    flushed_nl: int
    begun_utc_ns: int
    ended_utc_ns: int
    entered_utc_ns: int
    given_by: str
    entered_by: tuple[str, str]
    method: str
    reason: str
    first: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A fact that an alarm row reads: its id, evidence, and when it was seen (monotonic)."""

    id: str
    evidence: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """An active alarm. ``present`` tells whether its condition holds at this moment."""

    id: str
    raised_ns: int
    raised_utc_ns: int
    evidence: str
    present: bool
    acknowledged_by: str = ""


@dataclass(frozen=True)
class State:
    """Everything known about one treatment.

    ``papers`` is None where a session was begun before gates were held.
    Times ending in ``_ns`` are monotonic unless they end in ``_utc_ns``; None means "not yet".
    ``active_ns`` counts the time in which drug really ran.
    Only where there is a second pump: ``saline`` is what it let into the line, in order,
    ``saline_syringe`` what is mounted on it, ``flush_rest`` what is known of it at rest, as
    ``rest`` is of the drug's pump.
    ``stations`` says that hot lab and bedside hand the container over, ``custody`` each time they
    did.
    Without slots, so that `controller.core.changed` copies it in one go.
    """

    session: str
    phase: Phase = Phase.IDLE
    held_from: Phase | None = None
    hold_reason: str = ""
    held_ns: int | None = None
    uncertain_from: Phase | None = None
    epoch: int = 0
    commissioned: Commissioned = UNKNOWN
    stations: bool = field(default=False, metadata=ADDED)
    now_ns: int = 0
    now_utc_ns: int = 0
    treatment: Treatment | None = None
    papers: Papers | None = field(default=None, metadata=ADDED)
    pump: Identity | None = None
    flush_pump: Identity | None = None
    flush_commissioned: Commissioned = UNKNOWN
    calibrator: Identity | None = None
    # hot lab
    assay_pending: str = ""
    assay: ActivityReading | None = None
    assay_utc_ns: int | None = None
    assay_by: str = ""
    assay_proven: Proven | None = field(default=None, metadata=ADDED)
    planned_nl: int = 0
    released: tuple[Signed, ...] = ()
    released_ns: int | None = None
    custody: tuple[HandOver, ...] = field(default=(), metadata=ADDED)
    # bedside
    patency_ran: bool = False
    patency_ok: bool = False
    connected: bool = False
    seat_prime_nl: int = 0
    seat_before_nl: int = 0
    start_by: str = ""
    start_requested_ns: int | None = None
    resume_by: str = ""
    no_resume: str = ""
    # motion
    run: Run | None = None
    watchdog_armed: bool = False
    rested_ns: int = 0
    rest: Rest | None = None
    permit_expires_ns: int = 0
    seat: Pumped = Pumped()
    patency: Pumped = Pumped()
    drug: Pumped = Pumped()
    flush: Pumped = Pumped()
    kvo: Pumped = Pumped()
    by_hand: ByHand | None = field(default=None, metadata=ADDED)
    saline: tuple[Saline, ...] = ()
    saline_syringe: str = ""
    saline_um: int = 0
    flush_rest: Rest | None = None
    unbounded: bool = False
    active_ns: int = 0
    first_start_utc_ns: int | None = None
    first_start_ns: int | None = None
    arrival_utc_ns: int | None = None
    drug_end_utc_ns: int | None = None
    clearance_utc_ns: int | None = None
    phase_ns: int = 0
    # prompts
    check_due_active_ns: int | None = None
    barrel_due_active_ns: int | None = None
    checks: int = 0
    # after
    items: tuple[Item, ...] = ()
    background_bq: int | None = None
    survey: tuple[tuple[str, int], ...] = ()
    survey_utc_ns: int | None = None
    contaminated: bool = False
    cause: str = ""
    outcome: Outcome | None = None
    signatures: tuple[Signed, ...] = ()
    # alarms
    notices: tuple[Notice, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    history: tuple[Alarm, ...] = ()
    trips: tuple[Notice, ...] = ()
    audio_pause_until_ns: int = 0

    @property
    def recovering(self) -> bool:
        """True while *recover* is under way: uncertain, and no interval waits for people yet."""
        return self.phase is Phase.UNCERTAIN and not self.unbounded

    @property
    def order(self) -> Treatment:
        """The treatment; only asked for in phases that have one."""
        assert self.treatment is not None
        return self.treatment

    @property
    def given(self) -> Pumped:
        """Drug out of the container into the line, by the pump and by hand, as an interval."""
        pump, hand = self.pumped(Purpose.DRUG), self.by_hand
        if hand is None:
            return pump
        return Pumped(pump.low_nl + hand.drug.low_nl, pump.high_nl + hand.drug.high_nl)

    @property
    def flushed_nl(self) -> int:
        """Saline behind the drug, by the pump and by hand, nL, the lower bound."""
        by_hand = 0 if self.by_hand is None else self.by_hand.flushed_nl
        return self.pumped(Purpose.FLUSH).low_nl + by_hand

    def pumped(self, purpose: Purpose) -> Pumped:
        """What was pumped for a purpose so far, the run in progress included."""
        total: Pumped = getattr(self, purpose.value)
        if self.run is None or self.run.purpose is not purpose or not self.run.live:
            return total
        return Pumped(total.low_nl + self.run.counter_nl, total.high_nl + self.run.counter_nl)
