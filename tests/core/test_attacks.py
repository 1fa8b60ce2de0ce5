"""What must not happen, tried: late, doubled and misplaced facts, and ways round the gates."""

from dataclasses import replace

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase, Stage
from firmware_interfaces.readings import Motion, PumpAlarm
from tests.core.hand import Hand
from tests.core.situations import BUILDERS, at
from tests.core.world import OTHER_PUMP, PUMP, S, readback, recovery, status


def _stop(hand: Hand) -> bool:
    return any(isinstance(x, c.Stop) for x in hand.last)


def test_the_confirmation_of_an_older_stop_books_nothing_of_a_newer_run() -> None:
    hand = at("holding")
    old, told = hand.state.epoch, status(hand.now_ns, 9_000, Motion.STOPPED)
    hand.stopped()
    hand.do(e.ResumeRequested, False)
    hand.prepared()
    hand.infusing()
    hand.poll()
    hand.do(e.HoldRequested, "again")
    given = hand.state.drug
    hand.see(e.StopConfirmed, old, told)
    assert hand.stopping
    assert hand.state.drug == given


@pytest.mark.requirement("P16")
def test_a_prepare_of_an_older_epoch_arms_nothing() -> None:
    hand = at("arming")
    old, plan = hand.state.epoch, hand.run.plan
    hand.do(e.StopPressed, "panel")
    hand.see(e.PumpPrepared, old, readback(plan, hand.now_ns))
    hand.must_be(Phase.STOPPED)
    assert hand.state.run is None
    other = at("arming")
    other.see(e.PumpPrepared, old - 1, readback(plan, hand.now_ns))
    assert other.run.stage is Stage.PREPARING
    other.see(e.PrepareFailed, old - 1, "", "silent")
    assert other.run.stage is Stage.PREPARING


def test_a_run_that_began_in_an_older_epoch_changes_nothing() -> None:
    hand = at("starting")
    old = hand.state.epoch
    hand.do(e.StopPressed, "panel")
    hand.see(e.RunStarted, old, status(hand.now_ns, 0))
    assert hand.stopping
    hand.see(e.RunRefused, old, "?NA")
    assert hand.stopping


@pytest.mark.parametrize("ago_ns", [0, 1, S])
def test_a_late_or_doubled_reading_is_ignored(ago_ns: int) -> None:
    hand = at("infusing")
    run, expires = hand.run, hand.state.permit_expires_ns
    hand.see(e.PumpRead, status(hand.now_ns - ago_ns, 0))
    assert hand.state.run == run
    assert hand.state.permit_expires_ns == expires
    assert hand.last == ()


def test_a_reading_asked_before_the_rest_was_confirmed_is_no_take_over() -> None:
    hand = at("holding")
    asked = hand.now_ns
    hand.stopped()
    hand.see(e.PumpRead, status(asked, 700_000))
    hand.must_be(Phase.HELD)


@pytest.mark.parametrize("name", ["patent", "seated", "held", "flushing", "stopped"])
def test_a_pump_that_moves_unasked_is_stopped_each_time(name: str) -> None:
    hand = at(name)
    for _ in range(3):
        hand.reads(0, motion=Motion.INFUSING)
        assert isinstance(hand.last[0], c.Stop)
        assert "take_over" in hand.alarms
        hand.must_be(Phase.STOPPED)
        hand.stopped()
        hand.do(e.Acknowledged, "")


def test_a_stray_reading_while_uncertain_leaves_the_recovery_alone() -> None:
    hand = at("uncertain_at_rest")
    hand.reads(0, motion=Motion.INFUSING)
    assert not _stop(hand)


@pytest.mark.requirement("T8.1")
def test_two_voices_cannot_replace_two_releases() -> None:
    """A new assay voids the releases; no boot, trip or resume brings them back."""
    hand = at("stopped")
    hand.do(e.Acknowledged, "")
    hand.state = replace(hand.state, released=())
    hand.do(e.ResumeRequested, False, who="ab")
    refusal = hand.refused(e.ResumeRequested, False, who="cd")
    assert (refusal.rule, refusal.detail) == ("two people must have released", "0 have")


@pytest.mark.requirement("S3", "C10")
@pytest.mark.parametrize("name", sorted(set(BUILDERS) - {"starting"}))
def test_no_run_without_start(name: str) -> None:
    """Facts alone never bring drug into motion."""
    hand = at(name)
    before = hand.state.phase
    for _ in range(4):
        hand.poll()
        hand.tick(S // 10)
        if hand.stopping:
            hand.stopped()
    drug = [x for x in hand.told if isinstance(x, c.RunPump)]
    assert drug == []
    assert hand.state.phase in (before, Phase.FLUSHING, Phase.STOPPED)


def test_a_rate_that_was_refused_stops_the_run() -> None:
    hand = at("infusing")
    hand.see(e.RunRefused, hand.state.epoch, "journal: disk full")
    assert hand.alarms & {"run_refused"}
    assert isinstance(hand.last[0], c.Stop)
    hand.must_be(Phase.STOPPED)


@pytest.mark.parametrize("name", ["infusing", "flush_running", "armed"])
def test_the_reset_of_a_pump_that_was_programmed_is_uncertain(name: str) -> None:
    hand = at(name)
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.RESET))
    hand.must_be(Phase.UNCERTAIN)


@pytest.mark.parametrize("name", ["released", "patency_preparing", "arming"])
def test_a_pump_that_is_switched_on_before_it_is_prepared_is_no_alarm(name: str) -> None:
    hand = at(name)
    before = hand.state
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.RESET))
    assert hand.state == before


def test_an_alarm_while_a_stop_is_under_way_is_kept_and_stops_no_second_time() -> None:
    hand = at("tripping")
    epoch = hand.state.epoch
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.STALL))
    assert "occlusion" in hand.alarms
    assert hand.state.epoch == epoch
    assert hand.stopping


def test_abort_while_stopping_asks_for_a_new_confirmation() -> None:
    hand = at("holding")
    old = hand.state.epoch
    hand.do(e.AbortRequested, "medical")
    hand.must_be(Phase.STOPPED)
    hand.see(e.StopConfirmed, old, hand.status(Motion.STOPPED))
    assert hand.stopping
    hand.stopped()
    assert hand.state.run is None


def test_seat_confirmed_while_its_stop_is_under_way() -> None:
    hand = at("seat_running")
    while not hand.stopping:
        hand.poll()
    hand.do(e.SeatConfirmed, True)
    hand.must_be(Phase.SEATED)
    assert not _stop(hand)
    assert hand.refused(e.ConnectionConfirmed, False).rule == "the clamps must be open"
    assert hand.refused(e.ConnectionConfirmed, True).rule == "the pump must rest"
    hand.stopped()
    hand.connected()
    hand.do(e.ArmRequested)
    assert hand.run.stage is Stage.PREPARING


def test_a_pump_exchanged_in_the_hot_lab_is_just_another_pump() -> None:
    hand = at("assayed")
    hand.see(e.PumpIdentified, OTHER_PUMP)
    hand.released()
    hand.must_be(Phase.RELEASED)
    assert hand.alarms == set()
    hand.see(e.PumpIdentified, PUMP)
    assert "identity" in hand.alarms


def test_a_silent_pump_without_a_run_is_a_start_refusal_until_it_answers() -> None:
    hand = at("seated")
    hand.see(e.PumpSilent, "nothing")
    assert hand.alarms == {"pump_link"}
    hand.poll()
    assert hand.alarms == set()
    at_work = at("infusing")
    at_work.see(e.PumpSilent, "nothing")
    assert "pump_link" not in at_work.alarms


def test_what_the_pump_could_not_do_before_is_forgotten_when_it_is_asked_anew() -> None:
    hand = at("patent")
    hand.see(e.PumpSilent, "nothing")
    hand.do(e.SeatRequested, "cd")
    assert hand.alarms == set()
    hand.see(e.PrepareFailed, hand.state.epoch, "", "silent")
    assert hand.alarms == {"pump_unprepared"}
    hand.do(e.SeatRequested, "cd")
    assert hand.alarms == set()


def test_stop_that_is_not_confirmed_shouts_in_every_phase() -> None:
    for name in BUILDERS:
        hand = at(name)
        hand.see(e.StopUnconfirmed, hand.state.epoch)
        assert "stop_unconfirmed" in hand.alarms


def test_a_confirmed_stop_ends_the_shout_but_not_the_latch() -> None:
    hand = at("tripping")
    hand.see(e.StopUnconfirmed, hand.state.epoch)
    hand.stopped()
    present = {a.id: a.present for a in hand.state.alarms}
    assert present["stop_unconfirmed"] is False
    recovered = at("uncertain")
    recovered.see(e.StopUnconfirmed, recovered.state.epoch)
    recovered.see(e.PumpRecovered, recovery(800_000))
    assert {a.id: a.present for a in recovered.state.alarms}["stop_unconfirmed"] is False


def test_recovery_that_comes_late_changes_nothing() -> None:
    hand = at("stopped")
    before = hand.state
    assert hand.see(e.PumpRecovered, recovery(1)) == ()
    assert hand.state.drug == before.drug


def test_a_failed_step_keeps_the_alarm_list_and_history_apart() -> None:
    hand = at("infusing")
    hand.do(e.PainPressed)
    hand.stopped()
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False, who="ab")
    hand.do(e.ResumeRequested, False, who="cd")
    assert "pain" not in hand.alarms
    assert [a.id for a in hand.state.history if a.id == "pain"] == ["pain"]


@pytest.mark.parametrize("lost", ["run", "stage", "epoch"])
def test_an_armed_pump_without_its_programme_is_not_started(lost: str) -> None:
    """No event leads there; the gate does not rely on that."""
    hand = at("armed")
    run = hand.run
    spoilt = {
        "run": None,
        "stage": replace(run, stage=Stage.PREPARING),
        "epoch": replace(run, epoch=run.epoch - 1),
    }
    hand.state = replace(hand.state, run=spoilt[lost])
    refusal = hand.refused(e.StartRequested)
    assert (refusal.rule, refusal.detail) == (
        "the pump must be programmed and read back", "it is not",
    )  # fmt: skip
