"""Modbus framing on both kinds of line: golden bytes, splits, noise, lengths, another codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU

from protocols.modbus import Deframer, Frame, Noise, encode_rtu, encode_tcp
from protocols.modbus_messages import (
    ReadRegisters,
    ReadWriteRegisters,
    Refusal,
    Registers,
    RegistersWritten,
    RegisterWritten,
    Side,
    Unsupported,
    WriteRegister,
    WriteRegisters,
    decode,
    encode,
    size,
)
from tests.protocols.golden import frames, label

DISAGREE = "count 2 and 1 registers of bytes disagree"
units = st.integers(1, 247)
words = st.integers(0, 0xFFFF)


def some(most):
    return st.lists(words, min_size=1, max_size=most).map(tuple)


questions = st.one_of(
    st.builds(ReadRegisters, st.sampled_from((3, 4)), words, st.integers(1, 125)),
    st.builds(WriteRegister, words, words),
    st.builds(WriteRegisters, words, some(123)),
    st.builds(ReadWriteRegisters, words, st.integers(1, 125), words, some(121)),
)
answers = st.one_of(
    st.builds(Registers, st.sampled_from((3, 4, 23)), some(125)),
    st.builds(RegisterWritten, words, words),
    st.builds(RegistersWritten, words, st.integers(1, 123)),
    st.builds(Refusal, st.sampled_from((3, 4, 6, 16, 23)), st.integers(0, 255)),
)
told = st.one_of(st.tuples(st.just(Side.DEVICE), questions), st.tuples(st.just(Side.HOST), answers))


def read(frame):
    """The message that a golden frame says it holds."""
    kinds = {
        "read": ReadRegisters,
        "write one": WriteRegister,
        "write many": WriteRegisters,
        "registers": Registers,
        "one written": RegisterWritten,
        "many written": RegistersWritten,
        "refusal": Refusal,
    }
    fields = (tuple(f) if isinstance(f, list) else f for f in frame["fields"])
    return kinds[frame["message"]](*fields)


@pytest.mark.parametrize("frame", frames("modbus"), ids=label)
def test_golden_frame_both_ways(frame):
    raw, message, unit = bytes.fromhex(frame["hex"]), read(frame), frame["unit"]
    side = Side.DEVICE if frame["role"] == "host" else Side.HOST
    tcp = frame["mode"] == "tcp"
    number = frame["transaction"]
    built = encode_tcp(unit, number, message) if tcp else encode_rtu(unit, message)
    assert built == raw
    assert Deframer(side, tcp=tcp).feed(raw) == [Frame(unit, number, message, raw)]


@given(told, units, words, st.booleans())
def test_round_trip_at_every_split(told, unit, number, tcp):
    side, message = told
    raw = encode_tcp(unit, number, message) if tcp else encode_rtu(unit, message)
    whole = [Frame(unit, number if tcp else 0, message, raw)]
    for cut in range(len(raw) + 1):
        deframer = Deframer(side, tcp=tcp)
        assert deframer.feed(raw[:cut]) + deframer.feed(raw[cut:]) == whole
        assert deframer.discard_partial() == b""


@given(told, units, words)
def test_pymodbus_reads_the_same(told, unit, number):
    side, message = told
    decoder = DecodePDU(is_server=side is Side.DEVICE)
    for framer, raw in (
        (FramerRTU(decoder), encode_rtu(unit, message)),
        (FramerSocket(decoder), encode_tcp(unit, number, message)),
    ):
        used, pdu = framer.handleFrame(raw, 0, 0)
        assert used == len(raw)
        assert pdu is not None
        assert pdu.dev_id == unit
        assert pdu.function_code == encode(message).function_code
        assert pdu.encode() == encode(message).encode()


@given(st.lists(st.tuples(units, questions), max_size=4), st.binary(max_size=8))
def test_merged_frames_and_noise_that_no_frame_begins_with(asked, junk):
    noise = bytes(byte | 0xF8 for byte in junk)
    raw = b"".join(noise + encode_rtu(unit, message) for unit, message in asked)
    found = [f for f in Deframer(Side.DEVICE).feed(raw) if isinstance(f, Frame)]
    assert [(f.unit, f.message) for f in found] == asked


@given(st.binary(max_size=600), st.booleans(), st.sampled_from(Side))
def test_noise_is_bounded_and_nothing_is_lost(data, tcp, side):
    deframer = Deframer(side, tcp=tcp)
    found = deframer.feed(data)
    rest = deframer.discard_partial()
    assert b"".join(f.raw for f in found) + rest == data
    assert len(rest) <= 260
    assert deframer.discard_partial() == b""


@given(st.binary(max_size=80), st.booleans(), st.sampled_from(Side))
def test_byte_by_byte_finds_the_same(data, tcp, side):
    whole, single = Deframer(side, tcp=tcp), Deframer(side, tcp=tcp)
    assert [f for byte in data for f in single.feed(bytes((byte,)))] == whole.feed(data)


@given(units, questions, st.data())
def test_a_corrupted_serial_frame_is_never_believed(unit, message, data):
    raw = bytearray(encode_rtu(unit, message))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    found = Deframer(Side.DEVICE).feed(bytes(raw))
    assert all(isinstance(f, Noise) or f.raw != bytes(raw) for f in found)


def test_a_unit_that_is_not_expected_is_noise():
    raw = encode_rtu(2, ReadRegisters(3, 0, 1))
    assert not any(isinstance(f, Frame) for f in Deframer(Side.DEVICE, units=[1]).feed(raw))
    raw = encode_tcp(2, 1, ReadRegisters(3, 0, 1))
    first = Deframer(Side.DEVICE, tcp=True, units=[1]).feed(raw)[0]
    assert first == Noise(b"\x00", "no unit 2 is expected here")


def test_after_noise_the_next_answer_is_heard_whole():
    raw = encode_rtu(1, Registers(4, (1, 2)))
    assert Deframer(Side.HOST, units=[1]).feed(b"\x00\xff" + raw) == [
        Noise(b"\x00", "no unit 0 is expected here"),
        Noise(b"\xff", "no unit 255 is expected here"),
        Frame(1, 0, Registers(4, (1, 2)), raw),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("0001 0001 0003 01 83 02", "the protocol is not 0"),
        ("0001 0000 0002 01 83 02", "length 2 is not in 3..254"),
        ("0001 0000 00FF 01 83 02", "length 255 is not in 3..254"),
    ],
)
def test_a_header_that_cannot_be_is_noise(raw, reason):
    found = Deframer(Side.HOST, tcp=True).feed(bytes.fromhex(raw))
    assert found[0] == Noise(bytes.fromhex(raw)[:1], reason)


@pytest.mark.parametrize(
    ("side", "pdu", "reason"),
    [
        (Side.DEVICE, "2B 0E 01 00", "no question has function 43"),
        (Side.HOST, "01 01 00", "no answer has function 1"),
        (Side.HOST, "AB 01", "no answer has function 171"),
        (Side.HOST, "03 03 00 00 00", "byte count 3 is not 1..125 registers"),
        (Side.HOST, "03 00", "byte count 0 is not 1..125 registers"),
        (Side.HOST, "03 FC", "byte count 252 is not 1..125 registers"),
        (Side.DEVICE, "10 0000 0001 F8", "byte count 248 is not 1..123 registers"),
        (Side.DEVICE, "03 0000", "3 bytes are not the length of function 03"),
        (Side.DEVICE, "", "0 bytes are not the length of function "),
        (Side.DEVICE, "03 0000 007E", "function 3: counts or values out of range"),
        (Side.DEVICE, "10 0000 0002 02 0001", DISAGREE),
        (
            Side.DEVICE,
            "17 0000 0001 0000 0002 02 0001",
            DISAGREE,
        ),
        (Side.HOST, "10 0000 0000", "count 0 is not in 1..123"),
    ],
)
def test_a_pdu_that_says_nothing_sensible_is_refused(side, pdu, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        decode(side, bytes.fromhex(pdu))


def test_a_proven_frame_without_sense_is_noise_whole():
    raw = bytes.fromhex("0001 0000 0004 01 03 00 00")
    assert Deframer(Side.DEVICE, tcp=True).feed(raw) == [
        Noise(raw, "3 bytes are not the length of function 03")
    ]


def test_a_question_about_bits_has_a_length_and_no_more():
    raw = bytes.fromhex("01 01 0000 0001 FDCA")
    assert Deframer(Side.DEVICE).feed(raw) == [Frame(1, 0, Unsupported(1), raw)]
    with pytest.raises(ValueError, match="is heard, never sent"):
        encode(Unsupported(1))


def test_length_needs_the_first_bytes():
    assert size(Side.HOST, b"") is None
    assert size(Side.HOST, b"\x03") is None
    assert size(Side.DEVICE, bytes.fromhex("17 0000 0001 0000 0001")) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (ReadRegisters(3, -1, 1), "address -1 is not in 0..65535"),
        (ReadRegisters(3, 0, 0), "count 0 is not in 1..125"),
        (ReadRegisters(4, 0, 126), "count 126 is not in 1..125"),
        (WriteRegister(0, 65536), "value 65536 is not in 0..65535"),
        (WriteRegisters(0, ()), "0 values are not 1..123"),
        (WriteRegisters(0, (0,) * 124), "124 values are not 1..123"),
        (WriteRegisters(0, (0, -1)), "value -1 is not in 0..65535"),
        (ReadWriteRegisters(0, 1, 0, (0,) * 122), "122 values are not 1..121"),
        (Registers(3, (0,) * 126), "126 values are not 1..125"),
        (RegistersWritten(0, 124), "count 124 is not in 1..123"),
        (Refusal(3, 256), "code 256 is not in 0..255"),
    ],
)
def test_what_no_device_may_be_told_is_refused(message, reason):
    with pytest.raises(ValueError, match=f"^{reason}$"):
        encode(message)


@pytest.mark.parametrize("unit", [0, 248])
def test_a_unit_that_cannot_be_is_refused(unit):
    with pytest.raises(ValueError, match=f"^unit {unit} is not in 1..247$"):
        encode_rtu(unit, WriteRegister(0, 0))
