"""Bands to the becquerel, planned volumes, expected hold-up, freshness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.assay import (
    Band,
    Verdict,
    accept,
    accept_for,
    age_problem,
    band,
    expected_administered_bq,
    nuclide_problem,
    planned_volume,
    planned_volume_nl,
    primed_in_line_nl,
)
from controller.clinic.documents import Problem
from firmware_interfaces.units import NS_PER_MIN

from .conftest import MakeOrder

P = 1_681_700_000
TENTH, FIFTH = P // 10, P // 5


@pytest.mark.requirement("A6")
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, Band.WITHIN_10),
        (TENTH, Band.WITHIN_10),
        (TENTH + 1, Band.WITHIN_20),
        (FIFTH, Band.WITHIN_20),
        (FIFTH + 1, Band.OVER_20),
        (P, Band.OVER_20),
    ],
)
def test_the_edge_belongs_to_the_inner_band(sign: int, offset: int, expected: Band) -> None:
    assert band(P + sign * offset, P) is expected


@pytest.mark.requirement("A6", "T7.1")
@given(assayed=st.integers(0, 10**11), prescribed=st.integers(1, 10**11))
def test_bands_are_exact_integers(assayed: int, prescribed: int) -> None:
    within_10 = abs(assayed - prescribed) * 100 <= 10 * prescribed
    within_20 = abs(assayed - prescribed) * 100 <= 20 * prescribed
    assert (band(assayed, prescribed) is Band.WITHIN_10) == within_10
    assert (band(assayed, prescribed) is Band.OVER_20) == (not within_20)


def test_nothing_prescribed_has_no_band() -> None:
    with pytest.raises(ValueError, match="positive: 0"):
        band(1, 0)


@pytest.mark.parametrize(
    ("assayed", "verdict", "deviation"),
    [
        (P, Verdict.ACCEPTED, "0.0 %"),
        (P + TENTH + 1, Verdict.ACKNOWLEDGE, "+10.0000001 %"),
        (P - FIFTH - 1, Verdict.REFUSED, "-20.0000001 %"),
    ],
)
def test_verdicts(assayed: int, verdict: Verdict, deviation: str) -> None:
    found = accept(assayed, P)
    assert (found.verdict, found.deviation, found.outside_range) == (verdict, deviation, False)
    assert (found.assayed_bq, found.prescribed_bq) == (assayed, P)


@pytest.mark.parametrize(
    ("assayed", "outside"), [(P - 1, True), (P, False), (P + 5, False), (P + 6, True)]
)
def test_a_prescribed_range_refuses_in_any_band(assayed: int, outside: bool) -> None:
    found = accept(assayed, P, (P, P + 5))
    assert found.outside_range is outside
    assert found.band is Band.WITHIN_10
    assert found.verdict is (Verdict.REFUSED if outside else Verdict.ACCEPTED)


@pytest.mark.requirement("A7")
def test_uci_taken_for_mci_is_far_out() -> None:
    assert band(45_450 * 37_000, 45_450 * 37_000_000) is Band.OVER_20
    assert band(37 * P, P) is Band.OVER_20


@pytest.mark.requirement("T7.1", "P7")
@pytest.mark.parametrize(
    ("administer", "assay_bq", "primed_nl", "planned_nl"),
    [
        ("whole_syringe", 1000, 0, 19_500_000),
        ("whole_syringe", 1, 0, 19_500_000),
        ("whole_syringe", 1000, 1_500_000, 18_000_000),
        ("volume_for_dose", 2000, 0, 10_000_000),
        ("volume_for_dose", 2000, 1_500_000, 8_500_000),
        ("volume_for_dose", 3000, 0, 6_666_666),
        ("volume_for_dose", 1000, 0, 19_500_000),
        ("volume_for_dose", 900, 1_500_000, 18_000_000),
        ("volume_for_dose", 10**9, 1_500_000, 0),
    ],
)
def test_planned_volume(administer: str, assay_bq: int, primed_nl: int, planned_nl: int) -> None:
    assert planned_volume(administer, 20_000_000, 500_000, 1000, assay_bq, primed_nl) == planned_nl


def test_a_plan_needs_an_assay_and_a_way() -> None:
    with pytest.raises(ValueError, match="positive: 0"):
        planned_volume("whole_syringe", 1, 0, 1, 0)
    with pytest.raises(ValueError, match="half"):
        planned_volume("half", 1, 0, 1, 1)
    assert planned_volume("whole_syringe", 1, 2, 1, 1) == 0


def test_plan_of_an_order(make_order: MakeOrder) -> None:
    assert planned_volume_nl(make_order(), P) == 19_500_000
    assert primed_in_line_nl(make_order()) == 0
    primed = make_order(line__primed_with="drug", administer="volume_for_dose")
    assert primed_in_line_nl(primed) == 1_500_000
    assert planned_volume_nl(primed, 2 * P) == 8_500_000


def test_whole_syringe_is_judged_on_the_assay(make_order: MakeOrder) -> None:
    assert accept_for(make_order(), P + FIFTH + 1).verdict is Verdict.REFUSED


@pytest.mark.parametrize("primed_with", ["saline", "drug"])
def test_volume_for_dose_is_judged_on_what_it_gives(
    make_order: MakeOrder, primed_with: str
) -> None:
    order = make_order(administer="volume_for_dose", line__primed_with=primed_with)
    strong = accept_for(order, 2 * P)
    assert (strong.verdict, strong.assayed_bq) == (Verdict.ACCEPTED, P)
    weak = accept_for(order, P * 9 // 10)
    assert (weak.verdict, weak.band) == (Verdict.ACKNOWLEDGE, Band.WITHIN_20)
    assert weak.assayed_bq == P * 9 // 10 * 195 // 200


def test_an_assay_9_9_percent_low_with_3_percent_residual_is_12_6_percent_low() -> None:
    assayed = P * 901 // 1000
    expected = expected_administered_bq(assayed, 20_000_000, 19_400_000)
    assert accept(assayed, P).deviation == "-9.9 %"
    assert accept(expected, P).deviation == "-12.6 %"
    assert expected_administered_bq(10, 3, 1) == 3


@pytest.mark.parametrize("read", ["I-131", "I131", "I 131", "i131"])
def test_the_ordered_nuclide_however_spelt(read: str) -> None:
    assert nuclide_problem(read, "I-131") is None


def test_another_nuclide() -> None:
    assert nuclide_problem("I123", "I-131") == Problem("assay.nuclide", "'I123'", "must be I-131")


@pytest.mark.requirement("A9")
def test_freshness() -> None:
    limit, taken = 60 * NS_PER_MIN, 5
    assert age_problem(taken, taken, limit) is None
    assert age_problem(taken, taken + limit, limit) is None
    assert age_problem(taken, taken + limit + 1, limit) == Problem(
        "assay.age", "3600.000000001 s", "must be at most 3600 s"
    )
    assert age_problem(taken, taken - 1, limit) == Problem(
        "assay.age", "-0.000000001 s", "must not be in the future"
    )
