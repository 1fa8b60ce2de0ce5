"""The tests that pytest collects, with what they say they prove. Runs pytest, collects, parses."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENARIO_TEST = "test_a_scenario_ends_as_it_says"


class NotCollected(Exception):
    """Pytest could not collect the tests; what it said."""


@dataclass(frozen=True, slots=True)
class Collected:
    """One test: its node id, and what its marks name."""

    id: str
    requirements: tuple[str, ...]
    interlocks: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        """``path::name`` without the parameters."""
        return self.id.partition("[")[0]

    @property
    def parameter(self) -> str:
        """What stands in brackets, or nothing."""
        return self.id.partition("[")[2].removesuffix("]")


def collect(root: Path, paths: Iterable[str] = ()) -> tuple[Collected, ...]:
    """Every test under ``root`` (or ``paths`` of it). Raises `NotCollected`."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "tests.json"
        options = ["-q", "--collect-only", "-p", "no:cacheprovider", "-p", "tools.trace.collector"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "--trace-to", str(target), *paths],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NotCollected(done.stdout[-2000:] + done.stderr[-2000:])
        return parse(json.loads(target.read_text("utf-8")))


def parse(found: Iterable[dict[str, Any]]) -> tuple[Collected, ...]:
    """Tests from what the collector wrote."""
    return tuple(
        Collected(one["id"], tuple(one["requirements"]), tuple(one["interlocks"])) for one in found
    )


def rehearsed(tests: Iterable[Collected]) -> frozenset[str]:
    """Scenarios of the bench that a test plays and judges."""
    return frozenset(one.parameter for one in tests if one.function.endswith("::" + SCENARIO_TEST))
