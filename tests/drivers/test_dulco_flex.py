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


# --- connect --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, -1])
@pytest.mark.parametrize("order", list(WordOrder))
async def test_connect_settles_address_and_word_order_and_changes_nothing(shift, order):
    flex = DulcoRoom(ScriptedDulco(shift, order))
    identity = await flex.driver.connect()
    assert identity == Identity("dulcoflex", "DFXA-bench", "01.00.00.00", 20, "2026000001")
    assert flex.pump.writes == []
    assert (await flex.driver.poll()).infused_nl == 3_000_000
    await flex.driver.close()


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
async def test_another_pump_than_the_site_names_is_refused_by_what_was_seen(flex, changes, said):
    flex.pump.held.update(changes)
    with pytest.raises(WrongDevice) as refused:
        await flex.driver.connect()
    assert refused.value.expected == "a DFX pump of ProMinent as unit 20"
    assert refused.value.seen.startswith(said)
    assert flex.pump.writes == []


async def test_a_unit_that_does_not_answer_is_refused(flex):
    flex.pump.silent = True
    with pytest.raises(WrongDevice, match="no answer in time: silence"):
        await flex.driver.connect()


@pytest.mark.requirement("C5")
async def test_another_units_reply_answers_nothing_and_is_told_as_heard():
    flex = DulcoRoom(ScriptedDulco(unit=21))
    with pytest.raises(WrongDevice, match=r"unit 20: .* no answer in time: heard 15 03 04 aa bb"):
        await flex.driver.connect()
    await flex.driver.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("read product code", r"exception 2 \(illegal address\)"),
        ("read status", r"status: the pump answered .* exception 2 \(illegal address\)"),
    ],
)
async def test_an_exception_reply_is_named(flex, text, said):
    flex.pump.refuse[text] = 2
    with pytest.raises(WrongDevice, match=said):
        await flex.driver.connect()


@pytest.mark.requirement("C5", "C8")
@pytest.mark.parametrize("register", [df.QUANTITY, df.REMAINING, df.REVOLUTION, df.RATE_MAX])
@pytest.mark.parametrize(("raw", "said"), [(0x7FC0, "nan"), (0x7F80, "inf"), (0xBF80, "-1")])
async def test_a_number_that_cannot_be_is_never_a_reading(flex, register, raw, said):
    flex.pump.raw[register] = (raw, 0)
    with pytest.raises(ReadbackMismatch, match=said) as caught:
        await flex.driver.poll()
    assert caught.value.field == register.name
    with pytest.raises(WrongDevice, match=register.name):
        await flex.driver.connect()


# --- prepare --------------------------------------------------------------------------------------


async def test_prepare_programmes_one_batch_and_reads_all_of_it_back(flex):
    held = await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == PREPARED
    reads = [text for text in flex.pump.texts if text.startswith("read ")]
    for register in (df.START_STOP, df.POWER_UP, df.RUPTURE_RESPONSE, df.DIRECTION,
                     df.BUS_TIMEOUT, df.TARGET_MODE, df.BATCH_VOLUME, df.BATCH_TIME,
                     df.MODE, df.SUB_MODE):  # fmt: skip
        assert f"read {register.name}" in reads
    assert (held.rate_ul_h, held.volume_nl) == (20_009, 10_010_000)
    assert (held.diameter_um, held.watchdog_ns, held.trigger) == (0, seconds(5), Trigger.OFF)
    assert (held.rate_max_ul_h, held.infused_nl) == (1_500_000, 0)
    assert not flex.driver.energised


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
    flex, change, said
):
    with pytest.raises(PlanRefused) as refused:
        await flex.driver.prepare(replace(PLAN, **change), 1)
    assert str(refused.value).startswith(said)
    assert flex.pump.texts == []


async def test_a_rate_above_the_hose_is_refused_before_anything_is_written(flex):
    flex.pump.held[df.RATE_MAX] = 0.02
    with pytest.raises(PlanRefused, match="this hose gives at most 20000 uL/h"):
        await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == []


@pytest.mark.parametrize(
    "register",
    [df.START_STOP, df.POWER_UP, df.RUPTURE_RESPONSE, df.DIRECTION, df.BUS_TIMEOUT,
     df.TARGET_MODE, df.BATCH_VOLUME, df.BATCH_TIME],
    ids=lambda register: register.name,
)  # fmt: skip
async def test_a_setting_that_is_not_held_is_found(flex, register):
    flex.pump.deaf.add(register)
    flex.pump.held[df.RUPTURE_RESPONSE] = 0
    with pytest.raises(ReadbackMismatch) as refused:
        await flex.driver.prepare(PLAN, 1)
    assert refused.value.field == register.name
    with pytest.raises(NotPermitted):
        await flex.driver.run(1)


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
async def test_a_pump_that_is_not_ready_for_one_batch_is_found(flex, monkeypatch, changes, field):
    take = flex.pump._take

    def taken(register, words):
        take(register, words)
        if register is df.CLEAR:
            flex.pump.held.update(changes)

    monkeypatch.setattr(flex.pump, "_take", taken)
    with pytest.raises(ReadbackMismatch) as refused:
        await flex.driver.prepare(PLAN, 1)
    assert refused.value.field == field


async def test_prepare_stops_a_pump_that_moves(flex):
    flex.pump.held[df.STATUS] = 1 << df.RUNNING
    await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == ["start/stop = 2", *PREPARED]


async def test_prepare_refuses_a_pump_that_goes_on_moving(flex):
    flex.pump.held[df.STATUS] = 1 << df.HOSE_CHANGE
    flex.pump.deaf.add(df.START_STOP)
    with pytest.raises(PumpRefused, match=r"start/stop: the pump answered with motion .*WAITING"):
        await flex.driver.prepare(PLAN, 1)


async def test_a_fault_that_nobody_was_told_of_is_told_before_anything_is_written(flex):
    flex.pump.held[df.ERRORS] = 1 << df.RUPTURE | 1 << df.LEVEL
    with pytest.raises(PumpAlarmed) as alarmed:
        await flex.driver.prepare(PLAN, 1)
    assert alarmed.value.status.alarm is PumpAlarm.HOSE_RUPTURE
    assert flex.alarms == [PumpAlarm.EMPTY]
    assert flex.pump.writes == []


async def test_a_fault_that_was_told_is_acknowledged(flex):
    flex.pump.held[df.ERRORS] = 1 << df.LEVEL
    assert (await flex.driver.poll()).alarm is PumpAlarm.EMPTY
    await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == ["acknowledge = 21845", *PREPARED]


async def test_a_fault_that_stands_after_the_acknowledgement_forbids_the_run(flex):
    flex.pump.held[df.ERRORS] = 1 << df.RUPTURE
    flex.pump.cause_stands = True
    assert (await flex.driver.poll()).alarm is PumpAlarm.HOSE_RUPTURE
    with pytest.raises(PumpAlarmed):
        await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == ["acknowledge = 21845"]


async def test_a_pump_that_adds_older_batches_is_not_programmed(flex):
    flex.pump.held[df.STATUS] |= 1 << df.BATCH_MEMORY
    with pytest.raises(ReadbackMismatch, match="batch memory: wanted off"):
        await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == []


async def test_a_batch_larger_than_what_was_programmed_is_a_program_error(flex):
    await flex.run()
    flex.pump.held[df.REMAINING] = 0.01002
    assert (await flex.driver.poll()).alarm is None
    flex.pump.held[df.REMAINING] = 0.01003
    assert (await flex.driver.poll()).alarm is PumpAlarm.PROGRAM_ERROR


async def test_a_nearly_empty_vial_is_told_and_forbids_nothing(flex):
    flex.pump.held[df.WARNINGS] = 1
    assert (await flex.driver.poll()).alarm is PumpAlarm.NEAR_EMPTY
    await flex.driver.prepare(PLAN, 1)


async def test_a_setting_whose_answer_is_lost_is_not_written_again(flex):
    flex.pump.lose.add("direction = 0")
    with pytest.raises(WriteLost):
        await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes.count("direction = 0") == 1


async def test_a_setting_that_the_pump_refuses_is_named(flex):
    flex.pump.refuse["batch time = 1801"] = 3
    with pytest.raises(PumpRefused, match=r"batch time = 1801: .*exception 3 \(illegal value\)"):
        await flex.driver.prepare(PLAN, 1)


async def test_a_register_that_the_pump_will_not_tell_is_named(flex):
    flex.pump.refuse["read direction"] = 4
    with pytest.raises(PumpRefused, match=r"direction: .*exception 4"):
        await flex.driver.prepare(PLAN, 1)


async def test_another_pump_at_the_same_address_is_not_programmed(flex):
    await flex.driver.connect()
    flex.pump.held[df.IDENTITY] = "GMXa"
    with pytest.raises(WrongDevice, match="identity code"):
        await flex.driver.prepare(PLAN, 1)
    assert flex.pump.writes == []


# --- run and polls --------------------------------------------------------------------------------


async def test_run_starts_and_triggers_once_and_looks_in_between(flex):
    await flex.driver.prepare(PLAN, 1)
    flex.pump.forget()
    flex.permit(10)
    status = await flex.driver.run(1)
    assert flex.pump.texts == ["start/stop = 3", "read status", "trigger = 21845", "read status"]
    assert status.motion is Motion.INFUSING
    assert flex.driver.energised
    with pytest.raises(NotPermitted):
        await flex.driver.run(1)


async def test_a_motor_that_turns_a_moment_later_is_looked_at_once_more(flex):
    await flex.driver.prepare(PLAN, 1)
    flex.permit(10)
    flex.pump.batch_begins = False
    with pytest.raises(PumpRefused, match=r"trigger: the pump answered with motion .*STOPPED"):
        await flex.driver.run(1)
    assert flex.pump.texts[-3:] == ["trigger = 21845", "read status", "read status"]
    assert flex.driver.energised


async def test_a_pump_that_moves_before_its_trigger_gets_none(flex, monkeypatch):
    await flex.driver.prepare(PLAN, 1)
    flex.permit(10)
    monkeypatch.setattr(
        flex.pump, "_obey", lambda *_: flex.pump.held.update({df.STATUS: 1 << df.RUNNING})
    )
    with pytest.raises(PumpRefused, match="start/stop"):
        await flex.driver.run(1)
    assert "trigger = 21845" not in flex.pump.writes


@pytest.mark.parametrize("text", ["start/stop = 3", "trigger = 21845"])
async def test_a_start_whose_answer_is_lost_is_not_sent_again(flex, text):
    await flex.driver.prepare(PLAN, 1)
    flex.permit(10)
    flex.pump.lose.add(text)
    with pytest.raises(WriteLost):
        await flex.driver.run(1)
    assert flex.pump.writes.count(text) == 1
    assert flex.driver.energised


async def test_an_alarm_in_the_way_of_the_trigger_or_after_it(flex, monkeypatch):
    for register in (df.START_STOP, df.TRIGGER):
        await flex.driver.prepare(PLAN, 1)
        flex.permit(10)
        take = flex.pump._take

        def taken(seen, words, take=take, register=register):
            take(seen, words)
            if seen is register:
                flex.pump.held[df.ERRORS] = 1 << 30

        monkeypatch.setattr(flex.pump, "_take", taken)
        with pytest.raises(PumpAlarmed) as alarmed:
            await flex.driver.run(1)
        assert alarmed.value.status.alarm is PumpAlarm.STALL
        monkeypatch.undo()
        await flex.driver.stop(1)


async def test_run_needs_a_permit_and_a_preparation_on_this_line(flex):
    with pytest.raises(NotPermitted, match="not prepared"):
        await flex.driver.run(1)
    await flex.driver.prepare(PLAN, 1)
    with pytest.raises(NotPermitted, match="no live permit"):
        await flex.driver.run(1)
    assert "start/stop = 3" not in flex.pump.writes


async def test_a_batch_keeps_its_rate(flex):
    await flex.run()
    with pytest.raises(NotPermitted, match="a batch keeps its rate"):
        await flex.driver.set_rate(10_000, 1)
    assert flex.pump.texts == []


async def test_an_alarm_is_told_once_the_worst_as_the_answer(flex):
    await flex.run()
    flex.pump.held[df.ERRORS] = 1 << df.LEVEL | 1 << 30
    flex.pump.held[df.STATUS] = 1 << df.STOPPED
    status = await flex.driver.poll()
    assert (status.alarm, status.motion) == (PumpAlarm.STALL, Motion.STOPPED)
    assert flex.alarms == [PumpAlarm.EMPTY]
    assert (await flex.driver.poll()).alarm is None


async def test_a_power_up_that_nobody_commanded_is_a_reset(flex):
    await flex.run()
    flex.pump.held[df.POWER_UPS] += 1
    assert (await flex.driver.poll()).alarm is PumpAlarm.RESET
    await flex.driver.stop(2)
    recovery = await flex.driver.recover()
    assert recovery.power_cycled
    assert recovery.found.alarm is PumpAlarm.RESET
    assert not (await flex.driver.recover()).power_cycled


async def test_a_power_up_before_a_preparation_is_told_and_over_with_it(flex):
    await flex.driver.poll()
    flex.pump.held[df.POWER_UPS] += 1
    await flex.driver.prepare(PLAN, 1)
    assert flex.alarms == [PumpAlarm.RESET]
    assert not (await flex.driver.recover()).power_cycled


async def test_a_gamma_pump_has_alarms_of_its_own():
    flex = DulcoRoom(setup=Setup(model=Model.GAMMA_X))
    flex.pump.held[df.IDENTITY] = "GMXa-bench"
    await flex.driver.connect()
    flex.pump.held[df.ERRORS] = 1 << 14
    assert (await flex.driver.poll()).alarm is PumpAlarm.AIR
    await flex.driver.close()


async def test_a_late_answer_does_not_answer_the_next_question(flex):
    await flex.run()
    flex.pump.late["read status"] = 0.7
    with pytest.raises(NoReply):
        await flex.driver.poll()
    flex.pump.late.clear()
    flex.pump.held[df.QUANTITY] = 0.005
    status = await flex.driver.poll()
    assert status.infused_nl == 4_999_999


# --- recover, holdings, disarm --------------------------------------------------------------------


async def test_recover_stops_and_reads_and_changes_nothing_else(flex):
    flex.pump.held[df.STATUS] = 1 << df.RUNNING
    flex.pump.held[df.MODE] = 3
    recovery = await flex.driver.recover()
    assert flex.pump.writes == ["start/stop = 2"]
    assert recovery.found.motion is Motion.INFUSING
    assert recovery.stopped.motion is Motion.STOPPED
    assert (recovery.infused_nl, recovery.volume_nl, recovery.rate_ul_h) == (
        3_000_000, 10_000_000, 20_000,
    )  # fmt: skip


async def test_recover_has_the_worst_alarm_that_stands(flex):
    flex.pump.held[df.ERRORS] = 1 << df.LEVEL | 1 << df.RUPTURE
    assert (await flex.driver.recover()).found.alarm is PumpAlarm.HOSE_RUPTURE
    assert "acknowledge = 21845" not in flex.pump.writes


async def test_recover_does_without_a_batch_that_is_not_told(flex):
    flex.pump.refuse["read batch time"] = 4
    recovery = await flex.driver.recover()
    assert (recovery.volume_nl, recovery.rate_ul_h) == (None, None)


async def test_holdings_are_read_and_nothing_is_written(flex):
    held = await flex.driver.holdings()
    assert (held.diameter_um, held.rate_ul_h, held.volume_nl) == (0, 20_000, 10_000_000)
    assert (held.infused_nl, held.watchdog_ns) == (3_000_000, 0)
    assert flex.pump.writes == []
    await flex.driver.prepare(PLAN, 1)
    assert (await flex.driver.holdings()).watchdog_ns == seconds(5)


async def test_holdings_that_the_pump_cannot_hold_are_named(flex):
    flex.pump.held[df.BATCH_TIME] = 0
    with pytest.raises(ReadbackMismatch, match=r"batch time: wanted 1\.\.10000"):
        await flex.driver.holdings()


async def test_a_setting_that_is_no_number_is_named(flex):
    flex.pump.raw[df.BATCH_VOLUME] = (0x7FC0, 0)
    with pytest.raises(ReadbackMismatch, match=r"batch volume: .* is nan"):
        await flex.driver.holdings()


async def test_nothing_is_asked_of_an_energised_pump_but_polls(flex):
    await flex.run()
    for act in (flex.driver.holdings(), flex.driver.prepare(PLAN, 1), flex.driver.disarm(1)):
        with pytest.raises(NotPermitted):
            await act
    assert flex.pump.texts == []


async def test_disarm_takes_the_time_out_off_a_stopped_pump(flex):
    await flex.run()
    await flex.driver.stop(2)
    flex.pump.forget()
    await flex.driver.disarm(2)
    assert flex.pump.texts == ["start/stop = 0"]


async def test_a_plan_at_the_edges_of_what_the_pump_holds(flex):
    plan = replace(
        PLAN, volume_nl=millilitre("0.5"), rate_ul_h=millilitre_per_hour(1500),
        watchdog_ns=seconds(10),
    )  # fmt: skip
    flex.pump._obey = lambda *_: None
    flex.pump.held[df.MODE], flex.pump.held[df.SUB_MODE] = 3, 3
    held = await flex.driver.prepare(plan, 1)
    assert (held.volume_nl, held.rate_ul_h, held.watchdog_ns) == (500_000, 900_000, seconds(10))


# --- a pump that stopped by itself ----------------------------------------------------------------


async def test_a_pump_that_cleared_its_own_start_bit_was_stopped_by_its_bus_time_out(flex):
    await flex.run()
    flex.pump.held[df.STATUS] = 1 << df.STOPPED
    flex.pump.raw[df.START_STOP] = (df.TIMEOUT_STOPS,)
    assert (await flex.driver.poll()).alarm is PumpAlarm.WATCHDOG
    assert flex.pump.texts == ["read status", "read start/stop"]


async def test_a_batch_that_came_to_its_end_was_not(flex):
    await flex.run()
    flex.pump.held.update({df.STATUS: 1 << df.READY, df.REMAINING: 0.0})
    status = await flex.driver.poll()
    assert (status.motion, status.alarm) == (Motion.STOPPED, None)
