"""Starting a bench: what is told when a part of it does not come up, and that nothing is left."""

import json
import sys

import pytest

from simulators.bench import launch, processes, run
from simulators.bench.broker import BrokerMissing
from simulators.bench.channel import Channel
from simulators.bench.directory import latest
from simulators.bench.launch import Wish
from simulators.bench.processes import ChildFailed
from simulators.bench.run import judgement

DIES = ("-c", "import sys; sys.stderr.write('pump: silent\\n'); sys.exit(3)")
KEEPS_SILENT = ("-c", "import time; time.sleep(60)")


@pytest.fixture(autouse=True)
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.realtime
@pytest.mark.broker
async def test_a_daemon_that_does_not_come_up_is_told_and_the_rest_is_taken_down(capsys):
    with pytest.raises(ChildFailed, match="daemon ended with exit code 3\npump: silent"):
        async with launch.bench(Wish(minutes=1), DIES):
            raise AssertionError("it came up")
    with pytest.raises(OSError, match=r"Connection refused|No such file"):
        await Channel(latest()).truth()
    assert json.loads((latest() / "order.json").read_text())["infusion_min"] == 1


@pytest.mark.realtime
@pytest.mark.broker
async def test_a_daemon_that_never_answers_is_told(monkeypatch):
    monkeypatch.setattr(launch, "READY_S", 0.3)
    monkeypatch.setattr(launch, "world_ports", _patient_ports)
    with pytest.raises(ChildFailed, match=r"did not answer at 127\.0\.0\.1:\d+ within 0\.3 s"):
        async with launch.bench(Wish(minutes=1), KEEPS_SILENT):
            raise AssertionError("it came up")


async def _patient_ports(world):
    """The world may take its time: only the daemon's patience is short here."""
    return json.loads(await world.first_line(20.0))["ports"]


def failing(error):
    class Bench:
        async def __aenter__(self):
            raise error

        async def __aexit__(self, *_):
            raise AssertionError("it was never entered")

    return lambda wish: Bench()


async def test_a_missing_broker_is_3(monkeypatch, capsys):
    monkeypatch.setattr(run, "bench", failing(BrokerMissing("not installed: mosquitto")))
    assert await run.main(Wish()) == 3
    assert capsys.readouterr().err == "not installed: mosquitto\n"


@pytest.mark.parametrize(("code", "exit_code"), [(3, 3), (1, 1), (0, 1)])
async def test_a_failed_child_passes_its_reason_on(monkeypatch, capsys, tmp_path, code, exit_code):
    command = [sys.executable, "-c", f"raise SystemExit({code})"]
    child = await processes.start("daemon", command, tmp_path / "log")
    await child.process.wait()
    monkeypatch.setattr(run, "bench", failing(ChildFailed(child, "ended")))
    assert await run.main(Wish()) == exit_code
    assert capsys.readouterr().err == "daemon ended\n"


@pytest.mark.parametrize(
    ("outcome", "agrees", "violations", "code"),
    [
        ("complete", True, [], 0),
        ("partial", True, [], 1),
        ("complete", False, [], 1),
        ("complete", True, ["S1"], 4),
        ("partial", False, ["S3"], 4),
    ],
)
def test_the_exit_code_follows_outcome_truth_and_safety(outcome, agrees, violations, code):
    truth = {"agrees": agrees, "violations": violations}
    assert judgement({"outcome": outcome, "ground_truth": truth}) == code
