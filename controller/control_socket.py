"""The Unix socket for ``isodrip status`` and ``isodrip stop``: one JSON line in, one JSON line out.

Whoever may open the socket may stop: no login, no session, nothing that could be mistyped. It knows
lines and files; what stop and status mean is handed in.
"""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

LINE_BYTES_MAX: Final = 4096
ANSWER_BYTES_MAX: Final = 4_194_304
"""Far beyond the view of every session that a room keeps open."""
IDLE_S: Final = 5.0
ANSWER_S: Final = 5.0
Handlers = Mapping[str, Callable[[], Awaitable[dict[str, Any]]]]


class SocketTaken(Exception):
    """Somebody answers on the socket, or the path is no socket: it is left alone."""


def listen(path: Path) -> socket.socket:
    """Bind ``path`` with mode 0600; a socket that nobody answers on is removed first.

    Raises `SocketTaken` and OSError. Blocking, but for no longer than a connect to a local socket.
    """
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen()
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(old)
    sock.setblocking(False)
    return sock


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketTaken(f"{path} is no socket")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink()
    except FileNotFoundError:
        return
    else:
        raise SocketTaken(f"a daemon answers on {path}")
    finally:
        probe.close()


async def serve(sock: socket.socket, handlers: Handlers) -> None:
    """Answer until cancelled. Each connection is given one request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(IDLE_S):
                line = await reader.readline()
            writer.write(json.dumps(await answer_to(line, handlers)).encode() + b"\n")
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    # A copy, so that a server that died can be started again on the same socket.
    server = await asyncio.start_unix_server(answer, sock=sock.dup(), limit=LINE_BYTES_MAX)
    async with server:
        await server.serve_forever()


async def answer_to(line: bytes, handlers: Handlers) -> dict[str, Any]:
    """The answer to one request line; a refusal of a line that names no handler."""
    try:
        request = json.loads(line)
        handler = handlers[str(request["do"])]
    except (ValueError, KeyError, TypeError, RecursionError):
        rule = f"must be one of {', '.join(sorted(handlers))}"
        value = line[:80].decode(errors="replace")
        return {"error": {"field": "do", "value": value, "rule": rule}}
    return await handler()


def ask(path: Path, what: str) -> dict[str, Any]:
    """The daemon's answer to ``what``. Blocking.

    Raises OSError where no daemon answers, and ValueError for an answer that is none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ANSWER_S)
        sock.connect(str(path))
        sock.sendall(json.dumps({"do": what}).encode() + b"\n")
        with sock.makefile("rb") as lines:
            text = lines.readline(ANSWER_BYTES_MAX)
    if not text:
        raise ConnectionError(f"no answer on {path}")
    return answered(text)


def answered(text: bytes) -> dict[str, Any]:
    """What a daemon's answer says. ValueError for what is no JSON object."""
    try:
        answer = json.loads(text)
    except RecursionError as error:
        raise ValueError("no answer nests that deep") from error
    if not isinstance(answer, dict):
        raise ValueError("an answer is one JSON object")
    return answer
