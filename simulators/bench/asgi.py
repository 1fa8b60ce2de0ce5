"""The daemon's HTTP API called in process: a panel's requests and its news, without a socket.

It offers what `simulators.bench.api.Api` offers, so that the same two people can be played. Like a
panel it shows what the news of the daemon told last, and asks for the whole state only once.
"""

import asyncio
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.types import ASGIApp, Message

from controller.core.place import Place
from simulators.bench.api import PREFIX, ApiRefused
from simulators.bench.badges import typed, wanted
from simulators.bench.stations import COOKIES, station_for

HEADERS: Final = (
    (b"host", b"127.0.0.1"),
    (b"x-isodrip", b"1"),
    (b"content-type", b"application/json"),
)
GLANCE_S: Final = 1.0
"""A panel without news is looked at again after this time."""


class AsgiApi:
    """One client of one application. Action ids are counted, so that a run repeats to the byte."""

    def __init__(self, app: ASGIApp, client_id: str = "bench") -> None:
        self._app = app
        self._ids = (f"{client_id}-{number}" for number in itertools.count(1))
        self._shown: dict[str, Any] = {}
        self._fresh = asyncio.Event()
        self._cookies = {place: dict(kept) for place, kept in COOKIES.items()}

    async def follow(self) -> None:
        """Hear the news until they end or this is cancelled."""

        async def receive() -> Message:
            never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            return await never

        async def send(message: Message) -> None:
            self._hear(message.get("body", b""))

        await self._app(_scope("GET", f"{PREFIX}/events"), receive, send)

    @property
    def shows(self) -> bool:
        """True once there was anything to show."""
        return bool(self._shown)

    async def state(self) -> dict[str, Any]:
        """The daemon's whole state, as the news told it; at most a second old."""
        self._fresh.clear()
        if not self._shown:
            self._shown = await self._taken("state", "GET")
        return self._shown

    async def news(self) -> None:
        """Return when the panel may show more than at the last `state`; in ``GLANCE_S`` anyway."""
        timer = asyncio.get_running_loop().call_later(GLANCE_S, self._fresh.set)
        try:
            await self._fresh.wait()
        finally:
            timer.cancel()

    def hang_up(self) -> None:
        """Nobody serves the application any more: let nobody wait for its news."""
        self._fresh.set()

    async def record(self, session: str) -> dict[str, Any]:
        """The record of a session."""
        return await self._taken(f"record/{quote(session, safe='')}", "GET")

    async def gates(self, session: str) -> dict[str, Any]:
        """Every gate of a session, what is asked there, and the clock on the wall."""
        return await self._taken(f"gates/{quote(session, safe='')}", "GET")

    async def act(self, action: str, at: Place | None = None, **body: Any) -> dict[str, Any]:
        """Ask for an action, with badges and PINs, at the station where it belongs, or at ``at``.

        Raises ApiRefused with the daemon's reason.
        """
        at = at or station_for(action, body)
        request, pins = {"action_id": next(self._ids), **body}, typed(action, body)
        path, sent = f"{PREFIX}/actions/{action}", json.dumps(request).encode()
        status, text = await self._request("POST", path, sent, pins, at)
        while bearer := wanted(status, text):
            await self._taken("come", "POST", {"badge": bearer.badge}, at)
            status, text = await self._request("POST", path, sent, pins, at)
        return _answer(action, status, text)

    async def stop(self) -> None:
        """STOP: no body, no login, no header."""
        await self._taken("actions/stop", "POST")

    async def _taken(
        self,
        what: str,
        method: str,
        body: Mapping[str, Any] | None = None,
        at: Place = Place.BEDSIDE,
    ) -> dict[str, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        status, text = await self._request(method, f"{PREFIX}/{what}", sent, {}, at)
        return _answer(what.removeprefix("actions/"), status, text)

    async def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], at: Place
    ) -> tuple[int, bytes]:
        status, parts = 0, []
        asked = iter(({"type": "http.request", "body": body, "more_body": False},))

        async def receive() -> Message:
            return next(asked, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._keep_cookie(message["headers"], at)
            else:
                parts.append(message.get("body", b""))

        more = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies[at].items())
        scope = _scope(method, path, ((b"cookie", cookies.encode()), *more))
        await self._app(scope, receive, send)
        return status, b"".join(parts)

    def _keep_cookie(self, headers: Iterable[tuple[bytes, bytes]], at: Place) -> None:
        for name, value in headers:
            if name == b"set-cookie":
                cookie, _, kept = value.partition(b";")[0].decode().partition("=")
                self._cookies[at][cookie] = kept

    def _hear(self, frame: bytes) -> None:
        """Take one server-sent event: a state replaces what is shown, numbers go into it."""
        lines = dict(line.split(b": ", 1) for line in frame.splitlines() if b": " in line)
        kind, data = lines.get(b"event"), lines.get(b"data", b"null")
        if kind == b"state":
            self._shown = json.loads(data)
        elif kind == b"telemetry" and self._shown:
            _renew(self._shown, json.loads(data))
        self._fresh.set()


def _renew(shown: dict[str, Any], numbers: Mapping[str, Any]) -> None:
    for session in shown["sessions"]:
        if session["session"] == numbers["session"]:
            session |= {name: numbers[name] for name in ("phase", "run", "planned_ml", "lease")}
            session["pumped"] |= {"drug": numbers["pumped"], "flush": numbers["flushed"]}


def _answer(what: str, status: int, text: bytes) -> dict[str, Any]:
    if not 200 <= status < 300:
        raise ApiRefused(what, status, text.decode())
    answer: dict[str, Any] = json.loads(text)
    return answer


def _scope(method: str, path: str, more: Sequence[tuple[bytes, bytes]] = ()) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*HEADERS, *more],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8131),
    }
