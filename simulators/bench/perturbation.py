"""Perturbed tables as data: one entry of one device's own table is altered, nothing else.

A row says which entry, in which way, and what a device is like that has it so. It knows numbers,
words and bytes on a line; how a kind of device spells them stands in that kind's adapter
(`simulators.bench.perturbed_new_era`, `simulators.bench.perturbed_crc55`). Drivers and controller
read their tables unaltered.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from simulators.bench.faults import Fault

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

DIGITS: Final = 4
PLACES: Final = 3
NUMBER: Final = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")

Text = Callable[[str], str]


class Way(StrEnum):
    """Where a device's own reading of an entry differs from what the host means by it.

    ``MEANT`` is both ways at once: what was set is read back as it was set, and means another
    thing.
    """

    TAKEN = "taken"
    TOLD = "told"
    MEANT = "meant"


def same(text: str) -> str:
    """As it is."""
    return text


def as_said(_asked: str, text: str) -> str:
    """A reply as it is."""
    return text


def same_bytes(data: bytes) -> bytes:
    """Bytes as they are."""
    return data


def nothing(_stage: "Stage") -> None:
    """No table in the device itself is altered."""


def never(_text: str) -> bool:
    """No text speaks of an entry that only a device's inside knows."""
    return False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a device with one altered entry differs from ours.

    ``takes`` a message's text as the host meant it and gives it as the device understands it;
    ``tells`` the text of a reply to such a message; ``hears`` and ``says`` alter whole frames;
    ``inside`` alters a table within the device, whose entry ``speaks`` finds in a text.
    """

    takes: Text = same
    tells: Callable[[str, str], str] = as_said
    hears: Callable[[bytes], bytes] = same_bytes
    says: Callable[[bytes], bytes] = same_bytes
    inside: Callable[["Stage"], None] = nothing
    speaks: Callable[[str], bool] = never


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame on a line: its text (None where it has none), and the frame of another text."""

    raw: bytes
    text: str | None
    framed: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Bytes of a line to frames, as they come: what the device hears, and what it says."""

    heard: Callable[[bytes], Iterator[Piece]]
    said: Callable[[bytes], Iterator[Piece]]


@dataclass(frozen=True, slots=True)
class Row:
    """One perturbation. ``minutes`` of infusion and ``faults`` are such that the entry matters."""

    device: str
    table: str
    entry: str
    way: Way
    alteration: str
    dialect: Callable[[], Dialect]
    minutes: float = 1.0
    faults: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """Unique among all rows."""
        return ":".join((self.device, self.table, self.entry, self.way.value, self.alteration))


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of device: its rows, the tables that they must cover, and how its line is spelt.

    ``tables`` is every table of the kind's vocabulary with its entries: each entry has a row.
    """

    wire: str
    tables: Mapping[str, Sequence[str]]
    rows: tuple[Row, ...]
    grammar: Callable[[], Grammar]


FACTORS: Final = {
    "x10": Fraction(10),
    "/10": Fraction(1, 10),
    "x60": Fraction(60),
    "/60": Fraction(1, 60),
    "x2": Fraction(2),
    "/2": Fraction(1, 2),
}


def scaled(text: str, factor: Fraction) -> str:
    """A number times ``factor`` as a display of four digits shows it, whole numbers whole."""
    exact = Fraction(Decimal(text)) * factor
    if "." not in text:
        return str(int(exact))
    places = max(0, min(PLACES, DIGITS - len(str(int(exact)))))
    shown = f"{Decimal(int(exact * 10**places)).scaleb(-places):f}"
    return shown if places else shown + "."


def _negative(text: str) -> str:
    return "-" + text


def _without_last(text: str) -> str:
    return text[:-1]


def _without_first(text: str) -> str:
    return text[1:]


SPELLINGS: Final[Mapping[str, Text]] = {
    "sign": _negative,
    "last digit dropped": _without_last,
    "first digit dropped": _without_first,
}
"""What may befall a number's text alone. Nothing of it can be read back as it was set."""


def first_number(alter: Text) -> Text:
    """The same on the first number in a text."""
    return lambda text: NUMBER.sub(lambda found: alter(found[0]), text, count=1)


def by(factor: Fraction) -> Text:
    """Times ``factor``."""
    return lambda text: scaled(text, factor)


ALTERATIONS: Final[Mapping[str, Text]] = {
    **{name: by(factor) for name, factor in FACTORS.items()},
    **SPELLINGS,
}


def remembered(factor: Fraction) -> tuple[Text, Text]:
    """Taking a number as another, and telling it again to the digit; one not taken is divided."""
    held: dict[str, str] = {}

    def take(text: str) -> str:
        taken = scaled(text, factor)
        held[_plain(taken)] = text
        return taken

    def tell(text: str) -> str:
        return held.get(_plain(text)) or scaled(text, 1 / factor)

    return take, tell


def _plain(text: str) -> str:
    """``10.00``, ``10.`` and ``010`` are one number."""
    return str(Fraction(Decimal(text)))


def neighbours(entries: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each entry with its name's alteration and its neighbour: the next one, and the one before."""
    for at, entry in enumerate(entries):
        for alteration, step in (("next", 1), ("previous", -1)):
            other = entries[(at + step) % len(entries)]
            if other != entry and (step == 1 or len(entries) > 2):
                yield entry, alteration, other


def swapped(one: str, other: str) -> Mapping[str, str]:
    """Each for the other."""
    return {one: other, other: one}
