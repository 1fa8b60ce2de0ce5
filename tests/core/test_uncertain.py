"""What nobody can know becomes an interval with exact ends, and nothing goes on without it."""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase, Pumped, Stage
from firmware_interfaces.readings import Motion, PumpAlarm
from tests.core.hand import Hand
from tests.core.situations import BUILDERS, at
from tests.core.world import ML, STEP, S, recovery, status

RATE_NL_S = 120_000_000 / 3600
"""120 mL/h in nL a second."""
PERMIT, LEASE = 5 * S // 3, 5 * S
"""A permit's life, and the pump's own watchdog."""
TOUCHED = {
    "patent", "patency_preparing", "patency_running", "seat_running", "seated", "arming", "armed",
    "starting", "infusing", "infusing_three", "infusing_strict", "infusing_thirty",
    "armed_thirty", "holding", "held", "held_armed", "resuming", "tripping", "stopped",
    "stopped_patency", "released_again", "completing", "flushing", "flush_running", "uncertain",
    "uncertain_at_rest",
}  # fmt: skip


def _most_nl(time_ns: int) -> int:
    """What 120 mL/h pump in this time, nL, rounded up."""
    return -(-120_000_000 * time_ns // (3600 * S))


def _told(commands: tuple[c.Command, ...]) -> list[str]:
    kinds = (c.Stop, c.RecoverPump, c.RunPump, c.Prepare)
    return [type(x).__name__ for x in commands if isinstance(x, kinds)]


@pytest.mark.requirement("T8.6")
@pytest.mark.parametrize("name", BUILDERS)
def test_a_boot_never_goes_back_into_a_run(name: str) -> None:
    hand = at(name)
    before = hand.state
    hand.wait(60 * S)
    commands = hand.see(e.Booted, "0.1.0")
    if name in TOUCHED:
        hand.must_be(Phase.UNCERTAIN)
        assert _told(commands) == ["Stop", "RecoverPump"]
        assert {"restarted", "uncertain"} <= hand.alarms
        assert hand.state.run is None or hand.stopping
    else:
        assert hand.state.phase is before.phase
        assert _told(commands) == []
    assert hand.state.active_ns == before.active_ns
    assert hand.state.assay_pending == ""


@pytest.mark.parametrize("name", sorted(TOUCHED - {"uncertain", "uncertain_at_rest"}))
def test_a_boot_is_over_when_the_pump_still_knows_its_counter(name: str) -> None:
    hand = at(name)
    hand.see(e.Booted, "0.1.0")
    run = hand.state.run
    counted = 0 if run is None else run.counter_nl + 7_000
    booked = hand.state.drug
    hand.see(e.PumpRecovered, recovery(counted))
    hand.must_be(Phase.STOPPED)
    assert hand.state.run is None
    assert not hand.state.unbounded
    if run is not None and run.purpose.value == "drug":
        most = max(counted, min(counted + run.step_nl, run.plan.volume_nl))
        assert hand.state.drug == Pumped(booked.low_nl + counted, booked.high_nl + most)
    else:
        assert hand.state.drug == booked


@pytest.mark.requirement("T5.1")
def test_a_lost_reply_to_a_rate_leaves_an_interval_of_three_permits_and_the_lease() -> None:
    """[last read, last read + rate x (last read to last permit + lease)] (treatment.md 5).

    The last permit may be one that the journal does not know: another permit's life.
    """
    hand = at("infusing")
    run = hand.run
    hand.see(e.WriteLost, hand.state.epoch, "RAT")
    hand.see(e.PumpRecovered, recovery(None))
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.unbounded
    low, high = hand.state.drug.low_nl, hand.state.drug.high_nl
    assert low == run.counter_nl
    assert hand.state.permit_expires_ns - run.samples[-1].at_ns == PERMIT
    assert high - low == _most_nl(3 * PERMIT + LEASE)


def test_a_lost_reply_to_run_counts_from_the_start() -> None:
    hand = at("starting")
    hand.poll()
    hand.see(e.WriteLost, hand.state.epoch, "RUN")
    hand.see(e.PumpRecovered, recovery(None, power_cycled=True))
    run = at("starting").run
    assert run.started_ns is not None
    lived = hand.state.permit_expires_ns - run.started_ns
    assert lived == PERMIT + S // 2
    assert hand.state.drug.low_nl == 0
    assert hand.state.drug.high_nl == _most_nl(lived + 2 * PERMIT + LEASE)


def test_a_reading_without_a_counter_does_not_narrow_the_interval() -> None:
    hand = at("infusing")
    run = hand.run
    hand.reads(None, S)
    hand.see(e.WriteLost, hand.state.epoch, "RAT")
    hand.do(e.GivenUp)
    width = hand.state.drug.high_nl - hand.state.drug.low_nl
    assert hand.state.drug.low_nl == run.counter_nl
    assert width == _most_nl(3 * PERMIT + LEASE)


def test_the_interval_ends_at_the_programmed_volume() -> None:
    hand = at("infusing")
    while hand.pump.counter_nl < 2 * ML - 100_000:
        hand.poll()
    counted = hand.run.counter_nl
    hand.see(e.WriteLost, hand.state.epoch, "RAT")
    hand.see(e.PumpRecovered, recovery(None))
    assert (hand.state.drug.low_nl, hand.state.drug.high_nl) == (counted, 2 * ML)


@pytest.mark.parametrize("counted", [None, 0])
def test_a_counter_that_is_lost_or_lower_leaves_the_interval(counted: int | None) -> None:
    hand = at("uncertain")
    hand.see(e.PumpRecovered, recovery(counted))
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.drug.low_nl < hand.state.drug.high_nl
    assert hand.state.run is None
    # Asking once more changes nothing: the number is gone.
    hand.see(e.PumpRecovered, recovery(5 * ML))
    hand.must_be(Phase.UNCERTAIN)


def test_a_power_cycle_makes_the_counter_worthless() -> None:
    hand = at("infusing")
    reset = status(hand.now_ns, None, None, alarm=PumpAlarm.RESET)
    commands = hand.see(e.AlarmSeen, reset)
    assert _told(commands) == ["Stop", "RecoverPump"]
    assert {"pump_reset", "uncertain"} <= hand.alarms
    hand.see(e.PumpRecovered, recovery(999_000, power_cycled=True))
    assert hand.state.unbounded


def test_a_recovered_counter_is_believed_to_one_step_even_above_the_last_read() -> None:
    hand = at("uncertain")
    read = hand.run.counter_nl
    hand.see(e.PumpRecovered, recovery(read + 33_000))
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug == Pumped(read + 33_000, read + 33_000 + STEP)
    assert "uncertain" in hand.alarms
    assert hand.refused(e.ResumeRequested, False).rule == "every trip must be gone and acknowledged"


def _bounded(hand: Hand, low: int, high: int) -> None:
    hand.do(e.DeliveryBounded, "cd", "barrel", low, high)


@pytest.mark.requirement("T5.2", "T4.3")
def test_two_people_bound_it_inside_what_is_certain_and_the_upper_bound_limits_the_rest() -> None:
    hand = at("uncertain")
    hand.see(e.PumpRecovered, recovery(None))
    low, high = hand.state.drug.low_nl, hand.state.drug.high_nl
    for bounds in ((low - 1, high), (low, high + 1), (high, low)):
        refusal = hand.refused(e.DeliveryBounded, "cd", "barrel", *bounds)
        assert refusal.rule == "inside what is certain"
    second = "a second, different person must confirm"
    assert hand.refused(e.DeliveryBounded, "ab", "barrel", low, high).rule == second
    assert hand.refused(e.DeliveryBounded, "", "barrel", low, high).rule == second
    _bounded(hand, low + 1, high - 1)
    hand.must_be(Phase.STOPPED)
    assert (hand.state.drug.low_nl, hand.state.drug.high_nl) == (low + 1, high - 1)
    signed = [(s.who, s.meaning) for s in hand.state.signatures[-2:]]
    assert signed == [("ab", "bounded by barrel"), ("cd", "confirmed: bounded by barrel")]
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False, who="ab")
    hand.do(e.ResumeRequested, False, who="cd")
    assert hand.run.plan.volume_nl == 2 * ML - (high - 1)
    assert hand.run.plan.rate_ul_h <= 120_000


def test_it_can_be_bounded_before_the_pump_could_be_asked() -> None:
    hand = at("uncertain")
    low = hand.run.counter_nl
    _bounded(hand, low, low)
    assert hand.state.run is None
    assert hand.state.drug.low_nl == hand.state.drug.high_nl == low
    hand.see(e.PumpRecovered, recovery(low + 5_000))
    assert hand.state.drug.high_nl == low


@pytest.mark.requirement("T5.2")
def test_given_up_keeps_the_interval_and_forbids_a_resume() -> None:
    hand = at("uncertain")
    hand.do(e.GivenUp)
    hand.must_be(Phase.STOPPED)
    assert hand.state.drug.low_nl < hand.state.drug.high_nl
    hand.do(e.Acknowledged, "")
    refusal = hand.refused(e.ResumeRequested, False)
    assert (refusal.rule, refusal.detail) == ("no resume", "delivery could not be bounded")
    hand.do(e.EndRequested, "equipment")
    hand.accounted().must_be(Phase.CLOSED)


def test_a_pump_that_never_confirms_its_stop_can_be_given_up() -> None:
    hand = at("tripping")
    hand.see(e.StopUnconfirmed, hand.state.epoch)
    assert hand.refused(e.EndRequested, "equipment").rule == "the pump must rest"
    hand.do(e.GivenUp)
    assert hand.state.drug.low_nl < hand.state.drug.high_nl
    assert hand.state.unbounded
    hand.do(e.EndRequested, "equipment")
    hand.must_be(Phase.RESIDUAL)


@pytest.mark.parametrize("name", ["stopped", "stopped_patency"])
def test_what_is_certain_cannot_be_given_up(name: str) -> None:
    assert at(name).refused(e.GivenUp).rule == "something must be uncertain"


@pytest.mark.parametrize("counted", [None, 1])
def test_a_stop_without_its_counter_asks_the_pump_what_it_knows(counted: int | None) -> None:
    hand = at("holding")
    commands = hand.see(
        e.StopConfirmed, hand.state.epoch, status(hand.now_ns, counted, Motion.STOPPED)
    )
    assert _told(commands) == ["Stop", "RecoverPump"]
    hand.must_be(Phase.UNCERTAIN)
    assert hand.state.uncertain_from is Phase.HELD


def test_a_confirmed_stop_while_uncertain_books_nothing() -> None:
    hand = at("uncertain")
    hand.stopped()
    hand.must_be(Phase.UNCERTAIN)
    assert hand.run.stage is Stage.STOPPING


def test_stop_while_uncertain_asks_the_pump_again_in_the_new_epoch() -> None:
    hand = at("uncertain")
    before = hand.state.epoch
    commands = hand.do(e.StopPressed, "panel")
    assert commands[0] == c.Stop(before + 1, "STOP pressed (panel)")
    assert c.RecoverPump(before + 1) in commands


def test_a_trip_while_uncertain_leaves_the_recovery_alone() -> None:
    hand = at("uncertain")
    commands = hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.STALL))
    assert "occlusion" in hand.alarms
    assert _told(commands) == []


def test_a_lost_write_of_an_older_epoch_is_not_this_run_s() -> None:
    hand = at("infusing")
    hand.see(e.WriteLost, hand.state.epoch - 1, "RUN")
    hand.must_be(Phase.INFUSING)


def test_a_flush_of_which_nobody_knows_leaves_the_drug_certain() -> None:
    hand = at("flush_running")
    hand.see(e.WriteLost, hand.state.epoch, "RUN")
    hand.do(e.GivenUp)
    assert hand.state.drug.low_nl == hand.state.drug.high_nl == 2 * ML
    assert hand.state.flush.low_nl < hand.state.flush.high_nl


@pytest.mark.requirement("P9", "T5.1")
def test_bounds_never_loosen_while_a_treatment_goes_on() -> None:
    hand = at("infusing")
    seen = []
    for _ in range(30):
        hand.poll()
        seen.append(hand.state.pumped(hand.run.purpose))
    assert seen == sorted(seen, key=lambda one: one.low_nl)
    assert all(one.low_nl == one.high_nl for one in seen)
    assert pytest.approx(seen[-1].low_nl - seen[0].low_nl, abs=1_000) == 14.5 * RATE_NL_S
