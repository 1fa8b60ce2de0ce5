"""Two stations of one daemon: what is done where, and what a stranger may.

The hot lab is known by its address, the bedside by a key that its browser keeps.
"""

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from controller.cli import _session_line
from controller.clinic.access import Proof
from controller.config import load_site
from controller.core.codec import CodecError
from controller.core.place import Place
from controller.core.state import State
from controller.journal_file import read
from controller.panel.actions import ACTIONS, BY_NAME, LOAD, REVISE
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER, Knock
from controller.panel.door import KEY_COOKIE
from controller.panel.whereabouts import Whereabouts
from controller.sessions import session_header, state_of
from controller.view import session_view
from simulators.bench.stations import station_for
from tests.controller.room import PINS, Room, site_text
from tests.controller.stepped_loop import run_stepped
from tests.core.situations import at
from tests.core.two_places import two_places
from tests.core.world import LIMITS

LAB, BED, AWAY = "192.0.2.10", "192.0.2.20", "192.0.2.99"
KEY = "room-7".ljust(43, "_")
STATIONS = f"""
[[station]]
name = "hot lab"
places = ["hot_lab"]
address = ["{LAB}"]
[[station]]
name = "room 7"
places = ["bedside"]
key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
"""
STRANGER = "must be a station of site.toml: here one may look, and press STOP"
NOT_BEDSIDE = ("the bedside must have custody", "the hot lab has: hand it over")


class TwoStations(Room):
    """A room whose requests come from the station where they belong, or from ``at``."""

    def __init__(self, directory, **options):
        super().__init__(directory, **options)
        self.site = load_site(site_text(directory) + STATIONS)

    async def __aenter__(self):
        await super().__aenter__()
        app = cast(Any, self.http._transport).app
        self.panels = {host: panel(app, host) for host in (LAB, BED, AWAY)}
        self.panels[BED].cookies.set(KEY_COOKIE, KEY)
        self.http = self.panels[BED]
        for who in ("ab", "cd"):
            await self.come(who)
        return self

    async def ask(self, name, operator="ab", at=None, **fields):
        """One action from one station, badges shown there as they are wanted."""
        if at is None:
            at = LAB if station_for(name, fields) is Place.HOT_LAB else BED
        body = {"action_id": f"s{next(self.actions)}", "operator": operator, **fields}
        if name != LOAD.name:
            body.setdefault("session", self.session)
        typed = {PIN_HEADER: operator, SECOND_PIN_HEADER: body.get("confirmed_by")}
        pins = {header: PINS[who] for header, who in typed.items() if who in PINS}
        while True:
            answer = await self.panels[at].post(f"actions/{name}", json=body, headers=pins)
            wanted = answer.json()["error"] if answer.status_code == 401 else {}
            if wanted.get("field") not in ("operator", "confirmed_by"):
                return answer
            shown = await self.panels[at].post("come", json={"badge": f"badge-{wanted['value']}"})
            assert shown.status_code == 200

    async def signed_once(self):
        await self.to_assayed()
        await self.answer_at("hot_lab")
        await self.do("release", "ab")

    async def release(self):
        await self.answer_at("hot_lab")
        await self.do("release", "ab")
        await self.hand_over("bedside")
        await self.answer_at("bedside")
        await self.do("release", "cd", at=BED)


def panel(app, host, scheme="http"):
    """A browser at an address."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(host, 1)),
        base_url=f"{scheme}://127.0.0.1:8131/api/v1",
        headers={"X-Isodrip": "1"},
    )


def in_room(tmp_path, work):
    async def main():
        async with TwoStations(tmp_path) as room:
            return await work(room)

    return run_stepped(main)


def error(answer):
    """Status, field, value and rule of a refusal."""
    found = answer.json()["error"]
    return answer.status_code, found.get("field"), found.get("value"), found["rule"]


def judged(answer):
    """Rule and detail of what the judgement refused."""
    found = answer.json()["error"]
    return found["rule"], found["detail"]


@pytest.mark.requirement("T2.14")
def test_the_first_release_is_the_hot_labs_and_the_second_the_bedsides(tmp_path):
    async def work(room):
        await room.to_assayed()
        await room.answer_at("hot_lab")
        wrong = (403, "station", "room 7 (bedside)", "must be the hot lab for release")
        assert error(await room.ask("release", "ab", at=BED)) == wrong
        await room.do("release", "ab")
        wrong = (403, "station", "hot lab (hot lab)", "must be the bedside for release")
        assert error(await room.ask("release", "cd", at=LAB)) == wrong
        assert judged(await room.ask("release", "cd", at=BED)) == NOT_BEDSIDE
        await room.hand_over("bedside")
        await room.answer_at("bedside")
        assert error(await room.ask("release", "cd", at=LAB)) == wrong
        await room.do("release", "cd", at=BED)
        assert await room.phase() == "RELEASED"

    in_room(tmp_path, work)
    kept = [one.body for one in read(tmp_path / "site.sqlite") if one.kind == "people"]
    refused = [(one["who"], one["station"], one["rule"]) for one in kept if one["did"] == "refused"]
    assert refused == [
        ("ab", BED, "must be the hot lab for release"),
        ("cd", LAB, "must be the bedside for release"),
        ("cd", LAB, "must be the bedside for release"),
    ]


@pytest.mark.requirement("T2.15")
def test_custody_is_handed_over_at_the_place_that_takes_it(tmp_path):
    async def work(room):
        await room.signed_once()
        over = {"to": "bedside", "confirmed_by": "cd"}
        wrong = (403, "station", "hot lab (hot lab)", "must be the bedside for hand_over")
        assert error(await room.ask("hand_over", "ab", at=LAB, **over)) == wrong
        alone = {"to": "bedside", "confirmed_by": "ab"}
        assert error(await room.ask("hand_over", "ab", **alone)) == (
            422, "confirmed_by", "ab", "must be another person than operator",
        )  # fmt: skip
        body = {"action_id": "unsigned", "operator": "ab", "session": room.session, **over}
        answer = await room.panels[BED].post(
            "actions/hand_over", json=body, headers={PIN_HEADER: PINS["ab"]}
        )
        rule = "must be the PIN of cd: hand_over is signed"
        assert error(answer) == (401, SECOND_PIN_HEADER, "", rule)
        await room.do("hand_over", "ab", **over)
        shown = (await room.state())["sessions"][0]["custody"]
        assert (shown["asked"], shown["place"]) == (True, "bedside")
        [one] = shown["handed_over"]
        assert (one["to"], one["what"]) == ("bedside", "syringe BD 60 mL")
        assert (one["given_by"], one["taken_by"]) == ("ab", "cd")
        again = judged(await room.ask("hand_over", "ab", **over))
        assert again == ("custody goes to the other place", "the bedside has it already")
        back = {"to": "hot_lab", "confirmed_by": "cd"}
        wrong = (403, "station", "room 7 (bedside)", "must be the hot lab for hand_over")
        assert error(await room.ask("hand_over", "ab", at=BED, **back)) == wrong

    in_room(tmp_path, work)


@pytest.mark.requirement("T2.15")
def test_no_patency_run_without_custody_and_no_residual_before_it_is_back(tmp_path):
    async def work(room):
        await room.to_released()
        await room.hand_over("hot_lab")
        assert judged(await room.ask("patency", syringe="BD 60 mL")) == NOT_BEDSIDE
        await room.hand_over("bedside")
        await room.do("cancel", reason="unwell")
        await room.do("residual", item="background")
        await room.until(lambda view: view["background_measured"])
        assert judged(await room.ask("residual", item="syringe_and_line")) == (
            "the hot lab must have custody",
            "the bedside has: hand it over",
        )
        # The account waits; the room does not.
        assert (await room.state())["active"] is None
        await room.hand_over("hot_lab")
        await room.do("residual", item="syringe_and_line")
        await room.until(lambda view: view["residual"])
        await room.do("close")
        return (await room.http.get(f"record/{room.session}")).json()

    record = in_room(tmp_path, work)
    assert [(one["place"], one["what"], one["by"], one["to"]) for one in record["custody"]] == [
        (place, "syringe BD 60 mL", "ab", "cd")
        for place in ("bedside", "hot_lab", "bedside", "hot_lab")
    ]
    told = [(one["meaning"], one["name"], one["identity"]) for one in record["people"]]
    assert ("handed over to the bedside: syringe BD 60 mL", "A. B.", "badge+PIN") in told
    assert ("taken over at the bedside: syringe BD 60 mL", "C. D.", "badge+PIN") in told
    assert ("taken over at the hot lab: syringe BD 60 mL", "C. D.", "badge+PIN") in told


@pytest.mark.requirement("T2.14", "T2.15")
def test_nothing_that_stops_asks_for_a_station(tmp_path):
    async def work(room):
        await room.to_released()
        away = room.panels[AWAY]

        async def pressed(button):
            body = {"action_id": button, "session": room.session}
            assert (await away.post(f"actions/{button}", json=body)).status_code == 200

        await pressed("patient_moved")
        # What only stops is asked for at a station of either place.
        await room.do("abort", at=LAB, cause="unwell")
        await pressed("pain")
        await pressed("spill")
        assert (await away.post("actions/stop")).json()["accepted"] is True
        await room.do("end", at=LAB, cause="unwell")

    in_room(tmp_path, work)


@pytest.mark.requirement("T2.14")
def test_a_stranger_looks_and_does_nothing_else(tmp_path):
    async def work(room):
        await room.to_ordered()
        away = room.panels[AWAY]
        assert (await away.get("state")).status_code == 401
        assert (await away.get("present")).json() == {"present": [], "station": None}
        await away.post("come", json={"badge": "badge-ab"})
        assert (await away.get("state")).json()["station"] is None
        for name in ("acknowledge", "assay", "cancel"):
            answer = await room.ask(name, at=AWAY, **({"reason": "x"} if name == "cancel" else {}))
            assert error(answer) == (403, "station", AWAY, STRANGER)

    in_room(tmp_path, work)
    kept = [one.body for one in read(tmp_path / "site.sqlite") if one.kind == "people"]
    assert [one for one in kept if one["did"] == "refused"] == []


def test_a_station_is_told_where_it_stands(tmp_path):
    async def work(room):
        await room.panels[LAB].post("come", json={"badge": "badge-ab"})
        await room.panels[BED].post("come", json={"badge": "badge-ab"})
        for host, station in (
            (LAB, {"name": "hot lab", "places": ["hot_lab"]}),
            (BED, {"name": "room 7", "places": ["bedside"]}),
        ):
            assert (await room.panels[host].get("state")).json()["station"] == station
            assert (await room.panels[host].get("present")).json()["station"] == station

    in_room(tmp_path, work)


def test_a_key_is_typed_once_and_its_browser_is_that_station(tmp_path):
    async def work(room):
        app = room.panels[AWAY]._transport.app
        async with panel(app, AWAY, scheme="https") as browser:
            for content in (b"", b"{", b'{"key": 1}', b'{"key": "short"}'):
                answer = await browser.post(
                    "station", content=content, headers={"Content-Type": "application/json"}
                )
                assert error(answer) == (
                    422, "key", "(not shown)", "must be JSON with a key",
                )  # fmt: skip
            answer = await browser.post("station", json={"key": "x" * 43})
            rule = "must be the key of a station of this site"
            assert error(answer) == (401, "key", "(not shown)", rule)
            assert "set-cookie" not in answer.headers
            assert (await browser.get("present")).json()["station"] is None
            answer = await browser.post("station", json={"key": KEY})
            assert answer.json() == {"station": {"name": "room 7", "places": ["bedside"]}}
            kept = answer.headers["set-cookie"]
            assert kept.startswith(f"{KEY_COOKIE}={KEY};")
            for how in ("HttpOnly", "SameSite=strict", "Secure", "Max-Age=34560000"):
                assert how in kept
            # httpx sends it back as a browser does.
            told = (await browser.get("present")).json()
            assert told["station"] == {"name": "room 7", "places": ["bedside"]}

    in_room(tmp_path, work)
    kept = [one.body for one in read(tmp_path / "site.sqlite") if one.kind == "people"]
    assert {"did": "station", "station": AWAY, "name": "room 7"} in kept


@pytest.mark.requirement("I3")
def test_each_station_forgets_who_does_nothing_there(tmp_path):
    async def work(room):
        await room.to_ordered()
        for host in (LAB, BED):
            await room.panels[host].post("come", json={"badge": "badge-ab"})
        await asyncio.sleep(100)
        body = {"action_id": "here", "operator": "ab", "session": room.session}
        assert (await room.panels[BED].post("actions/acknowledge", json=body)).status_code == 200
        await asyncio.sleep(100)
        there = {
            host: [one["id"] for one in (await room.panels[host].get("present")).json()["present"]]
            for host in (LAB, BED)
        }
        assert there == {LAB: [], BED: ["ab"]}
        body["action_id"] = "there"
        answer = await room.panels[LAB].post("actions/acknowledge", json=body)
        assert error(answer)[:2] == (401, "operator")

    in_room(tmp_path, work)


def test_at_the_wrong_place_no_pin_is_tried(tmp_path):
    async def work(room):
        await room.signed_once()
        body = {"operator": "ab", "session": room.session}
        for number in range(12):
            answer = await room.panels[AWAY].post(
                "actions/release",
                json={**body, "action_id": f"guess-{number}"},
                headers={PIN_HEADER: "000000"},
            )
            assert error(answer) == (403, "station", AWAY, STRANGER)
        # Nobody was locked by that.
        await room.hand_over("bedside")

    in_room(tmp_path, work)


def test_what_was_signed_while_a_pin_was_tried_is_asked_again(tmp_path):
    async def work(room):
        await room.to_assayed()
        await room.answer_at("hot_lab")
        allowed = room.desk.allowed

        async def slow(*asked):
            known = await allowed(*asked)
            room.desk.allowed = allowed
            await room.do("release", "ab")
            return known

        # The first release when it was asked for, the second by the time the PIN was found right.
        for host in (LAB, BED):
            await room.panels[host].post("come", json={"badge": "badge-cd"})
        room.desk.allowed = slow
        answer = await room.ask("release", "cd", at=LAB)
        rule = "must be the bedside for release"
        assert error(answer) == (403, "station", "hot lab (hot lab)", rule)

    in_room(tmp_path, work)


IN_HOT_LAB = {"load_order", "revise_order", "assay", "residual"}
AT_BEDSIDE = {
    "patency", "patency_confirm", "seat", "seat_confirm", "connect", "arm", "start_request",
    "start_confirm", "barrel_reading", "site_check", "resume", "flush", "kvo", "flush_confirm",
}  # fmt: skip
BY_BODY = {
    ("hand_over", "to", "bedside"): "bedside",
    ("hand_over", "to", "hot_lab"): "hot_lab",
    ("gate_answer", "question", "consent"): "both",
    ("gate_answer", "question", "vial"): "hot_lab",
    ("gate_answer", "question", "wristband"): "bedside",
    ("gate_answer", "question", "none such"): "both",
    ("gate_override", "gate", "thyroid_block"): "both",
    ("gate_override", "gate", "vials"): "hot_lab",
    ("gate_override", "gate", "shield"): "bedside",
    ("gate_override", "gate", "none such"): "both",
    ("release", "operator", "of the first"): "hot_lab",
}


@pytest.mark.requirement("T2.14")
def test_each_action_has_its_place():
    """The table, written down a second time: a change of it is a change of this test."""

    def places(name, **body):
        action = BY_NAME.get(name, LOAD)
        found = action.place.of(SimpleNamespace(**body), State(""))
        return "both" if len(found) == 2 else next(iter(found)).value

    for (name, field, value), place in BY_BODY.items():
        assert places(name, **{field: value}) == place, (name, field, value)
    by_body = {name for name, _, _ in BY_BODY}
    others = {action.name for action in (LOAD, REVISE, *ACTIONS)} - by_body
    assert {name for name in others if places(name) == "hot_lab"} == IN_HOT_LAB
    assert {name for name in others if places(name) == "bedside"} == AT_BEDSIDE
    assert {name for name in others if places(name) == "both"} == {
        "sign_directive", "hold", "acknowledge", "pause_audio", "abort", "end", "bound", "give_up",
        "finished_by_hand",
        "survey", "close", "cancel", "pain", "spill", "patient_moved",
    }  # fmt: skip


@pytest.mark.requirement("T2.14", "T2.15")
def test_what_asks_nothing_of_a_person_asks_nothing_of_a_place():
    """STOP has no action at all; of the others these pass from anywhere on earth."""
    nowhere = Whereabouts(load_site(site_text("/j") + STATIONS).station)
    knock = Knock(place=AWAY)
    assert nowhere.of(knock) is None
    free = [action for action in ACTIONS if action.proof is Proof.NOTHING]
    assert {action.name for action in free} == {"pain", "spill", "patient_moved"}
    for action in free:
        nowhere.check(action, cast(Any, None), None, knock)


def test_the_status_says_who_has_the_container():
    def said(point):
        state = two_places(point).state
        line = _session_line(session_view(state, state.now_ns, ("ne1000", "crc55")))
        return line.partition(" mL, ")[2]

    taken = "syringe BD 60 mL taken over by cd at 2025-10-09T08:53:30.000Z"
    assert said("signed") == "custody: hot lab"
    assert said("carried") == said("residual") == f"custody: bedside, {taken}"


def test_the_status_of_an_older_session_says_nothing_of_it():
    state = at("released").state
    view = session_view(state, state.now_ns, ("ne1000", "crc55"))
    assert view["custody"] == {"asked": False, "place": "hot_lab", "handed_over": []}
    assert "custody" not in _session_line(view)


def test_record_0_says_that_custody_is_asked_for_and_an_older_one_asks_nothing():
    assert session_header({}, 0, LIMITS)["stations"] is True
    assert state_of("s", session_header({}, 0, LIMITS)).stations is True
    assert state_of("s", {}).stations is False
    with pytest.raises(CodecError, match="expected bool, got 1"):
        state_of("s", {"stations": 1})
