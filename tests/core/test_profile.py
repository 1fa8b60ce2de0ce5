"""Profiles never ask for more than their volume, and motion is counted without a gap."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core import motion
from controller.core.profile import (
    duration_ns,
    part_at,
    planned_nl,
    profile_of,
    rate_max_ul_h,
    remaining,
)
from firmware_interfaces.units import MicrolitrePerHour, Nanoseconds, volume_down
from tests.core.situations import at
from tests.core.world import LIMITS, MIN, ML, S, status

WHOLE = ((1_000_000, 1_000_000),)


@st.composite
def shares(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """One to four parts, each column a million."""
    count = draw(st.integers(1, 4))
    columns = []
    for _ in range(2):
        cuts = draw(st.sets(st.integers(1, 99), min_size=count - 1, max_size=count - 1))
        edges = [0, *sorted(cuts), 100]
        columns.append([(b - a) * 10_000 for a, b in pairwise(edges)])
    return tuple(zip(*columns, strict=True))


VOLUMES = st.integers(200_000, 60 * ML)
TIMES = st.integers(MIN, 120 * MIN)


def test_the_default_is_one_constant_rate() -> None:
    assert profile_of(20 * ML, 30 * MIN, WHOLE) == ((40_000, 30 * MIN),)


@pytest.mark.parametrize(
    ("volume", "given_shares", "message"),
    [
        (ML, ((999_999, 1_000_000),), "must sum to 1000000 ppm each"),
        (ML, ((1_000_000, 999_999),), "must sum to 1000000 ppm each"),
        (ML, ((500_000, 1_000_000), (500_000, 0)), "a profile part has no time"),
        (ML, ((1_000_000, 500_000), (0, 500_000)), "a profile part has no rate"),
        (1, WHOLE, "a profile part has no rate"),
    ],
)
def test_a_profile_that_cannot_be_pumped_is_refused(volume, given_shares, message) -> None:
    with pytest.raises(ValueError, match=message):
        profile_of(volume, 30 * MIN, given_shares)


def test_rates_and_times_of_a_profile_are_whole_and_rounded_down() -> None:
    parts = ((333_333, 333_333), (666_667, 666_667))
    profile = profile_of(1_000_001, 1_080_000_001, parts)
    assert profile == ((3_333_333, 359_999_640), (3_333_333, 720_000_360))
    assert all(type(value) is int for part in profile for value in part)
    assert profile_of(1_000, 3600 * S, WHOLE) == ((1, 3600 * S),)
    half = (500_000, 500_000)
    assert [time for _, time in profile_of(ML, 2, (half, half))] == [1, 1]


def test_what_remains_is_the_time_that_was_not_used() -> None:
    profile = ((60_000, MIN), (120_000, MIN))
    assert remaining(profile, 0) == profile
    assert remaining(profile, -1) == profile
    assert remaining(profile, ML) == ((120_000, MIN),)
    assert remaining(profile, ML + ML // 2) == ((120_000, 45 * S),)
    assert remaining(profile, 3 * ML) == ((120_000, 1),)
    slow = remaining(((1_000, 60 * 60 * MIN),), 50_000_001)
    assert slow == ((1_000, 60 * 60 * MIN - 180_000_003_600_000),)
    assert type(slow[0][1]) is int


@given(VOLUMES, TIMES, shares())
def test_a_profile_never_asks_for_more_than_its_volume(volume, time, parts) -> None:
    profile = profile_of(volume, time, parts)
    asked = sum(volume_down(MicrolitrePerHour(r), Nanoseconds(t)) for r, t in profile)
    assert asked <= volume
    assert duration_ns(profile) <= time
    assert planned_nl(profile, 10 * time) <= volume + len(profile)


@given(VOLUMES, TIMES, shares(), st.lists(st.integers(-S, 130 * MIN), min_size=2))
def test_the_plan_only_grows(volume, time, parts, moments) -> None:
    profile = profile_of(volume, time, parts)
    due = [planned_nl(profile, at_ns) for at_ns in sorted(moments)]
    assert due == sorted(due)
    assert planned_nl(profile, 0) == planned_nl(profile, -S) == 0


@given(VOLUMES, TIMES, shares(), st.integers(0, 100))
def test_what_remains_is_no_faster_and_no_more(volume, time, parts, percent) -> None:
    profile = profile_of(volume, time, parts)
    pumped = volume * percent // 100
    rest = remaining(profile, pumped)
    assert {rate for rate, _ in rest} <= {rate for rate, _ in profile}
    assert rate_max_ul_h(rest) <= rate_max_ul_h(profile)
    assert len(rest) == len(profile) - part_at(profile, pumped)
    assert all(time > 0 for _, time in rest)
    assert planned_nl(rest, 10 * time) <= max(0, volume - pumped) + len(profile) + 2


def test_parts_change_at_their_volume() -> None:
    profile = ((60_000, MIN), (120_000, MIN), (30_000, MIN))
    assert [part_at(profile, nl) for nl in (0, 999_999, ML, 3 * ML - 1, 3 * ML, 9 * ML)] == [
        0, 0, 1, 1, 2, 2,
    ]  # fmt: skip


def test_a_window_is_judged_by_what_the_pump_was_told() -> None:
    run = replace(at("infusing").run, told=((0, 36_000), (10 * S, 72_000)))
    assert motion.due_nl(run, 0, 20 * S, 0) == (300_000, 300_000)
    assert motion.due_nl(run, 0, 20 * S, 2 * S) == (280_000 - 20_000, 300_000)
    assert motion.due_nl(run, 5 * S, 5 * S, 0) == (0, 0)
    falling = replace(run, told=((0, 72_000), (10 * S, 36_000)))
    assert motion.due_nl(falling, 9 * S, 13 * S, 2 * S) == (
        20_000 + 30_000,
        20_000 + 40_000 + 10_000,
    )
    quick = replace(run, told=((0, 36_000), (S, 72_000)))
    assert motion.due_nl(quick, 0, 2 * S, 3 * S) == (10_000, 10_000 + 20_000)


def test_windows_never_hold_fewer_than_five_counter_steps() -> None:
    run = replace(at("infusing").run, profile=((2_000, 30 * MIN),), step_nl=10_000)
    assert motion.flow_window_ns(run, LIMITS) == 90 * S
    assert motion.rate_window_ns(run, LIMITS) == 90 * S
    fast = replace(run, profile=((120_000, MIN),))
    assert motion.flow_window_ns(fast, LIMITS) == 10 * S
    assert motion.rate_window_ns(fast, LIMITS) == 6 * S


def test_only_samples_that_a_window_can_need_are_kept() -> None:
    hand = at("infusing_thirty")
    for _ in range(200):
        hand.poll()
    samples = hand.run.samples
    assert samples[-1].at_ns - samples[0].at_ns == 60 * S
    found = motion.window(hand.run, 60 * S)
    assert found == (samples[-1].nl - samples[0].nl, samples[0])
    assert motion.window(hand.run, 60 * S + 1) is None
    assert motion.window(replace(hand.run, samples=()), 0) is None


def test_the_resolution_of_the_counter_only_gets_coarser() -> None:
    run = at("infusing").run
    coarse = motion.absorb(run, status(run.read_ns + S, 900_000, step_nl=10_000), LIMITS)
    fine = motion.absorb(coarse, status(run.read_ns + 2 * S, 901_000, step_nl=1_000), LIMITS)
    assert (coarse.step_nl, fine.step_nl) == (10_000, 10_000)
    assert fine.previous == coarse.samples[-1]
