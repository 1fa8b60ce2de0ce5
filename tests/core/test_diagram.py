"""The diagram says what the table does; when the pump is polled, and when time alone is told."""

import runpy

import pytest

from controller.core import table
from controller.core.step import FAST_TICK_NS, SLOW_TICK_NS, polls, tick_ns
from controller.core.table import diagram
from tests.core.situations import BUILDERS, at
from tests.core.test_table import drawn


def test_the_diagram_draws_every_edge_of_the_table() -> None:
    lines = diagram().splitlines()
    arrows = {line.strip().partition(":")[0] for line in lines if " --> " in line}
    edges = {f"{a.value} --> {b.value}" for a, b in drawn()}
    assert arrows == edges | {"[*] --> IDLE", "CLOSED --> [*]"}
    assert lines[0] == "stateDiagram-v2"
    assert "    ARMED --> STOPPED: AbortRequested, trip" in lines
    assert lines[-1] == "    CLOSED --> [*]"


POLLED = {
    "patent", "seated", "armed", "starting", "infusing", "held", "held_armed", "stopped",
    "patency_running", "seat_running", "flushing", "flush_running", "stopped_patency",
    "released_again", "infusing_three", "infusing_strict", "infusing_thirty", "armed_thirty",
}  # fmt: skip


@pytest.mark.parametrize("name", BUILDERS)
def test_the_pump_is_polled_where_it_is_armed_and_no_stop_is_under_way(name: str) -> None:
    assert polls(at(name).state) is (name in POLLED)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("idle", 0),
        ("residual", 0),
        ("closed", 0),
        ("held", SLOW_TICK_NS),
        ("infusing", FAST_TICK_NS),
    ],
)
def test_time_alone_is_told_where_something_depends_on_it(name: str, expected: int) -> None:
    assert tick_ns(at(name).state) == expected


def test_the_module_prints_its_diagram(capsys) -> None:
    assert table.__file__ is not None
    runpy.run_path(table.__file__, run_name="__main__")
    assert capsys.readouterr().out == diagram() + "\n"
