"""Fuzz targets of a CRC-15R's wire: replies and tickets, the worth of four bytes, its firmware."""

import struct
from contextlib import suppress
from fractions import Fraction

from firmware_interfaces import crc15 as vocabulary
from protocols import crc15
from simulators.devices.crc15 import Crc15Firmware
from simulators.devices.simulate import lone_calibrator
from tests.fuzz.given import Choices
from tests.fuzz.wires import fed


def _line(choices: Choices) -> bytes:
    """Raw bytes, good replies and printed lines in any order."""
    line = b""
    while choices.left:
        how, word = choices.number() % 4, choices.word(31)
        name = bytes(0x20 + byte % 0x5F for byte in word[:6].ljust(6, b"\x00"))
        code = bytes((choices.number() % (crc15.CODE_MAX + 1),))
        reply = name + code + word[6:10].ljust(4, b"\x00")
        line += (word, reply, name + word[10:] + b"\r\n", reply[: choices.number() % 12])[how]
    return line


def crc15_replies(data: bytes) -> None:
    """What a host hears: each reply is spelt in one way, and no byte is lost or made up."""
    choices = Choices(data)
    cuts = Choices(choices.word())
    line = _line(choices)
    found = fed(crc15.Deframer, line, cuts, crc15.LINE_MAX)
    assert line.startswith(b"".join(one.raw for one in found))
    for one in found:
        if isinstance(one, crc15.Reply):
            assert crc15.encode_reply(one) == one.raw
        elif isinstance(one, crc15.Noise):
            assert one.reason
        else:
            assert one.raw.endswith(b"\n")
    assert all(poll.letter in "@ABCDEFGHIJK" for poll in crc15.decode_polls(data))


def crc15_values(data: bytes) -> None:
    """What a reply is worth: the float that stands there in a unit that stands, or a refusal."""
    choices = Choices(data)
    code, field = choices.number(), choices.rest()[:4].ljust(4, b"\x00")
    named = vocabulary.units_named(code)
    with suppress(ValueError):
        assert named == (vocabulary.agreed_unit(code),)
    (number,) = struct.unpack("<f", field)
    for unit in vocabulary.Unit:
        try:
            activity_bq, step_bq = vocabulary.parse_activity(field, unit)
        except ValueError:
            assert not 0 <= number * unit.value <= vocabulary.ACTIVITY_BQ_MAX
            continue
        exact = vocabulary.parse_number(field) * unit.value
        assert exact == Fraction(number) * unit.value
        assert abs(activity_bq - exact) * 2 <= 1 <= step_bq


def crc15_firmware(data: bytes) -> None:
    """The simulated instrument hears anything at any time; what it says, a host can read."""
    choices, now_ns = Choices(data), 0
    firmware = Crc15Firmware(lone_calibrator(1).room)
    host = crc15.Deframer()
    while choices.left:
        now_ns += choices.number() * 20_000_000
        if choices.number() % 7 == 0:
            firmware.print_ticket()
        word = choices.word(15)
        asked = crc15.REQUEST if choices.number() % 2 else word
        # A new question finds an empty deframer, as every question of an exchange does.
        host.discard_partial()
        heard = host.feed(firmware.feed(asked, now_ns))
        if asked == crc15.REQUEST:
            assert isinstance(heard.pop(), crc15.Reply)
            assert all(isinstance(one, crc15.PrintedLine) for one in heard)
