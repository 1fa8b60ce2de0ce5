"""Perturbed registers: a meter with one of them otherwise proves its own block."""

import pytest

from firmware_interfaces import activity_meter as nam
from protocols.modbus import Deframer, Frame, encode_rtu
from protocols.modbus_messages import (
    ReadRegisters,
    Refusal,
    Registers,
    Side,
    WriteRegister,
    WriteRegisters,
)
from simulators.bench import perturb, perturbed_registers
from simulators.bench.perturbed_line import Interpreter, resampled
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.simulate import source_room


def test_every_register_of_a_meter_is_altered_and_lies_one_address_beside():
    found = {(row.entry, row.alteration) for row in perturb.ADAPTERS["activity-meter"].rows}
    for register in nam.READING[:-1]:
        wide = "words" if register.words > 1 else "bytes"
        ways = ("x10", "/10", "sign", f"{wide} swapped", "address +1", "address -1")
        assert {(register.name, way) for way in ways} <= found


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ReadRegisters(4, 0, 30), "read 4 0 30"),
        (WriteRegister(3, 7), "write 3 7"),
        (WriteRegisters(1, (53, 131)), "write 1 53 131"),
        (Registers(4, (0x414D, 1)), "words 4 16717 1"),
    ],
)
def test_a_modbus_frame_is_text_that_a_dialect_alters_and_frames_again(message, text):
    raw = encode_rtu(9, message)
    asked = isinstance(message, Registers)
    pieces = perturbed_registers.grammar()
    [piece] = list((pieces.said if asked else pieces.heard)(raw))
    assert (piece.raw, piece.text) == (raw, text)
    assert piece.framed(text) == raw
    assert perturbed_registers.text_of(Refusal(4, 2)) is None


def altered_meter(name):
    """The first reading of a settled meter whose row of that name is altered."""
    meter = ActivityMeterFirmware(source_room(1))
    row = perturb.ROWS[f"activity-meter:{name}"]
    line = Interpreter(meter, perturbed_registers.grammar(), row.dialect())
    said = line.feed(encode_rtu(1, ReadRegisters(4, 0, 30)), 30_000_000_000)
    [frame] = Deframer(Side.HOST).feed(said)
    assert isinstance(frame, Frame)
    assert isinstance(frame.message, Registers)
    assert line.met
    return list(frame.message.values), meter.reading()


def test_an_altered_block_has_a_checksum_of_its_own():
    told, true = altered_meter("register:net activity:told:x10")
    assert told[10:12] != true[10:12]
    assert (told[:10], told[12:29]) == (true[:10], true[12:29])
    assert told[29] == nam.checksum(told[:29])
    with pytest.raises(nam.Inconsistent, match="net activity"):
        nam.consistent(told)


def test_a_register_one_address_beside_shows_what_stands_there():
    told, true = altered_meter("register:map version:told:address -1")
    assert (told[1], told[2:29]) == (true[0], true[2:29])
    told, true = altered_meter("register:magic:told:address +1")
    assert (told[0], told[1:29]) == (true[1], true[1:29])


def test_a_meter_of_another_unit_agrees_with_itself():
    told, true = altered_meter("unit:both activities:told:x60")
    seen, really = (nam.consistent(words).activity_bq or 0 for words in (told, true))
    assert seen == pytest.approx(60 * really, rel=1e-6)


@pytest.mark.parametrize("even", [False, True])
def test_at_one_speed_a_line_carries_every_byte_with_and_without_parity(even):
    data = bytes(range(256))
    assert resampled(data, 19200, 19200, even=even) == data
    assert resampled(data, 19200, 9600, even=even) != data
