"""CRC-15R polling: captured bytes both ways, every split, tickets, noise and bounds."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_interfaces import crc15 as vocabulary
from protocols.crc15 import (
    CODE_MAX,
    LINE_MAX,
    REPLY_SIZE,
    REQUEST,
    Deframer,
    Noise,
    Poll,
    PrintedLine,
    Reply,
    decode_polls,
    encode_reply,
)
from tests.protocols.golden import frames, label

CAPTURED = [frame for frame in frames("crc15") if frame["role"] == "calibrator"]
(ASKED,) = [frame for frame in frames("crc15") if frame["role"] == "host"]
RAW = bytes.fromhex(CAPTURED[0]["hex"])
READING = Reply("F 18  ", 5, bytes.fromhex("cc 85 35 40"))
TICKET = b"CRC-15R\r\nNUCLIDE F 18\r\n\r\nACTIVITY 2.836 MBq\r\n\x0c\r\n"

printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
replies = st.builds(
    Reply,
    st.text(printable, min_size=6, max_size=6),
    st.integers(0, CODE_MAX),
    st.binary(min_size=4, max_size=4),
)
lines = st.text(printable, max_size=LINE_MAX - 2).map(lambda text: f"{text}\r\n".encode())
spoken = st.lists(st.one_of(replies.map(encode_reply), lines), max_size=6)


def one_by_one(deframer, data):
    return [found for byte in data for found in deframer.feed(bytes((byte,)))]


@pytest.mark.parametrize("frame", CAPTURED, ids=label)
def test_a_captured_reading_both_ways(frame):
    raw = bytes.fromhex(frame["hex"])
    reply = Reply(frame["nuclide_text"], frame["unit_code"], raw[7:])
    assert encode_reply(reply) == raw == reply.raw
    assert Deframer().feed(raw) == one_by_one(Deframer(), raw) == [reply]
    assert struct.unpack("<f", reply.activity_field) == (frame["number"],)


def test_the_whole_request_is_that_of_the_host_in_use():
    assert bytes.fromhex(ASKED["hex"]) == REQUEST
    assert "".join(poll.letter for poll in decode_polls(REQUEST)) == ASKED["letters"]


def test_letters_and_bytes_lie_where_the_vocabulary_says():
    begin, *letters = (poll.letter for poll in decode_polls(REQUEST))
    wanted = vocabulary.NUCLIDE_LETTERS, vocabulary.UNIT_LETTER, vocabulary.ACTIVITY_LETTERS
    assert (begin, "".join(letters)) == (vocabulary.BEGIN, "".join(wanted))
    sizes = [len(READING.nuclide_text), 1, len(READING.activity_field)]
    assert [len(part) for part in wanted] == sizes
    assert sum(sizes) == REPLY_SIZE


def test_a_calibrator_hears_letters_and_nothing_else():
    assert decode_polls(b"\xff@A?\r\nLK") == [Poll("@"), Poll("A"), Poll("K")]
    assert decode_polls(b"R1 47 c \x00") == []


def test_a_printed_ticket_is_told_apart_before_and_after_a_reply():
    printed = [PrintedLine(line) for line in TICKET.splitlines(keepends=True) if line != b"\x0c"]
    printed[-1] = PrintedLine(b"\x0c\r\n")
    heard = Deframer().feed(TICKET + RAW + TICKET)
    assert [one for one in heard if isinstance(one, Reply)] == [READING]
    assert b"".join(one.raw for one in heard) == TICKET + RAW + TICKET
    assert all(isinstance(one, PrintedLine) for one in heard if one != READING)


@given(spoken)
@example([TICKET, RAW, RAW, TICKET])
def test_whatever_is_said_is_heard_in_order_however_it_is_cut(said):
    wire = b"".join(said)
    whole = Deframer().feed(wire)
    assert one_by_one(Deframer(), wire) == whole
    assert b"".join(one.raw for one in whole) == wire
    assert [one.raw for one in whole if isinstance(one, Reply)] == [
        one for one in said if not one.endswith(b"\n") or _is_reply(one)
    ]


def _is_reply(raw):
    return len(raw) == REPLY_SIZE and raw[6] <= CODE_MAX


@given(st.binary(max_size=300))
@example(b"x" * (LINE_MAX + 1))
@example(b"x" * LINE_MAX + b"\n")
@example(b"x" * 300 + b"\n")
def test_no_byte_is_lost_or_made_up_however_it_is_cut(data):
    whole, single = Deframer(), Deframer()
    found = whole.feed(data)
    assert one_by_one(single, data) == found
    part = whole.discard_partial()
    assert single.discard_partial() == part
    assert b"".join(one.raw for one in found) + part == data
    assert len(part) <= LINE_MAX
    assert whole.feed(b"") == []


@pytest.mark.parametrize("at", range(7))
def test_a_reply_that_lost_a_byte_before_its_number_is_no_reply(at):
    heard = Deframer().feed(RAW[:at] + RAW[at + 1 :])
    assert heard
    assert not any(isinstance(one, Reply) for one in heard)


@pytest.mark.parametrize("at", range(7, REPLY_SIZE))
def test_a_reply_that_lost_a_byte_of_its_number_is_waited_for(at):
    deframer = Deframer()
    assert deframer.feed(RAW[:at] + RAW[at + 1 :]) == []
    assert deframer.discard_partial() == RAW[:at] + RAW[at + 1 :]
    assert deframer.feed(RAW) == [READING]


@pytest.mark.parametrize(
    ("wire", "raw", "reason"),
    [
        (b"F 18 \x05", b"F 18 \x05", "unit code not after 6 characters of a line"),
        (b" F 18  \x05", b" F 18  \x05", "unit code not after 6 characters of a line"),
        (b"F 18\r \x05", b"F 18\r \x05", "unit code not after 6 characters of a line"),
        (b"\x00\x00", b"\x00", "unit code not after 6 characters of a line"),
        (b"F 18  \x0e", b"F 18  \x0e", "character that is neither printed nor a unit code"),
        (b"\xffF 18  ", b"\xff", "character that is neither printed nor a unit code"),
        (b"\x7f", b"\x7f", "character that is neither printed nor a unit code"),
        (b"-" * 133, b"-" * LINE_MAX, "printed line without an end"),
    ],
)
def test_a_host_says_why_bytes_are_no_reply(wire, raw, reason):
    assert Deframer().feed(wire)[0] == Noise(raw, reason)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("F 18", 5, RAW[7:]),
        Reply("F 18   ", 5, RAW[7:]),
        Reply("F 18\r ", 5, RAW[7:]),
        Reply("F 18  ", CODE_MAX + 1, RAW[7:]),
        Reply("F 18  ", 5, RAW[8:]),
        Reply("F 18  ", 5, RAW[6:]),
    ],
)
def test_a_calibrator_sends_nothing_that_a_host_would_not_take(reply):
    with pytest.raises(ValueError, match="does not fit 6 characters, a code and 4 bytes"):
        encode_reply(reply)
