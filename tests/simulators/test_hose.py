"""A vial on a hose in the room: what rollers move, what the vent and an empty vial do to it."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices import hands
from simulators.devices.faults import FAULTS
from simulators.devices.hose import BLOCKED_KPA, UREV, HosedVial
from simulators.devices.room import Room
from simulators.devices.truth import truth
from tests.simulators.test_room import balanced, joined

S = 1_000_000_000
ML = 1e6
RATE_20_ML_H = 20e6 / 3600 / 20_000 * UREV
"""Millionths of a revolution in a second."""


def hose_room(fill_nl: float = 10 * ML, **changes: Any) -> Room:
    room = Room(7)
    hands.bring_vial(room, fill_nl, 1.6e9)
    hands.bring_syringe(room, HosedVial("drug", 60 * ML, **changes))
    hands.draw_up(room, "drug", fill_nl, 0.0)
    hands.mount(room, "drug")
    return room


def drug(room: Room) -> HosedVial:
    vial = room.syringes["drug"]
    assert isinstance(vial, HosedVial)
    return vial


ACTS: dict[str, Callable[..., None]] = {
    "turn": lambda room, x: room.set_speed(x * 50 * UREV),
    "turn back": lambda room, x: room.set_speed(-x * UREV),
    "rest": lambda room, _: room.set_speed(0.0),
    "wait": lambda room, x: room.process(room.now_ns + int(x * 20 * S)),
    "clamp": lambda room, x: hands.set_clamp(room, is_open=x > 0.5),
    "join": lambda room, _: hands.join_line(room),
    "part": lambda room, _: hands.part_line(room),
    "cup": lambda room, _: hands.lead_line(room, "prime"),
    "unmount": lambda room, _: hands.unmount(room),
    "mount": lambda room, x: hands.mount(room, "drug", x * 5 * UREV),
    "top up": lambda room, x: hands.fill_saline(room, "drug", x * ML),
    **{name: lambda room, x, act=act: act(room, x) for name, act in FAULTS.items()},
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.floats(0.01, 1.0)), max_size=25))
def test_whatever_hands_and_rollers_do_nothing_is_lost(acts: list[tuple[str, float]]) -> None:
    room = joined(hose_room(2 * ML))
    for name, amount in acts:
        try:
            ACTS[name](room, amount)
        except ValueError:
            continue
        finally:
            room.process(room.now_ns + S)
        assert balanced(room), name
    assert all(v >= -1e-3 for v in truth(room)["volumes_nl"].values())
    assert all(a >= -1e-3 for a in truth(room)["activities_bq"].values())


def test_turns_become_volume_and_the_flow_pulses_with_each_roller() -> None:
    room = joined(hose_room())
    room.set_speed(RATE_20_ML_H)
    flows = []
    room.process(2 * S)
    for _ in range(36):
        room.process(room.now_ns + S // 20)
        flows.append(room.outflow_nl_s)
    # 20 mL/h are 0.28 revolutions a second: one pulse in 1.8 s, from 0.2 to 1.8 of the mean.
    assert min(flows) / (20e6 / 3600) == pytest.approx(0.2, abs=0.02)
    assert max(flows) / (20e6 / 3600) == pytest.approx(1.8, abs=0.02)
    room.process(1800 * S)
    assert truth(room)["syringes"]["drug"]["displaced_nl"] == pytest.approx(10e6, abs=100)
    # The first 9.7 mL are fluid; what the spike does not reach follows as air.
    assert truth(room)["syringes"]["drug"]["expelled_nl"] == pytest.approx(9.7e6, abs=500)
    assert drug(room).air_nl == pytest.approx(0.3e6, rel=1e-3)
    assert balanced(room)


def test_a_dry_hose_is_filled_before_a_drop_hangs_at_its_tip() -> None:
    room = hose_room()
    hands.unmount(room)
    hands.mount(room, "drug", 10 * UREV)
    room.set_speed(UREV)
    room.process(10 * S)
    assert not truth(room)["drop_at_tip"]
    assert drug(room).displaced_nl == pytest.approx(0.0)
    room.process(11 * S)
    assert truth(room)["drop_at_tip"]
    assert drug(room).displaced_nl == pytest.approx(20_000.0, rel=1e-6)


def test_a_vial_without_a_vent_gives_more_and_more_air() -> None:
    room = joined(hose_room(10 * ML))
    FAULTS["close_vent"](room, 1.0)
    drug(room).capacity_nl = 20 * ML
    shares = []
    room.set_speed(RATE_20_ML_H * 10)
    for _ in range(4):
        room.process(room.now_ns + 20 * S)
        shares.append(drug(room).air_share)
    assert shares == sorted(shares)
    assert 0.1 < shares[0] < shares[-1] < 1.0
    assert drug(room).air_nl > 0.5e6
    assert balanced(room)


def test_a_loose_spike_gives_its_share_of_air_from_the_first_drop() -> None:
    room = joined(hose_room())
    FAULTS["loosen_spike"](room, 0.25)
    room.set_speed(RATE_20_ML_H)
    room.process(180 * S)
    assert drug(room).displaced_nl == pytest.approx(1e6, rel=1e-2)
    assert drug(room).air_nl == pytest.approx(0.25e6, rel=1e-2)
    assert drug(room).expelled.volume_nl == pytest.approx(0.75e6, rel=1e-2)
    assert balanced(room)


def test_a_worn_hose_gives_less_than_is_turned() -> None:
    room = joined(hose_room())
    FAULTS["wear_hose"](room, 0.9)
    room.set_speed(RATE_20_ML_H)
    room.process(900 * S)
    assert drug(room).displaced_nl == pytest.approx(4.5e6, rel=1e-4)
    drug(room).wear_per_rev = 1e-3
    assert drug(room).area_mm2 == pytest.approx(0.018 * 0.75, rel=1e-3)


def test_a_torn_hose_runs_into_the_housing() -> None:
    room = joined(hose_room())
    FAULTS["tear_hose"](room, 0.25)
    room.set_speed(RATE_20_ML_H)
    room.process(360 * S)
    seen = truth(room)
    assert seen["volumes_nl"]["waste"] == pytest.approx(0.5e6, rel=1e-3)
    assert balanced(room)


def test_a_closed_clamp_blocks_the_motor_and_little_is_stored() -> None:
    room = joined(hose_room())
    hands.set_clamp(room, is_open=False)
    room.set_speed(RATE_20_ML_H)
    room.process(60 * S)
    assert room.drive.stalled
    assert drug(room).pressure_kpa >= BLOCKED_KPA
    assert drug(room).stored_nl < 1.1 * BLOCKED_KPA * 200
    hands.part_line(room)
    assert truth(room)["volumes_nl"]["waste"] == pytest.approx(drug(room).displaced_nl)
    assert balanced(room)


def test_rollers_that_turn_back_pull_no_more_than_a_vacuum() -> None:
    room = joined(hose_room())
    room.set_speed(-RATE_20_ML_H)
    room.process(60 * S)
    assert drug(room).pressure_kpa == pytest.approx(-95.0)
    assert math.isclose(drug(room).displaced_nl, -95.0 * 200)


def test_a_vial_holds_its_capacity_at_most() -> None:
    with pytest.raises(ValueError, match="drug holds 60000000 nL at most"):
        hands.fill_saline(hose_room(), "drug", 51 * ML)
