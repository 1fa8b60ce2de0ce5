"""The table of all scenarios: its bounds, what is above one, and what ends the command with 4."""

import argparse
import json
from dataclasses import replace

import pytest

from simulators.bench import figures, rehearse
from simulators.bench.figures import Figure, figure_of
from simulators.bench.scenario import play
from simulators.bench.scenario_file import scenarios

GOOD = Figure("one", "partial", ("occlusion",), 1.8, 0.0, 1.02, 0.005, 0.26, "STOP", ())


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    rehearse.add_rehearse(parser.add_subparsers())
    return parser.parse_args(["rehearse", *arguments])


@pytest.mark.parametrize(
    ("name", "within_s", "rest_from"),
    [
        ("runaway_by_half", 0.26, "STOP"),
        ("killed", 5.5, "fault"),
        ("judgement_hangs", 5.5 + 5 / 3, "fault"),
        ("cable_pulled", 5.5, "fault"),
        ("deaf_to_stop", 9.5, "STOP"),
    ],
)
def test_a_bound_is_that_of_what_keeps_the_stop_away(name, within_s, rest_from, tmp_path):
    figure = figure_of(play(scenarios()[name], tmp_path))
    assert figure.rest_within_s == pytest.approx(within_s)
    assert figure.rest_from == rest_from
    assert figure.rest_s is not None
    assert figure.rest_s <= within_s
    assert figure.wrong == ()


def test_what_is_above_its_bound_or_not_as_stated_is_told(tmp_path):
    played = play(scenarios()["runaway_by_half"], tmp_path)
    times = played.times
    seen_s = times.visible_s or 0.0
    late = replace(times, stop_s=seen_s + 1.03, rest_s=seen_s + 1.3)
    wrong = figure_of(replace(played, times=late, unexpected=("outcome",))).wrong
    assert wrong == ("outcome", "STOP 1.030 s after the sign", "rest 0.270 s after the STOP")


def test_a_row_of_the_table_says_each_time_beside_its_bound():
    assert GOOD.cells() == (
        *("one", "partial", "occlusion", "1.80", "0.000 of 1.02", "0.005 of 0.26 after STOP"),
    )
    nothing = replace(GOOD, trips=(), sign_s=None, stop_s=None, rest_s=None)
    assert nothing.cells() == ("one", "partial", "", "", "", "")
    assert figures.markdown([GOOD]).splitlines()[2].startswith("| one | partial | occlusion |")


@pytest.mark.parametrize(("wrong", "code"), [((), 0), (("outcome open, not partial",), 4)])
def test_all_scenarios_are_told_and_one_that_is_wrong_exits_4(wrong, code, capsys, monkeypatch):
    monkeypatch.setattr(rehearse, "figures", lambda _workers: (replace(GOOD, wrong=wrong),))
    assert rehearse.rehearse_main(parsed("--all")) == code
    shown = capsys.readouterr().out
    assert f"1 scenarios, {len(wrong)} not as stated" in shown
    assert all(f"one: NOT AS STATED {text}" in shown for text in wrong)
    assert rehearse.rehearse_main(parsed("--all", "--json")) == code
    (told,) = json.loads(capsys.readouterr().out)["scenarios"]
    assert (told["scenario"], told["stop_within_s"]) == ("one", 1.02)


def test_every_scenario_is_played_in_its_order(monkeypatch):
    monkeypatch.setattr(figures, "_figured", lambda scenario: replace(GOOD, scenario=scenario.name))
    assert [figure.scenario for figure in figures.figures(1)] == list(scenarios())
