"""DULCO flex registers: the table's own order, what a block of words is worth, and rounding."""

import struct
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Mode, Model, Setup
from firmware_interfaces.dulco_flex_rules import (
    Inconsistent,
    Layout,
    batch_rate_ul_h,
    batch_seconds,
    bus_timeout_ms,
    float_step_nl,
    identify,
    litres_down,
    litres_up_nl,
    motion_of,
    read_block,
    settle,
    whole_increments,
)
from firmware_interfaces.readings import Motion, PumpAlarm
from firmware_interfaces.register import WordOrder, encode
from firmware_interfaces.units import seconds

HIGH = Layout(0, WordOrder.HIGH_FIRST)
LOW = Layout(-1, WordOrder.LOW_FIRST)
SETUP = Setup()
GOOD = {
    df.STATUS: 1 << df.RUNNING,
    df.RATE_MAX: 1.5,
    df.MODE: Mode.BATCH.value,
    df.POWER_UPS: 7,
    df.QUANTITY: 0.0125,
    df.REMAINING: 0.0075,
    df.REVOLUTION: 0.00002,
}
WHO = {
    df.IDENTITY: "DFXA-bench",
    df.SERIAL: "2026000001",
    df.REGISTER_SET: 1,
    df.SOFTWARE: 0x01000000,
}


def block(values, layout=HIGH):
    words = [0] * df.READING_WORDS
    for register, value in values.items():
        at = register.address - df.STATUS.address
        words[at : at + register.words] = encode(register, value, layout.order)
    return words


def badge(**changes):
    words = [0] * (df.SOFTWARE.end - df.PRODUCT.address)
    values = WHO | {getattr(df, name): value for name, value in changes.items()}
    for register, value in values.items():
        at = register.address - df.PRODUCT.address
        words[at : at + register.words] = encode(register, value, HIGH.order)
    return words


def read(changes, setup=SETUP, layout=HIGH):
    return read_block(block(GOOD | changes, layout), layout, setup)


def test_registers_of_the_table_have_names_and_places_of_their_own():
    in_order = sorted(df.TABLE, key=lambda register: register.address)
    assert all(before.end <= after.address for before, after in pairwise(in_order))
    assert len({register.name for register in df.TABLE}) == len(df.TABLE)
    assert df.READING_WORDS == 44


@pytest.mark.parametrize(
    ("found", "layout"),
    [
        ({0: (0xAABB, 0xCCDD), -1: (0, 0xAABB)}, HIGH),
        ({0: (0xCCDD, 0xAABB), -1: None}, Layout(0, WordOrder.LOW_FIRST)),
        ({0: (0xCCDD, 0), -1: (0xAABB, 0xCCDD)}, Layout(-1, WordOrder.HIGH_FIRST)),
        ({0: None, -1: (0xCCDD, 0xAABB)}, LOW),
    ],
)
def test_register_63_settles_address_and_word_order(found, layout):
    assert settle(found) == layout


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        ({0: (0xBBAA, 0xDDCC), -1: None}, "63: BBAA DDCC, 62: refused"),
        ({0: (0xAABB, 0xCCDD), -1: (0xCCDD, 0xAABB)}, "63: AABB CCDD, 62: CCDD AABB"),
    ],
)
def test_a_pattern_nowhere_or_twice_settles_nothing(found, seen):
    with pytest.raises(Inconsistent) as refused:
        settle(found)
    assert refused.value.seen == seen


def test_a_layout_moves_every_address():
    assert (HIGH.address(df.STATUS), LOW.address(df.STATUS)) == (1000, 999)


def test_identification():
    who = identify(badge(), HIGH, SETUP)
    assert (who.identity_code, who.serial, who.software) == (
        "DFXA-bench", "2026000001", "01.00.00.00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"IDENTITY": "GMXa"}, "identity code: saw 'GMXa', expected one that begins with DFX"),
        ({"REGISTER_SET": 2}, "register-set version: saw 2, expected 1"),
        ({"SOFTWARE": 0x01020304}, "software version: saw 01.02.03.04, expected one of 01.00.00.0"),
    ],
)
def test_another_pump_than_the_site_names_is_refused(changes, said):
    with pytest.raises(Inconsistent) as refused:
        identify(badge(**changes), HIGH, SETUP)
    assert str(refused.value).startswith(said)


def test_an_identity_code_that_is_no_text_is_refused():
    words = badge()
    words[df.IDENTITY.address - df.PRODUCT.address] = 0x0001
    with pytest.raises(Inconsistent, match=r"identity code: saw .* not printable ASCII"):
        identify(words, HIGH, SETUP)


@pytest.mark.parametrize("layout", [HIGH, LOW])
def test_a_block_in_base_units(layout):
    reading = read({}, layout=layout)
    assert reading.motion is Motion.INFUSING
    assert reading.faults == ()
    # 12.5 mL and 7.5 mL as float32: what was counted rounds down, what may yet come up.
    assert (reading.infused_nl, reading.remaining_nl) == (12_500_000, 7_500_000)
    assert (reading.step_nl, reading.revolution_nl) == (10_000, 20_000)
    assert (reading.rate_max_ul_h, reading.power_ups) == (1_500_000, 7)


def test_swapped_words_do_not_look_like_a_reading():
    with pytest.raises(Inconsistent):
        read_block(block(GOOD, LOW), HIGH, SETUP)


@pytest.mark.parametrize(
    ("register", "bits", "said"),
    [
        (df.QUANTITY, 0x7FC00000, "deletable quantity: saw .* is nan, not a finite number"),
        (df.REMAINING, 0x7F800000, "remaining quantity: saw .* is inf, not a finite number"),
        (df.RATE_MAX, 0xBF800000, "maximum dosing rate: saw -1 l/h, expected at least 0"),
    ],
)
def test_a_number_that_cannot_be_is_refused(register, bits, said):
    words = block(GOOD)
    at = register.address - df.STATUS.address
    words[at : at + 2] = bits >> 16, bits & 0xFFFF
    with pytest.raises(Inconsistent, match=said):
        read_block(words, HIGH, SETUP)


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(Inconsistent, match=r"mode: saw 5, expected 0\.\.4"):
        read({df.MODE: 5})


def test_a_hose_of_another_content_is_refused_and_one_that_never_turned_is_not():
    assert read({df.REVOLUTION: 0.0}).step_nl == 10_000
    assert read({df.REVOLUTION: 0.00002099}).step_nl == 10_495
    for litres in (0.00002101, 0.00001899, 0.0002):
        with pytest.raises(Inconsistent, match="expected 20000 nL within 5 %"):
            read({df.REVOLUTION: litres})


@pytest.mark.parametrize(
    ("bits", "mode", "left", "motion"),
    [
        ((df.RUNNING,), Mode.BATCH, 0.01, Motion.INFUSING),
        ((df.RUNNING,), Mode.MANUAL, 0.0, Motion.PURGING),
        ((df.RUNNING, df.COUNTER_CLOCKWISE), Mode.BATCH, 0.01, Motion.WITHDRAWING),
        ((df.RUNNING, df.PRIMING), Mode.BATCH, 0.01, Motion.PURGING),
        ((df.AUXILIARY,), Mode.BATCH, 0.0, Motion.PURGING),
        ((df.CALIBRATING, df.STOPPED), Mode.BATCH, 0.0, Motion.PURGING),
        ((df.HOSE_CHANGE, df.STOPPED), Mode.BATCH, 0.0, Motion.WAITING),
        ((df.STOPPED,), Mode.BATCH, 0.01, Motion.STOPPED),
        ((df.MANUAL_STOP,), Mode.ANALOGUE, 0.0, Motion.STOPPED),
        ((df.STOPPED, df.RUNNING), Mode.BATCH, 0.01, Motion.INFUSING),
        ((df.PAUSE,), Mode.BATCH, 0.01, Motion.PAUSED),
        ((df.READY,), Mode.BATCH, 0.01, Motion.INFUSING),
        ((df.READY,), Mode.BATCH, 0.0, Motion.STOPPED),
        ((df.READY,), Mode.HALT, 0.0, Motion.STOPPED),
        ((df.READY,), Mode.CONTACT, 0.0, Motion.WAITING),
    ],
)
def test_rest_is_proven_and_anything_else_moves(bits, mode, left, motion):
    status = sum(1 << bit for bit in bits)
    assert motion_of(status, mode, left, SETUP) is motion


def test_the_site_says_which_way_is_forward():
    turned = Setup(counter_clockwise=True)
    status = 1 << df.RUNNING | 1 << df.COUNTER_CLOCKWISE
    assert motion_of(status, Mode.BATCH, 0.01, turned) is Motion.INFUSING
    assert motion_of(1 << df.RUNNING, Mode.BATCH, 0.01, turned) is Motion.WITHDRAWING


def test_errors_and_warnings_are_alarms_worst_first():
    errors = 1 << 30 | 1 << df.LEVEL | 1 << df.RUPTURE | 1 << 12 | 1 << 0
    reading = read({df.ERRORS: errors, df.MORE_ERRORS: 1 << 5, df.WARNINGS: 1 << 0 | 1 << 13})
    assert reading.faults == (
        ("error hose rupture", PumpAlarm.HOSE_RUPTURE),
        ("error motor blockage", PumpAlarm.STALL),
        ("error level", PumpAlarm.EMPTY),
        ("error bit 12", PumpAlarm.FAULT),
        ("error bit 5", PumpAlarm.FAULT),
        ("error configuration data", PumpAlarm.PROGRAM_ERROR),
        ("warning level", PumpAlarm.NEAR_EMPTY),
    )


def test_a_warning_without_a_name_is_a_fault_and_one_of_the_display_is_not():
    assert read({df.WARNINGS: 1 << 18}).faults == (("warning bit 18", PumpAlarm.FAULT),)
    assert read({df.WARNINGS: 1 << 13}).faults == ()


def test_batch_memory_is_a_bit_of_the_status():
    assert read({df.STATUS: 1 << df.BATCH_MEMORY}).batch_memory
    assert not read({df.STATUS: 1 << df.STOPPED}).batch_memory


def test_a_bit_has_the_meaning_of_its_model():
    air = {df.ERRORS: 1 << 14}
    assert read(air).faults == (("error bit 14", PumpAlarm.FAULT),)
    gamma = Setup(model=Model.GAMMA_X)
    assert read(air, gamma).faults == (("error air in head", PumpAlarm.AIR),)


@given(st.integers(0, 100_000_000))
def test_a_volume_never_rounds_up_on_its_way_into_a_float(volume_nl):
    held = litres_down(volume_nl)
    assert struct.unpack(">f", struct.pack(">f", held)) == (held,)
    assert Decimal(held) * 10**9 <= volume_nl
    assert volume_nl - Decimal(held) * 10**9 < float_step_nl(held) or volume_nl == 0
    assert litres_up_nl(held) <= volume_nl


def test_the_step_of_a_float_at_20_ml():
    assert [float_step_nl(litres) for litres in (0.02, 1.0, 0.0)] == [2, 120, 60]


@given(st.integers(50, 10_000), st.integers(0, 9_999))
def test_a_volume_is_rounded_down_to_whole_increments(count, more):
    assert whole_increments(count * 10_000 + more, 10_000) == count * 10_000


def test_a_dose_under_50_increments_is_refused():
    with pytest.raises(ValueError, match="49 increments of 10000 nL"):
        whole_increments(499_999, 10_000)


@given(st.integers(500_000, 60_000_000), st.integers(22_000, 1_200_000))
def test_a_rate_never_rounds_up_on_its_way_into_whole_seconds(volume_nl, rate_ul_h):
    time_s = batch_seconds(volume_nl, rate_ul_h)
    assert batch_rate_ul_h(volume_nl, time_s) <= rate_ul_h
    assert time_s == 1 or batch_rate_ul_h(volume_nl, time_s - 1) >= rate_ul_h


@pytest.mark.parametrize("rate_ul_h", [0, 7_199])
def test_a_batch_of_more_than_10000_s_is_refused(rate_ul_h):
    assert batch_seconds(20_000_000, 7_200) == 10_000
    with pytest.raises(ValueError, match=r"the pump spreads one over 1\.\.10000 s"):
        batch_seconds(20_000_000, rate_ul_h)


def test_the_watchdog_is_a_bus_time_out_in_whole_milliseconds():
    assert bus_timeout_ms(seconds(5)) == 5000
    for watchdog_ns in (seconds(10) + 1_000_000, 5_000_000_001, 0):
        with pytest.raises(ValueError, match="is not a bus time-out"):
            bus_timeout_ms(watchdog_ns)
