"""Requests to events: who may ask at all, what is malformed, and that one action acts once.

It knows bodies, operators and answers, and nothing of HTTP. Answers are remembered by ``action_id``
in memory, the newest thousand: after a restart of the daemon the judgement's own phases are what
keeps an old request from acting again.
"""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from controller.clinic.documents import DocumentError, json_problem, shown
from controller.config import Operator, SiteConfig
from controller.daemon import Daemon, UnknownSession
from controller.inbox import Verdict
from controller.journal import JournalFailed
from controller.orders import checked_order
from controller.panel.actions import (
    BY_NAME,
    LOAD_ORDER,
    STOP,
    Action,
    Body,
    InSession,
    LoadOrder,
    Wrong,
)

REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """HTTP status and JSON body."""

    status: int
    body: dict[str, Any]


def refusal(
    status: int, rule: str, detail: str = "", *, field: str = "", value: object = None
) -> Answer:
    """A refusal that names the rule, and field and value where there are such."""
    error: dict[str, Any] = {"rule": rule, "detail": detail}
    if field:
        error |= {"field": field, "value": value if isinstance(value, str) else shown(value)}
    return Answer(status, {"error": error})


def _answered(verdict: Verdict, **more: object) -> Answer:
    refused = verdict.refusal
    if refused is None:
        body = {"accepted": True, "session": verdict.session, "phase": verdict.phase}
        return Answer(200, body | more)
    error = {
        "event": refused.event,
        "phase": refused.phase,
        "rule": refused.rule,
        "detail": refused.detail,
    }
    return Answer(409, {"error": error, "session": verdict.session, "phase": verdict.phase})


def _malformed(problems: list[dict[str, Any]]) -> Answer:
    """All problems; the first stands in ``error`` itself."""
    return Answer(
        422, {"error": {**problems[0], "detail": problems[0]["rule"]}, "problems": problems}
    )


def _problems_of(error: ValidationError) -> list[dict[str, Any]]:
    return [
        {
            "field": ".".join(map(str, item["loc"])) or "body",
            "value": shown(item["input"]),
            "rule": item["msg"],
        }
        for item in error.errors(include_url=False)
    ]


def body_of(name: str, text: bytes) -> Body | Answer:
    """The body of the action ``name`` in strict JSON, or what to answer instead."""
    model = LoadOrder if name == LOAD_ORDER else BY_NAME[name].body if name in BY_NAME else None
    if model is None:
        return refusal(404, "must be an action of this program", field="action", value=name)
    try:
        # Pydantic alone would take the last of two fields of one name.
        problem = json_problem(text.decode())
        if problem is not None:
            return _malformed([{"field": "body", "value": problem.value, "rule": problem.rule}])
        return model.model_validate_json(text)
    except UnicodeDecodeError as error:
        return _malformed([{"field": "body", "value": "(not UTF-8)", "rule": str(error)}])
    except ValidationError as error:
        return _malformed(_problems_of(error))


class Api:
    """The actions of one daemon."""

    def __init__(self, daemon: Daemon, site: SiteConfig) -> None:
        self.daemon, self.site = daemon, site
        self._operators = {person.id: person for person in site.operator}
        self._answers: OrderedDict[str, tuple[str, asyncio.Task[Answer]]] = OrderedDict()

    async def stop(self, source: str) -> Answer:
        """STOP: nothing is asked, nothing can be wrong with it; its answer waits for no disk."""
        return _answered(await self.daemon.stop("", "", source))

    async def act(self, name: str, text: bytes) -> Answer:
        """Do the action ``name`` with the JSON body ``text``, once for its ``action_id``."""
        body = body_of(name, text)
        return body if isinstance(body, Answer) else await self._once(name, body)

    async def _once(self, name: str, body: Body) -> Answer:
        """Answer as this very action was or will be answered, whether or not the client stays."""
        what = json.dumps([name, body.model_dump(mode="json")], sort_keys=True)
        known = self._answers.get(body.action_id)
        if known is not None and known[0] != what:
            rule = "an action_id belongs to one action"
            return refusal(409, rule, "it was used before", field="action_id", value=body.action_id)
        if known is None:
            known = what, asyncio.create_task(self._do(name, body))
            self._answers[body.action_id] = known
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return await asyncio.shield(known[1])

    async def _do(self, name: str, body: Body) -> Answer:
        operator = self._operators.get(body.operator)
        if operator is None:
            rule = "must be an operator of site.toml"
            return refusal(422, rule, field="operator", value=body.operator)
        try:
            if isinstance(body, LoadOrder):
                return await self._load(body, operator)
            assert isinstance(body, InSession)
            return await self._in_session(BY_NAME[name], body, operator)
        except Wrong as wrong:
            return refusal(422, wrong.rule, field=wrong.field, value=wrong.value)
        except UnknownSession as unknown:
            return refusal(404, "must be an open session", field="session", value=str(unknown))

    async def _in_session(self, action: Action, body: InSession, operator: Operator) -> Answer:
        fields = action.fields(body, self.site)
        who = (operator.id, operator.role)
        return await self._kept(
            await self.daemon.request(body.session, action.event, *who, *fields)
        )

    async def _kept(self, verdict: Verdict) -> Answer:
        """The answer to an action, given once it is on the disk or never will be."""
        if verdict.refusal is not None:
            return _answered(verdict)
        durable = await self.daemon.kept(verdict)
        return _answered(verdict, record=verdict.record, durable=durable)

    async def _load(self, body: LoadOrder, operator: Operator) -> Answer:
        now_utc_ns = self.daemon.clock.utc_ns()
        try:
            checked = checked_order(json.dumps(body.order), self.site, now_utc_ns)
        except DocumentError as error:
            problems = [
                {"field": f"order.{p.field}", "value": p.value, "rule": p.rule}
                for p in error.problems
            ]
            return _malformed(problems)
        who = (operator.id, operator.role)
        try:
            verdict = await self.daemon.load(checked.loaded, checked.treatment, *who)
        except (JournalFailed, OSError) as error:
            return refusal(409, "the journal must be writable", str(error))
        return await self._kept(verdict)


def openapi(version: str) -> dict[str, Any]:
    """The description of the API, made of the table of actions and its bodies."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {
        f"/api/v1/{path}": {"get": {"summary": text, "responses": {"200": {"description": text}}}}
        for path, text in (
            ("state", "Every session, alarm and link of the room"),
            ("events", "Server-sent events: state, alarm, telemetry; Last-Event-ID resumes"),
            ("openapi.json", "This description"),
            ("record/{session}", "The record of a treatment"),
        )
    }
    record = paths["/api/v1/record/{session}"]["get"]
    record["parameters"] = [
        {"name": "session", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    posted: list[tuple[str, type[Body], str]] = [
        (LOAD_ORDER, LoadOrder, "Load a written directive"),
        *((action.name, action.body, action.text) for action in BY_NAME.values()),
    ]
    for name, body, text in posted:
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[body.__name__] = schema
        paths[f"/api/v1/actions/{name}"] = {"post": _operation(name, text, body.__name__)}
    paths[f"/api/v1/actions/{STOP}"] = {"post": _operation(STOP, "STOP. No body, no header.", "")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Isodrip", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(name: str, text: str, schema: str) -> dict[str, Any]:
    answers = {"200": "accepted", "404": "unknown", "409": "refused", "422": "malformed"}
    answers["503"] = "too many ask"
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": text,
        "responses": {code: {"description": meaning} for code, meaning in answers.items()},
    }
    if schema:
        reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
        operation["requestBody"] = {"required": True, "content": {"application/json": reference}}
        header = {"name": "X-Isodrip", "in": "header", "required": True, "schema": {"const": "1"}}
        operation["parameters"] = [header]
    return operation
