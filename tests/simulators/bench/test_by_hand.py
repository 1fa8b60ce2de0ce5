"""Hands that push a plunger, two people who finish with them, and rehearsals with saline."""

from dataclasses import replace

import pytest

from controller.clinic.order import parse_order
from simulators.bench.channel import Refused
from simulators.bench.faults import ScenarioError
from simulators.bench.papers import EXAMPLE_ORDER
from simulators.bench.scenario import play
from simulators.bench.scenario_file import scenarios
from simulators.bench.setting import Setting
from simulators.bench.stage import Case
from simulators.bench.world import World


def world() -> World:
    order = parse_order(EXAMPLE_ORDER.read_text("utf-8"))
    return World(Setting.of(order, 1), lambda: 0, lambda: 0)


def test_hands_push_what_they_say_into_the_line() -> None:
    room = world()
    room.hands.act("open_clamp", {})
    before = room.truth()
    room.hands.act("push_by_hand", {"which": "drug", "volume_ml": 2.5})
    after = room.truth()
    assert after["pushed_nl"] == 2_500_000
    drug = [look["syringes"]["drug"] for look in (before, after)]
    assert drug[0]["volume_nl"] - drug[1]["volume_nl"] == 2_500_000
    assert drug[1]["displaced_nl"] - drug[0]["displaced_nl"] == 2_500_000
    # A line of 1.5 mL was full of saline: a millilitre of drug has come to the patient.
    share = after["activities_bq"]["patient"] / before["activities_bq"]["syringe"]
    assert share == pytest.approx(1.0 / 20.0, rel=1e-6)
    assert after["supplied_bq"] == pytest.approx(sum(after["activities_bq"].values()))


@pytest.mark.parametrize(
    ("acts", "what", "reason"),
    [
        ([], {"volume_ml": 1.0}, "the clamp is closed"),
        (["open_clamp"], {"volume_ml": 61.0}, "a hand pushes 0 to 60 mL"),
        (["open_clamp"], {"volume_ml": -1.0}, "a hand pushes 0 to 60 mL"),
        (["open_clamp", "mount_syringe"], {"volume_ml": 1.0}, "drug is on the pump"),
        (["open_clamp"], {"which": "nobody", "volume_ml": 1.0}, "there is no 'nobody'"),
    ],
)
def test_what_no_hand_can_do_is_refused(acts, what, reason) -> None:
    room = world()
    for verb in acts:
        room.hands.act(verb, {"which": "drug"} if verb == "mount_syringe" else {})
    with pytest.raises(Refused, match=reason):
        room.hands.act("push_by_hand", {"which": "drug", **what})
    assert room.truth()["pushed_nl"] == 0


@pytest.mark.requirement("T9.3")
def test_the_record_holds_what_pump_and_hands_really_gave(tmp_path) -> None:
    played = play(scenarios()["finished_by_hand"], tmp_path)
    assert (played.unexpected, played.violations) == ((), ())
    record, truth = played.rehearsal.record, played.rehearsal.truth
    low, high = record["late_entry"]["given_ml"]
    assert low <= truth["pushed_nl"] / 1e6 <= high
    assert 0.0 < record["pumped_interval_ml"][0] < record["planned_ml"]
    assert record["late_entry"]["entered_by"] == ["Anna Berger", "Chris Dahl"]


@pytest.mark.requirement("T9.1")
@pytest.mark.parametrize("pump", ["ne1000", "dulcoflex"])
def test_a_cold_run_leaves_no_activity_anywhere(tmp_path, pump) -> None:
    cold = scenarios()["cold_run"]
    devices = replace(cold.case.devices, pump=pump)
    played = play(replace(cold, case=replace(cold.case, devices=devices)), tmp_path)
    assert (played.unexpected, played.violations) == ((), ())
    assert set(played.rehearsal.truth["activities_bq"].values()) == {0.0}
    assert played.rehearsal.record["cold_run"]
    assert played.rehearsal.full_record()["ground_truth"]["agrees"]
    assert '"cold":true' in "".join(played.rehearsal.export)


@pytest.mark.requirement("T9.1")
def test_an_active_syringe_in_a_cold_run_never_comes_to_the_pump(tmp_path) -> None:
    played = play(scenarios()["cold_run_active"], tmp_path)
    assert (played.unexpected, played.violations) == ((), ())
    truth, record = played.rehearsal.truth, played.rehearsal.record
    assert truth["syringes"]["drug"]["expelled_nl"] == 0.0
    assert record["assay"]["mbq"] > 1000
    assert record["residual_mbq"] > 1000
    (alarm,) = [one for one in record["alarms"] if one["id"] == "cold_active"]
    assert "a cold run holds no activity" in alarm["evidence"]


def test_a_cold_run_is_of_saline_or_by_mistake_active() -> None:
    with pytest.raises(ScenarioError, match="must be saline or active"):
        Case(cold="yes")
