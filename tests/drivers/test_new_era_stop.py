"""Stopping an NE-1000: the lease, STOP against every obstacle, and closing."""

import asyncio
from itertools import pairwise

import pytest

from drivers.pump_errors import (
    PermitExpired,
)
from drivers.request import LinkLost, StaleEpoch
from firmware_interfaces.readings import (
    Motion,
    PumpAlarm,
)
from protocols.new_era import Command, Mode, Reply, encode_command
from tests.drivers.pump_room import PLAN, Room, now_s
from tests.drivers.scripted_pump import ScriptedPump
from tests.drivers.virtual_loop import now_ns


@pytest.mark.requirement("C1", "P8")
async def test_without_a_permit_nothing_but_stop_and_its_status_is_on_the_wire(room):
    await room.run(for_s=2.0)
    expires_at = now_s() - 0.04 + 2.0
    await asyncio.sleep(1.0)
    await room.driver.poll()
    await asyncio.sleep(9.0)
    assert room.pump.texts == ["DIS", "STP", "STP", "", "DIS"]
    assert room.expired == [pytest.approx(expires_at)]
    assert room.pump.heard[1][0] == room.expired[0]
    assert room.pump.prompt == "S"


async def test_while_the_stop_of_a_run_out_permit_is_unconfirmed_polls_are_refused(room):
    await room.run(for_s=1.0)
    room.pump.silent = True
    await asyncio.sleep(3.0)
    room.pump.forget()
    with pytest.raises(PermitExpired):
        await room.driver.poll()
    await asyncio.sleep(5.0)
    assert set(room.pump.texts) == {"STP", ""}


async def test_a_renewed_permit_keeps_the_pump_running(room):
    await room.run(for_s=1.0)
    for _ in range(10):
        await asyncio.sleep(0.5)
        room.permit(1.0)
        await room.driver.poll()
    assert set(room.pump.texts) == {"DIS"}
    assert room.expired == []


async def test_a_new_epoch_voids_the_permit_at_once(room):
    await room.run()
    room.driver.open_epoch(2)
    with pytest.raises(PermitExpired):
        await room.driver.poll()
    assert room.pump.texts == []


@pytest.mark.requirement("C3")
async def test_stop_is_confirmed_by_a_status_asked_after_it(room):
    await room.run()
    status = await room.driver.stop(2)
    assert room.pump.texts == ["STP", "STP", "", "DIS"]
    assert status.motion is Motion.STOPPED
    assert status.asked_ns == round(room.pump.heard[3][0] * 1e9)
    assert status.infused_nl is not None
    assert not room.driver.energised


async def test_stop_of_a_stopped_pump_is_confirmed_likewise(room):
    assert (await room.driver.stop(1)).motion is Motion.STOPPED


async def test_stop_while_a_run_is_queued_drops_the_run(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    room.pump.lose.add("DIS")
    poll = asyncio.create_task(room.driver.poll())
    await asyncio.sleep(0.01)
    run = asyncio.create_task(room.driver.run(1))
    await asyncio.sleep(0.01)
    room.pump.forget()
    await room.driver.stop(2)
    with pytest.raises(StaleEpoch):
        await run
    assert room.pump.texts == ["STP", "STP", "", "DIS"]
    await asyncio.gather(poll, return_exceptions=True)


@pytest.mark.requirement("C3")
async def test_stop_while_the_line_is_quarantined_leaves_at_once(room):
    await room.run()
    room.pump.lose.add("DIS")
    await asyncio.gather(room.driver.poll(), return_exceptions=True)
    asked_at = now_s()
    await room.driver.stop(2)
    assert room.pump.heard[1] == (asked_at, Mode.SAFE, "STP")


async def test_a_late_reply_of_an_older_question_does_not_confirm_a_stop(room):
    await room.run()
    room.pump.late["DIS"] = 0.3
    poll = asyncio.create_task(room.driver.poll())
    await asyncio.sleep(0.1)
    status = await room.driver.stop(2)
    await asyncio.gather(poll, return_exceptions=True)
    stops = [at for at, _, text in room.pump.heard if text == "STP"]
    assert status.motion is Motion.STOPPED
    # Quarantine: 0.5 s inter-byte time-out and the longest reply, 48 bytes at 19200 baud.
    assert status.asked_ns == pytest.approx((stops[1] + 0.02 + 0.525) * 1e9)


async def test_stop_goes_on_through_silence_and_tells_each_attempt(room):
    await room.run()
    room.pump.silent = True
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(10.0)
    room.pump.silent = False
    assert (await stopping).motion is Motion.STOPPED
    attempts = [attempt for attempt, _ in room.unconfirmed]
    assert attempts == list(range(1, len(attempts) + 1))
    assert len(attempts) >= 4
    assert room.unconfirmed[0][1] == "status: no answer in time: silence"
    assert {Mode.BASIC, Mode.SAFE} == {mode for _, mode, _ in room.pump.heard}


async def test_stop_reopens_a_line_that_hung_up():
    room = Room(ScriptedPump(), ScriptedPump())
    second = room.port.wires[1]
    await room.run()
    room.pump.wire.peer = lambda _data: room.pump.wire.hang_up()
    assert (await room.driver.stop(2)).motion is Motion.STOPPED
    assert len(second.sent) == 4
    await room.driver.close()


async def test_a_withdrawing_or_purging_pump_is_not_confirmed_stopped(room):
    for prompt in "WXTUI":
        room.unconfirmed.clear()
        room.pump.instead[""] = Reply(0, prompt)
        stopping = asyncio.create_task(room.driver.stop(2))
        await asyncio.sleep(1.0)
        assert not stopping.done()
        assert room.unconfirmed
        del room.pump.instead[""]
        await stopping


async def test_an_alarm_takes_the_place_of_a_stop_and_is_reported(room):
    await room.run()
    room.pump.alarm, room.pump.prompt = "T", "S"
    await room.driver.stop(2)
    assert [event.alarm for event in room.events] == [PumpAlarm.WATCHDOG]
    assert room.pump.texts == ["STP", "STP", "", "DIS"]


async def test_a_cancelled_caller_does_not_cancel_the_stop(room):
    await room.run()
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.sleep(1)
    assert room.pump.texts == ["STP", "STP", "", "DIS"]
    assert not room.driver.energised


async def test_a_second_stop_is_confirmed_by_a_status_of_its_own(room):
    await room.run()
    first = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(0.05)
    called_ns = now_ns()
    second = await room.driver.stop(3)
    assert (await first).asked_ns <= second.asked_ns
    assert second.asked_ns >= called_ns


async def test_a_stop_confirms_a_pump_in_basic_mode(room):
    await room.run()
    room.pump.mode = Mode.BASIC
    assert (await room.driver.stop(2)).motion is Motion.STOPPED


async def test_close_stops_an_energised_pump_first_even_if_its_caller_is_cancelled(room):
    await room.run()
    closing = asyncio.create_task(room.driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(1)
    assert room.pump.texts == ["STP", "STP", "", "DIS"]
    assert room.pump.wire.closed


async def test_a_pump_that_was_closed_begins_no_stop_that_nobody_would_end(room):
    await room.run()
    await room.driver.close()
    room.pump.forget()
    before = asyncio.all_tasks()
    with pytest.raises(LinkLost, match="closed by us"):
        await room.driver.stop(3)
    assert asyncio.all_tasks() == before
    assert room.pump.texts == []


async def test_close_gives_up_once_the_watchdog_must_have_stopped_the_pump(room):
    await room.run()
    room.pump.silent = True
    began = now_s()
    stopping = asyncio.create_task(room.driver.stop(2))
    await room.driver.close()
    assert now_s() - began == pytest.approx(6.0)
    assert room.pump.wire.closed
    with pytest.raises(LinkLost, match="closed by us"):
        await stopping


async def test_close_of_a_line_that_was_never_opened(room):
    await room.driver.close()
    assert room.pump.wire.frames == []


async def test_a_stop_is_confirmed_even_if_the_counter_will_not_be_told(room):
    await room.run()
    room.pump.lose.add("DIS")
    status = await room.driver.stop(2)
    assert status.motion is Motion.STOPPED
    assert status.infused_nl is None
    assert not room.driver.energised


@pytest.mark.requirement("C3")
async def test_a_pump_that_does_not_obey_is_left_to_its_watchdog(room):
    await room.run()
    room.pump.silent = True
    stopping = asyncio.create_task(room.driver.stop(2))
    await asyncio.sleep(20)
    sent = [at for at, _, _ in room.pump.heard]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert max(gaps) > 5.0
    burst = sent[: gaps.index(max(gaps)) + 1]
    assert burst[-1] - burst[0] < 4.0
    room.pump.silent = False
    assert (await stopping).motion is Motion.STOPPED


async def test_after_a_hang_up_the_first_stop_is_safe_framed():
    room = Room(ScriptedPump(), ScriptedPump())
    second = room.port.wires[1]
    await room.run()
    room.pump.wire.peer = lambda _data: room.pump.wire.hang_up()
    await room.driver.stop(2)
    assert second.sent[0][1] == encode_command(Command("STP", 0), Mode.SAFE)
    await room.driver.close()
