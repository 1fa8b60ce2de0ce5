"""Every rule of an order as the sole reason for refusing it, with its edges."""

from datetime import date, timedelta
from typing import Any

import pytest

from controller.clinic.documents import Problem
from controller.clinic.order import Order
from controller.clinic.order_rules import RULES, Case, check_order, computed_bq
from controller.clinic.regimen import Regimen
from firmware_interfaces.units import NS_PER_H, Nanoseconds

from .conftest import MakeOrder

SITE = "Madison 03"
DAY_NS = 24 * NS_PER_H


@pytest.fixture
def judge(regimen: Regimen, now_ns: Nanoseconds) -> Any:
    def check(order: Order, now: int = now_ns) -> list[Problem]:
        return check_order(order, regimen, SITE, now, simulated=True)

    return check


def fields(problems: list[Problem]) -> list[str]:
    return [problem.field for problem in problems]


def test_the_example_is_good(order: Order, judge: Any) -> None:
    assert judge(order) == []


def test_it_is_good_on_the_ward_too(
    make_order: MakeOrder, decided_regimen: Regimen, now_ns: Nanoseconds
) -> None:
    order = make_order(regimen="clr131")
    assert check_order(order, decided_regimen, SITE, now_ns, simulated=False) == []


def test_what_nobody_has_decided_never_meets_real_devices(
    make_order: MakeOrder, ward_regimen: Regimen, now_ns: Nanoseconds
) -> None:
    order = make_order(regimen="clr131")
    assert check_order(order, ward_regimen, SITE, now_ns, simulated=True) == []
    problems = check_order(order, ward_regimen, SITE, now_ns, simulated=False)
    assert [str(problem) for problem in problems] == [
        f"regimen clr131 = {path}: the {who} has yet to decide it"
        for path, who in ward_regimen.undecided.items()
    ]


@pytest.mark.requirement("T8.7")
def test_a_bench_regimen_never_meets_real_devices(
    order: Order, regimen: Regimen, now_ns: Nanoseconds
) -> None:
    bench = regimen.model_copy(update={"undecided": {}})
    assert check_order(order, bench, SITE, now_ns, simulated=False) == [
        Problem("regimen", "clr131-bench", "is for simulated devices only")
    ]


@pytest.mark.requirement("W2", "W7a", "C9", "T7.2", "P3", "P7", "GIP-2.2.6")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"site": "Madison 04"}, "site"),
        ({"drug": "sodium iodide I-131"}, "drug"),
        ({"regimen": "clr131"}, "regimen"),
        ({"infusion_min": 0.49}, "infusion_min"),
        ({"infusion_min": 60.1}, "infusion_min"),
        ({"authorized_user__signed_at": "2025-11-20T15:00:01-06:00"}, "authorized_user.signed_at"),
        ({"patient__birth_date": "2007-11-21"}, "patient.birth_date"),
        ({"patient__birth_date": "1915-11-19"}, "patient.birth_date"),
        ({"patient__weight_date": "2025-11-05"}, "patient.weight_date"),
        ({"patient__weight_date": "2025-11-22"}, "patient.weight_date"),
        ({"patient__height_date": "2024-11-19"}, "patient.height_date"),
        ({"patient__height_date": "2025-11-22"}, "patient.height_date"),
        ({"container__unusable_ml": 20.0}, "container.unusable_ml"),
        ({"container__unusable_ml": 18.5}, "line.dead_volume_ml"),
        ({"first_dose_date": "2025-08-01"}, "first_dose_date"),
        ({"dose_number": 2}, "first_dose_date"),
    ],
)
def test_sole_cause(make_order: MakeOrder, judge: Any, changes: dict[str, Any], field: str) -> None:
    assert field in fields(judge(make_order(**changes), 1_763_680_000_000_000_000))
    assert set(fields(judge(make_order(**changes), 1_763_680_000_000_000_000))) == {field}


@pytest.mark.parametrize(
    "changes",
    [
        {"infusion_min": 0.5},
        {"infusion_min": 60},
        {"patient__birth_date": "2007-11-19"},
        {"patient__weight_date": "2025-11-06"},
        {"patient__height_date": "2024-11-20"},
        {"patient__weight_date": "2025-11-21"},
        {"container__unusable_ml": 18.4},
        {"authorized_user__signed_at": "2025-11-20T14:00:00-06:00"},
        {"prescribed_mbq": 1690.1},
        {"prescribed_mbq": 1673.4},
    ],
)
def test_the_good_side_of_each_edge(
    make_order: MakeOrder, judge: Any, changes: dict[str, Any]
) -> None:
    assert judge(make_order(**changes)) == []


@pytest.mark.requirement("W2")
def test_a_signature_in_the_future(order: Order, judge: Any) -> None:
    before = 1_763_590_000_000_000_000
    problems = judge(order, before)
    assert problems == [
        Problem(
            "authorized_user.signed_at",
            "2025-11-19T16:20:00-06:00",
            "must not be in the future",
        )
    ]


@pytest.mark.requirement("C9")
@pytest.mark.parametrize(
    ("hours", "good"), [(-7 * 24, True), (7 * 24, True), (-7 * 24 - 1, False), (7 * 24 + 1, False)]
)
def test_an_order_holds_for_a_week(
    make_order: MakeOrder, decided_regimen: Regimen, now_ns: Nanoseconds, hours: int, good: bool
) -> None:
    order = make_order(
        regimen="clr131",
        authorized_user__signed_at="2025-11-01T00:00:00Z",
        patient__weight_date="2025-11-10",
        patient__height_date="2025-11-10",
    )
    moment = now_ns + NS_PER_H + hours * NS_PER_H
    problems = check_order(order, decided_regimen, SITE, moment, simulated=False)
    assert fields(problems) == ([] if good else ["reference_time"])


@pytest.mark.requirement("T7.2")
def test_pounds_typed_as_kilograms_are_caught_though_the_surface_is_plausible(
    make_order: MakeOrder, judge: Any
) -> None:
    problems = judge(make_order(patient__weight_kg=154, prescribed_mbq=2494.4))
    assert problems == [
        Problem("patient", "53.29", "BMI in kg/m2 (are units right?) must be 14 to 45")
    ]


@pytest.mark.requirement("T7.2")
@pytest.mark.parametrize(
    ("weight_kg", "height_cm", "expected"),
    [
        (29.9, 140, {"patient.weight_kg"}),
        (251, 240, {"patient.weight_kg", "patient.height_cm", "patient"}),
        (60, 119, {"patient.height_cm"}),
        (1.7, 70, {"patient.weight_kg", "patient.height_cm", "patient"}),
        (30, 121, {"patient.height_cm"} - {"patient.height_cm"}),
        (210, 219, {"patient"}),
    ],
)
def test_implausible_bodies(
    make_order: MakeOrder,
    regimen: Regimen,
    judge: Any,
    weight_kg: float,
    height_cm: float,
    expected: set[str],
) -> None:
    draft = make_order(patient__weight_kg=weight_kg, patient__height_cm=height_cm)
    order = make_order(prescribed_mbq=computed_bq(draft, regimen) / 1e6)
    assert set(fields(judge(order))) == expected


@pytest.mark.requirement("W6")
def test_the_dose_must_agree_with_the_computation(make_order: MakeOrder, judge: Any) -> None:
    assert judge(make_order(prescribed_mbq=1690.2)) == [
        Problem(
            "prescribed_mbq",
            "1690.2 MBq (45.68 mCi)",
            "must agree within 0.5 % with 25 mCi/m2 x BSA (mosteller) = 1681.8 MBq (45.45 mCi)",
        )
    ]


@pytest.mark.requirement("A7", "W6")
@pytest.mark.parametrize(
    "mbq",
    [
        pytest.param(45.45, id="mCi"),
        pytest.param(1.6818, id="GBq"),
        pytest.param(0.04545, id="Ci"),
        pytest.param(1681.8 * 10, id="one digit too many"),
    ],
)
def test_an_activity_in_another_unit_is_no_prescription(
    make_order: MakeOrder, judge: Any, mbq: float
) -> None:
    assert fields(judge(make_order(prescribed_mbq=mbq))) == ["prescribed_mbq"]


def test_another_formula_needs_another_dose(make_order: MakeOrder, judge: Any) -> None:
    assert fields(judge(make_order(bsa_formula="gehan_george"))) == ["prescribed_mbq"]


@pytest.mark.requirement("W6")
def test_the_two_computations_are_compared(
    order: Order, judge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "controller.clinic.order_rules.prescribed_bq_by_logarithm", lambda *_: 1_600_000_000
    )
    assert judge(order) == [
        Problem(
            "patient",
            "1681.8 MBq (45.45 mCi)",
            "second computation gives 1600.0 MBq (43.24 mCi)",
        )
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
    make_order: MakeOrder, judge: Any, dose: float, low: float, high: float, rules: int
) -> None:
    order = make_order(prescribed_mbq=dose, prescribed_range_mbq={"low": low, "high": high})
    assert fields(judge(order)) == ["prescribed_range_mbq"] * rules


@pytest.mark.requirement("W7a")
@pytest.mark.parametrize(("days", "good"), [(79, False), (80, True), (160, True), (161, False)])
def test_second_dose_window(make_order: MakeOrder, judge: Any, days: int, good: bool) -> None:
    first = date(2025, 11, 20) - timedelta(days=days)
    order = make_order(dose_number=2, first_dose_date=first.isoformat())
    assert fields(judge(order)) == ([] if good else ["first_dose_date"])


def test_a_regimen_of_one_dose(
    make_order: MakeOrder, regimen: Regimen, now_ns: Nanoseconds
) -> None:
    single = regimen.model_copy(update={"second_dose": None})
    problems = check_order(make_order(dose_number=2), single, SITE, now_ns, simulated=True)
    assert problems == [Problem("dose_number", "2", "the regimen has one dose")]


def test_every_rule_is_silent_about_the_example_and_documented(
    order: Order, regimen: Regimen, now_ns: Nanoseconds
) -> None:
    case = Case(order, regimen, SITE, now_ns, simulated=True)
    for rule in RULES:
        assert list(rule(case)) == []
        assert rule.__doc__
