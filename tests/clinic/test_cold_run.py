"""A cold run on paper: an order nobody signs, a record nothing of which is a dose."""

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.clinic.directive import Version, revision_problems, start_problems
from controller.clinic.documents import Problem
from controller.clinic.earlier import earlier_dose
from controller.clinic.order import Order, OrderError, order_hash, order_json, parse_order
from controller.clinic.record import Reading, RecordFacts, build_record, render_text
from controller.clinic.signatures import Meaning, Signature
from firmware_interfaces.units import Becquerel, Nanoseconds

from .conftest import Judge, MakeOrder, fields
from .test_order_rules import ORAL
from .test_record import facts, later

__all__ = ["facts"]


@pytest.fixture
def cold(make_order: MakeOrder) -> Order:
    return make_order(cold_run=True, authorized_user={"name": "Example, Alex, MD"})


@pytest.mark.requirement("T9.1")
def test_a_cold_run_is_ordered_without_a_signature(cold: Order, judge: Judge) -> None:
    assert judge(cold) == []
    assert cold.directed_at == cold.reference_time
    assert parse_order(order_json(cold)) == cold


def test_what_is_no_cold_run_is_spelt_as_before(order: Order, make_order: MakeOrder) -> None:
    assert "cold_run" not in order_json(order)
    assert order_hash(make_order(cold_run=False)) == order_hash(order)


@pytest.mark.requirement("T9.1")
def test_nobody_signs_or_speaks_a_directive_of_it(order_data: dict[str, Any]) -> None:
    order_data |= {"cold_run": True, "oral": ORAL}
    with pytest.raises(OrderError) as refusal:
        parse_order(json.dumps(order_data))
    rule = "must be absent: a cold run gives nothing, so nobody directs it"
    assert refusal.value.problems == (
        Problem("authorized_user.signed_at", "2025-11-19T16:20:00-06:00", rule),
        Problem("oral", "present", rule),
    )


@pytest.mark.requirement("T9.1")
def test_schema_1_has_no_cold_run(order_data: dict[str, Any]) -> None:
    order_data |= {"schema": 1, "cold_run": True}
    with pytest.raises(OrderError) as refusal:
        parse_order(json.dumps(order_data))
    assert Problem("cold_run", "present", "is no field of schema 1") in refusal.value.problems


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize(("at", "good"), [("15:00:00", True), ("15:00:01", False)])
def test_weight_and_height_are_entered_before_its_reference_time(
    make_order: MakeOrder, judge: Judge, at: str, good: bool
) -> None:
    entered = f"2025-11-20T{at}-06:00"
    order = make_order(cold_run=True, authorized_user={"name": "A"}, entries__first__at=entered)
    rule = "must not be after reference_time"
    assert judge(order) == ([] if good else [Problem("entries.first.at", entered, rule)])


@pytest.mark.requirement("T9.1")
def test_it_may_start_unsigned_and_not_signed(cold: Order) -> None:
    assert start_problems([Version(cold)], 0) == []
    signature = Signature("au", "Alex", "authorized_user", Meaning.ORDERED, Nanoseconds(1))
    rule = "must be absent: a cold run is no directive that could be signed"
    assert start_problems([Version(cold, signature, order_hash(cold))], 2) == [
        Problem("signature", "'Alex'", rule)
    ]


@pytest.mark.requirement("T9.1")
def test_no_treatment_is_made_a_cold_run_by_a_revision(order: Order, make_order: MakeOrder) -> None:
    told = {"number": 1, "revises": order_hash(order), "reason": "rehearse first"}
    revised = make_order(revision=told, cold_run=True, authorized_user={"name": "A"})
    problems = revision_problems([Version(order)], revised, None)
    assert problems == [Problem("cold_run", "True", "must stay False: order anew")]
    assert fields(start_problems([Version(order), Version(revised)], 0)) == ["cold_run"]


@pytest.fixture
def rehearsed(facts: RecordFacts, cold: Order) -> RecordFacts:
    """Saline in the place of the drug: the well showed its background."""
    read = Reading(Becquerel(6_000), later(cold, -30))
    left = Reading(Becquerel(0), later(cold, 120))
    return replace(facts, order=cold, assay=read, residual=left, waste=(), prime=())


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("assayed_bq", [0, 6_000])
def test_its_record_judges_no_activity(rehearsed: RecordFacts, assayed_bq: int) -> None:
    read = Reading(Becquerel(assayed_bq), later(rehearsed.order, -30))
    record = build_record(replace(rehearsed, assay=read))
    assert record.cold_run
    assert record.assay is not None
    assert (record.assay.mbq, record.residual_mbq) == (assayed_bq / 1e6, 0.0)
    judged = ("assayed_mbq", "expected_mbq", "delivered_mbq", "delivered_by_volume_mbq",
              "delivered_interval_mbq", "deviation", "assay_band", "residual_band")  # fmt: skip
    assert [getattr(record, name) for name in judged] == [None] * len(judged)
    assert record.candidates == ()
    assert (record.pumped_ml, record.delivered_ml) == (19.5, 19.5)


@pytest.mark.requirement("T9.1")
def test_it_counts_as_no_dose(rehearsed: RecordFacts) -> None:
    times = {"pump_start": later(rehearsed.order, 0)}
    assert earlier_dose(build_record(replace(rehearsed, times=times))) is None


@pytest.mark.requirement("T9.1")
def test_its_text_says_so_first_and_last(rehearsed: RecordFacts) -> None:
    lines = render_text(build_record(rehearsed)).splitlines()
    assert lines[0].startswith("SIMULATED")
    assert lines[2].startswith("COLD RUN")
    assert lines[-2].startswith("COLD RUN")
    real = render_text(build_record(replace(rehearsed, simulated=False))).splitlines()
    assert (real[0], real[-1]) == (real[-1], lines[2])
