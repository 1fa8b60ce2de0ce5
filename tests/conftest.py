"""What holds for every test: no task is left behind, seeds are printed, a skip is never quiet."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

# No deadline: a wall-clock limit on an example would judge the machine, not the code.
settings.register_profile("isodrip", deadline=None, print_blob=True, derandomize=IN_CI)
settings.register_profile(
    "explore", deadline=None, print_blob=True, max_examples=500, stateful_step_count=100
)
# A mutant is killed or survives whatever Hypothesis thinks of on the day.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, max_examples=25, database=None
)
settings.load_profile("isodrip")


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that ends while a task which it started still lives."""
    before = asyncio.all_tasks()
    yield
    # A task that was cancelled in the test's last line ends in the loop's next turns.
    for _ in range(5):
        await asyncio.sleep(0)
    here = asyncio.current_task()
    left = [task for task in asyncio.all_tasks() - before if task is not here]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if left:
        pytest.fail(f"tasks left behind: {', '.join(repr(task) for task in left)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every coroutine test gets ``no_task_left`` as its outermost fixture."""
    for item in items:
        if isinstance(item, pytest.Function) and _is_coroutine_test(item):
            item.fixturenames.insert(0, "no_task_left")


def _is_coroutine_test(item: pytest.Function) -> bool:
    function = getattr(item.obj, "hypothesis", None)
    return inspect.iscoroutinefunction(function.inner_test if function else item.obj)


def _skipped(terminal: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [one for one in terminal.stats.get("skipped", []) if not hasattr(one, "wasxfail")]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: nothing there may be missing."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and terminal is not None and _skipped(terminal) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not shown."""
    skipped = _skipped(terminalreporter)
    if not skipped:
        return
    verdict = "which CI does not allow: THE RUN FAILS" if IN_CI else "so they prove nothing here"
    terminalreporter.section(f"{len(skipped)} TESTS SKIPPED, {verdict}", sep="!", red=True)
    for report in skipped:
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}", red=True)
