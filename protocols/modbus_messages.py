"""Modbus questions and answers about registers, as plain values, and their PDUs.

Knows function codes, counts and lengths; not what a register means, nor how a line frames a PDU.
pymodbus encodes and decodes the bytes; what it lets pass is refused here: a count that disagrees
with its bytes, a length that is not the function's. Source: MODBUS Application Protocol
Specification V1.1b3, sections 6.3, 6.4, 6.6, 6.12, 6.17 and 7.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pymodbus.logging import Log
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu import register_message as pdus

READ_HOLDING: Final = 0x03
READ_INPUT: Final = 0x04
WRITE_ONE: Final = 0x06
WRITE_MANY: Final = 0x10
READ_WRITE: Final = 0x17
FAILED: Final = 0x80
READ_MAX: Final = 125
WRITE_MAX: Final = 123
READ_WRITE_MAX: Final = 121
WORD: Final = 0xFFFF
UNIT_MAX: Final = 247
"""Highest address of a single device; 0 is broadcast, which nobody answers."""


class Side(Enum):
    """Who hears: a host hears answers, a device hears questions."""

    HOST = "host"
    DEVICE = "device"


class Failure(Enum):
    """Exception codes that devices here send (section 7)."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4
    DEVICE_BUSY = 6


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """Ask for 1..125 registers by function 3 (holding) or 4 (input); ``address`` is 0-based."""

    function: int
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Set one register (function 6)."""

    address: int
    value: int


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """Set 1..123 registers (function 16)."""

    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadWriteRegisters:
    """Set 1..121 registers, then read 1..125, in one question (function 23)."""

    read_address: int
    read_count: int
    write_address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A question whose length is known and whose function is none of the above."""

    function: int


@dataclass(frozen=True, slots=True)
class Registers:
    """Answer with values, to function 3, 4 or 23."""

    function: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RegisterWritten:
    """Answer to function 6: an echo."""

    address: int
    value: int


@dataclass(frozen=True, slots=True)
class RegistersWritten:
    """Answer to function 16."""

    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer of a device that does not do it: the function asked and the exception code."""

    function: int
    code: int


Question = ReadRegisters | WriteRegister | WriteRegisters | ReadWriteRegisters | Unsupported
Reply = Registers | RegisterWritten | RegistersWritten | Refusal
Message = Question | Reply

_BITS: Final = frozenset({0x01, 0x02, 0x05})
_READS: Final = frozenset({READ_HOLDING, READ_INPUT, READ_WRITE})
_KNOWN: Final = _READS | {WRITE_ONE, WRITE_MANY}
# What cannot be read is an error here, and noise on a line must not fill anybody's log.
Log.setLevel("CRITICAL")  # type: ignore[no-untyped-call]  # pymodbus has no types for it
_DECODERS: Final = {side: DecodePDU(is_server=side is Side.DEVICE) for side in Side}


def size(side: Side, pdu: bytes) -> int | None:
    """Length that a PDU has by its first bytes; None if more are needed to tell.

    ValueError for a function that is not known or a byte count that cannot be.
    """
    if not pdu:
        return None
    return _question_size(pdu) if side is Side.DEVICE else _answer_size(pdu)


def _question_size(pdu: bytes) -> int | None:
    function = pdu[0]
    if function in _BITS | {READ_HOLDING, READ_INPUT, WRITE_ONE}:
        return 5
    if function == WRITE_MANY:
        return _counted(pdu, 5, WRITE_MAX)
    if function == READ_WRITE:
        return _counted(pdu, 9, READ_WRITE_MAX)
    raise ValueError(f"no question has function {function}")


def _answer_size(pdu: bytes) -> int | None:
    function = pdu[0]
    if function & FAILED and function & ~FAILED in _KNOWN:
        return 2
    if function in (WRITE_ONE, WRITE_MANY):
        return 5
    if function in _READS:
        return _counted(pdu, 1, READ_MAX)
    raise ValueError(f"no answer has function {function}")


def _counted(pdu: bytes, at: int, most: int) -> int | None:
    """Length of a PDU whose byte count stands at ``at`` and is followed by that many bytes."""
    if len(pdu) <= at:
        return None
    count = pdu[at]
    if count % 2 or not 2 <= count <= 2 * most:
        raise ValueError(f"byte count {count} is not 1..{most} registers")
    return at + 1 + count


def encode(message: Message) -> ModbusPDU:
    """Return the PDU of a message. ValueError for an address, count or value out of range."""
    _check(message)
    match message:
        case ReadRegisters(function=function, address=address, count=count):
            reads = {
                READ_HOLDING: pdus.ReadHoldingRegistersRequest,
                READ_INPUT: pdus.ReadInputRegistersRequest,
            }
            return reads[function](address=address, count=count)
        case WriteRegister(address=address, value=value):
            return pdus.WriteSingleRegisterRequest(address=address, registers=[value])
        case WriteRegisters(address=address, values=values):
            return pdus.WriteMultipleRegistersRequest(address=address, registers=list(values))
        case ReadWriteRegisters():
            return pdus.ReadWriteMultipleRegistersRequest(
                message.read_address,
                message.read_count,
                message.write_address,
                list(message.values),
            )
        case _:
            return _encode_answer(message)


def _encode_answer(message: Message) -> ModbusPDU:
    match message:
        case Registers(function=function, values=values):
            answers = {
                READ_HOLDING: pdus.ReadHoldingRegistersResponse,
                READ_INPUT: pdus.ReadInputRegistersResponse,
                READ_WRITE: pdus.ReadWriteMultipleRegistersResponse,
            }
            return answers[function](registers=list(values))
        case RegisterWritten(address=address, value=value):
            return pdus.WriteSingleRegisterResponse(address=address, registers=[value])
        case RegistersWritten(address=address, count=count):
            return pdus.WriteMultipleRegistersResponse(address=address, count=count)
        case Refusal(function=function, code=code):
            return ExceptionResponse(function, code)
        case _:
            raise ValueError(f"{message} is heard, never sent")


def decode(side: Side, pdu: bytes) -> Message:
    """Return the message of a whole PDU. ValueError if it is none that its hearer knows."""
    if size(side, pdu) != len(pdu):
        raise ValueError(f"{len(pdu)} bytes are not the length of function {pdu[:1].hex()}")
    if side is Side.DEVICE and pdu[0] in _BITS:
        return Unsupported(pdu[0])
    found: Any = _DECODERS[side].decode(pdu)
    if found is None:
        raise ValueError(f"function {pdu[0]}: counts or values out of range")
    message = _question(found) if side is Side.DEVICE else _answer(found)
    _check(message)
    return message


def _question(pdu: Any) -> Question:
    function, values = pdu.function_code, tuple(pdu.registers)
    if function == WRITE_ONE:
        return WriteRegister(pdu.address, values[0])
    if function == WRITE_MANY:
        _agree(pdu.count, values)
        return WriteRegisters(pdu.address, values)
    if function == READ_WRITE:
        written = tuple(pdu.write_registers)
        _agree(pdu.write_count, written)
        return ReadWriteRegisters(pdu.read_address, pdu.read_count, pdu.write_address, written)
    return ReadRegisters(function, pdu.address, pdu.count)


def _answer(pdu: Any) -> Reply:
    function = pdu.function_code
    if function & FAILED:
        return Refusal(function & ~FAILED, pdu.exception_code)
    if function == WRITE_ONE:
        return RegisterWritten(pdu.address, pdu.registers[0])
    if function == WRITE_MANY:
        return RegistersWritten(pdu.address, pdu.count)
    return Registers(function, tuple(pdu.registers))


def _agree(count: int, values: tuple[int, ...]) -> None:
    if count != len(values):
        raise ValueError(f"count {count} and {len(values)} registers of bytes disagree")


_LIMITS: Final[dict[type[Message], dict[str, int]]] = {
    ReadRegisters: {"address": WORD, "count": READ_MAX},
    WriteRegister: {"address": WORD, "value": WORD},
    WriteRegisters: {"address": WORD, "values": WRITE_MAX},
    ReadWriteRegisters: {
        "read_address": WORD,
        "read_count": READ_MAX,
        "write_address": WORD,
        "values": READ_WRITE_MAX,
    },
    Registers: {"values": READ_MAX},
    RegisterWritten: {"address": WORD, "value": WORD},
    RegistersWritten: {"address": WORD, "count": WRITE_MAX},
    Refusal: {"code": 0xFF},
    Unsupported: {},
}
"""The most that each field may be; counts and lists hold at least one."""


def _check(message: Message) -> None:
    """ValueError, naming field, value and rule, for what no device may be told or may tell."""
    for name, most in _LIMITS[type(message)].items():
        seen = getattr(message, name)
        if name == "values":
            _check_values(seen, most)
            continue
        least = 1 if name.endswith("count") else 0
        if not least <= seen <= most:
            raise ValueError(f"{name} {seen} is not in {least}..{most}")


def _check_values(values: tuple[int, ...], most: int) -> None:
    if not 1 <= len(values) <= most:
        raise ValueError(f"{len(values)} values are not 1..{most}")
    for value in values:
        if not 0 <= value <= WORD:
            raise ValueError(f"value {value} is not in 0..{WORD}")
