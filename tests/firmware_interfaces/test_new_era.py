"""New Era vocabulary: numbers and limits against the manual's tables, and refusals by rule."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces.new_era import (
    ALARM,
    COMMANDS,
    MOTION,
    NOT_OBSERVABLE,
    OBSERVABLE,
    TRIGGER_CODE,
    TRIGGER_MODES,
    AlarmCode,
    Prompt,
    RateUnit,
    VolumeUnit,
    When,
    counter_step_nl,
    counter_text,
    default_volume_unit,
    diameter_text,
    number_down,
    parse_diameter,
    parse_dispensed,
    parse_number,
    parse_rate,
    parse_version,
    parse_volume,
    parse_whole,
    rate_limits_ul_h,
    rate_text,
    watchdog_seconds,
)
from firmware_interfaces.readings import Motion, PumpAlarm, Trigger
from firmware_interfaces.units import millimetre, seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.000"),
        ("0.0009", "0.000"),
        ("0.9749", "0.974"),
        ("1.6669", "1.666"),
        ("5", "5.000"),
        ("9.9999", "9.999"),
        ("10", "10.00"),
        ("26.59", "26.59"),
        ("99.999", "99.99"),
        ("333.3333", "333.3"),
        ("1000", "1000."),
        ("9999.9", "9999."),
    ],
)
def test_number_down(value, text):
    assert number_down(Decimal(value)) == text


@pytest.mark.parametrize("value", ["-0.001", "10000", "NaN", "Infinity"])
def test_number_down_refuses_what_has_no_text(value):
    with pytest.raises(ValueError, match=r"is not in 0\.\.9999"):
        number_down(Decimal(value))


@given(st.integers(0, 9_999_999_999))
def test_number_down_loses_less_than_its_last_digit_and_reads_back(micro):
    text = number_down(Decimal(micro) / 1_000_000)
    lost = Fraction(micro, 1_000_000) - Fraction(parse_number(text))
    assert 0 <= lost < Fraction(1, 10 ** len(text.partition(".")[2]))
    assert len(text) == 5
    assert "." in text


@pytest.mark.parametrize(
    ("text", "value"),
    [("10.00", "10"), ("1000.", "1000"), ("9999", "9999"), (".999", "0.999"), ("5", "5")],
)
def test_parse_number(text, value):
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "1 to 4 digits"),
        (".", "1 to 4 digits"),
        ("12345", "1 to 4 digits"),
        ("1.2.3", "at most one point"),
        ("1,5", "at most one point"),
        ("-1.0", "at most one point"),
        (" 1.0", "at most one point"),
        ("1e3", "at most one point"),
        ("\u0661.00", "at most one point"),
        ("0.1234", "1 to 4 digits"),
        (".1234", "at most 3 digits after the point"),
    ],
)
def test_parse_number_refuses_naming_the_rule(text, rule):
    with pytest.raises(ValueError, match=rule):
        parse_number(text)


@pytest.mark.requirement("T7.1")
@pytest.mark.parametrize(
    ("text", "rate_ul_h"),
    [
        ("20.00MH", 20_000),
        ("333.3UM", 19_998),
        ("1.667UM", 101),
        ("0.333MM", 19_980),
        ("9999.UH", 9_999),
        ("333.3UH", 334),
    ],
)
def test_parse_rate_rounds_up_what_a_pump_may_give(text, rate_ul_h):
    assert parse_rate(text) == rate_ul_h


@pytest.mark.parametrize("text", ["20.00", "20.00ML", "20.00mh", "MH", "", "C1.00MH"])
def test_parse_rate_refuses(text):
    with pytest.raises(ValueError, match=r"units|digits"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("rate_ul_h", "text"),
    [(20_000, "20.00MH"), (23, "0.023MH"), (9_999, "9.999MH"), (99_999, "99.99MH")],
)
def test_rate_text_rounds_down(rate_ul_h, text):
    assert rate_text(rate_ul_h) == text
    assert parse_rate(text) <= rate_ul_h


@pytest.mark.parametrize(
    ("text", "volume_nl"),
    [("10.00ML", 10_000_000), ("0.001UL", 1), ("1000.UL", 1_000_000), ("9999.ML", 9_999_000_000)],
)
def test_parse_volume(text, volume_nl):
    assert parse_volume(text) == volume_nl


@pytest.mark.parametrize("text", ["10.00", "10.00MH", "10.00ml", "ML"])
def test_parse_volume_refuses(text):
    with pytest.raises(ValueError, match=r"units|digits"):
        parse_volume(text)


@pytest.mark.parametrize(
    ("text", "dispensed"),
    [
        ("I1.667W0.000ML", (1_667_000, 0, 1_000)),
        ("I0.974W0.959ML", (974_000, 959_000, 1_000)),
        ("I10.00W0.000ML", (10_000_000, 0, 10_000)),
        ("I100.0W1.000UL", (100_000, 1_000, 100)),
        ("I1000.W0.000ML", (1_000_000_000, 0, 1_000_000)),
    ],
)
def test_parse_dispensed(text, dispensed):
    assert parse_dispensed(text) == dispensed


@pytest.mark.parametrize(
    "text", ["", "I1.667W0.000", "W0.000I1.667ML", "I1.667W0.000MH", "I1..7W0.000ML", "IWML"]
)
def test_parse_dispensed_refuses(text):
    with pytest.raises(ValueError, match=r"is not I<number>|point|digits"):
        parse_dispensed(text)


@pytest.mark.parametrize(
    ("volume_nl", "unit", "text"),
    [
        (1_667_999, VolumeUnit.MILLILITRE, "1.667"),
        (12_345_678, VolumeUnit.MILLILITRE, "12.34"),
        (123_456, VolumeUnit.MICROLITRE, "123.4"),
        (10_000_000, VolumeUnit.MICROLITRE, "0.000"),
        (10_001_500, VolumeUnit.MICROLITRE, "1.500"),
    ],
)
def test_counter_text_cuts_off_and_rolls_over(volume_nl, unit, text):
    assert counter_text(volume_nl, unit) == text


def test_counter_step_is_ten_microlitres_from_ten_millilitres_up():
    assert counter_step_nl("9.999", "ML") == 1_000
    assert counter_step_nl("10.00", "ML") == 10_000
    assert counter_step_nl("9999", "UL") == 1_000


@pytest.mark.requirement("GIP-1.1.2-4")
@pytest.mark.parametrize(
    ("diameter_um", "highest_ml_h", "lowest_ul_h"),
    [
        (4_699, "53.07", "0.7292"),
        (8_585, "177.1", "2.434"),
        (14_430, "500.5", "6.877"),
        (19_050, "872.3", "11.99"),
        (21_590, "1120", "15.39"),
        (26_590, "1699", "23.35"),
    ],
)
def test_rate_limits_are_those_of_the_manual(diameter_um, highest_ml_h, lowest_ul_h):
    lowest, highest = rate_limits_ul_h(diameter_um)
    last_digit = Decimal(1).scaleb(-len(highest_ml_h.partition(".")[2]))
    assert abs(Decimal(highest) / 1000 - Decimal(highest_ml_h)) <= last_digit
    assert Decimal(lowest_ul_h) <= lowest < Decimal(lowest_ul_h) + 1


@pytest.mark.parametrize("diameter_um", [99, 50_001, -1])
def test_diameter_outside_the_pump_is_refused(diameter_um):
    for refuse in (rate_limits_ul_h, diameter_text):
        with pytest.raises(ValueError, match=r"is not in 100\.\.50000 um"):
            refuse(diameter_um)


@pytest.mark.parametrize("text", ["26.59", "8.585", "0.100", "50.00"])
def test_diameter_text_and_back(text):
    assert diameter_text(parse_diameter(text)) == text
    assert parse_diameter(text) == millimetre(text)


def test_parse_diameter_refuses():
    with pytest.raises(ValueError, match=r"0\.1\.\.50 mm"):
        parse_diameter("50.01")


def test_default_unit_changes_above_14_millimetres():
    assert default_volume_unit(millimetre("14.000")) is VolumeUnit.MICROLITRE
    assert default_volume_unit(millimetre("14.001")) is VolumeUnit.MILLILITRE


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("NE1000V3.928", ("NE1000", "3.928")),
        ("NE1000X2V3.93", ("NE1000X2", "3.93")),
        ("NE1000XV3.9", ("NE1000X", "3.9")),
    ],
)
def test_parse_version(text, identity):
    assert parse_version(text) == identity


@pytest.mark.parametrize(
    "text",
    ["", "NE1000", "AL1000V3.9", "NE1000V3", "NE1000V3.928 ", "NE9000V3.928", "NE10000V3.928"],
)
def test_parse_version_refuses_another_device(text):
    with pytest.raises(ValueError, match="another device"):
        parse_version(text)


def test_parse_whole():
    assert [parse_whole("01", 41), parse_whole("255", 255), parse_whole("0", 0)] == [1, 255, 0]


@pytest.mark.parametrize("text", ["", "42", "-1", "1.", "0001", " 1"])
def test_parse_whole_refuses(text):
    with pytest.raises(ValueError, match=r"is not a whole number in 0\.\.41"):
        parse_whole(text, 41)


def test_watchdog_seconds_round_down_within_1_and_255():
    assert watchdog_seconds(seconds("5.9")) == 5
    assert watchdog_seconds(seconds(255)) == 255
    for outside in ("0.999", 256):
        with pytest.raises(ValueError, match=r"is not in 1\.\.255 s"):
            watchdog_seconds(seconds(outside))


def test_every_letter_means_something_to_the_judgement():
    assert {MOTION[prompt] for prompt in Prompt} == set(Motion)
    assert {ALARM[code] for code in AlarmCode} == {
        PumpAlarm.RESET,
        PumpAlarm.STALL,
        PumpAlarm.WATCHDOG,
        PumpAlarm.PROGRAM_ERROR,
        PumpAlarm.PHASE_RANGE,
    }
    assert MOTION["S"] is Motion.STOPPED
    assert ALARM["T"] is PumpAlarm.WATCHDOG
    assert {TRIGGER_CODE[trigger] for trigger in Trigger} <= set(TRIGGER_MODES)
    assert [RateUnit("MH"), VolumeUnit("UL")] == ["MH", "UL"]


def test_commands_say_what_is_dangerous_and_what_may_be_repeated():
    assert {row.name for row in COMMANDS.values() if row.energises} == {"RUN", "PF", "TRG"}
    assert {row.name for row in COMMANDS.values() if row.repeatable} == {"", "STP"}
    assert {row.name for row in COMMANDS.values() if row.clears_counter} == {"CLD", "DIA"}
    assert {row.name for row in COMMANDS.values() if row.when is When.STOPPED} == {"CLD", "DIA"}
    assert "PUR" not in COMMANDS
    for name, row in COMMANDS.items():
        assert row.name == name
        assert row.source
        assert row.query or not row.reply


def test_no_channel_is_both_observable_and_not():
    assert not set(OBSERVABLE) & set(NOT_OBSERVABLE)
    assert {"pressure", "air", "door"} <= set(NOT_OBSERVABLE)
