"""A device's registers as data: address, type, unit, meaning and source of each, and their words.

Knows how a value lies in 16-bit words; not how words travel, nor when to read them. One table
serves the driver, the simulated firmware, the tests that perturb one side of it, and the documents.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

WORD_BITS: Final = 16
WORD_MAX: Final = 0xFFFF


class WordOrder(Enum):
    """Which half of a 32-bit value has the lower address."""

    HIGH_FIRST = "high word first"
    LOW_FIRST = "low word first"


class Type(Enum):
    """How a value lies in its words; bytes within a word are always big-endian (Modbus, 4.2)."""

    U16 = "u16"
    U32 = "u32"
    F32 = "f32"
    TEXT = "text"


class Access(Enum):
    """What a host may do."""

    READ = "r"
    READ_WRITE = "rw"
    WRITE = "w"


class Bank(Enum):
    """Which of the two register spaces; the value is the function code that reads it."""

    HOLDING = 3
    INPUT = 4


@dataclass(frozen=True, slots=True)
class Code:
    """One value or bit of a register that has a name of its own."""

    value: int
    name: str


@dataclass(frozen=True, slots=True)
class Register:
    """One row of a device's table. ``address`` is 0-based, as in the PDU, where the maker says so.

    ``codes`` name values, ``bits`` name bits by their number. ``least`` and ``most`` are the limits
    that the device itself sets, in ``unit``.
    """

    name: str
    address: int
    type: Type
    source: str
    meaning: str
    unit: str = ""
    access: Access = Access.READ
    bank: Bank = Bank.HOLDING
    length: int = 1
    least: float | None = None
    most: float | None = None
    codes: tuple[Code, ...] = ()
    bits: tuple[Code, ...] = ()

    @property
    def words(self) -> int:
        """How many 16-bit words it takes; ``length`` counts the words of a text."""
        return {Type.U16: 1, Type.U32: 2, Type.F32: 2, Type.TEXT: self.length}[self.type]

    @property
    def end(self) -> int:
        """The address after its last word."""
        return self.address + self.words


Value = int | float | str


def decode(register: Register, words: Sequence[int], order: WordOrder) -> Value:
    """Return the value in a register's words.

    Raises ValueError, naming the register, for a wrong number of words, a float that is no finite
    number, or text that is not printable ASCII.
    """
    if len(words) != register.words:
        raise ValueError(f"{register.name}: {len(words)} words, it has {register.words}")
    if register.type is Type.U16:
        return words[0]
    raw = _bytes(words, order if register.type is not Type.TEXT else WordOrder.HIGH_FIRST)
    if register.type is Type.U32:
        return int.from_bytes(raw, "big")
    if register.type is Type.F32:
        return _finite(register, raw)
    text = raw.rstrip(b"\0 ")
    if not all(0x20 <= byte <= 0x7E for byte in text):
        raise ValueError(f"{register.name}: {raw.hex(' ')} is not printable ASCII")
    return text.decode("ascii")


def encode(register: Register, value: Value, order: WordOrder) -> tuple[int, ...]:
    """Return the words of a value; ValueError, naming the register, for one that does not fit."""
    if register.type is Type.TEXT:
        return _words(_text(register, value), WordOrder.HIGH_FIRST)
    if isinstance(value, str):
        raise ValueError(f"{register.name}: {value!r} is no number")
    if register.type is Type.F32:
        return _words(_f32(register, value), order)
    most = (1 << WORD_BITS * register.words) - 1
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{register.name}: {value} is not a whole number in 0..{most}")
    return _words(value.to_bytes(2 * register.words, "big"), order)


def _finite(register: Register, raw: bytes) -> float:
    value: float = struct.unpack(">f", raw)[0]
    if not math.isfinite(value):
        raise ValueError(f"{register.name}: {raw.hex(' ')} is {value}, not a finite number")
    return value


def _f32(register: Register, value: float) -> bytes:
    try:
        raw = struct.pack(">f", value)
    except OverflowError:
        raw = b"\x7f\x80\0\0"
    _finite(register, raw)
    return raw


def _text(register: Register, value: Value) -> bytes:
    raw = str(value).encode("ascii", "replace")
    if not isinstance(value, str) or not value.isascii() or len(raw) > 2 * register.words:
        raise ValueError(f"{register.name}: {value!r} is not ASCII of {2 * register.words} bytes")
    return raw.ljust(2 * register.words, b"\0")


def _bytes(words: Iterable[int], order: WordOrder) -> bytes:
    placed = list(words)
    if order is WordOrder.LOW_FIRST:
        placed.reverse()
    return b"".join(word.to_bytes(2, "big") for word in placed)


def _words(raw: bytes, order: WordOrder) -> tuple[int, ...]:
    words = tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))
    return words[::-1] if order is WordOrder.LOW_FIRST else words


def cut(register: Register, first: int, words: Sequence[int]) -> tuple[int, ...]:
    """A register's own words out of a block that begins at ``first``; ValueError if not inside."""
    begin = register.address - first
    if begin < 0 or begin + register.words > len(words):
        raise ValueError(f"{register.name}: not in {len(words)} words from {first}")
    return tuple(words[begin : begin + register.words])


def names(register: Register, value: int) -> tuple[str, ...]:
    """Names of the bits that are set in a value; a set bit without a name is ``bit N``."""
    known = {code.value: code.name for code in register.bits}
    set_bits = (bit for bit in range(WORD_BITS * register.words) if value >> bit & 1)
    return tuple(known.get(bit, f"bit {bit}") for bit in set_bits)
