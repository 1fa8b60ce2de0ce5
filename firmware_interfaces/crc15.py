"""Capintec CRC-15R and CRC-15 PET: line, polled bytes, unit codes and what a reply is worth in Bq.

Frames are ``protocols.crc15``. Sources: elenhinan/CRC-Halflife, crc-15pet.py ("used in production
environment for years"); martiniano/shiny-plopper, CRC15R.java.

Conflict, on purpose not resolved by guessing: the two hosts read the unit codes 1 to 4 differently,
and an error is a factor of 1000. Only a code that both name, and name alike, is taken as it stands;
any other is worth nothing until a known source has proven it on this very instrument.

Not observable on this line: over range, chamber voltage, zero, quality control, firmware version,
serial number, and whether the number is still renewed.
"""

import math
import struct
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Final, NamedTuple

from firmware_interfaces.units import NS_PER_S, Becquerel, Nanoseconds

BAUD_RATE: Final = 4800
"""8 data bits, no parity, 1 stop bit (crc-15pet.py, CRC15R.java)."""
HOST_TIMEOUT_NS: Final = Nanoseconds(NS_PER_S)
"""For a whole answer. Both hosts wait 0.1 s for a byte; a printed ticket may go before it."""
REFRESH_NS_MAX: Final = Nanoseconds(8 * NS_PER_S)
"""A number that is the same to its last bit for so long is no longer renewed. The captured numbers
carry all 24 bits of a float32, and noise alone is 0.02 % of a reading (calibrators.md 2.3)."""
ACTIVITY_BQ_MAX: Final = 10**12
"""Well chambers measure up to about 1e10 Bq (BIPM Monographie 4); a hundred times that is no
reading. The line has no flag for over range."""
SMALLEST_BIT: Final = -149
"""Of a float32, as a power of two."""

BEGIN: Final = "@"
NUCLIDE_LETTERS: Final = "ABCDEF"
UNIT_LETTER: Final = "G"
ACTIVITY_LETTERS: Final = "HIJK"
"""``@`` begins; each letter asks for one byte. The activity is a float32, its lowest byte first."""


class Unit(Enum):
    """What one of an instrument's unit is worth in Bq."""

    MICROCURIE = 37_000
    MILLICURIE = 37_000_000
    CURIE = 37_000_000_000
    MEGABECQUEREL = 1_000_000
    GIGABECQUEREL = 1_000_000_000


CODES_BY_HOST: Final[Mapping[str, Mapping[int, Unit]]] = {
    "crc-15pet.py": {
        2: Unit.MICROCURIE,
        3: Unit.MILLICURIE,
        4: Unit.CURIE,
        5: Unit.MEGABECQUEREL,
        6: Unit.GIGABECQUEREL,
    },
    "CRC15R.java": {
        1: Unit.MICROCURIE,
        2: Unit.MILLICURIE,
        3: Unit.CURIE,
        5: Unit.MEGABECQUEREL,
        6: Unit.GIGABECQUEREL,
    },
}
"""The unit codes as each public host reads them."""
CODES: Final = tuple(sorted({code for table in CODES_BY_HOST.values() for code in table}))


class Activity(NamedTuple):
    """Worth of a reply's number, and of its last bit."""

    activity_bq: Becquerel
    resolution_bq: Becquerel


def units_named(code: int) -> tuple[Unit, ...]:
    """Every unit that a public host takes a code for; none for an unknown code."""
    named = (table.get(code) for table in CODES_BY_HOST.values())
    return tuple(dict.fromkeys(unit for unit in named if unit is not None))


def agreed_unit(code: int) -> Unit:
    """The unit of a code that every public host takes for the same.

    Raises ValueError for a code that is in no table, or that they read differently.
    """
    said = {host: table.get(code) for host, table in CODES_BY_HOST.items()}
    units = units_named(code)
    if not units:
        raise ValueError(f"is in no table (known are {', '.join(map(str, CODES))}): refused")
    if len(units) > 1 or None in said.values():
        words = ", ".join(f"{_word(unit)} by {host}" for host, unit in said.items())
        raise ValueError(f"is ambiguous ({words}): refused until a known source has proven it")
    return units[0]


def parse_number(field: bytes) -> Fraction:
    """The four bytes of an activity, exactly. ValueError for what cannot be an amount."""
    (number,) = struct.unpack("<f", field)
    if math.isnan(number) or math.isinf(number):
        raise ValueError("must be a number, neither NaN nor infinite: over range, or a fault")
    if number < 0:
        raise ValueError("must not be negative: background or zero are wrong")
    return Fraction(number)


def parse_activity(field: bytes, unit: Unit) -> Activity:
    """What a reply's number is worth, to the nearest Bq. ValueError for what is no reading."""
    number = parse_number(field)
    activity_bq = round(number * unit.value)
    if activity_bq > ACTIVITY_BQ_MAX:
        rule = f"must be at most {ACTIVITY_BQ_MAX:.0e} Bq, no well chamber measures more"
        raise ValueError(f"{rule}: {float(number):g} {_word(unit)}")
    return Activity(Becquerel(activity_bq), Becquerel(math.ceil(_last_bit(number) * unit.value)))


def _last_bit(number: Fraction) -> Fraction:
    """What the lowest of a float32's 24 bits is worth."""
    exponent = math.frexp(number)[1] - 24 if number else SMALLEST_BIT
    return Fraction(2) ** max(exponent, SMALLEST_BIT)


def _word(unit: Unit | None) -> str:
    return "undefined" if unit is None else unit.name.lower()
