"""A saline pump beside the drug's: what runs on which, what the idle one may do, and KVO."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.line import line_of
from controller.core.state import Phase, Stage, State
from controller.core.treatment import SecondPump
from firmware_interfaces.readings import Channel, Identity, Motion, PumpAlarm
from tests.core.hand import Hand
from tests.core.world import COMMISSIONED, MIN, ML, S, status, treatment

CALM = {"near_end"}
"""What a treatment of a minute says all the time."""
SALINE = "saline 10 mL"
SALINE_UM = 14_430
FLUSH_PUMP = Identity("ne1000", "NE1000", "3.928", 1, None)
SECOND = SecondPump(6 * S, "off", kvo_ul_h=6_000, kvo_nl=500_000)
ORDER = treatment(
    fill_nl=2 * ML + 50_000, duration_ns=MIN, line_dead_nl=150_000, flush_volume_nl=450_000,
    flush_method="second_pump", second=SECOND,
)  # fmt: skip


def _commissioned() -> Any:
    proof = COMMISSIONED.proof
    assert proof is not None
    row = replace(proof.syringes[0], name=SALINE, diameter_um=SALINE_UM)
    proven = replace(proof, pump=FLUSH_PUMP, watchdog_ns=6 * S, syringes=(row,))
    return replace(COMMISSIONED, proof=proven)


def _released(order: Any = ORDER) -> Hand:
    state = State("s1", commissioned=COMMISSIONED, flush_commissioned=_commissioned())
    hand = Hand(order, state=state).ordered()
    hand.see(e.PumpIdentified, FLUSH_PUMP, Channel.FLUSH)
    return hand.assayed().released()


def _armed(order: Any = ORDER) -> Hand:
    return _released(order).patent().seated().connected().armed()


def _infusing(order: Any = ORDER, polls: int = 40) -> Hand:
    hand = _armed(order).infusing()
    for _ in range(polls):
        hand.poll()
    return hand


def _held(order: Any = ORDER, polls: int = 40) -> Hand:
    hand = _infusing(order, polls)
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    return hand


def _kvo(order: Any = ORDER, polls: int = 40) -> Hand:
    hand = _held(order, polls)
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    return hand


def plan_of(commands: tuple[c.Command, ...]) -> Any:
    return next(x.plan for x in commands if isinstance(x, c.Prepare))


# --- which pump ---------------------------------------------------------------------------------


def test_saline_is_on_the_second_pump_and_drug_is_not() -> None:
    hand = _released()
    patency = plan_of(hand.do(e.PatencyRequested, SALINE, SALINE_UM))
    assert (patency.channel, patency.watchdog_ns, patency.trigger.value) == (
        Channel.FLUSH, 6 * S, "off",
    )  # fmt: skip
    hand = _released().patent()
    assert plan_of(hand.do(e.SeatRequested, "cd")).channel is Channel.DRUG
    drug = _infusing().run.plan
    assert (drug.channel, drug.watchdog_ns) == (Channel.DRUG, 5 * S)
    flushing = _infusing()
    flushing.run_out()
    flush = plan_of(flushing.do(e.FlushRequested, SALINE, SALINE_UM, "cd"))
    assert (flush.channel, flush.diameter_um) == (Channel.FLUSH, SALINE_UM)


def test_a_whole_treatment_leaves_the_drug_syringe_connected() -> None:
    hand = _infusing()
    hand.run_out()
    hand.flushed()
    hand.must_be(Phase.RESIDUAL)
    assert hand.state.connected
    assert hand.raised <= {"near_end"}
    assert (hand.state.drug_counter_nl, hand.state.flush_counter_nl) == (2_000_000, 450_000)
    delivered = line_of(hand.state)
    assert (delivered.delivered_low_nl, delivered.in_line_high_nl) == (2_000_000, 0)
    hand.accounted()
    hand.must_be(Phase.CLOSED)


def test_a_stop_reaches_whatever_runs_and_a_resume_needs_no_new_seat() -> None:
    hand = _infusing()
    hand.run_out()
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    assert isinstance(hand.do(e.StopPressed, "panel")[0], c.Stop)
    hand.stopped()
    assert (hand.state.phase, hand.state.connected) == (Phase.STOPPED, True)


# --- commissioning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"flush_commissioned": COMMISSIONED}, "the pump must be the one that was commissioned"),
        ({"flush_pump": None}, "the pump must be the one that was commissioned: no known pump"),
        ({"saline_syringe": "BD 60 mL"}, "the syringe type must have been commissioned"),
    ],
)
def test_nothing_is_armed_unless_both_pumps_are_proven(changes: dict[str, Any], seen: str) -> None:
    hand = _released().patent().seated().connected()
    hand.state = replace(hand.state, **changes)
    refusal = hand.refused(e.ArmRequested)
    assert refusal.rule == "the second pump must be proven too"
    assert refusal.detail.startswith(seen)


def test_a_flush_out_of_an_unproven_syringe_is_refused_and_by_hand_it_goes() -> None:
    hand = _infusing()
    hand.run_out()
    refusal = hand.refused(e.FlushRequested, "BD 60 mL", 26_590, "cd")
    assert refusal.rule == "the second pump must be proven too"
    hand.do(e.FlushConfirmed, 450_000)
    hand.must_be(Phase.RESIDUAL)
    assert line_of(hand.state).delivered_low_nl == 2_000_000


def test_another_flush_pump_during_a_treatment_trips() -> None:
    hand = _infusing()
    other = replace(FLUSH_PUMP, firmware="3.900")
    hand.see(e.PumpIdentified, other, Channel.FLUSH)
    assert "identity" in hand.alarms
    assert hand.state.pump != other == hand.state.flush_pump


# --- the idle pump -------------------------------------------------------------------------------


def seen(hand: Hand, channel: Channel, nl: int | None, motion: Motion = Motion.STOPPED) -> Any:
    hand.wait(S // 10)
    return hand.see(e.IdlePumpSeen, channel, status(hand.now_ns, nl, motion))


def test_an_idle_pump_that_moves_stops_both_and_names_the_pump() -> None:
    hand = _infusing()
    commands = seen(hand, Channel.FLUSH, 0, Motion.INFUSING)
    assert isinstance(commands[0], c.Stop)
    hand.must_be(Phase.STOPPED)
    (alarm,) = hand.state.alarms
    assert alarm.id == "take_over"
    assert alarm.evidence == "flush pump is infusing and was not started"


def test_it_is_stopped_each_time_it_is_seen_to_move() -> None:
    hand = _infusing()
    seen(hand, Channel.FLUSH, 0, Motion.INFUSING)
    hand.stopped()
    assert isinstance(seen(hand, Channel.FLUSH, 0, Motion.PURGING)[0], c.Stop)
    hand.must_be(Phase.STOPPED)


def test_what_was_seen_before_the_stop_says_nothing_of_now() -> None:
    hand = _held()
    asked = hand.state.rested_ns
    hand.see(e.IdlePumpSeen, Channel.FLUSH, status(asked, 0, Motion.INFUSING))
    assert hand.alarms == set()


def test_news_of_the_pump_that_runs_is_no_news_of_an_idle_one() -> None:
    hand = _infusing()
    before = hand.state.run
    hand.see(e.IdlePumpSeen, Channel.DRUG, status(hand.now_ns, 1, Motion.INFUSING))
    assert (hand.alarms, hand.state.run) == (CALM, before)


def test_what_keys_had_the_idle_flush_pump_give_is_booked() -> None:
    hand = _infusing()
    counted = hand.state.flush_counter_nl
    assert counted is not None
    seen(hand, Channel.FLUSH, counted + 20_000, Motion.INFUSING)
    assert (hand.state.flush.low_nl, hand.state.flush.high_nl) == (20_000, 21_000)


def test_what_keys_had_the_idle_drug_pump_give_is_drug() -> None:
    hand = _infusing()
    hand.run_out()
    drug, counted = hand.state.drug, hand.state.drug_counter_nl
    assert counted is not None
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    seen(hand, Channel.DRUG, counted + 5_000, Motion.INFUSING)
    assert hand.state.drug.low_nl == drug.low_nl + 5_000
    assert "take_over" in hand.alarms


def test_before_the_line_is_joined_what_the_drug_pump_gives_is_at_its_tip() -> None:
    hand = _released()
    hand.do(e.PatencyRequested, SALINE, SALINE_UM)
    seen(hand, Channel.DRUG, 700_000)
    assert hand.state.drug_counter_nl == 700_000
    seen(hand, Channel.DRUG, 710_000, Motion.INFUSING)
    assert (hand.state.seat.low_nl, hand.state.drug.low_nl) == (10_000, 0)


@pytest.mark.parametrize("nl", [None, 100])
def test_a_counter_that_is_not_told_or_starts_anew_books_nothing(nl: int | None) -> None:
    hand = _infusing()
    before = hand.state.flush
    seen(hand, Channel.FLUSH, nl)
    assert hand.state.flush == before


def test_a_silent_idle_pump_forbids_a_start_until_it_answers() -> None:
    hand = _armed()
    hand.poll()
    hand.see(e.IdlePumpSeen, Channel.FLUSH, None, "silence")
    refusal = hand.refused(e.StartRequested)
    assert (refusal.rule, refusal.detail) == ("no alarm may forbid the start", "idle_pump_link")
    assert "flush pump: silence" in {alarm.evidence for alarm in hand.state.alarms}
    seen(hand, Channel.FLUSH, hand.state.flush_counter_nl)
    hand.poll()
    hand.do(e.StartRequested)
    assert hand.state.start_by == "ab"


def test_a_silent_idle_pump_does_not_stop_the_one_that_runs() -> None:
    hand = _infusing()
    hand.see(e.IdlePumpSeen, Channel.FLUSH, None, "silence")
    assert (hand.state.phase, hand.alarms) == (Phase.INFUSING, CALM | {"idle_pump_link"})


@pytest.mark.parametrize(
    ("alarm", "row"),
    [
        (PumpAlarm.RESET, None),
        (PumpAlarm.STALL, "occlusion"),
        (PumpAlarm.WATCHDOG, None),
        (PumpAlarm.PROGRAM_ERROR, "program_error"),
    ],
)
def test_an_alarm_of_the_idle_pump(alarm: PumpAlarm, row: str | None) -> None:
    hand = _infusing()
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=alarm), Channel.FLUSH)
    told = {one.id: one.evidence for one in hand.state.alarms if one.id not in CALM}
    assert told == ({} if row is None else {row: f"flush pump reports {alarm.value}"})


def test_an_alarm_of_the_pump_that_flushes_is_the_runs() -> None:
    hand = _infusing()
    hand.run_out()
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    reset = status(hand.now_ns, None, None, alarm=PumpAlarm.RESET)
    hand.see(e.AlarmSeen, reset, Channel.FLUSH)
    hand.must_be(Phase.UNCERTAIN)


def test_a_drug_pump_that_loses_power_while_nothing_runs_is_told() -> None:
    hand = _held()
    reset = status(hand.now_ns, None, None, alarm=PumpAlarm.RESET)
    hand.see(e.AlarmSeen, reset, Channel.FLUSH)
    assert hand.alarms == set()
    hand.see(e.AlarmSeen, reset, Channel.DRUG)
    assert "pump_reset" in hand.alarms


# --- KVO -----------------------------------------------------------------------------------------


def test_a_vein_is_kept_open_slowly_out_of_the_second_pump() -> None:
    hand = _held()
    plan = plan_of(hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd"))
    assert (plan.channel, plan.rate_ul_h, plan.volume_nl) == (Channel.FLUSH, 6_000, 500_000)
    hand.prepared()
    hand.started()
    assert (hand.state.phase, hand.run.stage) == (Phase.HELD, Stage.RUNNING)


def test_it_is_never_faster_than_the_drug() -> None:
    hand = _held(replace(ORDER, second=replace(SECOND, kvo_ul_h=900_000)))
    assert plan_of(hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")).rate_ul_h == 120_000


def test_what_it_displaces_is_delivered_drug() -> None:
    hand = _kvo()
    drug = hand.state.drug.low_nl
    before = line_of(hand.state)
    assert before.delivered_low_nl == drug - 150_000
    for _ in range(60):
        hand.poll()
    pushed = hand.run.counter_nl
    assert pushed > 40_000
    now = line_of(hand.state)
    assert now.delivered_low_nl == drug - 150_000 + pushed
    assert now.in_line_high_nl >= 150_000 - pushed
    hand.do(e.ResumeRequested, False)
    hand.stopped()
    booked = line_of(hand.state)
    assert booked.delivered_low_nl >= now.delivered_low_nl
    assert hand.state.drug.low_nl == drug


def test_drug_after_it_does_not_count_the_saline_as_drug() -> None:
    hand = _kvo()
    for _ in range(60):
        hand.poll()
    hand.do(e.ResumeRequested, False)
    hand.stopped()
    saline = hand.state.kvo
    hand.prepared()
    hand.must_be(Phase.ARMED)
    hand.infusing()
    hand.run_out()
    assert hand.state.drug.low_nl == 1_999_000
    line = line_of(hand.state)
    assert line.delivered_low_nl == 1_999_000 - 150_000
    assert saline.low_nl > 0
    hand.flushed()
    assert line_of(hand.state).delivered_low_nl == 1_999_000


def test_drug_that_it_brings_to_the_vein_has_arrived() -> None:
    hand = _kvo(polls=6)
    before = hand.state
    assert before.arrival_utc_ns is None
    due = hand.state.check_due_active_ns
    for _ in range(200):
        hand.poll()
        if hand.state.arrival_utc_ns is not None:
            break
    assert hand.state.drug.low_nl < 150_000
    assert line_of(hand.state).delivered_low_nl > 0
    assert hand.state.check_due_active_ns == min(due or 0, hand.state.active_ns + MIN)


def test_it_ends_by_its_volume_and_the_treatment_stays_held() -> None:
    hand = _kvo(replace(ORDER, second=replace(SECOND, kvo_nl=20_000)))
    hand.run_out()
    assert (hand.state.phase, hand.state.run) == (Phase.HELD, None)
    assert (hand.state.kvo.low_nl, hand.state.kvo.high_nl) == (20_000, 20_000)
    refusal = hand.refused(e.KvoRequested, SALINE, SALINE_UM, "cd")
    assert refusal.rule == "the volume that keeps a vein open is capped"


def test_a_resume_ends_it_and_programmes_the_drug_once_it_rests() -> None:
    hand = _kvo()
    commands = hand.do(e.ResumeRequested, False)
    assert [type(x).__name__ for x in commands] == ["Stop"]
    hand.must_be(Phase.HELD)
    assert not hand.do(e.ResumeRequested, False)
    assert plan_of(hand.stopped()).channel is Channel.DRUG
    hand.prepared()
    hand.must_be(Phase.ARMED)


def test_a_stop_takes_back_the_resume_that_waits_for_it() -> None:
    hand = _kvo()
    hand.do(e.ResumeRequested, False)
    hand.do(e.StopPressed, "panel")
    assert not hand.stopped()
    hand.must_be(Phase.STOPPED)


def test_a_resume_that_is_refused_once_it_rests_leaves_it_held() -> None:
    hand = _kvo()
    hand.do(e.ResumeRequested, False)
    hand.see(e.ConditionSeen, "self_test", True, "pump: silent")
    hand.stopped()
    assert (hand.state.phase, hand.state.run) == (Phase.HELD, None)


def test_one_that_has_not_begun_is_dropped_by_the_resume() -> None:
    hand = _held()
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.do(e.ResumeRequested, False)
    assert hand.state.run is None
    hand.must_be(Phase.HELD)


def test_held_in_a_flush_it_ends_and_the_flush_goes_on() -> None:
    hand = _infusing()
    hand.run_out()
    hand.do(e.HoldRequested, "a question")
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    assert isinstance(hand.do(e.ResumeRequested, False)[0], c.Stop)
    assert (hand.state.phase, hand.stopping) == (Phase.FLUSHING, True)
    hand.stopped()
    hand.flushed()
    hand.must_be(Phase.RESIDUAL)


@pytest.mark.parametrize("press", [e.PainPressed, e.SpillPressed])
def test_a_trip_ends_it(press: Any) -> None:
    hand = _kvo()
    commands = hand.do(press)
    assert isinstance(commands[0], c.Stop)
    assert (hand.state.phase, hand.stopping) == (Phase.STOPPED, True)


def test_it_is_watched_like_any_other_run() -> None:
    hand = _kvo()
    for _ in range(3):
        hand.poll()
    hand.tick(2 * S)
    assert "status_stale" in hand.alarms
    hand = _kvo()
    hand.poll()
    hand.reads(hand.run.counter_nl + 400_000)
    assert {"counter_jumped", "projection"} & hand.alarms
    hand.must_be(Phase.STOPPED)


def test_the_hold_is_not_forgotten_over_it() -> None:
    hand = _kvo()
    for _ in range(240):
        hand.poll()
    assert "hold_forgotten" in hand.alarms


def _no_second(hand: Hand) -> None:
    order = replace(hand.state.order, second=None)
    hand.state = replace(hand.state, treatment=order)


def _no_rate(hand: Hand) -> None:
    order = replace(hand.state.order, second=SecondPump(6 * S, "off"))
    hand.state = replace(hand.state, treatment=order)


def _no_patency(hand: Hand) -> None:
    hand.state = replace(hand.state, patency_ok=False)


def _flushed(hand: Hand) -> None:
    hand.state = replace(hand.state, flush=replace(hand.state.flush, low_nl=450_000))


def _unproven(hand: Hand) -> None:
    hand.state = replace(hand.state, flush_pump=None)


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (_no_second, "a vein is kept open only where the site says so"),
        (_no_rate, "a vein is kept open only where the site says so"),
        (_no_patency, "patency must be confirmed before a vein is kept open"),
        (_flushed, "the flush is complete"),
        (_unproven, "the second pump must be proven too"),
    ],
)
def test_no_vein_is_kept_open(spoil: Any, rule: str) -> None:
    hand = _held()
    spoil(hand)
    assert hand.refused(e.KvoRequested, SALINE, SALINE_UM, "cd").rule == rule


def test_a_second_person_confirms_the_syringe() -> None:
    refusal = _held().refused(e.KvoRequested, SALINE, SALINE_UM, "ab")
    assert refusal.rule == "a second, different person must confirm"


def test_what_an_interval_holds_is_not_booked_once_more() -> None:
    hand = _infusing()
    hand.see(e.WriteLost, hand.state.epoch, "RUN")
    hand.do(e.GivenUp)
    drug, given = hand.state.drug, hand.pump.counter_nl
    hand.see(e.StopConfirmed, hand.state.epoch, status(hand.now_ns, given, Motion.STOPPED))
    hand.do(e.Acknowledged, "")
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    seen(hand, Channel.DRUG, given + 10_000)
    assert (hand.state.drug, hand.state.drug_counter_nl) == (drug, given + 10_000)
    seen(hand, Channel.DRUG, given + 12_000)
    assert hand.state.drug.low_nl == drug.low_nl + 2_000
