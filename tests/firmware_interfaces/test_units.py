"""Base units: exact, and rounded in the direction the caller names."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces import units


@pytest.mark.parametrize(
    ("value", "down", "near", "up"),
    [
        ("1.0005", 1000, 1000, 1001),
        ("1.0015", 1001, 1002, 1002),
        ("-0.0001", -1, 0, 0),
        (2, 2000, 2000, 2000),
    ],
)
def test_scaling_goes_the_way_it_says(value, down, near, up):
    assert units.scaled_down(value, 1000) == down
    assert units.scaled_near(value, 1000) == near
    assert units.scaled_up(value, 1000) == up


def test_a_float_means_its_shortest_text():
    assert units.scaled_down(26.59, 1000) == 26_590
    assert units.scaled_up(0.1, 10) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, "-Infinity"])
def test_no_number_is_refused(value):
    with pytest.raises(ValueError, match="not a finite number"):
        units.scaled_near(value, 1)


def test_human_units_become_base_units():
    assert units.seconds("0.5") == 500_000_000
    assert units.megabecquerel("1572.5") == 1_572_500_000
    assert units.millicurie("42.5") == 1_572_500_000
    assert units.millilitre("10.5") == 10_500_000
    assert units.millilitre_per_hour(20) == 20_000
    assert units.millimetre("26.59") == 26_590


@pytest.mark.parametrize(
    ("human", "base", "value"),
    [
        (units.as_mbq, 1_572_500_000, 1572.5),
        (units.as_mci, 1_572_500_000, 42.5),
        (units.as_ml, 10_500_000, 10.5),
        (units.as_ml_h, 20_000, 20.0),
        (units.as_seconds, 500_000_000, 0.5),
    ],
)
def test_base_units_become_human_units(human, base, value):
    assert human(base) == value


def test_ten_millilitres_in_thirty_minutes():
    half_hour, rate = units.seconds(1800), units.millilitre_per_hour(20)
    assert units.rate_down(units.millilitre(10), half_hour) == rate
    assert units.volume_down(rate, half_hour) == units.millilitre(10)
    assert units.volume_up(rate, half_hour) == units.millilitre(10)


@given(st.integers(0, 10**6), st.integers(1, 10**13))
def test_volumes_bracket_the_exact_one_by_less_than_a_nanolitre(rate, duration):
    exact = rate * units.NL_PER_UL * duration
    low, high = units.volume_down(rate, duration), units.volume_up(rate, duration)
    assert low * units.NS_PER_H <= exact <= high * units.NS_PER_H
    assert high - low in (0, 1)


@pytest.mark.requirement("T7.1")
@given(st.integers(0, 10**9), st.integers(1, 10**13))
def test_a_rate_rounded_down_never_pumps_more_than_asked(volume, duration):
    assert units.volume_up(units.rate_down(volume, duration), duration) <= volume
