"""A Modbus line, serial or TCP, as one exchange that any number of units share.

Knows units, function codes, transaction numbers and refusals; not what a register means. An answer
is the unit's, to that function, with that many registers and, over TCP, that transaction number;
anything else answers nothing. A serial line has no such numbers: there the exchange's quarantine
keeps a late answer from the next question, and every frame stands alone between two silences.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.exchange import Exchange
from drivers.request import Answer, Kind, LineTiming, Request, Verdict
from drivers.stream import ByteStream, Opener
from firmware_interfaces.register import Bank
from firmware_interfaces.units import NS_PER_MS, Nanoseconds, seconds
from protocols.modbus import Deframer, Found, Frame, encode_rtu, encode_tcp
from protocols.modbus_messages import (
    WORD,
    Failure,
    Question,
    ReadRegisters,
    Refusal,
    Registers,
    RegistersWritten,
    RegisterWritten,
    Reply,
    Side,
    WriteRegister,
    WriteRegisters,
)

TIMING: Final = LineTiming(
    quarantine_ns=seconds(1), stop_patience_ns=Nanoseconds(0), alarm_grace_ns=Nanoseconds(0)
)
"""A unit answers within a second or not at all; it never speaks unasked."""
WITHIN_NS: Final = Nanoseconds(500 * NS_PER_MS)
"""For a whole answer: 125 registers take 150 ms at 19200 baud."""


SILENCE_S: Final = 3.5 * 11 / 19200
"""3.5 characters at 19200 8E1, 2 ms: what parts two frames on a line (Serial Line V1.02, 2.5.1.1).
Faster lines keep to 1.75 ms, so this is enough for them; no device here is slower."""


class DeviceRefused(Exception):
    """The unit answered that it does not do it. Certain, not lost."""

    def __init__(self, what: str, code: int) -> None:
        known = {failure.value: failure.name.lower().replace("_", " ") for failure in Failure}
        super().__init__(f"{what}: the device answered exception {code} ({known.get(code, '?')})")
        self.what, self.code = what, code


@dataclass(frozen=True, slots=True)
class Words:
    """Registers as read, with the times of the exchange and the frame that held them."""

    values: tuple[int, ...]
    asked_ns: Nanoseconds
    read_ns: Nanoseconds
    raw: bytes


def is_framed_for_tcp(port: str) -> bool:
    """True if frames on ``port`` are those of Modbus TCP, not a serial line's."""
    return port.startswith("tcp://")


class _Parted:
    """A stream on which nothing is written within ``SILENCE_S`` of what was heard or written."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._silent_at = self._loop.time() + SILENCE_S

    async def read(self) -> bytes:
        data = await self._stream.read()
        self._silent_at = max(self._silent_at, self._loop.time() + SILENCE_S)
        return data

    async def write(self, data: bytes) -> None:
        wait_s = self._silent_at - self._loop.time()
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)
        await self._stream.write(data)

    def drop_pending(self) -> None:
        self._stream.drop_pending()

    async def close(self) -> None:
        await self._stream.close()


def _parted(opener: Opener) -> Opener:
    async def opened() -> ByteStream:
        return _Parted(await opener())

    return opened


class ModbusBus:
    """One line. ``units`` are all that live on it; use within one running loop, then ``close``."""

    def __init__(
        self,
        opener: Opener,
        units: Collection[int],
        now_ns: Callable[[], int],
        *,
        tcp: bool,
        timing: LineTiming = TIMING,
    ) -> None:
        self._tcp = tcp
        self._number = 0
        deframer = Deframer(Side.HOST, tcp=tcp, units=units)
        self.exchange: Exchange[Found] = Exchange(
            opener if tcp else _parted(opener),
            deframer,
            timing,
            now_ns,
            lambda found, _at_ns: not isinstance(found, Frame),
        )

    async def ask(
        self,
        unit: int,
        question: Question,
        kind: Kind,
        *,
        epoch: int = 0,
        guard: Callable[[], None] = lambda: None,
        within_ns: Nanoseconds = WITHIN_NS,
    ) -> tuple[Answer[Found], Reply]:
        """The unit's answer. Raises DeviceRefused, and what the exchange raises."""
        what = f"unit {unit}: {question}"
        self._number = self._number % WORD + 1 if self._tcp else 0
        data = encode_tcp(unit, self._number, question) if self._tcp else encode_rtu(unit, question)
        match = _Match(unit, self._number, question)
        request = Request(what, data, kind, match, within_ns, epoch, guard)
        answer = await self.exchange.ask(request)
        assert isinstance(answer.frame, Frame)
        reply = answer.frame.message
        if isinstance(reply, Refusal):
            raise DeviceRefused(what, reply.code)
        assert isinstance(reply, (Registers, RegisterWritten, RegistersWritten))
        return answer, reply

    async def read(
        self,
        unit: int,
        bank: Bank,
        address: int,
        count: int,
        *,
        kind: Kind = Kind.READ,
        guard: Callable[[], None] = lambda: None,
    ) -> Words:
        """``count`` registers from ``address``, in one answer, so of one moment."""
        question = ReadRegisters(bank.value, address, count)
        answer, reply = await self.ask(unit, question, kind, guard=guard)
        assert isinstance(answer.frame, Frame) and isinstance(reply, Registers)  # noqa: PT018
        return Words(reply.values, answer.asked_ns, answer.read_ns, answer.frame.raw)

    async def write(
        self,
        unit: int,
        address: int,
        values: Sequence[int],
        epoch: int,
        *,
        kind: Kind = Kind.WRITE,
        guard: Callable[[], None] = lambda: None,
    ) -> Answer[Found]:
        """Set registers from ``address``; one by function 6, several together by function 16."""
        single = len(values) == 1
        question = (
            WriteRegister(address, values[0]) if single else WriteRegisters(address, tuple(values))
        )
        return (await self.ask(unit, question, kind, epoch=epoch, guard=guard))[0]

    async def close(self) -> None:
        """Close the line."""
        await self.exchange.close()


@dataclass(frozen=True, slots=True)
class _Match:
    """Whether a frame answers one question."""

    unit: int
    number: int
    question: Question

    def __call__(self, found: Found) -> Verdict:
        if not isinstance(found, Frame) or (found.unit, found.transaction) != (
            self.unit,
            self.number,
        ):
            return Verdict.FOREIGN
        return Verdict.ANSWER if self._answers(found.message) else Verdict.FOREIGN

    def _answers(self, reply: object) -> bool:
        """Function, count and, of a write, its echo."""
        match self.question:
            case ReadRegisters(function=function, count=count):
                if isinstance(reply, Registers):
                    return reply.function == function and len(reply.values) == count
            case WriteRegister(address=address, value=value):
                function = 6
                if isinstance(reply, RegisterWritten):
                    return reply == RegisterWritten(address, value)
            case WriteRegisters(address=address, values=values):
                function = 16
                if isinstance(reply, RegistersWritten):
                    return reply == RegistersWritten(address, len(values))
            case _:
                return False
        return isinstance(reply, Refusal) and reply.function == function
