"""Drug runs only from a drug syringe that was seated and joined; a latch and a lease outlast all.

Found by the exploration of the judgement (docs/safety/exploration.md).
"""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase
from controller.core.step import polls
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import MINUTE


def _flush_interrupted(hand: Hand) -> None:
    hand.do(e.Acknowledged, "")
    hand.do(e.FlushRequested, "saline 10 mL", 14_430, "cd")
    hand.prepared()
    hand.started()
    hand.do(e.PainPressed)
    hand.stopped()
    hand.do(e.Acknowledged, "")


@pytest.mark.requirement("T2.8", "T4.4")
def test_after_an_interrupted_flush_drug_is_not_resumed_with_saline_in_the_pump() -> None:
    hand = at("stopped")
    _flush_interrupted(hand)
    refusal = hand.refused(e.ResumeRequested, False)
    assert refusal.rule == "the line must be connected"
    assert hand.state.run is None


@pytest.mark.requirement("T4.4")
def test_after_an_interrupted_flush_drug_is_seated_and_connected_anew() -> None:
    hand = at("stopped")
    _flush_interrupted(hand)
    hand.patent()
    hand.do(e.ResumeRequested, True, who="ab")
    hand.do(e.ResumeRequested, True, who="cd")
    hand.must_be(Phase.RELEASED)
    hand.seated().connected().armed().infusing()
    hand.must_be(Phase.INFUSING)


@pytest.mark.requirement("T2.13")
def test_a_drop_is_not_seen_while_the_syringe_stands_in_the_chamber() -> None:
    hand = at("seat_running")
    hand.do(e.HoldRequested, "is this the right one?")
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    hand.do(e.AssayRequested)
    assert hand.refused(e.SeatConfirmed, True).detail == "syringe is being measured"


def _stop_unconfirmed_before_release() -> Hand:
    hand = Hand(MINUTE).ordered().assayed()
    hand.do(e.StopPressed, "panel")
    hand.see(e.StopUnconfirmed, hand.state.epoch)
    hand.released()
    hand.must_be(Phase.RELEASED)
    return hand


def test_a_stop_that_nobody_confirmed_before_the_release_lets_nothing_run() -> None:
    hand = _stop_unconfirmed_before_release()
    hand.do(e.Acknowledged, "")
    refusal = hand.refused(e.PatencyRequested, "saline 10 mL", 14_430)
    assert (refusal.rule, refusal.detail) == ("the latch must be clear", "stop_unconfirmed")


def test_once_it_is_confirmed_and_seen_the_patency_run_clears_it() -> None:
    hand = _stop_unconfirmed_before_release()
    hand.stopped()
    assert hand.refused(e.PatencyRequested, "saline 10 mL", 14_430).detail == "stop_unconfirmed"
    hand.do(e.Acknowledged, "")
    hand.patent()
    assert hand.alarms == set()
    hand.seated().connected().armed().infusing()
    hand.must_be(Phase.INFUSING)


def test_a_pump_that_never_confirmed_its_stop_keeps_its_watchdog() -> None:
    hand = at("tripping")
    hand.do(e.GivenUp)
    assert "stop_unconfirmed" in hand.alarms
    assert hand.do(e.EndRequested, "equipment") == ()
    hand.must_be(Phase.RESIDUAL)
    assert not polls(hand.state)
    assert [type(command) for command in hand.see(e.Booted, "0.1.0")] == [c.Stop]
    hand.must_be(Phase.RESIDUAL)
    hand.stopped()
    assert [alarm.present for alarm in hand.state.alarms if alarm.id == "stop_unconfirmed"] == [
        False
    ]


def test_the_line_is_not_joined_while_the_seat_run_has_not_come_to_rest() -> None:
    hand = at("seat_running")
    hand.do(e.SeatConfirmed, True)
    assert hand.refused(e.ConnectionConfirmed, True).rule == "the pump must rest"
    hand.stopped()
    hand.connected()
    assert hand.state.connected


def test_a_counter_that_fell_while_the_pump_was_stopping_is_not_believed() -> None:
    hand = at("tripping")
    counted = hand.run.counter_nl
    hand.reads(counted)
    assert hand.run.doubt == ""
    hand.reads(None)
    hand.reads(0)
    assert hand.run.doubt == "counter_fell"
    hand.pump.work = 0
    hand.stopped(infused_nl=counted)
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.drug.high_nl > counted
    assert hand.state.unbounded
