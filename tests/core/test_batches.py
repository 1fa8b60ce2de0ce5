"""What a pump that meters batches may hold below its plan: increments and a whole second."""

from dataclasses import replace

import pytest

from controller.core.device_events import mismatch
from firmware_interfaces.readings import PlanReadback, PumpPlan, Trigger

PLAN = PumpPlan(0, 60_000, 600_000, 5_000_000_000, Trigger.OFF)
HELD = PlanReadback(
    0, 60_000, 600_000, 5_000_000_000, Trigger.OFF, 2_000_000, 0, 1_000_000_000
)  # fmt: skip


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
    plan = replace(PLAN, diameter_um=26_590)
    held = replace(HELD, diameter_um=26_590)
    assert mismatch(plan, replace(held, rate_ul_h=59_400)) == ""
    assert mismatch(plan, replace(held, rate_ul_h=59_399)).startswith("rate")
    assert mismatch(plan, replace(held, volume_nl=593_999)).startswith("volume")
