"""From the facts of a treatment to its record: decay to one time, account, write down.

Pure: the same facts make the same record to the byte.
"""

from typing import Any, Final

from controller.clinic.accounting import Account, Agreement, Measured, RouteResult, account
from controller.clinic.assay import accept_for, expected_administered_bq, primed_in_line_nl
from controller.clinic.documents import canonical_json
from controller.clinic.dosing import Rounding, decayed_bq
from controller.clinic.ledger import LineState, line_of
from controller.clinic.order import Administer, order_hash
from controller.clinic.record_model import (
    AlarmFact,
    CustodyFact,
    GateFact,
    Item,
    LateEntry,
    Outcome,
    Reading,
    RecordAgreement,
    RecordAlarm,
    RecordAssay,
    RecordComponent,
    RecordCustody,
    RecordFacts,
    RecordGate,
    RecordHalfLife,
    RecordLateEntry,
    RecordPatient,
    RecordPerson,
    TreatmentRecord,
)
from controller.clinic.record_text import render_text
from controller.clinic.signatures import Meaning, Signature
from controller.clinic.text import deviation_percent_text, utc_text
from firmware_interfaces.units import Becquerel, Nanolitre, Nanoseconds, as_mbq, as_ml, as_seconds

__all__ = [
    "AlarmFact",
    "CustodyFact",
    "GateFact",
    "Item",
    "LateEntry",
    "Outcome",
    "Reading",
    "RecordFacts",
    "TreatmentRecord",
    "build_record",
    "dosage_record_gaps",
    "record_json",
    "render_text",
]

PPM_PER_PERCENT: Final = 10_000


def build_record(facts: RecordFacts) -> TreatmentRecord:
    """Make the record of a treatment, at whatever point it ended."""
    return TreatmentRecord.model_validate(
        {
            **_ordered(facts),
            **_pumped(facts),
            **(_UNKNOWN if facts.assay is None else _activities(facts, facts.assay)),
            "session": facts.session,
            "simulated": facts.simulated,
            "cold_run": facts.order.cold_run,
            "outcome": facts.outcome,
            "alarms": tuple(map(_alarm, facts.alarms)),
            "not_observable": facts.not_observable,
            "people": tuple(map(_person, facts.people)),
            "custody": tuple(map(_custody, facts.custody)),
            "gates": tuple(map(_gate, facts.gates)),
            "times": {name: utc_text(at) for name, at in sorted(facts.times.items())},
            "devices": tuple(map(dict, facts.devices)),
            "versions": dict(facts.versions),
            "journal_head": facts.journal_head,
            "ground_truth": None if facts.ground_truth is None else dict(facts.ground_truth),
        }
    )


def record_json(record: TreatmentRecord) -> str:
    """Return the record in its one canonical spelling."""
    return canonical_json(record.model_dump(mode="json", by_alias=True))


def dosage_record_gaps(record: TreatmentRecord) -> list[str]:
    """A8: name what 10 CFR 35.2063 asks for and the record lacks; empty if all five are there."""
    required = {
        "radiopharmaceutical": record.drug,
        "patient name or number": record.patient.name or record.patient.id,
        "prescribed and determined dosage": record.assay and record.prescribed_mbq,
        "date and time of determination": record.assay and record.assay.at,
        "name of the person who determined it": _determined_by(record),
    }
    return [name for name, value in required.items() if not value]


def _determined_by(record: TreatmentRecord) -> str:
    names = [person.name for person in record.people if person.meaning == Meaning.ASSAYED]
    return names[-1] if names else ""


def _ordered(facts: RecordFacts) -> dict[str, Any]:
    order, half_life = facts.order, facts.half_life
    limits = order.prescribed_range_bq
    return {
        "site": order.site,
        "order_id": order.order_id,
        "order_hash": order_hash(order),
        "patient": RecordPatient(name=order.patient.name, id=order.patient.id),
        "drug": order.drug,
        "nuclide": order.nuclide,
        "route": order.route,
        "regimen": order.regimen,
        "half_life": RecordHalfLife(**half_life.model_dump()),
        "prescribed_mbq": as_mbq(order.prescribed_bq),
        "prescribed_range_mbq": None if limits is None else (as_mbq(limits[0]), as_mbq(limits[1])),
    }


def _pumped(facts: RecordFacts) -> dict[str, Any]:
    line = _line(facts)
    started = facts.started_at_utc_ns is not None
    return {
        "planned_ml": as_ml(facts.planned_nl),
        "pumped_ml": as_ml(facts.pumped_low_nl),
        "pumped_interval_ml": (as_ml(facts.pumped_low_nl), as_ml(facts.pumped_high_nl)),
        "delivered_ml": as_ml(line.delivered_low_nl),
        "in_line_ml": as_ml(line.in_line_high_nl) if started else None,
        "infusion_s": as_seconds(facts.infusion_ns),
        "late_entry": None if facts.late_entry is None else _late_entry(facts.late_entry),
    }


def _late_entry(entry: LateEntry) -> RecordLateEntry:
    return RecordLateEntry(
        given_ml=(as_ml(entry.low_nl), as_ml(entry.high_nl)),
        flushed_ml=as_ml(entry.flushed_nl),
        begun_at=utc_text(entry.begun_at_utc_ns),
        ended_at=utc_text(entry.ended_at_utc_ns),
        given_by=entry.given_by,
        method=entry.method,
        reason=entry.reason,
        entered_at=utc_text(entry.entered_at_utc_ns),
        entered_by=entry.entered_by,
    )


_UNKNOWN: Final[dict[str, Any]] = {
    **dict.fromkeys(
        (
            "assay",
            "assayed_mbq",
            "expected_mbq",
            "delivered_mbq",
            "delivered_by_volume_mbq",
            "delivered_interval_mbq",
            "residual_mbq",
            "uncertainty_percent",
            "uncertainty_by_volume_percent",
            "agreement",
            "assay_band",
            "assay_deviation",
            "deviation_band",
            "deviation",
            "residual_band",
        )
    ),
    "waste_mbq": 0.0,
    "prime_mbq": 0.0,
    "uncertainty_components": (),
    "candidates": (),
}
"""What a record says of activities when nothing was ever assayed."""


def _activities(facts: RecordFacts, assay: Reading) -> dict[str, Any]:
    measured = _measured(facts, assay)
    taken = RecordAssay(mbq=as_mbq(assay.activity_bq), at=utc_text(assay.at_utc_ns))
    if facts.order.cold_run:
        return {**_UNKNOWN, "assay": taken, **_left(measured)}
    if measured.assayed_bq <= 0:
        # An empty well was read, and nothing released: nothing can be a share of it.
        return {**_UNKNOWN, "assay": taken}
    outcome = account(measured, facts.budget, facts.reported)
    residual, volume = outcome.by_residual, outcome.by_volume
    routes = tuple(route for route in (residual, volume) if route is not None)
    interval = (as_mbq(outcome.interval_low_bq), as_mbq(outcome.interval_high_bq))
    return {
        "assay": taken,
        "assayed_mbq": as_mbq(measured.assayed_bq),
        "expected_mbq": as_mbq(_expected_bq(facts, measured)),
        "delivered_mbq": None if residual is None else as_mbq(residual.delivered_bq),
        "delivered_by_volume_mbq": as_mbq(volume.delivered_bq),
        "delivered_interval_mbq": interval,
        **_left(measured),
        "uncertainty_percent": outcome.best.expanded_ppm / PPM_PER_PERCENT,
        "uncertainty_by_volume_percent": volume.expanded_ppm / PPM_PER_PERCENT,
        "uncertainty_components": tuple(part for route in routes for part in _components(route)),
        "agreement": None if outcome.agreement is None else _agreement(outcome.agreement),
        **_judged(facts, measured, outcome),
    }


def _left(measured: Measured) -> dict[str, Any]:
    """What was measured beside the patient. A cold run says it too: there should be none."""
    return {
        "residual_mbq": None if measured.residual_bq is None else as_mbq(measured.residual_bq),
        "waste_mbq": as_mbq(measured.waste_bq),
        "prime_mbq": as_mbq(measured.prime_bq),
    }


def _judged(facts: RecordFacts, measured: Measured, outcome: Account) -> dict[str, Any]:
    """Bands and candidates; without a start nothing was administered that could deviate."""
    accepted = accept_for(facts.order, measured.assayed_bq)
    delivered = outcome.best.delivered_bq
    started = facts.started_at_utc_ns is not None
    return {
        "assay_band": accepted.band,
        "assay_deviation": accepted.deviation,
        "deviation_band": outcome.deviation if started else None,
        "deviation": deviation_percent_text(delivered, measured.prescribed_bq) if started else None,
        "residual_band": outcome.residual if started else None,
        "candidates": outcome.candidates if started else facts.reported,
    }


def _line(facts: RecordFacts) -> LineState:
    if facts.line is not None:
        return facts.line
    model = line_of(facts.order)
    return model.state(facts.pumped_low_nl, facts.pumped_high_nl, facts.flushed_nl)


def _expected_bq(facts: RecordFacts, measured: Measured) -> Becquerel:
    """Return what the plan would bring to the vein, the line cleared by its flush."""
    reaching = Nanolitre(facts.planned_nl + primed_in_line_nl(facts.order))
    return expected_administered_bq(measured.assayed_bq, measured.fill_nl, reaching)


def _kept_by_plan_bq(facts: RecordFacts, assayed_bq: Becquerel) -> Becquerel:
    """Return what a ``volume_for_dose`` plan leaves in the syringe on purpose."""
    order = facts.order
    if order.administer is Administer.WHOLE_SYRINGE:
        return Becquerel(0)
    given_nl = facts.planned_nl + primed_in_line_nl(order)
    return Becquerel(assayed_bq * max(0, order.fill_nl - given_nl) // order.fill_nl)


def _at_start(facts: RecordFacts, assay: Reading, read: Reading) -> Becquerel:
    """Decay to the infusion's start, or to the assay if there was none."""
    start = assay.at_utc_ns if facts.started_at_utc_ns is None else facts.started_at_utc_ns
    elapsed = Nanoseconds(start - read.at_utc_ns)
    return decayed_bq(read.activity_bq, elapsed, facts.half_life.ms, Rounding.NEAREST)


def _items_bq(facts: RecordFacts, assay: Reading, items: tuple[Item, ...]) -> Becquerel:
    total = 0
    for item in items:
        corrected = Becquerel(item.activity_bq * item.factor_permille // 1000)
        total += _at_start(facts, assay, Reading(corrected, item.at_utc_ns))
    return Becquerel(total)


def _measured(facts: RecordFacts, assay: Reading) -> Measured:
    line, order, residual = _line(facts), facts.order, facts.residual
    assayed = _at_start(facts, assay, assay)
    return Measured(
        prescribed_bq=order.prescribed_bq,
        prescribed_range_bq=order.prescribed_range_bq,
        assayed_bq=assayed,
        residual_bq=None if residual is None else _at_start(facts, assay, residual),
        kept_by_plan_bq=_kept_by_plan_bq(facts, assayed),
        waste_bq=_items_bq(facts, assay, facts.waste),
        prime_bq=_items_bq(facts, assay, facts.prime),
        resolution_bq=facts.resolution_bq,
        fill_nl=order.fill_nl,
        dead_volume_nl=order.dead_volume_nl,
        delivered_low_nl=line.delivered_low_nl,
        delivered_high_nl=line.delivered_high_nl,
    )


def _components(result: RouteResult) -> list[RecordComponent]:
    return [
        RecordComponent(
            route=result.route,
            name=part.name,
            standard_mbq=as_mbq(part.standard_bq),
            common=part.common,
        )
        for part in result.components
    ]


def _agreement(found: Agreement) -> RecordAgreement:
    return RecordAgreement(
        difference_percent=found.difference_ppm / PPM_PER_PERCENT,
        allowed_percent=found.allowed_ppm / PPM_PER_PERCENT,
        agrees=found.agrees,
    )


def _alarm(alarm: AlarmFact) -> RecordAlarm:
    return RecordAlarm(
        id=alarm.id,
        priority=alarm.priority,
        action=alarm.action,
        text=alarm.text,
        at=utc_text(alarm.at_utc_ns),
        evidence=alarm.evidence,
    )


def _person(signature: Signature) -> RecordPerson:
    return RecordPerson(
        operator_id=signature.operator_id,
        name=signature.name,
        role=signature.role,
        meaning=signature.meaning,
        at=utc_text(signature.at_utc_ns),
        identity=signature.identity,
    )


def _gate(fact: GateFact) -> RecordGate:
    by, other = fact.by, fact.overridden_by
    return RecordGate(
        id=fact.id,
        place=fact.place,
        source=fact.source,
        answer=None if fact.answer is None else dict(fact.answer),
        by=None if by is None else by.operator_id,
        at=None if by is None else utc_text(by.at_utc_ns),
        override=fact.override or None,
        overridden_by=None if other is None else other.operator_id,
        overridden_at=None if other is None else utc_text(other.at_utc_ns),
    )


def _custody(fact: CustodyFact) -> RecordCustody:
    at = utc_text(fact.at_utc_ns)
    return RecordCustody(
        place=fact.place, what=fact.what, by=fact.given_by, to=fact.taken_by, at=at
    )
