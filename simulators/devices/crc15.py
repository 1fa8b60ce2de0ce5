"""A Capintec CRC-15R as its host sees it: one byte for each letter, and tickets when it prints.

Knows bytes and the display's units; the number itself is the chamber's. Not public and therefore
chosen here: at which number the display changes its unit, what stands in the number over range, how
a ticket is laid out, and that each byte is taken from what the display shows when its letter comes.
"""

import math
import struct
from dataclasses import dataclass, field
from typing import Final

from protocols.crc15 import NUCLIDE_SIZE, Poll, Reply, decode_polls, encode_reply
from simulators.devices.room import Room

BAUD: Final = 4800
BITS_PER_CHARACTER: Final = 10
"""8N1: start, eight data, stop."""
KEYS: Final = ("Tc99m", "Cs137", "Co60", "I131", "Co57", "Ba133")
"""Nuclides with a key of their own on this instrument."""
CURIE: Final = ((2, 37_000), (3, 37_000_000), (4, 37_000_000_000))
"""uCi, mCi, Ci with the codes of crc-15pet.py."""
OTHER_CURIE: Final = ((1, 37_000), (2, 37_000_000), (3, 37_000_000_000))
"""The same with those of CRC15R.java."""
BECQUEREL: Final = ((5, 1_000_000), (6, 1_000_000_000))
"""MBq and GBq; in these both agree."""
NAMES: Final = {37_000: "uCi", 37_000_000: "mCi", 37_000_000_000: "Ci", 10**6: "MBq", 10**9: "GBq"}


@dataclass(frozen=True, slots=True)
class DisplayUnits:
    """This instrument's unit codes and their sizes in Bq, the smallest first; a test may perturb.

    It shows the smallest in which the number stays below ``next_from``.
    """

    sizes_bq: tuple[tuple[int, int], ...] = CURIE
    next_from: float = 1000.0
    over_range: float = math.inf


@dataclass(slots=True)
class Crc15Firmware:
    """One instrument on a room's chamber. Not powered, it is silent.

    ``ticket_every_ns``: it prints by itself that often, as if somebody kept pressing PRINT.
    """

    room: Room
    units: DisplayUnits = DisplayUnits()
    powered: bool = True
    baud: int = BAUD
    bits_per_character: int = BITS_PER_CHARACTER
    ticket_every_ns: int = 0
    _begun: bool = False
    _printed_ns: int = 0
    _ticket: bytes = field(default=b"")

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it says to ``data`` that arrived at ``now_ns``; a ticket it has begun goes first."""
        printed = self.process(now_ns)
        if not self.powered:
            return b""
        return printed + b"".join(map(self._answer, decode_polls(data)))

    def process(self, now_ns: int) -> bytes:
        """Advance the room; what it prints meanwhile."""
        self.room.process(now_ns)
        if self.ticket_every_ns and now_ns - self._printed_ns >= self.ticket_every_ns:
            self._printed_ns = now_ns
            self.print_ticket()
        ticket, self._ticket = self._ticket, b""
        return ticket if self.powered else b""

    def print_ticket(self) -> None:
        """Somebody presses PRINT: the ticket goes on the wire that the host reads."""
        shown = self._shown()
        (number,) = struct.unpack("<f", shown.activity_field)
        unit = NAMES[dict(self.units.sizes_bq)[shown.unit_code]]
        rows = ("CRC-15R", f"NUCLIDE {shown.nuclide_text}", f"ACTIVITY {number:.4g} {unit}")
        self._ticket += "".join(f"{row}\r\n" for row in rows).encode("ascii")

    def select_locally(self, nuclide: str) -> None:
        """Somebody presses a nuclide's key; KeyError for one that has none."""
        if nuclide not in KEYS:
            raise KeyError(nuclide)
        self.room.chamber.nuclide = nuclide

    def _answer(self, poll: Poll) -> bytes:
        """One byte for a letter, if a reading has been begun."""
        if poll.letter == "@":
            self._begun = True
            return b""
        at = ord(poll.letter) - ord("A")
        return encode_reply(self._shown())[at : at + 1] if self._begun else b""

    def _shown(self) -> Reply:
        """What the display shows now, as the eleven bytes of a reply hold it."""
        shown = self.room.chamber.display()
        code, number = self._number(shown.activity_bq)
        return Reply(name_shown(shown.nuclide), code, struct.pack("<f", number))

    def _number(self, activity_bq: float | None) -> tuple[int, float]:
        """The unit code and the number in it."""
        code, size_bq = self.units.sizes_bq[-1]
        if activity_bq is None:
            return code, self.units.over_range
        fits = (one for one in self.units.sizes_bq if activity_bq < self.units.next_from * one[1])
        code, size_bq = next(fits, (code, size_bq))
        return code, activity_bq / size_bq


def name_shown(nuclide: str) -> str:
    """``I131`` as ``I 131 ``: the symbol has two places, as in the captured ``F 18  ``."""
    digits = next(at for at, character in enumerate(nuclide) if character.isdigit())
    return (nuclide[:digits].ljust(2) + nuclide[digits:]).ljust(NUCLIDE_SIZE)
