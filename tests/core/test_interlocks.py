"""What alarm rows amount to beside their limits: refusals, latches, odd readings, the table."""

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.alarms import (
    ALARMS,
    CHANNELS,
    HOST_CONDITIONS,
    ROWS,
    Action,
    not_observable,
    observable,
)
from controller.core.interlocks import COMPUTED, INTERLOCKS, NOTICED
from controller.core.judge import latched
from controller.core.state import Phase, Stage
from firmware_interfaces.readings import Motion, PumpAlarm
from tests.core.situations import at
from tests.core.test_sole_causes import CASES, TRIPS, ahead
from tests.core.world import status

START_REFUSALS = {id_ for id_, row in ALARMS.items() if row.action is Action.START_REFUSAL}
HERE = ("ne1000", "dulcoflex", "crc55")


@pytest.mark.requirement("T3.13")
@pytest.mark.parametrize("id_", sorted(START_REFUSALS & set(HOST_CONDITIONS)))
def test_a_start_refusal_keeps_drug_from_starting(id_: str) -> None:
    seated = at("seated")
    seated.see(e.ConditionSeen, id_, True, "seen")
    refusal = seated.refused(e.ArmRequested)
    assert (refusal.rule, refusal.detail) == ("no alarm may forbid the start", id_)
    armed = at("armed")
    armed.do(e.StartRequested)
    armed.see(e.ConditionSeen, id_, True, "seen")
    assert armed.refused(e.StartConfirmed).detail == id_
    armed.see(e.ConditionSeen, id_, False, "over")
    armed.do(e.StartConfirmed)
    armed.must_be(Phase.INFUSING)


def test_a_failed_prepare_keeps_drug_from_starting_until_it_is_acknowledged() -> None:
    hand = at("arming")
    hand.see(e.PrepareFailed, hand.state.epoch, "", "silent")
    assert hand.alarms == {"pump_unprepared"}
    hand.poll()
    assert hand.refused(e.ArmRequested).detail == "pump_unprepared"
    hand.do(e.Acknowledged, "pump_unprepared")
    hand.do(e.ArmRequested)
    hand.prepared()
    hand.must_be(Phase.ARMED)
    assert ALARMS["pump_unprepared"].action is Action.START_REFUSAL


@pytest.mark.requirement("GIP-alarms")
def test_an_advisory_ends_with_its_condition() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "broker_lost", True, "refused")
    hand.see(e.ConditionSeen, "broker_lost", False, "back")
    assert c.ClearAlarm("broker_lost") in hand.last
    assert "broker_lost" not in hand.alarms


@pytest.mark.requirement("N3", "GIP-alarms")
def test_a_trip_stays_when_its_condition_ends() -> None:
    hand = at("infusing")
    hand.see(e.ConditionSeen, "lag", True, "woken late")
    hand.see(e.ConditionSeen, "lag", False, "in time")
    (alarm,) = (a for a in hand.state.alarms if a.id == "lag")
    assert not alarm.present
    assert alarm.evidence == "woken late"
    assert latched(hand.state)


@pytest.mark.parametrize(
    ("alarm", "row"),
    [
        (PumpAlarm.STALL, "occlusion"),
        (PumpAlarm.WATCHDOG, "watchdog_fired"),
        (PumpAlarm.PROGRAM_ERROR, "program_error"),
        (PumpAlarm.PHASE_RANGE, "program_error"),
        (PumpAlarm.HOSE_RUPTURE, "hose_rupture"),
        (PumpAlarm.AIR, "air"),
        (PumpAlarm.OVER_PRESSURE, "pressure_high"),
        (PumpAlarm.EMPTY, "container_empty"),
        (PumpAlarm.FAULT, "pump_fault"),
        (PumpAlarm.RESET, "pump_reset"),
    ],
)
@pytest.mark.parametrize("name", ["armed", "held_armed", "held", "seated", "flushing"])
def test_an_alarm_of_a_pump_at_rest_is_not_saved_up_for_the_start(
    name: str, alarm: PumpAlarm, row: str
) -> None:
    hand = at(name)
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=alarm))
    assert row in hand.alarms
    assert hand.state.phase in (Phase.STOPPED, Phase.UNCERTAIN)
    assert isinstance(hand.last[0], c.Stop)


def test_withdrawing_is_seen_by_the_prompt_alone() -> None:
    hand = at("infusing")
    ahead(hand, 16_000, motion=Motion.WITHDRAWING)
    assert hand.alarms & TRIPS == {"reversed"}


@pytest.mark.parametrize("motion", [Motion.PURGING, Motion.WAITING, Motion.TIMED_PAUSE])
def test_a_motion_we_never_command_is_a_take_over(motion: Motion) -> None:
    hand = at("infusing")
    ahead(hand, 16_000, motion=motion)
    assert hand.alarms & TRIPS == {"take_over"}
    assert motion.value in next(a.evidence for a in hand.state.alarms if a.id == "take_over")


def test_the_volume_of_a_pump_that_runs_past_its_end_is_named() -> None:
    hand = at("infusing_three")
    CASES["projection"].fire(hand)
    (alarm,) = (a for a in hand.state.alarms if a.id == "projection")
    assert alarm.evidence == "up to 20.010 mL could be pumped, limit 20.000 mL"


def test_a_run_that_is_never_answered_is_stopped_although_the_pump_answers_polls() -> None:
    hand = at("starting")
    for _ in range(10):
        hand.poll()
        assert hand.run.stage is Stage.STARTING
    hand.poll()
    assert hand.alarms & TRIPS == {"status_stale"}


def test_readings_without_a_counter_are_no_readings() -> None:
    hand = at("infusing")
    for _ in range(3):
        hand.reads(None)
    assert not latched(hand.state)
    hand.tick(1)
    assert hand.alarms & TRIPS == {"status_stale"}


def test_a_reading_from_the_future_trips_and_grants_nothing() -> None:
    hand = at("infusing")
    expires = hand.state.permit_expires_ns
    hand.see(e.PumpRead, status(hand.now_ns + 1, hand.pump.counter_nl))
    assert hand.alarms & TRIPS == {"monotonic"}
    assert hand.state.permit_expires_ns == expires


@pytest.mark.requirement("P12", "T2.9")
def test_flow_rows_watch_saline_too() -> None:
    hand = at("flush_running")
    run = hand.run
    for _ in range(24):
        hand.reads(run.counter_nl)
    assert hand.alarms & TRIPS == {"no_flow"}
    hand.must_be(Phase.STOPPED)


# --- the table of rows ----------------------------------------------------------------------------


def test_every_interlock_has_its_case_and_its_row() -> None:
    assert set(CASES) == set(INTERLOCKS)
    assert len(INTERLOCKS) == len(set(INTERLOCKS))
    assert set(INTERLOCKS) <= set(ALARMS)
    assert len(ALARMS) == len(ROWS)


def test_an_interlock_computes_or_was_noticed_and_only_a_take_over_can_be_both() -> None:
    assert set(COMPUTED) | set(NOTICED) == set(INTERLOCKS)
    assert set(COMPUTED) & set(NOTICED) == {"take_over"}


@pytest.mark.requirement("T3.21")
def test_a_row_is_either_judged_or_named_as_not_observable_here() -> None:
    blind = {row.id for row in not_observable(HERE)}
    assert set(ALARMS) == set(INTERLOCKS) | blind
    # What a pump may report as an alarm of its own is judged whichever pump it is.
    assert set(INTERLOCKS) & blind == {"air", "pressure_high"}


def test_a_kind_of_pump_makes_its_own_sensors_rows_observable() -> None:
    syringe, hose = (
        {row.id for row in not_observable((kind,))} for kind in ("ne1000", "dulcoflex")
    )
    assert syringe - hose == {"hose_rupture", "container_empty", "container_low"}
    assert hose <= syringe


def test_a_room_without_a_pump_sees_none_of_its_rows() -> None:
    blind = {row.id for row in not_observable(("crc55",))}
    assert {"status_stale", "no_flow", "occlusion"} <= blind
    assert {"pain", "lag"} & blind == set()
    assert observable(("ne1000",)) > observable(()) == observable(("crc55",))
    assert set(CHANNELS) == {*HERE, "crc15", "activity-meter"}


@pytest.mark.requirement("T3.23")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_tells_the_ward_what_to_do(row) -> None:
    clamp = "Clamp the line at the patient. "
    assert row.text
    assert row.phases
    assert row.remedy.removeprefix(clamp)
    assert row.remedy.startswith(clamp) is (row.action is Action.TRIP)


@pytest.mark.parametrize("id_", HOST_CONDITIONS)
def test_a_host_condition_names_a_row(id_: str) -> None:
    assert ALARMS[id_].channel == "host"


EVIDENCE = {
    "pump counter": "counter",
    "pump status": "status",
    "person": "person",
    "host": "time",
}
CONSEQUENCE = {Action.TRIP: "Trips.", Action.ADVISORY: "Advises."}


@pytest.mark.parametrize("id_", COMPUTED)
def test_an_interlock_states_hazard_condition_evidence_and_consequence(id_: str) -> None:
    stated, row = " ".join((COMPUTED[id_].__doc__ or "").split()), ALARMS[id_]
    hazard, _, condition = stated.partition(". ")
    assert hazard.startswith(("Hazard: ", "Prompt: "))
    assert EVIDENCE[row.channel] in condition.lower()
    assert condition.endswith(CONSEQUENCE[row.action])
