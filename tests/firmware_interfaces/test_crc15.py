"""CRC-15R vocabulary: which unit codes stand, and what four bytes are worth."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces.crc15 import (
    ACTIVITY_BQ_MAX,
    CODES,
    Unit,
    agreed_unit,
    parse_activity,
    parse_number,
    units_named,
)


def field(number):
    return struct.pack("<f", number)


@pytest.mark.requirement("C8")
def test_only_the_codes_that_every_public_host_reads_alike_are_taken():
    assert agreed_unit(5) is Unit.MEGABECQUEREL
    assert agreed_unit(6) is Unit.GIGABECQUEREL
    assert CODES == (1, 2, 3, 4, 5, 6)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("code", "said", "units"),
    [
        (1, "undefined by crc-15pet.py, microcurie by CRC15R.java", (Unit.MICROCURIE,)),
        (2, "microcurie by crc-15pet.py, millicurie by CRC15R.java",
         (Unit.MICROCURIE, Unit.MILLICURIE)),
        (3, "millicurie by crc-15pet.py, curie by CRC15R.java", (Unit.MILLICURIE, Unit.CURIE)),
        (4, "curie by crc-15pet.py, undefined by CRC15R.java", (Unit.CURIE,)),
    ],
)  # fmt: skip
def test_an_ambiguous_code_is_refused_with_both_readings_of_it(code, said, units):
    with pytest.raises(ValueError, match=f"ambiguous .{said}.: refused until") as refused:
        agreed_unit(code)
    assert "known source" in str(refused.value)
    assert units_named(code) == units


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("code", [0, 7, 8, 255])
def test_a_code_of_no_table_is_refused(code):
    assert units_named(code) == ()
    with pytest.raises(ValueError, match=r"is in no table \(known are 1, 2, 3, 4, 5, 6\): refused"):
        agreed_unit(code)


@pytest.mark.parametrize(
    ("raw", "unit", "activity_bq", "resolution_bq"),
    [
        ("cc 85 35 40", Unit.MEGABECQUEREL, 2_836_291, 1),
        ("38 98 35 40", Unit.MEGABECQUEREL, 2_837_416, 1),
        ("0f e6 34 40", Unit.GIGABECQUEREL, 2_826_541_662, 239),
        ("00 00 2a 42", Unit.MILLICURIE, 1_572_500_000, 142),
        ("00 00 2a 42", Unit.MICROCURIE, 1_572_500, 1),
        ("0a d7 23 3c", Unit.CURIE, 369_999_992, 35),
        ("00 00 00 00", Unit.GIGABECQUEREL, 0, 1),
        ("01 00 00 00", Unit.CURIE, 0, 1),
    ],
)
def test_what_a_reading_is_worth(raw, unit, activity_bq, resolution_bq):
    assert parse_activity(bytes.fromhex(raw), unit) == (activity_bq, resolution_bq)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("number", "rule"),
    [
        (math.nan, "neither NaN nor infinite"),
        (math.inf, "neither NaN nor infinite"),
        (-math.inf, "neither NaN nor infinite"),
        (-0.001, "must not be negative"),
        (1001.0, "no well chamber measures more: 1001 gigabecquerel"),
        (3.4e38, "no well chamber measures more"),
    ],
)
def test_what_no_chamber_measures_is_refused(number, rule):
    with pytest.raises(ValueError, match=rule):
        parse_activity(field(number), Unit.GIGABECQUEREL)


def test_the_largest_activity_is_taken_and_a_negative_zero_is_zero():
    assert parse_activity(field(1000.0), Unit.GIGABECQUEREL).activity_bq == ACTIVITY_BQ_MAX
    assert parse_activity(field(-0.0), Unit.MEGABECQUEREL) == (0, 1)


@given(st.binary(min_size=4, max_size=4), st.sampled_from(Unit))
def test_a_reading_is_exact_to_half_a_becquerel_or_refused(raw, unit):
    (number,) = struct.unpack("<f", raw)
    try:
        activity_bq, step_bq = parse_activity(raw, unit)
    except ValueError:
        assert not 0 <= number * unit.value <= ACTIVITY_BQ_MAX
        return
    assert parse_number(raw) == Fraction(number)
    assert abs(activity_bq - Fraction(number) * unit.value) * 2 <= 1 <= step_bq
    up = struct.unpack("<f", struct.pack("<I", struct.unpack("<I", field(abs(number)))[0] + 1))[0]
    assert step_bq >= (Fraction(up) - Fraction(number)) * unit.value
