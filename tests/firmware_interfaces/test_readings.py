"""Readings: when a pump is at rest and when an activity is final."""

import pytest

from firmware_interfaces.readings import FINAL, ActivityReading, Motion, ReadingStatus
from firmware_interfaces.units import megabecquerel, seconds

DOSE_BQ = megabecquerel(1572)


def reading(status, activity_bq=DOSE_BQ):
    at_ns = seconds(1)
    return ActivityReading(activity_bq, megabecquerel(1), "I-131", status, 5, 0, at_ns, at_ns, "24")


@pytest.mark.parametrize("motion", Motion)
def test_only_stopped_and_paused_are_at_rest(motion):
    assert motion.at_rest is (motion in {Motion.STOPPED, Motion.PAUSED})


def test_status_word_bits_are_those_of_the_map():
    assert [flag.value for flag in ReadingStatus] == [1 << bit for bit in range(16)]


@pytest.mark.parametrize("flag", [flag for flag in ReadingStatus if flag is not FINAL])
def test_any_other_bit_keeps_a_reading_from_being_final(flag):
    assert reading(FINAL).final
    assert not reading(FINAL | flag).final
    assert not reading(flag).final


def test_a_reading_without_a_value_is_never_final():
    assert not reading(FINAL, None).final
