"""Fuzz targets of Modbus: frames of either side, a meter's registers, and a meter that hears."""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from math import isfinite
from typing import Final

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Register, Type, WordOrder, decode, encode
from protocols.modbus import Deframer, Frame, encode_rtu, encode_tcp
from protocols.modbus_messages import Side, Unsupported
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.modbus_unit import Declined
from simulators.devices.simulate import source_room
from tests.fuzz.given import Choices
from tests.fuzz.wires import fed

FRAME_MAX: Final = 260
"""Longest frame, bytes: the header of TCP and the longest PDU."""
STARTS: Final = (b"", b"\x01\x04", b"\x01\x03", b"\x01\x06", b"\x01\x10", b"\x01\x17", b"\x01\x84")


def modbus_frames(data: bytes) -> None:
    """What either side hears on either line: each frame is spelt in exactly one way."""
    choices = Choices(data)
    side, tcp = choices.one_of(tuple(Side)), choices.number() % 2 == 1
    cuts, line = Choices(choices.word()), b""
    while choices.left:
        line += framed(choices.one_of(STARTS) + choices.word(24), tcp=tcp, how=choices.number())
    make = partial(Deframer, side, tcp=tcp)
    for one in fed(make, line, cuts, FRAME_MAX - 1):
        if not isinstance(one, Frame):
            assert one.reason
        elif not isinstance(one.message, Unsupported):
            number = one.transaction
            again = (
                encode_tcp(one.unit, number, one.message)
                if tcp
                else encode_rtu(one.unit, one.message)
            )
            assert again == one.raw


def framed(body: bytes, *, tcp: bool, how: int) -> bytes:
    """The bytes with what proves them, mostly."""
    if how % 5 == 0:
        return body
    if tcp:
        return bytes((0, how, 0, 0, 0, len(body) % 256)) + body
    padded = body + b"\0" * (len(body) % 2)
    words = [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]
    return padded + nam.checksum(words).to_bytes(2, "little")


def meter_registers(data: bytes) -> None:
    """A block is believed only if all of it holds; then it says what its registers say."""
    choices = Choices(data)
    words = list(ActivityMeterFirmware(source_room(1)).reading())
    for _ in range(choices.number() % 4):
        words[choices.number() % nam.WORDS] = choices.number() << 8 | choices.number()
    if choices.number() % 4:
        words[nam.CHECK.address] = nam.checksum(words[: nam.CHECK.address])
    try:
        found = nam.consistent(words[: choices.number() or nam.WORDS])
    except nam.Inconsistent as refused:
        assert refused.seen
        assert refused.expected
    else:
        _held(found, words)
    _values(choices)


def _held(found: nam.MeterReading, words: Sequence[int]) -> None:
    assert words[nam.CHECK.address] == nam.checksum(words[: nam.CHECK.address])
    assert words[:2] == [nam.MAGIC, nam.VERSION]
    assert (found.activity_bq is None) == (ReadingStatus.OVER_RANGE in found.status)
    if found.activity_bq is not None:
        whole_kbq = (words[12] << 16) + words[13]
        allowed = 500 + Fraction(found.activity_bq, 1_000_000) + 1
        assert abs(found.activity_bq - 1000 * whole_kbq) <= allowed


def _values(choices: Choices) -> None:
    """Any words of any type, in either order: a value that is laid the same way, or a refusal."""
    type_ = choices.one_of(tuple(Type))
    order = choices.one_of(tuple(WordOrder))
    register = Register("any", 0, type_, "fuzz", "any", length=3)
    words = tuple(choices.number() << 8 | choices.number() for _ in range(register.words))
    try:
        value = decode(register, words, order)
    except ValueError as refused:
        assert str(refused).startswith("any: ")
        return
    assert not isinstance(value, float) or isfinite(value)
    assert decode(register, encode(register, value, order), order) == value


def meter_firmware(data: bytes) -> None:
    """The simulated meter hears anything at any time; what it says, a host can read."""
    choices, now_ns = Choices(data), 0
    tcp = choices.number() % 2 == 1
    meter = ActivityMeterFirmware(source_room(1), tcp=tcp)
    host = Deframer(Side.HOST, tcp=tcp, units=[nam.UNIT])
    while choices.left:
        now_ns += choices.number() * 20_000_000
        body = choices.one_of(STARTS) + choices.word(24)
        said = host.feed(meter.feed(framed(body, tcp=tcp, how=choices.number()), now_ns))
        assert all(isinstance(one, Frame) for one in said)
    assert host.discard_partial() == b""
    try:
        meter.write_registers(choices.number() % 8, [choices.number() for _ in range(3)])
    except Declined as declined:
        assert declined.failure.value in (2, 3)
    nam.consistent(meter.reading())
