"""An exchange with a device over the floor of its wire: a blocking read and write on a twin line.

Both speak in turn, in one process, with one peer that is as slow as the device's line
(`paced_peer`).
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

from benchmarks.paced_peer import ADDRESS, BAUD, TONGUES, UNIT, answer, registers
from benchmarks.samples import Comparison, compared
from drivers.exchange import Exchange
from drivers.modbus import ModbusBus
from drivers.new_era import NewEraPump
from drivers.new_era_bus import NewEraBus
from drivers.new_era_line import NewEraLine
from drivers.new_era_words import Heard, line_timing, reply_within_ns, verdict
from drivers.request import Kind, Request
from drivers.serial_port import opener
from firmware_interfaces.register import Bank
from firmware_interfaces.units import NS_PER_MS, Nanoseconds
from protocols.modbus import Frame, encode_rtu
from protocols.modbus_messages import ReadRegisters
from protocols.new_era import Command, CommandFrame, HostDeframer, Mode, encode_command

WARM_UP: Final = 20
REGISTERS: Final = 10
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


@asynccontextmanager
async def _registers(path: str) -> AsyncIterator[Ask]:
    bus = ModbusBus(opener(path, BAUD, "E"), _now_ns, tcp=False)
    bus.join(UNIT)
    yield lambda: bus.read(UNIT, Bank.INPUT, 0, REGISTERS)
    await bus.leave(UNIT)


@dataclass(frozen=True, slots=True)
class _Case:
    """``packets`` are question and answer as they stand on the wire of ``peer``."""

    name: str
    peer: str
    packets: tuple[bytes, bytes]
    asking: Callable[[str], Asking]

    @property
    def wire_ms(self) -> float:
        """What the line alone takes."""
        tongue = TONGUES[self.peer]
        characters = sum(map(len, self.packets))
        return (tongue.taken_ns(characters) + tongue.silence_ns) / NS_PER_MS


def _pump_case(name: str, text: str, mode: Mode, asking: Callable[[str], Asking]) -> _Case:
    command = Command(text, ADDRESS)
    asked = encode_command(command, mode)
    return _Case(name, "new-era", (asked, answer(CommandFrame(command, mode, asked))), asking)


def _unit_case(name: str, asking: Callable[[str], Asking]) -> _Case:
    message = ReadRegisters(Bank.INPUT.value, 0, REGISTERS)
    asked = encode_rtu(UNIT, message)
    return _Case(name, "modbus", (asked, registers(Frame(UNIT, 0, message, asked))), asking)


CASES: Final = (
    _pump_case("status, Basic", "", Mode.BASIC, _basic_status),
    _pump_case("status, Safe", "", Mode.SAFE, _safe_status),
    _pump_case("poll (DIS), Safe", "DIS", Mode.SAFE, _poll),
    _unit_case(f"Modbus RTU, {REGISTERS} registers", _registers),
)


@contextmanager
def _peer(name: str) -> Iterator[tuple[str, str]]:
    command = [sys.executable, "-m", "benchmarks.paced_peer", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ours, floor = json.loads(process.stdout.readline())
        try:
            yield ours, floor
        finally:
            process.kill()


def _let_rest(silence_ns: int) -> None:
    """Let the silence that parts two frames pass, as it has before each poll of a treatment."""
    until_ns = time.perf_counter_ns() + silence_ns
    while time.perf_counter_ns() < until_ns:
        pass


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
    # In every second turn we speak right after ourselves, and a Modbus driver would wait it out.
    rest_ns = 2 * TONGUES[case.peer].silence_ns
    ours_ns, floor_ns = [], []
    async with case.asking(path) as ask:
        for turn in range(WARM_UP + count):
            _let_rest(rest_ns)
            # Whoever speaks second finds the peer's caches warm, so they take turns.
            if turn % 2:
                floor_ns.append(_blocking(floor_fd, asked, expected))
                ours_ns.append(await _timed(ask))
            else:
                ours_ns.append(await _timed(ask))
                floor_ns.append(_blocking(floor_fd, asked, expected))
    name = f"{case.name}: {len(asked) + len(expected)} bytes, {case.wire_ms:.2f} ms of wire"
    return compared(name, ours_ns[WARM_UP:], floor_ns[WARM_UP:], TARGET)


async def measure(count: int) -> list[Comparison]:
    """One comparison a kind of question, ``count`` exchanges each."""
    found = []
    for case in CASES:
        with _peer(case.peer) as (path, floor_path):
            floor_fd = os.open(floor_path, os.O_RDWR | os.O_NOCTTY)
            try:
                found.append(await _case(case, path, floor_fd, count))
            finally:
                os.close(floor_fd)
    return found


async def polls(count: int) -> list[int]:
    """Times of ``count`` polls of the pump in ns, to measure other work by."""
    with _peer("new-era") as (path, _):
        async with _poll(path) as ask:
            taken_ns = [await _timed(ask) for _ in range(WARM_UP + count)]
    return taken_ns[WARM_UP:]
