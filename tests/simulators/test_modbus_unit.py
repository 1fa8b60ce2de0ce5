"""The simulated Modbus unit: by pymodbus' frames, what it answers, refuses and passes over."""

import pytest
from pymodbus.framer.rtu import FramerRTU

from firmware_interfaces.register import Bank
from protocols.modbus_messages import Failure
from simulators.devices.modbus_unit import Declined, ModbusUnit

CHARACTER_NS = 11 * 1_000_000_000 // 19200


class Ten:
    """Ten holding registers, and ten input registers that hold their own address."""

    def __init__(self):
        self.held = [0] * 10

    def read_registers(self, bank, address, count):
        if address + count > 10:
            raise Declined(Failure.ILLEGAL_ADDRESS)
        words = self.held if bank is Bank.HOLDING else list(range(10))
        return words[address : address + count]

    def write_registers(self, address, values):
        if address + len(values) > 10:
            raise Declined(Failure.ILLEGAL_ADDRESS)
        if 0xDEAD in values:
            raise Declined(Failure.ILLEGAL_VALUE)
        self.held[address : address + len(values)] = values


def rtu(body):
    raw = bytes.fromhex(body)
    return raw + FramerRTU.compute_CRC(raw).to_bytes(2, "big")


@pytest.fixture
def unit():
    return ModbusUnit(Ten(), 7, tcp=False)


EXCHANGES = [
    ("07 04 0003 0002", "07 04 04 0003 0004"),
    ("07 03 0000 0001", "07 03 02 0000"),
    ("07 06 0002 BEEF", "07 06 0002 BEEF"),
    ("07 10 0001 0002 04 0011 0022", "07 10 0001 0002"),
    ("07 17 0000 0002 0001 0001 02 0042", "07 17 04 0000 0042"),
    ("07 04 0009 0002", "07 84 02"),
    ("07 03 000A 0001", "07 83 02"),
    ("07 06 000A 0001", "07 86 02"),
    ("07 06 0001 DEAD", "07 86 03"),
    ("07 10 0009 0002 04 0011 0022", "07 90 02"),
    ("07 17 0000 0001 0009 0002 04 0001 0001", "07 97 02"),
    ("07 01 0000 0001", "07 81 01"),
]


@pytest.mark.parametrize(("asked", "said"), EXCHANGES)
def test_each_question_has_its_answer_on_both_lines(unit, asked, said):
    assert unit.feed(rtu(asked), 0) == rtu(said)
    over_tcp = ModbusUnit(Ten(), 7, tcp=True)
    framed = [
        b"\x12\x34\0\0" + len(raw).to_bytes(2, "big") + raw
        for raw in (bytes.fromhex(asked), bytes.fromhex(said))
    ]
    assert over_tcp.feed(framed[0], 0) == framed[1]


def test_what_is_set_is_read_back(unit):
    unit.feed(rtu("07 10 0001 0002 04 0011 0022"), 0)
    assert unit.feed(rtu("07 03 0000 0003"), 0) == rtu("07 03 06 0000 0011 0022")


@pytest.mark.parametrize(
    "raw",
    [rtu("08 03 0000 0001"), rtu("00 06 0001 0001"), rtu("07 03 0000 0001")[:-1] + b"\0", b"noise"],
    ids=["another unit", "broadcast", "wrong CRC", "noise"],
)
def test_what_is_not_for_it_is_answered_with_silence(unit, raw):
    assert unit.feed(raw, 0) == b""
    assert unit.feed(rtu("07 04 0001 0001"), 1_000_000_000) == rtu("07 04 02 0001")


def test_a_silence_of_three_and_a_half_characters_ends_a_frame(unit):
    asked = rtu("07 04 0001 0001")
    unit.feed(asked[:5], 0)
    assert unit.feed(asked[5:], (3 + 3) * CHARACTER_NS) == rtu("07 04 02 0001")
    unit.feed(asked[:5], 1_000_000_000)
    assert unit.feed(asked[5:], 1_000_000_000 + (3 + 4) * CHARACTER_NS) == b""
    assert unit.feed(asked, 2_000_000_000) == rtu("07 04 02 0001")


def test_over_tcp_a_pause_means_nothing():
    unit = ModbusUnit(Ten(), 7, tcp=True)
    asked = bytes.fromhex("0001 0000 0006 07 04 0001 0001")
    assert unit.feed(asked[:7], 0) == b""
    assert unit.feed(asked[7:], 5_000_000_000) == bytes.fromhex("0001 0000 0005 07 04 02 0001")


def test_a_character_is_eleven_bits_on_the_line(unit):
    assert (unit.baud, unit.bits_per_character) == (19200, 11)
