"""Loads for a daemon that must stop all the same; each is a process that says ``ready`` once it is.

``requests``: the HTTP API and its news; ``terminal``: the Unix socket; ``processor``: work without
end; ``noise``: a proxy on a line that babbles between SIGUSR1 and SIGUSR2.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import tty
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from simulators.bench.badges import BY_ID

CLIENTS: Final = 40
"""Each asks again as soon as it is answered."""
PIPELINES: Final = 10
"""Each asks on and on and never reads an answer."""
READERS: Final = 20
"""Each follows the news."""
TERMINALS: Final = 10
BABBLE: Final = bytes(range(256)) * 8
CHUNK: Final = 4096
HEAD: Final = "Host: 127.0.0.1\r\nX-Isodrip: 1\r\nContent-Type: application/json\r\n"


def _get(path: str) -> bytes:
    return f"GET /api/v1/{path} HTTP/1.1\r\n{HEAD}\r\n".encode()


def _post(path: str, body: dict[str, Any], cookie: str = "") -> bytes:
    text = json.dumps(body)
    head = f"POST /api/v1/{path} HTTP/1.1\r\n{HEAD}Cookie: {cookie}\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


async def _come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Show a badge; returns the cookie that makes this a station."""
    writer.write(_post("come", {"badge": BY_ID["ab"].badge}))
    head = await _answered(reader)
    return head.partition(b"set-cookie: ")[2].partition(b";")[0].decode()


def _questions(client: str, session: str, cookie: str) -> Any:
    """An action that is taken, the state, and one that is refused, again and again."""
    for number in itertools.count():
        body = {"action_id": f"{client}-{number}", "operator": "ab", "session": session}
        seen = {**body, "blood_return": True, "leak_seen": False}
        yield (
            _post("actions/site_check", {**body, "site_ok": True}, cookie),
            _get("state"),
            _post("actions/patency_confirm", seen, cookie),
        )[number % 3]


async def _answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


async def _client(host: str, port: int, name: str, session: str) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for question in _questions(name, session, await _come(reader, writer)):
        writer.write(question)
        await _answered(reader)


async def _pipeline(host: str, port: int, name: str, session: str) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=512)
    for question in _questions(name, session, await _come(reader, writer)):
        writer.write(question)
        await writer.drain()
        await asyncio.sleep(0)


async def _reader(host: str, port: int, _name: str, _session: str) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_get("events"))
    while await reader.read(CHUNK):
        pass


async def _again(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Whoever is turned away comes again."""
    while True:
        try:
            await work()
        except (OSError, EOFError, ValueError):
            await asyncio.sleep(0.01)


async def _all(works: list[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    tasks = [asyncio.ensure_future(_again(work)) for work in works]
    await asyncio.sleep(0.5)
    print("ready", flush=True)
    await asyncio.gather(*tasks)


def requests(api: str, session: str) -> None:
    """Flood the HTTP API at ``api``."""
    address = urlsplit(api)
    assert address.hostname
    assert address.port
    where = address.hostname, address.port
    kinds = ((_client, CLIENTS), (_pipeline, PIPELINES), (_reader, READERS))
    works: list[Callable[[], Coroutine[Any, Any, None]]] = []
    for kind, count in kinds:
        for number in range(count):
            name = f"flood-{os.getpid()}-{kind.__name__}-{number}"
            works.append(partial(kind, *where, name, session))
    asyncio.run(_all(works))


async def _terminal(path: str) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"do": "status"}\n')
    await reader.read()
    writer.close()


def terminal(path: str) -> None:
    """Flood the Unix socket at ``path``."""
    asyncio.run(_all([lambda: _terminal(path)] * TERMINALS))


def processor() -> None:
    """Take a processor without end."""
    print("ready", flush=True)
    while True:
        pass


def noise(port: str) -> None:
    """Stand between a device at ``port`` and whoever opens the printed path."""
    asyncio.run(_noise(port))


async def _noise(port: str) -> None:
    device = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    host, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(host, False)
    loop = asyncio.get_running_loop()
    loop.add_reader(device, lambda: os.write(host, os.read(device, CHUNK)))
    loop.add_reader(host, lambda: os.write(device, os.read(host, CHUNK)))
    babbling = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, babbling.set)
    loop.add_signal_handler(signal.SIGUSR2, babbling.clear)
    print(os.ttyname(far), flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.001 if babbling.is_set() else 0.2)
        if babbling.is_set():
            _babble(host)


def _babble(host: int) -> None:
    try:
        os.write(host, BABBLE)
    except BlockingIOError:
        return


LOADS: Final[dict[str, Callable[..., None]]] = {
    "requests": requests,
    "terminal": terminal,
    "processor": processor,
    "noise": noise,
}


if __name__ == "__main__":
    LOADS[sys.argv[1]](*sys.argv[2:])
