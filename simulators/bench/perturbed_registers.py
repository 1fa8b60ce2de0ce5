"""Perturbed registers of any Modbus device: one row of its table lies elsewhere or means another.

It knows words, types and frames on a serial line, as text that a dialect alters; which registers
there are, and what else a device has, stands in that kind's adapter.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Final

from firmware_interfaces.register import Register, Type
from protocols.modbus import Deframer, Frame, encode_rtu
from protocols.modbus_messages import (
    Message,
    ReadRegisters,
    Registers,
    Side,
    WriteRegister,
    WriteRegisters,
)
from simulators.bench.perturbation import Dialect, Grammar, Piece, Row, Way

Words = list[int]
Alter = Callable[[Words], Words]
Seal = Callable[[Words], Words]
"""What a device does to a block that it is about to tell: nothing, or a checksum in it."""

READ: Final = "read"
WRITE: Final = "write"
WORDS: Final = "words"


# --- frames as text ------------------------------------------------------------------------------


def grammar() -> Grammar:
    """A fresh one: it holds what has not ended yet."""
    return Grammar(_pieces(Deframer(Side.DEVICE)), _pieces(Deframer(Side.HOST)))


def _pieces(deframer: Deframer) -> Callable[[bytes], Iterator[Piece]]:
    def pieces(data: bytes) -> Iterator[Piece]:
        for found in deframer.feed(data):
            text = text_of(found.message) if isinstance(found, Frame) else None
            framed = partial(_framed, found.unit) if isinstance(found, Frame) else _never_framed
            yield Piece(found.raw, text, framed)

    return pieces


def text_of(message: Message) -> str | None:
    """``read FUNCTION ADDRESS COUNT``, ``write ADDRESS VALUE...``, ``words FUNCTION VALUE...``.

    All decimal; None for what has neither an address nor values.
    """
    match message:
        case ReadRegisters(function=function, address=address, count=count):
            return _spelt(READ, function, address, count)
        case WriteRegister(address=address, value=value):
            return _spelt(WRITE, address, value)
        case WriteRegisters(address=address, values=values):
            return _spelt(WRITE, address, *values)
        case Registers(function=function, values=values):
            return _spelt(WORDS, function, *values)
        case _:
            return None


def _spelt(word: str, *numbers: int) -> str:
    return " ".join((word, *map(str, numbers)))


def _framed(unit: int, text: str) -> bytes:
    word, *rest = text.split()
    numbers = [int(number) for number in rest]
    if word == READ:
        return encode_rtu(unit, ReadRegisters(*numbers))
    if word == WORDS:
        return encode_rtu(unit, Registers(numbers[0], tuple(numbers[1:])))
    address, *values = numbers
    single = len(values) == 1
    message = WriteRegister(address, *values) if single else WriteRegisters(address, tuple(values))
    return encode_rtu(unit, message)


def _never_framed(_text: str) -> bytes:
    raise AssertionError("noise has no text")


# --- what may befall a register's words ----------------------------------------------------------


def told(first: int, alter: Callable[[Words, int], Words], seal: Seal) -> Dialect:
    """A device whose block, read so that it holds address ``first``, is altered there."""

    def tells(asked: str, text: str) -> str:
        word, *where = asked.split() or [""]
        kind, function, *rest = text.split()
        if word != READ or kind != WORDS:
            return text
        begin = int(where[1])
        if not begin <= first < begin + len(rest):
            return text
        words = alter([int(value) for value in rest], first - begin)
        return _spelt(WORDS, int(function), *seal(words))

    return Dialect(tells=tells)


def in_place(register: Register, alter: Alter) -> Callable[[Words, int], Words]:
    """The same on the register's own words."""

    def altered(words: Words, at: int) -> Words:
        end = at + register.words
        return [*words[:at], *alter(words[at:end]), *words[end:]]

    return altered


def moved(register: Register, by: int) -> Callable[[Words, int], Words]:
    """What stands ``by`` addresses further stands where the register should; 0 beyond the block."""

    def altered(words: Words, at: int) -> Words:
        padded = [0, *words, 0]
        begin = at + by + 1
        shown = padded[begin : begin + register.words]
        return [*words[:at], *shown, *words[at + register.words :]]

    return altered


def scaled(type_: Type, factor: Fraction) -> Alter:
    """The number in the words times ``factor``, as far as the type holds it."""

    def altered(words: Words) -> Words:
        raw = b"".join(word.to_bytes(2, "big") for word in words)
        if type_ is Type.F32:
            value = struct.unpack(">f", raw)[0] * float(factor)
            raw = struct.pack(">f", value)
        else:
            whole = int(int.from_bytes(raw, "big") * factor) % (1 << 8 * len(raw))
            raw = whole.to_bytes(len(raw), "big")
        return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]

    return altered


def swapped_words(words: Words) -> Words:
    """Low word first."""
    return words[::-1]


def swapped_bytes(words: Words) -> Words:
    """Low byte first."""
    return [(word >> 8 | word << 8) & 0xFFFF for word in words]


SCALES: Final = {"x10": Fraction(10), "/10": Fraction(1, 10), "sign": Fraction(-1)}


def rows_of(device: str, registers: Sequence[Register], seal: Seal) -> Iterator[Row]:
    """Every register scaled, with its sign turned, its order swapped, and one address beside."""
    for register in registers:
        ways = {name: in_place(register, scaled(register.type, by)) for name, by in SCALES.items()}
        wide = register.words > 1
        name, swap = ("words", swapped_words) if wide else ("bytes", swapped_bytes)
        ways[f"{name} swapped"] = in_place(register, swap)
        ways |= {f"address {by:+d}": moved(register, by) for by in (1, -1)}
        for alteration, alter in ways.items():
            dialect = partial(told, register.address, alter, seal)
            yield Row(device, "register", register.name, Way.TOLD, alteration, dialect)
