"""Modbus frames on a serial line (RTU) and in a TCP stream, as host and as device.

Knows addresses of units, lengths, the CRC and transaction numbers; what a PDU says is
``protocols.modbus_messages``. pymodbus builds and reads each frame, but is only ever given exactly
one: with a byte of noise before it, it would throw the whole buffer away, and of two answers that
arrive together it would drop the second.

RTU ends a frame by silence, which no operating system delivers. So a frame ends where its function
says, is proven by its CRC, and one that fails costs its first byte only: a good frame is reported
with its own last byte, unless what came before it looks like the beginning of a longer one. Source:
MODBUS over Serial Line V1.02, 2.5.1; MODBUS Messaging on TCP/IP V1.0b, 3.1.3.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from pymodbus.framer.base import FramerBase
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU

from protocols.modbus_messages import (
    UNIT_MAX,
    Message,
    Side,
    decode,
    encode,
    size,
)

_HEADER: Final = 7
"""Transaction number, protocol (0), length and unit."""
_CRC: Final = 2
_PDU_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class Frame:
    """A proven frame. ``transaction`` is 0 on a serial line, which has none."""

    unit: int
    transaction: int
    message: Message
    raw: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no frame, and why."""

    raw: bytes
    reason: str


Found = Frame | Noise


def encode_rtu(unit: int, message: Message) -> bytes:
    """Return the frame on a serial line. ValueError for a unit outside 1..247 or a bad message."""
    return _build(_RTU, unit, 0, message)


def encode_tcp(unit: int, transaction: int, message: Message) -> bytes:
    """Return the frame in a TCP stream; ``transaction`` 0..65535 comes back with the answer."""
    return _build(_TCP, unit, transaction, message)


def _build(framer: FramerBase, unit: int, transaction: int, message: Message) -> bytes:
    if not 1 <= unit <= UNIT_MAX:
        raise ValueError(f"unit {unit} is not in 1..{UNIT_MAX}")
    pdu = encode(message)
    pdu.dev_id, pdu.transaction_id = unit, transaction
    return framer.buildFrame(pdu)


_RTU: Final = FramerRTU(DecodePDU(is_server=False))
_TCP: Final = FramerSocket(DecodePDU(is_server=False))


class Deframer:
    """Bytes to frames, on one side of one kind of line.

    ``units`` are those whose frames may be heard, looked up anew for each: a host names the ones
    that it asks, a device its own and, on a shared line, its neighbours', whose questions and
    answers it must skip whole.
    """

    def __init__(
        self,
        side: Side,
        *,
        tcp: bool = False,
        units: Collection[int] = range(1, UNIT_MAX + 1),
    ) -> None:
        self._side = side
        self._units = units
        self._take: Callable[[bytes], Found | None] = self._tcp if tcp else self._rtu
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Found]:
        """All that ``data`` completes, in order; holds at most one unfinished frame."""
        found: list[Found] = []
        self._buffer += data
        while self._buffer:
            taken = self._take(bytes(self._buffer[: _HEADER + _PDU_MAX]))
            if taken is None:
                break
            found.append(taken)
            del self._buffer[: len(taken.raw)]
        return found

    def discard_partial(self) -> bytes:
        """Forget and return an unfinished frame: the line was silent, or is quarantined."""
        partial = bytes(self._buffer)
        self._buffer.clear()
        return partial

    def _rtu(self, buffer: bytes) -> Found | None:
        first = buffer[:1]
        if buffer[0] not in self._units:
            return Noise(first, f"no unit {buffer[0]} is expected here")
        try:
            length = size(self._side, buffer[1:])
        except ValueError as error:
            return Noise(first, str(error))
        if length is None or len(buffer) < 1 + length + _CRC:
            return None
        raw = buffer[: 1 + length + _CRC]
        if not FramerRTU.check_CRC(raw[:-_CRC], int.from_bytes(raw[-_CRC:], "big")):
            return Noise(first, "the CRC does not match")
        return self._frame(raw, raw[0], 0, raw[1:-_CRC])

    def _tcp(self, buffer: bytes) -> Found | None:
        first = buffer[:1]
        if any(buffer[2:4]):
            return Noise(first, "the protocol is not 0")
        if len(buffer) < _HEADER + 1:
            return None
        length = int.from_bytes(buffer[4:6], "big") - 1
        if not 2 <= length <= _PDU_MAX:
            return Noise(first, f"length {length + 1} is not in 3..{_PDU_MAX + 1}")
        if buffer[6] not in self._units:
            return Noise(first, f"no unit {buffer[6]} is expected here")
        if len(buffer) < _HEADER + length:
            return None
        raw = buffer[: _HEADER + length]
        return self._frame(raw, raw[6], int.from_bytes(raw[:2], "big"), raw[_HEADER:])

    def _frame(self, raw: bytes, unit: int, transaction: int, pdu: bytes) -> Found:
        """A frame that has proven its bytes; one that then says nothing sensible is noise whole."""
        try:
            return Frame(unit, transaction, decode(self._side, pdu), raw)
        except ValueError as error:
            return Noise(raw, str(error))
