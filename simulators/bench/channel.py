"""The bench-only channel to the world: a JSON line asked, a JSON line answered, on a Unix socket.

It carries hands and truth. The socket lies in the run directory and in no site file, so the daemon
has no way to find it.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

SOCKET_NAME: Final = "hands.sock"
LINE_LIMIT: Final = 1 << 20

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):
    """The world would not: an impossible act, an unknown verb, a wrong argument."""


async def serve(path: Path, handler: Handler) -> asyncio.Server:
    """Answer requests on a Unix socket at ``path`` until the server is closed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(answer(line, handler)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_unix_server(talk, path, limit=LINE_LIMIT)


def answer(line: bytes, handler: Handler) -> dict[str, Any]:
    """The reply to one request line; a refusal is ``{"ok": false, "reason": ...}``."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise Refused("a request is one JSON object on one line")
        return {"ok": True, **handler(request)}
    except Refused as refusal:
        return {"ok": False, "reason": str(refusal)}
    except (ValueError, RecursionError) as error:
        return {"ok": False, "reason": f"not JSON: {error}"}


class Channel:
    """The asking side, one connection a request: fast enough for hands, nothing to keep open."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / SOCKET_NAME

    async def hand(self, verb: str, **what: str | float) -> None:
        """Let a hand do something. Raises Refused with the reason."""
        await self._ask({"hand": verb, "with": what})

    async def truth(self) -> dict[str, Any]:
        """What is really so now (simulators.devices.truth)."""
        truth: dict[str, Any] = (await self._ask({"truth": True}))["truth"]
        return truth

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self.path, limit=LINE_LIMIT)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            reply: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        if not reply["ok"]:
            raise Refused(reply["reason"])
        return reply
