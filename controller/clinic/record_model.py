"""The treatment record as data: what the daemon knows at the end, and what is kept for the years.

``RecordFacts`` is integers in base units as they stand in the state; ``TreatmentRecord`` is what
people and other programs read. Neither computes anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from controller.clinic.accounting import Budget, Candidate
from controller.clinic.documents import Document
from controller.clinic.ledger import LineState
from controller.clinic.order import Order
from controller.clinic.regimen_sections import HalfLife
from controller.clinic.signatures import Signature
from firmware_interfaces.units import Becquerel, Nanolitre, Nanoseconds

Outcome = Literal["complete", "partial", "not_given"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One activity as it was read, at its own time."""

    activity_bq: Becquerel
    at_utc_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class Item:
    """One assayed piece of waste or prime; ``factor_permille`` corrects for its geometry."""

    what: str
    activity_bq: Becquerel
    at_utc_ns: Nanoseconds
    factor_permille: int = 1000


@dataclass(frozen=True, slots=True)
class AlarmFact:
    """One alarm that was raised."""

    id: str
    priority: str
    action: str
    text: str
    at_utc_ns: Nanoseconds
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class LateEntry:
    """What hands gave after the pump, and when it was entered; the least and the most of drug."""

    low_nl: Nanolitre
    high_nl: Nanolitre
    flushed_nl: Nanolitre
    begun_at_utc_ns: Nanoseconds
    ended_at_utc_ns: Nanoseconds
    entered_at_utc_ns: Nanoseconds
    given_by: str
    entered_by: tuple[str, ...]
    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class CustodyFact:
    """The container changed hands: at which place, what, from whom to whom."""

    place: str
    what: str
    given_by: str
    taken_by: str
    at_utc_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class GateFact:
    """One gate of the treatment: by which rule it was asked, what was said, by whom and when.

    ``override`` is the reason of whoever answered for it as it stood.
    """

    id: str
    place: str
    source: str
    answer: Mapping[str, Any] | None
    by: Signature | None
    override: str = ""
    overridden_by: Signature | None = None


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """All that a record is made of. ``started_at_utc_ns`` is None if nothing was started.

    ``resolution_bq`` is one display step of the calibrator. ``devices`` and ``versions`` are copied
    as they are; ``ground_truth`` exists on a bench only. ``line`` is told where saline may have
    gone in between drug; else it follows from what was pumped and flushed. Whether it was a cold
    run, the order says.
    """

    session: str
    simulated: bool
    outcome: Outcome
    order: Order
    half_life: HalfLife
    assay: Reading | None
    started_at_utc_ns: Nanoseconds | None
    residual: Reading | None
    waste: tuple[Item, ...]
    prime: tuple[Item, ...]
    resolution_bq: Becquerel
    planned_nl: Nanolitre
    pumped_low_nl: Nanolitre
    pumped_high_nl: Nanolitre
    flushed_nl: Nanolitre
    infusion_ns: Nanoseconds
    alarms: tuple[AlarmFact, ...]
    people: tuple[Signature, ...]
    times: Mapping[str, Nanoseconds]
    devices: tuple[Mapping[str, Any], ...]
    versions: Mapping[str, str]
    journal_head: str
    not_observable: tuple[str, ...] = ()
    reported: tuple[Candidate, ...] = ()
    budget: Budget = field(default_factory=Budget)
    ground_truth: Mapping[str, Any] | None = None
    line: LineState | None = None
    late_entry: LateEntry | None = None
    custody: tuple[CustodyFact, ...] = ()
    gates: tuple[GateFact, ...] = ()


class RecordPatient(Document):
    """Who was treated."""

    name: str
    id: str


class RecordAssay(Document):
    """The determined dosage as it was read, at its own time (10 CFR 35.2063)."""

    mbq: float
    at: str


class RecordAlarm(Document):
    """One alarm."""

    id: str
    priority: str
    action: str
    text: str
    at: str
    evidence: str


class RecordPerson(Document):
    """One signature."""

    operator_id: str
    name: str
    role: str
    meaning: str
    at: str
    identity: str


class RecordCustody(Document):
    """The container was handed over at ``place``: ``by`` gave it, ``to`` took it (ids)."""

    place: str
    what: str
    by: str
    to: str
    at: str


class RecordGate(Document):
    """A gate: the newest answer and who gave it (id), and the override where there is one."""

    id: str
    place: str
    source: str
    answer: dict[str, Any] | None
    by: str | None
    at: str | None
    override: str | None = None
    overridden_by: str | None = None
    overridden_at: str | None = None


class RecordComponent(Document):
    """One line of the uncertainty budget, k = 1."""

    route: str
    name: str
    standard_mbq: float
    common: bool


class RecordAgreement(Document):
    """The two routes as fractions of the assay, in percent of it."""

    difference_percent: float
    allowed_percent: float
    agrees: bool


class RecordHalfLife(Document):
    """The half-life of every decay in the record, with its source."""

    days: float
    uncertainty_days: float
    source: str


class RecordLateEntry(Document):
    """What was finished by hand, beside what the pump gave: entered afterwards, by two people."""

    given_ml: tuple[float, float]
    flushed_ml: float
    begun_at: str
    ended_at: str
    given_by: str
    method: str
    reason: str
    entered_at: str
    entered_by: tuple[str, ...]


class TreatmentRecord(Document):
    """One treatment. Activities in MBq at the infusion's start unless the name says otherwise.

    What was not measured is None. A ``cold_run`` gave saline: nothing of it is a dose, and no
    activity in it is judged. ``delivered_mbq`` is by residual, ``pumped_ml`` and
    ``delivered_ml`` are lower bounds where delivery was uncertain, percentages are k = 2. What was
    pumped is the pump's alone, what was delivered holds what stands under ``late_entry`` too.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    session: str
    simulated: bool
    cold_run: bool = False
    outcome: Outcome
    site: str
    order_id: str
    order_hash: str
    patient: RecordPatient
    drug: str
    nuclide: str
    route: str
    regimen: str
    half_life: RecordHalfLife
    prescribed_mbq: float
    prescribed_range_mbq: tuple[float, float] | None
    assay: RecordAssay | None
    assayed_mbq: float | None
    expected_mbq: float | None
    delivered_mbq: float | None
    delivered_by_volume_mbq: float | None
    delivered_interval_mbq: tuple[float, float] | None
    residual_mbq: float | None
    waste_mbq: float
    prime_mbq: float
    planned_ml: float
    pumped_ml: float
    pumped_interval_ml: tuple[float, float]
    delivered_ml: float
    in_line_ml: float | None
    late_entry: RecordLateEntry | None = None
    infusion_s: float
    uncertainty_percent: float | None
    uncertainty_by_volume_percent: float | None
    uncertainty_components: tuple[RecordComponent, ...]
    agreement: RecordAgreement | None
    assay_band: str | None
    assay_deviation: str | None
    deviation_band: str | None
    deviation: str | None
    residual_band: str | None
    candidates: tuple[str, ...]
    alarms: tuple[RecordAlarm, ...]
    not_observable: tuple[str, ...]
    people: tuple[RecordPerson, ...]
    custody: tuple[RecordCustody, ...] = ()
    gates: tuple[RecordGate, ...] = ()
    times: dict[str, str]
    devices: tuple[dict[str, Any], ...]
    versions: dict[str, str]
    journal_head: str
    ground_truth: dict[str, Any] | None
