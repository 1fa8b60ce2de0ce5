"""How the ``isodrip`` command answers: lines for people, one object for programs, exit codes."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from controller.clinic.documents import DocumentError
from controller.clinic.text import parse_number
from controller.clock import SystemClock
from controller.config import ConfigError, SiteConfig, read_site
from controller.people_file import People, PeopleBroken, begun, read_people

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
MISSING: Final = 3


class Fault(Exception):
    """An end with an exit code: each line names a thing, what was seen and the rule."""

    def __init__(self, code: int, problems: Sequence[dict[str, str]]) -> None:
        super().__init__("; ".join(map(problem_line, problems)))
        self.code, self.problems = code, tuple(problems)


def problem(field: str, value: object, rule: str) -> dict[str, str]:
    """What is wrong: the thing, what was seen, the rule."""
    return {"field": field, "value": str(value), "rule": rule}


def problem_line(found: dict[str, str]) -> str:
    """A problem in a line."""
    return f"{found['field']} = {found['value']}: {found['rule']}"


def fault(code: int, field: str, value: object, rule: str) -> Fault:
    """An end for one problem."""
    return Fault(code, [problem(field, value, rule)])


def refused(error: DocumentError) -> Fault:
    """An end for a document that a check refused."""
    return Fault(FAILED, [problem(p.field, p.value, p.rule) for p in error.problems])


def number_argument(text: str) -> float:
    """A number of the command line, for argparse."""
    try:
        return parse_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def text_of(path: Path) -> str:
    """The text of a file, line ends as they are: it may be hashed. Raises Fault."""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise fault(WRONG, "file", path, f"must be readable text: {error}") from error


def site_of(path: Path) -> SiteConfig:
    """The site of a file. Raises Fault with every problem."""
    try:
        return read_site(path)
    except ConfigError as error:
        problems = [problem(p.field, p.value, p.rule) for p in error.problems]
        raise Fault(WRONG, problems) from error
    except OSError as error:
        raise fault(WRONG, "file", path, f"must be readable: {error.strerror}") from error


def people_of(site: SiteConfig) -> People:
    """The people so far; nobody where there is no file yet. Raises Fault."""
    path = site.people_path
    try:
        return read_people(path)
    except FileNotFoundError:
        return begun(SystemClock().utc_ns())
    except PeopleBroken as error:
        raise fault(FAILED, "people", path, f"must be whole: {error}") from error
    except OSError as error:
        raise fault(WRONG, "people", path, f"must be readable: {error.strerror}") from error


class Out:
    """Where answers go: lines for people, or one object on the last line."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, text: str) -> None:
        """A line for people; nothing under ``--json``."""
        if not self.as_json:
            print(text, flush=True)

    def end(self, **result: Any) -> None:
        """The object of ``--json``."""
        if self.as_json:
            print(json.dumps(result, ensure_ascii=False), flush=True)
