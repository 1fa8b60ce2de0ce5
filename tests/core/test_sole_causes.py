"""For each interlock a way to make it alone fire, and the last moment before it does.

A case starts from a situation. ``fire`` and ``inside`` each take a fresh hand from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from controller.clinic.documents import utc_ns
from controller.core import commands as c
from controller.core import events as e
from controller.core.alarms import ALARMS, Action
from controller.core.judge import latched
from controller.core.state import Phase
from firmware_interfaces.readings import Channel, Motion, PumpAlarm
from tests.core.gated import ORAL
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import MIN, ML, OTHER_PUMP, S, activity, status

Deed = Callable[[Hand], object]


@dataclass(frozen=True, slots=True)
class Case:
    """``ends`` is the phase that the row leads to; None where flow goes on."""

    start: str
    fire: Deed
    inside: Deed
    ends: Phase | None = Phase.STOPPED


def counts(hand: Hand, share_percent: int, seconds: float, until: str = "") -> None:
    """Poll while the counter advances at a share of the profile's rate."""
    run = hand.run
    begin, rate = run.counter_nl, run.profile[0][0]
    for index in range(1, round(seconds * 2) + 1):
        due = rate * 1_000 * (index * S // 2) // 3_600_000_000_000
        hand.reads(begin + due * share_percent // 100)
        hand.prompted()
        if hand.state.phase is not Phase.INFUSING or until in hand.alarms:
            return


def due_by_mouth(extra_ns: int) -> Deed:
    """Until half a day before an oral directive must be signed, and so much more."""
    warned_utc_ns = utc_ns(ORAL.directed_at) + 36 * 60 * MIN
    return lambda h: h.tick(warned_utc_ns + extra_ns - h.skew_ns - h.now_ns)


def ahead(hand: Hand, extra_nl: int, **fields: Any) -> None:
    """One poll whose counter is what was there plus something."""
    assert hand.state.run is not None
    hand.reads(hand.run.counter_nl + extra_nl, **fields)


def goes_on(hand: Hand) -> None:
    """Two seconds of an uneventful infusion."""
    for _ in range(4):
        hand.poll()


def polls_until(hand: Hand, active_ns: int) -> None:
    """Poll once a second until drug has run for so long; the barrel is read when asked for."""
    while hand.state.active_ns < active_ns:
        hand.poll(min(S, active_ns - hand.state.active_ns))
        if "barrel_due" in hand.alarms:
            hand.do(e.BarrelRead, hand.treatment.fill_nl - hand.pump.counter_nl)


def checks(overdue_ns: int) -> Deed:
    """Leave the first site check unanswered for so long."""

    def deed(hand: Hand) -> None:
        due = hand.state.check_due_active_ns
        assert due is not None
        polls_until(hand, due + overdue_ns)

    return deed


def barrel(active_ns: int) -> Deed:
    """Poll on until drug has run for so long, and answer nothing."""

    def deed(hand: Hand) -> None:
        while hand.state.active_ns < active_ns:
            hand.poll(min(S, active_ns - hand.state.active_ns))

    return deed


def seconds_left(left_nl: int) -> Deed:
    """Poll until so much, and no more, is left in the syringe."""

    def deed(hand: Hand) -> None:
        assert hand.state.run is not None
        total = hand.run.plan.volume_nl
        while hand.pump.counter_nl < total - left_nl - 60_000:
            hand.poll()
        hand.wait(S // 2)
        hand.see(e.PumpRead, status(hand.now_ns, total - left_nl))

    return deed


def past_its_end(beyond_nl: int) -> Deed:
    """Poll to the end; then the pump still runs and has counted more than was programmed."""

    def deed(hand: Hand) -> None:
        assert hand.state.run is not None
        total = hand.run.plan.volume_nl
        while hand.pump.counter_nl < total - 60_000:
            hand.poll()
        hand.wait(S // 2)
        hand.see(e.PumpRead, status(hand.now_ns, total + beyond_nl))

    return deed


def slow_for(seconds_past: float) -> Deed:
    """At 70 % of the rate, until so many seconds past the planned three minutes."""

    def deed(hand: Hand) -> None:
        run = hand.run
        assert run.started_ns is not None
        begin_ns, begin_nl = hand.now_ns, run.counter_nl
        end_ns = run.started_ns + 180 * S + round(seconds_past * S)
        while hand.now_ns < end_ns and hand.state.phase is Phase.INFUSING:
            time_ns = min(S // 2, end_ns - hand.now_ns)
            elapsed_ns = hand.now_ns + time_ns - begin_ns
            hand.reads(begin_nl + 280_000 * elapsed_ns // 3_600_000_000, time_ns)
            hand.prompted()

    return deed


def host(condition: str, present: bool) -> Deed:
    """A condition of the host begins, or is told not to hold."""
    return lambda hand: hand.see(e.ConditionSeen, condition, present, "as the host saw it")


def pressed(kind: type[e.Event]) -> Deed:
    """A button is pressed."""
    return lambda hand: hand.do(kind)


def reports(alarm: PumpAlarm | None) -> Deed:
    """The pump reports an alarm."""
    return lambda hand: hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=alarm))


def presses_stop_again(times: int) -> Deed:
    """STOP, acknowledge, resume by two people; so many times. The last stop is left standing."""

    def deed(hand: Hand) -> None:
        for count in range(times):
            hand.do(e.StopPressed, "panel")
            hand.stopped()
            if count < times - 1:
                hand.do(e.Acknowledged, "")
                hand.do(e.ResumeRequested, False, who="ab")
                hand.do(e.ResumeRequested, False, who="cd")
                hand.prepared()
                hand.poll()
                hand.infusing()
                hand.poll()

    return deed


def then_ticks(deed: Deed) -> Deed:
    """A deed whose outcome is seen when time passes."""
    return lambda hand: (deed(hand), hand.tick(S // 10))


def back_in_time(hand: Hand) -> None:
    """An event that is a nanosecond older than the last."""
    hand.now_ns -= 1
    hand.see(e.Ticked)


def prepared_with(**changes: int) -> Deed:
    """*Prepare* ends with other values read back."""
    return lambda hand: hand.prepared(**changes)


def barrel_reads(off_nl: int) -> Deed:
    """The barrel shows so much more than fill less counter."""

    def deed(hand: Hand) -> None:
        pumped = hand.state.drug.high_nl + hand.pump.counter_nl
        hand.do(e.BarrelRead, hand.treatment.fill_nl - pumped + off_nl)

    return deed


def fresh_prepare_fails(field: str, reason: str) -> Deed:
    """*Prepare* ends badly."""
    return lambda hand: hand.see(e.PrepareFailed, hand.state.epoch, field, reason)


def loses(operation: str, epochs_ago: int) -> Deed:
    """The reply to a write of this epoch, or an older one, never comes."""
    return lambda hand: hand.see(e.WriteLost, hand.state.epoch - epochs_ago, operation)


def moves_unasked(motion: Motion) -> Deed:
    """A poll of a programmed pump that shows this motion."""
    return lambda hand: hand.reads(0, motion=motion)


def reads_assay(reading_bq: int | None) -> Deed:
    """The reading that was asked for comes, with a value or without."""

    def deed(hand: Hand) -> None:
        hand.do(e.AssayRequested)
        hand.see(e.AssayRead, "syringe", activity(reading_bq))

    return deed


CASES: Final[dict[str, Case]] = {
    "status_stale": Case(
        "infusing", lambda h: h.tick(3 * S // 2 + 1), lambda h: h.tick(3 * S // 2)
    ),
    "no_flow": Case("infusing_thirty", lambda h: counts(h, 0, 10), lambda h: counts(h, 60, 30)),
    "free_flow": Case(
        "infusing_thirty", lambda h: counts(h, 170, 12), lambda h: counts(h, 140, 30)
    ),
    "reversed": Case(
        "infusing",
        lambda h: ahead(h, 16_000, withdrawn_nl=1),
        lambda h: ahead(h, 16_000, withdrawn_nl=0),
    ),
    "counter_fell": Case("infusing", lambda h: ahead(h, -1), lambda h: ahead(h, 0)),
    "counter_jumped": Case(
        "infusing_thirty", lambda h: ahead(h, 24_225), lambda h: ahead(h, 24_224)
    ),
    "rate_high": Case(
        "infusing_thirty", lambda h: counts(h, 116, 90), lambda h: counts(h, 109, 90)
    ),
    "rate_low": Case(
        "infusing_thirty",
        lambda h: counts(h, 84, 90, "rate_low"),
        lambda h: counts(h, 91, 90),
        None,
    ),
    "overrun": Case("infusing_strict", slow_for(60.5), slow_for(60)),
    "cumulative_high": Case(
        "infusing_three", lambda h: counts(h, 109, 140), lambda h: counts(h, 104, 140)
    ),
    "cumulative_low": Case(
        "infusing_three",
        lambda h: counts(h, 91, 140, "cumulative_low"),
        lambda h: counts(h, 96, 140),
        None,
    ),
    "projection": Case("infusing_three", past_its_end(10_001), past_its_end(10_000)),
    "stopped_cause_lost": Case(
        "infusing",
        lambda h: ahead(h, 16_000, motion=Motion.PAUSED),
        lambda h: ahead(h, 16_000, motion=Motion.INFUSING),
    ),
    "take_over": Case("armed", moves_unasked(Motion.INFUSING), moves_unasked(Motion.PAUSED)),
    "monotonic": Case("infusing", back_in_time, lambda h: h.tick()),
    "near_end": Case("infusing_three", seconds_left(13_333_333), seconds_left(13_333_445), None),
    "hold_forgotten": Case("held", lambda h: h.tick(120 * S), lambda h: h.tick(119 * S), None),
    "site_check_due": Case("infusing_thirty", checks(0), checks(-1), None),
    "site_check_reminder": Case("infusing_thirty", checks(60 * S), checks(60 * S - 1), None),
    "site_check_late": Case("infusing_thirty", checks(120 * S), checks(120 * S - 1), None),
    "site_check_missed": Case("infusing_thirty", checks(300 * S), checks(300 * S - 1)),
    "barrel_due": Case("infusing_thirty", barrel(120 * S), barrel(120 * S - 1), None),
    "directive_due": Case("oral", due_by_mouth(0), due_by_mouth(-1), None),
    "repeat_lock": Case(
        "infusing", then_ticks(presses_stop_again(3)), then_ticks(presses_stop_again(2))
    ),
    **{
        id_: Case("infusing", host(id_, True), host(id_, False))
        for id_ in ("journal_failed", "lag", "inbox_overflow", "task_died")
    },
    **{
        id_: Case("infusing", host(id_, True), host(id_, False), None)
        for id_ in ("clock_step", "journal_slow", "disk_low", "broker_lost", "self_test")
    },
    "stop_unconfirmed": Case(
        "holding",
        lambda h: h.see(e.StopUnconfirmed, h.state.epoch),
        lambda h: h.see(e.StopUnconfirmed, h.state.epoch - 1),
    ),
    "uncertain": Case("infusing", loses("RAT", 0), loses("RAT", 1), Phase.UNCERTAIN),
    "restarted": Case(
        "uncertain", lambda h: h.see(e.Booted, "0.1.0"), lambda h: h.tick(S), Phase.UNCERTAIN
    ),
    "permit_expired": Case("infusing", lambda h: h.see(e.PermitExpired), goes_on),
    "stop_pressed": Case("infusing", lambda h: h.do(e.StopPressed, "panel"), goes_on),
    "pain": Case("infusing", pressed(e.PainPressed), lambda h: h.do(e.SiteChecked, True)),
    "spill": Case("infusing", pressed(e.SpillPressed), goes_on),
    "leak": Case(
        "patency_running",
        lambda h: h.do(e.PatencyConfirmed, True, True),
        lambda h: h.do(e.PatencyConfirmed, True, False),
    ),
    "patient_moved": Case("infusing", pressed(e.PatientMovedPressed), goes_on, None),
    "occlusion": Case("infusing", reports(PumpAlarm.STALL), reports(None)),
    "pump_reset": Case("seated", reports(PumpAlarm.RESET), reports(None)),
    "watchdog_fired": Case("infusing", reports(PumpAlarm.WATCHDOG), reports(None)),
    "program_error": Case("infusing", reports(PumpAlarm.PHASE_RANGE), reports(None)),
    "pump_fault": Case("infusing", reports(PumpAlarm.FAULT), reports(None)),
    "hose_rupture": Case("infusing", reports(PumpAlarm.HOSE_RUPTURE), reports(None)),
    "container_empty": Case("infusing", reports(PumpAlarm.EMPTY), reports(None)),
    "container_low": Case("infusing", reports(PumpAlarm.NEAR_EMPTY), reports(None), None),
    "air": Case("infusing", reports(PumpAlarm.AIR), reports(None)),
    "pressure_high": Case("infusing", reports(PumpAlarm.OVER_PRESSURE), reports(None)),
    "readback": Case("arming", prepared_with(diameter_um=21_590), prepared_with()),
    "run_refused": Case(
        "starting",
        lambda h: h.see(e.RunRefused, h.state.epoch, "?NA"),
        lambda h: h.see(e.RunRefused, h.state.epoch - 1, "?NA"),
    ),
    "identity": Case(
        "infusing",
        lambda h: h.see(e.PumpIdentified, OTHER_PUMP),
        lambda h: h.see(e.PumpIdentified, h.state.pump),
    ),
    "barrel_mismatch": Case("infusing_thirty", barrel_reads(ML + 1), barrel_reads(ML)),
    "shutdown": Case("infusing", lambda h: h.see(e.ShutdownRequested), goes_on),
    "idle_pump_link": Case(
        "seated",
        lambda h: h.see(e.IdlePumpSeen, Channel.FLUSH, None, "silence"),
        lambda h: h.see(e.IdlePumpSeen, Channel.FLUSH, status(h.now_ns, 0, Motion.STOPPED)),
        None,
    ),
    "pump_link": Case("seated", lambda h: h.see(e.PumpSilent, "nothing"), lambda h: h.poll(), None),
    "pump_unprepared": Case("arming", fresh_prepare_fails("", "silent"), lambda h: h.tick(S), None),
    "calibrator_link": Case("ordered", reads_assay(None), reads_assay(10**9), None),
    "cold_active": Case("cold_ordered", reads_assay(100_001), reads_assay(100_000), None),
}
"""By interlock."""

TRIPS: Final = {id_ for id_, row in ALARMS.items() if row.action is Action.TRIP}


@pytest.mark.requirement("P8", "T8.3", "T3.23", "L2", "GIP-alarms")
@pytest.mark.parametrize(
    "id_", [pytest.param(id_, marks=pytest.mark.sole_cause(id_)) for id_ in CASES]
)
def test_sole_cause(id_: str) -> None:
    case = CASES[id_]
    hand = at(case.start)
    before = hand.state
    case.fire(hand)
    raised = {x.alarm for x in hand.told if isinstance(x, c.RaiseAlarm)}
    expected = {id_} if id_ in TRIPS else set()
    # The lock comes on top of the trips that it counts.
    allowed = {"stop_pressed"} if id_ == "repeat_lock" else set()
    assert (raised & TRIPS) - allowed == expected
    assert id_ in hand.alarms
    alarm = next(a for a in hand.state.alarms if a.id == id_)
    assert alarm.evidence
    assert alarm.present
    if id_ in TRIPS:
        _tripped(hand, case.start, case.ends)
    else:
        _goes_on(hand, before.phase, id_)


def _tripped(hand: Hand, start: str, ends: Phase | None) -> None:
    assert hand.state.phase is ends
    assert latched(hand.state)
    stops = [x for x in hand.told if isinstance(x, c.Stop)]
    assert stops or start in ("holding", "uncertain")
    assert hand.state.run is None or hand.stopping
    hand.tick(S)
    assert latched(hand.state)
    assert hand.state.phase is ends


def _goes_on(hand: Hand, phase: Phase, id_: str) -> None:
    assert hand.state.phase is phase
    assert not latched(hand.state)
    assert not any(isinstance(x, c.Stop) for x in hand.told)
    assert ALARMS[id_].action is not Action.TRIP


@pytest.mark.parametrize("id_", CASES)
def test_just_inside_is_quiet(id_: str) -> None:
    hand = at(CASES[id_].start)
    CASES[id_].inside(hand)
    raised = {x.alarm for x in hand.told if isinstance(x, c.RaiseAlarm)}
    assert id_ not in raised
    assert raised & TRIPS <= ({"stop_pressed"} if id_ == "repeat_lock" else set())
