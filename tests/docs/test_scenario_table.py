"""The table of scenarios names every scenario and is written between its markers."""

import runpy
from pathlib import Path

import pytest

from simulators.bench.figures import HEADS
from simulators.bench.scenario_file import scenarios

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "scenario_table.py"))


def test_every_scenario_stands_in_the_table_as_it_is_expected_to_end():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TOOL["PAGE"].read_text("utf-8").splitlines()
        if line.startswith("| ") and line.count("|") == len(HEADS) + 1
    ]
    shown = {row[0]: (row[1], row[2]) for row in rows[2:]}
    expected = {
        name: (scenario.expected.outcome, ", ".join(scenario.expected.trips))
        for name, scenario in scenarios().items()
    }
    assert shown == expected


def test_the_table_is_written_between_its_markers():
    page = f"before\n{TOOL['BEGIN']}old\n{TOOL['END']}\nafter\n"
    assert TOOL["with_table"](page, "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="has no"):
        TOOL["with_table"]("no markers", "new")
