"""The NAM-M1 block: what it says, and that nothing of it is believed unless all of it holds."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Access, Bank, Register, encode
from firmware_interfaces.register import decode as decode_register

CHECKED = range(nam.CHECK.address)


def block(check=True, order=nam.ORDER, **altered):
    """1572.5 MBq of I-131 with nothing against it, but for registers that are named otherwise."""
    values = {
        "MAGIC_WORD": 0x414D, "MAP_VERSION": 1, "ORDER_SENTINEL": 123456.0, "COUNTER_HEAD": 7,
        "STATUS": 1, "NUCLIDE_Z": 53, "NUCLIDE_A": 131, "SETTING": 151, "ACTIVITY_UNIT": 1,
        "ACTIVITY": 1.5725e9, "ACTIVITY_KBQ": 1_572_500, "AGE": 40, "SERIAL": 70_001,
        "COUNTER_TAIL": 7, **altered,
    }  # fmt: skip
    words = [0] * nam.WORDS
    for name, value in values.items():
        row: Register = getattr(nam, name)
        laid = value if isinstance(value, tuple) else encode(row, value, order)
        words[row.address : row.end] = laid
    if check:
        words[nam.CHECK.address] = nam.checksum(words[: nam.CHECK.address])
    return words


def test_a_block_that_holds_says_what_it_says():
    assert nam.consistent(block()) == nam.MeterReading(
        activity_bq=1_572_499_968,
        step_bq=128,
        nuclide="I-131",
        status=ReadingStatus.VALID,
        counter=7,
        age_ms=40,
        serial=70_001,
        last_error=0,
    )


def test_over_range_has_no_activity_whatever_stands_there():
    words = block(STATUS=4, ACTIVITY=(0x7FC0, 0), ACTIVITY_KBQ=5)
    found = nam.consistent(words)
    assert (found.activity_bq, found.step_bq) == (None, 0)
    assert found.status == ReadingStatus.OVER_RANGE


REFUSED = [
    (block(MAGIC_WORD=0x4D41), "magic: saw 0x4d41, expected 0x414d"),
    (block(MAP_VERSION=2), "map version: saw 2, expected 1"),
    (block(ORDER_SENTINEL=(0x2000, 0x47F1)), "word-order sentinel: saw 1.08658e-19, expected 1234"),
    (block(ORDER_SENTINEL=(0x7FC0, 0)), "word-order sentinel: saw .* is nan, not a finite number"),
    (block(ACTIVITY_UNIT=2), "unit: saw 2, expected 1"),
    (block(COUNTER_TAIL=8), "reading counter, tail: saw 8, expected 7"),
    (block(NUCLIDE_Z=92), "nuclide Z: saw 92, expected one of 9, 27, 39, 43, 53, 55, 56, 71"),
    (block(ACTIVITY=(0x7FC0, 0)), "net activity: saw .* is nan, not a finite number, expected a"),
    (block(ACTIVITY=(0x7F80, 0)), "net activity: saw .* is inf, not a finite number, expected a"),
    (block(ACTIVITY=(0xFF80, 0)), "net activity: saw .* is -inf, not a finite number, expected a"),
    (block(ACTIVITY=-1.0, ACTIVITY_KBQ=0), "net activity: saw -1 Bq, expected at least 0"),
    (block(ACTIVITY=1.5725e8), "saw 157250000 Bq, expected 1572500 kBq of registers 12-13, within"),
    (block(ACTIVITY_KBQ=(0xFE94, 0x0017)), "net activity: saw 1572499968 Bq, expected 427"),
    (block()[:-1], "block: saw 29 registers, expected 30"),
    ([*block(), 0], "block: saw 31 registers, expected 30"),
    (block(order=nam.WordOrder.LOW_FIRST), "word-order sentinel: saw 1.08658e-19"),
]


@pytest.mark.parametrize(("words", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_contradiction_is_refused_with_what_was_seen_and_expected(words, reason):
    with pytest.raises(nam.Inconsistent, match=reason):
        nam.consistent(words)


@given(st.sampled_from(CHECKED), st.integers(1, 0xFFFF))
def test_any_word_that_changed_on_the_way_is_refused(at, flipped):
    words = block()
    words[at] ^= flipped
    with pytest.raises(nam.Inconsistent, match="CRC-16/MODBUS"):
        nam.consistent(words)


@pytest.mark.parametrize(
    ("activity", "whole_kbq", "holds"),
    [
        (0.0, 0, True),
        (500.0, 0, True),
        (502.0, 0, False),
        (1499.0, 1, True),
        (1.0e9, 1_000_001, True),
        (1.0e9, 1_000_002, False),
        (1.0e9, 999_999, True),
        (1.0e9, 999_998, False),
    ],
)
def test_both_activities_agree_to_half_a_kilobecquerel_and_a_millionth(activity, whole_kbq, holds):
    words = block(ACTIVITY=activity, ACTIVITY_KBQ=whole_kbq)
    if holds:
        assert nam.consistent(words).activity_bq == activity
    else:
        with pytest.raises(nam.Inconsistent, match="net activity"):
            nam.consistent(words)


@given(st.floats(0.0, 2.0**40, width=32))
def test_a_step_is_the_distance_to_the_next_float_and_at_least_one(activity):
    found = nam.consistent(block(ACTIVITY=activity, ACTIVITY_KBQ=round(activity / 1000)))
    bits = struct.unpack(">I", struct.pack(">f", activity))[0]
    above = struct.unpack(">f", struct.pack(">I", bits + 1))[0]
    assert found.activity_bq == round(activity)
    assert found.step_bq == max(1, math.ceil(above - activity))


@pytest.mark.parametrize(
    ("z", "a", "name"),
    [(53, 131, "I-131"), (43, 0x8063, "Tc-99m"), (43, 99, "Tc-99"), (71, 177, "Lu-177")],
)
def test_a_nuclide_has_its_name(z, a, name):
    assert nam.nuclide_name(z, a) == name


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40))
def test_the_checksum_is_that_of_modbus(words):
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    # pymodbus gives it in the order of the wire, low byte first.
    wire = FramerRTU.compute_CRC(raw).to_bytes(2, "big")
    assert nam.checksum(words) == int.from_bytes(wire, "little")


def test_the_table_has_every_word_once_and_writes_only_to_holding_registers():
    taken = [at for row in nam.READING for at in range(row.address, row.end)]
    assert taken == list(range(nam.WORDS))
    assert {row.bank for row in nam.READING} == {Bank.INPUT}
    assert {row.access for row in nam.READING} == {Access.READ}
    assert [row.address for row in nam.SETTINGS] == [0, 1, 2, 3, 4]
    assert {(row.bank, row.access) for row in nam.SETTINGS} == {(Bank.HOLDING, Access.READ_WRITE)}
    assert [bit.name for bit in nam.STATUS.bits][:3] == ["VALID", "SETTLING", "OVER_RANGE"]
    assert len(nam.STATUS.bits) == 16


def test_the_sentinel_is_the_one_of_the_facts():
    assert decode_register(nam.ORDER_SENTINEL, (0x47F1, 0x2000), nam.ORDER) == nam.SENTINEL
