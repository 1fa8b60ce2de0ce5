"""A Capintec CRC-55R as its host sees it: framing and replies in front of a chamber.

Knows bytes and the display's digits; the number itself is the chamber's. Not public and therefore
chosen here: a request that is no frame, unknown or for another chamber is answered with silence
(calibrators.md 1.1: "How an error reply is framed is [N]"), as are ``I`` requests and a lone ``@``.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from protocols.capintec import (
    ActivityReply,
    Deframer,
    Frame,
    ReadChamber,
    decode_request,
    encode_reply,
)
from simulators.devices.room import Room

BAUD: Final = 9600
BITS_PER_CHARACTER: Final = 10
"""8N1: start, eight data, stop."""
FIELD: Final = 6
KEYS: Final[dict[int, str]] = {
    0: "Tc99m", 1: "Cs137", 2: "Co60", 3: "I131", 4: "Co57", 5: "Ba133",
}  # fmt: skip
"""Isotope keys of this instrument; assigned by its owner, so a property of the unit."""


@dataclass(frozen=True, slots=True)
class DisplayUnits:
    """This instrument's own unit digits and sizes (lulzzz/iRadiate); a test may perturb them."""

    over_range: str = "0"
    sizes_bq: tuple[tuple[str, int], ...] = (("5", 1_000_000), ("6", 1_000_000_000))
    resolution_bq: int = 1000
    digits: int = 4


@dataclass(slots=True)
class Crc55Firmware:
    """One instrument on a room's chamber. Not powered, it is silent."""

    room: Room
    units: DisplayUnits = DisplayUnits()
    powered: bool = True
    baud: int = BAUD
    bits_per_character: int = BITS_PER_CHARACTER
    _deframer: Deframer = field(default_factory=lambda: Deframer(hears_poll=True))

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it answers to ``data`` that arrived at ``now_ns``."""
        self.process(now_ns)
        if not self.powered:
            return b""
        frames = [f for f in self._deframer.feed(data) if isinstance(f, Frame)]
        return b"".join(self._answer(frame.payload) for frame in frames)

    def process(self, now_ns: int) -> bytes:
        """Advance the room; the instrument never speaks unasked."""
        self.room.process(now_ns)
        return b""

    def select_locally(self, nuclide: str) -> None:
        """Somebody presses an isotope key at the instrument; KeyError for an unknown nuclide."""
        if nuclide not in KEYS.values():
            raise KeyError(nuclide)
        self.room.chamber.nuclide = nuclide

    def _answer(self, payload: bytes) -> bytes:
        try:
            request = decode_request(payload)
        except ValueError:
            return b""
        if request.chamber != 1:
            return b""
        if isinstance(request, ReadChamber):
            return encode_reply(self._reading())
        self.room.chamber.nuclide = KEYS.get(request.key, self.room.chamber.nuclide)
        return b""

    def _reading(self) -> ActivityReply:
        shown = self.room.chamber.display()
        if shown.activity_bq is None:
            return ActivityReply(1, shown.nuclide, " " * FIELD, self.units.over_range)
        text, digit = display_text(shown.activity_bq, self.units)
        return ActivityReply(1, shown.nuclide, text.rjust(FIELD), digit)


def display_text(activity_bq: float, units: DisplayUnits) -> tuple[str, str]:
    """Digits as displayed and the unit digit: ``digits`` of them, no finer than the resolution."""
    for digit, size_bq in units.sizes_bq:
        value = Decimal(activity_bq) / size_bq
        before = len(str(int(value)))
        places = min(max(units.digits - before, 0), len(str(size_bq // units.resolution_bq)) - 1)
        text = f"{value:.{places}f}"
        if len(text.replace(".", "")) <= units.digits:
            return text, digit
    return " " * FIELD, units.over_range
