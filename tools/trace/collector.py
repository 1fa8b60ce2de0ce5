"""A pytest plugin that writes which requirement and interlock each collected test names.

Used with ``--collect-only``: nothing runs. It knows marks, and nothing of the safety file.
"""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write."""
    parser.addoption("--trace-to", help="file for the tests and what they name, as JSON")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write every test, marked or not, in the order of collection."""
    found = [
        {
            "id": item.nodeid,
            "requirements": _named(item, "requirement"),
            "interlocks": _named(item, "sole_cause"),
        }
        for item in session.items
    ]
    Path(session.config.getoption("--trace-to")).write_text(json.dumps(found), "utf-8")


def _named(item: pytest.Item, mark: str) -> list[str]:
    return [str(name) for one in item.iter_markers(mark) for name in one.args]
