"""Characters as bits on a wire, said with one setting of the line and heard with another.

What a receiver hears of a foreign speed or parity is what its hardware samples, not chance: each
bit in its middle, a character whose stop bit is low is kept, and that low is the next start bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

HIGH, LOW = 1, 0


@dataclass(frozen=True, slots=True)
class Setting:
    """8 data bits, 1 stop bit. ``parity`` is N, E or O."""

    baud: int
    parity: str = "N"

    @property
    def bit_s(self) -> Fraction:
        return Fraction(1, self.baud)

    def bits(self, character: int) -> Iterator[int]:
        """Start, data from the lowest, parity, stop."""
        data = [character >> place & 1 for place in range(8)]
        yield LOW
        yield from data
        if self.parity != "N":
            yield self.parity_bit(sum(data))
        yield HIGH

    def parity_bit(self, ones: int) -> int:
        return ones % 2 if self.parity == "E" else 1 - ones % 2


def heard(data: bytes, said: Setting, listens: Setting, *, strict: bool = False) -> bytes:
    """What is heard of ``data``; a ``strict`` receiver drops what fails its parity or stop bit.

    Linux does not: it hands such characters over (termios without INPCK, as pyserial sets it).
    """
    levels = [level for character in data for level in said.bits(character)]
    heard_so_far = bytearray()
    at_s = Fraction(0)
    while (start_s := _falls(levels, said, at_s)) is not None:
        slots = 10 if listens.parity == "N" else 11
        middles = [start_s + (slot + Fraction(1, 2)) * listens.bit_s for slot in range(slots)]
        sampled = [_level(levels, said, moment) for moment in middles]
        at_s = middles[-1]
        if sampled[0] == HIGH:
            at_s = middles[0]
            continue
        character = sum(bit << place for place, bit in enumerate(sampled[1:9]))
        good = sampled[-1] == HIGH and (
            listens.parity == "N" or sampled[9] == listens.parity_bit(sum(sampled[1:9]))
        )
        if good or not strict:
            heard_so_far.append(character)
    return bytes(heard_so_far)


def _level(levels: list[int], said: Setting, at_s: Fraction) -> int:
    slot = int(at_s / said.bit_s)
    return levels[slot] if slot < len(levels) else HIGH


def _falls(levels: list[int], said: Setting, after_s: Fraction) -> Fraction | None:
    """When the line is low next: now, or where its next low bit begins."""
    first = int(after_s / said.bit_s)
    for slot in range(first, len(levels)):
        if levels[slot] == LOW:
            return max(after_s, slot * said.bit_s)
    return None
