"""Quantiles and ratios. That a ratio is small is no business of a test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.samples import compared, quantile

TIMES = st.lists(st.integers(1, 10**12), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 50, 1), (2, 50, 1), (3, 50, 2), (100, 99, 99), (101, 99, 100), (300, 99, 297), (7, 1, 1)],
)
def test_a_quantile_is_the_time_at_its_rank(count, percent, expected):
    assert quantile(range(count, 0, -1), percent) == expected


@given(TIMES, st.integers(1, 100))
def test_a_quantile_is_the_smallest_time_that_so_many_do_not_exceed(times, percent):
    found = quantile(times, percent)

    assert found in times
    assert sum(time <= found for time in times) * 100 >= percent * len(times)
    assert sum(time < found for time in times) * 100 < percent * len(times)


@pytest.mark.parametrize(("times", "percent"), [([], 50), ([1], 0), ([1], 101)])
def test_a_quantile_of_nothing_or_beyond_all_is_refused(times, percent):
    with pytest.raises(ValueError, match="quantile"):
        quantile(times, percent)


def test_ratios_are_taken_quantile_by_quantile():
    ours, floor = [*range(2, 202, 2)], [*range(1, 101)]
    comparison = compared("poll", ours, floor)

    assert comparison.ours_ns == (100, 198)
    assert comparison.floor_ns == (50, 99)
    assert comparison.ratios == (2.0, 2.0)
    assert comparison.count == 100


@pytest.mark.parametrize(
    ("ours", "met"), [([105], True), ([106], False), ([100] * 98 + [151] * 2, False)]
)
def test_a_target_is_met_by_both_quantiles_or_not_at_all(ours, met):
    assert compared("poll", ours, [100], (1.05, 1.5)).met is met


def test_without_a_target_nothing_is_met_or_missed():
    assert compared("commit", [2], [1]).met is None


def test_json_has_times_in_milliseconds_and_all_that_was_compared():
    assert compared("poll", [4_200_000], [4_000_000], (1.05, 1.5)).as_json() == {
        "name": "poll",
        "count": 1,
        "ours_ms": {"p50": 4.2, "p99": 4.2},
        "floor_ms": {"p50": 4.0, "p99": 4.0},
        "ratio": {"p50": 1.05, "p99": 1.05},
        "target": {"p50": 1.05, "p99": 1.5},
        "met": True,
    }
