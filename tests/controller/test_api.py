"""The HTTP face: who may knock, what is malformed, one act an action, and news that resume."""

import asyncio
import copy
import json
from typing import Any

import httpx
import pytest

from controller.core import events
from controller.news import NewsRing
from controller.panel.actions import ACTIONS, BY_NAME, LOAD, REVISE
from controller.panel.app import kept_alive, make_app, news
from controller.panel.openapi import openapi
from controller.panel.server import PanelServer, bind
from controller.sessions import EVENTS
from tests.controller.room import ORDER, Room
from tests.controller.stepped_loop import run_stepped

BY_HAND = {
    "confirmed_by": "cd",
    "given_by": "C. D.",
    "begun_at": "2025-11-20T12:00:00Z",
    "ended_at": "2025-11-20T12:30:00Z",
    "low_ml": 1.0,
    "high_ml": 2.0,
    "flushed_ml": 4.5,
    "method": "barrel",
    "reason": "no computer",
}
UPSIDE_DOWN = {"low_ml": 2.0, "high_ml": 1.0}
ORDINARY = {"X-Isodrip": "1", "Content-Type": "application/json"}


def in_room(tmp_path, work):
    async def main():
        async with Room(tmp_path) as room:
            return await work(room)

    return run_stepped(main)


@pytest.mark.requirement("C7")
@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Host": "evil.example"}, "host"),
        ({"Host": "127.0.0.1.evil.example"}, "host"),
        ({"Host": "10.0.0.1:8131"}, "host"),
        ({"Host": "[::1"}, "host"),
        ({"Origin": "http://evil.example"}, "origin"),
        ({"Origin": "null"}, "origin"),
        ({"Host": "localhost:8131", "Origin": "http://localhost.evil.example"}, "origin"),
    ],
)
@pytest.mark.parametrize("path", ["state", "actions/stop"])
def test_only_this_machine_may_knock(tmp_path, headers, field, path):
    async def work(room):
        method = "GET" if path == "state" else "POST"
        answer = await room.http.request(method, path, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == field
        assert room.pump.called("stop") == []

    in_room(tmp_path, work)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost"},
        {"Host": "[::1]:8131", "Origin": "http://[::1]:8131"},
        {"Host": "127.0.0.1:8131", "Origin": "http://127.0.0.1:8131"},
    ],
)
def test_loopback_names_are_welcome(tmp_path, headers):
    async def work(room):
        assert (await room.http.get("state", headers=headers)).status_code == 200

    in_room(tmp_path, work)


@pytest.mark.requirement("C7")
@pytest.mark.parametrize(
    ("headers", "content", "field"),
    [
        ({"Content-Type": "application/json"}, "{}", "X-Isodrip"),
        ({"X-Isodrip": "1", "Content-Type": "text/plain"}, "{}", "Content-Type"),
        (ORDINARY, " " * 70_000, "body"),
    ],
)
def test_a_request_is_refused_before_it_is_read(tmp_path, headers, content, field):
    async def work(room):
        client = httpx.AsyncClient(
            transport=room.http._transport, base_url="http://127.0.0.1/api/v1"
        )
        answer = await client.post("actions/assay", headers=headers, content=content)
        await client.aclose()
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == field

    in_room(tmp_path, work)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{", "body"),
        ("[]", "body"),
        (b"\xff{}", "body"),
        ('{"action_id": "1", "operator": "ab", "session": "s", "session": "t"}', "body"),
        ('{"operator": "ab", "session": "s"}', "action_id"),
        ('{"action_id": "1", "operator": "ab", "session": "s", "extra": 1}', "extra"),
        ('{"action_id": 1, "operator": "ab", "session": "s"}', "action_id"),
        ('{"action_id": "1", "operator": "xx", "session": "s"}', "operator"),
    ],
)
def test_a_malformed_body_names_its_field(tmp_path, content, field):
    async def work(room):
        answer = await room.http.post("actions/assay", content=content, headers=ORDINARY)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == field
        assert answer.json()["error"]["rule"]

    in_room(tmp_path, work)


def test_what_is_not_there_is_named(tmp_path):
    async def work(room):
        for method, path in (("GET", "x"), ("GET", "actions/stop"), ("DELETE", "state")):
            answer = await room.http.request(method, path)
            assert answer.status_code == 404
            assert answer.json()["error"]["rule"] == "must be a path and method of this API"
        answer = await room.ask("explode", session="s")
        assert (answer.status_code, answer.json()["error"]["value"]) == (404, "explode")
        answer = await room.ask("assay", session="S-gone")
        assert (answer.status_code, answer.json()["error"]["field"]) == (404, "session")

    in_room(tmp_path, work)


@pytest.mark.requirement("P16")
def test_one_action_id_acts_once(tmp_path):
    async def work(room):
        await room.to_cleared()
        session = room.daemon.sessions[room.session]
        body = {"action_id": "same", "operator": "ab", "session": room.session}
        first, second = await asyncio.gather(
            room.http.post("actions/assay", json=body), room.http.post("actions/assay", json=body)
        )
        assert first.status_code == 200
        assert second.json() == first.json()
        assert session.state.assay_pending == "syringe"
        other = await room.http.post("actions/arm", json=body)
        assert (other.status_code, other.json()["error"]["field"]) == (409, "action_id")
        await room.until_phase("ASSAYED")
        again = await room.http.post("actions/assay", json=body)
        assert again.json() == first.json()
        assert session.state.assay_pending == ""

    in_room(tmp_path, work)


def test_a_refusal_of_the_judgement_names_event_phase_rule_and_detail(tmp_path):
    async def work(room):
        await room.to_ordered()
        answer = await room.ask("arm")
        assert answer.status_code == 409
        assert answer.json() == {
            "error": {
                "event": "ArmRequested",
                "phase": "ORDERED",
                "rule": "not in this phase",
                "detail": "ArmRequested in ORDERED",
            },
            "session": room.session,
            "phase": "ORDERED",
        }

    in_room(tmp_path, work)


@pytest.mark.requirement("T2.11", "W1")
def test_every_problem_of_an_order_is_listed_and_nothing_begins(tmp_path):
    async def work(room):
        order = copy.deepcopy(ORDER)
        order["prescribed_mbq"] = 2000.0
        order["site"] = "Elsewhere"
        order["container"]["syringe"] = "Unknown 50 mL"
        answer = await room.ask("load_order", order=order)
        assert answer.status_code == 422
        fields = {problem["field"] for problem in answer.json()["problems"]}
        assert fields == {"order.prescribed_mbq", "order.site", "order.container.syringe"}
        assert answer.json()["error"]["field"] in fields
        order = {**ORDER, "regimen": "clr131"}
        answer = await room.ask("load_order", order=order)
        assert answer.json()["error"]["field"] == "order.regimen"
        order = copy.deepcopy(ORDER)
        order["container"]["fill_ml"] = 61.0
        answer = await room.ask("load_order", order=order)
        assert answer.json()["error"]["field"] == "order.container.fill_ml"
        assert room.daemon.sessions == {}

    in_room(tmp_path, work)


@pytest.mark.requirement("T2.11", "T8.1", "T7.4")
@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("seat", {"confirmed_by": "ab"}, "confirmed_by"),
        ("seat", {"confirmed_by": "zz"}, "confirmed_by"),
        ("patency", {"syringe": "Unknown"}, "syringe"),
        ("flush", {"syringe": "BD 60 mL", "confirmed_by": "ab"}, "confirmed_by"),
        (
            "bound",
            {"confirmed_by": "cd", "method": "barrel", "low_ml": 2.0, "high_ml": 1.0},
            "low_ml",
        ),
        ("finished_by_hand", {**BY_HAND, "low_ml": 2.1}, "low_ml"),
        ("finished_by_hand", {**BY_HAND, "begun_at": "2025-11-20T06:00:00"}, "begun_at"),
        ("finished_by_hand", {**BY_HAND, "confirmed_by": "ab"}, "confirmed_by"),
        ("barrel_reading", {"volume_ml": "3,5"}, "volume_ml"),
        ("barrel_reading", {"volume_ml": -1.0}, "volume_ml"),
        ("residual", {"item": "sofa"}, "item"),
        ("survey", {"places": {"pad": 1.0}, "contaminated": False}, "places.site"),
        ("hold", {"reason": "  "}, "reason"),
    ],
)
def test_a_body_that_this_site_cannot_take_is_refused(tmp_path, name, fields, field):
    async def work(room):
        await room.to_ordered()
        answer = await room.ask(name, **fields)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == field

    in_room(tmp_path, work)


BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "barrel_reading": ({"volume_ml": 12.3456789}, {"volume_nl": 12_345_679}),
    "flush_confirm": ({"volume_ml": 4.4999999}, {"volume_nl": 4_499_999}),
    "bound": (
        {"confirmed_by": "cd", "method": "barrel", "low_ml": 1.0000009, "high_ml": 2.0000001},
        {"confirmed_by": "cd", "method": "barrel", "low_nl": 1_000_000, "high_nl": 2_000_001},
    ),
    "finished_by_hand": (
        {
            "confirmed_by": "cd",
            "given_by": "C. D.",
            "begun_at": "2025-11-20T06:00:00.000001-06:00",
            "ended_at": "2025-11-20T12:30:00Z",
            "low_ml": 1.0000009,
            "high_ml": 2.0000001,
            "flushed_ml": 4.4999999,
            "method": "barrel",
            "reason": "no computer",
        },
        {
            "confirmed_by": "cd",
            "given_by": "C. D.",
            "begun_utc_ns": 1_763_640_000_000_001_000,
            "ended_utc_ns": 1_763_641_800_000_000_000,
            "low_nl": 1_000_000,
            "high_nl": 2_000_001,
            "flushed_nl": 4_499_999,
            "method": "barrel",
            "reason": "no computer",
        },
    ),
    "survey": (
        {
            "places": {"pad": 0.1234, "site": 1.0, "floor": 0.0, "gloves": 2.0},
            "contaminated": True,
        },
        {
            "places": (("pad", 124), ("site", 1000), ("floor", 0), ("gloves", 2000)),
            "contaminated": True,
        },
    ),
    "flush": (
        {"syringe": "BD 60 mL", "confirmed_by": "cd"},
        {"syringe": "BD 60 mL", "diameter_um": 26_590, "confirmed_by": "cd"},
    ),
    "resume": ({}, {"new_site": False}),
    "acknowledge": ({"alarm": "pain"}, {"alarm": "pain"}),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_becomes_its_event_in_base_units(tmp_path, name):
    async def work(room):
        fields, expected = BODIES[name]
        action = BY_NAME[name]
        common = {"action_id": "1", "operator": "ab", "session": "s"}
        body = action.body.model_validate_json(json.dumps({**common, **fields}))
        event = action.event(1, 2, "ab", "technician", *action.fields(body, room.site))
        found = {field: getattr(event, field) for field in expected}
        assert found == expected

    in_room(tmp_path, work)


def test_every_request_of_the_judgement_has_its_action():
    posted = {action.event for action in (LOAD, REVISE, *ACTIONS)} | {events.StopPressed}
    requests = {kind for kind in EVENTS.values() if issubclass(kind, events.ByPerson)}
    assert posted == requests - {events.ByPerson}


def test_the_description_names_every_action(tmp_path):
    async def work(room):
        answer = await room.http.get("openapi.json")
        return answer.json()

    found = in_room(tmp_path, work)
    names = {path.removeprefix("/api/v1/actions/") for path in found["paths"] if "actions" in path}
    assert names == {*BY_NAME, "load_order", "stop"}
    assert "requestBody" not in found["paths"]["/api/v1/actions/stop"]["post"]
    text = json.dumps(found)
    references = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= set(found["components"]["schemas"])
    assert found == openapi(found["info"]["version"])


@pytest.mark.requirement("T3.21", "T3.23")
def test_the_state_shows_alarms_with_remedy_and_what_cannot_be_seen_here(tmp_path):
    async def work(room):
        await room.to_infusing()
        await room.do("pain")
        view = await room.until_phase("STOPPED")
        state = await room.state()
        assert state["simulated"] is True
        assert state["identity"] == "badge+PIN"
        assert {row["id"] for row in state["not_observable"]} >= {"pressure_high", "air"}
        (alarm,) = [alarm for alarm in view["alarms"] if alarm["id"] == "pain"]
        assert alarm["remedy"].startswith("Clamp the line at the patient")
        assert alarm["priority"] == "high"
        assert ORDER["patient"]["name"] not in json.dumps(state)

    in_room(tmp_path, work)


# --- news -------------------------------------------------------------------------------------


async def gathered(frames, count):
    return [await anext(frames) for _ in range(count)]


def test_news_begin_with_the_state_and_resume_after_the_last_id():
    async def main():
        ring = NewsRing("b")
        ring.add("state", {"n": 1})
        fresh = news(ring, "", lambda: {"now": True})
        assert await gathered(fresh, 2) == [
            "retry: 1000\n\n",
            'id: b-1\nevent: state\ndata: {"now":true}\n\n',
        ]
        ring.add("alarm", {"n": 2})
        ring.add("telemetry", {"n": 3})
        assert await gathered(fresh, 1) == ['id: b-2\nevent: alarm\ndata: {"n":2}\n\n']
        back = news(ring, "b-2", dict)
        expected = 'id: b-3\nevent: telemetry\ndata: {"n":3}\n\n'
        assert await gathered(back, 2) == ["retry: 1000\n\n", expected]
        ring.close()
        with pytest.raises(StopAsyncIteration):
            await anext(back)

    run_stepped(main)


@pytest.mark.parametrize("last", ["", "b-", "b-x", "a-3", "b-99", "b-1", "b-²", "b-" + "9" * 5000])
def test_an_id_that_cannot_be_followed_begins_anew(last):
    ring = NewsRing("b", kept=2)
    for number in range(5):
        ring.add("state", {"n": number})
    assert ring.position(last) is None
    assert ring.position("b-3") == 4
    assert ring.position("b-5") == 6


def test_a_reader_that_fell_out_of_the_ring_is_given_the_state():
    async def main():
        ring = NewsRing("b", kept=2)
        frames = news(ring, "", lambda: {"now": True})
        await gathered(frames, 2)
        for number in range(4):
            ring.add("telemetry", {"n": number})
        assert await gathered(frames, 2) == [
            'event: state\ndata: {"now":true}\n\n',
            'id: b-3\nevent: telemetry\ndata: {"n":2}\n\n',
        ]

    run_stepped(main)


def test_silence_is_filled_so_that_a_dead_reader_is_noticed():
    async def main():
        ring = NewsRing("b")
        frames = kept_alive(news(ring, "b-0", dict), 15)
        assert await gathered(frames, 2) == ["retry: 1000\n\n", ": still here\n\n"]
        ring.add("state", {})
        assert await gathered(frames, 1) == ["id: b-1\nevent: state\ndata: {}\n\n"]
        ring.close()
        assert [frame async for frame in frames] == []

    run_stepped(main)


@pytest.mark.requirement("T8.5")
@pytest.mark.realtime
async def test_a_real_server_serves_streams_and_ends_with_readers_still_there(tmp_path):
    async with Room(tmp_path) as room:
        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]

        async def record(session):
            raise AssertionError(session)

        server = PanelServer(make_app(room.api, record), sock, room.daemon.herald.ring)
        serving = asyncio.create_task(server.run())
        url = f"http://127.0.0.1:{port}/api/v1"
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", f"{url}/events") as stream,
        ):
            lines: Any = stream.aiter_lines()
            assert stream.headers["content-type"].startswith("text/event-stream")
            seen = [await anext(lines) for _ in range(4)]
            assert seen[3] == "event: state"
            stopped = await client.post(f"{url}/actions/stop")
            assert stopped.json()["accepted"] is True
            server.stop()
            assert [line async for line in lines][-1:] in ([], [""])
            async with asyncio.timeout(10):
                await serving
        sock.close()


def test_a_taken_port_is_named():
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    with pytest.raises(OSError, match=f"127.0.0.1:{port}: Address already in use"):
        bind("127.0.0.1", port)
    sock.close()
