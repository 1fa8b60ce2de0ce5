"""Body surface, prescribed activity and decay against published vectors and a second library."""

import pytest
import radioactivedecay
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.dosing import (
    BsaFormula,
    Rounding,
    bmi_kg_m2,
    bsa_m2,
    bsa_m2_by_logarithm,
    decayed_bq,
    differs_at_most,
    prescribed_bq,
    prescribed_bq_by_logarithm,
)
from firmware_interfaces.units import (
    NS_PER_H,
    NS_PER_MIN,
    NS_PER_MS,
    Becquerel,
    Nanoseconds,
    as_mbq,
    as_mci,
    megabecquerel,
)

DAY_NS = 24 * NS_PER_H
HALF_LIFE_MS = 693_213_120
CHART_HALF_LIFE_MS = 693_014_400
CHART = {
    1: 0.917,
    2: 0.841,
    3: 0.772,
    4: 0.708,
    5: 0.649,
    6: 0.595,
    7: 0.546,
    8: 0.501,
    9: 0.459,
    10: 0.421,
    14: 0.298,
}


@pytest.mark.requirement("W6")
@pytest.mark.parametrize(
    ("weight_kg", "height_cm", "mci", "mbq"),
    [
        (50, 155, 36.68, 1357),
        (70, 170, 45.45, 1682),
        (100, 180, 55.90, 2068),
        (130, 175, 62.85, 2325),
    ],
)
def test_25_mci_m2_by_mosteller(weight_kg: float, height_cm: float, mci: float, mbq: int) -> None:
    dose = prescribed_bq(25.0, bsa_m2(BsaFormula.MOSTELLER, weight_kg, height_cm))
    assert round(as_mci(dose), 2) == mci
    assert round(as_mbq(dose)) == mbq


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (BsaFormula.MOSTELLER, 1.8181187),
        (BsaFormula.DUBOIS, 1.8097078),
        (BsaFormula.HAYCOCK, 1.8256771),
        (BsaFormula.GEHAN_GEORGE, 1.8312893),
    ],
)
def test_each_formula_at_70_kg_170_cm(formula: BsaFormula, expected: float) -> None:
    assert bsa_m2(formula, 70.0, 170.0) == pytest.approx(expected, abs=5e-8)


@pytest.mark.parametrize(
    ("weight_kg", "height_cm", "spread_percent"),
    [(50, 155, 1.0), (70, 170, 1.2), (100, 180, 3.1), (130, 175, 7.2)],
)
def test_spread_of_the_formulas(weight_kg: float, height_cm: float, spread_percent: float) -> None:
    surfaces = [bsa_m2(formula, weight_kg, height_cm) for formula in BsaFormula]
    assert (max(surfaces) / min(surfaces) - 1) * 100 == pytest.approx(spread_percent, abs=0.1)


@pytest.mark.requirement("W6")
@given(
    formula=st.sampled_from(BsaFormula),
    weight_kg=st.floats(30, 250),
    height_cm=st.floats(120, 220),
)
def test_two_computations_agree(formula: BsaFormula, weight_kg: float, height_cm: float) -> None:
    surface = bsa_m2(formula, weight_kg, height_cm)
    assert surface == pytest.approx(
        float(bsa_m2_by_logarithm(formula, weight_kg, height_cm)), rel=1e-14
    )
    second = prescribed_bq_by_logarithm(25.0, formula, weight_kg, height_cm)
    assert abs(prescribed_bq(25.0, surface) - second) <= 1


@pytest.mark.requirement("T7.1")
def test_prescribed_activity_is_rounded_down() -> None:
    assert prescribed_bq(1.0, 1 / 37_000_000 * 1.9) == 1
    assert prescribed_bq(25.0, 1.7) == 1_572_500_000


def test_pounds_taken_for_kilograms_are_half_as_much_again() -> None:
    right = bsa_m2(BsaFormula.MOSTELLER, 70.0, 170.0)
    wrong = bsa_m2(BsaFormula.MOSTELLER, 154.0, 170.0)
    assert wrong / right == pytest.approx(1.48, abs=0.005)
    assert bmi_kg_m2(154.0, 170.0) == pytest.approx(53.29, abs=0.01)


def test_agreement_includes_its_edge() -> None:
    assert differs_at_most(1_005, 1_000, 5)
    assert differs_at_most(995, 1_000, 5)
    assert not differs_at_most(100_501, 100_000, 5)


@pytest.mark.requirement("A5")
@pytest.mark.parametrize(("day", "left"), CHART.items())
def test_decay_chart(day: int, left: float) -> None:
    start = Becquerel(10**9)
    after = decayed_bq(start, Nanoseconds(day * DAY_NS), CHART_HALF_LIFE_MS, Rounding.NEAREST)
    assert after / start == pytest.approx(left, abs=0.001)


@pytest.mark.parametrize(
    ("elapsed_ns", "percent"), [(NS_PER_H, 0.359), (30 * NS_PER_MIN, 0.180), (DAY_NS, 8.275)]
)
def test_loss_by_decay(elapsed_ns: int, percent: float) -> None:
    left = decayed_bq(Becquerel(10**12), Nanoseconds(elapsed_ns), HALF_LIFE_MS, Rounding.DOWN)
    assert (1 - left / 10**12) * 100 == pytest.approx(percent, abs=0.005)


def test_1572_5_mbq_after_30_minutes() -> None:
    left = decayed_bq(
        megabecquerel(1572.5), Nanoseconds(30 * NS_PER_MIN), HALF_LIFE_MS, Rounding.NEAREST
    )
    assert left == 1_569_672_315


@pytest.mark.parametrize(("hours", "tolerance"), [(0.5, 6e-7), (24.0, 2.9e-5), (7 * 24.0, 2.1e-4)])
def test_radioactivedecay_agrees_within_its_other_half_life(hours: float, tolerance: float) -> None:
    # It holds 8.02070 d (ICRP-107) where this regimen holds 8.0233 d (DDEP).
    theirs = radioactivedecay.Inventory({"I-131": 1572.5}, "MBq").decay(hours, "h")
    ours = decayed_bq(
        megabecquerel(1572.5), Nanoseconds(int(hours * NS_PER_H)), HALF_LIFE_MS, Rounding.NEAREST
    )
    assert as_mbq(ours) == pytest.approx(theirs.activities("MBq")["I-131"], rel=tolerance)


def test_radioactivedecay_agrees_with_its_own_half_life() -> None:
    half_life_ms = int(radioactivedecay.Nuclide("I-131").half_life("ms"))
    theirs = radioactivedecay.Inventory({"I-131": 10**9}, "Bq").decay(7.0, "d")
    ours = decayed_bq(Becquerel(10**9), Nanoseconds(7 * DAY_NS), half_life_ms, Rounding.NEAREST)
    assert ours == pytest.approx(theirs.activities("Bq")["I-131"], abs=1)


def test_rounding_brackets_and_half_life_halves() -> None:
    odd, half = Becquerel(1001), Nanoseconds(HALF_LIFE_MS * NS_PER_MS)
    assert decayed_bq(odd, half, HALF_LIFE_MS, Rounding.DOWN) == 500
    assert decayed_bq(odd, half, HALF_LIFE_MS, Rounding.UP) == 501


@given(activity=st.integers(0, 10**11), elapsed_ns=st.integers(0, 14 * DAY_NS))
def test_decay_there_and_back(activity: int, elapsed_ns: int) -> None:
    down = decayed_bq(Becquerel(activity), Nanoseconds(elapsed_ns), HALF_LIFE_MS, Rounding.DOWN)
    up = decayed_bq(Becquerel(activity), Nanoseconds(elapsed_ns), HALF_LIFE_MS, Rounding.UP)
    assert 0 <= up - down <= 1
    assert decayed_bq(down, Nanoseconds(-elapsed_ns), HALF_LIFE_MS, Rounding.DOWN) <= activity
    assert decayed_bq(up, Nanoseconds(-elapsed_ns), HALF_LIFE_MS, Rounding.UP) >= activity
