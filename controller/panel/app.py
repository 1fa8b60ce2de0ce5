"""The HTTP face: state, actions, and news as server-sent events.

Knows HTTP and nothing of treatments. Who may knock is decided at the door.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from controller.daemon import Daemon
from controller.gates_view import gates_view
from controller.news import Item, NewsRing
from controller.panel.actions import STOP, STOPPING
from controller.panel.api import Answer, Api, refusal
from controller.panel.door import OnlyByName, body_of, door_routes, knock_of, looking, respond
from controller.panel.openapi import openapi
from controller.panel.turnstile import EVERY_S, InTurn, Turnstile
from controller.records import NoRecord
from controller.sheet_html import POLICY
from controller.sheets import sheet_html
from controller.view import state_view

KEEPALIVE_S: Final = 15.0
READERS_MAX: Final = 16
"""A room has a panel or two; each reader costs a turn of the loop for each piece of news."""
SHEET_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
Record = Callable[[str], Any]


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


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = 404 if error.status_code == 405 else error.status_code
    return respond(refusal(status, "must be a path and method of this API", str(error.detail)))


async def _failed(_request: Request, error: Exception) -> Response:
    return respond(refusal(500, "the program must not fail", type(error).__name__))


async def _left(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


def _sheet_route(api: Api) -> Route:
    async def sheet(request: Request) -> Response:
        session = request.path_params["session"]
        try:
            return HTMLResponse(await sheet_html(api.daemon, session), headers=SHEET_HEADERS)
        except NoRecord as error:
            return respond(refusal(404, error.rule, field="session", value=session))

    return Route("/api/v1/sheet/{session}", looking(api, sheet))


def make_app(
    api: Api, record: Record, turnstile: Turnstile | None = None, names: Collection[str] = ()
) -> ASGIApp:
    """The ASGI application. ``record`` gives the record of a session or raises `NoRecord`.

    ``names`` are what other machines call this one.
    """
    daemon, turns = api.daemon, turnstile or Turnstile()
    description = openapi(daemon.setting.version)
    readers = Readers(daemon, turns)

    async def state(request: Request) -> Response:
        here = {"station": api.station(knock_of(request))}
        return respond(Answer(200, state_view(daemon) | here))

    async def events(request: Request) -> Response:
        if readers.full:
            return respond(refusal(503, f"at most {READERS_MAX} may follow the news"))
        last_id = request.headers.get("last-event-id", "")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = kept_alive(readers.follow(last_id), KEEPALIVE_S)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def described(_request: Request) -> Response:
        return respond(Answer(200, description))

    async def recorded(request: Request) -> Response:
        session = request.path_params["session"]
        try:
            return respond(Answer(200, await record(session)))
        except NoRecord as error:
            return respond(refusal(404, error.rule, field="session", value=session))

    async def gated(request: Request) -> Response:
        session = request.path_params["session"]
        live = daemon.sessions.get(session)
        if live is None:
            return respond(refusal(404, "must be an open session", field="session", value=session))
        return respond(Answer(200, gates_view(live.state, daemon.clock.utc_ns())))

    async def act(request: Request) -> Response:
        name = request.path_params["name"]
        if name == STOP:
            return respond(await api.stop("panel"))
        body = await body_of(request)
        if isinstance(body, Answer):
            return respond(body)
        return respond(await api.act(name, body, knock_of(request)))

    routes = [
        Route("/api/v1/state", looking(api, state)),
        Route("/api/v1/events", looking(api, events)),
        Route("/api/v1/openapi.json", looking(api, described)),
        Route("/api/v1/record/{session}", looking(api, recorded)),
        _sheet_route(api),
        Route("/api/v1/gates/{session}", looking(api, gated)),
        *door_routes(api),
        Route("/api/v1/actions/{name}", act, methods=["POST"]),
    ]
    handlers = {HTTPException: _refused, Exception: _failed, ClientDisconnect: _left}
    app = Starlette(routes=routes, exception_handlers=handlers)
    busy = respond(refusal(503, f"at most {round(1 / EVERY_S)} requests a second"))
    at_once = {f"/api/v1/actions/{name}" for name in STOPPING}
    return OnlyByName(InTurn(app, turns, at_once, busy), names)
