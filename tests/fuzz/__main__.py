"""``make fuzz``: atheris against every target in turn, one process each, and a table at the end.

The program beside it is libFuzzer's: it mutates what reached new code, and stops at a mistake. What
it found stays under ``var/fuzz``; ``--keep`` writes the shortest of it into the kept corpus.
"""

import argparse
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_interfaces.new_era import COMMANDS
from tests.fuzz import corpus
from tests.fuzz.targets import BY_NAME

WORK: Final = Path("var/fuzz")
INPUT_MAX: Final = 512
HANG_S: Final = 20
RSS_MB_MAX: Final = 1024
WORDS: Final = (
    *(*COMMANDS, "ML", "MH", "UL", "I131", "DR1", "R1", '":', '"}', "[[", "]]", " = ", "null"),
    *("host", "localhost", "127.0.0.1", "[::1]", "mqtt://", "socket://", "boot-1", "header"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target: inputs, CPU time, memory after the first and at the last input."""

    name: str
    inputs: int
    cpu_s: float
    rss_begin_mb: int
    rss_end_mb: int
    mistake: bool

    def row(self) -> str:
        """A row of the table."""
        grown = self.rss_end_mb - self.rss_begin_mb
        a_second = round(self.inputs / max(self.cpu_s, 1))
        found = "MISTAKE" if self.mistake else "none"
        return (
            f"| {self.name} | {self.inputs} | {self.cpu_s:.0f} | {a_second} | {grown} | {found} |"
        )


def main() -> int:
    """Fuzz what is asked for; 1 if a mistake was found."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs of each target")
    parser.add_argument("--only", action="append", choices=sorted(BY_NAME), help="default: all")
    parser.add_argument("--keep", action="store_true", help="write the kept corpus anew")
    given = parser.parse_args()
    outcomes = []
    for name in given.only or BY_NAME:
        outcomes.append(_fuzzed(name, given.runs))
        print(outcomes[-1].row(), flush=True)
        if given.keep:
            _keep(name)
    print("\n| target | inputs | CPU s | inputs/CPU s | MB grown | mistakes |")
    print("|---|---|---|---|---|---|")
    print("\n".join(one.row() for one in outcomes))
    return int(any(one.mistake for one in outcomes))


def _fuzzed(name: str, runs: int) -> Outcome:
    folder, log = WORK / name, WORK / f"{name}.log"
    _fill(folder, corpus.kept(name))
    options = (f"-runs={runs}", f"-rss_limit_mb={RSS_MB_MAX}", "-print_final_stats=1")
    begun_s = _children_s()
    with log.open("wb") as told:
        ended = subprocess.run(_command(name, *options, folder), stderr=told, check=False)
    said = log.read_text("utf-8", errors="replace")
    rss_mb = [int(found) for found in re.findall(r"rss: (\d+)Mb", said)]
    inputs = re.findall(r"number_of_executed_units:\s+(\d+)", said)
    return Outcome(
        name=name,
        inputs=int(inputs[-1]) if inputs else 0,
        cpu_s=_children_s() - begun_s,
        rss_begin_mb=rss_mb[0] if rss_mb else 0,
        rss_end_mb=rss_mb[-1] if rss_mb else 0,
        mistake=ended.returncode != 0,
    )


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _command(name: str, *options: str | Path) -> list[str]:
    words = WORK / "words"
    words.write_text("".join(f'"{_spelt(word)}"\n' for word in WORDS if word), "ascii")
    own = (f"-max_len={INPUT_MAX}", f"-timeout={HANG_S}", f"-dict={words}")
    at_a_mistake = f"-artifact_prefix={WORK}/{name}-"
    program = [sys.executable, "-m", "tests.fuzz.inside", name]
    return [*program, *own, at_a_mistake, *map(str, options)]


def _spelt(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


def _fill(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(inputs):
        (folder / f"kept-{number}").write_bytes(one)


def _keep(name: str) -> None:
    """Ask libFuzzer for the fewest inputs that reach everything, and keep the shortest of those."""
    fewest = WORK / f"{name}.fewest"
    _fill(fewest, [])
    for old in fewest.iterdir():
        old.unlink()
    command = _command(name, "-merge=1", fewest, WORK / name)
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    count = corpus.keep(name, [path.read_bytes() for path in fewest.iterdir()])
    print(f"{name}: {count} inputs kept")


if __name__ == "__main__":
    sys.exit(main())
