"""Wires in memory, as slow as real ones: between a driver's byte stream and a device's firmware.

It knows characters, directions and hang-ups, and what each direction carried when; no frames.
Bytes are heard when their last character has arrived; what has not left can still be taken back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from drivers.stream import ByteStream, PortError, PortFault
from simulators.bench.virtual_time import VirtualLoop
from simulators.devices.serve import Firmware

NS_PER_S: Final = 1_000_000_000


class To(Enum):
    """Where bytes go."""

    DEVICE = "device"
    HOST = "host"


class Stage(Enum):
    """``LEFT``: their first character went on the wire. ``HEARD``: their last one arrived."""

    LEFT = "left"
    HEARD = "heard"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tap on the wire sees. Noise and losses of the line lie between LEFT and HEARD."""

    at_ns: int
    to: To
    stage: Stage
    data: bytes


Tap = Callable[[Seen], None]
Passage = Callable[[bytes, int], Sequence[tuple[int, bytes]]]
"""What a direction makes of bytes that arrive now (ns): when which bytes are really heard."""


def unharmed(data: bytes, now_ns: int) -> Sequence[tuple[int, bytes]]:
    """A line that works."""
    return ((now_ns, data),)


@dataclass(slots=True)
class _Burst:
    """Bytes of one write; the times are those of its first character and of its last one's end."""

    data: bytes
    begin_ns: int
    end_ns: int
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Direction:
    """One way of a wire. ``passage`` may be replaced by a fault at any time."""

    def __init__(
        self,
        loop: VirtualLoop,
        to: To,
        characters_ns: Callable[[int], int],
        hear: Callable[[bytes], None],
        tap: Tap,
        listening: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop, self._to, self._hear, self._tap = loop, to, hear, tap
        self._characters_ns = characters_ns
        self._listening = listening
        self._bursts: deque[_Burst] = deque()
        self._cuts = 0
        # What is on the line belongs to nobody: it goes on whoever sent it and died since.
        self._context = copy_context()
        self.passage: Passage = unharmed

    def send(self, data: bytes) -> None:
        """Queue bytes behind what is leaving; each takes its time."""
        free_ns = self._bursts[-1].end_ns if self._bursts else 0
        burst = self._put(data, max(free_ns, self._loop.now_ns()))
        if burst.begin_ns <= self._loop.now_ns():
            self._leave(data)
        else:
            burst.timers.append(self._at(burst.begin_ns, self._leave, data))

    def take_back(self) -> None:
        """Drop every character that has not begun to leave."""
        now_ns = self._loop.now_ns()
        for burst in tuple(self._bursts):
            self._cancel(burst)
            begun = -(-(now_ns - burst.begin_ns) // self._characters_ns(1))
            if begun > 0:
                self._put(burst.data[:begun], burst.begin_ns)

    def cut(self) -> None:
        """Nothing that is on its way arrives."""
        self._cuts += 1
        for burst in tuple(self._bursts):
            self._cancel(burst)

    def _put(self, data: bytes, begin_ns: int) -> _Burst:
        burst = _Burst(data, begin_ns, begin_ns + self._characters_ns(len(data)))
        burst.timers.append(self._at(burst.end_ns, self._end))
        self._bursts.append(burst)
        return burst

    def _at(self, at_ns: int, act: Callable[..., None], *what: object) -> asyncio.TimerHandle:
        return self._loop.call_at(at_ns / NS_PER_S, act, *what, context=self._context)

    def _leave(self, data: bytes) -> None:
        self._tap(Seen(self._loop.now_ns(), self._to, Stage.LEFT, data))

    def _end(self) -> None:
        """The oldest burst's last character has left."""
        now_ns = self._loop.now_ns()
        for at_ns, heard in self.passage(self._bursts.popleft().data, now_ns):
            if at_ns <= now_ns:
                self._arrive(heard, self._cuts)
            else:
                self._at(at_ns, self._arrive, heard, self._cuts)

    def _arrive(self, data: bytes, cuts: int) -> None:
        if cuts == self._cuts and self._listening():
            self._tap(Seen(self._loop.now_ns(), self._to, Stage.HEARD, data))
            self._hear(data)

    def _cancel(self, burst: _Burst) -> None:
        self._bursts.remove(burst)
        for timer in burst.timers:
            timer.cancel()


class HostEnd:
    """The driver's end: a `drivers.stream.ByteStream`, dead for good after a hang-up or close."""

    def __init__(self, wire: "Wire") -> None:
        self._wire = wire
        self._heard: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self.up = True

    async def read(self) -> bytes:
        """At least one byte; what came before a hang-up is still read, then ``b""``."""
        while not self._heard and self.up:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        data = b"".join(self._heard)
        self._heard.clear()
        return data

    async def write(self, data: bytes) -> None:
        """Accepted at once. Raises OSError on a line that is down."""
        if not self.up:
            raise OSError(5, "the line is down")
        if data:
            self._wire.to_device.send(data)

    def drop_pending(self) -> None:
        """Take back what has not left."""
        if self.up:
            self._wire.to_device.take_back()

    async def close(self) -> None:
        """Drop what has not left and free the port."""
        if self.up:
            self._wire.to_device.take_back()
            self.end()

    def hear(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._heard.append(data)
        self._wake()

    def end(self) -> None:
        """The line is down; whoever reads is told once everything heard is read."""
        self.up = False
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Wire:
    """One device's line. ``taps`` see every byte, ``to_device`` and ``to_host`` take faults.

    The device lives on whether or not anybody has the port open; what it says then is lost. At each
    multiple of ``tick_ns`` (0: never) it is advanced without being spoken to, unless ``quiet`` says
    that it has nothing to say by itself till then.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        name: str,
        firmware: Firmware,
        tick_ns: int,
        quiet: Callable[[int], bool] = lambda _now_ns: False,
    ) -> None:
        self._loop, self.name = loop, name
        self._firmware = firmware
        self._tick_ns = tick_ns
        self._quiet = quiet
        self._host: HostEnd | None = None
        self._present = True
        self._ticking: asyncio.TimerHandle | None = None
        self.taps: list[Tap] = []
        self.to_device = Direction(
            loop, To.DEVICE, self._characters_ns, self._device_hears, self._tap
        )
        self.to_host = Direction(
            loop, To.HOST, self._characters_ns, self._host_hears, self._tap, self._host_listens
        )
        self.opened = 0

    async def open(self) -> ByteStream:
        """The opener of a driver. Raises PortError: TAKEN, or ABSENT while unplugged."""
        if not self._present:
            raise PortError(self.name, PortFault.ABSENT, "No such file or directory")
        if self._host is not None and self._host.up:
            raise PortError(self.name, PortFault.TAKEN, "Device or resource busy")
        self.opened += 1
        self._host = HostEnd(self)
        return self._host

    def unplug(self) -> None:
        """Pull the adapter: the host's end goes down, what is on its way is lost."""
        self._present = False
        self.hang_up()

    def plug_in(self) -> None:
        """Put it back; the port can be opened again."""
        self._present = True

    def hang_up(self) -> None:
        """The host's end goes down; it may open the port again at once."""
        self.to_device.cut()
        self.to_host.cut()
        if self._host is not None:
            self._host.end()

    def let_go(self) -> None:
        """The host's program died: its end goes down, what it wrote before still leaves."""
        if self._host is not None:
            self._host.end()

    def interpret(self, interpreter: Callable[[Firmware], Firmware]) -> None:
        """Put something between the line and the device, before either lives."""
        self._firmware = interpreter(self._firmware)

    def start(self) -> None:
        """Let the device live."""
        if self._tick_ns:
            self._tick()

    def stop(self) -> None:
        """Let the device be advanced by nothing but bytes."""
        if self._ticking is not None:
            self._ticking.cancel()

    def _characters_ns(self, count: int) -> int:
        """What so many characters take on this line, rounded up."""
        return -(-count * self._firmware.bits_per_character * NS_PER_S // self._firmware.baud)

    def _tap(self, seen: Seen) -> None:
        for tap in self.taps:
            tap(seen)

    def _tick(self) -> None:
        now_ns = self._loop.now_ns()
        if not self._quiet(now_ns):
            self._say(self._firmware.process(now_ns))
        due_ns = (now_ns // self._tick_ns + 1) * self._tick_ns
        self._ticking = self._loop.call_at(due_ns / NS_PER_S, self._tick)

    def _device_hears(self, data: bytes) -> None:
        self._say(self._firmware.feed(data, self._loop.now_ns()))

    def _say(self, data: bytes) -> None:
        if data:
            self.to_host.send(data)

    def _host_listens(self) -> bool:
        return self._host is not None and self._host.up

    def _host_hears(self, data: bytes) -> None:
        assert self._host is not None
        self._host.hear(data)
