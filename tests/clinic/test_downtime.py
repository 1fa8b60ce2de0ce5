"""The downtime sheet's numbers and words: never more than the judgement would give."""

from dataclasses import replace

import pytest

from controller.clinic.downtime import Part, SheetFacts, checks_ns, downtime_sheet
from firmware_interfaces.units import NS_PER_MIN

ML = 1_000_000
FACTS = SheetFacts(
    session="s-1",
    site="Madison 03",
    room="hot lab 2",
    simulated=False,
    cold=False,
    zone_min=-360,
    order_id="WD-1",
    patient_name="Example, Robin",
    patient_id="C131-0042",
    birth_date="1961-04-02",
    drug="CLR 131",
    nuclide="I-131",
    lot="L-778",
    container="syringe",
    mounted="BD 60 mL, inner diameter 26.59 mm",
    prescribed_bq=1_681_700_000,
    reference_utc_ns=1_763_672_400 * 10**9,
    assay_bq=1_700_000_000,
    assay_utc_ns=1_763_672_400 * 10**9,
    activity_bq=1_699_000_000,
    expected_bq=1_652_000_000,
    released=(("Anna Berger", 1_763_672_400 * 10**9), ("Chris Dahl", 1_763_672_460 * 10**9)),
    fill_nl=20 * ML,
    planned_nl=19_449_999,
    end_nl=550_001,
    parts=(Part(38_899, 30 * NS_PER_MIN, 19_449_500),),
    arrival_ns=138_820_000_000,
    barrel=((0, 20 * ML), (198_820_000_000, 17_851_730), (30 * NS_PER_MIN, 550_500)),
    line_nl=1_500_000,
    primed_with="saline",
    flush_nl=4_500_000,
    flush_ul_h=38_899,
    pump="ne1000",
    remedies={"pain": "Clamp. P", "spill": "Clamp. S", "occlusion": "Clamp. O"},
)


def lines(facts: SheetFacts) -> list[str]:
    return [line for steps in downtime_sheet(facts).steps for line in steps.lines]


@pytest.mark.requirement("T9.2")
def test_rates_and_volumes_round_down_and_what_must_stay_rounds_up() -> None:
    drug, flush = downtime_sheet(FACTS).rates.rows
    # 38 899 uL/h give 648 316 nL in a minute, and 1699 MBq are in 20 mL: 84.95 per mL.
    assert drug == (
        "Drug", "38.89", "19.449 mL", "30.0 min", "85.0 MBq (2.30 mCi)", "55.1 MBq (1.49 mCi)",
    )  # fmt: skip
    assert flush[:3] == ("Flush, saline", "38.89", "4.500 mL")
    told = lines(FACTS)
    assert (
        "What may still be given: the volume read less 0.6 mL. In all never more than 19.449 mL."
        in told
    )
    assert "Slower is allowed, faster is not. Stop when the syringe is at 0.6 mL." in told


@pytest.mark.requirement("T9.2")
def test_clamping_comes_before_everything() -> None:
    sheet = downtime_sheet(FACTS)
    assert sheet.first == "Clamp the line at the patient."
    assert lines(FACTS)[0] == sheet.first
    assert lines(FACTS)[-3:] == [
        "PAIN or SWELLING: Clamp. P",
        "SPILL or leak: Clamp. S",
        "The pump stalls: Clamp. O",
    ]


@pytest.mark.requirement("T9.2")
def test_who_what_and_when_by_the_sites_clock_in_both_units() -> None:
    facts = dict(downtime_sheet(FACTS).facts)
    assert facts["Patient"] == "Example, Robin, born 1961-04-02, C131-0042"
    assert facts["Drug"] == "CLR 131, I-131, lot L-778"
    assert facts["Prescribed"] == "1681.7 MBq (45.45 mCi) at 2025-11-20 15:00 UTC-06:00"
    assert facts["Assayed"] == "1700.0 MBq (45.95 mCi), read at 2025-11-20 15:00 UTC-06:00"
    assert facts["Expected in the patient"] == "1652.0 MBq (44.65 mCi)"
    assert facts["Released by"].endswith("Chris Dahl 2025-11-20 15:01 UTC-06:00")
    assert facts["Line"].endswith("primed with saline; 2.4 min until drug arrives")
    assert dict(downtime_sheet(replace(FACTS, lot="")).facts)["Drug"].endswith("is on the label")


@pytest.mark.requirement("T9.2", "T9.1", "T8.7")
def test_banners_say_what_it_is() -> None:
    assert downtime_sheet(FACTS).banners == ()
    cold = downtime_sheet(replace(FACTS, cold=True, simulated=True))
    assert cold.banners == ("COLD RUN: saline, no activity", "SIMULATED")
    assert cold.rates.rows[0][4:] == ("none", "none")
    assert "Expected in the patient" not in dict(cold.facts)


@pytest.mark.requirement("T9.2")
def test_the_table_has_what_should_be_left_and_lines_to_spare() -> None:
    rows = downtime_sheet(FACTS).log.rows
    assert [row[:2] for row in rows] == [
        ("start", "about 20.0 mL"),
        ("site, 3.4 min", "about 17.9 mL"),
        ("end, 30.0 min", "about 0.6 mL"),
        *[("", "")] * 3,
    ]
    assert all(row[2:] == ("", "", "", "") for row in rows)


@pytest.mark.requirement("T9.2")
@pytest.mark.parametrize(
    ("arrival", "minutes", "due"),
    [
        (0, 1, []),
        (0, 2, [1]),
        (3, 30, [4, 8, 13, 18, 23, 28]),
        (0, 15, [1, 5, 10]),
    ],
)
def test_sites_are_looked_at_one_five_and_every_five_minutes_after_arrival(
    arrival: int, minutes: int, due: list[int]
) -> None:
    found = checks_ns(arrival * NS_PER_MIN, minutes * NS_PER_MIN)
    assert found == tuple(at * NS_PER_MIN for at in due)


def test_parts_are_numbered_where_there_are_several() -> None:
    two = replace(FACTS, parts=(FACTS.parts[0], Part(20_000, NS_PER_MIN, 333_333)))
    rows = downtime_sheet(two).rates.rows
    assert [row[0] for row in rows] == ["Drug, part 1", "Drug, part 2", "Flush, saline"]
    assert "the rate of the part it has come to" in " ".join(lines(two))
