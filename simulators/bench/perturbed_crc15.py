"""Every perturbation of a CRC-15R, made from the tables of its vocabulary.

What is altered is the simulated instrument's: which byte a letter gets, which code its units have,
how its number is spelt, what its calibration factors are worth. A reply's text is its eleven bytes
as characters, byte for byte.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from firmware_interfaces.crc15 import (
    ACTIVITY_LETTERS,
    BAUD_RATE,
    BEGIN,
    NUCLIDE_LETTERS,
    UNIT_LETTER,
    Unit,
)
from protocols.crc15 import NUCLIDE_SIZE, Deframer, Reply
from simulators.bench.faults import AtTime, Fault, fault
from simulators.bench.perturbation import (
    FACTORS,
    Adapter,
    Dialect,
    Grammar,
    Piece,
    Row,
    Way,
    neighbours,
)
from simulators.bench.perturbed_line import at_another_speed
from simulators.devices.chamber import RESPONSE
from simulators.devices.crc15 import BECQUEREL, CURIE, KEYS, Crc15Firmware, name_shown

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

KIND: Final = "crc15"
ORDERED: Final = "I131"
BYTES: Final = "latin-1"
"""Each of 256 bytes is one character."""
BAUDS: Final = (2400, 9600)
LETTERS: Final = (BEGIN, *NUCLIDE_LETTERS, UNIT_LETTER, *ACTIVITY_LETTERS)
UNITS: Final = tuple(unit.name for unit in Unit)
CODES: Final = {Unit(size_bq): code for code, size_bq in (*CURIE, *BECQUEREL)}
"""Of this instrument."""
UNKNOWN_CODES: Final = (0, 1, 7)
FIELDS: Final = ("nuclide", "unit code", "number")
_AT: Final = NUCLIDE_SIZE
_NUMBER: Final = slice(NUCLIDE_SIZE + 1, None)

Bytes = Callable[[bytes], bytes]
Tells = Callable[[str, str], str]


def _reply(alter: Bytes) -> Tells:
    return lambda _asked, text: alter(text.encode(BYTES)).decode(BYTES)


def _told(table: str, entry: str, alteration: str, alter: Bytes) -> Row:
    dialect = partial(Dialect, tells=_reply(alter))
    return Row(KIND, table, entry, Way.TOLD, alteration, dialect)


def _units() -> Iterator[Row]:
    """An instrument that shows this unit, under the code of another."""
    for unit, code in CODES.items():
        for other in sorted({*CODES.values(), *UNKNOWN_CODES} - {code}):
            tells = _reply(partial(_with_code, other))
            dialect = partial(Dialect, tells=tells, inside=partial(_shown_in, code, unit))
            yield Row(KIND, "unit", unit.name, Way.TOLD, f"as code {other}", dialect)


def _with_code(code: int, raw: bytes) -> bytes:
    return raw[:_AT] + bytes((code,)) + raw[_AT + 1 :]


def _shown_in(code: int, unit: Unit, stage: "Stage") -> None:
    """An instrument whose owner set it to show this unit alone."""
    firmware = cast("Crc15Firmware", stage.world.calibrator_firmware)
    firmware.units = replace(firmware.units, sizes_bq=((code, unit.value),))


def _numbers() -> Iterator[Row]:
    alter: dict[str, Callable[[float], float]] = {
        **{name: partial(_times, float(factor)) for name, factor in FACTORS.items()},
        "sign": lambda number: -number,
        "NaN": lambda _number: math.nan,
        "infinite": lambda _number: math.inf,
    }
    for name, one in alter.items():
        yield _told("field", "number", name, partial(_number, one))
    yield _told("field", "number", "highest byte first", lambda raw: raw[:7] + raw[:6:-1])
    yield _told("field", "number", "words swapped", lambda raw: raw[:7] + raw[9:] + raw[7:9])
    yield _told("field", "number", "one later", lambda raw: raw[:7] + b"\x00" + raw[7:10])
    yield _told("field", "number", "one sooner", lambda raw: raw[:7] + raw[8:] + b"\x00")
    yield _told("field", "unit code", "first", lambda raw: raw[6:7] + raw[:6] + raw[7:])
    yield _told("field", "unit code", "as a digit", lambda raw: raw[:6] + b"%d" % raw[6] + raw[7:])
    yield _told("field", "nuclide", "one later", lambda raw: b" " + raw[:5] + raw[6:])
    yield _told("field", "nuclide", "one sooner", lambda raw: raw[1:6] + b" " + raw[6:])


def _times(factor: float, number: float) -> float:
    return number * factor


def _number(alter: Callable[[float], float], raw: bytes) -> bytes:
    (number,) = struct.unpack("<f", raw[_NUMBER])
    return raw[: _AT + 1] + struct.pack("<f", alter(number))


def _nuclides() -> Iterator[Row]:
    """The name of another nuclide, and the calibration factor of another under the right name."""
    for nuclide, alteration, other in neighbours(KEYS):
        tells = _reply(partial(_renamed, nuclide, other))
        faults = () if nuclide == ORDERED else _set_to(nuclide)
        dialect = partial(Dialect, tells=tells)
        yield Row(KIND, "nuclide", nuclide, Way.TOLD, alteration, dialect, faults=faults)
    for nuclide in KEYS:
        if nuclide != ORDERED:
            factor = partial(_times, RESPONSE[ORDERED] / RESPONSE[nuclide])
            yield _told("factor", nuclide, "used", partial(_number, factor))


def _set_to(nuclide: str) -> tuple[Fault, ...]:
    return (fault("device", "wrong_nuclide", AtTime(0.0), nuclide=nuclide),)


def _renamed(nuclide: str, other: str, raw: bytes) -> bytes:
    shown = name_shown(nuclide).encode("ascii")
    return name_shown(other).encode("ascii") + raw[_AT:] if raw.startswith(shown) else raw


def _letters() -> Iterator[Row]:
    for letter, alteration, other in neighbours(LETTERS):
        dialect = partial(Dialect, takes=partial(_taken_for, letter, other))
        entry = "begin" if letter == BEGIN else letter
        yield Row(KIND, "letter", entry, Way.TAKEN, alteration, dialect)


def _taken_for(letter: str, other: str, text: str) -> str:
    return text.replace(letter, other)


def _framing() -> Iterator[Row]:
    for speed in BAUDS:
        dialect = partial(at_another_speed, BAUD_RATE, speed)
        yield Row(KIND, "framing", "baud", Way.MEANT, f"set to {speed}", dialect)


def grammar() -> Grammar:
    """What is heard has no frames; what is said is replies, and whatever lies around them."""
    return Grammar(_heard, _said)


def _heard(data: bytes) -> Iterator[Piece]:
    yield Piece(data, data.decode(BYTES), _spelt)


def _said(data: bytes) -> Iterator[Piece]:
    deframer = Deframer()
    for found in deframer.feed(data):
        text = found.raw.decode(BYTES) if isinstance(found, Reply) else None
        yield Piece(found.raw, text, _spelt)
    yield Piece(deframer.discard_partial(), None, _spelt)


def _spelt(text: str) -> bytes:
    return text.encode(BYTES)


ADAPTER: Final = Adapter(
    wire="calibrator",
    tables={
        "unit": UNITS,
        "field": FIELDS,
        "nuclide": KEYS,
        "factor": tuple(name for name in KEYS if name != ORDERED),
        "letter": ("begin", *LETTERS[1:]),
        "framing": ("baud",),
    },
    rows=(*_units(), *_numbers(), *_nuclides(), *_letters(), *_framing()),
    grammar=grammar,
)
"""The CRC-15R."""
