"""Registers as data: how a value lies in its words, and what does not fit or says nothing."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interfaces.register import (
    Access,
    Bank,
    Code,
    Register,
    Type,
    WordOrder,
    cut,
    decode,
    encode,
    names,
)

HIGH, LOW = WordOrder.HIGH_FIRST, WordOrder.LOW_FIRST


def of(type_, length=1, **more):
    return Register("one", 10, type_, "a table", "a value", length=length, **more)


def test_a_row_is_read_only_holding_and_without_limits_unless_it_says_so():
    row = of(Type.U16)
    assert (row.access, row.bank, row.unit) == (Access.READ, Bank.HOLDING, "")
    assert (row.least, row.most, row.codes, row.bits) == (None, None, (), ())


@pytest.mark.parametrize(
    ("type_", "length", "words"),
    [(Type.U16, 1, 1), (Type.U32, 1, 2), (Type.F32, 1, 2), (Type.TEXT, 5, 5)],
)
def test_a_type_has_its_words(type_, length, words):
    assert (of(type_, length).words, of(type_, length).end) == (words, 10 + words)


# 123456.0 = 47F1 2000 is read so by mbpoll -B from a pymodbus server (calibrators.md 1.7).
LAID = [
    (Type.U16, 0x414D, HIGH, (0x414D,)),
    (Type.U16, 0x414D, LOW, (0x414D,)),
    (Type.U32, 1_572_500, HIGH, (0x0017, 0xFE94)),
    (Type.U32, 1_572_500, LOW, (0xFE94, 0x0017)),
    (Type.F32, 123456.0, HIGH, (0x47F1, 0x2000)),
    (Type.F32, 123456.0, LOW, (0x2000, 0x47F1)),
    (Type.F32, 1_572_499_968.0, HIGH, (0x4EBB, 0x74E4)),
    (Type.TEXT, "NAM1", HIGH, (0x4E41, 0x4D31, 0)),
    (Type.TEXT, "NAM1", LOW, (0x4E41, 0x4D31, 0)),
]


@pytest.mark.parametrize(("type_", "value", "order", "words"), LAID)
def test_a_value_lies_in_its_words_as_its_order_says(type_, value, order, words):
    row = of(type_, 3)
    assert encode(row, value, order) == words
    assert decode(row, words, order) == value


@pytest.mark.parametrize("order", WordOrder)
@given(bits=st.integers(0, 0xFFFFFFFF), kind=st.sampled_from([Type.U32, Type.F32]))
def test_words_of_a_number_come_back(order, bits, kind):
    raw = bits.to_bytes(4, "big")
    laid = tuple(int.from_bytes(raw[at : at + 2], "big") for at in (0, 2))
    words = laid if order is HIGH else laid[::-1]
    expected = bits if kind is Type.U32 else struct.unpack(">f", raw)[0]
    if math.isfinite(expected):
        assert decode(of(kind), words, order) == expected
        assert encode(of(kind), expected, order) == words


@pytest.mark.parametrize(
    ("words", "seen"),
    [((0x7FC0, 0), "nan"), ((0x7F80, 0), "inf"), ((0xFF80, 0), "-inf"), ((0x7F80, 1), "nan")],
)
def test_what_is_no_number_is_refused_with_its_bytes(words, seen):
    with pytest.raises(ValueError, match=rf"^one: .* is {seen}, not a finite number$"):
        decode(of(Type.F32), words, HIGH)


def test_the_wrong_number_of_words_and_text_that_is_none_are_refused():
    with pytest.raises(ValueError, match=r"^one: 3 words, it has 2$"):
        decode(of(Type.F32), (1, 2, 3), HIGH)
    with pytest.raises(ValueError, match=r"^one: 41 07 is not printable ASCII$"):
        decode(of(Type.TEXT), (0x4107,), HIGH)


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        (Type.U16, 65536, "65536 is not a whole number in 0..65535"),
        (Type.U16, -1, "-1 is not a whole number in 0..65535"),
        (Type.U16, 1.0, "1.0 is not a whole number in 0..65535"),
        (Type.U32, 1 << 32, "4294967296 is not a whole number in 0..4294967295"),
        (Type.U32, "7", "'7' is no number"),
        (Type.F32, 1e39, "7f 80 00 00 is inf, not a finite number"),
        (Type.F32, float("nan"), ".* is nan, not a finite number"),
        (Type.TEXT, "abc", "'abc' is not ASCII of 2 bytes"),
        (Type.TEXT, "é", "'é' is not ASCII of 2 bytes"),
        (Type.TEXT, 7, "7 is not ASCII of 2 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_the_register_s_name(type_, value, reason):
    with pytest.raises(ValueError, match=f"^one: {reason}$"):
        encode(of(type_), value, HIGH)


def test_a_register_s_words_are_cut_out_of_a_block():
    assert cut(of(Type.F32), 8, (1, 2, 3, 4)) == (3, 4)
    for first, words in ((11, (1, 2)), (8, (1, 2, 3))):
        with pytest.raises(ValueError, match=rf"^one: not in {len(words)} words from {first}$"):
            cut(of(Type.F32), first, words)


def test_bits_have_names_and_one_that_has_none_says_which():
    row = of(Type.U16, bits=(Code(0, "VALID"), Code(15, "CLOCK_UNSET")))
    assert names(row, 0x8003) == ("VALID", "bit 1", "CLOCK_UNSET")
    assert names(row, 0) == ()
    assert names(of(Type.U32), 1 << 31) == ("bit 31",)
