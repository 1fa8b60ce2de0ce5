"""Slips are named with what was meant, by the definitions of the units."""

from functools import partial

import pytest

from controller.clinic.slips import ACTIVITY, HEIGHT, WEIGHT, Slip, named, near


@pytest.mark.requirement("A7")
@pytest.mark.parametrize(
    ("value", "expected", "slips", "told"),
    [
        (45.45, 1681.65, ACTIVITY, "mCi typed as MBq (x37)"),
        (62_221, 1681.65, ACTIVITY, "MBq taken for mCi"),
        (1.68165, 1681.65, ACTIVITY, "GBq typed as MBq (x1000)"),
        (1_681_650, 1681.65, ACTIVITY, "kBq typed as MBq (x1000)"),
        (0.04545, 1681.65, ACTIVITY, "Ci typed as MBq (x37000)"),
        (45_450, 1681.65, ACTIVITY, "uCi typed as MBq (x0.037)"),
        (154.32, 70.0, WEIGHT, "lb typed as kg"),
        (11.02, 70.0, WEIGHT, "stones typed as kg"),
        (70_000, 70.0, WEIGHT, "g typed as kg"),
        (66.93, 170.0, HEIGHT, "inches typed as cm"),
        (5.58, 170.0, HEIGHT, "feet typed as cm"),
        (1.7, 170.0, HEIGHT, "m typed as cm"),
        (1700, 170.0, HEIGHT, "mm typed as cm"),
    ],
)
def test_each_slip_is_named_alone(
    value: float, expected: float, slips: tuple[Slip, ...], told: str
) -> None:
    found = named(value, slips, partial(near, expected=expected))
    assert found.count(";") == 1
    assert told in found


def test_a_number_that_no_slip_explains_is_left_alone() -> None:
    assert named(1500.0, ACTIVITY, partial(near, expected=1681.65)) == ""


def test_near_includes_its_edge() -> None:
    assert near(102.0, 100.0)
    assert near(98.0, 100.0)
    assert not near(102.001, 100.0)
