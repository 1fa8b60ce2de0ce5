"""Every perturbation of a CRC-55, made from the tables of its vocabulary.

What is altered is the simulated instrument's: its line, the places of its fields, what its unit
digits and its calibration factors are worth.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from firmware_interfaces import capintec as vocabulary
from firmware_interfaces.capintec import REPLY_FIELDS, Field, Unit
from protocols.capintec import END, LEN_BASE, START, Deframer, Frame
from protocols.checksums import capintec_checksum
from simulators.bench.faults import AtTime, Fault, fault
from simulators.bench.perturbation import (
    ALTERATIONS,
    Adapter,
    Dialect,
    Grammar,
    Piece,
    Row,
    Way,
    first_number,
    neighbours,
    scaled,
)
from simulators.bench.perturbed_line import at_another_speed
from simulators.devices.chamber import RESPONSE
from simulators.devices.crc55 import KEYS, Crc55Firmware

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

KIND: Final = "crc55"
ORDERED: Final = "I131"
OLDER_CHECKSUM: Final = 0x21
"""What a CRC-35R adds to the same sum (martiniano/shiny-plopper, CRC35R.java)."""
BAUDS: Final = (4800, 19200)
OVER_RANGE: Final = (fault("device", "contaminated_well", AtTime(0.0), mbq=20_000.0),)
"""What makes an instrument show no number."""
WIDTH: Final = vocabulary.ACTIVITY.width

Tells = Callable[[str, str], str]


def _field(field: Field, alter: Callable[[str], str]) -> Tells:
    """The same on one field of a reading, kept to its width."""
    begin, end = field.start, field.start + field.width

    def tells(_asked: str, text: str) -> str:
        found = alter(text[begin:end].strip())[: field.width]
        return text[:begin] + _laid(field, found) + text[end:]

    return tells


def _laid(field: Field, text: str) -> str:
    left = field is vocabulary.NUCLIDE
    return text.ljust(field.width) if left else text.rjust(field.width)


def _told(table: str, entry: str, alteration: str, tells: Tells) -> Row:
    return Row(KIND, table, entry, Way.TOLD, alteration, partial(Dialect, tells=tells))


def _instead(others: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: others.get(text, text)


def _units() -> Iterator[Row]:
    for name, alteration, other in neighbours(UNITS):
        digits = {str(int(Unit[name])): str(int(Unit[other]))}
        tells = _field(vocabulary.UNIT, _instead(digits))
        dialect = partial(Dialect, tells=tells, inside=partial(_shown_in, Unit[name]))
        faults = OVER_RANGE if name == "OVER_RANGE" else ()
        yield Row(KIND, "unit", name, Way.TOLD, alteration, dialect, faults=faults)
    for digit in ("9", "x"):
        unknown = _field(vocabulary.UNIT, _instead({str(int(Unit.MEGABECQUEREL)): digit}))
        yield _told("unit", "MEGABECQUEREL", digit, unknown)


def _shown_in(unit: Unit, stage: "Stage") -> None:
    """An instrument whose owner set it to show this unit."""
    size_bq = vocabulary.BQ_PER_UNIT.get(unit)
    if size_bq is not None:
        sizes = ((str(int(unit)), size_bq),)
        firmware = stage.world.calibrator_firmware
        assert isinstance(firmware, Crc55Firmware)
        firmware.units = replace(firmware.units, sizes_bq=sizes, digits=WIDTH - 1)


def _activities() -> Iterator[Row]:
    for name, alter in ALTERATIONS.items():
        yield _told("field", "activity", name, _field(vocabulary.ACTIVITY, first_number(alter)))


def _nuclides() -> Iterator[Row]:
    """The name of another nuclide, and the calibration factor of another under the right name."""
    for nuclide, alteration, other in neighbours(NUCLIDES):
        named = _field(vocabulary.NUCLIDE, _instead({nuclide: other}))
        dialect = partial(Dialect, tells=named)
        faults = () if nuclide == ORDERED else _set_to(nuclide)
        yield Row(KIND, "nuclide", nuclide, Way.TOLD, alteration, dialect, faults=faults)
    for nuclide in NUCLIDES:
        if nuclide != ORDERED:
            ratio = Fraction(RESPONSE[ORDERED] / RESPONSE[nuclide])
            factor = first_number(partial(scaled, factor=ratio))
            yield _told("factor", nuclide, "used", _field(vocabulary.ACTIVITY, factor))


def _set_to(nuclide: str) -> tuple[Fault, ...]:
    return (fault("device", "wrong_nuclide", AtTime(0.0), nuclide=nuclide),)


def _places() -> Iterator[Row]:
    """Fields one character beside their place, and two of them swapped."""
    for field in REPLY_FIELDS:
        yield _told("field", _short(field), "one later", partial(_later, field.start))
        yield _told("field", _short(field), "one sooner", partial(_sooner, field.start))
    for field, after in pairwise(REPLY_FIELDS):
        yield _told("field", _short(field), "swapped", partial(_swapped, field, after))


def _later(at: int, _asked: str, text: str) -> str:
    return (text[:at] + " " + text[at:])[: len(text)]


def _sooner(at: int, _asked: str, text: str) -> str:
    return text[:at] + text[at + 1 :] + " "


def _swapped(field: Field, after: Field, _asked: str, text: str) -> str:
    middle, end = after.start, after.start + after.width
    return text[: field.start] + text[middle:end] + text[field.start : middle] + text[end:]


def _short(field: Field) -> str:
    return field.name.split()[0].rstrip(",")


def _requests() -> Iterator[Row]:
    read, select = vocabulary.READ_COMMAND, vocabulary.SELECT_COMMAND
    letters = {read: select + "1", select: read}
    for letter, other in letters.items():
        takes = partial(_renamed, letter, other)
        dialect = partial(Dialect, takes=takes)
        yield Row(KIND, "request", letter, Way.TAKEN, f"as {other[0]}", dialect)


def _renamed(letter: str, other: str, text: str) -> str:
    return other + text[1:] if text.startswith(letter) else text


def _chambers() -> Iterator[Row]:
    other = partial(Dialect, takes=lambda text: text[:1] + "2" + text[2:])
    yield Row(KIND, "chamber", "chamber", Way.TAKEN, "+1", other)
    yield _told("chamber", "chamber", "+1", lambda _, text: text[:2] + "2" + text[3:])


def _framing() -> Iterator[Row]:
    row = partial(Row, KIND, "framing")
    for mark, at in (("start", 0), ("end", -1)):
        alter = partial(_byte, at, 1)
        yield row(mark, Way.TOLD, "+1", partial(Dialect, says=alter))
        yield row(mark, Way.MEANT, "+1", partial(Dialect, hears=alter, says=alter))
    for entry, at, step in (
        ("length", 1, 1),
        ("length", 1, -1),
        ("checksum", -2, OLDER_CHECKSUM),
        ("checksum", -2, 1),
    ):
        back, on = partial(_byte, at, -step), partial(_byte, at, step)
        yield row(entry, Way.TOLD, f"{step:+d}", partial(Dialect, says=on))
        yield row(entry, Way.MEANT, f"{step:+d}", partial(Dialect, hears=back, says=on))
    for speed in BAUDS:
        dialect = partial(at_another_speed, vocabulary.BAUD_RATE, speed)
        yield row("baud", Way.MEANT, f"set to {speed}", dialect)


def _byte(at: int, step: int, frame: bytes) -> bytes:
    found = bytearray(frame)
    if len(found) > 1:
        found[at] = (found[at] + step) % 256
    return bytes(found)


UNITS: Final = tuple(unit.name for unit in Unit)
NUCLIDES: Final = tuple(KEYS.values())


def grammar() -> Grammar:
    """A fresh one: it holds what has not ended yet."""
    return Grammar(_pieces(Deframer(hears_poll=True)), _pieces(Deframer()))


def _pieces(deframer: Deframer) -> Callable[[bytes], Iterator[Piece]]:
    def pieces(data: bytes) -> Iterator[Piece]:
        for found in deframer.feed(data):
            text = found.payload.decode("ascii") if isinstance(found, Frame) else None
            yield Piece(found.raw, text, _framed)

    return pieces


def _framed(text: str) -> bytes:
    """A frame of text that the grammar itself might refuse to write."""
    payload = text.encode("ascii")
    length = LEN_BASE + len(payload)
    return bytes((START, length, *payload, capintec_checksum(length, payload), END))


ADAPTER: Final = Adapter(
    wire="calibrator",
    tables={
        "unit": UNITS,
        "field": tuple(_short(field) for field in REPLY_FIELDS),
        "nuclide": NUCLIDES,
        "factor": tuple(name for name in NUCLIDES if name != ORDERED),
        "request": (vocabulary.READ_COMMAND, vocabulary.SELECT_COMMAND),
        "chamber": ("chamber",),
        "framing": ("start", "end", "length", "checksum", "baud"),
    },
    rows=(
        *_units(),
        *_activities(),
        *_nuclides(),
        *_places(),
        *_requests(),
        *_chambers(),
        *_framing(),
    ),
    grammar=grammar,
)
"""The CRC-55."""
