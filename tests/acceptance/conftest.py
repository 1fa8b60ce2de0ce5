"""One whole automatic treatment runs beside the other tests of this folder and is judged last."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

RUN = (
    sys.executable, "-m", "simulators.bench.cli",
    "run", "--auto", "--minutes", "1", "--seed", "11", "--json",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_rooms(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms of these tests are not the newest run of anybody at work on this machine.

    The name is short because a Unix socket's path has to be.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("r")))


@dataclass(frozen=True)
class AutoRun:
    """A running ``isodrip-bench run --auto`` and the files that its output goes to."""

    process: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    def ended(self, patience_s: float) -> int:
        return self.process.wait(patience_s)


@pytest.fixture(scope="session", autouse=True)
def auto_run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AutoRun | None]:
    """Started before the first test of this folder, if the test that judges it is selected."""
    if not any(item.name.startswith("test_a_whole") for item in request.session.items):
        yield None
        return
    path = tmp_path_factory.mktemp("auto")
    run = path / "out", path / "err"
    environment = {**os.environ, "TMPDIR": str(path)}
    with run[0].open("wb") as out, run[1].open("wb") as err:
        process = subprocess.Popen(RUN, stdout=out, stderr=err, env=environment)
    yield AutoRun(process, *run)
    process.terminate()
    process.wait(30.0)
