"""The trace fails where it should: each way to break the safety file is tried alone."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.trace import __main__ as program
from tools.trace.code_facts import CodeFacts, code_facts, exists, refusals
from tools.trace.collected import Collected, NotCollected, collect
from tools.trace.model import FileError, read_file

ROOT = Path(__file__).parents[2]
SAFETY = ROOT / "docs" / "safety"

FILES = {
    "scales.toml": """
[severity]
minor = "little"
critical = "much"
[probability]
remote = "seldom"
frequent = "often"
[matrix]
minor = "aa"
critical = "au"
[areas]
"part X" = "a later work"
[incidents]
1 = "it leaked"
""",
    "requirements/own.toml": """
[group]
title = "Ours"
source = "a page"

[[requirement]]
id = "R1"
text = "it stops"
status = "now"

[[requirement]]
id = "R2"
text = "it sings"
status = "later"
where = "part X"
why = "no voice yet"

[[requirement]]
id = "R3"
text = "it flies"
status = "outside"
why = "has no wings"
""",
    "controls.toml": """
[interlocks]
no_flow = ["R1"]

[[control]]
id = "two-people"
kind = "gate"
what = "two people"
where = ["controller.core.rules.second_person", "pathlib.Path.home"]
refuses = ["two must sign"]
requirements = ["R1"]
""",
    "hazards/use.toml": """
[[hazard]]
id = "H1"
hazard = "a leak"
sequence = "it loosens"
situation = "drug on the pad"
harm = "less dose"
severity = "critical"
initial = "frequent"
initial_why = "seen before"
controls = ["no_flow", "two-people"]
residual = "remote"
residual_why = "people look"
carried_by = "technician"
later = ["R2"]
scenarios = ["leak"]
incidents = [1]
blind = ["air"]
""",
    "hazards/device.toml": "",
    "hazards/software.toml": "",
    "hazards/environment.toml": "",
}
CODE = CodeFacts(
    interlocks={"no_flow": "It stands. Trip"},
    blind={"air": "air sensor"},
    refusals=frozenset({"two must sign"}),
    order_rules=frozenset(),
    scenarios=frozenset({"leak", "nominal"}),
)
TESTS = (
    Collected("tests/a.py::test_sole_cause[no_flow]", (), ("no_flow",)),
    Collected("tests/b.py::test_two", ("R1",)),
    Collected("tests/c.py::test_a_scenario_ends_as_it_says[leak]", ()),
    Collected("tests/c.py::test_a_scenario_ends_as_it_says[nominal]", ()),
    Collected("tests/d.py::test_nothing_in_particular", ()),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Replace what must stand there exactly once."""
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def found(folder: Path, code: CodeFacts = CODE, tests: tuple[Collected, ...] = TESTS) -> list[str]:
    return program.trace(folder, code, tests, check=False)


def test_what_belongs_together_has_no_problem_and_gets_its_pages(folder: Path) -> None:
    assert found(folder) == []
    assert program.trace(folder, CODE, TESTS, check=True) == []
    hazards = (folder / "hazards.md").read_text()
    assert "1 hazards: 1 acceptable, 0 reduce further, 0 **unacceptable**." in hazards
    assert "Frequent: **unacceptable**. seen before" in hazards
    assert "later: a later work" in (folder / "requirements.md").read_text()
    matrix = (folder / "trace.md").read_text()
    assert "| `test_two` | [R1](#r1) | H1 |" in matrix
    assert "`a.py::test_sole_cause[no_flow]`" in matrix
    assert "test_nothing_in_particular" not in matrix


H, C, Q = "hazards/use.toml", "controls.toml", "requirements/own.toml"
BROKEN = [
    (Q, 'status = "later"', 'status = "now"', "requirement R2 is now and no test names it"),
    (Q, 'why = "has no wings"', "", "requirement R3 is outside and does not argue why"),
    (Q, 'where = "part X"', 'where = "part Y"', "requirement R2 names part Y, which is no area of"),
    (C, 'no_flow = ["R1"]', "", "interlock no_flow has no requirement in controls.toml"),
    (C, 'no_flow = ["R1"]', "no_flow = []", "interlock no_flow has no requirement"),
    (C, "no_flow =", 'odd = ["R1"]\nno_flow =', "controls.toml names odd, which is no interlock"),
    (C, 'requirements = ["R1"]', 'requirements = ["R9"]', "control two-people names R9, which is"),
    (C, 'requirements = ["R1"]', 'requirements = ["R2"]', "realises no requirement of today"),
    (C, "pathlib.Path.home", "pathlib.Path.away", "stands in pathlib.Path.away, which there is"),
    (C, "pathlib.Path.home", "no.such.room", "stands in no.such.room, which there is not"),
    (C, "two must sign", "three must sign", "names three must sign, which is no refusal of the"),
    (C, "two must sign", "three must sign", "'two must sign' and no control of controls.toml"),
    (H, ', "two-people"', "", "control two-people is used by no hazard"),
    (H, 'controls = ["no_flow", "two-people"]', "", "hazard H1 has no control"),
    (H, '"two-people"', '"luck"', "hazard H1 names luck, which is no control"),
    (H, 'residual_why = "people look"', "", "hazard H1 does not argue its residual risk"),
    (H, 'residual_why = "people look"', 'residual_why = " "', "does not argue its residual risk"),
    (H, 'severity = "critical"', 'severity = "bad"', "hazard H1 names bad, which is no severity"),
    (H, 'residual = "remote"', 'residual = "rare"', "names rare, which is no probability"),
    (H, 'later = ["R2"]', 'later = ["R9"]', "hazard H1 names R9, which is no requirement"),
    (H, 'later = ["R2"]', 'later = ["R1"]', "hazard H1 waits for R1, which is now"),
    (H, '["leak"]', '["flood"]', "a hazard names flood, which is no scenario"),
    (H, '["leak"]', "[]", "scenario leak rehearses no hazard"),
    (H, '["air"]', '["water"]', "names water, which is no row that is not observable here"),
    (H, '["air"]', "[]", "row air is not observable here and no hazard says who carries that"),
    (H, "incidents = [1]", "incidents = [2]", "names 2, which is no incident class"),
    (H, "incidents = [1]", "", "incident class 1 belongs to no hazard"),
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), BROKEN)
def test_a_broken_safety_file_is_told_and_writes_nothing(folder, name, old, new, expected) -> None:
    edit(folder, name, old, new)
    assert [problem for problem in found(folder) if expected in problem]
    assert not (folder / "trace.md").exists()


def test_what_stays_unacceptable_must_be_planned_for(folder: Path) -> None:
    edit(folder, H, 'residual = "remote"', 'residual = "frequent"')
    assert found(folder) == []
    edit(folder, H, 'later = ["R2"]', "")
    assert found(folder) == ["hazard H1 stays unacceptable and nothing later will lower it"]


def without(number: int) -> tuple[Collected, ...]:
    return TESTS[:number] + TESTS[number + 1 :]


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        (without(0), "interlock no_flow is in no test the sole cause"),
        (without(2), "scenario leak is played by no test"),
        (
            (*TESTS, Collected("tests/e.py::test_e", ("R9",))),
            "test tests/e.py::test_e names R9, which is no requirement",
        ),
        (
            (*TESTS, Collected("tests/e.py::test_e", (), ("hum",))),
            "test tests/e.py::test_e names hum, which is no interlock",
        ),
        (
            (*TESTS, Collected("tests/e.py::test_e", ("R2",))),
            "requirement R2 is later, yet tests/e.py::test_e says that it is met",
        ),
    ],
)
def test_broken_marks_are_told(folder: Path, tests, expected: str) -> None:
    assert found(folder, tests=tests) == [expected]


def test_a_requirement_without_any_test_is_told(folder: Path) -> None:
    expected = ["requirement R1 is now and no test names it"]
    assert found(folder, tests=TESTS[2:])[:1] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda code: replace(code, interlocks={**code.interlocks, "new": "It is new"}),
            [
                "interlock new has no requirement in controls.toml",
                "interlock new is in no test the sole cause",
            ],
        ),
        (
            lambda code: replace(code, refusals=code.refusals | {"not today"}),
            ["the core refuses with 'not today' and no control of controls.toml names it"],
        ),
        (
            lambda code: replace(code, order_rules=frozenset({"rules.tall_enough"})),
            ["rules.tall_enough judges orders and no control of controls.toml names it"],
        ),
        (
            lambda code: replace(code, scenarios=code.scenarios | {"fire"}),
            ["scenario fire rehearses no hazard"],
        ),
    ],
)
def test_new_code_without_its_rows_is_told(
    folder: Path, change: Callable[[CodeFacts], CodeFacts], expected: list[str]
) -> None:
    assert found(folder, code=change(CODE)) == expected


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (H, 'harm = "less dose"', 'harm = ""', "use.toml: H1.harm"),
        ("scales.toml", 'minor = "aa"', "", "matrix must have a row a severity"),
        ("scales.toml", 'minor = "aa"', 'minor = "a"', "matrix must have a row a severity"),
        ("scales.toml", 'minor = "aa"', 'minor = "ax"', "matrix must have a row a severity"),
        (H, 'harm = "less dose"', 'harms = "less dose"', "use.toml: H1.harms: Extra inputs"),
        (Q, 'status = "later"', 'status = "soon"', "own.toml: R2.status"),
        (Q, 'id = "R2"', 'id = "R1"', "an id stands twice: R1"),
        (C, "[interlocks]", "[interlocks", "controls.toml: "),
    ],
)
def test_a_row_that_cannot_be_read_is_named(folder, name, old, new, message) -> None:
    edit(folder, name, old, new)
    with pytest.raises(FileError, match=re.escape(message)):
        read_file(folder, CODE.interlocks)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "hazards" / "device.toml").unlink()
    with pytest.raises(FileError, match=re.escape("device.toml: ")):
        read_file(folder, CODE.interlocks)


@pytest.mark.parametrize("name", ["hazards.md", "requirements.md", "trace.md"])
def test_a_page_that_was_edited_or_removed_is_not_up_to_date(folder: Path, name: str) -> None:
    assert found(folder) == []
    (folder / name).write_text((folder / name).read_text() + "and so on\n")
    assert program.trace(folder, CODE, TESTS, check=True) == [
        f"{name} is not up to date: make trace"
    ]
    (folder / name).unlink()
    assert program.trace(folder, CODE, TESTS, check=True) == [
        f"{name} is not up to date: make trace"
    ]
    assert found(folder) == []


def test_the_command_ends_with_1_and_says_why(monkeypatch, capsys) -> None:
    monkeypatch.setattr(program, "collect", lambda root: TESTS)
    assert program.main(["--check"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "trace: interlock occlusion is in no test the sole cause" in told
    assert "trace: requirement W1 is now and no test names it" in told


def test_the_command_ends_with_1_where_tests_cannot_be_collected(monkeypatch, capsys) -> None:
    def fails(root: Path) -> tuple[Collected, ...]:
        raise NotCollected("E   SyntaxError")

    monkeypatch.setattr(program, "collect", fails)
    assert program.main(["--check"]) == 1
    assert capsys.readouterr().err == "trace: E   SyntaxError\n"


# --- what it asks of code and of pytest -----------------------------------------------------------


def test_refusals_are_found_however_their_rule_is_written(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "def f(x):\n"
        "    rule = 'in the sun' if x else 'in the rain'\n"
        "    if x > 1:\n"
        "        return Refused(rule, 'x')\n"
        "    return Refused('by night', str(x))\n"
    )
    assert sorted(refusals(tmp_path)) == ["by night", "in the rain", "in the sun"]


HANDS_ON = """
def too_old(days, most) -> Objection:
    rule = f"at most {most} days old"
    if days > most:
        return rule, f"{days} days"
    return None

def objection(days, most) -> Objection:
    return too_old(days, most) or ("dry" and None)

def arm(state):
    found = rules.objection(state.days, 3)
    if found:
        return Refused(*found)
    return None
"""


def test_a_refusal_that_is_handed_on_is_found_where_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(HANDS_ON)
    assert list(refusals(tmp_path)) == ["at most {} days old"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rules.objection(state.days, 3)", "state.found", "no rule in '*found'"),
        ("Refused(*found)", "Refused(found.rule, '')", "no rule in 'found.rule'"),
    ],
)
def test_a_refusal_whose_rule_cannot_be_read_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / "one.py").write_text(HANDS_ON.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(message)):
        list(refusals(tmp_path))


def test_the_facts_are_those_of_the_program() -> None:
    facts = code_facts(ROOT)
    assert facts.interlocks["no_flow"] == (
        "The pump says it runs but its counter stands. Trip, high, seen by: pump counter"
    )
    assert facts.blind["air"] == "air sensor"
    assert "two different people must release" in facts.refusals
    assert "not usable beyond 20 % of the prescribed activity (10 CFR 35.63(d))" in facts.refusals
    assert "the commissioning must be at most {} days old" in facts.refusals
    assert "controller.clinic.order_rules.matches" in facts.order_rules
    assert {"nominal", "occlusion"} <= facts.scenarios


def test_a_name_of_the_code_is_a_module_or_something_in_one() -> None:
    there = ("drivers", "drivers.exchange.Exchange", "drivers.exchange.Exchange.ask")
    assert [exists(name) for name in there] == [True, True, True]
    assert not exists("drivers.exchange.Exchange.beg")
    assert not exists("driver")
    assert not exists("")


def test_marks_are_collected_from_functions_parameters_and_modules(tmp_path: Path) -> None:
    path = tmp_path / "test_marks.py"
    path.write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.requirement('M1')\n"
        "alone = pytest.param(1, marks=pytest.mark.sole_cause('no_flow'))\n"
        "@pytest.mark.parametrize('x', [alone])\n"
        "@pytest.mark.requirement('F1', 'F2')\n"
        "def test_one(x): pass\n"
    )
    (one,) = collect(ROOT, [str(path)])
    assert set(one.requirements) == {"F1", "F2", "M1"}
    assert one.interlocks == ("no_flow",)
    assert one.function.endswith("test_marks.py::test_one")
    assert one.parameter == "1"


def test_a_file_that_cannot_be_collected_is_no_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "test_broken.py"
    path.write_text("import nothing_of_that_name\n")
    with pytest.raises(NotCollected, match="nothing_of_that_name"):
        collect(ROOT, [str(path)])


# --- the safety file of this repository -----------------------------------------------------------


@pytest.mark.timeout(300)
def test_this_repository_s_safety_file_belongs_together_and_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "tools.trace", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", ["README.md", "hazards.md", "requirements.md", "trace.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    pages = {path.name: path.read_text("utf-8") for path in SAFETY.glob("*.md")}
    for page, target in re.findall(r"\]\(([a-z]*\.?[a-zA-Z]*)(?:#([^)]+))?\)", pages[name]):
        assert (page or name) in pages
        assert not target or f'<a id="{target}"></a>' in pages[page or name]


def test_no_place_of_a_page_stands_twice() -> None:
    for path in SAFETY.glob("*.md"):
        places = re.findall(r'<a id="([^"]+)">', path.read_text("utf-8"))
        assert len(places) == len(set(places)), path.name
