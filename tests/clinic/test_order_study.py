"""The study's rules: centres, eligibility, and what another dose of the same patient needs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from controller.clinic.documents import Problem, utc_ns
from controller.clinic.earlier import EarlierDose
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen, parse_regimen
from firmware_interfaces.units import Becquerel, megabecquerel

from .conftest import REGIMENS, Judge, MakeOrder, fields

DAY = date(2025, 11, 20)
"""The example's reference day."""


def given(days_ago: int, mbq: float = 1600.0, **told: Any) -> EarlierDose:
    """A dose that began at noon, UTC, some days before the example's."""
    noon = datetime(2025, 11, 20, 12, tzinfo=UTC) - timedelta(days=days_ago)
    facts = {"session": "s-1", "patient_id": "C131-0042", "drug": "CLR 131", **told}
    return EarlierDose(started_utc_ns=utc_ns(noon), given_bq=megabecquerel(mbq), **facts)


def second(days_ago: int = 100, **told: Any) -> dict[str, Any]:
    """What an order of a second dose says of the first."""
    assessment = {
        "first_session": "s-1",
        "assessed_by": "Example, Alex, MD",
        "assessed_on": "2025-11-18",
        "finding": "VGPR, counts recovered",
        **told,
    }
    first = (DAY - timedelta(days=days_ago)).isoformat()
    return {"dose_number": 2, "first_dose_date": first, "second_dose": assessment}


# --- who may be treated ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("centres", "good"),
    [([], True), (["Madison 03"], True), (["Springfield 1", "Boston 2"], False)],
)
def test_the_site_is_a_centre_of_the_study(
    order: Order, judge: Judge, centres: list[str], good: bool
) -> None:
    text = (REGIMENS / "clr131-bench.toml").read_text()
    listed = parse_regimen(text.replace("centres = []", f"centres = {centres}"))
    rule = "must be a centre of NCT02952508: Springfield 1, Boston 2"
    problems = judge(order, regimen=listed)
    assert problems == ([] if good else [Problem("site", "'Madison 03'", rule)])


PI, IMID = "proteasome inhibitor", "immunomodulatory drug"


@pytest.mark.requirement("W8")
@pytest.mark.parametrize(
    ("indication", "lines", "classes", "rules"),
    [
        ("MM", 1, [PI, IMID], []),
        ("MM", 4, [IMID], [f"must hold {PI} for multiple myeloma"]),
        ("MM", 4, [PI], [f"must hold {IMID} for multiple myeloma"]),
        (
            "MM",
            4,
            [],
            [f"must hold {PI} for multiple myeloma", f"must hold {IMID} for multiple myeloma"],
        ),
        ("CLL", 2, [], []),
        ("SLL", 2, [], []),
        ("LPL", 2, [], []),
        ("WM", 2, [], []),
        ("MZL", 2, [], []),
        ("MALT", 2, [], []),
        ("MALT", 3, [], []),
        ("MALT", 1, [], ["must be at least 2 for marginal zone lymphoma, MALT included"]),
        ("MZL", 1, [], ["must be at least 2 for marginal zone lymphoma, MALT included"]),
        ("MCL", 1, [], []),
        ("MCL", 0, [], ["must be at least 1 for mantle cell lymphoma"]),
        ("DLBCL", 5, [], ["diffuse large B-cell lymphoma is planned and not open"]),
        ("AML", 5, [], ["must be one of MM, CLL, SLL, LPL, WM, MZL, MALT, MCL, DLBCL"]),
        ("mm", 5, [PI, IMID], ["must be one of MM, CLL, SLL, LPL, WM, MZL, MALT, MCL, DLBCL"]),
        ("MM", 0, [PI, IMID], [f"must be at least 1: {PI}, {IMID} was given"]),
    ],
)
def test_eligibility(
    make_order: MakeOrder,
    judge: Judge,
    indication: str,
    lines: int,
    classes: list[str],
    rules: list[str],
) -> None:
    told = {"indication": indication, "prior_lines": lines, "prior_classes": classes}
    assert [problem.rule for problem in judge(make_order(eligibility=told))] == rules


def test_a_refusal_says_what_was_tried(make_order: MakeOrder, judge: Judge) -> None:
    told = {"indication": "MM", "prior_lines": 1, "prior_classes": [PI]}
    (problem,) = judge(make_order(eligibility=told))
    assert (problem.field, problem.value) == ("eligibility.prior_classes", PI)
    (problem, _) = judge(make_order(eligibility={**told, "prior_classes": []}))
    assert problem.value == "none"


# --- another dose ---------------------------------------------------------------------------------


@pytest.mark.requirement("W7", "W7a")
@pytest.mark.parametrize(
    ("days", "refused"),
    [
        (79, ["first_dose_date", "reference_time"]),
        (80, []),
        (160, []),
        (161, ["first_dose_date"]),
    ],
)
def test_the_window_of_the_second_dose(
    make_order: MakeOrder, judge: Judge, days: int, refused: list[str]
) -> None:
    order = make_order(**second(days))
    assert fields(judge(order, earlier=(given(days),))) == refused


@pytest.mark.requirement("W7a")
def test_a_first_dose_names_no_other(make_order: MakeOrder, judge: Judge) -> None:
    order = make_order(**{**second(), "dose_number": 1})
    assert fields(judge(order)) == ["first_dose_date", "second_dose"]


@pytest.mark.requirement("W7", "W7a")
def test_a_second_dose_names_the_first(make_order: MakeOrder, judge: Judge) -> None:
    order = make_order(dose_number=2)
    assert [str(problem) for problem in judge(order, earlier=(given(100),))] == [
        "first_dose_date = absent: must be given for dose 2",
        "second_dose = absent: must be given for dose 2",
    ]


def test_a_regimen_of_one_dose(make_order: MakeOrder, regimen: Regimen, judge: Judge) -> None:
    single = regimen.model_copy(update={"second_dose": None})
    problems = judge(make_order(**second()), regimen=single, earlier=(given(100),))
    assert problems == [Problem("dose_number", "2", "the regimen has one dose")]


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    "record",
    [None, given(100, session="s-2"), given(100, patient_id="C131-0043")],
    ids=["none", "another session", "another patient"],
)
def test_the_first_dose_must_be_on_record(
    make_order: MakeOrder, judge: Judge, record: EarlierDose | None
) -> None:
    problems = judge(make_order(**second()), earlier=() if record is None else (record,))
    rule = "must be the session of a dose of this patient that is on record here"
    assert problems == [Problem("second_dose.first_session", "s-1", rule)]


def test_without_records_at_hand_nothing_is_said_of_other_doses(
    make_order: MakeOrder, judge: Judge
) -> None:
    """``isodrip order check FILE`` knows no site, and judges the text alone."""
    assert judge(make_order(**second()), earlier=None) == []
    assert fields(judge(make_order(**second(79)), earlier=None)) == ["first_dose_date"]


@pytest.mark.requirement("W7")
def test_the_day_of_the_first_dose_is_the_records(make_order: MakeOrder, judge: Judge) -> None:
    problems = judge(make_order(**second(100)), earlier=(given(101),))
    rule = "must be the day of s-1, 2025-08-11"
    assert problems == [Problem("first_dose_date", "2025-08-12", rule)]


def test_the_day_is_told_by_the_sites_own_clock(make_order: MakeOrder, judge: Judge) -> None:
    """02:00 UTC on 12 August is still the 11th in Madison."""
    started = utc_ns(datetime(2025, 8, 12, 2, tzinfo=UTC))
    early = EarlierDose("s-1", "C131-0042", "CLR 131", started, Becquerel(1))
    order = make_order(**second(101))
    assert judge(order, earlier=(early,)) == []


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    ("on", "rule"),
    [
        ("2025-10-21", None),
        ("2025-10-20", "must be at most 30 days before reference_time"),
        ("2025-11-21", None),
        ("2025-11-22", "must not be in the future"),
    ],
)
def test_the_assessment_is_recent(
    make_order: MakeOrder, judge: Judge, on: str, rule: str | None
) -> None:
    order = make_order(**second(assessed_on=on))
    expected = [] if rule is None else [Problem("second_dose.assessed_on", on, rule)]
    assert judge(order, earlier=(given(100),)) == expected


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(("days_after", "good"), [(0, False), (1, True)])
def test_the_assessment_comes_after_the_first_dose(
    make_order: MakeOrder, regimen: Regimen, judge: Judge, days_after: int, good: bool
) -> None:
    assert regimen.second_dose is not None
    patient = regimen.second_dose.model_copy(update={"assessment_days_max": 1000})
    on = (DAY - timedelta(days=100 - days_after)).isoformat()
    problems = judge(
        make_order(**second(assessed_on=on)),
        regimen=regimen.model_copy(update={"second_dose": patient}),
        earlier=(given(100),),
    )
    rule = "must be after the first dose"
    assert problems == ([] if good else [Problem("second_dose.assessed_on", on, rule)])


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    ("first_mbq", "good"), [(3868.3, True), (3868.300001, False), (1600.0, True)]
)
def test_both_doses_stay_within_the_cap(
    make_order: MakeOrder, judge: Judge, first_mbq: float, good: bool
) -> None:
    problems = judge(make_order(**second()), earlier=(given(100, first_mbq),))
    rule = "with 3868.3 MBq (104.55 mCi) given before must be at most 5550.0 MBq (150.00 mCi)"
    assert problems == ([] if good else [Problem("prescribed_mbq", "1681.7 MBq (45.45 mCi)", rule)])


@pytest.mark.requirement("W7")
def test_a_dose_that_was_given_cannot_be_ordered_again(order: Order, judge: Judge) -> None:
    assert [str(problem) for problem in judge(order, earlier=(given(100),))] == [
        "dose_number = 1: this patient has had s-1 on 2025-08-12"
    ]
    assert judge(order, earlier=(given(100, patient_id="C131-0043"),)) == []


@pytest.mark.requirement("W7")
def test_there_is_no_third_dose(make_order: MakeOrder, judge: Judge) -> None:
    both = (given(90, session="s-2"), given(200))
    problems = judge(make_order(**second(200)), earlier=both)
    assert problems[1] == Problem(
        "dose_number", "2", "this patient has had s-1 on 2025-05-04, s-2 on 2025-08-22"
    )


@pytest.mark.parametrize(("days", "refused"), [(80, []), (79, ["reference_time"])])
def test_a_dose_of_another_drug_counts_for_the_interval_only(
    order: Order, judge: Judge, days: int, refused: list[str]
) -> None:
    other = given(days, 5000.0, drug="another drug")
    assert fields(judge(order, earlier=(other,))) == refused


@pytest.mark.requirement("W7")
def test_the_first_dose_was_of_this_drug(make_order: MakeOrder, judge: Judge) -> None:
    other = given(100, drug="another drug")
    assert fields(judge(make_order(**second()), earlier=(other,))) == ["second_dose.first_session"]


@pytest.mark.parametrize(("days", "good"), [(80, True), (79, False)])
def test_doses_keep_their_interval_whatever_their_number(
    order: Order, judge: Judge, days: int, good: bool
) -> None:
    problems = judge(order, earlier=(given(days),))
    assert ("reference_time" in fields(problems)) is not good
    assert fields(problems)[0] == "dose_number"


def test_an_order_of_an_earlier_schema_is_judged_without_what_it_lacks(
    first_schema: str, judge: Judge
) -> None:
    """It is refused for its schema, and the rules say nothing of fields that it never had."""
    from controller.clinic.order import parse_order

    assert fields(judge(parse_order(first_schema))) == ["schema"]
