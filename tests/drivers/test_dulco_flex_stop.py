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
from tests.drivers.virtual_loop import now_ns

SILENCE_S = 3.5 * 11 / 19_200
"""Between two frames on an RTU line at 19200 8E1."""
STOP = ["start/stop = 2", "read status", "read status"]


@pytest.mark.requirement("C1", "P8")
async def test_without_a_permit_nothing_but_stop_and_its_status_is_on_the_wire(flex):
    await flex.run(for_s=2.0)
    await asyncio.sleep(1.0)
    await flex.driver.poll()
    await asyncio.sleep(9.0)
    assert flex.pump.texts == ["read status", *STOP]
    assert [flex.pump.heard[1][0]] == flex.expired


async def test_while_the_stop_of_a_run_out_permit_is_unconfirmed_polls_are_refused(flex):
    await flex.run(for_s=1.0)
    flex.pump.silent = True
    await asyncio.sleep(3.0)
    with pytest.raises(PermitExpired):
        await flex.driver.poll()


@pytest.mark.requirement("C3")
async def test_stop_is_confirmed_by_a_status_asked_after_it(flex):
    await flex.run()
    status = await flex.driver.stop(2)
    assert flex.pump.texts == STOP
    assert status.motion is Motion.STOPPED
    # Asked, and heard once the line was silent for 3.5 characters.
    assert round(flex.pump.heard[2][0] * 1e9) - status.asked_ns == pytest.approx(
        SILENCE_S * 1e9, abs=9
    )
    assert status.infused_nl == 0
    assert not flex.driver.energised


async def test_a_stop_of_a_pump_never_met_settles_its_layout_first(flex):
    assert (await flex.driver.stop(1)).motion is Motion.STOPPED
    assert flex.pump.texts == ["read endianness pattern", "read 62", *STOP]


async def test_stop_while_a_start_is_queued_drops_the_start(flex):
    await flex.driver.prepare(PLAN, 1)
    flex.permit(10)
    flex.pump.lose.add("read status")
    poll = asyncio.create_task(flex.driver.poll())
    await asyncio.sleep(0.01)
    run = asyncio.create_task(flex.driver.run(1))
    await asyncio.sleep(0.01)
    flex.pump.lose.clear()
    await flex.driver.stop(2)
    with pytest.raises(StaleEpoch):
        await run
    assert "start/stop = 3" not in flex.pump.writes
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_stop_lets_the_answer_in_flight_end_and_waits_no_longer(flex):
    await flex.run()
    flex.pump.late["read status"] = 0.1
    poll = asyncio.create_task(flex.driver.poll())
    await asyncio.sleep(0.05)
    flex.pump.late.clear()
    await flex.driver.stop(2)
    assert (await poll).motion is Motion.INFUSING
    (asked_s, _), (stopped_s, stop) = flex.pump.heard[:2]
    assert stop == "start/stop = 2"
    assert stopped_s == pytest.approx(asked_s + 0.1 + SILENCE_S)


@pytest.mark.requirement("C3")
async def test_a_stop_does_not_wait_for_an_answer_that_does_not_come(flex):
    await flex.run()
    flex.pump.lose.add("read status")
    poll = asyncio.create_task(flex.driver.poll())
    await asyncio.sleep(0.05)
    asked_s = now_s()
    stopping = asyncio.create_task(flex.driver.stop(2))
    await asyncio.sleep(0.2)
    flex.pump.lose.clear()
    assert flex.pump.heard[1] == (pytest.approx(asked_s + 0.15), "start/stop = 2")
    assert (await stopping).motion is Motion.STOPPED
    await asyncio.gather(poll, return_exceptions=True)


async def test_a_stop_is_not_confirmed_while_the_pump_moves_or_waits(flex):
    for status in (1 << df.RUNNING, 1 << df.HOSE_CHANGE, 1 << df.PAUSE):
        await flex.run()
        flex.pump.deaf.add(df.START_STOP)
        flex.pump.held[df.STATUS] = status
        flex.unconfirmed.clear()
        stopping = asyncio.create_task(flex.driver.stop(1))
        await asyncio.sleep(1.0)
        assert not stopping.done()
        assert flex.unconfirmed
        flex.pump.deaf.clear()
        await stopping


async def test_an_alarm_seen_while_stopping_is_reported(flex):
    await flex.run()
    flex.pump.held[df.ERRORS] = 1 << df.RUPTURE
    await flex.driver.stop(2)
    assert flex.alarms == [PumpAlarm.HOSE_RUPTURE]


@pytest.mark.parametrize("code", [4, 6])
async def test_a_stop_that_the_pump_refuses_is_said_again(flex, code):
    await flex.run()
    flex.pump.refuse["start/stop = 2"] = code
    stopping = asyncio.create_task(flex.driver.stop(2))
    await asyncio.sleep(1.0)
    assert flex.pump.writes.count("start/stop = 2") > 2
    assert f"exception {code}" in flex.unconfirmed[0][1]
    flex.pump.refuse.clear()
    assert (await stopping).motion is Motion.STOPPED


@pytest.mark.requirement("C3")
async def test_a_pump_that_does_not_obey_is_left_to_its_bus_time_out(flex):
    await flex.run()
    flex.pump.silent = True
    stopping = asyncio.create_task(flex.driver.stop(2))
    await asyncio.sleep(20)
    sent = [at for at, _ in flex.pump.heard]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert max(gaps) > 5.0
    flex.pump.silent = False
    assert (await stopping).motion is Motion.STOPPED


async def test_stop_reopens_a_line_that_hung_up():
    flex = DulcoRoom(ScriptedDulco(), ScriptedDulco())
    await flex.run()
    flex.pump.wire.peer = lambda _data: flex.pump.wire.hang_up()
    assert (await flex.driver.stop(2)).motion is Motion.STOPPED
    assert flex.pumps[1].texts == STOP
    await flex.driver.close()


async def test_a_preparation_does_not_outlive_its_line():
    flex = DulcoRoom(ScriptedDulco(), ScriptedDulco())
    await flex.driver.prepare(PLAN, 1)
    flex.permit(10)
    flex.pump.wire.hang_up()
    await asyncio.sleep(0.1)
    with pytest.raises(LinkLost):
        await flex.driver.poll()
    with pytest.raises(Exception, match="not prepared on this line"):
        await flex.driver.run(1)
    await flex.driver.close()


async def test_a_stop_is_confirmed_even_if_the_counter_will_not_be_told_again(flex):
    await flex.run()
    answered = 0
    say = flex.pump.wire.say

    def once(data, after_s=0.0):
        nonlocal answered
        answered += 1
        if answered < 3:
            say(data, after_s)

    flex.pump.wire.say = once
    status = await flex.driver.stop(2)
    assert (status.motion, status.infused_nl) == (Motion.STOPPED, 0)
    flex.pump.wire.say = say


async def test_a_cancelled_caller_does_not_cancel_the_stop(flex):
    await flex.run()
    stopping = asyncio.create_task(flex.driver.stop(2))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.sleep(1)
    assert flex.pump.texts == STOP
    assert not flex.driver.energised


async def test_a_second_stop_is_confirmed_by_a_status_of_its_own(flex):
    await flex.run()
    first = asyncio.create_task(flex.driver.stop(2))
    await asyncio.sleep(0.05)
    called_ns = now_ns()
    assert (await flex.driver.stop(3)).asked_ns >= called_ns
    await first


async def test_close_stops_an_energised_pump_first(flex):
    await flex.run()
    closing = asyncio.create_task(flex.driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(1)
    assert flex.pump.texts == STOP
    assert flex.pump.wire.closed


async def test_close_gives_up_once_the_bus_time_out_must_have_stopped_the_pump(flex):
    await flex.run()
    flex.pump.silent = True
    began = now_s()
    stopping = asyncio.create_task(flex.driver.stop(2))
    await flex.driver.close()
    assert now_s() - began == pytest.approx(6.0)
    with pytest.raises(LinkLost, match="closed by us"):
        await stopping
