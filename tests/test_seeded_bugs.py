"""Each kept bug still fits the program, and what looks for it tells found from not found."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "seeded_bugs.py"))
BUGS = sorted((ROOT / "tests" / "seeded").glob("*.patch"))
FOUND = {"sessions": 14, "cpu_s": 12.6, "broken": [{"name": "13", "violations": ["S1: too much"]}]}
CLEAN = {"sessions": 13, "cpu_s": 12.0, "broken": []}


def test_there_are_three_kinds_of_bug():
    assert [bug.stem for bug in BUGS] == [
        *("epoch_unchecked", "interval_closed_early", "limit_widened"),
    ]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.stem)
def test_a_bug_fits_and_changes_one_file(bug):
    with TOOL["copy_with"](bug) as copy:
        changed = [
            path.relative_to(copy)
            for path in copy.rglob("*.py")
            if path.read_bytes() != (ROOT / path.relative_to(copy)).read_bytes()
        ]
    assert [str(path) for path in changed] == [bug.read_text().splitlines()[0][6:]]


def test_a_bug_that_does_not_fit_is_refused(tmp_path):
    wrong = tmp_path / "wrong.patch"
    wrong.write_text(BUGS[0].read_text().replace("-        return", "-        never"))
    with pytest.raises(ValueError, match=r"wrong\.patch does not fit"), TOOL["copy_with"](wrong):
        pass


@pytest.mark.parametrize(
    ("with_bug", "without", "code", "line"),
    [
        (FOUND, CLEAN, 0, "limit_widened            session 13, 13 s: S1: too much"),
        (CLEAN, CLEAN, 1, "limit_widened            NOT FOUND in 13 sessions, 12 s"),
        (FOUND, FOUND, 1, "no bug                   14 sessions, 1 broken, 13 s"),
    ],
)
def test_how_soon_each_is_found_is_told(with_bug, without, code, line, capsys, monkeypatch):
    asked = []

    def campaign(_copy, _given, sessions):
        asked.append(sessions)
        return without if len(asked) > len(BUGS) else with_bug

    main = TOOL["main"]
    monkeypatch.setitem(main.__globals__, "campaign", campaign)
    monkeypatch.setattr(sys, "argv", ["seeded_bugs"])
    assert main() == code
    assert line in capsys.readouterr().out.splitlines()
    assert asked == [300, 300, 300, 13 if with_bug is FOUND else 300]
