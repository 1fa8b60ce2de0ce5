"""A firmware on a real wire: a fresh pty or a TCP port, in real time, by the package's only clock.

Bytes take as long as on the real line: what a host sends is heard when its last character would
have arrived, an answer is readable when its last would have left. The device lives on whether or
not anybody has the port open.
"""

import asyncio
import os
import pty
import tty
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

TICK_S: Final = 0.01
SPIN_S: Final = 0.0015
"""The end of a wait is spun: the event loop's own timers come up to 1 ms late."""
CHUNK: Final = 4096

NowNs = Callable[[], int]


class Firmware(Protocol):
    """What every device in this package can do."""

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes: 10 with 8N1, 11 with 8E1."""

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """Hear bytes, return what goes on the wire."""

    def process(self, now_ns: int) -> bytes:
        """Advance to a time, return what goes on the wire unasked."""


@dataclass(frozen=True, slots=True)
class Served:
    """A device on the air: where it is, and how to take it down."""

    address: str
    close: Callable[[], Awaitable[None]]


def loop_clock() -> NowNs:
    """A clock that reads 0 now and follows the running loop; share one among a room's devices."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    return lambda: round((loop.time() - start) * 1e9)


async def serve_pty(
    firmware: Firmware, link: Path | None = None, now_ns: NowNs | None = None
) -> Served:
    """Serve on a fresh pty, raw; ``link`` is (re)pointed to it and is then the address.

    The pty's own end stays open here, so a host may hang up and another may open it.
    """
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    name = os.ttyname(slave)
    if link is not None:
        _point(link, name)
    wire = _Wire(firmware, now_ns or loop_clock(), lambda data: _write(master, data))
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: wire.hear(_read(master)))
    ticking = loop.create_task(wire.tick())

    async def close() -> None:
        loop.remove_reader(master)
        await _cancel(ticking)
        wire.shut()
        os.close(master)
        os.close(slave)
        if link is not None:
            _unpoint(link, name)

    return Served(name if link is None else str(link), close)


async def serve_tcp(
    firmware: Firmware,
    host: str,
    port: int,
    now_ns: NowNs | None = None,
    scheme: str = "socket",
) -> Served:
    """Serve as a serial device server; port 0 takes a free one. A second client is hung up on.

    ``scheme`` begins the address: what a site.toml calls this way of speaking over TCP.
    """
    clients: list[asyncio.StreamWriter] = []

    def send(data: bytes) -> None:
        for client in clients:
            client.write(data)

    wire = _Wire(firmware, now_ns or loop_clock(), send)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if clients:
            writer.close()
            return
        clients.append(writer)
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                wire.hear(data)
        clients.remove(writer)
        writer.close()

    server = await asyncio.start_server(connected, host, port)
    ticking = asyncio.get_running_loop().create_task(wire.tick())

    async def close() -> None:
        server.close()
        for client in clients:
            client.close()
        await server.wait_closed()
        await _cancel(ticking)
        wire.shut()

    bound = server.sockets[0].getsockname()
    return Served(f"{scheme}://{bound[0]}:{bound[1]}", close)


class _Wire:
    """Paces one device's line in both directions at its own baud rate."""

    def __init__(self, firmware: Firmware, now_ns: NowNs, send: Callable[[bytes], None]) -> None:
        self._firmware = firmware
        self._now_ns = now_ns
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._said_at = 0.0
        self._open = True

    def hear(self, data: bytes) -> None:
        """Take bytes that a host has begun to send now."""
        if data:
            self._heard_at = self._after(max(self._heard_at, self._loop.time()), data)
            self._loop.call_at(self._heard_at - SPIN_S, self._answer, data, self._heard_at)

    async def tick(self) -> None:
        """Advance the device at fixed absolute deadlines for as long as it is served."""
        due = self._loop.time()
        while True:
            self._say(self._firmware.process(self._now_ns()), self._loop.time())
            due = max(due + TICK_S, self._loop.time())
            await asyncio.sleep(due - self._loop.time())

    def shut(self) -> None:
        """Let nothing more out: the port is gone."""
        self._open = False

    def _after(self, begin: float, data: bytes) -> float:
        bits = len(data) * self._firmware.bits_per_character
        return begin + bits / self._firmware.baud

    def _answer(self, data: bytes, at: float) -> None:
        self._wait(at)
        if self._open:
            self._say(self._firmware.feed(data, self._now_ns()), at)

    def _say(self, data: bytes, begin: float) -> None:
        """Queue bytes that the device begins to send at ``begin``, our own delay not counted."""
        if data:
            self._said_at = self._after(max(self._said_at, begin), data)
            self._loop.call_at(self._said_at - SPIN_S, self._deliver, data, self._said_at)

    def _deliver(self, data: bytes, at: float) -> None:
        self._wait(at)
        if self._open:
            self._send(data)

    def _wait(self, at: float) -> None:
        while self._loop.time() < at:
            pass


def _read(master: int) -> bytes:
    with suppress(BlockingIOError):
        return os.read(master, CHUNK)
    return b""


def _write(master: int, data: bytes) -> None:
    """Put bytes on the line; where nobody ever reads, they are lost as on a real one."""
    with suppress(BlockingIOError):
        os.write(master, data)


def _point(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _unpoint(link: Path, target: str) -> None:
    if link.is_symlink() and str(link.readlink()) == target:
        link.unlink()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
