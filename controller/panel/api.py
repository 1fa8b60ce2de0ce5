"""Requests to events: who may ask at all, what is malformed, and that one action acts once.

It knows bodies and answers, asks the desk who may, and knows nothing of HTTP. Answers are
remembered by ``action_id`` in memory, the newest thousand: after a restart of the daemon the
judgement's own phases are what keeps an old request from acting again.
"""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from controller.clinic.answers import AnswerError
from controller.clinic.documents import DocumentError, json_problem, shown
from controller.clinic.earlier import EarlierDose
from controller.clinic.order import OrderError
from controller.config import SiteConfig
from controller.daemon import Daemon, UnknownSession
from controller.inbox import Verdict
from controller.journal import JournalFailed
from controller.orders import CheckedOrder, checked_order, stranger_problems
from controller.panel.actions import (
    BY_NAME,
    LOAD,
    LOAD_ORDER,
    REVISE,
    Action,
    Body,
    InSession,
    LoadOrder,
    OperatorId,
    ReviseOrder,
    Wrong,
)
from controller.panel.desk import Denied, Desk, Knock, Known
from controller.panel.whereabouts import Whereabouts

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


def denial(denied: Denied) -> Answer:
    """The answer to whoever may not."""
    return refusal(denied.status, denied.rule, field=denied.field, value=denied.value)


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


def _named(error: DocumentError, within: str) -> list[dict[str, Any]]:
    """The problems of a document that stands in a body under a name."""
    return [
        {"field": f"{within}.{p.field}", "value": p.value, "rule": p.rule} for p in error.problems
    ]


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


class Shown(BaseModel):
    """A badge, as its reader types it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    badge: Annotated[str, StringConstraints(max_length=200)]


class Leaving(BaseModel):
    """Who leaves the station."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    operator: OperatorId


class StationKey(BaseModel):
    """The key of a station, as ``isodrip station key`` told it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]


class Api:
    """The actions of one daemon."""

    def __init__(self, daemon: Daemon, site: SiteConfig, desk: Desk) -> None:
        self.daemon, self.site, self.desk = daemon, site, desk
        self._whereabouts = Whereabouts(site.station)
        self._answers: OrderedDict[str, tuple[str, asyncio.Task[Answer]]] = OrderedDict()

    async def stop(self, source: str) -> Answer:
        """STOP: nothing is asked, nothing can be wrong with it; its answer waits for no disk."""
        return _answered(await self.daemon.stop("", "", source))

    async def act(self, name: str, text: bytes, knock: Knock) -> Answer:
        """Do the action ``name`` with the JSON body ``text``, once for its ``action_id``.

        Who may not ask is not answered from memory either.
        """
        body = body_of(name, text)
        if isinstance(body, Answer):
            return body
        try:
            self._check_place(name, body, knock)
            known = await self.desk.allowed(BY_NAME.get(name, LOAD), body, knock)
            # While PINs were tried another may have signed.
            self._check_place(name, body, knock)
        except Denied as denied:
            return denial(denied)
        return await self._once(name, body, known)

    def _check_place(self, name: str, body: Body, knock: Knock) -> None:
        """Return where the action belongs to the station. Raises Denied."""
        named = body.session if isinstance(body, InSession) else ""
        session = self.daemon.sessions.get(named)
        state = None if session is None else session.state
        try:
            self._whereabouts.check(BY_NAME.get(name, LOAD), body, state, knock)
        except Denied as denied:
            if self.station(knock) is None:
                # Whoever knocks from anywhere writes nothing into a journal.
                raise
            raise self.desk.refused(denied, body.operator, knock) from None

    def station(self, knock: Knock) -> dict[str, Any] | None:
        """The station of a request as the site knows it; None for a stranger's."""
        standing = self._whereabouts.of(knock)
        return None if standing is None else standing.view()

    def settle(self, text: bytes, knock: Knock) -> tuple[Answer, str]:
        """A station's key was typed, once for its browser to keep: which station it is, the key."""
        try:
            key = StationKey.model_validate_json(text).key
        except ValidationError:
            return refusal(422, "must be JSON with a key", field="key", value="(not shown)"), ""
        standing = self._whereabouts.keeper_of(key)
        if standing is None:
            rule = "must be the key of a station of this site"
            return refusal(401, rule, field="key", value="(not shown)"), ""
        self.daemon.note_people({"did": "station", "station": knock.place, "name": standing.name})
        return Answer(200, {"station": standing.view()}), key

    def come(self, text: bytes, knock: Knock) -> tuple[Answer, str]:
        """A badge was shown: who is at the station now, and the station's token."""
        try:
            badge = Shown.model_validate_json(text).badge
        except ValidationError:
            return refusal(422, "must be JSON with a badge", field="badge", value="(not shown)"), ""
        try:
            token, person = self.desk.come(badge, knock)
        except Denied as denied:
            return denial(denied), ""
        return Answer(200, {"who": person.id, "present": self.desk.present(token)}), token

    def go(self, text: bytes, knock: Knock) -> Answer:
        """Somebody leaves the station."""
        try:
            self.desk.go(Leaving.model_validate_json(text).operator, knock)
        except ValidationError as error:
            return _malformed(_problems_of(error))
        return Answer(200, {"present": self.desk.present(knock.token)})

    async def _once(self, name: str, body: Body, by: Known) -> Answer:
        """Answer as this very action was or will be answered, whether or not the client stays."""
        what = json.dumps([name, body.model_dump(mode="json")], sort_keys=True)
        known = self._answers.get(body.action_id)
        if known is not None and known[0] != what:
            rule = "an action_id belongs to one action"
            return refusal(409, rule, "it was used before", field="action_id", value=body.action_id)
        if known is None:
            known = what, asyncio.create_task(self._do(name, body, by))
            self._answers[body.action_id] = known
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return await asyncio.shield(known[1])

    async def _do(self, name: str, body: Body, by: Known) -> Answer:
        try:
            if isinstance(body, LoadOrder):
                return await self._load(body, by)
            if isinstance(body, ReviseOrder):
                return await self._revise(body, by)
            assert isinstance(body, InSession)
            return await self._in_session(BY_NAME[name], body, by)
        except Wrong as wrong:
            return refusal(422, wrong.rule, field=wrong.field, value=wrong.value)
        except AnswerError as error:
            return _malformed(_named(error, "answer"))
        except OrderError as error:
            return _malformed(_named(error, "order"))
        except UnknownSession as unknown:
            return refusal(404, "must be an open session", field="session", value=str(unknown))

    async def _in_session(self, action: Action, body: InSession, by: Known) -> Answer:
        fields = action.fields(body, self.site)
        who = (body.operator, by.role)
        known = {"proven": by.first, "other": by.second}
        return await self._kept(
            await self.daemon.request(body.session, action.event, *who, *fields, **known)
        )

    async def _kept(self, verdict: Verdict) -> Answer:
        """The answer to an action, given once it is on the disk or never will be."""
        if verdict.refusal is not None:
            return _answered(verdict)
        durable = await self.daemon.kept(verdict)
        return _answered(verdict, record=verdict.record, durable=durable)

    async def _load(self, body: LoadOrder, by: Known) -> Answer:
        checked = self._checked(body.order, self.daemon.doses())
        loaded = replace(checked.loaded, people=self.desk.register.head)
        who = (body.operator, by.role)
        try:
            verdict = await self.daemon.load(loaded, checked.treatment, *who, proven=by.first)
        except (JournalFailed, OSError) as error:
            return refusal(409, "the journal must be writable", str(error))
        return await self._kept(verdict)

    async def _revise(self, body: ReviseOrder, by: Known) -> Answer:
        if body.session not in self.daemon.sessions:
            raise UnknownSession(body.session)
        checked = self._checked(body.order, self.daemon.doses(but=body.session))
        told = (body.operator, by.role, checked.loaded.text, checked.treatment)
        known = {"proven": by.first, "other": by.second}
        return await self._kept(
            await self.daemon.request(body.session, REVISE.event, *told, **known)
        )

    def _checked(self, order: dict[str, Any], doses: tuple[EarlierDose, ...]) -> CheckedOrder:
        """The order, if it may be used here and now. Raises OrderError."""
        now_utc_ns = self.daemon.clock.utc_ns()
        checked = checked_order(json.dumps(order), self.site, now_utc_ns, doses)
        strangers = stranger_problems(checked.order, self.desk.register)
        if strangers:
            raise OrderError(strangers)
        return checked
