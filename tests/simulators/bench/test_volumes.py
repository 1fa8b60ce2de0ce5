"""What was released, what a RUN would pump and what the books say, each held against the world."""

from dataclasses import replace

import pytest

from simulators.bench.evidence import Blow, Witness
from simulators.bench.faults import InPhase, fault
from simulators.bench.judges import judged
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.volumes import (
    FLOW_WINDOW_NS,
    HAND_NS,
    by_hand_nl,
    drug_pumped,
    judge_account,
    judge_s1,
    let_go_nl,
    uncounted_nl,
)

S = 1_000_000_000


def evidence_of(case, directory):
    witness = Witness()
    return witness.testify(rehearse(case, directory, witness.watching()))


@pytest.fixture(scope="module")
def nominal(tmp_path_factory):
    return evidence_of(Case(1, 1.0), tmp_path_factory.mktemp("nominal"))


@pytest.fixture(scope="module")
def dose(tmp_path_factory):
    case = Case(1, 1.0, administer="volume_for_dose")
    return evidence_of(case, tmp_path_factory.mktemp("dose"))


def with_record(evidence, **changed):
    record = {**evidence.rehearsal.record, **changed}
    return replace(evidence, rehearsal=replace(evidence.rehearsal, record=record))


def infusion(evidence):
    return next(
        m for m in evidence.moves if m.syringe == "drug" and m.to == "patient" and m.flow_nl_s
    )


def texts(found):
    return [violation.text for violation in found]


def test_the_released_volume_is_the_usable_one_less_the_drop(nominal):
    assert nominal.usable_nl == 19.5e6
    assert nominal.released_nl == 19.45e6
    assert drug_pumped(nominal).swept[-1] == pytest.approx(19.45e6, abs=10_000)


def test_of_a_dose_by_volume_only_the_dose_is_released(dose):
    setting_share = dose.released_nl / dose.in_syringe_nl
    assert 0.88 < setting_share < 0.95
    assert judged(dose) == ()
    assert dose.rehearsal.record["outcome"] == "complete"


def test_s1_a_run_that_would_pump_more_than_is_left(nominal):
    found = texts(judge_s1(replace(nominal, released_nl=19.2e6)))
    (blown,) = [t for t in found if t.startswith("RUN")]
    assert blown == "RUN for 19.450 mL, 19.450 mL in all, 19.200 mL were released"


@pytest.mark.parametrize(("over_nl", "broken"), [(19_000, 0), (21_000, 1)])
def test_s1_what_left_the_tip_is_the_seat_s_drop_and_what_keys_moved_as_well(
    nominal, over_nl, broken
):
    pressed = infusion(nominal).at_ns + 5 * S
    by_hand = infusion(nominal).flow_nl_s * HAND_NS / S
    samples = nominal.rehearsal.samples
    last = replace(samples[-1], drug_out_nl=nominal.usable_nl + by_hand + over_nl)
    left = replace(nominal.rehearsal, samples=(*samples[:-1], last))
    blows = (Blow(pressed, "keypad_take_over"),)
    assert len(judge_s1(replace(nominal, rehearsal=left, blows=blows))) == broken


def moved_after_it_was_let_go(evidence, to):
    """The same, but that keys drove the drug syringe for a second at the very end."""
    begin_ns = evidence.moves[-1].at_ns + S
    driven = replace(infusion(evidence), at_ns=begin_ns, to=to)
    rests = replace(driven, at_ns=begin_ns + S, flow_nl_s=0.0)
    return replace(evidence, moves=(*evidence.moves, driven, rests))


def test_a_a_pump_that_was_let_go_of_may_press_against_the_clamp_and_no_more(nominal):
    flow_nl_s = infusion(nominal).flow_nl_s
    clamped = moved_after_it_was_let_go(nominal, "closed")
    assert let_go_nl(clamped) == pytest.approx(flow_nl_s)
    assert judge_account(clamped) == ()
    joined = moved_after_it_was_let_go(nominal, "patient")
    assert let_go_nl(joined) == 0.0
    assert [broken.id for broken in judge_account(joined)] == ["A"]
    kept = replace(clamped)
    vars(kept)["obeyed"] = tuple(said for said in clamped.obeyed if said.text != "SAF0")
    assert let_go_nl(kept) == 0.0
    assert [broken.id for broken in judge_account(kept)] == ["A"]


def test_s1_only_the_whole_syringe_bounds_what_the_devices_cannot_see(nominal):
    blind = replace(nominal, released_nl=1e6, blind=True)
    assert judge_s1(blind) == ()
    assert judge_s1(replace(blind, in_syringe_nl=19e6)) != ()


def test_a_the_record_is_held_against_the_plunger_to_two_counter_steps(nominal):
    true_ml = drug_pumped(nominal).swept[-1] / 1e6
    inside = with_record(nominal, pumped_interval_ml=(true_ml - 0.3, true_ml - 0.019))
    assert judge_account(inside) == ()
    for interval in ((true_ml - 0.3, true_ml - 0.021), (true_ml + 0.021, true_ml + 0.3)):
        (found,) = judge_account(with_record(nominal, pumped_interval_ml=interval))
        assert found.id == "A"


def test_a_says_nothing_of_an_open_session_or_where_the_devices_are_blind(nominal):
    wrong = with_record(nominal, pumped_interval_ml=(1.0, 2.0))
    assert judge_account(wrong) != ()
    assert judge_account(replace(wrong, blind=True)) == ()
    open_ = replace(wrong, rehearsal=replace(wrong.rehearsal, closed=False))
    assert judge_account(open_) == ()


def test_fingers_move_what_no_poll_could_have_stopped_and_no_more(nominal):
    pressed = infusion(nominal).at_ns + 5 * S
    by_keys = replace(nominal, blows=(Blow(pressed, "keypad_take_over"),))
    flow_nl_s = infusion(nominal).flow_nl_s
    assert by_hand_nl(by_keys, drug_pumped(by_keys)) == pytest.approx(flow_nl_s * HAND_NS / S)


def test_a_counter_that_stands_hides_less_than_the_flow_window(nominal):
    begun = infusion(nominal).at_ns + 5 * S
    flow_nl_s = infusion(nominal).flow_nl_s
    for lasts_ns, hidden in ((2 * S, 2 * flow_nl_s), (FLOW_WINDOW_NS, 0.0)):
        stuck = replace(nominal, blows=(Blow(begun, "stuck_counter", begun + lasts_ns),))
        assert uncounted_nl(stuck, drug_pumped(stuck)) == pytest.approx(hidden)


def test_what_keys_had_the_armed_pump_give_is_in_the_books(tmp_path):
    faults = (
        fault("person", "hold", InPhase("ARMED", 0.0)),
        fault("device", "keypad_take_over", InPhase("ARMED", 2.1), key="start_stop"),
    )
    evidence = evidence_of(Case(1, 1.0, "resume", faults), tmp_path)
    start_ns = next(act.at_ns for act in evidence.acts if act.name == "StartConfirmed")
    pumped = drug_pumped(evidence)
    assert 50_000 < pumped.until(start_ns) < 330_000
    low_ml, high_ml = evidence.rehearsal.record["pumped_interval_ml"]
    assert high_ml - low_ml == pytest.approx(0.001)
    assert low_ml * 1e6 - 1_000 <= pumped.swept[-1] <= high_ml * 1e6
    assert judged(evidence) == ()
