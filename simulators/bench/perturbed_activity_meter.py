"""Every perturbation of a NAM-M1 activity meter, made from the table of its registers.

A device that has an entry otherwise reckons the checksum over its own block, so that the checksum
shows none of this.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Final

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Type, decode, encode
from simulators.bench.perturbation import FACTORS, Adapter, Dialect, Row, Way
from simulators.bench.perturbed_line import at_another_speed
from simulators.bench.perturbed_registers import (
    READ,
    Words,
    grammar,
    in_place,
    rows_of,
    scaled,
    told,
)
from simulators.devices.activity_meter import NUCLIDES
from simulators.devices.chamber import RESPONSE

KIND: Final = "activity-meter"
ORDERED: Final = "I131"
BAUDS: Final = (9600, 38400)
OTHERS: Final = tuple(name for name in NUCLIDES if name != ORDERED)
READINGS: Final = tuple(row for row in nam.READING if row is not nam.CHECK)


def sealed(words: Words) -> Words:
    """The block with its own checksum in it."""
    if len(words) != nam.WORDS:
        return words
    return [*words[: nam.CHECK.address], nam.checksum(words[: nam.CHECK.address])]


def as_it_is(words: Words) -> Words:
    """The block as it is."""
    return words


def _status() -> Iterator[Row]:
    for bit in ReadingStatus:
        flip = in_place(nam.STATUS, partial(_flipped, int(bit)))
        dialect = partial(told, nam.STATUS.address, flip, sealed)
        yield Row(KIND, "status", bit.name or "", Way.TOLD, "flipped", dialect)


def _flipped(bit: int, words: Words) -> Words:
    return [words[0] ^ bit]


def _both_scaled(factor: Fraction) -> Dialect:
    """Both activities agree with each other, and are worth another unit than they say."""

    def alter(words: Words, at: int) -> Words:
        bq = scaled(Type.F32, factor)(words[at : at + 2])
        value = decode(nam.ACTIVITY, bq, nam.ORDER)
        assert isinstance(value, float)
        kbq = encode(nam.ACTIVITY_KBQ, round(value / nam.BQ_PER_KBQ), nam.ORDER)
        return [*words[:at], *bq, *kbq, *words[at + 4 :]]

    return told(nam.ACTIVITY.address, alter, sealed)


def _units() -> Iterator[Row]:
    for name, factor in FACTORS.items():
        dialect = partial(_both_scaled, factor)
        yield Row(KIND, "unit", "both activities", Way.TOLD, name, dialect)


def _factors() -> Iterator[Row]:
    """The calibration factor of another nuclide under the right name."""
    for nuclide in OTHERS:
        ratio = Fraction(RESPONSE[ORDERED] / RESPONSE[nuclide])
        yield Row(KIND, "factor", nuclide, Way.TOLD, "used", partial(_both_scaled, ratio))


def _nuclides() -> Iterator[Row]:
    """The numbers of another nuclide."""
    for nuclide in OTHERS:
        alter = partial(_named, NUCLIDES[nuclide])
        dialect = partial(told, nam.NUCLIDE_Z.address, alter, sealed)
        yield Row(KIND, "nuclide", nuclide, Way.TOLD, "named", dialect)


def _named(numbers: tuple[int, int], words: Words, at: int) -> Words:
    return [*words[:at], *numbers, *words[at + 2 :]]


def _requests() -> Iterator[Row]:
    """A question that the device understands one number beside."""
    for at, entry in enumerate(("function", "address", "count"), 1):
        for step in (1, -1):
            takes = partial(_taken, at, step)
            dialect = partial(Dialect, takes=takes)
            yield Row(KIND, "request", entry, Way.TAKEN, f"{step:+d}", dialect)


def _taken(at: int, step: int, text: str) -> str:
    words = text.split()
    number = int(words[at]) + step
    possible = number in (3, 4) if at == 1 else number >= 0
    if words[0] != READ or not possible:
        return text
    return " ".join((*words[:at], str(number), *words[at + 1 :]))


def _framing() -> Iterator[Row]:
    row = partial(Row, KIND, "framing")
    for entry, at in (("unit", 0), ("function", 1), ("count", 2), ("checksum", -1)):
        yield row(entry, Way.TOLD, "+1", partial(Dialect, says=partial(_byte, at)))
    yield row("unit", Way.MEANT, "+1", partial(Dialect, hears=partial(_byte, 0)))
    for speed in BAUDS:
        dialect = partial(at_another_speed, nam.BAUD_RATE, speed, even=True)
        yield row("baud", Way.MEANT, f"set to {speed}", dialect)


def _byte(at: int, frame: bytes) -> bytes:
    found = bytearray(frame)
    found[at] = (found[at] + 1) % 256
    return bytes(found)


def _check() -> Iterator[Row]:
    """The checksum itself, by another rule."""
    rules: dict[str, Callable[[Words], Words]] = {
        "+1": lambda words: [(words[0] + 1) % 0x10000],
        "bytes swapped": lambda words: [(words[0] >> 8 | words[0] << 8) & 0xFFFF],
    }
    for alteration, alter in rules.items():
        dialect = partial(told, nam.CHECK.address, in_place(nam.CHECK, alter), as_it_is)
        yield Row(KIND, "register", nam.CHECK.name, Way.TOLD, alteration, dialect)


ADAPTER: Final = Adapter(
    wire="calibrator",
    tables={
        "register": tuple(row.name for row in nam.READING),
        "status": tuple(bit.name or "" for bit in ReadingStatus),
        "unit": ("both activities",),
        "factor": OTHERS,
        "nuclide": OTHERS,
        "request": ("function", "address", "count"),
        "framing": ("unit", "function", "count", "checksum", "baud"),
    },
    rows=(
        *rows_of(KIND, READINGS, sealed),
        *_check(),
        *_status(),
        *_units(),
        *_factors(),
        *_nuclides(),
        *_requests(),
        *_framing(),
    ),
    grammar=grammar,
)
"""The activity meter."""
