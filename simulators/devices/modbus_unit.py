"""One Modbus device on bytes, on a serial line or over TCP: hears questions, answers for a table.

Knows units, functions and exception codes; what a register holds is the device's behind it. A
question for another unit, a broadcast and noise are answered with silence.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from firmware_interfaces.register import Bank
from protocols.modbus import Deframer, Frame, encode_rtu, encode_tcp
from protocols.modbus_messages import (
    READ_WRITE,
    WRITE_MANY,
    WRITE_ONE,
    Failure,
    Question,
    ReadRegisters,
    ReadWriteRegisters,
    Refusal,
    Registers,
    RegistersWritten,
    RegisterWritten,
    Reply,
    Side,
    Unsupported,
    WriteRegister,
    WriteRegisters,
)

SERIAL_BITS: Final = 11
"""8E1: start, eight data, parity, stop."""
SERIAL_BAUD: Final = 19200
TCP_BITS, TCP_BAUD = 8, 100_000_000
"""Over TCP nothing is as slow as a line."""
FRAME_END_CHARACTERS: Final = 3.5
"""So long a silence ends a frame on a serial line, whole or not (Serial Line V1.02, 2.5.1.1)."""
NS_PER_S: Final = 1_000_000_000


class Declined(Exception):
    """What a device refuses, and the exception code that it gives."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class Table(Protocol):
    """The registers of a device. Both raise Declined, and then nothing has changed."""

    def read_registers(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """The words from ``address``."""

    def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Set holding registers from ``address``."""


class ModbusUnit:
    """The bytes of one unit in front of its table."""

    def __init__(self, table: Table, unit: int, *, tcp: bool) -> None:
        self._table = table
        self.unit = unit
        self.tcp = tcp
        self._deframer = Deframer(Side.DEVICE, tcp=tcp, units=[unit])
        self._heard_ns = 0

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return TCP_BAUD if self.tcp else SERIAL_BAUD

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return TCP_BITS if self.tcp else SERIAL_BITS

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it answers to bytes whose last one arrived at ``now_ns``."""
        self._end_frame(len(data), now_ns)
        frames = [found for found in self._deframer.feed(data) if isinstance(found, Frame)]
        return b"".join(map(self._answered, frames))

    def _end_frame(self, characters: int, now_ns: int) -> None:
        """Drop what was begun before a silence on the line."""
        character_ns = SERIAL_BITS * NS_PER_S / SERIAL_BAUD
        silence_ns = now_ns - characters * character_ns - self._heard_ns
        if not self.tcp and silence_ns > FRAME_END_CHARACTERS * character_ns:
            self._deframer.discard_partial()
        self._heard_ns = now_ns

    def _answered(self, frame: Frame) -> bytes:
        question = frame.message
        assert isinstance(question, Question)
        try:
            reply = self._reply(question)
        except Declined as declined:
            reply = Refusal(_function(question), declined.failure.value)
        if self.tcp:
            return encode_tcp(self.unit, frame.transaction, reply)
        return encode_rtu(self.unit, reply)

    def _reply(self, question: Question) -> Reply:
        match question:
            case ReadRegisters(function=function, address=address, count=count):
                return self._read(function, Bank(function), address, count)
            case WriteRegister(address=address, value=value):
                self._table.write_registers(address, (value,))
                return RegisterWritten(address, value)
            case WriteRegisters(address=address, values=values):
                self._table.write_registers(address, values)
                return RegistersWritten(address, len(values))
            case ReadWriteRegisters():
                self._table.write_registers(question.write_address, question.values)
                return self._read(
                    READ_WRITE, Bank.HOLDING, question.read_address, question.read_count
                )
            case Unsupported():
                raise Declined(Failure.ILLEGAL_FUNCTION)

    def _read(self, function: int, bank: Bank, address: int, count: int) -> Registers:
        return Registers(function, tuple(self._table.read_registers(bank, address, count)))


def _function(question: Question) -> int:
    match question:
        case ReadRegisters(function=function) | Unsupported(function=function):
            return function
        case WriteRegister():
            return WRITE_ONE
        case WriteRegisters():
            return WRITE_MANY
        case ReadWriteRegisters():
            return READ_WRITE
