"""What the judgement asks people for: looks at the site and at the barrel."""

import pytest

from controller.core import events as e
from controller.core.state import Phase
from tests.core.situations import at
from tests.core.world import ML, S


def test_a_site_that_is_not_well_is_pain() -> None:
    hand = at("infusing")
    hand.do(e.SiteChecked, False)
    hand.must_be(Phase.STOPPED)
    assert "pain" in hand.alarms


@pytest.mark.requirement("T4.5")
def test_site_checks_come_from_drug_arrival_at_one_and_five_minutes_and_every_five() -> None:
    hand = at("armed_thirty")
    hand.infusing()
    due = []
    while hand.state.run is not None and not hand.stopping:
        hand.poll(S)
        if "site_check_due" in hand.alarms:
            assert hand.state.check_due_active_ns is not None
            due.append(hand.state.check_due_active_ns // S)
        hand.prompted()
    assert due == [195, 435, 735, 1035, 1335, 1635]
    assert hand.state.checks == 6


def test_a_patient_who_moved_wants_the_site_seen_now() -> None:
    hand = at("infusing")
    hand.do(e.PatientMovedPressed)
    assert hand.state.check_due_active_ns == hand.state.active_ns
    assert "patient_moved" in hand.alarms
    hand.do(e.SiteChecked, True)
    hand.poll()
    assert not hand.alarms & {"patient_moved", "site_check_due"}
    before = at("seated")
    before.do(e.PatientMovedPressed)
    assert before.state.check_due_active_ns is None


def test_a_look_far_ahead_of_time_does_not_replace_the_check() -> None:
    hand = at("infusing_thirty")
    due = hand.state.check_due_active_ns
    hand.do(e.SiteChecked, True)
    assert hand.state.check_due_active_ns == due
    assert hand.state.checks == 1


@pytest.mark.requirement("T2.11")
def test_the_barrel_is_read_at_two_five_and_fifteen_minutes() -> None:
    hand = at("armed_thirty")
    hand.infusing()
    begun, asked = hand.now_ns, []
    while hand.state.run is not None and not hand.stopping:
        hand.poll(S)
        if "barrel_due" in hand.alarms:
            asked.append((hand.now_ns - begun) // S)
        hand.prompted()
    assert asked == [120, 300, 900]


def test_a_barrel_volume_has_bounds() -> None:
    hand = at("infusing")
    assert hand.refused(e.BarrelRead, -1).rule.startswith("a barrel volume")
    assert hand.refused(e.BarrelRead, 2 * hand.treatment.fill_nl + 1).rule.startswith("a barrel")


def test_a_barrel_that_does_not_fit_is_told_in_millilitres() -> None:
    hand = at("armed")
    hand.do(e.BarrelRead, 4 * ML)
    (alarm,) = hand.state.alarms
    assert (alarm.id, alarm.evidence) == (
        "barrel_mismatch",
        "read 4.000 mL, expected 1.000 mL to 3.050 mL",
    )
    assert hand.state.signatures[-1].meaning == "barrel read 4.000 mL"


@pytest.mark.requirement("T2.11")
@pytest.mark.parametrize("beyond_nl", [0, 1])
def test_the_barrel_may_lack_the_drop_and_a_graduation(beyond_nl: int) -> None:
    hand = at("armed")
    hand.do(e.BarrelRead, hand.treatment.fill_nl - 50_000 - ML - beyond_nl)
    assert ("barrel_mismatch" in hand.alarms) is bool(beyond_nl)
