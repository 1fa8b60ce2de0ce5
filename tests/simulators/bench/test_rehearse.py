"""Whole treatments in virtual time: complete, true, and the same to the byte for the same seed."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from controller.journal import verify
from controller.life import StartupFailure
from simulators.bench import plot, rehearse
from simulators.bench.rehearsal import rehearse as rehearse_case
from simulators.bench.scenario_file import scenarios
from simulators.bench.stage import Case
from simulators.bench.streams import Stage, To
from simulators.bench.virtual_time import Deadlock

MINUTES = 1.0
"""A short profile: what is shown here does not depend on its length."""


def rehearsed(directory, seed=1):
    return rehearse_case(Case(seed, MINUTES), directory)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return rehearsed(tmp_path_factory.mktemp("first"))


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    rehearse.add_rehearse(parser.add_subparsers())
    return parser.parse_args(["rehearse", *arguments])


@pytest.mark.requirement("L1", "P3")
def test_a_treatment_without_a_fault_is_completed_on_time_and_truth_agrees(told):
    assert told.broken_off == ""
    assert told.failures == ()
    assert told.violations == ()
    assert told.rested
    record = told.full_record()
    assert record["outcome"] == "complete"
    assert record["ground_truth"]["agrees"]
    assert record["infusion_s"] == pytest.approx(MINUTES * 60, rel=0.01)


def test_the_same_seed_gives_the_same_journal_news_and_wire(told, tmp_path):
    again = rehearsed(tmp_path)
    assert again.export == told.export
    assert again.head == told.head
    assert again.published_digest == told.published_digest
    assert again.seen == told.seen
    assert again.samples == told.samples


def test_another_seed_gives_another_journal(told, tmp_path):
    other = rehearsed(tmp_path, seed=2)
    assert other.broken_off == ""
    assert other.head != told.head


def test_the_journal_is_a_real_one_on_disk(tmp_path):
    told = rehearsed(tmp_path)
    report = verify(tmp_path / told.session / "journal.sqlite")
    assert report.ok
    assert (report.records, report.head) == (len(told.export), told.head)


def test_nothing_depends_on_the_order_of_hashes():
    heads = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", SMALL]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=50
        )
        heads.add(found.stdout)
    assert len(heads) == 1


SMALL = f"""
import tempfile, pathlib
from simulators.bench.rehearsal import rehearse
from simulators.bench.scenario_file import scenarios
from simulators.bench.stage import Case
with tempfile.TemporaryDirectory() as directory:
    told = rehearse(Case(1, {MINUTES}), pathlib.Path(directory))
print(told.head, told.published_digest)
"""


def test_the_ledger_is_sampled_every_second_and_drug_only_ever_leaves(told):
    times = [sample.at_ns for sample in told.samples]
    assert times == [n * 1_000_000_000 for n in range(len(times))]
    out = [sample.drug_out_nl for sample in told.samples]
    assert out == sorted(out)
    assert told.samples[-1].patient_bq > 0


def test_polls_of_a_running_pump_are_half_a_second_apart_on_the_wire(told):
    asked = [
        seen.at_ns
        for seen in told.seen["pump"]
        if seen.to is To.DEVICE and seen.stage is Stage.LEFT and b"DIS" in seen.data
    ]
    running = [asked[n + 1] - asked[n] for n in range(len(asked) - 1)]
    assert running.count(500_000_000) > len(running) * 0.8


def test_what_is_published_ends_with_offline(told):
    status = next(topic for topic in told.published if topic.endswith("/status"))
    assert told.published[status] == 2


def test_a_fault_put_in_before_is_felt(tmp_path):
    def unplugged_later(stage):
        stage.loop.call_later(40, stage.wires["pump"].unplug)

    told = rehearse_case(Case(1, MINUTES), tmp_path, unplugged_later)
    assert "BrokenOff" in told.broken_off
    assert told.record["outcome"] != "complete"
    assert told.violations == ()


def test_a_daemon_that_finds_no_pump_does_not_come_up(tmp_path):
    with pytest.raises(StartupFailure, match="there is no such port"):
        rehearse_case(Case(1, MINUTES), tmp_path, lambda stage: stage.wires["pump"].unplug())


def test_a_task_that_outlives_the_daemon_is_a_failure(tmp_path):
    async def forever():
        await asyncio.get_running_loop().create_future()

    kept = []

    def leak(stage):
        kept.append(stage.loop.create_task(forever(), name="leak"))

    told = rehearse_case(Case(1, MINUTES), tmp_path, leak)
    assert told.failures == ("task left behind: leak",)


def test_a_case_whose_broker_never_comes_is_completed_all_the_same(tmp_path):
    told = rehearse_case(
        Case(1, MINUTES), tmp_path, lambda stage: stage.broker.leave("connection refused")
    )
    assert told.broken_off == ""
    assert told.record["outcome"] == "complete"
    assert "broker_lost" in [alarm["id"] for alarm in told.record["alarms"]]


def test_the_command_prints_one_object(capsys, tmp_path):
    given = parsed("--minutes", str(MINUTES), "--json", "--directory", str(tmp_path))
    assert rehearse.rehearse_main(given) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outcome"] == "complete"
    assert found["journal_head"] == json.loads(found_export(tmp_path, found))["hash"]
    assert found["violations"] == []


def found_export(directory, found):
    from controller.journal import export_lines

    return list(export_lines(directory / found["session"] / "journal.sqlite"))[-1]


def test_the_command_tells_people_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "out.png"
    assert rehearse.rehearse_main(parsed("--minutes", "1", "--plot", str(picture))) == 0
    assert "nominal, seed 1: complete (SIMULATED)" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_extra_is_named(capsys, monkeypatch, told, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(plot.PlotMissing, match=r"isodrip\[plot\]"):
        plot.draw(told, tmp_path / "out.png")


def test_an_unknown_scenario_is_refused_by_name(capsys):
    assert rehearse.rehearse_main(parsed("sunspots")) == 2
    assert "no such scenario: 'sunspots'; there are nominal" in capsys.readouterr().err


def test_the_scenarios_are_listed(capsys):
    assert rehearse.rehearse_main(parsed("--list")) == 0
    assert capsys.readouterr().out.startswith("nominal ")
    assert rehearse.rehearse_main(parsed("--list", "--json")) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == {name: one.summary for name, one in scenarios().items()}


def test_minutes_have_bounds(capsys):
    with pytest.raises(SystemExit):
        parsed("--minutes", "90")


def test_a_scenario_that_ends_otherwise_is_told_and_the_exit_code_says_so(capsys, monkeypatch):
    known = dict(scenarios())
    wrong = replace(known["occlusion"].expected, trips=("no_flow",))
    known["occlusion"] = replace(known["occlusion"], expected=wrong)
    monkeypatch.setattr(rehearse, "scenarios", lambda: known)
    assert rehearse.rehearse_main(parsed("occlusion")) == 1
    out = capsys.readouterr().out
    assert "UNEXPECTED tripped first: occlusion, not no_flow" in out


def test_times_of_a_scenario_are_in_the_object(capsys):
    assert rehearse.rehearse_main(parsed("paused_at_the_keypad", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trips"] == ["stopped_cause_lost"]
    assert 0.0 <= found["times"]["visible_to_stop_s"] <= 1.02
    assert found["faults"][0]["kind"] == "keypad_take_over"


def test_a_deadlock_says_what_waits_for_what(capsys, monkeypatch):
    def stuck(_scenario, _directory):
        raise Deadlock("at 1.000000 s nothing is ready and no timer is set; these wait:\n  a: b")

    monkeypatch.setattr(rehearse, "play", stuck)
    assert rehearse.rehearse_main(parsed()) == 1
    assert "these wait:\n  a: b" in capsys.readouterr().err
