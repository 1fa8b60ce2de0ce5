"""Stopping a DULCO flex Control: the lease, STOP against every obstacle, and closing."""

import asyncio
from itertools import pairwise

import pytest

from drivers.pump_errors import PermitExpired
from drivers.request import LinkLost, StaleEpoch
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.readings import Motion, PumpAlarm
from tests.drivers.dulco_room import PLAN, DulcoRoom
from tests.drivers.pump_room import now_s
from tests.drivers.scripted_dulco import ScriptedDulco
from tests.drivers.test_dulco_flex import room  # noqa: F401 - a fixture
from tests.drivers.virtual_loop import now_ns

STOP = ["start/stop = 2", "read status", "read status"]


@pytest.mark.requirement("C1", "P8")
async def test_without_a_permit_nothing_but_stop_and_its_status_is_on_the_wire(room):  # noqa: F811
    await room.run(for_s=2.0)
    await asyncio.sleep(1.0)
    await room.driver.poll()
    await asyncio.sleep(9.0)
    assert room.pump.texts == ["read status", *STOP]
    assert [room.pump.heard[1][0]] == room.expired


async def test_while_the_stop_of_a_run_out_permit_is_unconfirmed_polls_are_refused(room):  # noqa: F811
    await room.run(for_s=1.0)
    room.pump.silent = True
    await asyncio.sleep(3.0)
    with pytest.raises(PermitExpired):
        await room.driver.poll()


@pytest.mark.requirement("C3")
async def test_stop_is_confirmed_by_a_status_asked_after_it(room):  # noqa: F811
    await room.run()
    status = await room.driver.stop(2)
    assert room.pump.texts == STOP
    assert status.motion is Motion.STOPPED
    assert status.asked_ns == round(room.pump.heard[2][0] * 1e9)
    assert status.infused_nl == 0
    assert not room.driver.energised


async def test_a_stop_of_a_pump_never_met_settles_its_layout_first(room):  # noqa: F811
    assert (await room.driver.stop(1)).motion is Motion.STOPPED
    assert room.pump.texts == ["read endianness pattern", "read 62", *STOP]


async def test_stop_while_a_start_is_queued_drops_the_start(room):  # noqa: F811
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    room.pump.lose.add("read status")
    poll = asyncio.create_task(room.driver.poll())
    await asyncio.sleep(0.01)
    run = asyncio.create_task(room.driver.run(1))
    await asyncio.sleep(0.01)
    room.pump.lose.clear()
    await room.driver.stop(2)
    with pytest.raises(StaleEpoch):
        await run
    assert "start/stop = 3" not in room.pump.writes
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_stop_lets_the_answer_in_flight_end_and_waits_no_longer(room):  # noqa: F811
    await room.run()
    room.pump.late["read status"] = 0.1
    poll = asyncio.create_task(room.driver.poll())
    await asyncio.sleep(0.05)
    room.pump.late.clear()
    asked_s = now_s()
    await room.driver.stop(2)
    assert (await poll).motion is Motion.INFUSING
    assert room.pump.heard[1] == (pytest.approx(asked_s + 0.05), "start/stop = 2")


@pytest.mark.requirement("C3")
async def test_a_stop_does_not_wait_for_an_answer_that_does_not_come(room):  # noqa: F811
    await room.run()
    room.pump.lose.add("read status")
    poll = asyncio.create_task(room.driver.poll())
    await asyncio.sleep(0.05)
    asked_s = now_s()
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(0.2)
    room.pump.lose.clear()
    assert room.pump.heard[1] == (pytest.approx(asked_s + 0.15), "start/stop = 2")
    assert (await stopping).motion is Motion.STOPPED
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_stop_is_not_confirmed_while_the_pump_moves_or_waits(room):  # noqa: F811
    for status in (1 << df.RUNNING, 1 << df.HOSE_CHANGE, 1 << df.PAUSE):
        await room.run()
        room.pump.deaf.add(df.START_STOP)
        room.pump.held[df.STATUS] = status
        room.unconfirmed.clear()
        stopping = asyncio.create_task(room.driver.stop(1))
        await asyncio.sleep(1.0)
        assert not stopping.done()
        assert room.unconfirmed
        room.pump.deaf.clear()
        await stopping


async def test_an_alarm_seen_while_stopping_is_reported(room):  # noqa: F811
    await room.run()
    room.pump.held[df.ERRORS] = 1 << df.RUPTURE
    await room.driver.stop(2)
    assert room.alarms == [PumpAlarm.HOSE_RUPTURE]


@pytest.mark.parametrize("code", [4, 6])
async def test_a_stop_that_the_pump_refuses_is_said_again(room, code):  # noqa: F811
    await room.run()
    room.pump.refuse["start/stop = 2"] = code
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(1.0)
    assert room.pump.writes.count("start/stop = 2") > 2
    assert f"exception {code}" in room.unconfirmed[0][1]
    room.pump.refuse.clear()
    assert (await stopping).motion is Motion.STOPPED


@pytest.mark.requirement("C3")
async def test_a_pump_that_does_not_obey_is_left_to_its_bus_time_out(room):  # noqa: F811
    await room.run()
    room.pump.silent = True
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(20)
    sent = [at for at, _ in room.pump.heard]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert max(gaps) > 5.0
    room.pump.silent = False
    assert (await stopping).motion is Motion.STOPPED


async def test_stop_reopens_a_line_that_hung_up():
    room = DulcoRoom(ScriptedDulco(), ScriptedDulco())  # noqa: F811
    await room.run()
    room.pump.wire.peer = lambda _data: room.pump.wire.hang_up()
    assert (await room.driver.stop(2)).motion is Motion.STOPPED
    assert room.pumps[1].texts == STOP
    await room.driver.close()


async def test_a_preparation_does_not_outlive_its_line():
    room = DulcoRoom(ScriptedDulco(), ScriptedDulco())  # noqa: F811
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    room.pump.wire.hang_up()
    await asyncio.sleep(0.1)
    with pytest.raises(LinkLost):
        await room.driver.poll()
    with pytest.raises(Exception, match="not prepared on this line"):
        await room.driver.run(1)
    await room.driver.close()


async def test_a_stop_is_confirmed_even_if_the_counter_will_not_be_told_again(room):  # noqa: F811
    await room.run()
    answered = 0
    say = room.pump.wire.say

    def once(data, after_s=0.0):
        nonlocal answered
        answered += 1
        if answered < 3:
            say(data, after_s)

    room.pump.wire.say = once
    status = await room.driver.stop(2)
    assert (status.motion, status.infused_nl) == (Motion.STOPPED, 0)
    room.pump.wire.say = say


async def test_a_cancelled_caller_does_not_cancel_the_stop(room):  # noqa: F811
    await room.run()
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.sleep(1)
    assert room.pump.texts == STOP
    assert not room.driver.energised


async def test_a_second_stop_is_confirmed_by_a_status_of_its_own(room):  # noqa: F811
    await room.run()
    first = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(0.05)
    called_ns = now_ns()
    assert (await room.driver.stop(3)).asked_ns >= called_ns
    await first


async def test_close_stops_an_energised_pump_first(room):  # noqa: F811
    await room.run()
    closing = asyncio.create_task(room.driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(1)
    assert room.pump.texts == STOP
    assert room.pump.wire.closed


async def test_close_gives_up_once_the_bus_time_out_must_have_stopped_the_pump(room):  # noqa: F811
    await room.run()
    room.pump.silent = True
    began = now_s()
    stopping = asyncio.create_task(room.driver.stop(2))
    await room.driver.close()
    assert now_s() - began == pytest.approx(6.0)
    with pytest.raises(LinkLost, match="closed by us"):
        await stopping
