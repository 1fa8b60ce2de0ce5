"""Saline out of the second pump keeps a vein open in a hold: when, how fast, and whose account."""

from dataclasses import replace
from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.line import line_of
from controller.core.state import Phase, Pumped, Stage
from controller.core.treatment import SecondPump
from firmware_interfaces.readings import Channel
from tests.core.hand import Hand
from tests.core.two_pumps import (
    ORDER,
    SALINE,
    SALINE_UM,
    SECOND,
    plan_of,
    second_held,
    second_infusing,
    second_kvo,
)
from tests.core.world import MIN, S

# --- KVO -----------------------------------------------------------------------------------------


def test_a_vein_is_kept_open_slowly_out_of_the_second_pump() -> None:
    hand = second_held()
    plan = plan_of(hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd"))
    assert (plan.channel, plan.rate_ul_h, plan.volume_nl) == (Channel.FLUSH, 6_000, 500_000)
    hand.prepared()
    hand.started()
    assert (hand.state.phase, hand.run.stage) == (Phase.HELD, Stage.RUNNING)


def test_it_is_never_faster_than_the_drug() -> None:
    hand = second_held(replace(ORDER, second=replace(SECOND, kvo_ul_h=900_000)))
    assert plan_of(hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")).rate_ul_h == 120_000


def test_what_it_displaces_is_delivered_drug() -> None:
    hand = second_kvo()
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
    hand = second_kvo()
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
    hand = second_kvo(polls=6)
    before = hand.state
    assert before.arrival_utc_ns is None
    due = hand.state.check_due_active_ns
    for _ in range(200):
        hand.poll()
        if hand.state.arrival_utc_ns is not None:
            break
    assert hand.state.arrival_utc_ns == hand.state.now_utc_ns
    assert hand.state.drug.low_nl < 150_000
    assert line_of(hand.state).delivered_low_nl > 0
    assert hand.state.check_due_active_ns == min(due or 0, hand.state.active_ns + MIN)


def test_it_ends_by_its_volume_and_the_treatment_stays_held() -> None:
    hand = second_kvo(replace(ORDER, second=replace(SECOND, kvo_nl=20_000)))
    hand.run_out()
    assert (hand.state.phase, hand.state.run) == (Phase.HELD, None)
    assert (hand.state.kvo.low_nl, hand.state.kvo.high_nl) == (20_000, 20_000)
    refusal = hand.refused(e.KvoRequested, SALINE, SALINE_UM, "cd")
    assert refusal.rule == "the volume that keeps a vein open is capped"
    assert refusal.detail == "20000 nL"


def test_a_resume_ends_it_and_programmes_the_drug_once_it_rests() -> None:
    hand = second_kvo()
    commands = hand.do(e.ResumeRequested, False)
    assert [type(x).__name__ for x in commands] == ["Stop"]
    hand.must_be(Phase.HELD)
    assert not hand.do(e.ResumeRequested, False)
    assert plan_of(hand.stopped()).channel is Channel.DRUG
    hand.prepared()
    hand.must_be(Phase.ARMED)


def test_a_stop_takes_back_the_resume_that_waits_for_it() -> None:
    hand = second_kvo()
    hand.do(e.ResumeRequested, False)
    hand.do(e.StopPressed, "panel")
    assert not hand.stopped()
    hand.must_be(Phase.STOPPED)


def test_a_resume_that_is_refused_once_it_rests_leaves_it_held() -> None:
    hand = second_kvo()
    hand.do(e.ResumeRequested, False)
    hand.see(e.ConditionSeen, "self_test", True, "pump: silent")
    hand.stopped()
    assert (hand.state.phase, hand.state.run) == (Phase.HELD, None)


def test_one_that_has_not_begun_is_dropped_by_the_resume() -> None:
    hand = second_held()
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.do(e.ResumeRequested, False)
    assert hand.state.run is None
    hand.must_be(Phase.HELD)


def test_held_in_a_flush_it_ends_and_the_flush_goes_on() -> None:
    hand = second_infusing()
    hand.run_out()
    hand.do(e.HoldRequested, "a question")
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    assert isinstance(hand.do(e.ResumeRequested, False)[0], c.Stop)
    assert (hand.state.phase, hand.stopping) == (Phase.FLUSHING, True)
    state = hand.state
    assert (state.held_from, state.held_ns, state.hold_reason) == (None, None, "")
    hand.stopped()
    hand.flushed()
    hand.must_be(Phase.RESIDUAL)


@pytest.mark.parametrize("press", [e.PainPressed, e.SpillPressed])
def test_a_trip_ends_it(press: Any) -> None:
    hand = second_kvo()
    commands = hand.do(press)
    assert isinstance(commands[0], c.Stop)
    assert (hand.state.phase, hand.stopping) == (Phase.STOPPED, True)


def test_it_is_watched_like_any_other_run() -> None:
    hand = second_kvo()
    for _ in range(3):
        hand.poll()
    hand.tick(2 * S)
    assert "status_stale" in hand.alarms
    hand = second_kvo()
    hand.poll()
    hand.reads(hand.run.counter_nl + 400_000)
    assert {"counter_jumped", "projection"} & hand.alarms
    hand.must_be(Phase.STOPPED)


def test_the_hold_is_not_forgotten_over_it() -> None:
    hand = second_kvo()
    for _ in range(240):
        hand.poll()
    assert "hold_forgotten" in hand.alarms


OF_PROOF = "the pump must be the one that was commissioned"


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
    ("spoil", "rule", "seen"),
    [
        (_no_second, "a vein is kept open only where the site says so", "no flush.kvo_ml_h"),
        (_no_rate, "a vein is kept open only where the site says so", "no flush.kvo_ml_h"),
        (_no_patency, "patency must be confirmed before a vein is kept open", "it is not"),
        (_flushed, "the flush is complete", "450000 nL flushed"),
        (
            _unproven,
            "the second pump must be proven too",
            f"{OF_PROOF}: no known pump is connected, ne1000 NE1000 3.928 at 1 was commissioned",
        ),
    ],
)
def test_no_vein_is_kept_open(spoil: Any, rule: str, seen: str) -> None:
    hand = second_held()
    spoil(hand)
    refusal = hand.refused(e.KvoRequested, SALINE, SALINE_UM, "cd")
    assert (refusal.rule, refusal.detail) == (rule, seen)


def test_the_last_nanolitre_of_its_volume_may_still_be_given() -> None:
    hand = second_held()
    hand.state = replace(hand.state, kvo=Pumped(0, SECOND.kvo_nl - 1))
    assert plan_of(hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")).volume_nl == 1


def test_a_second_person_confirms_the_syringe() -> None:
    refusal = second_held().refused(e.KvoRequested, SALINE, SALINE_UM, "ab")
    assert refusal.rule == "a second, different person must confirm"
