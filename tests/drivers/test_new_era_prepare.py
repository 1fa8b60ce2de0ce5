"""Preparing an NE-1000: what it is told, in which order, and every way in which it refuses."""

from dataclasses import replace

import pytest

from drivers.pump_errors import (
    NotPermitted,
    PlanRefused,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
)
from drivers.request import StaleEpoch, WriteLost
from firmware_interfaces.readings import (
    PumpAlarm,
    Trigger,
)
from firmware_interfaces.units import millilitre, millilitre_per_hour, seconds
from protocols.new_era import Mode, Reply
from tests.drivers.pump_room import PLAN

SETTINGS = [
    "PF0", "AL1", "TRGSP", "DIA26.59", "PHN1", "FUNRAT", "RAT20.00MH", "VOLML", "VOL10.01",
    "DIRINF", "PHN2", "FUNSTP", "PHN1", "CLDINF", "SAF5",
]  # fmt: skip
READBACKS = [
    "SAF", "PF", "AL", "TRG", "DIA", "PHN2", "FUN", "PHN1", "PHN", "FUN", "RAT", "VOL", "DIR",
    "DIS",
]  # fmt: skip


@pytest.mark.requirement("T2.8", "T7.1", "GIP-1.3.x", "T8.2", "T3.2")
async def test_prepare_programmes_rounded_down_and_reads_everything_back(room):
    readback = await room.driver.prepare(PLAN, 1)
    assert room.pump.texts == ["", "SAF0", "VER", "", *SETTINGS, *READBACKS]
    assert (readback.diameter_um, readback.rate_ul_h, readback.volume_nl) == (
        26_590,
        20_000,
        10_010_000,
    )
    assert (readback.watchdog_ns, readback.trigger) == (seconds(5), Trigger.STOP_ONLY)
    assert (readback.rate_max_ul_h, readback.infused_nl) == (1_699_380, 0)


async def test_every_packet_of_prepare_is_safe_framed(room):
    await room.driver.prepare(PLAN, 1)
    assert {mode for _, mode, _ in room.pump.heard} == {Mode.SAFE}


async def test_prepare_stops_a_paused_program_first_so_that_run_begins_it(room):
    room.pump.prompt = "I"
    await room.driver.prepare(PLAN, 1)
    assert room.pump.texts[:8] == ["", "SAF0", "VER", "", "STP", "STP", "", "PF0"]


@pytest.mark.requirement("T2.8", "T3.2", "T3.9", "T8.2")
@pytest.mark.parametrize(
    ("query", "answer", "field"),
    [
        ("SAF", "50", "watchdog"),
        ("PF", "1", "restart after power failure"),
        ("AL", "0", "audible alarm"),
        ("TRG", "FT", "trigger"),
        ("DIA", "26.95", "diameter"),
        ("PHN", "2", "phase"),
        ("FUN", "RAT", "end action"),
        ("RAT", "20.00MM", "rate"),
        ("RAT", "20.01MH", "rate"),
        ("RAT", "20.00ZZ", "rate"),
        ("VOL", "10.01UL", "volume"),
        ("VOL", "0.000ML", "volume"),
        ("DIR", "WDR", "direction"),
        ("DIS", "I0.500W0.000ML", "counter"),
    ],
)
async def test_prepare_refuses_a_value_or_unit_that_differs(room, query, answer, field):
    room.pump.instead[query] = Reply(0, "S", data=answer)
    with pytest.raises(ReadbackMismatch) as caught:
        await room.driver.prepare(PLAN, 1)
    assert (caught.value.field, caught.value.seen) == (field, answer)
    await refuses_to_run(room)


async def refuses_to_run(room):
    room.permit(10)
    room.pump.forget()
    with pytest.raises(NotPermitted):
        await room.driver.run(1)
    assert room.pump.texts == []


async def test_a_value_in_another_unit_but_of_equal_worth_is_the_same(room):
    room.pump.instead["RAT"] = Reply(0, "S", data="2000.UH")
    readback = await room.driver.prepare(replace(PLAN, rate_ul_h=millilitre_per_hour(2)), 1)
    assert readback.rate_ul_h == 2_000


@pytest.mark.requirement("T3.2")
async def test_prepare_refuses_a_pump_that_stays_in_basic_mode(room):
    room.pump.instead["SAF5"] = b"\x0200S\x03"
    with pytest.raises(ReadbackMismatch, match="framing: wanted safe, the pump says basic"):
        await room.driver.prepare(PLAN, 1)
    await refuses_to_run(room)


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one != "PHN1"])
async def test_a_refused_setting_ends_prepare_and_is_named(room, setting):
    room.pump.instead[setting] = Reply(0, "S", error="?OOR")
    with pytest.raises(PumpRefused, match=r"the pump answered \?OOR") as caught:
        await room.driver.prepare(PLAN, 1)
    assert caught.value.command == setting
    assert room.pump.texts[-1] == setting
    await refuses_to_run(room)


async def test_an_alarm_in_prepare_means_not_executed(room):
    room.pump.instead["DIA26.59"] = Reply(0, None, "S")
    with pytest.raises(PumpAlarmed) as caught:
        await room.driver.prepare(PLAN, 1)
    assert (caught.value.command, caught.value.status.alarm) == ("DIA26.59", PumpAlarm.STALL)


async def test_a_standing_alarm_other_than_a_reset_refuses_prepare(room):
    room.pump.alarm = "S"
    with pytest.raises(PumpAlarmed):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.texts == [""]


async def test_a_reset_before_prepare_is_reported_and_prepared_anew(room):
    room.pump.alarm = "R"
    await room.driver.prepare(PLAN, 1)
    assert [status.alarm for status in room.events] == [PumpAlarm.RESET]


async def test_a_setting_whose_reply_is_lost_is_not_sent_again(room):
    room.pump.lose.add("VOL10.01")
    with pytest.raises(WriteLost):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.texts.count("VOL10.01") == 1


@pytest.mark.requirement("GIP-1.1.2-4")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"watchdog_ns": 0}, "watchdog_ns"),
        ({"watchdog_ns": seconds("3.999")}, "watchdog_ns"),
        ({"watchdog_ns": seconds(256)}, "watchdog_ns"),
        ({"volume_nl": 999}, "volume_nl"),
        ({"volume_nl": millilitre(10_000)}, "volume_nl"),
        ({"rate_ul_h": 23}, "rate_ul_h"),
        ({"rate_ul_h": 1_699_381}, "rate_ul_h"),
        ({"diameter_um": 50_001}, "diameter_um"),
    ],
)
async def test_a_plan_the_pump_cannot_keep_is_refused_before_anything_is_sent(room, change, field):
    with pytest.raises(PlanRefused) as caught:
        await room.driver.prepare(replace(PLAN, **change), 1)
    assert caught.value.field == field
    assert room.pump.heard == []


async def test_prepare_of_a_closed_epoch_changes_nothing(room):
    room.driver.open_epoch(2)
    with pytest.raises(StaleEpoch):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.texts == [""]
