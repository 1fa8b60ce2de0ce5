"""A firmware on a real pty and a real TCP port, in real time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import termios
from argparse import Namespace
from pathlib import Path

import pytest
import serial

from simulators.devices.serve import Served, loop_clock, serve_pty, serve_tcp
from simulators.devices.simulate import (
    KINDS,
    lone_calibrator,
    lone_pump,
    parse_address,
    simulate_main,
)
from simulators.devices.truth import truth
from tests.simulators.pump_bench import Terminal, safe

pytestmark = pytest.mark.realtime
REPO = Path(__file__).parents[2]


def exchange(address: str, baud: int, *requests: bytes, size: int = 5) -> list[bytes]:
    """Another program's blocking exchange: open, ask, read, hang up."""
    url = serial.serial_for_url(address, baudrate=baud, timeout=2)
    try:
        replies = []
        for request in requests:
            url.write(request)
            replies.append(url.read(size))
        return replies
    finally:
        url.close()


async def talk(served: Served, baud: int, *requests: bytes, size: int = 5) -> list[bytes]:
    return await asyncio.to_thread(exchange, served.address, baud, *requests, size=size)


async def test_a_pty_survives_hang_ups_and_keeps_its_name(tmp_path: Path) -> None:
    link = tmp_path / "pump"
    served = await serve_pty(lone_pump(1), link)
    assert served.address == str(link)
    assert await talk(served, 19200, b"0\r", size=6) == [b"\x0200A?R"]
    for _ in range(3):
        assert await talk(served, 19200, b"0\r", b"0STP\r", size=5) == [b"\x0200S\x03", b"\x0200S?"]
    await served.close()
    assert not link.is_symlink()


async def test_a_fresh_pty_takes_the_link_over(tmp_path: Path) -> None:
    link = tmp_path / "pump"
    first = await serve_pty(lone_pump(1), link)
    second = await serve_pty(lone_pump(2), link)
    await first.close()
    assert link.is_symlink()
    assert await talk(second, 19200, b"0\r", size=7) == [b"\x0200A?R\x03"]
    await second.close()


async def test_the_wire_is_raw(tmp_path: Path) -> None:
    served = await serve_pty(lone_pump(1), tmp_path / "pump")
    descriptor = os.open(served.address, os.O_RDWR | os.O_NOCTTY)
    iflag, oflag, cflag, lflag, *_ = termios.tcgetattr(descriptor)
    os.close(descriptor)
    await served.close()
    assert not iflag & (termios.ICRNL | termios.IXON | termios.ISTRIP)
    assert not oflag & termios.OPOST
    assert cflag & termios.CS8
    assert not cflag & termios.PARENB
    assert not lflag & (termios.ECHO | termios.ICANON)


async def test_nobody_listening_the_pump_runs_and_its_watchdog_stops_it(tmp_path: Path) -> None:
    pump = Terminal(acknowledged=True).pump
    served = await serve_pty(pump, tmp_path / "pump")
    commands = [safe(t) for t in ("SAF1", "RAT20.00MH", "RUN")]
    assert await talk(served, 19200, *commands, size=8) == [safe("00S"), safe("00S"), safe("00I")]
    await asyncio.sleep(1.5)
    seen = truth(pump.room)
    # the lease runs from RUN itself, so the firmware's own time makes this exact
    assert seen["displaced_nl"] == pytest.approx(20e6 / 3600, rel=1e-6)
    assert seen["plunger_um_s"] == 0.0
    assert pump.alarm == "T"
    await served.close()


async def test_the_line_takes_its_time(tmp_path: Path) -> None:
    """A CRC-55 reading is 6 + 22 characters at 9600 baud, 29.2 ms: never faster than the wire."""
    served = await serve_pty(lone_calibrator(1), tmp_path / "meter")
    loop = asyncio.get_running_loop()
    begin = loop.time()
    replies = await talk(served, 9600, *[b"$CR1H#"] * 4, size=22)
    took = loop.time() - begin
    assert all(reply.startswith(b"$SDR1I131") and reply.endswith(b"#") for reply in replies)
    assert took >= 4 * 28 * 10 / 9600
    await served.close()


async def test_tcp_serves_one_client_at_a_time_and_the_next_after_it() -> None:
    served = await serve_tcp(lone_pump(1), "127.0.0.1", 0)
    host, port = parse_address(served.address.removeprefix("socket://"))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"0\r")
    assert await reader.readexactly(7) == b"\x0200A?R\x03"
    second, other = await asyncio.open_connection(host, port)
    assert await second.read() == b""
    other.close()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.2)
    assert await talk(served, 19200, b"0\r") == [b"\x0200S\x03"]
    await served.close()


async def test_two_devices_share_one_room_and_one_clock(tmp_path: Path) -> None:
    pump, meter = lone_pump(1), lone_calibrator(1)
    meter.room = pump.room
    now_ns = loop_clock()
    served = [
        await serve_pty(pump, tmp_path / "pump", now_ns),
        await serve_pty(meter, tmp_path / "meter", now_ns),
    ]
    assert (await talk(served[0], 19200, b"0\r", size=7))[0] == b"\x0200A?R\x03"
    assert (await talk(served[1], 9600, b"$CR1H#", size=22))[0][5:9] == b"I131"
    for one in served:
        await one.close()


FIRST_WORDS = {
    ("ne1000", "serial"): (b"0\r", b"\x0200A"),
    ("crc55", "serial"): (b"$CR1H#", b"$SDR"),
    ("crc15", "serial"): (b"@ABCDEF", b"I 131 "),
    # Read input registers 0 and 1 of unit 1: magic and version (the CRCs are pymodbus').
    ("activity-meter", "serial"): (
        bytes.fromhex("01 04 0000 0002 71cb"),
        bytes.fromhex("01 04 04 414d 0001 be6f"),
    ),
    ("activity-meter", "tcp"): (
        bytes.fromhex("0001 0000 0006 01 04 0000 0002"),
        bytes.fromhex("0001 0000 0007 01 04 04 414d 0001"),
    ),
    # Read holding registers 63 and 64 of unit 20: the endianness pattern.
    ("dulcoflex", "serial"): (
        bytes.fromhex("14 03 003f 0002 f6c2"),
        bytes.fromhex("14 03 04 aabb ccdd 7a56"),
    ),
    ("dulcoflex", "tcp"): (
        bytes.fromhex("0001 0000 0006 14 03 003f 0002"),
        bytes.fromhex("0001 0000 0007 14 03 04 aabb ccdd"),
    ),
}


@pytest.mark.parametrize("where", [("--pty",), ("--tcp", "127.0.0.1:0")])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_simulate_announces_itself_serves_and_leaves_at_sigterm(
    kind: str, where: tuple[str, ...]
) -> None:
    tcp = where[1] if len(where) > 1 else None
    code = (
        "import argparse, sys; from simulators.devices.simulate import simulate_main; "
        f"sys.exit(simulate_main(argparse.Namespace(kind={kind!r}, pty=True, tcp={tcp!r}, seed=3)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=REPO
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert (said["kind"], said["pid"], said["seed"]) == (kind, process.pid, 3)
        framing = "tcp" if tcp and (kind, "tcp") in FIRST_WORDS else "serial"
        request, start = FIRST_WORDS[kind, framing]
        address = said["address"].replace("tcp://", "socket://")
        assert address.startswith("socket://") == (tcp is not None)
        assert exchange(address, 19200, request, size=len(start)) == [start]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("kind", "tcp", "code", "reason"),
    [
        (
            "ne9000",
            None,
            2,
            "kind 'ne9000' is none of ne1000, dulcoflex, crc55, crc15, activity-meter",
        ),
        ("ne1000", "4001", 2, "address '4001' is not HOST:PORT"),
        ("ne1000", "localhost:70000", 2, "address 'localhost:70000' is not HOST:PORT"),
        ("crc55", "192.0.2.1:4001", 3, "cannot serve on 192.0.2.1:4001"),
    ],
)
def test_simulate_refuses_with_the_reason(
    kind: str, tcp: str | None, code: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate_main(Namespace(kind=kind, pty=tcp is None, tcp=tcp, seed=1)) == code
    assert reason in capsys.readouterr().err
