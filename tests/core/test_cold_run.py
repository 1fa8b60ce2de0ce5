"""A rehearsal with saline: the whole path of a treatment, and no activity in it anywhere."""

from dataclasses import replace

import pytest

from controller.clinic.assay import COLD_BQ_MAX
from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Outcome, Phase
from firmware_interfaces.units import Becquerel
from tests.core.hand import Hand
from tests.core.world import MINUTE, ML, PRESCRIBED, activity, round_trip, treatment

COLD = replace(MINUTE, cold=True)
BACKGROUND = 6_000
RULE = "a cold run holds no activity: at most 0.100000 MBq (0.002703 mCi)"


def _assayed(bq: int) -> Hand:
    return Hand(COLD).ordered().assayed(bq)


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("bq", [0, BACKGROUND, COLD_BQ_MAX])
def test_saline_goes_the_whole_way(bq: int) -> None:
    hand = _assayed(bq).released()
    assert hand.state.planned_nl == COLD.fill_nl - hand.limits.drop_nl
    hand.patent().seated().connected().armed().infusing()
    hand.run_out()
    hand.flushed().accounted()
    assert (hand.state.phase, hand.state.outcome) == (Phase.CLOSED, Outcome.COMPLETE)
    assert round_trip(hand.state) == hand.state


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("bq", [COLD_BQ_MAX + 1, PRESCRIBED])
def test_activity_is_refused_at_the_assay_and_accounted_for(bq: int) -> None:
    hand = _assayed(bq)
    hand.must_be(Phase.ORDERED)
    shown = {COLD_BQ_MAX + 1: "0.100001 MBq (0.002703 mCi)"}
    value = shown.get(bq, "1000.000000 MBq (27.027027 mCi)")
    alarm = hand.state.alarms[0]
    assert (alarm.id, alarm.evidence) == ("cold_active", f"assay.activity = {value}: {RULE}")
    assert hand.refused(e.ReleaseSigned).rule == "not in this phase"
    hand.do(e.Acknowledged, "cold_active")
    assert hand.alarms == {"cold_active"}
    hand.do(e.CancelRequested, "active")
    hand.must_be(Phase.RESIDUAL)
    assert hand.refused(e.CloseRequested).rule == "residual before close"
    hand.accounted()
    assert hand.state.outcome is Outcome.NOT_GIVEN


@pytest.mark.requirement("T9.1")
def test_a_display_too_coarse_to_show_it_proves_nothing() -> None:
    hand = Hand(COLD).ordered()
    for step, phase in ((COLD_BQ_MAX + 1, Phase.ORDERED), (COLD_BQ_MAX, Phase.ASSAYED)):
        hand.do(e.AssayRequested)
        coarse = replace(activity(0), resolution_bq=Becquerel(step))
        hand.see(e.AssayRead, "syringe", coarse)
        hand.must_be(phase)
    assert hand.alarms == set()


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("released", [False, True])
def test_another_syringe_that_is_active_voids_what_was_signed(released: bool) -> None:
    hand = _assayed(BACKGROUND)
    if released:
        hand.released()
    hand.do(e.AssayRequested)
    hand.see(e.AssayRead, "syringe", activity(PRESCRIBED))
    hand.must_be(Phase.ORDERED)
    assert hand.state.released == ()
    assert hand.assayed(0).released().state.phase is Phase.RELEASED


@pytest.mark.requirement("T9.1", "T8.1")
def test_two_different_people_still_release_it_and_nobody_need_be_authorized() -> None:
    hand = _assayed(0)
    hand.do(e.ReleaseSigned, who="ab")
    assert hand.refused(e.ReleaseSigned, who="ab").rule == "two different people must release"
    hand.do(e.ReleaseSigned, who="cd")
    hand.must_be(Phase.RELEASED)
    hand.do(e.ReleaseSigned, who="ef")
    assert [signed.who for signed in hand.state.released] == ["ab", "ef"]


@pytest.mark.requirement("T9.1", "A9")
def test_its_assay_grows_old_as_any_other() -> None:
    hand = _assayed(0)
    hand.wait(hand.limits.assay_age_ns - 10 * 10**9)
    hand.do(e.ReleaseSigned, who="ab")
    hand.wait(10 * 10**9 + 1)
    assert hand.refused(e.ReleaseSigned, who="cd").rule == "the assay must be fresh"


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("administer", ["whole_syringe", "volume_for_dose"])
def test_it_gives_all_that_the_container_yields(administer: str) -> None:
    order = treatment(cold=True, administer=administer, unusable_nl=ML, primed_with="drug")
    hand = Hand(order).ordered().assayed(0).released()
    assert hand.state.planned_nl == order.fill_nl - ML - order.primed_nl - hand.limits.drop_nl


@pytest.mark.requirement("T9.1")
def test_its_reading_may_be_as_noisy_as_what_is_left_over() -> None:
    for order, weak in ((COLD, True), (MINUTE, False)):
        commands = Hand(order).ordered().do(e.AssayRequested)
        assert commands == (c.ReadAssay("syringe", "I-131", weak=weak),)
