"""Real ptys and sockets: opening, being refused, hanging up, closing with bytes unsent."""

import asyncio
import contextlib
import os
import pty
import sys

import pytest

from drivers.serial_port import open_port, opener
from drivers.stream import PortError, PortFault

pytestmark = pytest.mark.realtime


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    for fd in (master, slave):
        with contextlib.suppress(OSError):
            os.close(fd)


async def test_bytes_go_both_ways_unchanged(terminal):
    master, path = terminal
    stream = await open_port(path, 19200)
    every_byte = bytes(range(256))
    await stream.write(every_byte)
    assert os.read(master, 512) == every_byte
    os.write(master, every_byte)
    assert await read_exactly(stream, 256) == every_byte
    await stream.close()


async def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        data += await stream.read()
    return data


async def test_a_read_waits_for_bytes(terminal):
    master, path = terminal
    stream = await open_port(path, 19200)
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0.02)
    assert not reading.done()
    os.write(master, b"x")
    assert await reading == b"x"
    await stream.close()


async def test_a_hang_up_ends_a_waiting_read(terminal):
    master, path = terminal
    stream = await open_port(path, 19200)
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0.02)
    os.close(master)
    assert await reading == b""
    assert await stream.read() == b""
    await stream.close()


async def test_close_drops_unsent_bytes_and_ends_reads_and_writes(terminal):
    _, path = terminal
    stream = await open_port(path, 19200)
    reading = asyncio.create_task(stream.read())
    writing = asyncio.create_task(stream.write(bytes(1_000_000)))
    await asyncio.sleep(0.02)
    assert not writing.done()
    await stream.close()
    assert await reading == b""
    with pytest.raises(OSError, match="closed"):
        await writing
    await stream.close()


async def test_a_cancelled_read_loses_nothing(terminal):
    master, path = terminal
    stream = await open_port(path, 19200)
    reading = asyncio.create_task(stream.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    os.write(master, b"x")
    assert await stream.read() == b"x"
    stream.drop_pending()
    await stream.close()
    stream.drop_pending()


async def test_a_closed_port_opens_again(terminal):
    _, path = terminal
    for _ in range(3):
        stream = await opener(path, 19200)()
        await stream.close()


async def test_an_absent_port_is_named():
    with pytest.raises(PortError) as caught:
        await open_port("/dev/isodrip-no-such-port", 19200)
    assert caught.value.fault is PortFault.ABSENT
    assert caught.value.port == "/dev/isodrip-no-such-port"


@pytest.mark.parametrize(
    "url", ["socket://[", "socket://h", "socket://h:x", "tcp://h", "udp://h:1"]
)
async def test_an_address_that_is_none_is_unusable(url):
    with pytest.raises(PortError, match="expected a device path, socket") as caught:
        await open_port(url, 19200)
    assert caught.value.fault is PortFault.UNUSABLE


async def test_a_port_that_we_hold_is_taken_and_the_holder_is_named(terminal):
    _, path = terminal
    stream = await open_port(path, 19200)
    with pytest.raises(PortError) as caught:
        await open_port(path, 19200)
    assert caught.value.fault is PortFault.TAKEN
    assert f"(pid {os.getpid()})" in caught.value.seen
    await stream.close()


async def test_a_port_that_another_process_locked_is_taken(terminal):
    _, path = terminal
    code = (
        "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True)\n"
        "print(1, flush=True); input()"
    )
    pipe = asyncio.subprocess.PIPE
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, path, stdin=pipe, stdout=pipe
    )
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"1\n"
        with pytest.raises(PortError) as caught:
            await open_port(path, 19200)
        assert caught.value.fault is PortFault.TAKEN
        assert f"(pid {holder.pid})" in caught.value.seen
    finally:
        await holder.communicate(b"\n")


async def test_a_file_and_a_device_that_is_no_tty_are_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    for name in (str(path), "/dev/zero"):
        with pytest.raises(PortError) as caught:
            await open_port(name, 19200)
        assert caught.value.fault is PortFault.NOT_A_TTY, caught.value


@pytest.mark.parametrize("url", ["socket://", "socket://host", "rfc2217://host:1", "socket://h:x"])
async def test_a_url_that_names_no_port_is_refused(url):
    with pytest.raises(PortError) as caught:
        await open_port(url, 19200)
    assert caught.value.fault is PortFault.UNUSABLE


async def test_a_socket_carries_bytes_and_hangs_up():
    async def serve(reader, writer):
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stream = await open_port(f"socket://127.0.0.1:{port}", 19200)
    await stream.write(b"hello")
    assert await stream.read() == b"HELLO"
    assert await stream.read() == b""
    stream.drop_pending()
    await stream.close()
    server.close()
    await server.wait_closed()


async def test_a_socket_where_nobody_listens_is_unreachable():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(PortError, match="nothing answers there") as caught:
        await open_port(f"socket://127.0.0.1:{port}", 19200)
    assert caught.value.fault is PortFault.UNREACHABLE
