"""The room conserves what hands bring, and moves it as physics does."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices import hands
from simulators.devices.faults import FAULTS
from simulators.devices.nuclides import HALF_LIFE_DAYS, decay_factor
from simulators.devices.plumbing import Fluid, Syringe
from simulators.devices.room import Room
from simulators.devices.truth import truth

S = 1_000_000_000
ML = 1e6
AREA_60 = math.pi * 26.59**2 / 4
RATE_20_ML_H = 20e6 / 3600 / AREA_60


def drug_room(gap_um: float = 0.0, *, play_um: float = 0.0, line_nl: float = 1.5e6) -> Room:
    room = Room(7, line_dead_nl=line_nl)
    hands.bring_vial(room, 10.5 * ML, 1.6e9)
    hands.bring_syringe(room, Syringe("drug", 26.59, 60 * ML))
    hands.draw_up(room, "drug", 10 * ML)
    hands.mount(room, "drug", gap_um, play_um)
    return room


def joined(room: Room) -> Room:
    hands.join_line(room)
    hands.lead_line(room, "patient")
    hands.set_clamp(room, is_open=True)
    return room


def second_room() -> Room:
    """Drug in one pump, saline in the other, both joined to the line in the vein."""
    room = drug_room()
    hands.bring_syringe(room, Syringe("saline", 14.43, 10 * ML))
    hands.fill_saline(room, "saline", 9 * ML)
    hands.mount_on(room.add_pump(), "saline")
    assert room.second is not None
    hands.join_to(room.second)
    return joined(room)


def balanced(room: Room) -> bool:
    seen = truth(room)
    volume = sum(seen["volumes_nl"].values())
    activity = sum(seen["activities_bq"].values())
    return math.isclose(volume, seen["supplied_nl"], rel_tol=1e-9) and math.isclose(
        activity, seen["supplied_bq"], rel_tol=1e-9
    )


ACTS: dict[str, Callable[..., None]] = {
    "push": lambda room, x: room.set_speed(x * 800.0),
    "pull": lambda room, x: room.set_speed(-x * 100.0),
    "rest": lambda room, x: room.set_speed(0.0),
    "wait": lambda room, x: room.process(room.now_ns + int(x * 100 * S)),
    "clamp": lambda room, x: hands.set_clamp(room, is_open=x > 0.5),
    "join": lambda room, x: hands.join_line(room),
    "part": lambda room, x: hands.part_line(room),
    "patient": lambda room, x: hands.lead_line(room, "patient"),
    "cup": lambda room, x: hands.lead_line(room, "prime"),
    "flush": lambda room, x: hands.flush_by_hand(room, x * 5 * ML),
    "new line": lambda room, x: hands.new_line(room),
    "unmount": lambda room, x: hands.unmount(room),
    "mount": lambda room, x: hands.mount(room, "drug", x * 1000.0, x * 2000.0),
    "top up": lambda room, x: hands.fill_saline(room, "drug", x * ML),
    **{name: lambda room, x, act=act: act(room, x) for name, act in FAULTS.items()},
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.floats(0.01, 1.0)), max_size=25))
def test_whatever_hands_and_drive_do_nothing_is_lost(acts: list[tuple[str, float]]) -> None:
    room = joined(drug_room())
    for name, amount in acts:
        try:
            ACTS[name](room, amount)
        except ValueError:
            continue
        finally:
            room.process(room.now_ns + S)
        assert balanced(room), name
    assert all(v >= -1e-6 for v in truth(room)["volumes_nl"].values())
    assert all(a >= -1e-3 for a in truth(room)["activities_bq"].values())


def test_a_steady_push_becomes_a_steady_flow() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(600 * S)
    seen = truth(room)
    assert seen["syringes"]["drug"]["displaced_nl"] == pytest.approx(20e6 / 6, rel=1e-9)
    assert seen["outflow_nl_s"] == pytest.approx(20e6 / 3600, rel=1e-9)
    assert seen["plunger_mean_nl_s"] == pytest.approx(20e6 / 3600, rel=1e-6)
    assert seen["plunger_um_s"] == pytest.approx(RATE_20_ML_H, rel=1e-9)
    # 0.03 kPa per mL/h at 20 mL/h over a venous pressure of 1.3 kPa
    assert seen["syringes"]["drug"]["pressure_kpa"] == pytest.approx(1.9, rel=1e-6)


def test_saline_arrives_first_and_drug_one_dead_volume_later() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(240 * S)
    assert truth(room)["activities_bq"]["patient"] < 1e6
    room.process(270 * S)
    seen = truth(room)
    assert 0.005 < seen["activities_bq"]["patient"] / seen["syringes"]["drug"]["expelled_bq"] < 0.1
    room.process(1800 * S)
    seen = truth(room)
    concentration = 1.6e9 / 10.5e6 * seen["decay"]
    assert seen["activities_bq"]["line"] == pytest.approx(1.5e6 * concentration, rel=1e-3)


def test_flush_by_hand_clears_the_line() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(1800 * S)
    room.set_speed(0.0)
    full = truth(room)["activities_bq"]["line"]
    hands.flush_by_hand(room, 3 * 1.5e6)
    assert truth(room)["activities_bq"]["line"] < 1e-3 * full
    assert balanced(room)


def test_nothing_moves_until_the_slack_is_closed_and_then_a_drop_hangs() -> None:
    room = drug_room(gap_um=1000.0)
    room.set_speed(100.0)
    room.process(10 * S)
    seen = truth(room)
    assert seen["displaced_nl"] == pytest.approx(0.0, abs=1e-3)
    assert room.drive.travel_um == pytest.approx(1000.0)
    assert not seen["drop_at_tip"]
    room.process(11 * S)
    assert truth(room)["drop_at_tip"]
    assert truth(room)["volumes_nl"]["waste"] == pytest.approx(100 * AREA_60, rel=0.01)


def test_a_millimetre_of_slack_is_half_a_millilitre_of_a_60_ml_syringe() -> None:
    assert pytest.approx(0.555, abs=0.001) == 1000 * AREA_60 / ML


def test_a_closed_clamp_stalls_the_drive_minutes_later_and_lets_a_bolus_go_at_release() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(60 * S)
    hands.set_clamp(room, is_open=False)
    room.process(180 * S)
    assert not truth(room)["stalled"]
    room.process(240 * S)
    assert truth(room)["stalled"]
    before = truth(room)
    assert before["plunger_um_s"] == 0.0
    hands.set_clamp(room, is_open=True)
    room.process(270 * S)
    after = truth(room)
    bolus = after["volumes_nl"]["patient"] - before["volumes_nl"]["patient"]
    assert 0.6 * ML < bolus < 0.9 * ML
    assert after["displaced_nl"] == before["displaced_nl"]


def test_a_drive_that_stopped_lets_only_the_pressed_out_rest_flow() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(300 * S)
    room.set_speed(0.0)
    at_stop = truth(room)
    room.process(600 * S)
    seen = truth(room)
    assert seen["displaced_nl"] == at_stop["displaced_nl"]
    tail = seen["volumes_nl"]["patient"] - at_stop["volumes_nl"]["patient"]
    assert tail == pytest.approx(0.6 * 5500.0, rel=1e-3)
    assert seen["outflow_nl_s"] < 1e-3


def test_a_siphon_draws_as_far_as_the_retainer_lets_the_plunger_run() -> None:
    room = joined(drug_room(play_um=900.0))
    FAULTS["raise_pump"](room, 1.2)
    room.process(120 * S)
    seen = truth(room)
    assert seen["displaced_nl"] == pytest.approx(900 * AREA_60, rel=1e-6)
    assert 0.5 * ML < seen["volumes_nl"]["patient"] < 0.6 * ML
    assert room.drive.travel_um == 0.0


def test_the_hub_keeps_its_volume_and_the_drive_stalls_on_it() -> None:
    room = joined(drug_room())
    room.set_speed(800.0)
    room.process(60 * S)
    assert room.drive.stalled
    assert truth(room)["syringes"]["drug"]["volume_nl"] == pytest.approx(70_000.0, rel=0.5)


def test_a_jammed_drive_moves_nothing() -> None:
    room = joined(drug_room())
    FAULTS["jam_drive"](room, 1.0)
    room.set_speed(10.0)
    room.process(S)
    assert room.drive.stalled
    assert (room.drive.travel_um, truth(room)["displaced_nl"]) == (0.0, 0.0)


def test_a_leak_goes_on_the_pad_while_the_counters_look_right() -> None:
    room = joined(drug_room())
    FAULTS["leak"](room, 0.7)
    room.set_speed(RATE_20_ML_H)
    room.process(900 * S)
    seen = truth(room)
    assert seen["displaced_nl"] == pytest.approx(5 * ML, rel=1e-9)
    assert seen["volumes_nl"]["waste"] == pytest.approx(0.7 * 5 * ML, rel=1e-2)


def test_the_wrong_syringe_makes_the_square_of_the_diameters_of_flow() -> None:
    room = joined(drug_room())
    room.set_speed(20e6 / 3600 / (math.pi * 19.05**2 / 4))
    room.process(600 * S)
    assert truth(room)["outflow_nl_s"] / (20e6 / 3600) == pytest.approx(1.948, abs=0.001)


def test_calling_often_or_seldom_makes_no_difference() -> None:
    often, seldom = joined(drug_room()), joined(drug_room())
    for room in (often, seldom):
        room.set_speed(RATE_20_ML_H)
    for tick in range(1, 4001):
        often.process(tick * 73_000_000)
    seldom.process(4000 * 73_000_000)
    one, other = truth(often), truth(seldom)
    assert one["volumes_nl"] == pytest.approx(other["volumes_nl"], rel=1e-6)
    assert one["activities_bq"] == pytest.approx(other["activities_bq"], rel=1e-4, abs=1.0)


def test_time_already_passed_changes_nothing() -> None:
    room = joined(drug_room())
    room.set_speed(RATE_20_ML_H)
    room.process(10 * S)
    seen = truth(room)
    room.process(9 * S)
    room.process(10 * S)
    assert truth(room) == seen


def test_decay_is_the_rooms_own() -> None:
    assert decay_factor("I131", 30 * 60 * S) == pytest.approx(1 - 0.0018, abs=1e-5)
    days = HALF_LIFE_DAYS["I131"]
    assert decay_factor("I131", round(days * 86_400 * S)) == pytest.approx(0.5, rel=1e-12)
    # ICRP-107 8.0207 d against ENSDF 8.0252 d over a day (calibrators.md 4)
    assert decay_factor("I131", 86_400 * S) / 0.5 ** (1 / 8.0207) - 1 == pytest.approx(
        4.8e-5, abs=2e-6
    )


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda r: hands.mount(r, "drug"), "drug is on the pump"),
        (lambda r: hands.put_in_well(r, "drug"), "drug is on the pump"),
        (lambda r: hands.prime_line(r, "drug", 1.0), "drug is on the pump"),
        (lambda r: hands.take_from_well(r, "drug"), "drug is not in the chamber"),
        (lambda r: hands.flush_by_hand(r, 1.0), "the clamp is closed"),
        (lambda r: hands.draw_up(r, "drug", 11 * ML), "the vial holds only 450000 nL"),
        (lambda r: hands.fill_saline(r, "drug", 51 * ML), "drug holds 60000000 nL at most"),
        (lambda r: hands.bring_syringe(r, Syringe("drug", 20.0, ML)), "the name 'drug' is taken"),
        (lambda r: hands.bring_syringe(r, Syringe("line", 20.0, ML)), "the name 'line' is taken"),
        (
            lambda r: hands.bring_syringe(r, Syringe("b", 20.0, ML, fluid=Fluid(1.0))),
            "b is not empty",
        ),
    ],
)
def test_what_hands_cannot_do_is_refused_with_the_reason(
    act: Callable[[Room], None], reason: str
) -> None:
    room = drug_room()
    with pytest.raises(ValueError, match=reason):
        act(room)


def test_unmounting_needs_a_syringe_and_a_line_needs_one_too() -> None:
    room = Room(1)
    with pytest.raises(ValueError, match="no syringe is on the pump"):
        hands.unmount(room)
    with pytest.raises(ValueError, match="no syringe is on the pump"):
        hands.join_line(room)


def test_a_syringe_is_in_one_place_at_a_time() -> None:
    room = drug_room()
    hands.unmount(room)
    hands.put_in_well(room, "drug")
    with pytest.raises(ValueError, match="drug is in the chamber"):
        hands.mount(room, "drug")
    with pytest.raises(KeyError, match="nothing"):
        hands.put_in_well(room, "nothing")


def test_the_line_can_be_assayed_after_it_is_parted() -> None:
    room = drug_room()
    hands.unmount(room)
    hands.prime_line(room, "drug", 3 * ML)
    hands.put_in_well(room, "line")
    room.process(S)
    assert truth(room)["well_bq"] == pytest.approx(1.5 * 1.6e9 / 10.5, rel=1e-3)
    hands.take_from_well(room, "line")
    hands.new_line(room)
    seen = truth(room)
    assert seen["activities_bq"]["line"] == 0.0
    assert seen["activities_bq"]["waste"] == pytest.approx(1.5 * 1.6e9 / 10.5, rel=1e-3)


def test_a_young_room_has_no_mean_flow_yet() -> None:
    assert truth(Room(1))["plunger_mean_nl_s"] == 0.0


def test_parting_the_line_under_pressure_spills_what_was_stored() -> None:
    room = joined(drug_room())
    hands.set_clamp(room, is_open=False)
    room.set_speed(RATE_20_ML_H)
    room.process(60 * S)
    room.set_speed(0.0)
    hands.part_line(room)
    assert truth(room)["volumes_nl"]["waste"] == pytest.approx(20e6 / 60, rel=1e-6)
    assert balanced(room)


def test_priming_with_drug_fills_the_line_with_activity() -> None:
    room = drug_room()
    hands.unmount(room)
    hands.prime_line(room, "drug", 2 * ML)
    seen = truth(room)
    assert seen["volumes_nl"]["prime"] == pytest.approx(2 * ML)
    assert seen["activities_bq"]["line"] == pytest.approx(1.5 * 1.6e9 / 10.5, rel=1e-3)
    assert balanced(room)


# --- two pumps ------------------------------------------------------------------------------------


def test_each_pump_pushes_its_own_syringe_into_one_line() -> None:
    room = second_room()
    assert room.second is not None
    room.set_speed(RATE_20_ML_H)
    room.process(300 * S)
    room.set_speed(0.0)
    drug = truth(room)
    assert drug["syringes"]["saline"]["expelled_nl"] == 0.0
    room.second.set_speed(20.0)
    room.process(600 * S)
    seen = truth(room)
    assert seen["syringes"]["drug"]["displaced_nl"] == drug["syringes"]["drug"]["displaced_nl"]
    assert seen["syringes"]["saline"]["expelled_nl"] > 0.9 * ML
    assert seen["activities_bq"]["patient"] > drug["activities_bq"]["patient"]
    assert seen["second"] is not None
    assert seen["second"]["mounted"] == "saline"
    assert balanced(room)


@given(
    acts=st.lists(
        st.tuples(st.sampled_from(("drug", "saline", "clamp")), st.floats(-1, 1), st.floats(0, 60)),
        max_size=12,
    )
)
@settings(max_examples=40, deadline=None)
def test_two_pumps_lose_no_fluid_and_no_activity(acts: list[tuple[str, float, float]]) -> None:
    room = second_room()
    assert room.second is not None
    for what, speed, time_s in acts:
        if what == "clamp":
            hands.set_clamp(room, is_open=speed > 0)
        else:
            (room.bay if what == "drug" else room.second).set_speed(speed * 100.0)
        room.process(room.now_ns + int(time_s * S))
        assert balanced(room)


def test_one_syringe_lies_in_one_pump() -> None:
    room = second_room()
    assert room.second is not None
    hands.unmount(room)
    with pytest.raises(ValueError, match="saline is on the other pump"):
        hands.mount(room, "saline")
    hands.new_line(room)
    assert not room.second.line_joined
    hands.unmount_from(room.second)
    assert room.second.mounted is None
