"""An order's rules beside the patient's numbers and the study's, with their edges."""

from typing import Any

import pytest

from controller.clinic.documents import Problem
from controller.clinic.order import Order, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_rules import RULES
from controller.clinic.regimen import Regimen
from firmware_interfaces.units import NS_PER_H, NS_PER_S, Nanoseconds

from .conftest import SITE, Judge, MakeOrder, fields

AFTERNOON_NS = 1_763_680_000 * NS_PER_S


def test_the_example_is_good(order: Order, judge: Judge) -> None:
    assert judge(order) == []


def test_it_is_good_on_the_ward_too(
    make_order: MakeOrder, decided_regimen: Regimen, judge: Judge
) -> None:
    order = make_order(regimen="clr131")
    assert judge(order, regimen=decided_regimen, simulated=False) == []


def test_what_nobody_has_decided_never_meets_real_devices(
    make_order: MakeOrder, ward_regimen: Regimen, judge: Judge
) -> None:
    order = make_order(regimen="clr131")
    assert judge(order, regimen=ward_regimen) == []
    problems = judge(order, regimen=ward_regimen, simulated=False)
    assert [str(problem) for problem in problems] == [
        f"regimen clr131 = {path}: the {who} has yet to decide it"
        for path, who in ward_regimen.undecided.items()
    ]


@pytest.mark.requirement("T8.7")
def test_a_bench_regimen_never_meets_real_devices(
    order: Order, regimen: Regimen, judge: Judge
) -> None:
    bench = regimen.model_copy(update={"undecided": {}})
    assert judge(order, regimen=bench, simulated=False) == [
        Problem("regimen", "clr131-bench", "is for simulated devices only")
    ]


def test_an_order_of_an_earlier_schema_is_read_and_not_used(
    first_schema: str, judge: Judge
) -> None:
    order = parse_order(first_schema)
    assert judge(order) == [Problem("schema", "1", "must be 2: kept orders are read, not used")]


@pytest.mark.requirement("W2", "C9", "P3", "P7", "GIP-2.2.6")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"site": "Madison 04"}, "site"),
        ({"drug": "sodium iodide I-131"}, "drug"),
        ({"regimen": "clr131"}, "regimen"),
        ({"infusion_min": 0.49}, "infusion_min"),
        ({"infusion_min": 60.1}, "infusion_min"),
        ({"authorized_user__signed_at": "2025-11-20T15:00:01-06:00"}, "authorized_user.signed_at"),
        ({"container__unusable_ml": 20.0}, "container.unusable_ml"),
        ({"container__unusable_ml": 18.5}, "line.dead_volume_ml"),
    ],
)
def test_sole_cause(
    make_order: MakeOrder, judge: Judge, changes: dict[str, Any], field: str
) -> None:
    assert set(fields(judge(make_order(**changes), AFTERNOON_NS))) == {field}


@pytest.mark.parametrize(
    "changes",
    [
        {"infusion_min": 0.5},
        {"infusion_min": 60},
        {"container__unusable_ml": 18.4},
        {"authorized_user__signed_at": "2025-11-20T14:00:00-06:00"},
    ],
)
def test_the_good_side_of_each_edge(
    make_order: MakeOrder, judge: Judge, changes: dict[str, Any]
) -> None:
    assert judge(make_order(**changes)) == []


@pytest.mark.requirement("W2")
@pytest.mark.parametrize(("early_ns", "good"), [(0, True), (1000, False)])
def test_a_signature_in_the_future(order: Order, judge: Judge, early_ns: int, good: bool) -> None:
    signed_ns = 1_763_590_800 * NS_PER_S
    problem = Problem(
        "authorized_user.signed_at", "2025-11-19T16:20:00-06:00", "must not be in the future"
    )
    assert judge(order, signed_ns - early_ns) == ([] if good else [problem])


@pytest.mark.requirement("C9")
@pytest.mark.parametrize(
    ("hours", "good"), [(-7 * 24, True), (7 * 24, True), (-7 * 24 - 1, False), (7 * 24 + 1, False)]
)
def test_an_order_holds_for_a_week(
    make_order: MakeOrder,
    decided_regimen: Regimen,
    judge: Judge,
    now_ns: Nanoseconds,
    hours: int,
    good: bool,
) -> None:
    order = make_order(
        regimen="clr131",
        authorized_user__signed_at="2025-11-11T00:00:00Z",
        entries__first__at="2025-11-10T12:00:00Z",
        entries__second__at="2025-11-10T12:00:00Z",
        patient__weight_date="2025-11-10",
        patient__height_date="2025-11-10",
    )
    moment = now_ns + NS_PER_H + hours * NS_PER_H
    problems = judge(order, moment, regimen=decided_regimen, simulated=False)
    assert fields(problems) == ([] if good else ["reference_time"])


# --- oral directives: 10 CFR 35.40(a)(1) ---------------------------------------------------------


SAID = "2025-11-18T15:00:00-06:00"
ORAL = {
    "directed_at": SAID,
    "written_down_by": {"id": "ab", "name": "Anna Berger"},
    "emergency": "spinal cord compression",
}
EARLY = {
    "oral": ORAL,
    "patient__weight_date": "2025-11-18",
    "patient__height_date": "2025-11-18",
    "entries__first__at": "2025-11-18T14:00:00-06:00",
    "entries__second__at": "2025-11-18T14:00:00-06:00",
}


@pytest.mark.requirement("W4")
def test_an_oral_directive_is_refused_unless_the_site_takes_them(
    make_order: MakeOrder, judge: Judge
) -> None:
    order = make_order(**EARLY, authorized_user__signed_at=None)
    assert judge(order) == [
        Problem("oral", "'spinal cord compression'", "this site takes written directives only")
    ]
    assert judge(order, oral=True) == []


@pytest.mark.requirement("W4")
@pytest.mark.parametrize(
    ("signed_at", "good"),
    [
        ("2025-11-20T15:00:00-06:00", True),
        ("2025-11-20T15:00:00.000001-06:00", False),
        ("2025-11-18T15:00:00-06:00", True),
    ],
)
def test_an_oral_directive_is_written_within_48_hours(
    make_order: MakeOrder, judge: Judge, signed_at: str, good: bool
) -> None:
    order = make_order(**EARLY, authorized_user__signed_at=signed_at)
    rule = "must be written and signed within 48 h (10 CFR 35.40(a)(1))"
    problems = judge(order, AFTERNOON_NS, oral=True)
    assert problems == ([] if good else [Problem("oral.directed_at", SAID, rule)])


@pytest.mark.requirement("W4")
@pytest.mark.parametrize(("late_ns", "good"), [(0, True), (1000, False)])
def test_one_that_is_still_unsigned_ends_after_48_hours(
    make_order: MakeOrder, judge: Judge, late_ns: int, good: bool
) -> None:
    order = make_order(**EARLY, authorized_user__signed_at=None)
    due_ns = 1_763_672_400 * NS_PER_S
    problems = judge(order, due_ns + late_ns, oral=True)
    assert fields(problems) == ([] if good else ["oral.directed_at"])


@pytest.mark.requirement("W4")
def test_nothing_is_signed_before_it_was_said(make_order: MakeOrder, judge: Judge) -> None:
    order = make_order(**EARLY, authorized_user__signed_at="2025-11-18T14:59:59-06:00")
    assert judge(order, oral=True) == [
        Problem(
            "authorized_user.signed_at", "2025-11-18T14:59:59-06:00", "must be after it was said"
        )
    ]


def test_it_cannot_be_said_tomorrow(make_order: MakeOrder, judge: Judge) -> None:
    order = make_order(**EARLY, authorized_user__signed_at=None)
    said_ns = 1_763_499_600 * NS_PER_S
    assert fields(judge(order, said_ns, oral=True)) == []
    assert fields(judge(order, said_ns - 1000, oral=True)) == ["oral.directed_at"]


def test_every_rule_is_silent_about_the_example_and_documented(
    order: Order, regimen: Regimen, now_ns: Nanoseconds
) -> None:
    case = Case(order, regimen, SITE, now_ns, simulated=True)
    for rule in RULES:
        assert list(rule(case)) == []
        assert rule.__doc__
