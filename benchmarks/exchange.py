"""An exchange with the pump over the floor of its wire: a blocking read and write on a twin line.

Both speak in turn, in one process, with one peer that is as slow as 19200 8N1 (`paced_peer`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks.paced_peer import ADDRESS, BAUD, answer
from benchmarks.samples import Comparison, compared
from drivers.exchange import Exchange
from drivers.new_era import NewEraPump
from drivers.new_era_bus import NewEraBus
from drivers.new_era_line import NewEraLine
from drivers.new_era_words import Heard, line_timing, reply_within_ns, verdict, wire_ns
from drivers.request import Kind, Request
from drivers.serial_port import opener
from firmware_interfaces.units import NS_PER_MS, Nanoseconds
from protocols.new_era import Command, CommandFrame, HostDeframer, Mode, encode_command

WARM_UP: Final = 20
TARGET: Final = (1.05, 1.5)
Ask = Callable[[], Awaitable[object]]
Asking = AbstractAsyncContextManager[Ask]


def _now_ns() -> Nanoseconds:
    return Nanoseconds(time.perf_counter_ns())


@asynccontextmanager
async def _basic_status(path: str) -> AsyncIterator[Ask]:
    """The exchange alone: the driver above it asks in Safe framing only."""
    data = encode_command(Command("", ADDRESS), Mode.BASIC)
    request: Request[Heard] = Request(
        "status",
        data,
        Kind.READ,
        lambda frame: verdict(frame, ADDRESS, ""),
        reply_within_ns(data, BAUD),
    )
    exchange: Exchange[Heard] = Exchange(
        opener(path, BAUD), HostDeframer(), line_timing(BAUD), _now_ns, lambda _frame, _at: False
    )
    yield lambda: exchange.ask(request)
    await exchange.close()


@asynccontextmanager
async def _safe_status(path: str) -> AsyncIterator[Ask]:
    line = NewEraLine(NewEraBus(opener(path, BAUD), _now_ns, BAUD), ADDRESS, lambda _status: None)
    yield line.status
    await line.close()


@asynccontextmanager
async def _poll(path: str) -> AsyncIterator[Ask]:
    pump = NewEraPump(opener(path, BAUD), ADDRESS, _now_ns, baud=BAUD)
    yield pump.poll
    await pump.close()


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    command: Command
    mode: Mode
    asking: Callable[[str], Asking]

    @property
    def packets(self) -> tuple[bytes, bytes]:
        """Question and answer as they stand on the wire."""
        asked = encode_command(self.command, self.mode)
        return asked, answer(CommandFrame(self.command, self.mode, asked))


CASES: Final = (
    _Case("status, Basic", Command("", ADDRESS), Mode.BASIC, _basic_status),
    _Case("status, Safe", Command("", ADDRESS), Mode.SAFE, _safe_status),
    _Case("poll (DIS), Safe", Command("DIS", ADDRESS), Mode.SAFE, _poll),
)


@contextmanager
def _peer() -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "benchmarks.paced_peer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ours, floor = json.loads(process.stdout.readline())
        try:
            yield ours, floor
        finally:
            process.kill()


def _blocking(fd: int, asked: bytes, expected: bytes) -> int:
    """Time of one exchange in ns with nothing between us and the kernel."""
    begun_ns = time.perf_counter_ns()
    os.write(fd, asked)
    heard = b""
    while len(heard) < len(expected):
        heard += os.read(fd, 4096)
    taken_ns = time.perf_counter_ns() - begun_ns
    assert heard == expected, heard
    return taken_ns


async def _timed(ask: Ask) -> int:
    begun_ns = time.perf_counter_ns()
    await ask()
    return time.perf_counter_ns() - begun_ns


async def _case(case: _Case, path: str, floor_fd: int, count: int) -> Comparison:
    asked, expected = case.packets
    ours_ns, floor_ns = [], []
    async with case.asking(path) as ask:
        for turn in range(WARM_UP + count):
            # Whoever speaks second finds the peer's caches warm, so they take turns.
            if turn % 2:
                floor_ns.append(_blocking(floor_fd, asked, expected))
                ours_ns.append(await _timed(ask))
            else:
                ours_ns.append(await _timed(ask))
                floor_ns.append(_blocking(floor_fd, asked, expected))
    wire_ms = wire_ns(len(asked) + len(expected), BAUD) / NS_PER_MS
    name = f"{case.name}: {len(asked) + len(expected)} bytes, {wire_ms:.2f} ms of wire"
    return compared(name, ours_ns[WARM_UP:], floor_ns[WARM_UP:], TARGET)


async def measure(count: int) -> list[Comparison]:
    """One comparison a kind of question, ``count`` exchanges each."""
    with _peer() as (path, floor_path):
        floor_fd = os.open(floor_path, os.O_RDWR | os.O_NOCTTY)
        try:
            return [await _case(case, path, floor_fd, count) for case in CASES]
        finally:
            os.close(floor_fd)


async def polls(count: int) -> list[int]:
    """Times of ``count`` polls of the pump in ns, to measure other work by."""
    with _peer() as (path, _):
        async with _poll(path) as ask:
            taken_ns = [await _timed(ask) for _ in range(WARM_UP + count)]
    return taken_ns[WARM_UP:]
