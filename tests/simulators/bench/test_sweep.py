"""The sweep: every operation fails in turn, nothing is tried twice, nothing is broken."""

import argparse
import json

import pytest

from simulators.bench import sweep
from simulators.bench.faults import AtFrame, fault
from simulators.bench.streams import To
from simulators.bench.trial import Trial, code_hash

COUNTS = {("pump", To.DEVICE): 2, ("pump", To.HOST): 1}


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    sweep.add_sweep(parser.add_subparsers())
    return parser.parse_args(["sweep", *arguments])


def result(name, violations=()):
    return Trial(name, "complete", "none", tuple(violations), (), 0.0, 1, 1.0, 0.1)


def test_every_operation_fails_in_every_way_and_stop_is_pressed_at_each():
    names = list(sweep.names(COUNTS))
    assert len(names) == len(set(names)) == 2 * 8 + 2 + 1 * 7
    assert sweep.case_of("pump:device:2:stop").faults == (fault("person", "stop", AtFrame(2)),)
    assert "pump:device:2:unplugged" in names
    assert "pump:host:1:unplugged" not in names


def test_a_name_is_a_session():
    case = sweep.case_of("calibrator:host:12:late")
    (fault,) = case.faults
    assert fault.when == AtFrame(12, "calibrator", To.HOST)
    assert (fault.kind, fault.line(), fault.duration_s) == ("late", ("calibrator", To.HOST), None)
    assert case.minutes == 1.0


def test_a_pulled_adapter_is_put_back_every_other_time():
    lasts = [sweep.case_of(f"pump:device:{n}:unplugged").faults[0].duration_s for n in (1, 2)]
    assert lasts == [None, sweep.BACK_S]


@pytest.mark.parametrize(
    "name", ["pump", "pump:up:1:lost", "pump:host:0:lost", "pump:host:x:lost", "sun:host:1:lost"]
)
def test_a_name_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match=r"is not wire|must be"):
        sweep.case_of(name)


@pytest.fixture(scope="module")
def counts():
    return sweep.operations()


def test_a_treatment_has_hundreds_of_operations(counts):
    assert set(counts) == {
        (wire, to) for wire in ("pump", "calibrator") for to in (To.DEVICE, To.HOST)
    }
    assert counts["pump", To.DEVICE] == counts["pump", To.HOST] > 300


@pytest.mark.requirement("S1", "S2", "S3", "S4", "S5", "L2")
@pytest.mark.parametrize("begin", range(5))
def test_a_sample_of_the_sweep_breaks_nothing(counts, begin):
    chosen = list(sweep.names(counts))[begin * 397 :: 1997]
    assert sweep.sweep(chosen, 1, None).broken == []


def test_what_was_tried_is_not_tried_again(tmp_path, monkeypatch, capsys):
    tried = []

    def run(jobs, workers, heard):
        for name, _case in jobs:
            tried.append(name)
            heard(result(name, ["S1 at 1.000 s"] if name.endswith(":lost") else []))

    monkeypatch.setattr(sweep, "run_all", run)
    monkeypatch.setattr(sweep, "operations", lambda _devices: COUNTS)
    results = tmp_path / "var" / "sweep.jsonl"
    given = parsed("--results", str(results), "--stride", "2")
    assert sweep.sweep_main(given) == 4
    first, tried[:] = list(tried), []
    assert first == list(sweep.names(COUNTS))[::2]
    assert sweep.sweep_main(parsed("--results", str(results), "--json")) == 4
    assert tried == list(sweep.names(COUNTS))[1::2]
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["sessions"], found["violations"]) == (25, 3)
    assert found["broken"][0]["command"] == "isodrip-bench sweep --only pump:device:1:lost"


def test_results_of_other_code_and_half_lines_are_passed_over(tmp_path):
    results = tmp_path / "sweep.jsonl"
    sweep.keep_result(results, "old", result("pump:device:1:lost"))
    sweep.keep_result(results, "new", result("pump:device:2:lost"))
    with results.open("a") as file:
        file.write('{"code": "new", "na')
    assert list(sweep.read_results(results, "new")) == ["pump:device:2:lost"]


def test_one_is_tried_alone(capsys):
    assert sweep.sweep_main(parsed("--only", "calibrator:device:30:lost")) == 0
    assert "sessions       1 (SIMULATED)" in capsys.readouterr().out


def test_a_stride_is_at_least_one():
    with pytest.raises(ValueError, match="at least 1"):
        sweep.sweep_main(parsed("--stride", "0"))


def test_the_hash_is_that_of_the_code():
    assert code_hash() == code_hash()
    assert len(code_hash()) == 16
