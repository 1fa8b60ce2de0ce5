"""A profile of two parts, through the ward's daemon and driver to the plunger in the room."""

import json
from pathlib import Path

import pytest

from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case, Stage

MINUTES = 2.0
SLOW_S, FAST_S = 0.2 * MINUTES * 60, 0.8 * MINUTES * 60


def _by_steps(stage: Stage) -> None:
    stage.order["regimen"] = "clr131-bench-steps"


def test_the_pump_runs_the_second_part_at_its_own_rate(tmp_path: Path) -> None:
    told = rehearse(Case(1, MINUTES), tmp_path, _by_steps)
    assert (told.broken_off, told.violations, told.failures) == ("", (), ())
    record = told.full_record()
    assert record["outcome"] == "complete"
    assert record["ground_truth"]["agrees"]
    assert record["infusion_s"] == pytest.approx(MINUTES * 60, abs=2.0)
    rates = [
        command["rate_ul_h"]
        for line in told.export
        if (body := json.loads(line)["body"]).get("commands")
        for command in body["commands"]
        if command["type"] == "SetRate"
    ]
    planned_ml = record["planned_ml"]
    assert rates == [pytest.approx(0.9 * planned_ml * 1000 * 3600 / FAST_S, rel=0.01)]
    flows = [sample.mean_nl_s for sample in told.samples]
    assert max(flows) <= 0.9 * planned_ml * 1e6 / FAST_S * 1.01
