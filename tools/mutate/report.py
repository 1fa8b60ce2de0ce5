"""Counts the verdicts on mutants, and lists what survived with the argument that was made for it.

``python -m tools.mutate.report [--write]`` from the repository, after ``make mutants``. Arguments
stand in docs/safety/mutants.toml by function and by the line that was changed, so that a mutant's
number may change; or by a function alone, for every change of it. With ``--write``
docs/safety/mutation.md is made anew.
"""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.mutate.verdicts import BY_MUTANT, NO_TESTS, SURVIVED, TIMEOUT, function_of

ROOT: Final = Path(__file__).parents[2]
MUTANTS: Final = ROOT / "mutants"
ARGUED: Final = ROOT / "docs" / "safety" / "mutants.toml"
PAGE: Final = ROOT / "docs" / "safety" / "mutation.md"
VERDICTS: Final = {SURVIVED: "survived", NO_TESTS: "no test", TIMEOUT: "timeout"}
NOT_ARGUED: Final = "Not argued yet."
COLUMNS: Final = ("killed", "timeout", "survived", "no test", "open")
HEAD: Final = """\
# What the tests notice

`make mutants` changes the judgement and the grammar in one place at a time (mutmut) and runs the
tests that reach that place: a change that no test notices *survives*. A timeout is a change that
made the tests run without end: they would have noticed. What is *open* was not judged yet; the
order is by chance, so those judged are a fair sample. The judging is resumed where it was left.
This page is made by `python -m tools.mutate.report --write`.
"""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change that no test noticed: where, and the line as it was and as it became."""

    function: str
    was: str
    became: str


def verdicts() -> Iterator[tuple[Path, str, str]]:
    """(source, mutant, verdict) of every mutant."""
    for meta in sorted(MUTANTS.rglob("*.meta")):
        source = meta.relative_to(MUTANTS).with_suffix("")
        for name, code in json.loads(meta.read_text())[BY_MUTANT].items():
            yield source, name, "open" if code is None else VERDICTS.get(code, "killed")


def survivor(source: Path, name: str) -> Survivor:
    """What was changed, out of mutmut's own difference."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415

    lines = get_diff_for_mutant(name, path=source).splitlines()[3:]
    was, became = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Survivor(function_of(name), was, became)


def rooms(found: Iterable[tuple[Path, str, str]]) -> dict[str, Counter[str]]:
    """Verdicts by folder and by file."""
    counts: dict[str, Counter[str]] = {}
    for source, _name, verdict in found:
        for key in (f"**{source.parent}**", str(source)):
            counts.setdefault(key, Counter())[verdict] += 1
    return counts


def rate(counts: Counter[str]) -> str:
    """Noticed changes among those judged."""
    judged = counts.total() - counts["open"]
    noticed = counts["killed"] + counts["timeout"]
    return f"{100 * noticed / judged:.1f} %" if judged else "-"


def arguments() -> dict[Survivor, str]:
    """What was argued of survivors."""
    rows = tomllib.loads(ARGUED.read_text("utf-8"))["argued"] if ARGUED.exists() else []
    return {
        Survivor(row["function"], row.get("was", ""), row.get("became", "")): row["why"]
        for row in rows
    }


def _argument(known: dict[Survivor, str], one: Survivor) -> str:
    """What was argued of this change, or of every change of its function."""
    return known.get(one) or known.get(Survivor(one.function, "", ""), NOT_ARGUED)


def page(found: list[tuple[Path, str, str]], survivors: list[Survivor]) -> str:
    """docs/safety/mutation.md."""
    known = arguments()
    lines = [
        HEAD,
        f"| where | {' | '.join(COLUMNS)} | noticed |",
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    for where, counts in sorted(rooms(found).items()):
        cells = " | ".join(str(counts[column]) for column in COLUMNS)
        lines.append(f"| {where} | {cells} | {rate(counts)} |")
    lines += ["", "## Survivors", ""]
    for one in sorted(set(survivors), key=lambda one: (one.function, one.was, one.became)):
        lines += [f"### `{one.function}`", "", "```diff"]
        lines += [f"- {line}" for line in one.was.splitlines()]
        lines += [f"+ {line}" for line in one.became.splitlines()]
        lines += ["```", "", _argument(known, one), ""]
    return "\n".join(lines).rstrip() + "\n"


def main(given: list[str]) -> int:
    """Print the table; write the page where asked to."""
    found = list(verdicts())
    survivors = [survivor(s, name) for s, name, verdict in found if verdict == "survived"]
    text = page(found, survivors)
    sys.stdout.write(text.partition("## Survivors")[0].partition("\n| where")[2] + "\n")
    unargued = text.count(NOT_ARGUED)
    sys.stdout.write(f"{len(survivors)} survive, {unargued} changes of them not argued\n")
    if given == ["--write"]:
        PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
