"""The report on mutants: what it counts, and that an argument belongs to one change only."""

from collections import Counter
from pathlib import Path

import pytest

from tools.mutate import report

CORE = Path("controller/core/judge.py")
GRAMMAR = Path("protocols/checksums.py")
FOUND = [
    (CORE, "a", "killed"),
    (CORE, "b", "survived"),
    (CORE, "c", "open"),
    (CORE, "d", "timeout"),
    (GRAMMAR, "e", "no test"),
]
ONE = report.Survivor("controller.core.judge.x_note", "return state", "return None")
OTHER = report.Survivor("controller.core.judge.x_note", "return state", "return 1")


def test_what_is_open_is_not_counted_and_a_missing_test_is_no_notice():
    counts = report.rooms(FOUND)

    assert set(counts) == {"**controller/core**", str(CORE), "**protocols**", str(GRAMMAR)}
    assert report.rate(counts[str(CORE)]) == "66.7 %"
    assert report.rate(counts[str(GRAMMAR)]) == "0.0 %"
    assert report.rate(Counter(open=3)) == "-"


def test_a_survivor_stands_once_with_its_own_argument(tmp_path: Path, monkeypatch) -> None:
    argued = tmp_path / "mutants.toml"
    argued.write_text(
        '[[argued]]\nfunction = "controller.core.judge.x_note"\nwas = "return state"\n'
        'became = "return None"\nwhy = "Nobody looks."\n'
    )
    monkeypatch.setattr(report, "ARGUED", argued)

    text = report.page(FOUND, [ONE, ONE, OTHER])

    listed = text.partition("## Survivors")[2]
    assert listed.count("### `controller.core.judge.x_note`") == 2
    assert "- return state\n+ return None\n```\n\nNobody looks." in listed
    assert "- return state\n+ return 1\n```\n\nNot argued yet." in listed


def test_what_is_argued_of_a_function_is_argued_of_all_its_changes(tmp_path, monkeypatch) -> None:
    argued = tmp_path / "mutants.toml"
    argued.write_text('[[argued]]\nfunction = "controller.core.judge.x_note"\nwhy = "At once."\n')
    monkeypatch.setattr(report, "ARGUED", argued)
    elsewhere = report.Survivor("controller.core.judge.x_stop", "return state", "return None")

    listed = report.page(FOUND, [ONE, OTHER, elsewhere]).partition("## Survivors")[2]

    assert listed.count("At once.") == 2
    assert listed.rstrip().endswith("Not argued yet.")


@pytest.mark.parametrize("code", [0, 33, 36, 1, 152, None])
def test_every_verdict_of_the_judge_has_a_column(code, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "controller"
    folder.mkdir()
    shown = "null" if code is None else code
    (folder / "x.py.meta").write_text(f'{{"exit_code_by_key": {{"m": {shown}}}}}')
    monkeypatch.setattr(report, "MUTANTS", tmp_path)

    ((source, name, verdict),) = report.verdicts()

    assert (source, name) == (Path("controller/x.py"), "m")
    assert verdict in report.COLUMNS
    assert (verdict == "killed") == (code in (1, 152))
