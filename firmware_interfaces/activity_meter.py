"""The NAM-M1 activity meter over Modbus: its registers and when they may be believed.

Registers and rules only; frames are ``protocols.modbus``. The profile is this project's own: no
maker publishes one, so a meter or a gateway before one is built to it. Every rule is `consistent`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import (
    Access,
    Bank,
    Code,
    Register,
    Type,
    WordOrder,
    cut,
    decode,
)
from firmware_interfaces.units import Becquerel

SOURCE: Final = "NAM-M1 profile of this project, version 1"
BAUD_RATE: Final = 19200
"""8 data bits, even parity, 1 stop bit."""
UNIT: Final = 1
MAGIC: Final = 0x414D
VERSION: Final = 1
SENTINEL: Final = 123456.0
"""47F1 2000 with the high word first; mbpoll -B reads it so from a pymodbus server."""
UNIT_BQ: Final = 1
METASTABLE: Final = 0x8000
BQ_PER_KBQ: Final = 1000
KBQ_ROUNDING_BQ: Final = 500
AGREEMENT: Final = 1e-6
FLOAT32_BITS: Final = 24
ORDER: Final = WordOrder.HIGH_FIRST
WORDS: Final = 30
SYMBOLS: Final[Mapping[int, str]] = {
    9: "F", 27: "Co", 39: "Y", 43: "Tc", 53: "I", 55: "Cs", 56: "Ba", 71: "Lu",
}  # fmt: skip
"""Elements whose nuclides a hot lab sets on a meter."""


def _input(name: str, address: int, type_: Type, meaning: str, unit: str = "") -> Register:
    return Register(name, address, type_, SOURCE, meaning, unit, bank=Bank.INPUT)


MAGIC_WORD: Final = _input("magic", 0, Type.U16, "always 0x414D, 'AM'")
MAP_VERSION: Final = _input("map version", 1, Type.U16, "always 1")
ORDER_SENTINEL: Final = _input("word-order sentinel", 2, Type.F32, "always 123456.0")
COUNTER_HEAD: Final = _input("reading counter, head", 4, Type.U16, "low 16 bits; see tail")
STATUS: Final = Register(
    "status word", 5, Type.U16, SOURCE, "final only when VALID alone is set", bank=Bank.INPUT,
    bits=tuple(Code(bit.bit_length() - 1, bit.name or "") for bit in ReadingStatus),
)  # fmt: skip
NUCLIDE_Z: Final = _input("nuclide Z", 6, Type.U16, "53 for iodine")
NUCLIDE_A: Final = _input("nuclide A", 7, Type.U16, "bit 15 set: metastable")
SETTING: Final = _input("calibration setting", 8, Type.U16, "of the nuclide, on this chamber")
ACTIVITY_UNIT: Final = _input("unit", 9, Type.U16, "must be 1 = Bq")
ACTIVITY: Final = _input("net activity", 10, Type.F32, "background taken off", "Bq")
ACTIVITY_KBQ: Final = _input("net activity, whole kBq", 12, Type.U32, "checks 10-11", "kBq")
DEVIATION: Final = _input("relative standard deviation", 14, Type.F32, "of the reading", "%")
BACKGROUND: Final = _input("background", 16, Type.F32, "as taken off", "Bq")
CURRENT: Final = _input("chamber current", 18, Type.F32, "as measured", "A")
HIGH_VOLTAGE: Final = _input("high voltage", 20, Type.U16, "of the chamber", "0.1 V")
RANGE: Final = _input("range index", 21, Type.U16, "of the electrometer")
READ_AT: Final = _input("reading time", 22, Type.U32, "Unix epoch", "s")
AGE: Final = _input("reading age", 24, Type.U16, "when the answer was made", "ms")
LAST_ERROR: Final = _input("last error", 25, Type.U16, "0 is none")
SERIAL: Final = _input("serial number", 26, Type.U32, "of the meter")
COUNTER_TAIL: Final = _input("reading counter, tail", 28, Type.U16, "equal to head, or torn")
CHECK: Final = _input("CRC-16/MODBUS", 29, Type.U16, "of registers 0-28, big-endian bytes")

READING: Final = (
    MAGIC_WORD, MAP_VERSION, ORDER_SENTINEL, COUNTER_HEAD, STATUS, NUCLIDE_Z, NUCLIDE_A, SETTING,
    ACTIVITY_UNIT, ACTIVITY, ACTIVITY_KBQ, DEVIATION, BACKGROUND, CURRENT, HIGH_VOLTAGE, RANGE,
    READ_AT, AGE, LAST_ERROR, SERIAL, COUNTER_TAIL, CHECK,
)  # fmt: skip

COMMAND: Final = Register(
    "command", 0, Type.U16, SOURCE, "starts a task of the meter", access=Access.READ_WRITE,
    codes=(Code(1, "zero"), Code(2, "background"), Code(3, "self-test")),
)  # fmt: skip


def _holding(name: str, address: int, meaning: str) -> Register:
    return Register(name, address, Type.U16, SOURCE, meaning, access=Access.READ_WRITE)


SETTINGS: Final = (
    COMMAND,
    _holding("nuclide Z request", 1, "the nuclide to set"),
    _holding("nuclide A request", 2, "bit 15 set: metastable"),
    _holding("lock token", 3, "who holds the meter"),
    _holding("acknowledge bits", 4, "status bits to clear"),
)
"""Holding registers; the driver writes none of them: a nuclide is chosen at the instrument."""

OBSERVABLE: Final[Mapping[str, str]] = {
    "activity": "registers 10-13: two forms that must agree",
    "nuclide": "registers 6-7",
    "serial": "registers 26-27, of every reading",
    "settled": "status word: SETTLING and RANGE_CHANGING; and by our own rule",
    "over_range": "status word: OVER_RANGE",
    "high_voltage": "status word: HV_FAULT",
    "background": "registers 16-17, and BACKGROUND_EXPIRED",
    "age": "register 24, and a counter that goes on",
    "torn": "counter at head and tail, and a checksum over all",
}
NOT_OBSERVABLE: Final[Mapping[str, str]] = {
    "item": "which item is in the well, and where in it",
    "factor": "both activities come from one current: a source of known activity finds a wrong one",
}


class Inconsistent(Exception):
    """Registers that contradict each other or the profile: what was seen, what was expected."""

    def __init__(self, register: str, seen: str, expected: str) -> None:
        super().__init__(f"{register}: saw {seen}, expected {expected}")
        self.register, self.seen, self.expected = register, seen, expected


@dataclass(frozen=True, slots=True)
class MeterReading:
    """A block of registers that holds together.

    ``activity_bq`` is to the nearest Bq and None over range; ``step_bq`` is the worth of the
    float's last bit, at least 1 Bq.
    """

    activity_bq: Becquerel | None
    step_bq: Becquerel
    nuclide: str
    status: ReadingStatus
    counter: int
    age_ms: int
    serial: int
    last_error: int


def consistent(words: Sequence[int]) -> MeterReading:
    """Return what the 30 input registers from 0 say.

    Raises Inconsistent unless CRC, magic, version, sentinel, unit and both counters hold, the
    nuclide is known, and, but over range, the activity is a finite number of at least 0 that agrees
    with the whole kBq within half a kBq and 1e-6 (calibrators.md 1.7).
    """
    if len(words) != WORDS:
        raise Inconsistent("block", f"{len(words)} registers", str(WORDS))
    _expect(CHECK, words, checksum(words[: CHECK.address]))
    _expect(MAGIC_WORD, words, MAGIC)
    _expect(MAP_VERSION, words, VERSION)
    _expect(ORDER_SENTINEL, words, SENTINEL)
    _expect(ACTIVITY_UNIT, words, UNIT_BQ)
    _expect(COUNTER_TAIL, words, _whole(COUNTER_HEAD, words))
    status = ReadingStatus(_whole(STATUS, words))
    over = ReadingStatus.OVER_RANGE in status
    activity = None if over else _activity(words)
    return MeterReading(
        activity_bq=None if activity is None else Becquerel(round(activity)),
        step_bq=Becquerel(0 if activity is None else _float_step(activity)),
        nuclide=nuclide_name(_whole(NUCLIDE_Z, words), _whole(NUCLIDE_A, words)),
        status=status,
        counter=_whole(COUNTER_HEAD, words),
        age_ms=_whole(AGE, words),
        serial=_whole(SERIAL, words),
        last_error=_whole(LAST_ERROR, words),
    )


def nuclide_name(z: int, a: int) -> str:
    """``53, 131`` to ``I-131``; Inconsistent for an element that is not in `SYMBOLS`."""
    symbol = SYMBOLS.get(z)
    if symbol is None:
        raise Inconsistent(NUCLIDE_Z.name, str(z), f"one of {', '.join(map(str, SYMBOLS))}")
    return f"{symbol}-{a & ~METASTABLE}{'m' if a & METASTABLE else ''}"


def checksum(words: Sequence[int]) -> int:
    """CRC-16/MODBUS (0xA001 reflected, initial 0xFFFF) of words as big-endian bytes."""
    crc = 0xFFFF
    for byte in b"".join(word.to_bytes(2, "big") for word in words):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def _whole(register: Register, words: Sequence[int]) -> int:
    return int(decode(register, cut(register, 0, words), ORDER))


def _expect(register: Register, words: Sequence[int], expected: float) -> None:
    seen = _number(register, words)
    if seen != expected:
        shown = "#06x" if register in (CHECK, MAGIC_WORD) else "g"
        raise Inconsistent(register.name, format(seen, shown), format(expected, shown))


def _number(register: Register, words: Sequence[int]) -> float | int:
    try:
        value = decode(register, cut(register, 0, words), ORDER)
    except ValueError as error:
        raise Inconsistent(register.name, str(error), "a finite number") from error
    assert not isinstance(value, str)
    return value


def _activity(words: Sequence[int]) -> float:
    activity, whole_kbq = _number(ACTIVITY, words), _whole(ACTIVITY_KBQ, words)
    if activity < 0:
        raise Inconsistent(ACTIVITY.name, f"{activity:g} Bq", "at least 0")
    allowed = KBQ_ROUNDING_BQ + AGREEMENT * activity
    if abs(activity - whole_kbq * BQ_PER_KBQ) > allowed:
        expected = f"{whole_kbq} kBq of registers 12-13, within {allowed:.0f} Bq"
        raise Inconsistent(ACTIVITY.name, f"{activity:.0f} Bq", expected)
    return float(activity)


def _float_step(activity: float) -> int:
    """Distance to the next float32, rounded up: 128 Bq at 1.57 GBq."""
    exponent = math.frexp(activity)[1]
    return max(1, math.ceil(math.ldexp(1.0, exponent - FLOAT32_BITS)))
