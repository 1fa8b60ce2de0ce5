"""The patient's numbers: every rule as the sole reason, its edges, and the slips it names."""

import copy
import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.clinic.documents import Problem, utc_ns
from controller.clinic.order import Order, parse_order
from controller.clinic.order_body import computed_bq
from controller.clinic.order_case import Case
from controller.clinic.order_rules import check_order
from controller.clinic.regimen import Regimen, parse_regimen

from .conftest import REGIMENS, ROOT, SITE, Judge, MakeOrder, fields
from .regimens import ODDITY
from .test_order_rules import AFTERNOON_NS

TWICE = "looks like kg taken for lb and turned into kg once more"


@pytest.mark.requirement("T7.2")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"patient__birth_date": "2007-11-21"}, "patient.birth_date"),
        ({"patient__birth_date": "1915-11-19"}, "patient.birth_date"),
        ({"patient__weight_date": "2025-11-05"}, "patient.weight_date"),
        ({"patient__height_date": "2024-11-19"}, "patient.height_date"),
    ],
)
def test_sole_cause(
    make_order: MakeOrder, judge: Judge, changes: dict[str, Any], field: str
) -> None:
    assert fields(judge(make_order(**changes), AFTERNOON_NS)) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"patient__birth_date": "2007-11-19"},
        {"patient__weight_date": "2025-11-06"},
        {"patient__height_date": "2024-11-20"},
        {"prescribed_mbq": 1690.1},
        {"prescribed_mbq": 1673.4},
    ],
)
def test_the_good_side_of_each_edge(
    make_order: MakeOrder, judge: Judge, changes: dict[str, Any]
) -> None:
    assert judge(make_order(**changes)) == []


@pytest.mark.requirement("T7.2")
@pytest.mark.parametrize(
    ("field", "day"), [("weight_date", "2025-11-22"), ("height_date", "2025-11-22")]
)
def test_nothing_is_measured_tomorrow(
    make_order: MakeOrder, judge: Judge, field: str, day: str
) -> None:
    problems = judge(make_order(**{f"patient__{field}": day}), AFTERNOON_NS)
    assert problems[0] == Problem(f"patient.{field}", day, "must not be in the future")
    assert set(fields(problems[1:])) == {"entries.first.at", "entries.second.at"}


@pytest.mark.requirement("T7.2")
def test_a_day_that_has_begun_somewhere_is_not_in_the_future(
    make_order: MakeOrder, judge: Judge
) -> None:
    """It is already the 21st in Kiribati: what refuses this is that it was entered before."""
    problems = judge(make_order(patient__weight_date="2025-11-21"), AFTERNOON_NS)
    assert set(fields(problems)) == {"entries.first.at", "entries.second.at"}


def test_who_was_measured_on_the_day_of_birth_was_not_measured_before(
    make_order: MakeOrder, judge: Judge
) -> None:
    problems = judge(make_order(patient__height_date="1961-04-02"))
    assert [problem.rule for problem in problems] == [
        "must be at most 365 days before reference_time"
    ]


def test_nobody_is_measured_before_the_birth(make_order: MakeOrder, judge: Judge) -> None:
    order = make_order(patient__height_date="1961-04-01")
    assert Problem(
        "patient.height_date", "1961-04-01", "must not be before birth_date, 1961-04-02"
    ) in judge(order)


# --- two entries ---------------------------------------------------------------------------------


@pytest.mark.requirement("T7.3")
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("weight_kg", 70.1, "must be as first entered, 70"),
        (
            "weight_kg",
            154.3,
            "must be as first entered, 70; 154.3 looks like lb typed as kg: 69.989",
        ),
        (
            "weight_kg",
            31.75,
            f"must be as first entered, 70; 31.75 {TWICE}: 69.997",
        ),
        ("weight_kg", 7.0, "must be as first entered, 70; 7 has a digit too few: 70"),
        (
            "height_cm",
            67,
            "must be as first entered, 170; 67 looks like inches typed as cm: 170.18",
        ),
        ("height_cm", 1.7, "must be as first entered, 170; 1.7 looks like m typed as cm: 170"),
        ("weight_date", "2025-11-18", "must be as first entered, 2025-11-19"),
        ("height_date", "2025-11-18", "must be as first entered, 2025-11-19"),
    ],
)
def test_both_people_enter_the_same(
    make_order: MakeOrder, judge: Judge, field: str, value: Any, rule: str
) -> None:
    (problem, *others) = judge(make_order(**{f"entries__second__{field}": value}))
    assert (problem.field, problem.rule) == (f"entries.second.{field}", rule)
    assert set(fields(others)) <= {"patient"}


@pytest.mark.requirement("T7.3", "I2")
@pytest.mark.parametrize(
    ("who", "good"),
    [
        ({"id": "cd", "name": "Chris Dahl"}, True),
        ({"id": "ab", "name": "Chris Dahl"}, False),
        ({"id": "AB", "name": "Chris Dahl"}, False),
        ({"id": "cd", "name": "anna  berger"}, False),
    ],
)
def test_the_second_entry_is_another_persons(
    make_order: MakeOrder, judge: Judge, who: dict[str, str], good: bool
) -> None:
    problems = judge(make_order(entries__second__by=who))
    rule = "must be another person than the first, Anna Berger"
    assert problems == ([] if good else [Problem("entries.second.by", who["name"], rule)])


@pytest.mark.requirement("T7.3")
@pytest.mark.parametrize(
    ("field", "at", "good"),
    [
        ("first", "2025-11-19T16:20:00-06:00", True),
        ("first", "2025-11-19T16:20:01-06:00", False),
        ("second", "2025-11-19T16:20:01-06:00", False),
        ("second", "2025-11-19T00:00:00-06:00", True),
        ("second", "2025-11-18T23:59:59-06:00", False),
    ],
)
def test_entries_come_after_the_scale_and_before_the_signature(
    make_order: MakeOrder, judge: Judge, field: str, at: str, good: bool
) -> None:
    problems = judge(make_order(**{f"entries__{field}__at": at}))
    assert fields(problems) == ([] if good else [f"entries.{field}.at"])


# --- what was known before ------------------------------------------------------------------------


@pytest.mark.requirement("T7.3")
@pytest.mark.parametrize(
    ("before", "rule"),
    [
        ({"weight_kg": 63.7}, None),
        ({"weight_kg": 77.7}, None),
        ({"weight_kg": 63.6}, "must be within 10 % of the 63.6 kg before"),
        ({"weight_kg": 77.8}, "must be within 10 % of the 77.8 kg before"),
        (
            {"weight_kg": 31.8},
            "must be within 10 % of the 31.8 kg before; 70 looks like lb typed as kg: 31.751",
        ),
        ({"height_cm": 173}, None),
        ({"height_cm": 173.1}, "must be within 3 cm of the 173.1 cm before"),
        ({"height_cm": 166.9}, "must be within 3 cm of the 166.9 cm before"),
    ],
)
def test_values_are_like_those_before(
    make_order: MakeOrder, judge: Judge, before: dict[str, Any], rule: str | None
) -> None:
    problems = judge(make_order(**{f"entries__before__{k}": v for k, v in before.items()}))
    assert [problem.rule for problem in problems] == ([] if rule is None else [rule])


@pytest.mark.requirement("T7.3")
def test_pounds_that_both_people_typed_are_caught_by_what_was_known_before(
    make_order: MakeOrder, judge: Judge
) -> None:
    """45 kg and 1.50 m typed as 100: the BMI is plausible, and both entries agree."""
    order = make_order(patient__weight_kg=100, patient__height_cm=150, prescribed_mbq=1887.9)
    assert judge(order) == []
    known = {"weight_kg": 45.5, "weight_date": "2025-10-29"}
    order = make_order(entries__before={**known, "height_cm": 150, "height_date": "2025-10-29"})
    assert judge(order) == [
        Problem(
            "patient.weight_kg",
            "100",
            "must be within 10 % of the 45.5 kg before; 100 looks like lb typed as kg: 45.359",
        )
    ]


@pytest.mark.parametrize("field", ["weight_date", "height_date"])
def test_what_was_before_is_older(make_order: MakeOrder, judge: Judge, field: str) -> None:
    assert judge(make_order(**{f"entries__before__{field}": "2025-11-19"})) == []
    problems = judge(make_order(**{f"entries__before__{field}": "2025-11-20"}))
    rule = "must not be after the newer value's, 2025-11-19"
    assert problems == [Problem(f"entries.before.{field}", "2025-11-20", rule)]


# --- plausible ------------------------------------------------------------------------------------


@pytest.mark.requirement("T7.2")
def test_pounds_typed_as_kilograms_are_caught_though_the_surface_is_plausible(
    make_order: MakeOrder, judge: Judge
) -> None:
    problems = judge(make_order(patient__weight_kg=154, prescribed_mbq=2494.4))
    assert problems == [
        Problem(
            "patient",
            "53.29",
            "BMI in kg/m2 must be 14 to 45; 154 looks like lb typed as kg: 69.853",
        )
    ]


@pytest.mark.requirement("T7.2")
def test_inches_typed_as_centimetres_are_named(make_order: MakeOrder, judge: Judge) -> None:
    problems = judge(make_order(patient__height_cm=67))
    assert problems[0].field == "patient.height_cm"
    assert problems[0].rule.startswith(
        "height in cm must be 120 to 220; 67 looks like inches typed as cm: 170.18"
    )


@pytest.mark.requirement("T7.2")
def test_a_weight_in_the_place_of_the_height_is_named(make_order: MakeOrder, judge: Judge) -> None:
    problems = judge(make_order(patient__weight_kg=170, patient__height_cm=70))
    assert "; weight and height look swapped" in problems[0].rule


@pytest.mark.requirement("T7.2")
@pytest.mark.parametrize(
    ("weight_kg", "height_cm", "expected"),
    [
        (29.9, 140, {"patient.weight_kg"}),
        (251, 240, {"patient.weight_kg", "patient.height_cm", "patient"}),
        (60, 119, {"patient.height_cm"}),
        (1.7, 70, {"patient.weight_kg", "patient.height_cm", "patient"}),
        (30, 121, set()),
        (210, 219, {"patient"}),
    ],
)
def test_implausible_bodies(
    make_order: MakeOrder,
    regimen: Regimen,
    judge: Judge,
    weight_kg: float,
    height_cm: float,
    expected: set[str],
) -> None:
    roomy = {"dose": regimen.dose.model_copy(update={"activity_mbq_max": 9000.0})}
    draft = make_order(patient__weight_kg=weight_kg, patient__height_cm=height_cm)
    order = make_order(prescribed_mbq=computed_bq(draft, regimen) / 1e6)
    problems = judge(order, regimen=regimen.model_copy(update=roomy))
    assert set(fields(problems)) == expected


# --- the dose -------------------------------------------------------------------------------------


@pytest.mark.requirement("W6")
def test_the_dose_must_agree_with_the_computation(make_order: MakeOrder, judge: Judge) -> None:
    assert judge(make_order(prescribed_mbq=1690.2)) == [
        Problem(
            "prescribed_mbq",
            "1690.2 MBq (45.68 mCi)",
            "must agree within 0.5 % with 25 mCi/m2 x BSA (mosteller) = 1681.8 MBq (45.45 mCi)",
        )
    ]


@pytest.mark.requirement("A7", "W6")
@pytest.mark.parametrize(
    ("mbq", "looks"),
    [
        (45.45, "45.45 looks like mCi typed as MBq (x37): 1681.7"),
        (1.6818, "1.6818 looks like GBq typed as MBq (x1000): 1681.8"),
        (0.04545, "0.04545 looks like Ci typed as MBq (x37000): 1681.6"),
        (1681.8 * 10, "16818 has a digit too many: 1681.8"),
        (168.2, "168.2 has a digit too few: 1682"),
    ],
)
def test_an_activity_in_another_unit_is_named(
    make_order: MakeOrder, judge: Judge, mbq: float, looks: str
) -> None:
    problem = judge(make_order(prescribed_mbq=mbq))[0]
    assert problem.field == "prescribed_mbq"
    assert problem.rule.endswith(f"= 1681.8 MBq (45.45 mCi); {looks}")


def test_another_formula_needs_another_dose(make_order: MakeOrder, judge: Judge) -> None:
    assert fields(judge(make_order(bsa_formula="gehan_george"))) == ["prescribed_mbq"]


@pytest.mark.requirement("W6")
def test_the_two_computations_are_compared(
    order: Order, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "controller.clinic.order_body.prescribed_bq_by_logarithm", lambda *_: 1_600_000_000
    )
    assert judge(order) == [
        Problem(
            "patient",
            "1681.8 MBq (45.45 mCi)",
            "second computation gives 1600.0 MBq (43.24 mCi)",
        )
    ]


@pytest.mark.requirement("W6", "T7.3")
def test_the_second_computation_is_of_the_second_entry(make_order: MakeOrder, judge: Judge) -> None:
    problems = judge(make_order(entries__second__weight_kg=71.5))
    assert [str(problem) for problem in problems] == [
        "entries.second.weight_kg = 71.5: must be as first entered, 70",
        "patient = 1681.8 MBq (45.45 mCi): second computation gives 1699.7 MBq (45.94 mCi)",
    ]


@pytest.mark.parametrize(
    ("dose", "low", "high", "rules"),
    [
        (1681.7, 1600, 1800, 0),
        (1720.0, 1600, 1800, 0),
        (1681.7, 1345.36, 2018.04, 0),
        (1681.7, 1345.3, 1800, 1),
        (1681.7, 1600, 2018.1, 1),
        (1900.0, 1600, 1800, 1),
        (1720.0, 1700, 1800, 1),
        (1681.7, 1800, 1600, 2),
    ],
)
def test_a_range_holds_the_dose_and_is_narrow(
    make_order: MakeOrder, judge: Judge, dose: float, low: float, high: float, rules: int
) -> None:
    order = make_order(prescribed_mbq=dose, prescribed_range_mbq={"low": low, "high": high})
    assert fields(judge(order)) == ["prescribed_range_mbq"] * rules


@pytest.mark.parametrize(("cap_mbq", "good"), [(1681.7, True), (1681.699999, False)])
def test_no_dose_is_above_the_cap(
    order: Order, regimen: Regimen, judge: Judge, cap_mbq: float, good: bool
) -> None:
    dose = regimen.dose.model_copy(update={"activity_mbq_max": cap_mbq})
    problems = judge(order, regimen=regimen.model_copy(update={"dose": dose}))
    rule = "must be at most 1681.7 MBq (45.45 mCi), the regimen's cap"
    assert problems == ([] if good else [Problem("prescribed_mbq", "1681.7 MBq (45.45 mCi)", rule)])


BODIES = st.tuples(st.integers(30, 250), st.integers(120, 220)).filter(
    lambda body: 14 <= body[0] / (body[1] / 100) ** 2 <= 45 and body[0] * body[1] / 3600 <= 9
)
EXAMPLE = json.loads((ROOT / "examples" / "order.json").read_text("utf-8"))
BENCH = parse_regimen((REGIMENS / "clr131-bench.toml").read_text("utf-8"))


def ordered(kg: float, cm: float, prescribed_mbq: float, **before: float) -> list[Problem]:
    """What is wrong with the example for another body, entered so by both people."""
    told = copy.deepcopy(EXAMPLE)
    for place in (told["patient"], told["entries"]["second"]):
        place.update(weight_kg=kg, height_cm=cm)
    told["entries"]["before"].update(weight_kg=kg, height_cm=cm)
    told["entries"]["before"].update(before)
    told["prescribed_mbq"] = prescribed_mbq
    order = parse_order(json.dumps(told))
    return check_order(Case(order, BENCH, SITE, utc_ns(order.reference_time), simulated=True))


def right_mbq(kg: float, cm: float) -> float:
    return 25 * 37 * math.sqrt(kg * cm / 3600)


@pytest.mark.requirement("W6", "A7")
@given(body=BODIES, factor=st.sampled_from([37, 1 / 37, 1000, 1 / 1000, 10, 1 / 10]))
def test_every_body_has_one_dose_and_no_other_unit_of_it(
    body: tuple[int, int], factor: float
) -> None:
    dose = right_mbq(*body)
    assert ordered(*body, dose) == []
    assume(0 < dose * factor <= 20_000)
    assert "prescribed_mbq" in fields(ordered(*body, dose * factor))


@pytest.mark.requirement("T7.2", "T7.3")
@given(body=BODIES)
def test_pounds_or_inches_are_found_in_every_body_that_was_weighed_before(
    body: tuple[int, int],
) -> None:
    """Also where both people typed them, the dose was computed from them, and all is plausible."""
    kg, cm = body
    lb, inches = round(kg / 0.45359237, 1), round(cm / 2.54, 1)
    for found in (
        ordered(lb, cm, right_mbq(lb, cm), weight_kg=kg),
        ordered(kg, inches, right_mbq(kg, inches), height_cm=cm),
    ):
        assert any("looks like" in problem.rule for problem in found)


def test_an_invented_regimen_judges_by_its_own_numbers(make_order: MakeOrder, judge: Judge) -> None:
    """11.5 mCi/m2 for a child of 12 in Springfield: nothing of CLR 131 stands in the code."""
    oddity = parse_regimen(ODDITY)
    changes = {
        "site": "Springfield 2",
        "drug": "ODD 7",
        "regimen": "oddity-7",
        "infusion_min": 55,
        "patient__birth_date": "2013-11-01",
        "patient__weight_kg": 40,
        "patient__height_cm": 150,
        "prescribed_mbq": 549.3,
        "eligibility": {"indication": "TEAL", "prior_lines": 3, "prior_classes": ["patience"]},
    }
    order = make_order(**changes)
    told = {"regimen": oddity, "site": "Springfield 2", "simulated": False}
    assert judge(order, **told) == []
    assert fields(judge(make_order(infusion_min=30), **told)) == ["infusion_min"]
    assert fields(judge(make_order(prescribed_mbq=552), **told)) == [
        "infusion_min",
        "prescribed_mbq",
    ]
