"""A cold run at the panel, in telemetry and in the terminal's words: each says what it is."""

import pytest

from controller.cli import _session_line
from controller.view import public_session
from tests.controller.room import ORDER, Room
from tests.controller.stepped_loop import run_stepped

COLD = {**ORDER, "cold_run": True, "authorized_user": {"name": "Example, Alex"}}


def in_room(tmp_path, work):
    async def main():
        async with Room(tmp_path) as room:
            await room.tested()
            return await work(room)

    return run_stepped(main)


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize(("order", "cold"), [(COLD, True), (ORDER, False)])
def test_everything_that_tells_of_a_session_says_whether_it_is_cold(tmp_path, order, cold):
    async def work(room):
        room.session = (await room.do("load_order", order=order))["session"]
        (shown,) = (await room.state())["sessions"]
        assert shown["cold_run"] is cold
        assert public_session(shown)["cold_run"] is cold
        assert ("COLD RUN ORDERED" in _session_line(shown)) is cold
        await room.do("cancel", reason="rehearsed enough")
        (closed,) = (await room.state())["closed"] or (await room.state())["sessions"]
        assert closed["cold_run"] is cold
        return room.telemetry.sent

    sent = in_room(tmp_path, work)
    # Before its order was loaded nobody knows what a session is.
    told = [p for _, p, *_ in sent if p.get("session") and p["phase"] != "IDLE"]
    assert told
    assert {payload["cold_run"] for payload in told} == {cold}


@pytest.mark.requirement("T9.1")
def test_a_signature_under_a_cold_run_is_refused_by_field(tmp_path):
    async def work(room):
        signed = {**COLD, "authorized_user": ORDER["authorized_user"]}
        answer = await room.ask("load_order", order=signed)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == "order.authorized_user.signed_at"

    in_room(tmp_path, work)
