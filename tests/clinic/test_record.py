"""The record of a good, an uncertain, an unmeasured and a never-started treatment, and its text."""

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.clinic.accounting import Candidate
from controller.clinic.documents import utc_ns
from controller.clinic.dosing import Rounding, decayed_bq
from controller.clinic.earlier import earlier_dose
from controller.clinic.ledger import LineState
from controller.clinic.order import Order, order_hash
from controller.clinic.record import (
    AlarmFact,
    CustodyFact,
    GateFact,
    Item,
    LateEntry,
    Reading,
    RecordFacts,
    TreatmentRecord,
    build_record,
    dosage_record_gaps,
    record_json,
    render_text,
)
from controller.clinic.regimen import Regimen
from controller.clinic.signatures import Meaning, Signature
from controller.clinic.text import utc_text
from firmware_interfaces.units import NS_PER_H, NS_PER_MIN, Becquerel, Nanolitre, Nanoseconds

from .conftest import MakeOrder

SHAPES = (
    "schema session simulated outcome prescribed_mbq assayed_mbq expected_mbq delivered_mbq "
    "delivered_by_volume_mbq delivered_interval_mbq residual_mbq waste_mbq planned_ml pumped_ml "
    "delivered_ml infusion_s uncertainty_percent alarms people times devices versions "
    "journal_head ground_truth"
)


def later(order: Order, minutes: int) -> Nanoseconds:
    return Nanoseconds(utc_ns(order.reference_time) + minutes * NS_PER_MIN)


@pytest.fixture
def facts(order: Order, regimen: Regimen) -> RecordFacts:
    """19.5 of 20 mL given in 30 minutes, residual read two hours after the start."""
    return RecordFacts(
        session="s-0001",
        simulated=True,
        outcome="complete",
        order=order,
        half_life=regimen.half_life,
        assay=Reading(Becquerel(1_700_000_000), later(order, -30)),
        started_at_utc_ns=later(order, 0),
        residual=Reading(Becquerel(42_000_000), later(order, 120)),
        waste=(Item("gloves", Becquerel(1_000_000), later(order, 0), 1100),),
        prime=(),
        resolution_bq=Becquerel(100_000),
        planned_nl=Nanolitre(19_500_000),
        pumped_low_nl=Nanolitre(19_500_000),
        pumped_high_nl=Nanolitre(19_500_000),
        flushed_nl=Nanolitre(4_500_000),
        infusion_ns=Nanoseconds(30 * NS_PER_MIN),
        alarms=(
            AlarmFact("battery_low", "low", "advisory", "Battery low", later(order, 5), "11.2 V"),
            AlarmFact("pause_forgotten", "low", "advisory", "Pause forgotten", later(order, 9)),
        ),
        people=(
            Signature("ab", "Anna Berger", "technician", Meaning.ASSAYED, later(order, -30)),
            Signature("cd", "Chris Dahl", "nurse", Meaning.RELEASED_SECOND, later(order, -5)),
        ),
        times={"started": later(order, 0), "drug_arrived": later(order, 2)},
        devices=({"kind": "ne1000", "model": "NE-1000", "serial": None},),
        versions={"isodrip": "0.1.0"},
        journal_head="ab" * 32,
        not_observable=("air in line",),
    )


@pytest.fixture
def record(facts: RecordFacts) -> TreatmentRecord:
    return build_record(facts)


def test_every_field_of_the_shape_is_there(record: TreatmentRecord) -> None:
    data = json.loads(record_json(record))
    assert set(SHAPES.split()) <= set(data)
    assert data["schema"] == 1
    assert TreatmentRecord.model_validate_json(record_json(record)) == record


def test_all_activities_are_at_the_start(record: TreatmentRecord, regimen: Regimen) -> None:
    assay = decayed_bq(1_700_000_000, 30 * NS_PER_MIN, regimen.half_life.ms, Rounding.NEAREST)
    residual = decayed_bq(42_000_000, -2 * NS_PER_H, regimen.half_life.ms, Rounding.NEAREST)
    assert assay == 1_696_943_043
    assert residual == 42_303_462
    assert record.assayed_mbq == 1696.943043
    assert record.residual_mbq == 42.303462
    assert record.waste_mbq == 1.1
    assert record.prime_mbq == 0.0
    assert record.delivered_mbq == (assay - residual - 1_100_000) / 1e6
    assert record.delivered_by_volume_mbq == pytest.approx(1696.943043 * 0.975, abs=1e-6)
    assert record.expected_mbq == record.delivered_interval_mbq[0]  # type: ignore[index]
    assert record.assay is not None
    assert (record.assay.mbq, record.assay.at) == (1700.0, "2025-11-20T20:30:00.000Z")


def test_volumes_and_judgement(record: TreatmentRecord, order: Order) -> None:
    assert (record.planned_ml, record.pumped_ml, record.delivered_ml) == (19.5, 19.5, 19.5)
    assert record.in_line_ml == 0.0
    assert record.infusion_s == 1800.0
    assert record.uncertainty_percent == pytest.approx(5.5, abs=0.1)
    assert record.uncertainty_by_volume_percent == pytest.approx(5.7, abs=0.1)
    assert record.agreement is not None
    assert record.agreement.agrees
    assert record.assay_band == "within 10 %"
    assert record.deviation_band == "within 5 %"
    assert record.deviation == "-1.7 %"
    assert record.candidates == ()
    assert record.order_hash == order_hash(order)
    assert len(record.uncertainty_components) == 11


def test_the_same_facts_make_the_same_bytes(facts: RecordFacts) -> None:
    assert record_json(build_record(facts)) == record_json(build_record(replace(facts)))


def test_an_uncertain_delivery_keeps_its_interval(facts: RecordFacts) -> None:
    record = build_record(
        replace(
            facts,
            outcome="partial",
            residual=None,
            pumped_low_nl=Nanolitre(9_000_000),
            pumped_high_nl=Nanolitre(10_000_000),
            flushed_nl=Nanolitre(0),
            reported=(Candidate.LEAK,),
        )
    )
    assert (record.pumped_ml, record.pumped_interval_ml) == (9.0, (9.0, 10.0))
    assert (record.delivered_ml, record.in_line_ml) == (7.5, 1.5)
    assert (record.delivered_mbq, record.residual_mbq, record.agreement) == (None, None, None)
    low, high = record.delivered_interval_mbq or (0.0, 0.0)
    assert low == pytest.approx(1696.943043 * 7.5 / 20, abs=1e-6)
    assert high == pytest.approx(1696.943043 * 8.5 / 20, abs=1e-6)
    assert record.uncertainty_percent == record.uncertainty_by_volume_percent
    assert record.candidates == (Candidate.DELIVERED_20, Candidate.LEAK)
    text = render_text(record)
    assert "Delivered, by residual        not measured\n" in text
    assert "Pumped, by the counter        9.000 mL (at most 10.000 mL)" in text
    assert "Candidate medical event       leak or spill: a person decides" in text
    assert "Routes " not in text
    assert "Delivered, between            636.4 MBq (17.20 mCi) and 721.2 MBq (19.49 mCi)" in text


def test_what_saline_between_drug_pushed_out_is_delivered(facts: RecordFacts) -> None:
    line = LineState(*(Nanolitre(nl) for nl in (8_000_000, 9_000_000, 500_000, 1_000_000)))
    record = build_record(replace(facts, flushed_nl=Nanolitre(0), line=line))
    assert (record.delivered_ml, record.in_line_ml) == (8.0, 1.0)


def test_half_a_strong_syringe_given_on_purpose(facts: RecordFacts, make_order: MakeOrder) -> None:
    assayed = facts.assay
    assert assayed is not None
    record = build_record(
        replace(
            facts,
            order=make_order(administer="volume_for_dose"),
            assay=Reading(Becquerel(3_400_000_000), assayed.at_utc_ns),
            residual=Reading(Becquerel(1_712_000_000), later(facts.order, 0)),
            planned_nl=Nanolitre(9_910_000),
            pumped_low_nl=Nanolitre(9_910_000),
            pumped_high_nl=Nanolitre(9_910_000),
        )
    )
    assert record.assay_band == "within 10 %"
    assert record.deviation_band == "within 5 %"
    assert record.residual_band == "at most 5 %"
    assert record.candidates == ()


def test_nothing_started_opens_no_candidate_by_itself(facts: RecordFacts) -> None:
    record = build_record(
        replace(
            facts,
            outcome="not_given",
            started_at_utc_ns=None,
            residual=None,
            waste=(),
            pumped_low_nl=Nanolitre(0),
            pumped_high_nl=Nanolitre(0),
            flushed_nl=Nanolitre(0),
            infusion_ns=Nanoseconds(0),
        )
    )
    assert record.assayed_mbq == 1700.0
    assert record.delivered_by_volume_mbq == 0.0
    assert (record.deviation, record.deviation_band, record.residual_band) == (None, None, None)
    assert (record.candidates, record.in_line_ml) == ((), None)
    assert "Outcome                       not given" in render_text(record)


def test_nothing_assayed(facts: RecordFacts, make_order: MakeOrder) -> None:
    record = build_record(
        replace(
            facts,
            simulated=False,
            outcome="not_given",
            order=make_order(prescribed_range_mbq={"low": 1600.0, "high": 1800.0}),
            assay=None,
            started_at_utc_ns=None,
            residual=None,
            alarms=(),
            people=(),
            ground_truth={"patient_mbq": 0.0},
        )
    )
    assert (record.assay, record.assayed_mbq, record.delivered_interval_mbq) == (None, None, None)
    assert record.prescribed_range_mbq == (1600.0, 1800.0)
    assert record.ground_truth == {"patient_mbq": 0.0}
    text = render_text(record)
    assert "SIMULATED" not in text
    assert "Delivered, between" not in text
    assert "Ground truth                  patient mbq: 0.0" in text
    assert "ALARMS: none" in text
    assert "PEOPLE: none" in text
    assert "1600.0 MBq (43.24 mCi) to 1800.0 MBq (48.65 mCi)" in text


@pytest.mark.parametrize("activity_bq", [0, -5])
def test_an_empty_well_was_read_and_the_treatment_given_up(
    facts: RecordFacts, activity_bq: int
) -> None:
    assayed = facts.assay
    assert assayed is not None
    record = build_record(
        replace(
            facts,
            outcome="not_given",
            assay=Reading(Becquerel(activity_bq), assayed.at_utc_ns),
            started_at_utc_ns=None,
            residual=None,
        )
    )
    assert record.assay is not None
    assert record.assay.mbq == activity_bq / 1e6
    assert (record.assayed_mbq, record.delivered_mbq, record.candidates) == (None, None, ())
    assert "Outcome                       not given" in render_text(record)


def test_ground_truth_is_printed_a_value_a_line(facts: RecordFacts) -> None:
    truth = {"routes": {"by_volume": {"agrees": True}}, "violations": []}
    lines = render_text(build_record(replace(facts, ground_truth=truth))).splitlines()
    assert "Ground truth                  routes, by volume, agrees: True" in lines
    assert "Ground truth                  violations: none" in lines


@pytest.mark.requirement("A8")
def test_the_five_fields_of_10_cfr_35_2063(record: TreatmentRecord, facts: RecordFacts) -> None:
    assert dosage_record_gaps(record) == []
    nobody = build_record(replace(facts, people=(), assay=None))
    assert dosage_record_gaps(nobody) == [
        "prescribed and determined dosage",
        "date and time of determination",
        "name of the person who determined it",
    ]


@pytest.mark.requirement("T6.1")
def test_routes_that_disagree_say_so(facts: RecordFacts, order: Order) -> None:
    big = Reading(Becquerel(200_000_000), later(order, 0))
    text = render_text(build_record(replace(facts, residual=big)))
    assert "DISAGREE" in text
    assert "Residual, share               more than 10 %: tell the authorized user" in text


@pytest.mark.parametrize(
    "line",
    [
        "Treatment record              s-0001",
        "Patient                       Example, Robin (C131-0042)",
        "Prescribed                    1681.7 MBq (45.45 mCi)",
        "Assay as read                 1700.0 MBq (45.95 mCi) at 2025-11-20T20:30:00.000Z",
        "Delivered, by residual        1653.5 MBq (44.69 mCi) +- 5.6 % (k = 2)",
        "Delivered, by volume          1654.5 MBq (44.72 mCi) +- 5.8 % (k = 2)",
        "Pumped, by the counter        19.500 mL",
        "Delivered, past the line      19.500 mL",
        "Delivered, of prescribed      -1.7 % (within 5 %)",
        "                              11.2 V",
        "Not observable here           air in line",
        "  drug arrived                2025-11-20T21:02:00.000Z",
        "Device                        kind ne1000, model NE-1000, serial not told",
    ],
)
def test_a_person_can_read_it(record: TreatmentRecord, line: str) -> None:
    assert line in render_text(record).splitlines()


@pytest.mark.requirement("R3")
def test_every_signature_states_how_sure_its_identity_is(record: TreatmentRecord) -> None:
    assert (
        "\n  2025-11-20T20:55:00.000Z    released, second person: Chris Dahl (nurse, cd), "
        "identity unauthenticated\n"
    ) in render_text(record)


@pytest.mark.requirement("T8.7")
def test_a_simulated_record_says_so_first_and_last(record: TreatmentRecord) -> None:
    lines = render_text(record).splitlines()
    assert lines[0] == lines[-1]
    assert lines[0].startswith("SIMULATED")
    assert all(len(line) <= 120 for line in lines)
    assert lines.index("  started                     2025-11-20T21:00:00.000Z") < lines.index(
        "  drug arrived                2025-11-20T21:02:00.000Z"
    )


def test_facts_cannot_be_changed(facts: RecordFacts) -> None:
    changed: Any = facts
    with pytest.raises(AttributeError):
        changed.session = "other"


def test_every_hand_over_stands_in_the_record_and_an_older_record_has_none(
    facts: RecordFacts, order: Order
) -> None:
    over = CustodyFact("bedside", "syringe BD 60 mL", "ab", "cd", later(order, -5))
    record = build_record(replace(facts, custody=(over,)))
    [one] = json.loads(record_json(record))["custody"]
    assert one == {
        "place": "bedside",
        "what": "syringe BD 60 mL",
        "by": "ab",
        "to": "cd",
        "at": utc_text(later(order, -5)),
    }
    older = json.loads(record_json(record))
    del older["custody"]
    assert TreatmentRecord.model_validate_json(json.dumps(older)).custody == ()


def test_each_gate_stands_there_with_its_answer_and_its_override(facts: RecordFacts) -> None:
    order = facts.order
    anna = Signature("ab", "Anna Berger", "technician", "answered", later(order, -30))
    user = Signature("au", "Alex", "authorized_user", "overrode", later(order, -20))
    told = {"version": "3"}
    gates = (
        GateFact("consent", "before_thaw", "21 CFR 50.27", told, anna),
        GateFact("laboratory", "before_thaw", "the regimen", {}, anna, "transfused", user),
        GateFact("shield", "bedside", "10 CFR 20", None, None),
    )
    record = build_record(replace(facts, gates=gates))
    consent, laboratory, shield = json.loads(record_json(record))["gates"]
    assert (consent["answer"], consent["by"], consent["override"]) == (told, "ab", None)
    assert laboratory["overridden_by"] == "au"
    assert laboratory["overridden_at"] == utc_text(later(order, -20))
    assert (shield["answer"], shield["by"], shield["at"]) == (None, None, None)
    text = render_text(record)
    assert "overridden by au: transfused" in text
    assert "shield                        not answered" in text
    assert "begun before there were any" in render_text(build_record(facts))


@pytest.mark.requirement("T9.3")
def test_what_was_finished_by_hand_stands_beside_what_was_pumped(facts: RecordFacts) -> None:
    order = facts.order
    entry = LateEntry(
        low_nl=Nanolitre(9_000_000),
        high_nl=Nanolitre(9_600_000),
        flushed_nl=Nanolitre(4_500_000),
        begun_at_utc_ns=later(order, 12),
        ended_at_utc_ns=later(order, 32),
        entered_at_utc_ns=later(order, 60),
        given_by="Chris Dahl",
        entered_by=("Anna Berger", "Chris Dahl"),
        method="barrel",
        reason="no power",
    )
    line = LineState(*map(Nanolitre, (19_000_000, 19_600_000, 0, 0)))
    ten = Nanolitre(10_000_000)
    pumped = replace(facts, pumped_low_nl=ten, pumped_high_nl=ten)
    record = build_record(replace(pumped, line=line, late_entry=entry))
    assert record.pumped_interval_ml == (10.0, 10.0)
    assert record.delivered_ml == 19.0
    assert record.late_entry is not None
    assert record.late_entry.given_ml == (9.0, 9.6)
    assert record.late_entry.entered_at == "2025-11-20T22:00:00.000Z"
    assert record.delivered_interval_mbq is not None
    low, high = record.delivered_interval_mbq
    assert record.assayed_mbq is not None
    assert low == pytest.approx(record.assayed_mbq * 19.0 / 20, abs=1e-5)
    assert high == pytest.approx(record.assayed_mbq * 19.6 / 20, abs=1e-5)
    assert TreatmentRecord.model_validate_json(record_json(record)) == record
    text = render_text(record)
    head = (
        "FINISHED BY HAND, ENTERED LATE at 2025-11-20T22:00:00.000Z by Anna Berger and Chris Dahl"
    )
    assert head in text
    assert "Given by hand                 9.000 to 9.600 mL, found by: barrel" in text
    assert "from 2025-11-20T21:12:00.000Z to 2025-11-20T21:32:00.000Z by Chris Dahl" in text


@pytest.mark.requirement("T9.3", "W7")
@pytest.mark.parametrize("name", ["pump_start", "hand_start"])
def test_a_dose_given_by_hand_alone_is_a_dose(facts: RecordFacts, name: str) -> None:
    dose = earlier_dose(build_record(replace(facts, times={name: later(facts.order, 0)})))
    assert dose is not None
    assert dose.started_utc_ns == later(facts.order, 0)
