"""What the record of a treatment says about a dose that was given: when it was, and how much."""

from dataclasses import dataclass
from datetime import datetime

from controller.clinic.documents import utc_ns
from controller.clinic.record_model import TreatmentRecord
from firmware_interfaces.units import Becquerel, Nanoseconds, megabecquerel

STARTED = ("pump_start", "hand_start")
"""When a dose began: by the pump or, where that never ran, by hand."""


@dataclass(frozen=True, slots=True)
class EarlierDose:
    """One dose that began. ``given_bq`` is the most that it can have been."""

    session: str
    patient_id: str
    drug: str
    started_utc_ns: Nanoseconds
    given_bq: Becquerel


def earlier_dose(record: TreatmentRecord) -> EarlierDose | None:
    """The dose of a record, or None where no drug was pumped, and of a cold run.

    Where what was given is not known, all that was assayed counts: the sum of doses has a cap.
    """
    started = next((record.times[name] for name in STARTED if name in record.times), None)
    if started is None or record.outcome == "not_given" or record.cold_run:
        return None
    high = record.delivered_interval_mbq
    most = high[1] if high is not None else record.assayed_mbq
    if most is None:
        most = record.prescribed_mbq
    return EarlierDose(
        session=record.session,
        patient_id=record.patient.id,
        drug=record.drug,
        started_utc_ns=utc_ns(datetime.fromisoformat(started)),
        given_bq=megabecquerel(most),
    )
