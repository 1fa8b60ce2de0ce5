"""Capintec CRC-15R polling, as host and as calibrator: a letter asks for a byte, text is printed.

Knows places and lengths; not what a nuclide, a unit code or a number means. Sources:
elenhinan/CRC-Halflife, crc-15pet.py (the request in one piece, the reply as ``<6sBf``);
martiniano/shiny-plopper, CRC15R.java (the same letters one at a time).

A reply has neither marks nor a checksum, and the PRINT key sends lines of text on the same wire at
any time. What tells them apart is the unit code, a control character that no printed line holds: a
reply begins where a line may begin, and is six printable characters, that code and four bytes of
any value. Everything else is a printed line up to its line feed, or noise. So one reply proves
little by itself: whoever uses it must have several that agree.
"""

from dataclasses import dataclass
from typing import Final

from protocols.deframing import discarded, taken

REQUEST: Final = b"@ABCDEFGHIJK\r\n"
"""One whole reading, as crc-15pet.py asks for it."""
NUCLIDE_SIZE: Final = 6
ACTIVITY_SIZE: Final = 4
REPLY_SIZE: Final = NUCLIDE_SIZE + 1 + ACTIVITY_SIZE
CODE_MAX: Final = 8
"""From 9 on, control characters are those that printers know: tabulator, line feed and so on."""
LINE_MAX: Final = 132
"""A wide printer's line; printed text that goes on without a line feed is noise."""
_LETTERS: Final = b"@ABCDEFGHIJK"
_LINE_FEED: Final = 0x0A
_PRINTERS: Final = b"\t\x0b\x0c\r\x1b"
"""Besides printable characters: tabulators, form feed, carriage return and escape."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reading: the name as sent, padded to six characters, and the bytes of a float32."""

    nuclide_text: str
    unit_code: int
    activity_field: bytes

    @property
    def raw(self) -> bytes:
        """Its eleven bytes."""
        return self.nuclide_text.encode("ascii") + bytes((self.unit_code,)) + self.activity_field


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line of a ticket, with its line feed: nobody asked for it on this wire."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are neither, and why."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Poll:
    """What a host asks for: ``@`` begins a reading, ``A``..``K`` want one byte of it each."""

    letter: str


def encode_reply(reply: Reply) -> bytes:
    """Return the eleven bytes of a reply; ValueError if a field does not fit its place."""
    if Deframer().feed(reply.raw) != [reply]:
        raise ValueError(f"{reply} does not fit {NUCLIDE_SIZE} characters, a code and 4 bytes")
    return reply.raw


def decode_polls(data: bytes) -> list[Poll]:
    """What a calibrator hears in ``data``; line ends and anything else mean nothing to it."""
    return [Poll(chr(byte)) for byte in data if byte in _LETTERS]


class Deframer:
    """Bytes to replies and printed lines, as a host hears them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Reply | PrintedLine | Noise]:
        """All that ``data`` completes, in order; holds at most one unfinished line or reply."""
        self._buffer += data
        return taken(self._buffer, _take)

    def discard_partial(self) -> bytes:
        """Forget and return what is unfinished: the line was silent, or is quarantined."""
        return discarded(self._buffer)


def _take(buffer: bytearray) -> Reply | PrintedLine | Noise | None:
    """Return what stands at the start of ``buffer``; None if it is unfinished."""
    line = bytes(buffer[: LINE_MAX + 1])
    end = next((at for at, byte in enumerate(line) if not _printed(byte)), None)
    if end is None:
        too_long = len(line) > LINE_MAX
        return Noise(line[:LINE_MAX], "printed line without an end") if too_long else None
    if line[end] == _LINE_FEED:
        return PrintedLine(line[: end + 1])
    if line[end] > CODE_MAX:
        return Noise(line[: end + 1], "character that is neither printed nor a unit code")
    if end != NUCLIDE_SIZE or not line[:end].decode("ascii").isprintable():
        return Noise(line[: end + 1], f"unit code not after {NUCLIDE_SIZE} characters of a line")
    if len(line) < REPLY_SIZE:
        return None
    return Reply(line[:end].decode("ascii"), line[end], line[end + 1 : REPLY_SIZE])


def _printed(byte: int) -> bool:
    return 0x20 <= byte <= 0x7E or byte in _PRINTERS
