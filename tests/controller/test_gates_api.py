"""Gates and directive over the API: what is shown, what is refused by name, what is kept."""

import asyncio
import json

import pytest

from controller.clinic.gate_table import GATES
from controller.clinic.order import order_hash, parse_order
from controller.clinic.people import Change
from controller.people_file import with_change
from tests.controller.room import NOON_UTC_NS, ORDER, Room, people_of_room
from tests.controller.stepped_loop import run_stepped


def in_room(directory, work, **given):
    async def main():
        async with Room(directory, **given) as room:
            return await work(room)

    return run_stepped(main)


def told(answer):
    """Status, field and rule of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error.get("field", ""), error["rule"]


@pytest.mark.requirement("T2.1", "T2.5")
def test_every_gate_says_what_it_asks_by_which_source_and_what_is_wrong(tmp_path):
    async def work(room):
        await room.to_ordered()
        before = await room.gates()
        await room.clear()
        return before, await room.gates()

    before, after = in_room(tmp_path, work)
    shown = {gate["id"]: gate for gate in before["gates"]}
    assert list(shown) == [gate.id for gate in GATES if gate.id in shown]
    consent = shown["consent"]
    assert (consent["place"], consent["question"]) == ("before_thaw", "consent")
    assert consent["source"] == "10 CFR 35.6; 21 CFR 50.27"
    assert consent["problems"][0]["field"] == "consent"
    assert (consent["answer"], consent["by"]) == (None, None)
    assert before["questions"]["consent"]["required"] == ["version", "signed_at"]
    assert before["directive"]["problems"][0]["value"] == "absent"
    assert before["directive"]["order_hash"] == order_hash(parse_order(json.dumps(ORDER)))
    assert before["at"].endswith("-06:00")
    consent = next(gate for gate in after["gates"] if gate["id"] == "consent")
    assert (consent["problems"], consent["by"]["who"]) == ([], "ab")
    assert consent["by"]["identity"] == "badge"
    assert after["directive"]["problems"] == []
    assert after["directive"]["signed"]["identity"] == "badge+PIN"
    assert "lot=" not in after["dose_label"]


def test_the_syringes_label_bears_the_lot_of_the_vial(tmp_path):
    async def work(room):
        await room.to_assayed()
        await room.answer_at("hot_lab")
        return await room.gates()

    label = in_room(tmp_path, work)["dose_label"]
    assert label.split("|") == [
        "ISODRIP", "order_id=WD-1", "patient_id=C131-0042", "drug=CLR 131", "nuclide=I-131",
        "lot=L-778",
    ]  # fmt: skip


def test_a_session_that_there_is_not_has_no_gates(tmp_path):
    async def work(room):
        return await room.http.get("gates/S-gone")

    assert told(in_room(tmp_path, work))[:2] == (404, "session")


def test_an_answer_of_another_shape_is_refused_by_field(tmp_path):
    async def work(room):
        await room.to_ordered()
        answers = [
            await room.ask("gate_answer", question="consent", answer={"version": 3}),
            await room.ask("gate_answer", question="weather", answer={}),
        ]
        return [answer.json()["problems"] for answer in answers]

    wrong, unknown = in_room(tmp_path, work)
    assert [one["field"] for one in wrong] == ["answer.version", "answer.signed_at"]
    assert (
        unknown
        == [
            {
                "field": "answer.answer",
                "value": "'weather'",
                "rule": "is no question of this program",
                "detail": "is no question of this program",
            }
        ]
        or unknown[0]["rule"] == "is no question of this program"
    )


@pytest.mark.requirement("W2")
def test_only_the_authorized_user_signs_the_directive(tmp_path):
    async def work(room):
        await room.to_ordered()
        shown = (await room.gates())["directive"]
        return await room.ask("sign_directive", "ab", order_hash=shown["order_hash"])

    assert told(in_room(tmp_path, work))[0] == 403


def test_an_override_is_the_authorized_users_and_stands_in_the_gates(tmp_path):
    async def work(room):
        await room.to_ordered()
        await room.sign()
        await room.answer_at("before_thaw")
        await room.answer("constancy", deviation_percent=6.0)
        refused = await room.ask("assay")
        told = {"gate": "constancy", "reason": "source recalibrated today"}
        await room.do("gate_override", "cd", **told)
        await room.do("assay")
        gates = (await room.gates())["gates"]
        return refused, next(gate for gate in gates if gate["id"] == "constancy")

    refused, gate = in_room(tmp_path, work)
    assert "constancy.deviation_percent = 6: must be within 5 %" in refused.text
    assert gate["override"]["reason"] == "source recalibrated today"
    assert (gate["override"]["by"]["who"], gate["problems"]) == ("cd", [])


# --- who wrote the order --------------------------------------------------------------------------


def entered_by(place, who, name):
    """The order with somebody else at an entry of weight and height."""
    entries = json.loads(json.dumps(ORDER["entries"]))
    entries[place]["by"] = {"id": who, "name": name}
    return {**ORDER, "entries": entries}


@pytest.mark.requirement("T7.3")
def test_weight_and_height_are_entered_by_people_of_this_site(tmp_path):
    left = Change(did="disabled", id="cd", by="adm", reason="left the house")
    without = with_change(people_of_room(), left, NOON_UTC_NS)

    async def work(room):
        await room.tested()
        orders = (entered_by("first", "zz", "Nobody"), entered_by("first", "ab", "A. C."))
        found = [told(await room.ask("load_order", order=order)) for order in orders]
        room.desk.take(without.register)
        return [*found, told(await room.ask("load_order", order=ORDER))]

    nobody, misnamed, gone = in_room(tmp_path, work)
    assert nobody == (422, "order.entries.first.by.id", "must be somebody of this site")
    assert misnamed == (422, "order.entries.first.by.name", "must be A. B., as ab")
    assert gone == (422, "order.entries.second.by.id", "must be somebody of this site")


# --- another text ---------------------------------------------------------------------------------


def revision(**changes):
    """A revision of the room's order."""
    of = order_hash(parse_order(json.dumps(ORDER)))
    return {**ORDER, "revision": {"number": 1, "revises": of, "reason": "other line"}, **changes}


@pytest.mark.requirement("W3")
def test_a_revision_is_checked_signed_anew_and_stands_in_the_record(tmp_path):
    async def work(room):
        await room.to_released()
        strange = revision(drug="MIBG")
        line = {"dead_volume_ml": 2.0, "primed_with": "saline"}
        refused = told(await room.ask("revise_order", order=strange))
        gone = told(await room.ask("revise_order", order=ORDER, session="S-gone"))
        await room.do("revise_order", order=revision(line=line))
        await room.hand_over("hot_lab")
        unsigned = await room.ask("release", "ab")
        await room.sign()
        await room.release()
        record = (await room.http.get(f"record/{room.session}")).json()
        return refused, gone, unsigned, await room.state(), record

    refused, gone, unsigned, state, record = in_room(tmp_path, work)
    assert refused[:2] == (422, "order.drug")
    assert gone[:2] == (404, "session")
    assert "must sign this text before the start" in unsigned.text
    (session,) = state["sessions"]
    assert (session["phase"], session["order"]["line_dead_volume_ml"]) == ("RELEASED", 2.0)
    meanings = [one["meaning"] for one in record["people"]]
    assert meanings.count("ordered as authorized user") == 2
    assert "directive revised" in meanings


# --- doses on record ------------------------------------------------------------------------------


@pytest.mark.requirement("W7")
def test_a_dose_that_began_in_this_room_counts_for_the_next_order(tmp_path):
    async def work(room):
        await room.to_infusing()
        await asyncio.sleep(5)
        await room.do("abort", cause="medical")
        await room.until(lambda view: view["run"] is None)
        await room.do("end", cause="medical")
        first = room.session
        again = told(await room.ask("load_order", order={**ORDER, "order_id": "WD-2"}))
        return first, again

    first, again = in_room(tmp_path, work)
    assert again[0] == 422
    assert again[1] == "order.dose_number"
    assert first in again[2]


def test_a_dose_of_before_a_restart_counts_too(tmp_path):
    async def begin():
        async with Room(tmp_path) as room:
            await room.to_infusing()
            await room.crash()
            return room.pump, room.session

    pump, session = run_stepped(begin)

    async def again():
        async with Room(tmp_path, pump=pump, utc_ns=NOON_UTC_NS + 10**12) as room:
            room.session = session
            await room.until_phase("STOPPED")
            (dose,) = room.daemon.doses()
            return dose, room.daemon.doses(but=session)

    dose, without = run_stepped(again)
    assert (dose.session, dose.patient_id, dose.drug) == (session, "C131-0042", "CLR 131")
    assert without == ()
