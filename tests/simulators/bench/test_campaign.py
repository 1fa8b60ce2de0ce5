"""Treatments under seeded random faults: no promise is broken, and a broken one would be told."""

import argparse
import io
import json
import os
from dataclasses import asdict

import pytest

from controller.life import StartupFailure
from simulators.bench import campaign, draws, trial
from simulators.bench.device_set import DeviceSet
from simulators.bench.draws import NOT_DRAWN, drawn
from simulators.bench.faults import KINDS, InPhase, kinds_here
from simulators.bench.stage import Case
from simulators.bench.tally import Gauge, Tally
from simulators.bench.trial import Trial, attempt, run_all
from simulators.bench.virtual_time import Deadlock

BROKEN = Trial(
    "7",
    "partial",
    "occlusion",
    ("S1 at 3.000 s: too much",),
    ('{"place": "x"}',),
    0.2,
    9,
    60.0,
    0.5,
)
FINE = Trial("8", "complete", "none", (), (), 0.1, 11, 90.0, 0.5)


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    campaign.add_campaign(parser.add_subparsers())
    return parser.parse_args(["campaign", *arguments])


@pytest.mark.requirement("S1", "S2", "S3", "S4", "S5", "L2")
@pytest.mark.parametrize("begin", range(1, 51, 5))
def test_fifty_seeds_break_no_promise(begin):
    for seed in range(begin, begin + 5):
        minutes = 3.0 if seed % 10 == 0 else 1.0
        tried = attempt(str(seed), drawn(seed, minutes))
        assert tried.violations == (), campaign.command(str(seed), minutes)


def test_the_same_seed_is_the_same_session_and_another_is_not():
    assert drawn(5) == drawn(5)
    assert len({repr(drawn(seed).faults) for seed in range(100)}) > 90


@pytest.mark.parametrize("pump", ["ne1000", "dulcoflex"])
def test_every_kind_of_fault_is_drawn_and_every_drawn_fault_is_lawful(pump):
    devices = DeviceSet(pump)
    faults = (f for seed in range(3000) for f in drawn(seed, devices=devices).faults)
    kinds = {(f.place, f.kind) for f in faults}
    here = {(kind.place, kind.name) for kind in kinds_here(devices)}
    assert kinds == here - set(NOT_DRAWN)


def test_every_kind_is_of_some_room():
    rooms = (DeviceSet("ne1000"), DeviceSet("dulcoflex"))
    names = {(kind.place, kind.name) for room in rooms for kind in kinds_here(room)}
    assert names == set(KINDS)


def test_the_command_prints_its_figures(capsys):
    given = parsed("--sessions", "2", "--seed", "1", "--workers", "1", "--minutes", "1", "--json")
    assert campaign.campaign_main(given) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sessions"] == 2
    assert found["violations"] == 0
    assert sum(found["causes"].values()) == 2
    assert found["sessions_per_core_hour"] > 0
    assert found["ratio_to_bare_loop"] > 1


def test_a_broken_promise_is_told_with_its_command_and_exits_4(capsys, monkeypatch):
    def broken(jobs, workers, heard):
        for _name, _case in jobs:
            heard(BROKEN)

    monkeypatch.setattr(campaign, "run_all", broken)
    assert campaign.campaign_main(parsed("--sessions", "1", "--seed", "7")) == 4
    shown = capsys.readouterr().out
    assert "isodrip-bench campaign --sessions 1 --seed 7\n" in shown
    assert "S1 at 3.000 s: too much" in shown
    assert campaign.command("7", 3.0) == "isodrip-bench campaign --sessions 1 --seed 7 --minutes 3"


def test_a_campaign_may_end_at_its_first_violation(monkeypatch):
    def broken(jobs, workers, heard):
        for name, _case in jobs:
            heard(BROKEN if name == "3" else FINE)

    monkeypatch.setattr(campaign, "run_all", broken)
    assert campaign.campaign(9, 1).sessions == 9
    assert campaign.campaign(9, 1, until_broken=True).sessions == 3


def test_many_go_on_after_a_stop_and_many_doses_are_by_volume():
    cases = [drawn(seed) for seed in range(400)]
    resume = sum(case.people == "resume" for case in cases)
    by_volume = sum(case.administer == "volume_for_dose" for case in cases)
    together = sum(len(case.faults) > 1 and _within_seconds(case.faults) for case in cases)
    assert 140 < resume < 220
    assert 120 < by_volume < 200
    assert together > 100


def _within_seconds(faults):
    """True if all come in one phase, seconds apart."""
    times = [fault.when.after_s for fault in faults if isinstance(fault.when, InPhase)]
    return len(times) == len(faults) and max(times) - min(times) <= draws.TOGETHER_S


def test_no_sessions_are_wrong_use():
    with pytest.raises(ValueError, match="at least one"):
        campaign.campaign_main(parsed("--sessions", "0"))


def test_a_tally_adds_up():
    tally = Tally()
    tally.add(BROKEN, "again 7")
    tally.add(FINE, "again 8")
    found = tally.as_dict()
    assert (found["sessions"], found["violations"], found["tail_max_ml"]) == (2, 1, 0.2)
    assert found["outcomes"] == {"partial": 1, "complete": 1}
    assert [one["command"] for one in found["broken"]] == ["again 7"]
    assert tally.exit_code == 4


def test_a_gauge_draws_only_for_somebody_who_watches():
    class Screen(io.StringIO):
        def isatty(self):
            return tty

    for tty, shown in ((True, "2/2, 1 broken"), (False, "")):
        screen = Screen()
        gauge = Gauge(2, screen)
        gauge.step(BROKEN)
        gauge.step(FINE)
        assert shown in screen.getvalue()
        assert bool(screen.getvalue()) is tty


def test_workers_of_their_own_find_the_same():
    jobs = [("1", drawn(1, 1.0)), ("2", drawn(2, 1.0))]
    alone: list[Trial] = []
    together: list[Trial] = []
    run_all(iter(jobs), 1, alone.append)
    run_all(iter(jobs), 2, together.append)

    def told(trials):
        return sorted((t.name, t.outcome, t.cause, t.polls, t.virtual_s) for t in trials)

    assert told(alone) == told(together)


@pytest.mark.parametrize(
    ("error", "outcome", "text"),
    [
        (Deadlock("nothing is ready"), "crashed", "X: nothing is ready"),
        (trial.Endless("too long"), "crashed", "X: too long"),
        (ZeroDivisionError("by zero"), "crashed", "X: ZeroDivisionError: by zero"),
        (StartupFailure("pump", "silent"), trial.NOT_STARTED, None),
    ],
)
def test_whatever_ends_a_session_is_a_result(monkeypatch, error, outcome, text):
    def fails(*_):
        raise error

    monkeypatch.setattr(trial, "rehearse", fails)
    tried = attempt("1", Case())
    assert tried.outcome == outcome
    assert tried.violations == ((text,) if text else ())


def test_a_session_that_never_ends_in_its_own_time_is_ended(monkeypatch):
    monkeypatch.setattr(trial, "VIRTUAL_MAX_S", 20.0)
    tried = attempt("1", Case(1, 1.0))
    assert tried.violations == ("X: not over after 20 s",)


def test_a_session_that_takes_the_processor_for_ever_is_ended(monkeypatch):
    def turns(*_):
        while True:
            pass

    monkeypatch.setattr(trial, "CPU_MAX_S", 0.05)
    monkeypatch.setattr(trial, "rehearse", turns)
    tried = attempt("1", Case())
    assert "0.05 s of processor time are gone" in tried.violations[0]


def test_a_result_goes_through_json():
    shown = json.loads(json.dumps(asdict(BROKEN)))
    assert Trial.from_dict(shown) == BROKEN


def test_there_are_as_many_workers_as_processors():
    assert parsed("--sessions", "1").workers == os.cpu_count()


def test_people_are_not_confused_by_a_session_that_closed_while_they_asked():
    """A frozen program goes on between two of their questions (seed 1109)."""
    trial = attempt("1109", drawn(1109))

    assert trial.violations == ()
