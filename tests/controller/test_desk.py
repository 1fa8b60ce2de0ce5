"""Badges, PINs and stations through the daemon's own API, in stepped time."""

import asyncio
from concurrent.futures import Executor, Future
from dataclasses import replace

import httpx
import pytest

from controller.clinic.access import Proof
from controller.clinic.people import Role
from controller.journal_file import read
from controller.panel.actions import ACTIONS, BY_NAME, LOAD, REVISE, Confirmed
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER, Desk, DeskPorts
from controller.panel.reception import PeopleWatch
from controller.panel.stations import Doing
from controller.people_file import with_change, write_people
from controller.pins import OWASP
from firmware_interfaces.units import NS_PER_S
from tests.clinic.test_people import plain
from tests.controller.room import (
    NOON_UTC_NS,
    ORDER,
    PINS,
    Room,
    people_of_room,
    person_added,
)
from tests.controller.stepped_loop import InlineExecutor, run_stepped

AT_ONCE = {"X-Isodrip": "1"}


def in_room(tmp_path, work, **options):
    async def main():
        async with Room(tmp_path, **options) as room:
            return await work(room)

    return run_stepped(main)


def noted(tmp_path):
    """What the site's journal says of people."""
    return [record.body for record in read(tmp_path / "site.sqlite") if record.kind == "people"]


def error(answer):
    found = answer.json()["error"]
    return answer.status_code, found["field"], found["rule"]


async def asked(room, name, who="ab", pins=None, client=None, **fields):
    """One action with exactly these PINs, and no badge shown anew."""
    body = {"action_id": f"x{next(room.actions)}", "operator": who, **fields}
    if name != LOAD.name:
        body.setdefault("session", room.session)
    client = client or room.http
    return await client.post(f"actions/{name}", json=body, headers=pins or {})


def station(room, host, **headers):
    """Another panel, at another address."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(room.http._transport.app, client=(host, 1)),
        base_url="http://127.0.0.1:8131/api/v1",
        headers=AT_ONCE | headers,
    )


SIGNED = {
    "load_order", "release", "seat", "start_request", "resume", "flush", "kvo", "flush_confirm",
    "bound", "finished_by_hand", "give_up", "end", "close", "cancel", "survey",
    "sign_directive", "revise_order", "gate_override", "hand_over",
}  # fmt: skip
FREE = {"pain", "spill", "patient_moved"}


def test_what_is_signed_asks_for_the_pin_and_what_stops_asks_for_nothing():
    """The table, written down a second time: a change of it is a change of this line."""
    asks = {action.name: action.proof for action in (LOAD, REVISE, *ACTIONS)}
    assert {name for name, proof in asks.items() if proof is Proof.PIN} == SIGNED
    assert {name for name, proof in asks.items() if proof is Proof.NOTHING} == FREE
    for name in ("acknowledge", "pause_audio", "hold", "site_check", "barrel_reading"):
        assert asks[name] is Proof.BADGE
    may = {action.name: action.roles for action in (LOAD, REVISE, *ACTIONS)}
    assert all(Role.ADMINISTRATOR not in may[name] for name in SIGNED)
    pumping = ("patency", "seat", "arm", "start_request", "start_confirm", "flush", "kvo")
    assert all(Role.SECOND_PERSON not in may[name] for name in pumping)
    assert all(Role.SECOND_PERSON in may[name] for name in ("release", "resume", "site_check"))


@pytest.mark.parametrize("name", sorted(SIGNED - {"load_order", "sign_directive", "gate_override"}))
def test_no_signature_without_a_pin(tmp_path, name):
    async def work(room):
        action, fields = BY_NAME[name], dict[str, object]()
        good = {
            "confirmed_by": "cd", "syringe": "BD 60 mL", "cause": "x", "reason": "x", "method": "x",
            "order": {}, "to": "bedside", "given_by": "C. D.", "flushed_ml": 4.5,
            **dict.fromkeys(("begun_at", "ended_at"), "2025-11-20T12:00:00Z"),
            "low_ml": 1.0, "high_ml": 2.0, "volume_ml": 1.0, "contaminated": False,
            "places": dict.fromkeys(("pad", "site", "floor", "gloves"), 0.1),
        }  # fmt: skip
        fields = {key: good[key] for key in action.body.model_fields if key in good}
        wanted = f"must be the PIN of ab: {name} is signed"
        answer = await asked(room, name, session="s", **fields)
        assert error(answer) == (401, PIN_HEADER, wanted)
        if issubclass(action.body, Confirmed):
            pins = {PIN_HEADER: PINS["ab"]}
            answer = await asked(room, name, session="s", pins=pins, **fields)
            wanted = f"must be the PIN of cd: {name} is signed"
            assert error(answer) == (401, SECOND_PIN_HEADER, wanted)
            pins[SECOND_PIN_HEADER] = PINS["cd"]
        else:
            pins = {PIN_HEADER: PINS["ab"]}
        # Recognised, it is the judgement's turn, which knows no such session.
        assert error(await asked(room, name, session="s", pins=pins, **fields))[:2] == (
            404,
            "session",
        )

    in_room(tmp_path, work)


@pytest.mark.requirement("I3", "PCA-EC24")
def test_who_does_nothing_for_three_minutes_shows_the_badge_again(tmp_path):
    async def work(room):
        await room.to_ordered()
        await asyncio.sleep(100)
        assert (await asked(room, "acknowledge")).status_code == 200
        await asyncio.sleep(179)
        told = (await room.http.get("present")).json()["present"]
        assert [(one["id"], one["idle_left_s"]) for one in told] == [("ab", 1)]
        await asyncio.sleep(1)
        rule = "must be present: show the badge, it counts for 3 minutes without an act"
        assert error(await asked(room, "acknowledge")) == (401, "operator", rule)
        pins = {PIN_HEADER: PINS["ab"]}
        answer = await asked(room, "cancel", pins=pins, reason="unwell")
        assert error(answer) == (401, "operator", rule)
        assert (await room.come("ab")).json()["who"] == "ab"
        assert (await asked(room, "cancel", pins=pins, reason="unwell")).status_code == 200

    in_room(tmp_path, work)


@pytest.mark.requirement("I3")
def test_while_drug_runs_nobody_is_locked_out(tmp_path):
    async def work(room):
        await room.tested()
        order = {**ORDER, "infusion_min": 4.0}
        room.session = (await room.do("load_order", order=order))["session"]
        room.to_ordered = nothing
        await room.to_infusing()
        begun = asyncio.get_running_loop().time()
        view = await room.until(lambda v: v["phase"] != "INFUSING" or _past(begun, 185))
        assert view["phase"] == "INFUSING"
        assert (await asked(room, "hold", reason="a look")).status_code == 200

    in_room(tmp_path, work)


async def nothing():
    """The order is loaded already."""


def _past(begun, seconds):
    return asyncio.get_running_loop().time() - begun > seconds


@pytest.mark.requirement("X6")
def test_the_fifth_wrong_pin_in_a_row_locks_the_person_and_no_act_of_a_badge(tmp_path):
    async def work(room):
        await room.to_ordered()
        wrong = {PIN_HEADER: "999888"}
        for left in ("paused, 1 s", "paused, 2 s", "paused, 4 s", "paused, 8 s"):
            answer = await asked(room, "cancel", pins=wrong, reason="x")
            rule = f"must be the PIN of ab; signing as ab is {left} left"
            assert error(answer) == (401, PIN_HEADER, rule)
            assert "999888" not in answer.text
            answer = await asked(room, "cancel", pins={PIN_HEADER: PINS["ab"]}, reason="x")
            rule = f"must not have made mistakes just now: {left} left"
            assert error(answer)[0::2] == (429, rule)
            await asyncio.sleep(8)
        answer = await asked(room, "cancel", pins=wrong, reason="x")
        assert error(answer)[2].endswith("signing as ab is locked, 5 min 0 s left")
        await asyncio.sleep(60)
        answer = await asked(room, "cancel", pins={PIN_HEADER: PINS["ab"]}, reason="x")
        rule = "must not have made mistakes just now: locked, 4 min 0 s left"
        assert error(answer) == (429, "person", rule)
        assert answer.json()["error"]["value"] == "ab"
        assert (await asked(room, "acknowledge")).status_code == 200
        assert (await room.http.post("actions/stop")).status_code == 200
        await asyncio.sleep(240)
        await room.come("ab")
        answer = await asked(room, "cancel", pins={PIN_HEADER: PINS["ab"]}, reason="unwell")
        assert answer.status_code == 200

    in_room(tmp_path, work)
    refused = [one for one in noted(tmp_path) if one["did"] == "refused"]
    assert [(one["who"], one["station"], one["field"]) for one in refused] == [
        ("ab", "127.0.0.1", PIN_HEADER)
    ] * 5
    assert "999888" not in str(noted(tmp_path))


def test_one_who_is_locked_keeps_nobody_else_from_signing(tmp_path):
    async def work(room):
        await room.to_ordered()
        for _ in range(5):
            await asked(room, "cancel", pins={PIN_HEADER: "999888"}, reason="x")
            await asyncio.sleep(10)
        await asyncio.sleep(120)
        await room.come("cd")
        answer = await asked(room, "cancel", "cd", pins={PIN_HEADER: PINS["cd"]}, reason="unwell")
        assert answer.status_code == 200

    in_room(tmp_path, work)


@pytest.mark.requirement("X6")
def test_wrong_badges_lock_their_station_and_no_other_and_never_stop(tmp_path):
    async def work(room):
        async with station(room, "10.0.0.7") as far, station(room, "10.0.0.8") as other:
            answer = await far.post("come", json={"badge": "guess"})
            assert error(answer)[:2] == (401, "badge")
            assert "guess" not in answer.text
            answer = await far.post("come", json={"badge": "badge-ab"})
            rule = "must not have made mistakes just now: paused, 1 s left"
            assert error(answer) == (429, "station", rule)
            assert (await other.post("come", json={"badge": "badge-ab"})).status_code == 200
            assert (await far.post("actions/stop")).status_code == 200

    in_room(tmp_path, work)


def test_a_tenth_wrong_badge_locks_the_station_for_five_minutes(tmp_path):
    async def work(room):
        async with station(room, "10.0.0.7") as far:
            for _ in range(9):
                await far.post("come", json={"badge": "nobodys"})
                await asyncio.sleep(300)
            await far.post("come", json={"badge": "nobodys"})
            answer = await far.post("come", json={"badge": "badge-ab"})
            rule = "must not have made mistakes just now: locked, 5 min 0 s left"
            assert error(answer) == (429, "station", rule)
            await asyncio.sleep(300)
            assert (await far.post("come", json={"badge": "badge-ab"})).status_code == 200

    in_room(tmp_path, work)


class Stuck(Executor):
    """Whoever is tried here is tried for ever."""

    def submit(self, *_, **__):
        return Future()


@pytest.mark.requirement("T8.5")
def test_a_pin_that_is_tried_for_ever_keeps_nobody_from_stopping_or_holding(tmp_path):
    async def work(room):
        await room.to_ordered()
        room.desk._ports = replace(room.desk._ports, executor=Stuck())
        signing = asyncio.create_task(
            asked(room, "cancel", pins={PIN_HEADER: PINS["ab"]}, reason="x")
        )
        await asyncio.sleep(1)
        async with asyncio.timeout(1):
            assert (await room.http.post("actions/stop")).status_code == 200
            assert (await asked(room, "acknowledge", "cd")).status_code == 200
        assert not signing.done()
        signing.cancel()
        await asyncio.gather(signing, return_exceptions=True)

    in_room(tmp_path, work)


@pytest.mark.requirement("I2")
def test_one_person_does_not_confirm_themself(tmp_path):
    async def work(room):
        pins = {PIN_HEADER: PINS["ab"], SECOND_PIN_HEADER: PINS["ab"]}
        answer = await asked(room, "seat", pins=pins, session="s", confirmed_by="ab")
        rule = "must be another person than operator"
        assert error(answer) == (422, "confirmed_by", rule)

    in_room(tmp_path, work)


def test_the_second_person_s_pin_is_not_the_first_one_s(tmp_path):
    async def work(room):
        pins = {PIN_HEADER: PINS["ab"], SECOND_PIN_HEADER: PINS["ab"]}
        answer = await asked(room, "seat", pins=pins, session="s", confirmed_by="cd")
        assert error(answer)[:2] == (401, SECOND_PIN_HEADER)

    in_room(tmp_path, work)


@pytest.mark.parametrize(
    ("role", "name", "rule"),
    [
        (Role.ADMINISTRATOR, "release",
         "must be one of authorized_user, physicist, second_person, technician for release"),
        (Role.SECOND_PERSON, "arm",
         "must be one of authorized_user, physicist, technician for arm"),
        (Role.ADMINISTRATOR, "site_check",
         "must be one of authorized_user, physicist, second_person, technician for site_check"),
    ],
)  # fmt: skip
def test_a_role_does_what_is_its_own(tmp_path, role, name, rule):
    people = with_change(people_of_room(), person_added("ef", role=role), NOON_UTC_NS)

    async def work(room):
        await room.come("ef")
        fields = {"site_ok": True} if name == "site_check" else {}
        answer = await asked(room, name, "ef", session="s", **fields)
        assert error(answer) == (403, "operator", rule)
        answer = await asked(room, "hold", "ef", session="s", reason="x")
        assert error(answer)[:2] == (404, "session")

    in_room(tmp_path, work, people=people)


def test_whoever_is_nobody_here_is_told_so(tmp_path):
    async def work(room):
        answer = await asked(room, "hold", "xx", session="s", reason="x")
        assert error(answer) == (422, "operator", "must be somebody of this site")
        for content in (b"", b"{", b'{"badge": 1}', b'{"badge": "x", "pin": "1"}'):
            answer = await room.http.post(
                "come", content=content, headers={"Content-Type": "application/json"}
            )
            assert error(answer)[:2] == (422, "badge")

    in_room(tmp_path, work)


@pytest.mark.requirement("R3", "A8")
def test_the_record_says_of_each_signature_how_its_person_was_known(tmp_path):
    async def work(room):
        await room.to_released()
        assert (await asked(room, "pain")).status_code == 200
        record = (await room.http.get(f"record/{room.session}")).json()
        header = room.daemon.sessions[room.session].header
        assert header["people"] == room.people.register.head
        return record["people"]

    people = in_room(tmp_path, work)
    told = [(one["meaning"], one["operator_id"], one["name"], one["identity"]) for one in people]
    assert ("determined the activity", "ab", "A. B.", "badge") in told
    assert ("released, first person", "ab", "A. B.", "badge+PIN") in told
    assert ("released, second person", "cd", "C. D.", "badge+PIN") in told
    roles = {one["operator_id"]: one["role"] for one in people}
    assert (roles["ab"], roles["cd"]) == ("technician", "authorized_user")


def test_a_button_for_everybody_needs_nobody_and_tells_who_was_there(tmp_path):
    async def work(room):
        await room.to_released()
        await room.do("patency", syringe="BD 60 mL")
        async with station(room, "127.0.0.1") as stranger:
            for who in ("", "xx", "ab"):
                answer = await asked(room, "spill", who, client=stranger)
                assert answer.status_code == 200
        assert (await asked(room, "spill")).status_code == 200
        signed = room.daemon.sessions[room.session].state.signatures[-4:]
        return [(one.who, one.name, one.identity) for one in signed]

    assert in_room(tmp_path, work) == [
        ("", "", "unauthenticated"),
        ("xx", "", "unauthenticated"),
        ("ab", "", "unauthenticated"),
        ("ab", "A. B.", "badge"),
    ]


def test_a_badge_counts_at_the_station_where_it_was_shown(tmp_path):
    async def work(room):
        async with station(room, "127.0.0.1") as other:
            answer = await asked(room, "hold", client=other, session="s", reason="x")
            assert error(answer)[:2] == (401, "operator")
            assert (await other.get("present")).json()["present"] == []
            shown = await other.post("come", json={"badge": "badge-ab"})
            cookie = shown.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert "Secure" not in cookie
            assert other.cookies["isodrip"] not in shown.text
            answer = await asked(room, "hold", client=other, session="s", reason="x")
            assert error(answer)[:2] == (404, "session")
            gone = await other.post("go", json={"operator": "ab"})
            assert gone.json() == {"present": []}
            answer = await asked(room, "hold", client=other, session="s", reason="x")
            assert error(answer)[:2] == (401, "operator")
            assert [one["id"] for one in (await room.http.get("present")).json()["present"]] == [
                "ab", "cd",
            ]  # fmt: skip

    in_room(tmp_path, work)
    assert [one["did"] for one in noted(tmp_path)] == ["people", "came", "came", "came", "left"]


def test_from_elsewhere_only_a_known_station_may_look(tmp_path):
    async def work(room):
        async with station(room, "10.0.0.7") as far:
            for path in ("state", "events", "openapi.json", "record/x"):
                answer = await far.get(path)
                assert error(answer) == (401, "isodrip", "must be a station: show a badge")
            assert (await far.post("actions/stop")).status_code == 200
            await far.post("come", json={"badge": "badge-ab"})
            assert (await far.get("state")).status_code == 200
            # A panel goes on showing what it shows when nobody has done anything for a while.
            clock = room.desk._stations._clock = Set(room.daemon.clock)
            clock.ahead_ns = 11 * 3600 * NS_PER_S
            assert (await far.get("state")).status_code == 200
            clock.ahead_ns = 12 * 3600 * NS_PER_S
            assert (await far.get("state")).status_code == 401

    in_room(tmp_path, work)


def test_a_stranger_is_not_answered_from_memory(tmp_path):
    async def work(room):
        await room.to_ordered()
        body = {"action_id": "same", "operator": "ab", "session": room.session}
        assert (await room.http.post("actions/acknowledge", json=body)).status_code == 200
        async with station(room, "127.0.0.1") as other:
            assert (await other.post("actions/acknowledge", json=body)).status_code == 401

    in_room(tmp_path, work)


def test_a_badge_that_ended_is_no_badge_even_if_the_clock_is_set_back(tmp_path):
    until = 300 * NS_PER_S
    people = with_change(people_of_room(), person_added("ef", role=Role.TECHNICIAN, until=until),
                         NOON_UTC_NS)  # fmt: skip

    async def work(room):
        assert (await room.come("ef")).status_code == 200
        for _ in range(3):
            await asyncio.sleep(99)
            answer = await asked(room, "hold", "ef", session="s", reason="x")
            assert answer.status_code == 404
        await asyncio.sleep(3)
        rule = "must not have expired: it did on 2025-11-20T12:05:00.000Z"
        answer = await asked(room, "hold", "ef", session="s", reason="x")
        assert error(answer) == (403, "operator", rule)
        assert error(await room.come("ef")) == (403, "badge", rule)

    in_room(tmp_path, work, people=people)


@pytest.mark.parametrize("back_s", [0.9, 1.1])
def test_nobody_comes_or_signs_by_a_clock_that_ran_back(tmp_path, back_s):
    async def work(room):
        clock = room.desk._clock = Set(room.daemon.clock)
        await room.come("ab")
        clock.back_ns = round(back_s * NS_PER_S)
        answers = [await room.come("ab"), await asked(
            room, "cancel", pins={PIN_HEADER: PINS["ab"]}, session="s", reason="x")]  # fmt: skip
        told = [answer.status_code for answer in answers]
        assert told == ([200, 404] if back_s < 1 else [503, 503])
        if back_s > 1:
            assert error(answers[0])[1] == "clock"
            rule = error(answers[0])[2]
            assert rule.startswith("must not run back: it was 2025-11-20T12:00:")
            assert (await asked(room, "hold", session="s", reason="x")).status_code == 404

    in_room(tmp_path, work)


def test_a_treatment_is_not_stranded_by_a_clock_that_ran_back(tmp_path):
    async def work(room):
        clock = room.desk._clock = Set(room.daemon.clock)
        await room.to_ordered()
        clock.back_ns = 3600 * NS_PER_S
        assert (await room.come("ab")).status_code == 200
        answer = await asked(room, "cancel", pins={PIN_HEADER: PINS["ab"]}, reason="unwell")
        assert answer.status_code == 200
        assert (await room.come("ab")).status_code == 503

    in_room(tmp_path, work)


class Set:
    """A clock whose time of day somebody sets back, or that is hours ahead."""

    def __init__(self, clock):
        self._clock, self.back_ns, self.ahead_ns = clock, 0, 0

    def monotonic_ns(self):
        return self._clock.monotonic_ns() + self.ahead_ns

    def utc_ns(self):
        return self._clock.utc_ns() - self.back_ns


def test_what_an_administrator_changes_counts_within_seconds(tmp_path):
    async def work(room):
        path = tmp_path / "people.jsonl"
        watch = PeopleWatch(path, room.daemon, room.desk, InlineExecutor())
        await watch.look()
        write_people(path, room.people)
        await watch.look()
        after = with_change(room.people, plain("disabled", "ab"), NOON_UTC_NS + NS_PER_S)
        write_people(path, after)
        await watch.look()
        rule = "must be present: show the badge, it counts for 3 minutes without an act"
        assert error(await asked(room, "hold", session="s", reason="x")) == (401, "operator", rule)
        assert error(await room.come("ab"))[:2] == (401, "badge")
        assert (await asked(room, "hold", "cd", session="s", reason="x")).status_code == 404
        # An older file does not bring back who was disabled; one for many eyes is not read.
        write_people(path, with_change(room.people, plain("disabled", "cd"), NOON_UTC_NS + 5))
        await watch.look()
        write_people(path, after)
        path.chmod(0o644)
        for _ in range(3):
            await watch.look()
        assert room.desk.register == after.register
        told = (await room.state())["people"]
        assert (told["count"], told["trouble"][-28:]) == (
            2,
            "must be its owner's alone (0600)"[-28:],
        )

    in_room(tmp_path, work)
    told = [one for one in noted(tmp_path) if one["did"] in ("people", "unusable")]
    assert [one.get("reason", one.get("count")) for one in told] == [
        3,
        2,
        "the file of people does not go on where the last one ended",
        f"{tmp_path}/people.jsonl has mode 0644: must be its owner's alone (0600)",
    ]


def test_a_pin_that_is_kept_for_less_than_a_ward_demands_signs_nothing(tmp_path):
    async def work(room):
        ports = DeskPorts(room.daemon.note_people, lambda: Doing.NOTHING, OWASP, InlineExecutor())
        room.api.desk = Desk(room.daemon.clock, ports)
        room.api.desk.take(room.people.register)
        await room.come("ab")
        pins = {PIN_HEADER: PINS["ab"]}
        answer = await asked(room, "cancel", pins=pins, session="s", reason="x")
        rule = "must have a PIN that is kept as this site demands: have it set anew"
        assert error(answer) == (403, PIN_HEADER, rule)

    in_room(tmp_path, work)


def test_the_oldest_of_many_stations_is_forgotten(tmp_path):
    async def work(room):
        for _ in range(64):
            async with station(room, "127.0.0.1") as other:
                assert (await other.post("come", json={"badge": "badge-cd"})).status_code == 200
        assert (await room.http.get("present")).json()["present"] == []

    in_room(tmp_path, work)
