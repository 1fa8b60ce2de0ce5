"""Puts each bug of ``tests/seeded/`` into a copy of the program and says how soon it is found.

A bug is a patch. It is looked for by a campaign, as in CI, or by a sweep where its patch is named
so; the same sessions are then played without it. Exit 0 if every bug was found and nothing was
found without one, else 1.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
BUGS: Final = ROOT / "tests" / "seeded"
ROOMS: Final = ("controller", "drivers", "protocols", "firmware_interfaces", "simulators")
BENCH: Final = (sys.executable, "-m", "simulators.bench.cli")
DONE, NOT_FOUND = 0, 1


@contextmanager
def copy_with(patch: Path | None) -> Iterator[Path]:
    """A copy of the program with that bug in it. Raises ValueError if it no longer fits."""
    with tempfile.TemporaryDirectory(prefix="isodrip-seeded-") as made:
        copy = Path(made)
        for room in (*ROOMS, "examples"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / room, copy / room, ignore=ignored)
        if patch is not None:
            applied = subprocess.run(
                ["git", "apply", "--whitespace=nowarn", str(patch)],
                cwd=copy,
                env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
                capture_output=True,
                text=True,
                check=False,
            )
            if applied.returncode:
                raise ValueError(f"{patch.name} does not fit: {applied.stderr.strip()}")
        yield copy


def played(copy: Path, *arguments: str) -> dict[str, Any]:
    """What a command of that copy's bench prints as JSON."""
    ran = subprocess.run(
        [*BENCH, *arguments, "--json"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not ran.stdout:
        raise ValueError(f"{' '.join(arguments)} ended with {ran.returncode} and said nothing")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def campaign(copy: Path, given: argparse.Namespace, sessions: int) -> dict[str, Any]:
    """A campaign that ends at its first violation."""
    return played(
        copy,
        *("campaign", "--sessions", str(sessions), "--seed", str(given.seed)),
        *("--workers", str(given.workers), "--minutes", str(given.minutes), "--until-broken"),
    )


def look_for(patch: Path, given: argparse.Namespace) -> tuple[str, int]:
    """What became of one bug, in a line, and by which session it was found (0: it was not)."""
    with copy_with(patch) as copy:
        found = campaign(copy, given, given.sessions)
    if not found["broken"]:
        return f"NOT FOUND in {found['sessions']} sessions, {found['cpu_s']:.0f} s", 0
    first = min(found["broken"], key=lambda one: int(one["name"]))
    number = int(first["name"]) - given.seed + 1
    return f"session {number}, {found['cpu_s']:.0f} s: {first['violations'][0]}", number


def main() -> int:
    """Look for every bug, then play as many sessions as that took without any."""
    parser = argparse.ArgumentParser(prog="seeded_bugs", description=__doc__)
    parser.add_argument("--sessions", type=int, default=300, help="at most, for each bug")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each infusion")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    worst, missed = 0, 0
    for patch in sorted(BUGS.glob("*.patch")):
        text, number = look_for(patch, given)
        print(f"{patch.stem:<24} {text}", flush=True)
        worst, missed = max(worst, number), missed + (number == 0)
    with copy_with(None) as copy:
        clean = campaign(copy, given, worst or given.sessions)
    wrong = len(clean["broken"])
    print(f"{'no bug':<24} {clean['sessions']} sessions, {wrong} broken, {clean['cpu_s']:.0f} s")
    return NOT_FOUND if missed or wrong else DONE


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(NOT_FOUND)
