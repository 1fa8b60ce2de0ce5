"""Bytes to and from one device as a port, and the errors of opening one; here over TCP.

Knows nothing of frames. Drivers and the exchange assume nothing but ``ByteStream``, so an in-memory
pair under virtual time serves as well as a tty.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, Protocol

OPEN_WITHIN_S: Final = 2.0
"""A device on the ward's own network accepts within milliseconds; 2 s allows one lost SYN (1 s)."""
CHUNK: Final = 256
"""Read at once, at most: 0.13 s of a line of 19200 baud. More would be work without a pause."""


class ByteStream(Protocol):
    """An open line. One reader and one writer at a time."""

    async def read(self) -> bytes:
        """Wait for at least one byte; ``b""`` once the other side hung up. May raise OSError."""

    async def write(self, data: bytes) -> None:
        """Hand ``data`` to the line. Returns when it is accepted, not when it has arrived."""

    def drop_pending(self) -> None:
        """Forget bytes that were accepted and have not left yet."""

    async def close(self) -> None:
        """Drop what has not left and close. Never hangs, may be called twice."""


Opener = Callable[[], Awaitable[ByteStream]]
"""Opens the line afresh at each call. Raises PortError."""


class PortFault(Enum):
    """Why a port could not be opened."""

    ABSENT = "there is no such port"
    TAKEN = "the port is in use"
    NOT_A_TTY = "the port is not a serial port"
    PERMISSION = "the port may not be opened by this user"
    UNREACHABLE = "nothing answers there"
    UNUSABLE = "the port cannot be used"


class PortError(Exception):
    """A port that could not be opened: which, why, and what was seen."""

    def __init__(self, port: str, fault: PortFault, seen: str) -> None:
        super().__init__(f"{port}: {fault.value} ({seen})")
        self.port = port
        self.fault = fault
        self.seen = seen


class TcpStream:
    """A ByteStream over TCP, for device servers and simulators."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """At least one byte; ``b""`` on hang-up."""
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        """Accepted by the kernel when it returns, unless the peer's window is full."""
        self._writer.write(data)
        await self._writer.drain()

    def drop_pending(self) -> None:
        """Nothing: what a TCP socket has accepted cannot be taken back."""

    async def close(self) -> None:
        """Abort: unsent bytes are dropped, never waited for."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def open_tcp(name: str, host: str, port: int) -> ByteStream:
    """Connect within ``OPEN_WITHIN_S``. Raises PortError, naming ``name`` and what was seen."""
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            reader, writer = await asyncio.open_connection(host, port)
    except TimeoutError as error:
        seen = f"no connection within {OPEN_WITHIN_S:g} s"
        raise PortError(name, PortFault.UNREACHABLE, seen) from error
    except OSError as error:
        raise PortError(name, PortFault.UNREACHABLE, str(error)) from error
    return TcpStream(reader, writer)
