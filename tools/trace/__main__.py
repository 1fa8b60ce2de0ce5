"""``python -m tools.trace``: check the safety file and write its pages, or ``--check`` them.

Exit code 0 if everything belongs together, 1 if something is missing or a page is not up to date.
"""

import argparse
import sys
from pathlib import Path

from tools.trace.checks import problems
from tools.trace.code_facts import CodeFacts, code_facts
from tools.trace.collected import Collected, NotCollected, collect
from tools.trace.links import Links
from tools.trace.matrix import trace_page
from tools.trace.model import FileError, read_file
from tools.trace.pages import hazards_page, requirements_page

ROOT = Path(__file__).parents[2]


def pages(links: Links) -> dict[str, str]:
    """The text of every page by its name."""
    return {
        "hazards.md": hazards_page(links),
        "requirements.md": requirements_page(links),
        "trace.md": trace_page(links),
    }


def outdated(folder: Path, made: dict[str, str]) -> list[str]:
    """Pages that do not stand there as they would be made."""
    return [
        f"{name} is not up to date: make trace"
        for name, text in made.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]


def trace(folder: Path, code: CodeFacts, tests: tuple[Collected, ...], *, check: bool) -> list[str]:
    """All problems of the safety file in ``folder``; writes its pages unless it only checks.

    Raises `FileError`. Nothing is written while something is wrong.
    """
    links = Links(read_file(folder, code.interlocks), code, tests)
    found = problems(links)
    if found:
        return found
    made = pages(links)
    if check:
        return outdated(folder, made)
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")
    return []


def main(arguments: list[str]) -> int:
    """Trace this repository."""
    parser = argparse.ArgumentParser(prog="make trace", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    try:
        found = trace(ROOT / "docs" / "safety", code_facts(ROOT), collect(ROOT), check=check)
    except (FileError, NotCollected) as error:
        found = str(error).splitlines()
    for problem in found:
        print(f"trace: {problem}", file=sys.stderr)
    if not found:
        print("trace: every requirement of today, interlock and hazard has what it needs")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
