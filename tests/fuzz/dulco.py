"""Fuzz targets of the DULCO flex Control: its registers as read, and a pump that hears."""

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.dulco_flex_rules import (
    SHIFTS,
    Inconsistent,
    Layout,
    identify,
    read_block,
    settle,
)
from firmware_interfaces.readings import PumpAlarm
from firmware_interfaces.register import Bank, WordOrder
from protocols.modbus import Deframer, Frame
from protocols.modbus_messages import Side
from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.modbus_unit import Declined
from simulators.devices.simulate import syringe_room
from tests.fuzz.given import Choices
from tests.fuzz.modbus import FRAME_MAX, framed

STARTS = (b"", b"\x14\x03", b"\x14\x06", b"\x14\x10", b"\x14\x17", b"\x14\x06\x04\xd3\x55\x55")
"""Unit 20; the last one is a trigger."""


def dulco_registers(data: bytes) -> None:
    """Any words: a layout, a pump and a reading that hold together, or a refusal by register."""
    choices = Choices(data)
    layout = Layout(choices.one_of(SHIFTS), choices.one_of(tuple(WordOrder)))
    pump = DulcoFlexFirmware(syringe_room(1, "dulcoflex"))
    words = list(pump.read_registers(Bank.HOLDING, df.STATUS.address, df.READING_WORDS))
    for _ in range(choices.number() % 6):
        words[choices.number() % len(words)] = choices.number() << 8 | choices.number()
    pattern = [choices.one_of((0xAABB, 0xCCDD, 0xBBAA, 0)) for _ in range(4)]
    named = [choices.number() << 8 | choices.number() for _ in range(df.SOFTWARE.end - 1)]
    try:
        reading = read_block(words, layout, Setup())
        assert min(reading.infused_nl, reading.remaining_nl, reading.rate_max_ul_h) >= 0
        assert reading.step_nl >= Setup().increment_nl
        assert all(isinstance(alarm, PumpAlarm) for alarm in reading.alarms)
    except Inconsistent as refused:
        assert refused.seen
    try:
        found = settle({0: pattern[:2], -1: pattern[2:]})
        assert found.shift in SHIFTS
        identify(named, found, Setup())
    except Inconsistent as refused:
        assert refused.expected


def dulco_firmware(data: bytes) -> None:
    """The simulated pump hears anything at any time; what it says, a host can read."""
    choices, now_ns = Choices(data), 0
    tcp = choices.number() % 2 == 1
    pump = DulcoFlexFirmware(syringe_room(1, "dulcoflex"), tcp=tcp)
    host = Deframer(Side.HOST, tcp=tcp, units=[df.UNIT])
    while choices.left:
        now_ns += choices.number() * 20_000_000
        body = choices.one_of(STARTS) + choices.word(24)
        line = framed(body, tcp=tcp, how=choices.number())
        assert len(line) <= FRAME_MAX
        said = host.feed(pump.feed(line, now_ns))
        assert all(isinstance(one, Frame) for one in said)
    assert host.discard_partial() == b""
    try:
        at = choices.one_of(df.SETTINGS).address
        pump.write_registers(at, [choices.number() << 8 | choices.number() for _ in range(2)])
    except Declined as declined:
        assert declined.failure.value in (2, 3)
    block = pump.read_registers(Bank.HOLDING, df.STATUS.address, df.READING_WORDS)
    assert len(block) == df.READING_WORDS
