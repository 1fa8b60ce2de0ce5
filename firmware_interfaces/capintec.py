"""Capintec CRC-55R and CRC-55tR: units, fields, errors and what a reply's text is worth in Bq.

Frames are ``protocols.capintec``. Source of every row: lulzzz/iRadiate,
CapintecDoseCalibrator.cs and CentricityLink.cs.

Conflict, on purpose not resolved by guessing: for the CRC-35R the manual is quoted with unit digits
3, 4, 5 for kBq, MBq, GBq (martiniano/shiny-plopper, CRC35R.java) against 4, 5, 6 here: a factor of
1000. This table is for the CRC-55 only, and a known source proves the unit before a device is used.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Final, NamedTuple

from firmware_interfaces.units import NS_PER_S, Becquerel, Nanoseconds

BAUD_RATE: Final = 9600
"""8 data bits, no parity, 1 stop bit (Settings.settings, "Capintec 55 R")."""
HOST_TIMEOUT_NS: Final = Nanoseconds(NS_PER_S)
"""Read and write time-out the source's host allows."""
CHAMBER: Final = 1
"""The chamber that hosts ask; an instrument may have up to eight."""
REPLY_TAG: Final = "DR"
READ_COMMAND: Final = "R"
SELECT_COMMAND: Final = "I"


class Unit(IntEnum):
    """Unit digit of a reply. Codes outside this table are refused, never guessed."""

    OVER_RANGE = 0
    MICROCURIE = 1
    MILLICURIE = 2
    CURIE = 3
    KILOBECQUEREL = 4
    MEGABECQUEREL = 5
    GIGABECQUEREL = 6
    MILLIVOLT = 7
    VOLT = 8


BQ_PER_UNIT: Final[Mapping[Unit, int]] = {
    Unit.MICROCURIE: 37_000,
    Unit.MILLICURIE: 37_000_000,
    Unit.CURIE: 37_000_000_000,
    Unit.KILOBECQUEREL: 1_000,
    Unit.MEGABECQUEREL: 1_000_000,
    Unit.GIGABECQUEREL: 1_000_000_000,
}
"""Units that carry activity; OVER_RANGE, MILLIVOLT and VOLT carry none."""


class ErrorCode(IntEnum):
    """Errors in the source's order; how an error reply is framed is not public."""

    RECEIVE_ERROR = 0
    CHECKSUM_INCORRECT = 1
    NO_SUCH_COMMAND = 2
    LENGTH_DISAGREES = 3
    NO_SUCH_CHAMBER = 4


@dataclass(frozen=True, slots=True)
class Field:
    """Place of a field in the payload of a ``DR1`` reply: first index and width in characters."""

    name: str
    start: int
    width: int


TAG: Final = Field("tag", 0, 3)
NUCLIDE: Final = Field("nuclide or calibration number, space-padded", 3, 8)
ACTIVITY: Final = Field("activity, alignment undocumented", 11, 6)
UNIT: Final = Field("unit digit", 17, 1)
REPLY_FIELDS: Final = (TAG, NUCLIDE, ACTIVITY, UNIT)

OBSERVABLE: Final[Mapping[str, str]] = {
    "activity": "activity and unit digit of a reading",
    "nuclide": "nuclide or calibration number of a reading",
    "over_range": "unit digit 0",
    "settled": "by our own rule over a row of readings: the device does not say",
}
NOT_OBSERVABLE: Final[Mapping[str, str]] = {
    "item": "which item is in the well, and where in it",
    "background": "what the instrument took off, and when it was measured",
    "serial": "the instrument tells no serial number",
    "high_voltage": "no fault of the chamber's voltage is told",
    "age": "a reading carries no time: an old one cannot be told from a new one",
}


class Activity(NamedTuple):
    """Worth of a reply's number; without a value ``activity_bq`` is None, ``resolution_bq`` 0."""

    activity_bq: Becquerel | None
    resolution_bq: Becquerel
    unit: Unit


def read_payload(chamber: int = CHAMBER) -> str:
    """Request for a reading: ``R1``. Chambers 1..8."""
    return f"{READ_COMMAND}{_chamber(chamber)}"


def select_payload(key: int, chamber: int = CHAMBER) -> str:
    """Request to press an isotope key: ``I13`` is key 3 on chamber 1. Keys 0..9."""
    if not 0 <= key <= 9:
        raise ValueError(f"isotope key {key} is not in 0..9")
    return f"{SELECT_COMMAND}{_chamber(chamber)}{key}"


def parse_unit(digit: str) -> Unit:
    """Return the unit of a reply. ValueError for a code that is not in the table."""
    if len(digit) != 1 or digit not in "012345678":
        raise ValueError(f"unit code {digit!r} is unknown: refused, a guess may be 1000 times off")
    return Unit(int(digit))


def parse_activity(field: str, digit: str) -> Activity:
    """Activity of a reply's six characters, to the nearest Bq, and the worth of its last digit.

    Accepts left and right alignment and a decimal point. Over range and the voltages have no value
    and their number is not looked at. ValueError for anything else: a sign, an exponent, no digit.
    """
    unit = parse_unit(digit)
    factor = BQ_PER_UNIT.get(unit)
    if factor is None:
        return Activity(None, Becquerel(0), unit)
    text = field.strip(" ")
    if len(field) != ACTIVITY.width or not re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text):
        raise ValueError(f"activity {field!r} is not a plain number in {ACTIVITY.width} characters")
    step = Fraction(factor, 10 ** len(text.partition(".")[2]))
    exact = Fraction(Decimal(text)) * factor
    return Activity(Becquerel(round(exact)), Becquerel(math.ceil(step)), unit)


def activity_field(activity: Becquerel, unit: Unit) -> str:
    """Return an activity as the instrument prints it: six characters, right aligned, to nearest.

    As many decimals as fit, at most three. ValueError for a unit without activity or no room.
    """
    factor = BQ_PER_UNIT.get(unit)
    if factor is None or activity < 0:
        raise ValueError(f"{activity} Bq cannot be printed in {unit.name}")
    for places in (3, 2, 1, 0):
        scaled = round(Fraction(activity * 10**places, factor))
        text = f"{Decimal(scaled).scaleb(-places):f}"
        if len(text) <= ACTIVITY.width:
            return text.rjust(ACTIVITY.width)
    raise ValueError(f"{activity} Bq does not fit {ACTIVITY.width} characters in {unit.name}")


def canonical_nuclide(text: str) -> str:
    """``I131``, ``I 131`` and ``i-131 `` to ``I-131``; anything else is returned stripped.

    A trailing ``m`` (``Tc99m``, ``TC-99M``) is kept in lower case.
    """
    stripped = text.strip(" ")
    match = re.fullmatch(r"([A-Za-z]{1,2})[ -]*([0-9]{1,3})([mM]?)", stripped)
    if match is None:
        return stripped
    return f"{match[1].capitalize()}-{match[2]}{match[3].lower()}"


def _chamber(chamber: int) -> int:
    if not 1 <= chamber <= 8:
        raise ValueError(f"chamber {chamber} is not in 1..8")
    return chamber
