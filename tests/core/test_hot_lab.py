"""The dose is the prescribed one, two different people say so, and not too long ago."""

from typing import Any

import pytest

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Outcome, Phase
from firmware_interfaces.readings import ReadingStatus
from tests.core.hand import Hand
from tests.core.situations import at
from tests.core.world import MIN, MINUTE, PRESCRIBED, S, activity, readback, treatment

STABLE = 10**18
"""A half-life so long that a test reads the same activity all day."""
ORDER = treatment(half_life_ms=STABLE)
TEN, TWENTY = PRESCRIBED // 10, PRESCRIBED // 5


def _assayed(bq: int, **changes: Any) -> Hand:
    return Hand(treatment(half_life_ms=STABLE, **changes)).ordered().assayed(bq)


@pytest.mark.requirement("A6", "P2", "T8.1")
@pytest.mark.parametrize("bq", [PRESCRIBED - TEN, PRESCRIBED, PRESCRIBED + TEN])
def test_inside_ten_per_cent_two_people_release(bq: int) -> None:
    assert _assayed(bq).released().state.phase is Phase.RELEASED


@pytest.mark.requirement("A6", "P15", "GIP-6.1.3-4", "PCA-R6.5.0(9)(10)")
@pytest.mark.parametrize(
    "bq", [PRESCRIBED - TEN - 1, PRESCRIBED + TEN + 1, PRESCRIBED - TWENTY, PRESCRIBED + TWENTY]
)
@pytest.mark.parametrize("first", [True, False])
def test_ten_to_twenty_per_cent_need_the_authorized_user(bq: int, first: bool) -> None:
    hand = _assayed(bq)
    hand.do(e.ReleaseSigned, who="ab")
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert refusal.rule == "10 to 20 % off needs the authorized user's signature"
    hand.do(e.ReleaseSigned, who="au", role="authorized_user")
    hand.must_be(Phase.RELEASED)
    other = _assayed(bq)
    other.do(e.ReleaseSigned, who="au", role="authorized_user")
    other.do(e.ReleaseSigned, who="cd")
    other.must_be(Phase.RELEASED)


LITTLE = (PRESCRIBED - TWENTY - 1, 1, 0, -5)


@pytest.mark.requirement("A6", "P15", "GIP-6.1.3-4", "PCA-R6.5.0(9)(10)")
@pytest.mark.parametrize(
    ("administer", "bq"),
    [
        *(("whole_syringe", bq) for bq in (*LITTLE, PRESCRIBED + TWENTY + 1)),
        *(("volume_for_dose", bq) for bq in LITTLE),
    ],
)
def test_beyond_twenty_per_cent_nobody_releases(administer: str, bq: int) -> None:
    hand = _assayed(bq, administer=administer)
    refusal = hand.refused(e.ReleaseSigned, who="au", role="authorized_user")
    assert f"measured {bq} Bq" in refusal.detail
    assert hand.state.released == ()


def test_a_range_is_a_range() -> None:
    bounds = {"range_low_bq": PRESCRIBED - 5, "range_high_bq": PRESCRIBED + 5}
    for bq in (PRESCRIBED - 5, PRESCRIBED + 5):
        assert _assayed(bq, **bounds).released().state.phase is Phase.RELEASED
    for bq in (PRESCRIBED - 6, PRESCRIBED + 6):
        refusal = _assayed(bq, **bounds).refused(e.ReleaseSigned)
        assert refusal.rule == "inside the prescribed range"


def test_the_band_is_judged_at_the_moment_of_the_signature() -> None:
    """10 % low at the assay is more than 10 % low a minute later."""
    order = treatment(half_life_ms=8 * 86_400_000)
    hand = Hand(order).ordered().assayed(PRESCRIBED - TEN)
    hand.do(e.ReleaseSigned, who="ab")
    hand.wait(MIN)
    assert hand.refused(e.ReleaseSigned, who="cd").rule.startswith("10 to 20 %")


@pytest.mark.requirement("A9")
def test_an_assay_may_be_an_hour_old_and_no_older() -> None:
    hand = _assayed(PRESCRIBED)
    hand.wait(60 * MIN)
    hand.do(e.ReleaseSigned, who="ab")
    hand.wait(1)
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert (refusal.rule, refusal.detail) == (
        "the assay must be fresh",
        "it is 60 min old; measure again",
    )


def test_an_assay_from_the_future_is_refused() -> None:
    hand = _assayed(PRESCRIBED)
    hand.skew_ns -= 1
    assert hand.refused(e.ReleaseSigned).rule == "the assay must be fresh"


@pytest.mark.requirement("I2", "P2", "T8.1")
def test_two_signatures_of_one_person_release_nothing() -> None:
    hand = _assayed(PRESCRIBED)
    hand.do(e.ReleaseSigned, who="ab")
    refusal = hand.refused(e.ReleaseSigned, who="ab", role="authorized_user")
    assert refusal.rule == "two different people must release"
    assert hand.refused(e.ReleaseSigned, who="").rule == "a release is signed by name"


@pytest.mark.requirement("T2.2")
@pytest.mark.parametrize("name", ["assayed", "released", "patent"])
def test_a_new_assay_voids_every_release_and_what_followed(name: str) -> None:
    hand = at(name)
    armed = hand.state.watchdog_armed
    hand.do(e.AssayRequested)
    hand.see(e.AssayRead, "syringe", activity(PRESCRIBED + 7))
    state = hand.state
    assert state.phase is Phase.ASSAYED
    assert (state.released, state.released_ns, state.patency_ok) == ((), None, False)
    assert state.assay == activity(PRESCRIBED + 7)
    assert not state.watchdog_armed
    disarmed = [x for x in hand.last if isinstance(x, c.DisarmPump)]
    assert bool(disarmed) is armed
    hand.see(e.Booted, "0.1.0")
    hand.must_be(Phase.ASSAYED)


@pytest.mark.requirement("T2.13")
def test_one_reading_at_a_time() -> None:
    hand = at("ordered")
    assert hand.do(e.AssayRequested) == (c.ReadAssay("syringe", "I-131"),)
    assert hand.refused(e.AssayRequested).rule == "one reading at a time"
    hand.see(e.AssayFailed, "syringe", "silent")
    hand.do(e.AssayRequested)
    other = at("residual")
    other.do(e.ResidualRequested, "background")
    assert other.refused(e.ResidualRequested, "background").rule == "one reading at a time"
    assert other.refused(e.CloseRequested).rule == "residual before close"


def test_nothing_is_assayed_while_the_pump_works_and_nothing_runs_meanwhile() -> None:
    running = at("patency_running")
    assert running.refused(e.AssayRequested).rule == "nothing is assayed once the line is in use"
    hand = at("patent")
    hand.do(e.AssayRequested)
    assert hand.refused(e.PatencyRequested, "s", 14_430).rule == "one thing at a time"
    assert hand.refused(e.SeatRequested, "cd").rule == "one thing at a time"


@pytest.mark.parametrize("answer", ["read", "failed"])
def test_a_reading_that_comes_after_a_trip_is_forgotten(answer: str) -> None:
    hand = at("released")
    hand.do(e.AssayRequested)
    hand.do(e.PainPressed)
    hand.must_be(Phase.STOPPED)
    if answer == "read":
        hand.see(e.AssayRead, "syringe", activity(1))
    else:
        hand.see(e.AssayFailed, "syringe", "silent")
    assert hand.state.assay_pending == ""
    assert hand.state.assay == activity()


@pytest.mark.requirement("A1", "T2.2", "C8")
@pytest.mark.parametrize(
    ("reading", "evidence"),
    [
        (activity(None), "no value"),
        (activity(status=ReadingStatus(0)), "no value"),
        (activity(status=ReadingStatus.VALID | ReadingStatus.SETTLING), "settling"),
        (activity(None, status=ReadingStatus.OVER_RANGE), "over range"),
        (
            activity(status=ReadingStatus.OVER_RANGE | ReadingStatus.SETTLING),
            "settling, over range",
        ),
        (activity(nuclide="Tc-99m"), "measured as Tc-99m, ordered I-131"),
    ],
)
def test_a_reading_that_may_not_be_used_is_no_assay(reading, evidence: str) -> None:
    hand = at("ordered")
    hand.do(e.AssayRequested)
    hand.see(e.AssayRead, "syringe", reading)
    hand.must_be(Phase.ORDERED)
    assert hand.state.assay is None
    assert [(a.id, a.evidence) for a in hand.state.alarms] == [("calibrator_link", evidence)]


@pytest.mark.parametrize(
    ("reading", "evidence"),
    [
        (activity(None), "background: no value"),
        (activity(status=ReadingStatus.VALID | ReadingStatus.ZEROING), "background: zeroing"),
        (activity(nuclide="Tc-99m"), "measured as Tc-99m"),
    ],
)
def test_a_residual_that_may_not_be_used_is_measured_again(reading, evidence: str) -> None:
    hand = at("residual")
    hand.do(e.ResidualRequested, "background")
    hand.see(e.AssayRead, "background", reading)
    assert hand.state.background_bq is None
    assert [(a.id, a.evidence) for a in hand.state.alarms] == [("calibrator_link", evidence)]
    hand.do(e.ResidualRequested, "background")
    assert hand.alarms == set()


def test_an_item_measured_again_replaces_the_first() -> None:
    hand = at("residual")
    for item, bq in (("background", 5), ("pad", 7), ("gloves", 8), ("pad", 9)):
        hand.do(e.ResidualRequested, item)
        hand.see(e.AssayRead, item, activity(bq))
    assert [(i.item, i.activity_bq) for i in hand.state.items] == [("gloves", 8), ("pad", 9)]
    hand.do(e.ResidualRequested, "syringe_and_line")
    hand.see(e.AssayRead, "syringe_and_line", activity(10))
    assert hand.refused(e.CloseRequested).rule == "survey before close"
    places = (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0))
    hand.do(e.SurveyRecorded, places, True)
    assert hand.state.contaminated
    hand.do(e.ResidualRequested, "pad")
    assert hand.refused(e.CloseRequested).rule == "one thing at a time"


@pytest.mark.requirement("T2.10")
@pytest.mark.parametrize("name", ["ordered", "assayed", "released", "patent"])
def test_cancel_owes_the_residual_of_what_was_assayed(name: str) -> None:
    hand = at(name)
    assert hand.refused(e.CancelRequested, "").rule == "a reason must be given"
    hand.do(e.CancelRequested, "patient withdrew")
    if name == "ordered":
        hand.must_be(Phase.CLOSED)
        assert hand.state.outcome is Outcome.NOT_GIVEN
    else:
        hand.must_be(Phase.RESIDUAL)
        hand.do(e.ResidualRequested, "background")
        hand.see(e.AssayRead, "background", activity(0))
        hand.do(e.ResidualRequested, "syringe_and_line")
        hand.see(e.AssayRead, "syringe_and_line", activity())
        hand.do(e.CloseRequested)
        assert hand.state.outcome is Outcome.NOT_GIVEN
    assert hand.state.cause == "patient withdrew"


@pytest.mark.parametrize("name", ["patency_preparing", "patency_running", "seat_running"])
def test_cancel_waits_for_the_pump_to_rest(name: str) -> None:
    assert at(name).refused(e.CancelRequested, "x").rule == "the pump must rest"


@pytest.mark.requirement("P7")
def test_the_seat_s_drop_is_kept_back_from_the_plan() -> None:
    assert at("released").state.planned_nl == MINUTE.fill_nl - 50_000


def test_what_is_left_for_the_line_and_the_drop_may_be_nothing() -> None:
    hand = _assayed(PRESCRIBED, fill_nl=50_000)
    hand.do(e.ReleaseSigned, who="ab")
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert (refusal.rule, refusal.detail) == (
        "something must be left to infuse", "planned volume 0 nL",
    )  # fmt: skip


def test_what_cannot_be_used_of_the_syringe_is_not_planned() -> None:
    hand = _assayed(PRESCRIBED, fill_nl=2_050_000, unusable_nl=300_000)
    hand.do(e.ReleaseSigned, who="ab")
    hand.do(e.ReleaseSigned, who="cd")
    assert hand.state.planned_nl == 2_050_000 - 300_000 - 50_000


def test_a_volume_too_small_for_a_rate_is_refused() -> None:
    hand = _assayed(PRESCRIBED, fill_nl=50_400)
    hand.do(e.ReleaseSigned, who="ab")
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert refusal.rule == "every part of the profile must have a rate"
    assert refusal.detail == "a profile part has no rate: ((1000000, 1000000),)"
    hand.must_be(Phase.ASSAYED)


# --- bedside gates --------------------------------------------------------------------------------


@pytest.mark.requirement("P2", "C10")
def test_the_start_is_two_steps_of_one_person_in_ten_seconds() -> None:
    hand = at("armed")
    two_steps = "the start is two steps inside the window"
    assert hand.refused(e.StartConfirmed).rule == two_steps
    hand.do(e.StartRequested, who="ab")
    assert hand.refused(e.StartConfirmed, who="cd").rule == "both steps are one person's"
    for _ in range(10):
        hand.poll(S)
    hand.poll(1)
    assert hand.refused(e.StartConfirmed, who="ab").rule == two_steps
    hand.do(e.StartRequested, who="ab")
    for _ in range(10):
        hand.poll(S)
    hand.do(e.StartConfirmed, who="ab")
    hand.must_be(Phase.INFUSING)


def test_a_start_needs_a_pump_that_answers() -> None:
    hand = at("armed")
    hand.wait(3 * S // 2)
    hand.do(e.StartRequested)
    hand.wait(1)
    refusal = hand.refused(e.StartConfirmed)
    assert (refusal.rule, refusal.detail) == ("the pump must answer", "last status 1500 ms old")
    assert hand.refused(e.StartRequested).rule == "the pump must answer"


@pytest.mark.requirement("T2.13")
def test_one_run_at_a_time() -> None:
    hand = at("patency_running")
    one = "one run at a time"
    assert hand.refused(e.PatencyRequested, "s", 14_430).rule == one
    assert hand.refused(e.SeatRequested, "cd").rule == one
    assert hand.refused(e.SeatConfirmed, True).rule == one
    assert at("arming").refused(e.ArmRequested).rule == one
    assert at("flush_running").refused(e.FlushConfirmed, 1_000).rule == one


@pytest.mark.requirement("T2.8")
def test_the_line_is_open_and_connected_before_the_pump_is_armed() -> None:
    hand = at("patent").seated()
    assert hand.refused(e.ArmRequested).rule == "patency and connection must be confirmed"
    assert hand.refused(e.ConnectionConfirmed, False).rule == "the clamps must be open"


@pytest.mark.requirement("T2.8")
@pytest.mark.parametrize(
    ("field", "value", "evidence"),
    [
        ("diameter_um", 21_590, "diameter 21590 um, wanted 26590 um"),
        ("rate_ul_h", 120_001, "rate 120001 uL/h, wanted 120000 uL/h"),
        ("rate_ul_h", 118_799, "rate 118799 uL/h, wanted 120000 uL/h"),
        ("volume_nl", 2_000_001, "volume 2000001 nL, wanted 2000000 nL"),
        ("volume_nl", 1_979_999, "volume 1979999 nL, wanted 2000000 nL"),
        ("watchdog_ns", 0, "watchdog 0 ns, wanted 5000000000 ns"),
        ("infused_nl", 1, "counter 1 nL, wanted 0"),
    ],
)
def test_a_pump_that_holds_something_else_is_not_armed(field, value, evidence) -> None:
    hand = at("arming")
    hand.prepared(**{field: value})
    hand.must_be(Phase.STOPPED)
    assert hand.state.run is None
    assert [a.evidence for a in hand.state.alarms if a.id == "readback"] == [evidence]


def test_a_trigger_input_that_is_off_where_it_shall_stop_is_not_armed() -> None:
    hand = at("arming")
    plan = hand.run.plan
    held = readback(plan, hand.now_ns, trigger=type(plan.trigger)("off"))
    hand.see(e.PumpPrepared, hand.state.epoch, held)
    assert "readback" in hand.alarms


@pytest.mark.parametrize(("rate", "volume"), [(118_800, 1_980_000), (120_000, 2_000_000)])
def test_a_pump_may_round_down_by_a_per_cent(rate: int, volume: int) -> None:
    hand = at("arming")
    hand.prepared(rate_ul_h=rate, volume_nl=volume)
    hand.must_be(Phase.ARMED)


def test_a_value_that_did_not_stay_is_a_trip() -> None:
    hand = at("arming")
    hand.see(e.PrepareFailed, hand.state.epoch, "DIA", "20.00 read back")
    assert [a.evidence for a in hand.state.alarms] == ["DIA: 20.00 read back"]
    hand.must_be(Phase.STOPPED)
