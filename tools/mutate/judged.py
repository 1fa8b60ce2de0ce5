"""Judges the mutants that mutmut made: each in a fork of one pytest that has collected its tests.

``cd mutants && python -m tools.mutate.judged [WORKERS] [PATTERN...]`` takes mutmut's mutants, its
map from functions to the tests that reach them and its files of verdicts, and does only what takes
mutmut long. It collects once, not once a mutant; it tries first what has killed other mutants of
the same function, then what has killed most for the time it takes; and it begins in situations that
were built before, once for all mutants. What survives that is tried again from situations that it
has built itself. A verdict once found is kept, as mutmut keeps it.

A mutant may use CPU time, never wall-clock time, beyond what its tests took: a busy machine kills
no mutant. What the tests take is measured here, once: mutmut's times are wall-clock times too.
"""

import fnmatch
import gc
import json
import os
import random
import resource
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pytest

from tests.core import situations
from tests.core.decisions import SITUATIONS
from tools.mutate.verdicts import (
    BY_MUTANT,
    KILLED,
    NO_TESTS,
    SURVIVED,
    TIMEOUT,
    function_of,
)

CPU_S_MIN: Final = 20
CPU_FACTOR: Final = 5.0
BUDGET_S: Final = 2.0
"""Of tests for one mutant; what only a longer row of them would find counts as survived."""
DECISIONS: Final = "test_decisions.py::"
"""Tests that see every decision to the last word: all that reach a mutant are tried."""
MEMORY_BYTES: Final = 2 << 30
STATS: Final = Path("mutmut-stats.json")
TIMES: Final = Path("judged-times.json")
"""CPU seconds by test."""


class Verdicts:
    """mutmut's own files: ``exit_code_by_key`` of each module."""

    def __init__(self, patterns: list[str]) -> None:
        self._files = {
            path: json.loads(path.read_text()) for path in sorted(Path().rglob("*.meta"))
        }
        self._file_of = {
            name: path for path, held in self._files.items() for name in held[BY_MUTANT]
        }
        self._patterns = patterns or ["*"]

    def open(self) -> list[str]:
        """Mutants without a verdict."""
        return [
            name
            for held in self._files.values()
            for name, code in held[BY_MUTANT].items()
            if code is None and any(fnmatch.fnmatch(name, one) for one in self._patterns)
        ]

    def settle(self, name: str, code: int) -> None:
        """Keep a verdict."""
        path = self._file_of[name]
        self._files[path][BY_MUTANT][name] = code
        path.write_text(json.dumps(self._files[path], indent=4))


class Judge:
    """A pytest plugin that runs mutants in the place of tests."""

    def __init__(self, workers: int, patterns: list[str]) -> None:
        self._workers = workers
        self._verdicts = Verdicts(patterns)
        stats = json.loads(STATS.read_text())
        self._tests: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
        self._durations: dict[str, float] = {}
        self._running: dict[int, tuple[str, int]] = {}
        self._killers: dict[str, Counter[str]] = {}
        self._all_killers: Counter[str] = Counter()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge every open mutant."""
        items = {item.nodeid: item for item in session.items}
        for builder in SITUATIONS.values():
            situations.built(builder)
        self._durations = _times(session)
        names = self._verdicts.open()
        # In no order of theirs: what is judged at any moment is a fair sample of all.
        random.Random(1).shuffle(names)
        gc.freeze()
        for number, name in enumerate(names):
            tests = [one for one in self._tests.get(function_of(name), ()) if one in items]
            if not tests:
                self._verdicts.settle(name, NO_TESTS)
                continue
            while len(self._running) >= self._workers:
                self._wait()
            tests.sort(key=partial(self._rank, self._killers.get(function_of(name), Counter())))
            tests = self._within_budget(tests)
            self._start(name, [items[one] for one in tests], session)
            if number % 100 == 0:
                sys.stderr.write(f"{number}/{len(names)} {name}\n")
        while self._running:
            self._wait()
        return True

    def _rank(self, killers: Counter[str], test: str) -> tuple[int, float]:
        return -killers[test], self._durations[test] / (1 + self._all_killers[test])

    def _within_budget(self, tests: list[str]) -> list[str]:
        spent = accumulate(self._durations[one] for one in tests)
        return [
            one
            for one, until_s in zip(tests, spent, strict=True)
            if until_s <= BUDGET_S or DECISIONS in one
        ]

    def _start(self, name: str, items: list[pytest.Item], session: pytest.Session) -> None:
        said, says = os.pipe()
        child = os.fork()
        if child:
            os.close(says)
            self._running[child] = name, said
            return
        expected_s = sum(self._durations[item.nodeid] for item in items)
        _limit(round(expected_s * CPU_FACTOR) + CPU_S_MIN)
        code = 3
        try:
            code = _judged(name, items, session, says)
        finally:
            os._exit(code)

    def _wait(self) -> None:
        child, status = os.wait()
        name, said = self._running.pop(child)
        killer = os.read(said, 4096).decode()
        os.close(said)
        if killer:
            self._killers.setdefault(function_of(name), Counter())[killer] += 1
            self._all_killers[killer] += 1
        if os.WIFSIGNALED(status):
            late = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
            self._verdicts.settle(name, TIMEOUT if late else KILLED)
        else:
            self._verdicts.settle(name, KILLED if os.WEXITSTATUS(status) else SURVIVED)


def _times(session: pytest.Session) -> dict[str, float]:
    """CPU seconds of each test without a change; measured where no earlier judging has."""
    known: dict[str, float] = json.loads(TIMES.read_text()) if TIMES.exists() else {}
    new = [item for item in session.items if item.nodeid not in known]
    child = os.fork() if new else 0
    if child:
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError("a test fails, and nothing was changed")
        return _times(session)
    if not new:
        return known
    code = 1
    try:
        for item, following in _pairs(new):
            begin_s = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            known[item.nodeid] = max(0.001, time.process_time() - begin_s)
        TIMES.write_text(json.dumps(known, indent=4))
        code = session.testsfailed
    finally:
        os._exit(code)


def _limit(cpu_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)


def _judged(name: str, items: list[pytest.Item], session: pytest.Session, says: int) -> int:
    """1 at the first test that fails, which is named."""
    from mutmut.mutation.trampoline import set_mutant_under_test  # noqa: PLC0415 - only here

    set_mutant_under_test(name)
    for _ in ("from what was built before", "from what it builds"):
        for item, following in _pairs(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os.write(says, item.nodeid.encode())
                return KILLED
            item._initrequest()  # type: ignore[attr-defined]  # as one does to run a test again
        situations.forget()
    return SURVIVED


def _pairs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def main(workers: int, patterns: list[str]) -> int:
    """Judge what is open; the exit code of pytest."""
    options: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
    chosen = options["pytest_add_cli_args_test_selection"]
    # The limit on a test's wall-clock time would kill mutants on a busy machine.
    quick = ["--tb=no", "--assert=plain", "--capture=no", "-p", "no:logging"]
    words = ["--rootdir=.", "-x", *quick, "-o", "timeout=0", *chosen]
    os.environ["MUTANT_UNDER_TEST"] = ""
    sys.path.insert(0, str(Path.cwd()))
    return int(pytest.main([*words, *options["pytest_add_cli_args"]], [Judge(workers, patterns)]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2, sys.argv[2:]))
