"""House rules that a machine can hold: size, purity of time and chance, sources, cleanliness.

It reads the repository as text and syntax; it imports nothing of the rooms but their tables.
"""

import ast
import json
import math
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.core.interlocks import INTERLOCKS
from firmware_interfaces import capintec, crc15, new_era

ROOT = Path(__file__).parents[1]
ROOMS = ("controller", "drivers", "protocols", "simulators", "firmware_interfaces")
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_P95 = 40
FILE_LINES_MAX = 400
COLUMNS_MAX = 100

# The only places that may ask what time it is: the clock of the daemon, that of the bench, and the
# count of sessions a core-hour.
CLOCKS = {
    "controller/clock.py",
    "simulators/bench/launch.py",
    "simulators/bench/tally.py",
    "simulators/bench/world.py",
}
NOW_CALLS = {"now", "utcnow", "today"}
CLOCK_MODULES = {"time", "sched", "timeit"}
SEEDED_NAMES = {"Random"}

# Character classes keep this file from finding itself.
UNFINISHED = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|wor[k])/\w")
PACKAGE_INDEX = re.compile(
    r"--(extra-)?index-url|--find-links|--trusted-host|/simple/|python[h]osted[.]|pypi[.]org"
)
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE [K]EY-----")
PASSWORD_IN_URL = re.compile(r"://(?!user:password@)[^/\s:@{}]+:[^/\s:@{}]+@")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".in", ".json", ".js", ".css", ".html", ".cfg", ""}
# The pip options that keep an index out of the locks, and the checks against them, must name them.
MAY_NAME_INDEX_OPTIONS = {"Makefile", "tests/test_tidy.py"}


def _tracked() -> list[Path]:
    """Files that git knows or would take; vendored files are other people's."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = (ROOT / name for name in listed)
    return [path for path in paths if path.is_file() and "vendor" not in path.parts]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TRACKED = _tracked()
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
CODE = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in ROOMS]
TEXT = [path for path in TRACKED if path.suffix in TEXT_SUFFIXES]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in PYTHON}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(path: Path) -> Iterator[Function]:
    return (
        n for n in ast.walk(TREES[path]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name) of every import; the name is None where the module itself is imported."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module.split(".")[0], alias.name) for alias in node.names)


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(dotted text of what is called, the call)."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _matches(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{_name(path)}:{number}: {line.strip()[:80]}")
    return found


def test_there_is_code_to_judge() -> None:
    """The walk found the rooms: an empty list would make every rule below hold."""
    assert {path.relative_to(ROOT).parts[0] for path in CODE} == set(ROOMS)


def test_no_function_is_longer_than_70_lines() -> None:
    long = [
        f"{_name(path)}:{one.lineno} {one.name}: {_length(one)} lines"
        for path in CODE
        for one in _functions(path)
        if _length(one) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_95_of_100_functions_have_at_most_40_lines() -> None:
    lengths = sorted(_length(one) for path in CODE for one in _functions(path))
    assert lengths[math.ceil(0.95 * len(lengths)) - 1] <= FUNCTION_LINES_P95


def test_no_file_is_longer_than_400_lines() -> None:
    long = {_name(path): len(path.read_text("utf-8").splitlines()) for path in CODE}
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES_MAX} == {}


def test_no_line_of_code_is_wider_than_100_columns() -> None:
    assert _matches(re.compile(rf"^.{{{COLUMNS_MAX + 1}}}"), PYTHON) == []


def test_every_module_states_its_boundary() -> None:
    """A module docstring comes first; an empty ``__init__`` has nothing to state."""
    silent = [
        _name(path) for path in PYTHON if TREES[path].body and not ast.get_docstring(TREES[path])
    ]
    assert silent == []


def test_every_room_has_a_sentence() -> None:
    for room in ROOMS:
        assert ast.get_docstring(TREES[ROOT / room / "__init__.py"]), room


def test_only_the_clock_imports_time() -> None:
    found = [
        f"{_name(path)}: {module}"
        for path in CODE
        for module, _ in _imports(path)
        if module in CLOCK_MODULES and _name(path) not in CLOCKS
    ]
    assert found == []


def test_only_the_clock_asks_for_the_date() -> None:
    found = [
        f"{_name(path)}:{call.lineno}: {text}()"
        for path in CODE
        for text, call in _calls(path)
        if re.search(r"\b(datetime|date)\.", text)
        and text.rsplit(".", 1)[1] in NOW_CALLS
        and _name(path) not in CLOCKS
    ]
    assert found == []


def test_chance_is_a_seeded_object() -> None:
    """Nothing uses the interpreter's shared generator: a seed reproduces a run to the byte."""
    loose = []
    for path in CODE:
        names = {name for module, name in _imports(path) if module == "random" and name}
        loose += [f"{_name(path)}: from random import {name}" for name in names - SEEDED_NAMES]
        for text, call in _calls(path):
            shared = text.startswith("random.") and text != "random.Random"
            unseeded = text in ("random.Random", "Random") and not (call.args or call.keywords)
            if shared or unseeded:
                loose.append(f"{_name(path)}:{call.lineno}: {text}()")
    assert loose == []


def test_nothing_unfinished_is_kept() -> None:
    assert _matches(UNFINISHED, TEXT) == []


def test_no_path_of_a_machine_is_kept() -> None:
    assert _matches(MACHINE_PATH, TEXT) == []


def test_no_package_index_is_kept() -> None:
    judged = [path for path in TEXT if _name(path) not in MAY_NAME_INDEX_OPTIONS]
    assert _matches(PACKAGE_INDEX, judged) == []


def test_no_secret_is_kept() -> None:
    """Tests of the URL reader need a made-up password; nothing else may hold one."""
    others = [path for path in TEXT if path.relative_to(ROOT).parts[0] != "tests"]
    assert _matches(PRIVATE_KEY, TEXT) + _matches(PASSWORD_IN_URL, others) == []


def test_locks_hold_hashes_and_no_address() -> None:
    """Every pinned package has a hash; nothing in the file says where it came from."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text("utf-8")
        assert "://" not in text, path.name
        pins = re.split(r"\n(?=[a-zA-Z0-9])", text.replace("\\\n", " "))
        loose = [pin.split()[0] for pin in pins if "==" in pin and "--hash=sha256:" not in pin]
        assert loose == [], path.name


def test_every_locked_program_is_a_declared_dependency() -> None:
    """What pyproject.toml asks for stands in the locks, so `pip install --no-deps` is complete."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "bench.txt": project["dependencies"] + extras["bench"],
        "dev.txt": project["dependencies"] + extras["bench"] + extras["dev"],
    }
    for lock, requirements in wanted.items():
        pinned = set(
            re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / lock).read_text(), re.M)
        )
        names = {re.split(r"[\[<>=~! ]", one)[0].lower() for one in requirements} - {"isodrip"}
        assert names - pinned == set(), lock


def _golden(device: str) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = json.loads(
        (ROOT / "tests/golden" / f"{device}.json").read_text()
    )
    return frames


def test_every_new_era_command_has_a_golden_frame() -> None:
    """The longest name that begins a golden command's text is the command which it proves."""
    names = sorted(new_era.COMMANDS, key=len, reverse=True)
    texts = [frame["command"]["text"] for frame in _golden("new_era") if frame.get("command")]
    proven = {next(name for name in names if text.startswith(name)) for text in texts}
    # The empty name (status) begins every text: only an empty text proves it.
    proven = (proven - {""}) | ({""} & set(texts))
    assert set(names) - proven == set()


def test_every_capintec_command_has_a_golden_frame() -> None:
    payloads = [f["payload"] or "" for f in _golden("capintec") if f["role"] == "host"]
    for command in (capintec.READ_COMMAND, capintec.SELECT_COMMAND):
        assert any(payload.startswith(command) for payload in payloads), command


def test_every_letter_of_a_polled_reading_has_a_golden_frame() -> None:
    (asked,) = [frame["letters"] for frame in _golden("crc15") if frame["role"] == "host"]
    wanted = (crc15.NUCLIDE_LETTERS, crc15.UNIT_LETTER, crc15.ACTIVITY_LETTERS)
    assert asked == crc15.BEGIN + "".join(wanted)


@pytest.mark.parametrize("device", ["new_era", "capintec", "crc15"])
def test_every_golden_frame_names_its_source(device: str) -> None:
    assert [frame["name"] for frame in _golden(device) if not frame.get("source")] == []


def test_every_interlock_is_somewhere_the_sole_cause() -> None:
    """``test_sole_cause_<id>``, or the id as a literal in a file that holds ``test_sole_cause``."""
    proven: set[str] = set()
    for path in PYTHON:
        names = {one.name for one in _functions(path)} if "tests" in path.parts else set()
        sole = {name for name in names if name.startswith("test_sole_cause")}
        proven |= {name.removeprefix("test_sole_cause_") for name in sole}
        if "test_sole_cause" in sole:
            literals = (n.value for n in ast.walk(TREES[path]) if isinstance(n, ast.Constant))
            proven |= {value for value in literals if isinstance(value, str)}
    assert set(INTERLOCKS) - proven == set()


def test_every_test_module_has_a_test() -> None:
    empty = [
        _name(path)
        for path in PYTHON
        if path.name.startswith("test_")
        and not any(one.name.startswith("test") for one in _functions(path))
        and "class " not in path.read_text("utf-8")
    ]
    assert empty == []


def test_the_state_diagram_is_that_of_the_table() -> None:
    """README.md shows what the transition table says; ``make diagram`` writes it."""
    checked = subprocess.run(
        [sys.executable, "tools/state_diagram.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
