"""The description of the API, made of the table of actions and its bodies."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from controller.clinic.access import Proof
from controller.panel.actions import ACTIONS, ANYONE, LOAD, REVISE, STOP, Action, Confirmed
from controller.panel.api import Leaving, Shown, StationKey
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER


@cache
def openapi(version: str) -> dict[str, Any]:
    """The API in OpenAPI 3.1."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {
        f"/api/v1/{path}": {"get": {"summary": text, "responses": {"200": {"description": text}}}}
        for path, text in (
            ("state", "Every session, alarm and link of the room"),
            ("events", "Server-sent events: state, alarm, telemetry; Last-Event-ID resumes"),
            ("openapi.json", "This description"),
            ("record/{session}", "The record of a treatment"),
            ("sheet/{session}", "The downtime sheet of a released treatment, as HTML for A4"),
            ("gates/{session}", "Every gate of a treatment: question, rule, answer, what is wrong"),
            ("present", "Who is at this station, and for how long without doing anything"),
        )
    }
    named = {"name": "session", "in": "path", "required": True, "schema": {"type": "string"}}
    for path in ("record", "sheet", "gates"):
        paths[f"/api/v1/{path}/{{session}}"]["get"]["parameters"] = [named]
    for action in (LOAD, REVISE, *ACTIONS):
        _described(schemas, action.body)
        paths[f"/api/v1/actions/{action.name}"] = {
            "post": _operation(action.name, _told(action), action.body.__name__, _pins(action))
        }
    for name, body, text in DESK:
        _described(schemas, body)
        paths[f"/api/v1/{name}"] = {"post": _operation(name, text, body.__name__)}
    paths[f"/api/v1/actions/{STOP}"] = {"post": _operation(STOP, "STOP. No body, no header.", "")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Isodrip", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }


DESK: Final[tuple[tuple[str, type[BaseModel], str], ...]] = (
    ("come", Shown, "Show a badge at this station; its cookie says which station this is"),
    ("go", Leaving, "Leave this station"),
    ("station", StationKey, "Make this browser the station of a key; a cookie keeps it"),
)


def _described(schemas: dict[str, Any], body: type[BaseModel]) -> None:
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schema.pop("$defs", {})
    schemas[body.__name__] = schema


def _told(action: Action) -> str:
    roles = "anyone" if action.roles == ANYONE else ", ".join(sorted(action.roles))
    return f"{action.text}. Asks for: {action.proof.value}, of {roles}, at {action.place.words}."


def _pins(action: Action) -> tuple[str, ...]:
    """The headers with PINs that an action asks for."""
    if action.proof is not Proof.PIN:
        return ()
    return (PIN_HEADER, SECOND_PIN_HEADER) if issubclass(action.body, Confirmed) else (PIN_HEADER,)


def _operation(name: str, text: str, schema: str, pins: Sequence[str] = ()) -> dict[str, Any]:
    answers = {"200": "accepted", "404": "unknown", "409": "refused", "422": "malformed"}
    answers |= {"401": "badge or PIN wanted", "403": "not for this person", "429": "locked"}
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
        asked = {"in": "header", "required": True, "schema": {"type": "string"}}
        operation["parameters"] = [header, *({"name": pin, **asked} for pin in pins)]
    return operation
