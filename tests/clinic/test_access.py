"""Presence, idle time and mistakes: every limit at its exact nanosecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.access import (
    IDLE_NS,
    LOCK_NS,
    LOCK_NS_MAX,
    PERSON_TRIES,
    STATION_NS,
    UNBLAMED,
    Station,
    Strikes,
    awake,
    idle_left_s,
    left,
    locked,
    seen,
    struck,
)

S = 10**9
NOW = 1_000 * S


def at_station(**last_ns) -> Station:
    station = Station("10.0.0.1", NOW)
    for who, when in last_ns.items():
        station = seen(station, who, when)
    return station


@pytest.mark.requirement("I3", "PCA-EC24")
@pytest.mark.parametrize(
    ("idle_ns", "infusing", "there"),
    [
        (IDLE_NS - 1, False, True),
        (IDLE_NS, False, False),
        (IDLE_NS, True, True),
        (10 * IDLE_NS, True, True),
    ],
)
def test_who_is_idle_for_three_minutes_is_not_there_but_while_drug_runs(idle_ns, infusing, there):
    station = awake(at_station(ab=NOW), NOW + idle_ns, infusing=infusing)
    assert ("ab" in station) is there


def test_who_went_is_not_there_again_because_drug_runs():
    gone = awake(at_station(ab=NOW), NOW + IDLE_NS, infusing=False)
    assert list(awake(gone, NOW + IDLE_NS, infusing=True)) == []


def test_an_act_begins_the_idle_time_anew_for_whoever_acted():
    station = seen(at_station(ab=NOW, cd=NOW), "ab", NOW + 100 * S)
    assert idle_left_s(station, NOW + 150 * S) == {"cd": 30, "ab": 130}
    assert list(awake(station, NOW + IDLE_NS, infusing=False)) == ["ab"]
    assert idle_left_s(station, NOW + 10 * IDLE_NS) == {"cd": 0, "ab": 0}


def test_who_leaves_is_not_there():
    assert list(left(at_station(ab=NOW, cd=NOW), "ab")) == ["cd"]
    assert list(left(at_station(ab=NOW), "xx")) == ["ab"]


@pytest.mark.parametrize(("age_ns", "is_open"), [(0, True), (STATION_NS - 1, True),
                                                 (STATION_NS, False)])  # fmt: skip
def test_a_station_is_known_for_twelve_hours(age_ns, is_open):
    assert at_station().open(NOW + age_ns) is is_open


@pytest.mark.requirement("X6")
def test_each_mistake_in_a_row_doubles_the_pause_and_the_fifth_locks():
    strikes, said = UNBLAMED, []
    for _ in range(PERSON_TRIES):
        strikes = struck(strikes, PERSON_TRIES, NOW)
        said.append(locked(strikes, NOW))
    assert said == [
        "paused, 1 s left",
        "paused, 2 s left",
        "paused, 4 s left",
        "paused, 8 s left",
        "locked, 5 min 0 s left",
    ]


@pytest.mark.requirement("X6")
def test_each_lock_is_twice_as_long_up_to_an_hour():
    strikes, minutes = UNBLAMED, []
    for _ in range(6):
        for _ in range(PERSON_TRIES):
            strikes = struck(strikes, PERSON_TRIES, NOW)
        minutes.append((strikes.until_ns - NOW) // (60 * S))
    assert minutes == [5, 10, 20, 40, 60, 60]


@pytest.mark.parametrize(
    ("now_ns", "said"),
    [
        (NOW, "locked, 5 min 0 s left"),
        (NOW + 1, "locked, 5 min 0 s left"),
        (NOW + S, "locked, 4 min 59 s left"),
        (NOW + LOCK_NS - S, "locked, 1 s left"),
        (NOW + LOCK_NS - 1, "locked, 1 s left"),
        (NOW + LOCK_NS, ""),
    ],
)
def test_a_lock_tells_what_is_left_of_it(now_ns, said):
    assert locked(Strikes(0, 1, NOW + LOCK_NS), now_ns) == said


@given(st.integers(1, 20), st.integers(1, 200))
def test_a_lock_is_never_longer_than_an_hour_and_always_comes(tries, mistakes):
    strikes, locks = UNBLAMED, 0
    for _ in range(mistakes):
        before = strikes.locks
        strikes = struck(strikes, tries, NOW)
        locks += strikes.count == 0
        assert NOW < strikes.until_ns <= NOW + (LOCK_NS_MAX if strikes.count == 0 else 8 * S)
        assert strikes.locks >= before
    assert locks == mistakes // tries
