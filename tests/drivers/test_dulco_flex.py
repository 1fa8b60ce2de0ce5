"""The DULCO flex driver against a scripted pump: who answers, prepare, run, polls and recover."""

from dataclasses import replace

import pytest

from drivers.pump_errors import (
    NotPermitted,
    PlanRefused,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
    WrongDevice,
)
from drivers.request import NoReply, WriteLost
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Model, Setup
from firmware_interfaces.readings import Identity, Motion, PumpAlarm, Trigger
from firmware_interfaces.register import WordOrder
from firmware_interfaces.units import millilitre, millilitre_per_hour, millimetre, seconds
from tests.drivers.dulco_room import PLAN, DulcoRoom
from tests.drivers.scripted_dulco import ScriptedDulco

PREPARED = [
    "start/stop = 2",
    "target mode = 0",
    "behaviour after power-up = 0",
    "response to hose rupture = 1",
    "direction = 0",
    "bus time-out = 5000",
    "target mode = 3",
    # 10.010 mL (1001 increments of 10 uL) as the largest float32 that is not above it.
    "batch volume = 3C24 00FB",
    # 10.010 mL at 20.009 mL/h take 1800.99 s.
    "batch time = 1801",
    "clear counters = 1",
]


@pytest.fixture
async def room():
    made = DulcoRoom()
    yield made
    for pump in made.pumps:
        pump.silent = False
        pump.lose.clear()
        pump.refuse.clear()
    await made.driver.close()


# --- connect --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, -1])
@pytest.mark.parametrize("order", list(WordOrder))
async def test_connect_settles_address_and_word_order_and_changes_nothing(shift, order):
    room = DulcoRoom(ScriptedDulco(shift, order))
    identity = await room.driver.connect()
    assert identity == Identity("dulcoflex", "DFXA-bench", "01.00.00.00", 20, "2026000001")
    assert room.pump.writes == []
    assert (await room.driver.poll()).infused_nl == 3_000_000
    await room.driver.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({df.IDENTITY: "GMXa-bench"}, "identity code: saw 'GMXa-bench'"),
        ({df.REGISTER_SET: 2}, "register-set version: saw 2, expected 1"),
        ({df.SOFTWARE: 0x02000000}, "software version: saw 02.00.00.00"),
        ({df.ENDIANNESS: 0xBBAADDCC}, "endianness pattern: saw 63: BBAA DDCC, 62: refused"),
        ({df.REVOLUTION: 0.0002}, "quantity of last revolution: wanted 20000 nL within 5 %"),
        ({df.MODE: 9}, "mode: wanted 0..4, the pump says 9"),
    ],
)
async def test_another_pump_than_the_site_names_is_refused_by_what_was_seen(room, changes, said):
    room.pump.held.update(changes)
    with pytest.raises(WrongDevice) as refused:
        await room.driver.connect()
    assert refused.value.expected == "a DFX pump of ProMinent as unit 20"
    assert refused.value.seen.startswith(said)
    assert room.pump.writes == []


async def test_a_unit_that_does_not_answer_is_refused(room):
    room.pump.silent = True
    with pytest.raises(WrongDevice, match="no answer in time: silence"):
        await room.driver.connect()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("read product code", r"exception 2 \(illegal address\)"),
        ("read status", r"status: the pump answered .* exception 2 \(illegal address\)"),
    ],
)
async def test_an_exception_reply_is_named(room, text, said):
    room.pump.refuse[text] = 2
    with pytest.raises(WrongDevice, match=said):
        await room.driver.connect()


@pytest.mark.parametrize(("raw", "said"), [(0x7FC0, "nan"), (0x7F80, "inf")])
async def test_a_counter_that_is_no_number_is_never_a_reading(room, raw, said):
    room.pump.raw[df.QUANTITY] = (raw, 0)
    with pytest.raises(ReadbackMismatch, match=said):
        await room.driver.poll()


# --- prepare --------------------------------------------------------------------------------------


async def test_prepare_programmes_one_batch_and_reads_all_of_it_back(room):
    held = await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == PREPARED
    reads = [text for text in room.pump.texts if text.startswith("read ")]
    for register in (df.START_STOP, df.POWER_UP, df.RUPTURE_RESPONSE, df.DIRECTION,
                     df.BUS_TIMEOUT, df.TARGET_MODE, df.BATCH_VOLUME, df.BATCH_TIME,
                     df.MODE, df.SUB_MODE):  # fmt: skip
        assert f"read {register.name}" in reads
    assert (held.rate_ul_h, held.volume_nl) == (20_009, 10_010_000)
    assert (held.diameter_um, held.watchdog_ns, held.trigger) == (0, seconds(5), Trigger.OFF)
    assert (held.rate_max_ul_h, held.infused_nl) == (1_500_000, 0)
    assert not room.driver.energised


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"diameter_um": millimetre("26.59")}, "diameter_um = 26590: a hose has no bore"),
        ({"trigger": Trigger.STOP_ONLY}, "trigger = stop_only: this pump has no trigger input"),
        ({"volume_nl": 499_999}, "volume_nl = 499999: 49 increments of 10000 nL"),
        ({"rate_ul_h": 3_600}, "rate_ul_h = 3600: a batch of 10010 s"),
        ({"watchdog_ns": seconds(3)}, "watchdog_ns = 3000000000: a watchdog of at least"),
        ({"watchdog_ns": seconds(11)}, "watchdog_ns = 11000000000: 11000000000 ns is not a bus"),
    ],
)
async def test_a_plan_that_the_pump_cannot_keep_is_refused_before_anything_is_sent(
    room, change, said
):
    with pytest.raises(PlanRefused) as refused:
        await room.driver.prepare(replace(PLAN, **change), 1)
    assert str(refused.value).startswith(said)
    assert room.pump.texts == []


async def test_a_rate_above_the_hose_is_refused_before_anything_is_written(room):
    room.pump.held[df.RATE_MAX] = 0.02
    with pytest.raises(PlanRefused, match="this hose gives at most 20000 uL/h"):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == []


@pytest.mark.parametrize(
    "register",
    [df.START_STOP, df.POWER_UP, df.RUPTURE_RESPONSE, df.DIRECTION, df.BUS_TIMEOUT,
     df.TARGET_MODE, df.BATCH_VOLUME, df.BATCH_TIME],
    ids=lambda register: register.name,
)  # fmt: skip
async def test_a_setting_that_is_not_held_is_found(room, register):
    room.pump.deaf.add(register)
    room.pump.held[df.RUPTURE_RESPONSE] = 0
    with pytest.raises(ReadbackMismatch) as refused:
        await room.driver.prepare(PLAN, 1)
    assert refused.value.field == register.name
    with pytest.raises(NotPermitted):
        await room.driver.run(1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({df.SUB_MODE: 0}, "sub-mode"),
        ({df.MODE: 1}, "mode"),
        ({df.QUANTITY: 0.001}, "deletable quantity"),
        ({df.REMAINING: 0.02}, "remaining quantity"),
        ({df.STATUS: 1 << df.RUNNING}, "motion"),
    ],
)
async def test_a_pump_that_is_not_ready_for_one_batch_is_found(room, monkeypatch, changes, field):
    take = room.pump._take

    def taken(register, words):
        take(register, words)
        if register is df.CLEAR:
            room.pump.held.update(changes)

    monkeypatch.setattr(room.pump, "_take", taken)
    with pytest.raises(ReadbackMismatch) as refused:
        await room.driver.prepare(PLAN, 1)
    assert refused.value.field == field


async def test_prepare_stops_a_pump_that_moves(room):
    room.pump.held[df.STATUS] = 1 << df.RUNNING
    await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == ["start/stop = 2", *PREPARED]


async def test_prepare_refuses_a_pump_that_goes_on_moving(room):
    room.pump.held[df.STATUS] = 1 << df.HOSE_CHANGE
    room.pump.deaf.add(df.START_STOP)
    with pytest.raises(PumpRefused, match=r"start/stop: the pump answered with motion .*WAITING"):
        await room.driver.prepare(PLAN, 1)


async def test_a_fault_that_nobody_was_told_of_is_told_before_anything_is_written(room):
    room.pump.held[df.ERRORS] = 1 << df.RUPTURE | 1 << df.LEVEL
    with pytest.raises(PumpAlarmed) as alarmed:
        await room.driver.prepare(PLAN, 1)
    assert alarmed.value.status.alarm is PumpAlarm.HOSE_RUPTURE
    assert room.alarms == [PumpAlarm.EMPTY]
    assert room.pump.writes == []


async def test_a_fault_that_was_told_is_acknowledged(room):
    room.pump.held[df.ERRORS] = 1 << df.LEVEL
    assert (await room.driver.poll()).alarm is PumpAlarm.EMPTY
    await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == ["acknowledge = 21845", *PREPARED]


async def test_a_fault_that_stands_after_the_acknowledgement_forbids_the_run(room):
    room.pump.held[df.ERRORS] = 1 << df.RUPTURE
    room.pump.cause_stands = True
    assert (await room.driver.poll()).alarm is PumpAlarm.HOSE_RUPTURE
    with pytest.raises(PumpAlarmed):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == ["acknowledge = 21845"]


async def test_a_nearly_empty_vial_is_told_and_forbids_nothing(room):
    room.pump.held[df.WARNINGS] = 1
    assert (await room.driver.poll()).alarm is PumpAlarm.NEAR_EMPTY
    await room.driver.prepare(PLAN, 1)


async def test_a_setting_whose_answer_is_lost_is_not_written_again(room):
    room.pump.lose.add("direction = 0")
    with pytest.raises(WriteLost):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.writes.count("direction = 0") == 1


async def test_a_setting_that_the_pump_refuses_is_named(room):
    room.pump.refuse["batch time = 1801"] = 3
    with pytest.raises(PumpRefused, match=r"batch time = 1801: .*exception 3 \(illegal value\)"):
        await room.driver.prepare(PLAN, 1)


async def test_a_register_that_the_pump_will_not_tell_is_named(room):
    room.pump.refuse["read direction"] = 4
    with pytest.raises(PumpRefused, match=r"direction: .*exception 4"):
        await room.driver.prepare(PLAN, 1)


async def test_another_pump_at_the_same_address_is_not_programmed(room):
    await room.driver.connect()
    room.pump.held[df.IDENTITY] = "GMXa"
    with pytest.raises(WrongDevice, match="identity code"):
        await room.driver.prepare(PLAN, 1)
    assert room.pump.writes == []


# --- run and polls --------------------------------------------------------------------------------


async def test_run_starts_and_triggers_once_and_looks_in_between(room):
    await room.driver.prepare(PLAN, 1)
    room.pump.forget()
    room.permit(10)
    status = await room.driver.run(1)
    assert room.pump.texts == ["start/stop = 3", "read status", "trigger = 21845", "read status"]
    assert status.motion is Motion.INFUSING
    assert room.driver.energised
    with pytest.raises(NotPermitted):
        await room.driver.run(1)


async def test_a_motor_that_turns_a_moment_later_is_looked_at_once_more(room):
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    room.pump.batch_begins = False
    with pytest.raises(PumpRefused, match=r"trigger: the pump answered with motion .*STOPPED"):
        await room.driver.run(1)
    assert room.pump.texts[-3:] == ["trigger = 21845", "read status", "read status"]
    assert room.driver.energised


async def test_a_pump_that_moves_before_its_trigger_gets_none(room, monkeypatch):
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    monkeypatch.setattr(
        room.pump, "_obey", lambda *_: room.pump.held.update({df.STATUS: 1 << df.RUNNING})
    )
    with pytest.raises(PumpRefused, match="start/stop"):
        await room.driver.run(1)
    assert "trigger = 21845" not in room.pump.writes


@pytest.mark.parametrize("text", ["start/stop = 3", "trigger = 21845"])
async def test_a_start_whose_answer_is_lost_is_not_sent_again(room, text):
    await room.driver.prepare(PLAN, 1)
    room.permit(10)
    room.pump.lose.add(text)
    with pytest.raises(WriteLost):
        await room.driver.run(1)
    assert room.pump.writes.count(text) == 1
    assert room.driver.energised


async def test_an_alarm_in_the_way_of_the_trigger_or_after_it(room, monkeypatch):
    for register in (df.START_STOP, df.TRIGGER):
        await room.driver.prepare(PLAN, 1)
        room.permit(10)
        take = room.pump._take

        def taken(seen, words, take=take, register=register):
            take(seen, words)
            if seen is register:
                room.pump.held[df.ERRORS] = 1 << 30

        monkeypatch.setattr(room.pump, "_take", taken)
        with pytest.raises(PumpAlarmed) as alarmed:
            await room.driver.run(1)
        assert alarmed.value.status.alarm is PumpAlarm.STALL
        monkeypatch.undo()
        await room.driver.stop(1)


async def test_run_needs_a_permit_and_a_preparation_on_this_line(room):
    with pytest.raises(NotPermitted, match="not prepared"):
        await room.driver.run(1)
    await room.driver.prepare(PLAN, 1)
    with pytest.raises(NotPermitted, match="no live permit"):
        await room.driver.run(1)
    assert "start/stop = 3" not in room.pump.writes


async def test_a_batch_keeps_its_rate(room):
    await room.run()
    with pytest.raises(NotPermitted, match="a batch keeps its rate"):
        await room.driver.set_rate(10_000, 1)
    assert room.pump.texts == []


async def test_an_alarm_is_told_once_the_worst_as_the_answer(room):
    await room.run()
    room.pump.held[df.ERRORS] = 1 << df.LEVEL | 1 << 30
    room.pump.held[df.STATUS] = 1 << df.STOPPED
    status = await room.driver.poll()
    assert (status.alarm, status.motion) == (PumpAlarm.STALL, Motion.STOPPED)
    assert room.alarms == [PumpAlarm.EMPTY]
    assert (await room.driver.poll()).alarm is None


async def test_a_power_up_that_nobody_commanded_is_a_reset(room):
    await room.run()
    room.pump.held[df.POWER_UPS] += 1
    assert (await room.driver.poll()).alarm is PumpAlarm.RESET
    await room.driver.stop(2)
    recovery = await room.driver.recover()
    assert recovery.power_cycled
    assert recovery.found.alarm is PumpAlarm.RESET
    assert not (await room.driver.recover()).power_cycled


async def test_a_power_up_before_a_preparation_is_told_and_over_with_it(room):
    await room.driver.poll()
    room.pump.held[df.POWER_UPS] += 1
    await room.driver.prepare(PLAN, 1)
    assert room.alarms == [PumpAlarm.RESET]
    assert not (await room.driver.recover()).power_cycled


async def test_a_gamma_pump_has_alarms_of_its_own():
    room = DulcoRoom(setup=Setup(model=Model.GAMMA_X))
    room.pump.held[df.IDENTITY] = "GMXa-bench"
    await room.driver.connect()
    room.pump.held[df.ERRORS] = 1 << 14
    assert (await room.driver.poll()).alarm is PumpAlarm.AIR
    await room.driver.close()


async def test_a_late_answer_does_not_answer_the_next_question(room):
    await room.run()
    room.pump.late["read status"] = 0.7
    with pytest.raises(NoReply):
        await room.driver.poll()
    room.pump.late.clear()
    room.pump.held[df.QUANTITY] = 0.005
    status = await room.driver.poll()
    assert status.infused_nl == 4_999_999


# --- recover, holdings, disarm --------------------------------------------------------------------


async def test_recover_stops_and_reads_and_changes_nothing_else(room):
    room.pump.held[df.STATUS] = 1 << df.RUNNING
    room.pump.held[df.MODE] = 3
    recovery = await room.driver.recover()
    assert room.pump.writes == ["start/stop = 2"]
    assert recovery.found.motion is Motion.INFUSING
    assert recovery.stopped.motion is Motion.STOPPED
    assert (recovery.infused_nl, recovery.volume_nl, recovery.rate_ul_h) == (
        3_000_000, 10_000_000, 20_000,
    )  # fmt: skip


async def test_recover_has_the_worst_alarm_that_stands(room):
    room.pump.held[df.ERRORS] = 1 << df.LEVEL | 1 << df.RUPTURE
    assert (await room.driver.recover()).found.alarm is PumpAlarm.HOSE_RUPTURE
    assert "acknowledge = 21845" not in room.pump.writes


async def test_recover_does_without_a_batch_that_is_not_told(room):
    room.pump.refuse["read batch time"] = 4
    recovery = await room.driver.recover()
    assert (recovery.volume_nl, recovery.rate_ul_h) == (None, None)


async def test_holdings_are_read_and_nothing_is_written(room):
    held = await room.driver.holdings()
    assert (held.diameter_um, held.rate_ul_h, held.volume_nl) == (0, 20_000, 10_000_000)
    assert (held.infused_nl, held.watchdog_ns) == (3_000_000, 0)
    assert room.pump.writes == []
    await room.driver.prepare(PLAN, 1)
    assert (await room.driver.holdings()).watchdog_ns == seconds(5)


async def test_holdings_that_the_pump_cannot_hold_are_named(room):
    room.pump.held[df.BATCH_TIME] = 0
    with pytest.raises(ReadbackMismatch, match=r"batch time: wanted 1\.\.10000"):
        await room.driver.holdings()


async def test_a_setting_that_is_no_number_is_named(room):
    room.pump.raw[df.BATCH_VOLUME] = (0x7FC0, 0)
    with pytest.raises(ReadbackMismatch, match=r"batch volume: .* is nan"):
        await room.driver.holdings()


async def test_nothing_is_asked_of_an_energised_pump_but_polls(room):
    await room.run()
    for act in (room.driver.holdings(), room.driver.prepare(PLAN, 1), room.driver.disarm(1)):
        with pytest.raises(NotPermitted):
            await act
    assert room.pump.texts == []


async def test_disarm_takes_the_time_out_off_a_stopped_pump(room):
    await room.run()
    await room.driver.stop(2)
    room.pump.forget()
    await room.driver.disarm(2)
    assert room.pump.texts == ["start/stop = 0"]


async def test_a_plan_at_the_edges_of_what_the_pump_holds(room):
    plan = replace(
        PLAN, volume_nl=millilitre("0.5"), rate_ul_h=millilitre_per_hour(1500),
        watchdog_ns=seconds(10),
    )  # fmt: skip
    room.pump._obey = lambda *_: None
    room.pump.held[df.MODE], room.pump.held[df.SUB_MODE] = 3, 3
    held = await room.driver.prepare(plan, 1)
    assert (held.volume_nl, held.rate_ul_h, held.watchdog_ns) == (500_000, 900_000, seconds(10))


# --- a pump that stopped by itself ----------------------------------------------------------------


async def test_a_pump_that_cleared_its_own_start_bit_was_stopped_by_its_bus_time_out(room):
    await room.run()
    room.pump.held[df.STATUS] = 1 << df.STOPPED
    room.pump.raw[df.START_STOP] = (df.TIMEOUT_STOPS,)
    assert (await room.driver.poll()).alarm is PumpAlarm.WATCHDOG
    assert room.pump.texts == ["read status", "read start/stop"]


async def test_a_batch_that_came_to_its_end_was_not(room):
    await room.run()
    room.pump.held.update({df.STATUS: 1 << df.READY, df.REMAINING: 0.0})
    status = await room.driver.poll()
    assert (status.motion, status.alarm) == (Motion.STOPPED, None)
