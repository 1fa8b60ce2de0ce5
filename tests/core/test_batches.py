"""What a pump that meters batches may hold below its plan: increments and a whole second."""

from dataclasses import replace

import pytest

from controller.core.device_events import mismatch
from firmware_interfaces.readings import PlanReadback, PumpPlan, Trigger
from firmware_interfaces.units import MicrolitrePerHour, Micrometre, Nanolitre, Nanoseconds

WATCHDOG = Nanoseconds(5_000_000_000)
PLAN = PumpPlan(Micrometre(0), MicrolitrePerHour(60_000), Nanolitre(600_000), WATCHDOG, Trigger.OFF)
HELD = PlanReadback(
    PLAN.diameter_um,
    PLAN.rate_ul_h,
    PLAN.volume_nl,
    WATCHDOG,
    Trigger.OFF,
    MicrolitrePerHour(2_000_000),
    Nanolitre(0),
    Nanoseconds(1_000_000_000),
)
SYRINGE = Micrometre(26_590)


def held_at(rate_ul_h):
    return replace(HELD, diameter_um=SYRINGE, rate_ul_h=MicrolitrePerHour(rate_ul_h))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        # 0.6 mL at 60 mL/h last 36 s; in 37 s they run at 58.378 mL/h, and 2 % less than that.
        ({"rate_ul_h": 57_178}, ""),
        ({"rate_ul_h": 57_177}, "rate 57177 uL/h, wanted 60000 uL/h"),
        ({"rate_ul_h": 60_001}, "rate 60001 uL/h, wanted 60000 uL/h"),
        ({"volume_nl": 588_000}, ""),
        ({"volume_nl": 587_999}, "volume 587999 nL, wanted 600000 nL"),
        ({"volume_nl": 600_001}, "volume 600001 nL, wanted 600000 nL"),
        ({"diameter_um": 26_590}, "diameter 26590 um, wanted 0 um"),
    ],
)
def test_a_batch_may_be_a_second_slower_and_an_increment_smaller(change, said):
    assert mismatch(PLAN, replace(HELD, **change)) == said


def test_a_syringe_pump_may_not():
    plan = replace(PLAN, diameter_um=SYRINGE)
    assert mismatch(plan, held_at(59_400)) == ""
    assert mismatch(plan, held_at(59_399)).startswith("rate")
    short = replace(held_at(60_000), volume_nl=Nanolitre(593_999))
    assert mismatch(plan, short).startswith("volume")
