"""New Era pump framing, Basic and Safe, as host and as pump (NE-1000 User Manual 1200-01, 10.2).

Knows where a packet begins and ends, that it is proven, and how it divides into address, status and
data. Does not know what a command does; letters mean something in ``firmware_interfaces.new_era``.

How a reply's framing is told. After STX a Basic reply goes on with an ASCII digit (the address,
0x30..0x39), a Safe reply with LEN. No reply is longer than ``DATA_MAX`` = 43 bytes, so a LEN lies
in 7..47 and is never an ASCII digit: the second byte decides, and nothing needs to be guessed.

How a deframer finds its feet. Data is printable ASCII in both framings. A control byte inside data
therefore condemns the packet at once, and a packet that fails any check costs only its STX: the
search goes on with the next byte. A good packet is thus reported with its own last byte, whatever
came before it. Only the two bytes of the CRC may hold any value, and they are found by LEN.

A pump hears the same, except that what follows a broken Safe packet is dropped up to the next STX
or half a second of silence: else its remains could be heard as a Basic line, and be a RUN.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocols.checksums import crc_ccitt_xmodem
from protocols.deframing import discarded

STX: Final = 0x02
ETX: Final = 0x03
CR: Final = 0x0D
DATA_MAX: Final = 43
"""Longest <transmitted data>, so that LEN stays below "0" (0x30); the longest known is 17."""
OVERHEAD: Final = 4
"""LEN counts itself, two CRC bytes and ETX besides the data."""
LINE_MAX: Final = 64
"""Longest Basic command as typed, before spaces and control characters are stripped."""

PROMPTS: Final = frozenset("IWSPTUX")
ALARMS: Final = frozenset("RSTEO")
ERRORS: Final = frozenset(("?", "?NA", "?OOR", "?COM", "?IGN"))

_LINE_ENDS: Final = b"\r\n"
_BLANK: Final = frozenset(range(0x21)) - {STX, CR} | {0x7F}
_REPLY_DATA_MIN: Final = 3


class Mode(Enum):
    """Framing of one packet."""

    BASIC = "basic"
    SAFE = "safe"


class PacketFault(Enum):
    """Why a packet from a host was refused by the pump's side."""

    CRC = "checksum does not match"
    FRAMING = "packet does not end where its length says"
    GRAMMAR = "not [address | *] [command]"
    TOO_LONG = "longer than any command"


_COMMAND_TEXT: Final = re.compile(r"[!-)+-`{-~]*")
"""Printable ASCII without space, ``*`` and small letters."""
_REPLY_DATA: Final = re.compile(r"(?!\?)[ -~]*")
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_UNHEARD: Final = bytes((*range(0x21), 0x7F))
_LOSES_BOUNDARY: Final = frozenset((PacketFault.FRAMING, PacketFault.TOO_LONG))


@dataclass(frozen=True, slots=True)
class Command:
    """One packet to a pump. Empty ``text`` asks for the status; ``system`` is the ``*`` prefix.

    ``text`` is upper-case printable ASCII without spaces and begins with a letter. ``address`` is
    0..99, or None for none. Raises ValueError naming the rule.
    """

    text: str
    address: int | None = None
    system: bool = False

    def __post_init__(self) -> None:
        if self.system and self.address is not None:
            raise ValueError("a system command (*) overrides the address: give one of them")
        if self.address is not None and not 0 <= self.address <= 99:
            raise ValueError(f"address {self.address} is not in 0..99")
        if not _COMMAND_TEXT.fullmatch(self.text):
            raise ValueError(f"command {self.text!r} is not upper-case printable ASCII")
        if self.text and not self.text[0].isalpha():
            raise ValueError(f"command {self.text!r} does not begin with a letter")
        if len(_command_data(self)) > DATA_MAX:
            raise ValueError(f"command {self.text!r} is longer than {DATA_MAX} bytes")


@dataclass(frozen=True, slots=True)
class Reply:
    """One packet from a pump: exactly one of ``prompt`` and ``alarm``, then an error or data.

    ``prompt``, ``alarm`` and ``error`` hold the wire's own text (``"S"``, ``"T"``, ``"?NA"``),
    which equals the member of the vocabulary's ``StrEnum``. Raises ValueError naming the rule.
    """

    address: int
    prompt: str | None
    alarm: str | None = None
    error: str | None = None
    data: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.address <= 99:
            raise ValueError(f"address {self.address} is not in 0..99")
        if (self.prompt is None) == (self.alarm is None):
            raise ValueError("a reply has either a prompt or an alarm")
        if self.prompt is not None and self.prompt not in PROMPTS:
            raise ValueError(f"unknown prompt {self.prompt!r}")
        if self.alarm is not None and (self.alarm not in ALARMS or self.error or self.data):
            raise ValueError(f"unknown alarm {self.alarm!r}, or an alarm with data")
        if self.error is not None and (self.error not in ERRORS or self.data):
            raise ValueError(f"unknown error {self.error!r}, or an error with data")
        if not _REPLY_DATA.fullmatch(self.data):
            raise ValueError(f"data {self.data!r} is not printable ASCII free of a leading '?'")
        if len(_reply_data(self)) > DATA_MAX:
            raise ValueError(f"data {self.data!r} makes a reply longer than {DATA_MAX} bytes")


@dataclass(frozen=True, slots=True)
class ReplyFrame:
    """A reply as it stood on the wire."""

    reply: Reply
    mode: Mode
    raw: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no reply, and why."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class CommandFrame:
    """A command as it stood on the wire."""

    command: Command
    mode: Mode
    raw: bytes


@dataclass(frozen=True, slots=True)
class BadPacket:
    """Bytes from a host that are no command, and why."""

    mode: Mode
    fault: PacketFault
    raw: bytes


def encode_command(command: Command, mode: Mode) -> bytes:
    """Return the packet a host sends."""
    data = _command_data(command)
    return _safe_packet(data) if mode is Mode.SAFE else data + bytes((CR,))


def encode_reply(reply: Reply, mode: Mode) -> bytes:
    """Return the packet a pump sends: ``mode`` is that after the command it answers (10.2.3)."""
    data = _reply_data(reply)
    return _safe_packet(data) if mode is Mode.SAFE else bytes((STX, *data, ETX))


class HostDeframer:
    """Bytes from pumps to replies, Basic and Safe at any time; holds at most one packet's part."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[ReplyFrame | Noise]:
        """All that ``data`` completes, in order. CR and LF between packets are dropped."""
        found: list[ReplyFrame | Noise] = []
        self._buffer += data
        while self._buffer:
            skipped = _before_stx(self._buffer)
            if skipped:
                _report(found, bytes(self._buffer[:skipped]), "outside a packet")
                del self._buffer[:skipped]
                continue
            taken = _take_reply(self._buffer)
            if taken is None:
                break
            found.append(taken)
            del self._buffer[: len(taken.raw)]
        return found

    def discard_partial(self) -> bytes:
        """Forget and return an unfinished packet: the line was silent, or is quarantined."""
        return discarded(self._buffer)


class PumpDeframer:
    """Bytes from a host to commands; STX begins a Safe packet, anything else is a Basic line."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lost = False

    def feed(self, data: bytes) -> list[CommandFrame | BadPacket]:
        """All that ``data`` completes, in order; a refused packet is reported once."""
        found: list[CommandFrame | BadPacket] = []
        self._buffer += data
        while self._buffer:
            if self._lost:
                del self._buffer[: _before_stx(self._buffer)]
                self._lost = not self._buffer
                continue
            if self._buffer[0] in _BLANK:
                del self._buffer[0]
                continue
            safe = self._buffer[0] == STX
            taken = _take_safe_command(self._buffer) if safe else _take_line(self._buffer)
            if taken is None:
                break
            found.append(taken)
            del self._buffer[: len(taken.raw)]
            self._lost = isinstance(taken, BadPacket) and taken.fault in _LOSES_BOUNDARY
        return found

    def discard_partial(self) -> bytes:
        """Forget and return an unfinished packet: 0.5 s passed between two bytes (10.2.3)."""
        self._lost = False
        return discarded(self._buffer)


def _command_data(command: Command) -> bytes:
    address = "*" if command.system else "" if command.address is None else str(command.address)
    return (address + command.text).encode("ascii")


def _reply_data(reply: Reply) -> bytes:
    status = f"A?{reply.alarm}" if reply.prompt is None else reply.prompt
    return f"{reply.address:02d}{status}{reply.error or reply.data}".encode("ascii")


def _safe_packet(data: bytes) -> bytes:
    crc = crc_ccitt_xmodem(data).to_bytes(2, "big")
    return bytes((STX, len(data) + OVERHEAD)) + data + crc + bytes((ETX,))


def _printable(data: bytes | bytearray) -> int:
    """How many bytes at the start of ``data`` are printable ASCII."""
    return len(data) - len(data.lstrip(_PRINTABLE))


def _before_stx(buffer: bytearray) -> int:
    at = buffer.find(STX)
    return len(buffer) if at < 0 else at


def _report(found: list[ReplyFrame | Noise], raw: bytes, reason: str) -> None:
    if raw.strip(_LINE_ENDS):
        found.append(Noise(raw, reason))


def _safe_fault(buffer: bytearray, data_min: int) -> tuple[int, PacketFault | None] | None:
    """Judge the Safe packet that ``buffer`` begins with: (length, fault), None if unfinished.

    A broken frame has length 1: only its STX is given up, so that a good packet inside the length
    it claimed is still found.
    """
    if len(buffer) < 2:
        return None
    size = buffer[1] - OVERHEAD
    if not data_min <= size <= DATA_MAX:
        return 1, PacketFault.FRAMING
    data = buffer[2 : 2 + size]
    if _printable(data) < len(data):
        return 1, PacketFault.FRAMING
    total = size + OVERHEAD + 1
    if len(buffer) < total:
        return None
    if buffer[total - 1] != ETX:
        return 1, PacketFault.FRAMING
    crc = int.from_bytes(buffer[2 + size : 4 + size], "big")
    return total, None if crc == crc_ccitt_xmodem(bytes(data)) else PacketFault.CRC


def _take_reply(buffer: bytearray) -> ReplyFrame | Noise | None:
    """Return the packet at the start of ``buffer``, which begins with STX; None if unfinished."""
    if len(buffer) > 1 and 0x30 <= buffer[1] <= 0x39:
        return _take_basic_reply(buffer)
    judged = _safe_fault(buffer, _REPLY_DATA_MIN)
    if judged is None:
        return None
    total, fault = judged
    raw = bytes(buffer[:total])
    if fault is PacketFault.CRC:
        return Noise(raw[:1], fault.value)
    if fault is not None:
        return Noise(raw, fault.value)
    return _reply_frame(raw, raw[2 : total - 3], Mode.SAFE)


def _take_basic_reply(buffer: bytearray) -> ReplyFrame | Noise | None:
    size = _printable(buffer[1 : DATA_MAX + 2])
    if size > DATA_MAX:
        return Noise(bytes(buffer[:1]), "no end within the longest reply")
    if len(buffer) == size + 1:
        return None
    if buffer[size + 1] != ETX:
        return Noise(bytes(buffer[:1]), "control character inside a reply")
    raw = bytes(buffer[: size + 2])
    return _reply_frame(raw, raw[1:-1], Mode.BASIC)


def _reply_frame(raw: bytes, data: bytes, mode: Mode) -> ReplyFrame | Noise:
    try:
        return ReplyFrame(_parse_reply(data.decode("ascii")), mode, raw)
    except ValueError as error:
        return Noise(raw, str(error))


def _parse_reply(text: str) -> Reply:
    address, status, rest = text[:2], text[2:3], text[3:]
    if not (len(address) == 2 and address.isdigit()):
        raise ValueError(f"reply {text!r} does not begin with two digits")
    if status == "A":
        if not rest.startswith("?"):
            raise ValueError(f"alarm {rest!r} without '?'")
        return Reply(int(address), None, rest[1:])
    if rest.startswith("?"):
        return Reply(int(address), status, error=rest)
    return Reply(int(address), status, data=rest)


def _take_safe_command(buffer: bytearray) -> CommandFrame | BadPacket | None:
    judged = _safe_fault(buffer, 0)
    if judged is None:
        return None
    total, fault = judged
    raw = bytes(buffer[:total])
    if fault is not None:
        return BadPacket(Mode.SAFE, fault, raw)
    return _command_frame(raw, raw[2 : total - 3], Mode.SAFE)


def _take_line(buffer: bytearray) -> CommandFrame | BadPacket | None:
    end = next((at for at, byte in enumerate(buffer) if byte in (CR, STX)), len(buffer))
    if end > LINE_MAX:
        return BadPacket(Mode.BASIC, PacketFault.TOO_LONG, bytes(buffer[:end]))
    if end == len(buffer):
        return None
    if buffer[end] == STX:
        return BadPacket(Mode.BASIC, PacketFault.FRAMING, bytes(buffer[:end]))
    return _command_frame(bytes(buffer[: end + 1]), bytes(buffer[:end]), Mode.BASIC)


def _command_frame(raw: bytes, data: bytes, mode: Mode) -> CommandFrame | BadPacket:
    try:
        return CommandFrame(_parse_command(data), mode, raw)
    except ValueError:
        return BadPacket(mode, PacketFault.GRAMMAR, raw)


def _parse_command(data: bytes) -> Command:
    """Strip as the pump does (NE-1000 manual, 10.2): spaces, control characters, letter case."""
    text = data.translate(None, _UNHEARD).decode("ascii").upper()
    if text.startswith("*"):
        return Command(text[1:], None, system=True)
    digits = len(text[:2]) - len(text[:2].lstrip("0123456789"))
    return Command(text[digits:], int(text[:digits]) if digits else None)
