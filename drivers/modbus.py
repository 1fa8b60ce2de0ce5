"""A Modbus line, serial or TCP, as one exchange that any number of units share.

Knows units, function codes, transaction numbers and refusals; not what a register means. An answer
is the unit's, to that function, with that many registers and, over TCP, that transaction number;
anything else answers nothing. A serial line has no such numbers: there the exchange's quarantine
keeps a late answer from the next question, and every frame stands alone between two silences.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.exchange import Exchange
from drivers.request import Answer, Kind, LineTiming, Request, Verdict
from drivers.stream import ByteStream, Opener
from firmware_interfaces.register import Bank
from firmware_interfaces.units import NS_PER_MS, Nanoseconds
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
    quarantine_ns=Nanoseconds(500 * NS_PER_MS),
    stop_patience_ns=Nanoseconds(150 * NS_PER_MS),
    alarm_grace_ns=Nanoseconds(0),
)
"""A unit answers within 0.8 s or not at all; it never speaks unasked. A silent one keeps the others
on its line waiting for no longer, which a watchdog of `SHARED_WATCHDOG_S` outlasts.

A STOP lets the answer in flight end: 44 registers take 107 ms at 9600 baud, and on a line of two
wires a frame that meets another is heard by nobody."""
WITHIN_NS: Final = Nanoseconds(300 * NS_PER_MS)
"""For a whole answer: 44 registers take 107 ms at 9600 baud."""
SHARED_WATCHDOG_S: Final = 5
"""The least watchdog on a line with another device, s. A poll (0.5 s apart) that finds the other
one's silence (0.8 s) and takes 0.1 s itself is over before a permit of a third of this expires."""
SILENCE_CHARACTERS: Final = 3.5
"""What parts two frames on a line (Serial Line V1.02, 2.5.1.1); beyond 19200 baud 1.75 ms do."""
BITS_PER_CHARACTER: Final = 11
SILENCE_S_MIN: Final = 0.00175


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


def silence_s(baud: int) -> float:
    """The silence that ends a frame on a line of that speed, s: 2 ms at 19200 baud."""
    return max(SILENCE_CHARACTERS * BITS_PER_CHARACTER / baud, SILENCE_S_MIN)


class _Parted:
    """A stream on which nothing is written within ``gap_s`` of what was heard or written."""

    def __init__(self, stream: ByteStream, gap_s: float) -> None:
        self._stream, self._gap_s = stream, gap_s
        self._loop = asyncio.get_running_loop()
        self._silent_at = self._loop.time() + gap_s

    async def read(self) -> bytes:
        data = await self._stream.read()
        self._silent_at = max(self._silent_at, self._loop.time() + self._gap_s)
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


def _parted(opener: Opener, baud: int) -> Opener:
    async def opened() -> ByteStream:
        return _Parted(await opener(), silence_s(baud))

    return opened


class ModbusBus:
    """One line. A device joins before it asks anything, and leaves when it is done.

    ``strays`` counts, by unit, answers that nobody had asked for while none could still be due. Use
    within one running loop.
    """

    def __init__(
        self, opener: Opener, now_ns: Callable[[], int], *, tcp: bool, baud: int = 19200
    ) -> None:
        self._tcp = tcp
        self._number = 0
        self._units: set[int] = set()
        self.strays: Counter[int] = Counter()
        self.exchange: Exchange[Found] = Exchange(
            opener if tcp else _parted(opener, baud),
            Deframer(Side.HOST, tcp=tcp, units=self._units),
            TIMING,
            now_ns,
            self._unasked,
        )

    def join(self, unit: int) -> None:
        """A device with this unit. ValueError if there is one already."""
        if unit in self._units:
            raise ValueError(f"two devices as unit {unit} of one line")
        self._units.add(unit)

    async def leave(self, unit: int) -> None:
        """Close the line behind the last one."""
        self._units.discard(unit)
        if not self._units:
            await self.exchange.close()

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

    def _unasked(self, found: Found, _at_ns: Nanoseconds) -> bool:
        if not isinstance(found, Frame):
            return True
        self.strays[found.unit] += self.exchange.clean
        return False


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
