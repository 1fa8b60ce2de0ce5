"""Fuzz targets of what is asked of a running program: HTTP, sockets, command lines."""

import argparse
import asyncio
import json
import math
import re
from collections.abc import Coroutine
from contextlib import suppress
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, TypeVar, cast

from controller.clinic.answers import AnswerError
from controller.clinic.order import parse_order
from controller.clock import SystemClock
from controller.console import number_argument
from controller.control_socket import answer_to, answered
from controller.daemon import Daemon
from controller.inbox import Verdict
from controller.news import NewsRing
from controller.panel.actions import BY_NAME, LOAD_ORDER, REVISE, Wrong
from controller.panel.api import Answer, Api, body_of
from controller.panel.app import make_app
from controller.panel.desk import Desk, DeskPorts, Knock
from controller.panel.door import COOKIE
from controller.panel.stations import Doing
from controller.panel.turnstile import Turnstile
from controller.records import NoRecord
from simulators.bench import channel
from simulators.bench.badges import CLINICAL, COST, bench_people
from simulators.bench.hands import VERBS
from simulators.bench.rehearse import minutes
from simulators.bench.setting import Setting
from simulators.bench.sweep import case_of
from simulators.bench.world import World
from simulators.devices.simulate import parse_address
from tests.fuzz.given import STRANGE, Choices, Form, json_form, text_of
from tests.fuzz.papers import NOW_NS, ORDER, SITE

WORTH: Final[dict[str, Any]] = {
    "str": "x",
    "bool": True,
    "float": 1.5,
    "dict": ORDER,
    "Places": {"pad": 0.1, "site": 0.1, "floor": 0.1, "gloves": 0.1},
}
T = TypeVar("T")
HERE: Final = "127.0.0.1"
WORDS: Final = ("drug", "saline", "syringe", "pads", "patient", "pump", "calibrator", "start_stop")
DO_STOP: Final = json_form({"do": "stop"})
SAID: Final = (*map(json.dumps, WORDS), *STRANGE)
NAMES: Final = (*BY_NAME, LOAD_ORDER, "stop", "explode")


def _good(name: str) -> dict[str, Any]:
    """A body that the action takes, as far as one can be made from its schema."""
    given: dict[str, Any] = {"action_id": "a-1", "operator": "ab"}
    if name == LOAD_ORDER:
        return given | {"order": ORDER}
    named = {"session": "s", "confirmed_by": "cd", "syringe": "BD 10 mL", "item": "pads"}
    named["to"] = "bedside"
    fields = BY_NAME[name].body.model_fields if name in BY_NAME else {}
    for field, about in fields.items():
        kind = getattr(about.annotation, "__name__", "")
        given.setdefault(field, named.get(field, WORTH.get(kind, "x")))
    return given


@cache
def _form(name: str) -> Form:
    return json_form(_good(name))


def api_body(data: bytes) -> None:
    """A request's body: what is taken is one action's, and becomes the fields of its event."""
    choices = Choices(data)
    name = choices.one_of(NAMES)
    raw = choices.number() % 4 == 0
    text = choices.rest() if raw else _form(name).spoiled(choices).encode()
    found = body_of(name, text)
    if isinstance(found, Answer):
        assert 400 <= found.status < 500
        assert found.body["error"]["rule"]
        assert found.body["error"]["field"]
        return
    assert body_of(name, found.model_dump_json(by_alias=True).encode()) == found
    if name in BY_NAME and name != REVISE.name:
        with suppress(Wrong, AnswerError):
            fields = BY_NAME[name].fields(found, SITE)
            BY_NAME[name].event(0, 0, found.operator, "technician", *fields)


class Room:
    """A daemon that says yes to everything: what is fuzzed stands in front of it."""

    def __init__(self) -> None:
        self.clock = SimpleNamespace(utc_ns=lambda: NOW_NS)
        self.setting = SimpleNamespace(version="0")
        self.sessions: dict[str, Any] = {}
        self.herald = SimpleNamespace(ring=NewsRing("boot"))
        self.herald.ring.close()

    async def request(self, session: str, *_: Any, **_known: Any) -> Verdict:
        return Verdict(session, "IDLE")

    async def stop(self, *_: Any) -> Verdict:
        return Verdict("", "IDLE")

    async def load(self, *_: Any, **_known: Any) -> Verdict:
        return Verdict("s", "ORDERED")

    async def kept(self, _verdict: Verdict) -> bool:
        return True


async def _unrecorded(session: str) -> Any:
    raise NoRecord("must be a session with an order")


class Unhindered:
    """A turnstile that lets everybody pass: what waits there is no input of a parser."""

    async def turn(self) -> bool:
        return True


class Knocking:
    """The ASGI application of a room that says yes, on a loop that is kept."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.daemon = Room()
        ports = DeskPorts(lambda _facts: None, lambda: Doing.NOTHING, COST)
        clock = SystemClock(lambda: NOW_NS, lambda: NOW_NS)
        desk = Desk(clock, ports)
        desk.take(bench_people(NOW_NS).register)
        self.token = ""
        for bearer in CLINICAL[:2]:
            self.token, _ = desk.come(bearer.badge, Knock(self.token, HERE))
        self.api = Api(cast(Daemon, self.daemon), SITE, desk)
        self.app = make_app(self.api, _unrecorded, cast(Turnstile, Unhindered()))

    def ask(self, scope: dict[str, Any], chunks: list[bytes]) -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        return self.loop.run_until_complete(self._asked(scope, chunks))

    async def _asked(self, scope: dict[str, Any], chunks: list[bytes]) -> tuple[int, bytes]:
        coming = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
        coming.append({"type": "http.request", "body": b"", "more_body": False})
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)


knocking: Final = cache(Knocking)
HEADERS: Final = (
    *((b"host", b"127.0.0.1:8131"), (b"host", b"[::1"), (b"host", b"localhost:x")),
    *((b"origin", b"http://localhost"), (b"x-isodrip", b"1"), (b"x-isodrip", b"")),
    *((b"content-type", b"application/json; charset=x"), (b"last-event-id", b"boot-1")),
    *((b"x-isodrip-pin", CLINICAL[0].pin.encode()), (b"x-isodrip-second-pin", b"x")),
)
PATHS: Final = (
    *("/api/v1/state", "/api/v1/events", "/api/v1/openapi.json", "/api/v1/record/x"),
    *("/api/v1/come", "/api/v1/go", "/api/v1/present", "/api/v1/station"),
)


def http(data: bytes) -> None:
    """A request: answered with one of this API's own statuses, whatever its head and body."""
    choices = Choices(data)
    name = choices.one_of(NAMES)
    path = choices.one_of((*PATHS[1:], *[f"/api/v1/actions/{name}"] * 5, text_of(choices.word())))
    station = (b"cookie", f"{COOKIE}={knocking().token}".encode())
    headers = [HEADERS[0], HEADERS[4], HEADERS[6], station] if choices.number() % 4 else []
    for _ in range(choices.number() % 3):
        known = choices.one_of(HEADERS)
        headers.append(known if choices.number() % 2 else (known[0], choices.word()))
    body = _form(name).spoiled(choices).encode()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": choices.one_of(("POST", "GET", "PUT")),
        "path": path,
        "raw_path": path.encode(errors="replace"),
        "query_string": choices.word(),
        "headers": headers,
        "client": (HERE, 1),
    }
    status, told = knocking().ask(scope, [body[:1000], body[1000:]])
    assert status in (200, 400, 401, 403, 404, 409, 422, 429), (status, told)
    if status != 200 and told:
        assert json.loads(told)["error"]["rule"]


def news_ids(data: bytes) -> None:
    """Where a reader of the news goes on: a number of the ring, or from the beginning."""
    choices = Choices(data)
    ring = knocking().daemon.herald.ring
    text = ("boot-" if choices.number() % 2 else "") + text_of(choices.rest())
    position = ring.position(text)
    assert position is None or 1 <= position <= ring.end


def control_lines(data: bytes) -> None:
    """A line of the control socket: a handler's answer, or a refusal; and what a client reads."""

    async def stop() -> dict[str, Any]:
        return {"accepted": True}

    choices = Choices(data)
    raw = choices.number() % 2 == 0
    line = choices.rest() if raw else DO_STOP.spoiled(choices).encode()
    told = _run(answer_to(line, {"stop": stop}))
    assert told == {"accepted": True} or told["error"]["rule"] == "must be one of stop"
    json.dumps(told, allow_nan=False).encode()
    with suppress(ValueError):
        assert isinstance(answered(line), dict)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise AssertionError("it waits")


def command_line(data: bytes) -> None:
    """Numbers and names of a command line: one number format, and nothing else."""
    text = text_of(data)
    for read in (number_argument, minutes):
        try:
            value = read(text)
        except argparse.ArgumentTypeError as error:
            assert str(error)
            continue
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
        assert math.isfinite(value)
        assert Decimal(repr(value)) - Decimal(text) < Decimal("1e-3")
    with suppress(ValueError):
        case_of(text)
    with suppress(ValueError):
        host, port = parse_address(text)
        assert host is not None
        assert 0 <= port <= 65535


@cache
def _setting() -> Setting:
    return Setting.of(parse_order(json.dumps(ORDER)), 1)


def hands(data: bytes) -> None:
    """A line to the world of a bench: done, or refused with a reason, and the ledger is whole."""
    choices, now_ns = Choices(data), 0
    world = World(_setting(), lambda: now_ns, lambda: now_ns)
    while choices.left:
        now_ns += choices.number() * 10_000_000
        verb = choices.one_of(sorted(VERBS))
        told = (f"{json.dumps(name)}:{choices.one_of(SAID)}" for name in VERBS[verb][1])
        line = f'{{"hand":"{verb}","with":{{{",".join(told)}}}}}'.encode()
        line = choices.word() if choices.number() % 8 == 0 else line
        answer = channel.answer(line, world.answer)
        assert answer["ok"] or answer["reason"]
    json.dumps(channel.answer(b'{"truth": true}', world.answer), allow_nan=False)
