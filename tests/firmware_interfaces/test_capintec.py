"""CRC-55 vocabulary: what a printed number is worth, and every refusal that a guess would hide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces.capintec import (
    BQ_PER_UNIT,
    REPLY_FIELDS,
    ErrorCode,
    Unit,
    activity_field,
    canonical_nuclide,
    parse_activity,
    parse_unit,
    read_payload,
    select_payload,
)


@pytest.mark.parametrize(
    ("field", "digit", "activity_bq", "resolution_bq"),
    [
        ("  1572", "5", 1_572_000_000, 1_000_000),
        ("1572  ", "5", 1_572_000_000, 1_000_000),
        ("1572.5", "5", 1_572_500_000, 100_000),
        ("1.5725", "6", 1_572_500_000, 100_000),
        ("  42.5", "2", 1_572_500_000, 3_700_000),
        ("0.0425", "3", 1_572_500_000, 3_700_000),
        (" 42500", "1", 1_572_500_000, 37_000),
        (".00001", "1", 0, 1),
        (".00002", "1", 1, 1),
        ("  12. ", "4", 12_000, 1_000),
        ("     0", "5", 0, 1_000_000),
    ],
)
def test_activity_of_a_field(field, digit, activity_bq, resolution_bq):
    assert parse_activity(field, digit) == (activity_bq, resolution_bq, Unit(int(digit)))


@pytest.mark.parametrize("digit", ["0", "7", "8"])
def test_over_range_and_voltages_have_no_activity(digit):
    assert parse_activity("******", digit) == (None, 0, Unit(int(digit)))


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("digit", ["9", "", "55", "M", " ", "-1", "\u0665"])
def test_unknown_unit_codes_are_refused(digit):
    with pytest.raises(ValueError, match="is unknown: refused"):
        parse_unit(digit)


@pytest.mark.parametrize(
    "field",
    ["      ", "  -1.0", "1.5E+3", "1 572 ", "1,572 ", "1.5.7 ", "1572", "   1572", "     ."],
)
def test_activity_refuses_anything_but_a_plain_number(field):
    with pytest.raises(ValueError, match="is not a plain number in 6 characters"):
        parse_activity(field, "5")


@given(st.integers(0, 99_999_000_000), st.sampled_from([Unit.MEGABECQUEREL, Unit.GIGABECQUEREL]))
def test_printed_activity_reads_back_within_half_its_last_digit(activity_bq, unit):
    value, resolution_bq, _ = parse_activity(activity_field(activity_bq, unit), str(unit.value))
    assert abs(value - activity_bq) * 2 <= resolution_bq


@pytest.mark.parametrize(
    ("activity_bq", "unit", "field"),
    [
        (1_572_500_000, Unit.MEGABECQUEREL, "1572.5"),
        (1_572_500_000, Unit.GIGABECQUEREL, " 1.572"),
        (1_572_500_000, Unit.MILLICURIE, "42.500"),
        (0, Unit.MEGABECQUEREL, " 0.000"),
        (999_999_400_000, Unit.MEGABECQUEREL, "999999"),
    ],
)
def test_activity_field(activity_bq, unit, field):
    assert activity_field(activity_bq, unit) == field


@pytest.mark.parametrize(
    ("activity_bq", "unit", "rule"),
    [
        (1, Unit.VOLT, "cannot be printed in VOLT"),
        (-1, Unit.MEGABECQUEREL, "cannot be printed in MEGABECQUEREL"),
        (1_000_000_000_000, Unit.MEGABECQUEREL, "does not fit 6 characters"),
    ],
)
def test_activity_field_refuses(activity_bq, unit, rule):
    with pytest.raises(ValueError, match=rule):
        activity_field(activity_bq, unit)


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("I131    ", "I-131"),
        ("I 131   ", "I-131"),
        ("i-131", "I-131"),
        ("F 18  ", "F-18"),
        ("TC99M   ", "Tc-99m"),
        ("151     ", "151"),
        ("CAL 151 ", "CAL 151"),
        ("        ", ""),
    ],
)
def test_canonical_nuclide(text, nuclide):
    assert canonical_nuclide(text) == nuclide


def test_request_payloads():
    assert read_payload() == "R1"
    assert read_payload(8) == "R8"
    assert select_payload(3) == "I13"


def test_request_payloads_refuse():
    for chamber in (0, 9):
        with pytest.raises(ValueError, match=r"chamber . is not in 1\.\.8"):
            read_payload(chamber)
    for key in (-1, 10):
        with pytest.raises(ValueError, match=r"isotope key .* is not in 0\.\.9"):
            select_payload(key)


def test_tables_hold_the_source():
    assert [unit.name for unit in Unit if unit not in BQ_PER_UNIT] == [
        "OVER_RANGE",
        "MILLIVOLT",
        "VOLT",
    ]
    assert BQ_PER_UNIT[Unit.GIGABECQUEREL] == 1000 * BQ_PER_UNIT[Unit.MEGABECQUEREL]
    assert [code.name for code in ErrorCode] == [
        "RECEIVE_ERROR",
        "CHECKSUM_INCORRECT",
        "NO_SUCH_COMMAND",
        "LENGTH_DISAGREES",
        "NO_SUCH_CHAMBER",
    ]
    ends = [field.start + field.width for field in REPLY_FIELDS]
    assert [field.start for field in REPLY_FIELDS] == [0, *ends[:-1]]
    assert ends[-1] == 18
