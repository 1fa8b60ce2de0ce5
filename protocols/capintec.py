"""Capintec CRC-55R framing ``$ LEN PAYLOAD CHK #``, as host and as calibrator, and its payloads.

Knows lengths, the checksum and where fields lie; not what a unit digit or a nuclide means. Source:
lulzzz/iRadiate, CentricityLink.cs; fields CapintecDoseCalibrator.cs.

CHK has seven bits and may be ``#``, ``$`` or a control character, so a frame ends where LEN says
and never at the next ``#``. A payload is printable ASCII without ``$``: a ``$`` inside one condemns
the frame at once, and a frame that fails any check costs only its ``$``. A good frame is thus
reported with its own last byte, whatever came before it.
"""

from dataclasses import dataclass, replace
from typing import Final

from protocols.checksums import capintec_checksum
from protocols.deframing import discarded, taken

START: Final = 0x24
END: Final = 0x23
POLL: Final = 0x40
LEN_BASE: Final = 0x41
PAYLOAD_MAX: Final = 25
"""LEN is ``B``..``Z``; the longest payload known has 18 characters."""
_AROUND: Final = 4
_REPLY_LENGTH: Final = 18


@dataclass(frozen=True, slots=True)
class Frame:
    """A proven frame."""

    payload: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Poll:
    """A lone ``@`` from a host; answered by a line that ends in ``#``, meaning not stated."""

    raw: bytes = b"@"


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no frame, and why."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class ReadChamber:
    """``R1``: ask for a reading of a chamber, 1..8."""

    chamber: int = 1


@dataclass(frozen=True, slots=True)
class SelectIsotope:
    """``I13``: press isotope key 0..9 of a chamber."""

    key: int
    chamber: int = 1


Request = ReadChamber | SelectIsotope


@dataclass(frozen=True, slots=True)
class ActivityReply:
    """``DR1`` reply: 8 characters of nuclide, 6 of activity, both as sent, and a unit digit."""

    chamber: int
    nuclide_text: str
    activity_text: str
    unit_digit: str


def encode(payload: bytes) -> bytes:
    """Return the frame of ``payload``: 1..25 printable characters but ``$``, else ValueError."""
    if not 1 <= len(payload) <= PAYLOAD_MAX or not all(map(_allowed, payload)):
        raise ValueError(f"{payload!r} is not 1..{PAYLOAD_MAX} printable characters without '$'")
    length = LEN_BASE + len(payload)
    return bytes((START, length, *payload, capintec_checksum(length, payload), END))


def encode_request(request: Request) -> bytes:
    """Return the frame of a request; ValueError for a chamber or key that does not exist."""
    if isinstance(request, ReadChamber):
        payload = f"R{request.chamber}".encode("ascii")
    else:
        payload = f"I{request.chamber}{request.key}".encode("ascii")
    decode_request(payload)
    return encode(payload)


def encode_reply(reply: ActivityReply) -> bytes:
    """Return the frame of a reply, its nuclide padded; ValueError if a field does not fit."""
    nuclide = reply.nuclide_text.ljust(8)
    text = f"DR{reply.chamber}{nuclide}{reply.activity_text}{reply.unit_digit}"
    payload = text.encode("ascii")
    if decode_reply(payload) != replace(reply, nuclide_text=nuclide):
        raise ValueError(f"{reply} does not fit the fields of {_REPLY_LENGTH} characters")
    return encode(payload)


def decode_request(payload: bytes) -> Request:
    """Return the request in a payload; ValueError if it is none."""
    text = payload.decode("ascii")
    if len(text) == 2 and text[0] == "R" and text[1] in "12345678":
        return ReadChamber(int(text[1]))
    if len(text) == 3 and text[0] == "I" and text[1] in "12345678" and text[2] in "0123456789":
        return SelectIsotope(int(text[2]), int(text[1]))
    raise ValueError(f"payload {text!r} is neither R<chamber> nor I<chamber><key>")


def decode_reply(payload: bytes) -> ActivityReply:
    """Return the reading in a payload; ValueError if it is none."""
    text = payload.decode("ascii")
    if len(text) != _REPLY_LENGTH or text[:2] != "DR" or text[2] not in "12345678":
        raise ValueError(f"payload {text!r} is not DR<chamber> and {_REPLY_LENGTH - 3} characters")
    return ActivityReply(int(text[2]), text[3:11], text[11:17], text[17])


class Deframer:
    """Bytes to frames. The calibrator's side also hears a lone ``@``; to a host that is noise."""

    def __init__(self, *, hears_poll: bool = False) -> None:
        self._buffer = bytearray()
        self._hears_poll = hears_poll

    def feed(self, data: bytes) -> list[Frame | Poll | Noise]:
        """All that ``data`` completes, in order; holds at most one unfinished frame."""
        self._buffer += data
        return taken(self._buffer, self._take)

    def discard_partial(self) -> bytes:
        """Forget and return an unfinished frame: the line was silent, or is quarantined."""
        return discarded(self._buffer)

    def _take(self, buffer: bytearray) -> Frame | Poll | Noise | None:
        if buffer[0] == START:
            return _take_frame(buffer)
        if self._hears_poll and buffer[0] == POLL:
            return Poll()
        marks = (START, POLL) if self._hears_poll else (START,)
        end = next((at for at, byte in enumerate(buffer) if byte in marks), None)
        return Noise(bytes(buffer[:end]), "outside a frame")


def _allowed(byte: int) -> bool:
    return 0x20 <= byte <= 0x7E and byte != START


def _take_frame(buffer: bytearray) -> Frame | Noise | None:
    """Return the frame at the start of ``buffer``, which begins with ``$``; None if unfinished."""
    if len(buffer) < 2:
        return None
    start = bytes(buffer[:1])
    size = buffer[1] - LEN_BASE
    if not 1 <= size <= PAYLOAD_MAX:
        return Noise(start, "length out of range")
    payload = bytes(buffer[2 : 2 + size])
    if not all(map(_allowed, payload)):
        return Noise(start, "character that no payload holds")
    total = size + _AROUND
    if len(buffer) < total:
        return None
    if buffer[total - 1] != END:
        return Noise(start, "frame does not end where its length says")
    if buffer[total - 2] != capintec_checksum(buffer[1], payload):
        return Noise(start, "checksum does not match")
    return Frame(payload, bytes(buffer[:total]))
