"""The NE-1000 driver against a scripted pump: connect, recover, run and poll."""

import asyncio

import pytest

from drivers.pump_errors import (
    NotPermitted,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
    WrongDevice,
)
from drivers.request import LinkLost, NoReply, WriteLost
from firmware_interfaces.readings import (
    Identity,
    Motion,
    PumpAlarm,
)
from firmware_interfaces.units import millilitre_per_hour
from protocols.new_era import Mode, Reply
from tests.drivers.pump_room import PLAN, Room
from tests.drivers.scripted_pump import ScriptedPump


async def test_connect_reads_who_is_there_safe_framed_and_changes_nothing(room):
    identity = await room.driver.connect()
    assert identity == Identity("ne1000", "NE1000", "3.928", 0, None)
    assert [(mode, text) for _, mode, text in room.pump.heard] == [
        (Mode.SAFE, ""),
        (Mode.SAFE, "VER"),
    ]


async def test_connect_to_silence_names_it(room):
    room.pump.silent = True
    with pytest.raises(WrongDevice, match=r"expected a New Era pump at address 00; .*silence"):
        await room.driver.connect()


@pytest.mark.requirement("C5")
async def test_connect_to_a_pump_at_another_address_names_what_it_said():
    room = Room(ScriptedPump(address=5))
    with pytest.raises(WrongDevice, match="05S"):
        await room.driver.connect()
    await room.driver.close()


@pytest.mark.requirement("C5")
async def test_connect_to_another_device_names_its_version(room):
    room.pump.held["VER"] = "HARVARD 33"
    with pytest.raises(WrongDevice, match="HARVARD 33"):
        await room.driver.connect()


@pytest.mark.requirement("C5", "C8")
@pytest.mark.parametrize(
    ("query", "said", "seen"),
    [
        ("RAT", "nanMH", "no answer in time: heard .*nanMH"),
        ("RAT", "infMH", "no answer in time: heard .*infMH"),
        ("VOL", "10.00", "no answer in time: heard .*10.00"),
        ("RAT", "99999MH", "rate: .*99999MH"),
        ("RAT", "9999.MM", "rate: wanted [0-9]+..[0-9]+ uL/h, the pump says 9999.MM"),
        ("DIA", "99.00", "diameter: .*99.00"),
        ("SAF", "999", "watchdog: .*999"),
    ],
)
async def test_a_value_that_no_pump_can_hold_is_refused_with_what_was_seen(room, query, said, seen):
    room.pump.held.update(DIA="26.59", RAT="20.00MH", VOL="10.00ML", SAF="0")
    room.pump.held[query] = said
    with pytest.raises((NoReply, ReadbackMismatch), match=seen):
        await room.driver.holdings()


async def test_connect_takes_a_pump_in_basic_mode(room):
    room.pump.mode = Mode.BASIC
    assert (await room.driver.connect()).model == "NE1000"


async def test_an_alarm_at_connect_is_reported_and_is_the_first_finding_of_recover(room):
    room.pump.alarm = "R"
    await room.driver.connect()
    assert [status.alarm for status in room.events] == [PumpAlarm.RESET]
    recovery = await room.driver.recover()
    assert (recovery.found.alarm, recovery.power_cycled) == (PumpAlarm.RESET, True)


@pytest.mark.requirement("T5.3")
async def test_recover_stops_and_reads_what_the_pump_still_knows(room):
    room.pump.prompt, room.pump.infused = "I", "3.142"
    room.pump.held.update(VOL="10.00ML", RAT="20.00MH")
    recovery = await room.driver.recover()
    assert recovery.found.motion is Motion.INFUSING
    assert recovery.stopped.motion is Motion.STOPPED
    assert recovery.stopped.asked_ns > recovery.found.read_ns
    assert (recovery.infused_nl, recovery.volume_nl, recovery.rate_ul_h, recovery.power_cycled) == (
        3_142_000,
        10_000_000,
        20_000,
        False,
    )
    assert room.pump.texts == ["", "STP", "STP", "", "DIS", "VOL", "RAT"]


async def test_recover_says_none_where_the_pump_would_not_say(room):
    room.pump.instead["VOL"] = Reply(0, "S", error="?NA")
    room.pump.held["RAT"] = "20.00XX"
    room.pump.lose.add("DIS")
    recovery = await room.driver.recover()
    assert (recovery.infused_nl, recovery.volume_nl, recovery.rate_ul_h) == (None, None, None)


@pytest.mark.requirement("T5.3")
async def test_recover_reports_an_alarm_before_anything_else_is_asked(room):
    room.pump.alarm = "T"
    heard_at_event = []
    room.driver._line._on_alarm = lambda status: heard_at_event.append(
        (status.alarm, list(room.pump.texts))
    )
    recovery = await room.driver.recover()
    assert heard_at_event == [(PumpAlarm.WATCHDOG, [""])]
    assert (recovery.found.alarm, recovery.power_cycled) == (PumpAlarm.WATCHDOG, False)


async def test_run_is_sent_once_and_confirmed_by_prompt_and_counter(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(1)
    room.pump.forget()
    status = await room.driver.run(1)
    assert (status.motion, status.infused_nl, status.counter_step_nl) == (
        Motion.INFUSING,
        0,
        1_000,
    )
    assert room.pump.texts == ["RUN", "DIS"]
    assert room.driver.energised


@pytest.mark.requirement("C2", "P9")
async def test_a_lost_reply_to_run_leaves_delivery_uncertain_and_is_not_sent_again(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(2)
    room.pump.lose.add("RUN")
    with pytest.raises(WriteLost):
        await room.driver.run(1)
    assert room.driver.energised
    await room.driver.stop(2)
    assert room.pump.texts.count("RUN") == 1
    assert not room.driver.energised


async def test_one_prepare_carries_one_run(room):
    await room.run()
    await room.driver.stop(2)
    room.permit(10, epoch=2)
    with pytest.raises(NotPermitted, match="not prepared"):
        await room.driver.run(2)
    assert "RUN" not in room.pump.texts


@pytest.mark.parametrize("permit", [None, (1.0, 0), (-1.0, 1)], ids=["none", "older", "expired"])
async def test_run_without_a_live_permit_is_not_sent(room, permit):
    await room.driver.prepare(PLAN, 1)
    if permit is not None:
        room.permit(*permit)
    with pytest.raises(NotPermitted, match="no live permit"):
        await room.driver.run(1)
    assert "RUN" not in room.pump.texts
    assert not room.driver.energised


async def test_run_on_a_reopened_line_is_refused():
    room = Room(ScriptedPump(), ScriptedPump())
    await room.driver.prepare(PLAN, 1)
    room.pump.wire.hang_up()
    await asyncio.sleep(1)
    with pytest.raises(LinkLost):
        await room.driver.poll()
    await room.driver.poll()
    room.permit(10)
    with pytest.raises(NotPermitted, match="not prepared on this line"):
        await room.driver.run(1)
    await room.driver.close()


async def test_an_alarm_in_reply_to_run_means_not_executed(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(5)
    room.pump.alarm = "S"
    with pytest.raises(PumpAlarmed) as caught:
        await room.driver.run(1)
    assert caught.value.status.alarm is PumpAlarm.STALL


async def test_a_run_that_does_not_move_is_refused(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(5)
    room.pump._do_run = lambda: Reply(0, "S")
    room.pump.forget()
    with pytest.raises(PumpRefused, match=r"Motion\.STOPPED"):
        await room.driver.run(1)
    assert room.pump.texts == ["RUN", "DIS", "DIS"]


async def test_a_poll_returns_an_alarm_as_a_status(room):
    await room.run()
    room.pump.alarm = "S"
    status = await room.driver.poll()
    assert (status.motion, status.alarm, status.infused_nl) == (None, PumpAlarm.STALL, None)
    assert room.events == []


async def test_a_reply_merged_with_an_unasked_alarm_is_both(room):
    await room.run()
    room.pump.after["DIS"] = [Reply(0, None, "S")]
    status = await room.driver.poll()
    assert (status.motion, status.alarm) == (Motion.INFUSING, None)
    assert [(event.alarm, event.motion) for event in room.events] == [(PumpAlarm.STALL, None)]


async def test_an_unasked_alarm_before_the_reply_is_not_the_reply(room):
    await room.run()
    room.pump.before["DIS"] = [Reply(0, None, "S")]
    assert (await room.driver.poll()).motion is Motion.INFUSING
    assert [event.alarm for event in room.events] == [PumpAlarm.STALL]


async def test_an_unasked_alarm_between_polls_is_an_event(room):
    await room.run()
    room.pump.alarm_now("T", 0.3)
    await asyncio.sleep(0.4)
    assert [event.alarm for event in room.events] == [PumpAlarm.WATCHDOG]
    assert (await room.driver.poll()).alarm is PumpAlarm.WATCHDOG


async def test_a_poll_without_a_counter_is_refused(room):
    room.pump.instead["DIS"] = Reply(0, "S", error="?NA")
    with pytest.raises(PumpRefused, match=r"DIS: the pump answered \?NA"):
        await room.driver.poll()


async def test_a_pump_that_left_safe_mode_is_found_by_the_next_poll(room):
    await room.run()
    room.pump.mode = Mode.BASIC
    with pytest.raises(ReadbackMismatch, match="framing"):
        await room.driver.poll()


async def test_a_new_rate_is_a_value_only_and_is_read_back(room):
    await room.run()
    status = await room.driver.set_rate(millilitre_per_hour(15), 1)
    assert room.pump.texts == ["RAT15.00", "RAT", "DIS"]
    assert status.motion is Motion.INFUSING
    room.pump.instead["RAT"] = Reply(0, "I", data="15.00MM")
    with pytest.raises(ReadbackMismatch):
        await room.driver.set_rate(millilitre_per_hour(15), 1)


async def test_a_new_rate_needs_a_running_pump(room):
    with pytest.raises(NotPermitted):
        await room.driver.set_rate(millilitre_per_hour(15), 1)


@pytest.mark.requirement("GIP-1.1.7")
async def test_prepare_and_disarm_are_refused_while_energised(room):
    await room.run()
    with pytest.raises(NotPermitted):
        await room.driver.prepare(PLAN, 1)
    with pytest.raises(NotPermitted):
        await room.driver.disarm(1)
    assert room.pump.texts == []


async def test_disarm_leaves_safe_mode(room):
    await room.driver.prepare(PLAN, 1)
    await room.driver.disarm(1)
    assert room.pump.mode is Mode.BASIC
    assert (await room.driver.poll()).motion is Motion.STOPPED
