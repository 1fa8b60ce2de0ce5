"""The door of the HTTP face: who may knock, by which names, and as which station.

Host and Origin must be names of this machine, so that no page from elsewhere speaks through
somebody's browser. From another machine only a station at which a badge was shown may look. STOP
asks for nothing beyond the names.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controller.panel.api import Answer, Api, refusal
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER, Knock

BODY_BYTES_MAX: Final = 64 * 1024
HEADER: Final = "X-Isodrip"
COOKIE: Final = "isodrip"
KEY_COOKIE: Final = "isodrip_station"
KEY_AGE_S: Final = 400 * 86_400
"""No browser keeps a cookie for longer."""
Endpoint = Callable[[Request], Awaitable[Response]]


def respond(answer: Answer) -> JSONResponse:
    """The answer; nothing of it is kept on the way."""
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


class OnlyByName:
    """Refuses a request whose Host or Origin is neither a loopback name nor one of ``names``."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        for header, prefix in (("host", "//"), ("origin", "")):
            value = request.headers.get(header)
            if value is None and header == "origin":
                continue
            if value is None or not self._ours(_name_in(prefix + value)):
                rule = "must be a loopback name or one of api.names"
                answer = refusal(400, rule, field=header, value=value or "")
                await respond(answer)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _ours(self, name: str | None) -> bool:
        return _loopback(name) or (name is not None and name.lower() in self._names)


async def body_of(request: Request) -> bytes | Answer:
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


def knock_of(request: Request) -> Knock:
    """Who sends a request, as far as it says."""
    place = "" if request.client is None else request.client.host
    pin, second = (request.headers.get(name, "") for name in (PIN_HEADER, SECOND_PIN_HEADER))
    cookies = request.cookies
    return Knock(cookies.get(COOKIE, ""), place, pin, second, cookies.get(KEY_COOKIE, ""))


def _with_station(answer: Answer, token: str, request: Request) -> JSONResponse:
    """The answer, with the cookie that says which station this is; it dies with the browser."""
    return _kept(respond(answer), request, COOKIE, token, None)


def _kept(
    response: JSONResponse, request: Request, name: str, value: str, age_s: int | None
) -> JSONResponse:
    """The answer, with a cookie for no other page and no script; none where it is empty."""
    if value:
        secure = request.url.scheme == "https"
        response.set_cookie(
            name, value, max_age=age_s, httponly=True, secure=secure, samesite="strict"
        )
    return response


def _closed(api: Api, request: Request) -> JSONResponse | None:
    """Why this request may not look, or None: it comes from here, or from a known station."""
    knock = knock_of(request)
    if _loopback(knock.place) or api.desk.knows(knock.token):
        return None
    return respond(refusal(401, "must be a station: show a badge", field=COOKIE, value=""))


def looking(api: Api, endpoint: Endpoint) -> Endpoint:
    """The endpoint for those who may look."""

    async def looked(request: Request) -> Response:
        return _closed(api, request) or await endpoint(request)

    return looked


def door_routes(api: Api) -> list[Route]:
    """Coming to a station, leaving it, and who is there."""

    async def come(request: Request) -> Response:
        body = await body_of(request)
        if isinstance(body, Answer):
            return respond(body)
        return _with_station(*api.come(body, knock_of(request)), request)

    async def go(request: Request) -> Response:
        body = await body_of(request)
        return respond(body if isinstance(body, Answer) else api.go(body, knock_of(request)))

    async def present(request: Request) -> Response:
        knock = knock_of(request)
        there = {"present": api.desk.present(knock.token), "station": api.station(knock)}
        return respond(Answer(200, there))

    async def settle(request: Request) -> Response:
        body = await body_of(request)
        if isinstance(body, Answer):
            return respond(body)
        answer, key = api.settle(body, knock_of(request))
        return _kept(respond(answer), request, KEY_COOKIE, key, KEY_AGE_S)

    return [
        Route("/api/v1/present", present),
        Route("/api/v1/come", come, methods=["POST"]),
        Route("/api/v1/go", go, methods=["POST"]),
        Route("/api/v1/station", settle, methods=["POST"]),
    ]
