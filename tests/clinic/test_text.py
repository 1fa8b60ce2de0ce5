"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.text import (
    activity_text,
    decimal_text,
    deviation_percent_text,
    number_text,
    parse_number,
    seconds_text,
    utc_text,
    volume_text,
)


@pytest.mark.requirement("T7.4")
def test_units_stand_side_by_side_without_grouping() -> None:
    assert activity_text(1_681_759_784) == "1681.8 MBq (45.45 mCi)"
    assert activity_text(37_000_000_000) == "37000.0 MBq (1000.00 mCi)"
    assert volume_text(19_499_600) == "19.500 mL"
    assert seconds_text(1_800_049_000_000) == "1800.0 s"
    assert utc_text(1_763_680_000_123_999_999) == "2025-11-20T23:06:40.123Z"
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (3e6, 10, "3000000"),
        (75_000.0, 10, "75000"),
        (53.287, 4, "53.29"),
        (0.000045, 5, "0.000045"),
        (112_000.4, 5, "112000"),
        (9.0, 10, "9"),
    ],
)
def test_a_number_never_has_an_exponent(value: float, digits: int, text: str) -> None:
    assert number_text(value, digits) == text


@pytest.mark.requirement("T7.4")
@pytest.mark.parametrize("text", ["1,681", "1.681,5", "1 681", "-1", "1e3", "", ".5", "1."])
def test_a_comma_or_anything_else_in_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="digits with a decimal point"):
        parse_number(text)
    assert parse_number("1681.75") == 1681.75


def test_zero_has_no_sign() -> None:
    assert decimal_text(-1, 1000, 1) == "0.0"
    assert decimal_text(-51, 1000, 1) == "-0.1"


@pytest.mark.requirement("R10a", "T7.1")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100_000, "0.0 %"),
        (119_970, "+19.97 %"),
        (120_000, "+20.0 %"),
        (120_001, "+20.001 %"),
        (80_000, "-20.0 %"),
        (80_030, "-19.97 %"),
        (79_999, "-20.001 %"),
        (110_000, "+10.0 %"),
        (109_960, "+9.96 %"),
        (110_040, "+10.04 %"),
        (104_980, "+4.98 %"),
        (99_990, "-0.01 %"),
        (87_447, "-12.6 %"),
        (0, "-100.0 %"),
    ],
)
def test_a_deviation_never_rounds_onto_or_over_an_edge(value: int, text: str) -> None:
    assert deviation_percent_text(value, 100_000) == text


def test_a_single_becquerel_shows() -> None:
    assert deviation_percent_text(1_199_999_999, 1_000_000_000) == "+19.9999999 %"


@given(value=st.integers(0, 10**10), reference=st.integers(1, 10**10))
def test_the_text_is_on_the_side_of_the_number(value: int, reference: int) -> None:
    shown = float(deviation_percent_text(value, reference).removesuffix(" %"))
    for edge in (0, 5, 10, 20):
        scaled = abs(value - reference) * 100 - edge * reference
        assert (abs(shown) > edge) == (scaled > 0)
        assert (abs(shown) < edge) == (scaled < 0)


def test_there_is_no_deviation_from_nothing() -> None:
    with pytest.raises(ValueError, match="positive: 0"):
        deviation_percent_text(1, 0)
