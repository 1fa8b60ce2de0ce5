"""``make fuzz``: every target in turn, first guided by atheris, then blind; a table at the end.

Guided, libFuzzer changes what reached new code and keeps what reaches more; blind, what was kept is
changed at ten times the pace. All stays under ``var/fuzz``; ``--keep`` writes the shortest of it
into the kept corpus. A mistake ends its target, and its input lies beside.
"""

import argparse
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.blind import HANG_S, INPUT_MAX, WORDS
from tests.fuzz.targets import BY_NAME

WORK: Final = Path("var/fuzz")
RSS_MB_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a target: inputs of each way, CPU time of both, memory grown by, kB."""

    name: str
    guided: int
    blind: int
    cpu_s: float
    grown_kb: int
    mistakes: int

    def row(self) -> str:
        """A row of the table."""
        cells = (self.name, self.guided, self.blind, round(self.cpu_s), self.grown_kb)
        return f"| {' | '.join(map(str, (*cells, self.mistakes)))} |"


def main() -> int:
    """Fuzz what is asked for; 1 if a mistake was found."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs of each target")
    parser.add_argument("--guided", type=int, default=50_000, help="so many of them guided")
    parser.add_argument("--only", action="append", choices=sorted(BY_NAME), help="default: all")
    parser.add_argument("--keep", action="store_true", help="write the kept corpus anew")
    given = parser.parse_args()
    outcomes = []
    for name in given.only or BY_NAME:
        outcomes.append(_fuzzed(name, given.guided, given.runs - given.guided))
        sys.stderr.write(f"{outcomes[-1].row()}\n")
        if given.keep:
            corpus.keep(name, [path.read_bytes() for path in (WORK / name).iterdir()])
    print("| target | guided | blind | CPU s | kB grown | mistakes |\n|---|---|---|---|---|---|")
    print("\n".join(one.row() for one in outcomes))
    return int(any(one.mistakes for one in outcomes))


def _fuzzed(name: str, guided: int, blind: int) -> Outcome:
    begun_s = _children_s()
    folder, log = WORK / name, WORK / f"{name}.log"
    _fill(folder, corpus.kept(name))
    options = (f"-runs={guided}", f"-rss_limit_mb={RSS_MB_MAX}", "-print_final_stats=1")
    with log.open("wb") as told:
        first = subprocess.run(_guided(name, *options, folder), stderr=told, check=False)
        command = [sys.executable, "-m", "tests.fuzz.blind", name, str(max(blind, 1)), str(folder)]
        then = subprocess.run(command, stdout=subprocess.PIPE, stderr=told, check=False)
    inputs = re.findall(rb"number_of_executed_units:\s+(\d+)", log.read_bytes())
    tried, grown_kb = map(int, then.stdout.split() or (0, 0))
    return Outcome(
        name=name,
        guided=int(inputs[-1]) if inputs else 0,
        blind=tried,
        cpu_s=_children_s() - begun_s,
        grown_kb=grown_kb,
        mistakes=(first.returncode != 0) + (then.returncode != 0),
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _guided(name: str, *options: str | Path) -> list[str]:
    words = WORK / "words"
    words.write_text("".join(f'"{_spelt(word)}"\n' for word in WORDS), "ascii")
    own = (f"-max_len={INPUT_MAX}", f"-timeout={HANG_S}", f"-dict={words}")
    at_a_mistake = f"-artifact_prefix={WORK}/{name}-"
    program = [sys.executable, "-m", "tests.fuzz.inside", name]
    return [*program, *own, at_a_mistake, *map(str, options)]


def _spelt(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _fill(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(inputs):
        (folder / f"kept-{number}").write_bytes(one)


if __name__ == "__main__":
    sys.exit(main())
