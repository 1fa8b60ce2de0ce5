"""The HTTP face: who may knock, what a request must look like, and news as server-sent events.

Knows HTTP and nothing of treatments. Only this machine may knock: Host and Origin must be loopback
names, so that no page from elsewhere speaks through somebody's browser. STOP asks for nothing
beyond that.
"""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.daemon import Daemon
from controller.news import Item, NewsRing
from controller.panel.actions import STOP, STOPPING
from controller.panel.api import Answer, Api, openapi, refusal
from controller.panel.turnstile import EVERY_S, InTurn, Turnstile
from controller.records import NoRecord
from controller.view import state_view

BODY_BYTES_MAX: Final = 64 * 1024
HEADER: Final = "X-Isodrip"
KEEPALIVE_S: Final = 15.0
READERS_MAX: Final = 16
"""A room has a panel or two; each reader costs a turn of the loop for each piece of news."""
Record = Callable[[str], Any]


def _respond(answer: Answer) -> JSONResponse:
    return JSONResponse(answer.body, answer.status, headers={"Cache-Control": "no-store"})


def _loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_in(authority: str) -> str | None:
    try:
        return urlsplit(authority).hostname
    except ValueError:
        return None


class OnlyFromHere:
    """Refuses a request whose Host or Origin is no loopback name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        for header, prefix in (("host", "//"), ("origin", "")):
            value = request.headers.get(header)
            if value is None and header == "origin":
                continue
            if value is None or not _loopback(_name_in(prefix + value)):
                answer = refusal(400, "must be a loopback name", field=header, value=value or "")
                await _respond(answer)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _body(request: Request) -> bytes | Answer:
    """The body of an action, or why it is not even read."""
    if request.headers.get(HEADER) != "1":
        value = request.headers.get(HEADER, "")
        return refusal(400, "must be 1 on every action but stop", field=HEADER, value=value)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return refusal(400, "must be application/json", field="Content-Type", value=kind)
    text = b""
    async for chunk in request.stream():
        text += chunk
        if len(text) > BODY_BYTES_MAX:
            return refusal(400, f"must be at most {BODY_BYTES_MAX} bytes", field="body", value="")
    return text


def _framed(ring: NewsRing, item: Item) -> str:
    return f"id: {ring.id_of(item)}\nevent: {item.kind}\ndata: {item.text}\n\n"


async def news(
    ring: NewsRing, last_id: str, now: Callable[[], dict[str, Any]]
) -> AsyncIterator[str]:
    """Frames from where the reader was, or from the state of this moment where that is unknown."""
    position = ring.position(last_id)
    yield "retry: 1000\n\n"
    if position is None:
        position = ring.end
        yield f"id: {ring.before(position)}\nevent: state\ndata: {_dumped(now())}\n\n"
    async for item in ring.follow(position):
        if item is None:
            yield f"event: state\ndata: {_dumped(now())}\n\n"
        else:
            yield _framed(ring, item)


def _dumped(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Readers:
    """Whoever follows the news of a daemon, each piece in its turn."""

    def __init__(self, daemon: Daemon, turnstile: Turnstile) -> None:
        self._daemon, self._turnstile = daemon, turnstile
        self._count = 0

    @property
    def full(self) -> bool:
        """True where one more would be too many."""
        return self._count >= READERS_MAX

    async def follow(self, last_id: str) -> AsyncIterator[str]:
        """Frames for one more reader from ``last_id`` on."""
        self._count += 1
        try:
            daemon = self._daemon
            async for frame in news(daemon.herald.ring, last_id, lambda: state_view(daemon)):
                await self._turnstile.turn()
                yield frame
        finally:
            self._count -= 1


async def kept_alive(frames: AsyncIterator[str], every_s: float) -> AsyncIterator[str]:
    """``frames``, with a comment where there was silence, so that a dead reader is noticed."""
    waiting: asyncio.Future[str] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(frames))
            done, _ = await asyncio.wait({waiting}, timeout=every_s)
            if not done:
                yield ": still here\n\n"
                continue
            yield waiting.result()
            waiting = None
    except StopAsyncIteration:
        return
    finally:
        if waiting is not None:
            waiting.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting


def make_app(api: Api, record: Record, turnstile: Turnstile | None = None) -> ASGIApp:
    """The ASGI application. ``record`` gives the record of a session or raises `NoRecord`."""
    daemon, turns = api.daemon, turnstile or Turnstile()
    description = openapi(daemon.setting.version)
    readers = Readers(daemon, turns)

    async def state(_request: Request) -> Response:
        return _respond(Answer(200, state_view(daemon)))

    async def events(request: Request) -> Response:
        if readers.full:
            return _respond(refusal(503, f"at most {READERS_MAX} may follow the news"))
        last_id = request.headers.get("last-event-id", "")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = kept_alive(readers.follow(last_id), KEEPALIVE_S)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def described(_request: Request) -> Response:
        return _respond(Answer(200, description))

    async def recorded(request: Request) -> Response:
        session = request.path_params["session"]
        try:
            return _respond(Answer(200, await record(session)))
        except NoRecord as error:
            return _respond(refusal(404, error.rule, field="session", value=session))

    async def act(request: Request) -> Response:
        name = request.path_params["name"]
        if name == STOP:
            return _respond(await api.stop("panel"))
        body = await _body(request)
        return _respond(body if isinstance(body, Answer) else await api.act(name, body))

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = 404 if error.status_code == 405 else error.status_code
        return _respond(refusal(status, "must be a path and method of this API", str(error.detail)))

    async def failed(_request: Request, error: Exception) -> Response:
        return _respond(refusal(500, "the program must not fail", type(error).__name__))

    async def left(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)

    routes = [
        Route("/api/v1/state", state),
        Route("/api/v1/events", events),
        Route("/api/v1/openapi.json", described),
        Route("/api/v1/record/{session}", recorded),
        Route("/api/v1/actions/{name}", act, methods=["POST"]),
    ]
    handlers = {HTTPException: refused, Exception: failed, ClientDisconnect: left}
    app = Starlette(routes=routes, exception_handlers=handlers)
    busy = _respond(refusal(503, f"at most {round(1 / EVERY_S)} requests a second"))
    at_once = {f"/api/v1/actions/{name}" for name in STOPPING}
    return OnlyFromHere(InTurn(app, turns, at_once, busy))
