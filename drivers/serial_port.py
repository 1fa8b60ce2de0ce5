"""A serial port as a ByteStream: pyserial opens and configures it, asyncio drives its descriptor.

Knows ttys, locks and what their errors mean. Opening and closing can block in the kernel, so both
run in an executor. Bytes that have not left are dropped on close, never waited for.
"""

import asyncio
import contextlib
import errno
import fcntl
import functools
import os
import stat
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import serial

from drivers.stream import (
    CHUNK,
    OPEN_WITHIN_S,
    ByteStream,
    Opener,
    PortError,
    PortFault,
    open_tcp,
)

Parity = Literal["N", "E", "O"]

CLOSE_WITHIN_S: Final = 2.0
"""A close of flushed queues waits for nothing; one that hangs in the kernel is left behind."""
_PTY_MAJORS: Final = range(136, 144)
_FAULTS: Final = {
    errno.ENOENT: PortFault.ABSENT,
    errno.ENXIO: PortFault.ABSENT,
    errno.ENODEV: PortFault.ABSENT,
    errno.EACCES: PortFault.PERMISSION,
    errno.EPERM: PortFault.PERMISSION,
    errno.EAGAIN: PortFault.TAKEN,
    errno.EBUSY: PortFault.TAKEN,
    errno.ENOTTY: PortFault.NOT_A_TTY,
}


class SerialStream:
    """A ByteStream over the descriptor of an open pyserial port."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._fd: int = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._waiting: set[asyncio.Future[None]] = set()

    async def read(self) -> bytes:
        """At least one byte; ``b""`` on hang-up or after ``close``."""
        while not self._closed:
            try:
                return os.read(self._fd, CHUNK)
            except BlockingIOError:
                await self._until(self._loop.add_reader, self._loop.remove_reader)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """Returns when the kernel holds all of ``data``. Raises OSError on a dead port."""
        rest = memoryview(data)
        while rest:
            if self._closed:
                raise OSError(errno.EBADF, "the port is closed")
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await self._until(self._loop.add_writer, self._loop.remove_writer)

    def drop_pending(self) -> None:
        """Flush the kernel's output queue."""
        if not self._closed:
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)

    async def close(self) -> None:
        """Flush both queues and close in an executor; gives up waiting after ``CLOSE_WITHIN_S``."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        for waiter in self._waiting:
            _wake(waiter)
        closing = self._loop.run_in_executor(None, _close, self._port)
        await asyncio.wait({closing}, timeout=CLOSE_WITHIN_S)

    async def _until(self, watch: Callable[..., None], unwatch: Callable[[int], bool]) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(waiter)
        watch(self._fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)
            if not self._closed:
                unwatch(self._fd)


def opener(url: str, baud: int, parity: Parity = "N") -> Opener:
    """An Opener for ``url``: a device path, or host and port where baud and parity mean nothing.

    ``socket://`` carries a serial line's bytes, ``tcp://`` frames that are TCP's own (Modbus): to
    open them is the same.
    """
    return functools.partial(open_port, url, baud, parity)


async def open_port(url: str, baud: int, parity: Parity = "N") -> ByteStream:
    """Open ``url`` with 8 data bits and 1 stop bit, for us alone. Raises PortError."""
    if "://" in url:
        host, port = _host_and_port(url)
        return await open_tcp(url, host, port)
    opening = asyncio.get_running_loop().run_in_executor(None, _open, url, baud, parity)
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            return SerialStream(await asyncio.shield(opening))
    except TimeoutError as error:
        opening.add_done_callback(_close_unwanted)
        seen = f"the system did not open it within {OPEN_WITHIN_S:g} s"
        raise PortError(url, PortFault.UNUSABLE, seen) from error
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise


def _host_and_port(url: str) -> tuple[str, int]:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("socket", "tcp") and parts.hostname and parts.port:
            return parts.hostname, parts.port
    raise PortError(url, PortFault.UNUSABLE, "expected a device path, socket:// or tcp://host:port")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _open(path: str, baud: int, parity: Parity) -> serial.Serial:
    """Blocking: open, lock and configure.

    ``exclusive`` is flock, which stops the willing; TIOCEXCL stops everyone who comes later but
    root; /proc shows who came before and asked neither.
    """
    _refuse_what_is_no_tty(path)
    _refuse_if_held(path)
    try:
        port = serial.Serial(path, baud, parity=parity, timeout=0, exclusive=True)
    except serial.SerialException as error:
        raise _port_error(path, error.errno, str(error)) from error
    except (ValueError, termios.error) as error:
        raise PortError(path, PortFault.UNUSABLE, str(error)) from error
    fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    _report_empty_reads(port.fileno())
    return port


def _refuse_what_is_no_tty(path: str) -> None:
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        raise _port_error(path, error.errno, str(error)) from error
    if not stat.S_ISCHR(mode):
        raise PortError(path, PortFault.NOT_A_TTY, "it is not a character device")


def _port_error(path: str, number: int | None, seen: str) -> PortError:
    fault = _FAULTS.get(number or 0, PortFault.UNUSABLE)
    if "Inappropriate ioctl" in seen:
        fault = PortFault.NOT_A_TTY
    if fault is PortFault.TAKEN:
        seen = f"{seen}; held by {', '.join(_holders(path)) or 'a process we may not see'}"
    return PortError(path, fault, seen)


def _refuse_if_held(path: str) -> None:
    """Who opened the port before us knows nothing of our locks and would take some of our bytes.

    A pty is exempt: whoever made it usually keeps its other end's twin open.
    """
    if os.major(Path(path).stat().st_rdev) in _PTY_MAJORS:
        return
    holders = list(_holders(path))
    if holders:
        raise PortError(path, PortFault.TAKEN, f"held by {', '.join(holders)}")


def _holders(path: str) -> Iterator[str]:
    """Processes that have ``path`` open, as ``name (pid n)``; only those we may look into."""
    real = os.path.realpath(path)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.path.realpath(link) == real for link in (process / "fd").iterdir()):
                yield f"{(process / 'comm').read_text().strip()} (pid {process.name})"


def _report_empty_reads(fd: int) -> None:
    """VMIN 1: an empty read then is EAGAIN, and ``b""`` means nothing but a hang-up."""
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = 1
    termios.tcsetattr(fd, termios.TCSANOW, settings)


def _close(port: serial.Serial) -> None:
    """Blocking: a tty with unsent bytes waits up to 30 s in close(), so they are dropped first."""
    with contextlib.suppress(OSError, termios.error):
        termios.tcflush(port.fileno(), termios.TCIOFLUSH)
        fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
    port.close()


def _close_unwanted(opening: "asyncio.Future[serial.Serial]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())
