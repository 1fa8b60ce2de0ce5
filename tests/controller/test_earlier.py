"""A dose in a kept journal of an earlier release counts when the next one is ordered."""

import json

import pytest

from controller.clinic.documents import utc_datetime
from controller.clinic.earlier import earlier_dose
from controller.clinic.order import OrderError
from controller.config import load_site
from controller.core.limits import limits_from
from controller.orders import checked_order
from controller.records import record_of_journal
from controller.replay import records_of
from tests.controller.golden_journals import KEPT
from tests.controller.room import NOON_UTC_NS, ORDER, site_text

SITE = load_site(site_text("j"))


def kept_dose(case: str):
    journal = records_of(KEPT / f"0.1.0-{case}.jsonl")
    return earlier_dose(record_of_journal(list(journal), limits_from({})))


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    ("case", "least_mbq", "most_mbq"),
    [("complete", 1500, 1800), ("occluded", 400, 500), ("crashed", 100, 200)],
)
def test_a_kept_dose_is_known_by_its_record(case: str, least_mbq: int, most_mbq: int) -> None:
    """Also one that was broken off: what the patient has had cannot be given again."""
    dose = kept_dose(case)
    assert dose is not None
    assert (dose.patient_id, dose.drug) == ("C131-0042", "CLR 131")
    assert utc_datetime(dose.started_utc_ns).year == 2026
    assert least_mbq < dose.given_bq / 1e6 < most_mbq


@pytest.mark.requirement("W7")
def test_the_same_patient_cannot_be_ordered_a_first_dose_again() -> None:
    text = json.dumps(ORDER)
    assert checked_order(text, SITE, NOON_UTC_NS).order.dose_number == 1
    dose = kept_dose("complete")
    assert dose is not None
    with pytest.raises(OrderError) as refusal:
        checked_order(text, SITE, NOON_UTC_NS, (dose,))
    assert [problem.field for problem in refusal.value.problems] == [
        "dose_number",
        "reference_time",
    ]
