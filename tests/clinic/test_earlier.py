"""What a kept record says of a dose: when it began, and the most that it can have been."""

from typing import Any

import pytest

from controller.clinic.documents import utc_ns
from controller.clinic.earlier import earlier_dose
from controller.clinic.order import Order
from controller.clinic.record import build_record
from controller.clinic.record_model import RecordFacts, TreatmentRecord

from .test_record import facts

__all__ = ["facts"]


@pytest.fixture
def record(facts: RecordFacts) -> TreatmentRecord:
    told = build_record(facts)
    return told.model_copy(update={"times": {"pump_start": "2025-11-20T21:00:00.000Z"}})


def test_a_dose_is_what_the_record_says(record: TreatmentRecord, order: Order) -> None:
    dose = earlier_dose(record)
    assert dose is not None
    assert (dose.session, dose.patient_id, dose.drug) == ("s-0001", "C131-0042", "CLR 131")
    assert dose.started_utc_ns == utc_ns(order.reference_time)
    assert record.delivered_interval_mbq is not None
    assert dose.given_bq == round(record.delivered_interval_mbq[1] * 1e6)


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    ("known", "given_mbq"),
    [
        ({"delivered_interval_mbq": (10.0, 20.5)}, 20.5),
        ({"delivered_interval_mbq": None, "assayed_mbq": 1700.25}, 1700.25),
        ({"delivered_interval_mbq": None, "assayed_mbq": None}, 1681.7),
    ],
)
def test_what_is_not_known_counts_in_full(
    record: TreatmentRecord, known: dict[str, Any], given_mbq: float
) -> None:
    dose = earlier_dose(record.model_copy(update=known))
    assert dose is not None
    assert dose.given_bq == given_mbq * 1e6


@pytest.mark.parametrize("never", [{"outcome": "not_given"}, {"times": {}}])
def test_what_never_began_is_no_dose(record: TreatmentRecord, never: dict[str, Any]) -> None:
    assert earlier_dose(record.model_copy(update=never)) is None
