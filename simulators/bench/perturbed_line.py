"""The line of a device with a perturbed table: a firmware as it is, spoken to in a dialect.

It stands between a wire and a firmware, and turns every frame of either direction into what the
device takes it for. It knows no table and no device.
"""

from typing import Final

from simulators.bench.perturbation import Dialect, Grammar, Piece
from simulators.devices.serve import Firmware

BITS_PER_CHARACTER: Final = 10
"""8N1: start, eight data, stop."""


class Interpreter:
    """A `serve.Firmware` too. ``met`` says whether the altered entry was ever used."""

    def __init__(self, firmware: Firmware, grammar: Grammar, dialect: Dialect) -> None:
        self._firmware, self._grammar, self._dialect = firmware, grammar, dialect
        self._asked = ""
        self.met = False

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return self._firmware.baud

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return self._firmware.bits_per_character

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """Hear bytes as this device hears them, and answer as it answers."""
        heard = [self._taken(piece) for piece in self._grammar.heard(data)]
        return b"".join(self._told(self._firmware.feed(one, now_ns)) for one in heard)

    def process(self, now_ns: int) -> bytes:
        """Advance; what is said unasked is said in the dialect as well."""
        return self._told(self._firmware.process(now_ns))

    def _taken(self, piece: Piece) -> bytes:
        raw = piece.raw
        if piece.text is not None:
            self._asked = piece.text
            self.met = self.met or self._dialect.speaks(piece.text)
            taken = self._dialect.takes(piece.text)
            raw = raw if taken == piece.text else piece.framed(taken)
        return self._note(piece.raw, self._dialect.hears(raw))

    def _told(self, said: bytes) -> bytes:
        return b"".join(self._retold(piece) for piece in self._grammar.said(said))

    def _retold(self, piece: Piece) -> bytes:
        raw = piece.raw
        if piece.text is not None:
            told = self._dialect.tells(self._asked, piece.text)
            raw = raw if told == piece.text else piece.framed(told)
        return self._note(piece.raw, self._dialect.says(raw))

    def _note(self, before: bytes, after: bytes) -> bytes:
        self.met = self.met or before != after
        return after


def resampled(data: bytes, sent_baud: int, read_baud: int) -> bytes:
    """What a UART at ``read_baud`` makes of 8N1 characters sent at ``sent_baud``.

    A character whose stop bit is not there is dropped, as a serial driver does.
    """
    bits = [bit for byte in data for bit in (0, *((byte >> n) & 1 for n in range(8)), 1)]
    ratio, at, read = sent_baud / read_baud, 0.0, bytearray()

    def line(time: float) -> int:
        return bits[int(time)] if time < len(bits) else 1

    while at < len(bits):
        if line(at):
            at = float(int(at) + 1)
            continue
        seen = [line(at + (n + 0.5) * ratio) for n in range(1, BITS_PER_CHARACTER)]
        if seen[-1]:
            read.append(sum(bit << n for n, bit in enumerate(seen[:-1])))
        at += (BITS_PER_CHARACTER - 0.5) * ratio
    return bytes(read)


def at_another_speed(host_baud: int, device_baud: int) -> Dialect:
    """A device that is set to another line speed than its host."""
    return Dialect(
        hears=lambda data: resampled(data, host_baud, device_baud),
        says=lambda data: resampled(data, device_baud, host_baud),
    )
