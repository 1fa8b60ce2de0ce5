"""Rehearses treatments and keeps their journals, as exports, beside those of earlier releases.

``tools/golden_journal.py`` writes the set of the release that is installed. A set that is there is
left alone: it says what that release decided. Before a release is out, ``--replace`` makes it anew.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from controller.core.events import StartRequested
from controller.journal import export_lines, read
from controller.life import Life
from controller.service import setting_of, versions
from controller.store import JOURNAL
from firmware_interfaces.units import NS_PER_S
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import BEGIN, Case, Stage
from simulators.bench.virtual_time import VirtualLoop, run_virtual

ROOT: Final = Path(__file__).parents[1]
KEPT: Final = ROOT / "tests" / "golden" / "journals"
SEED: Final = 1
MINUTES: Final = 1.0
CLAMPED_S: Final = 20.0
"""How long drug has run when the patient's clamp is closed."""
LATER_NS: Final = 3600 * NS_PER_S
"""How much later by the time of day it is started: the self-test refuses a clock gone back."""
AWAKE_S: Final = 20.0
"""How long a daemon that was started anew is left alone."""


def complete(directory: Path) -> Path:
    """A treatment without trouble."""
    return _rehearsed(directory)


def occluded(directory: Path) -> Path:
    """The patient's clamp is closed under way; the pump alarms, and the daemon is started anew."""
    begun_s = _infusing_s(_rehearsed(directory / "undisturbed"))

    def prepare(stage: Stage) -> None:
        hands = stage.world.hands
        stage.loop.call_at(begun_s + CLAMPED_S, lambda: hands.act("close_clamp", {}))

    journal = _rehearsed(directory / "disturbed", prepare)
    _booted(journal)
    return journal


def crashed(directory: Path) -> Path:
    """The daemon dies between the start's second step and its decision, and is started anew."""
    journal = _rehearsed(directory / "crashed")
    with closing(sqlite3.connect(journal)) as file:
        file.execute(
            "DELETE FROM record WHERE seq >= (SELECT min(seq) FROM record"
            " WHERE kind = 'decision' AND json_extract(body_json, '$.phase') = 'INFUSING')"
        )
        file.commit()
    _booted(journal)
    return journal


CASES: Final[dict[str, Callable[[Path], Path]]] = {
    "complete": complete,
    "occluded": occluded,
    "crashed": crashed,
}


def _unprepared(_stage: Stage) -> None:
    """Nothing happens by itself."""


def _rehearsed(directory: Path, prepare: Callable[[Stage], None] = _unprepared) -> Path:
    """One treatment in ``directory``; returns its journal."""
    directory.mkdir(exist_ok=True)
    rehearse(Case(seed=SEED, minutes=MINUTES, people="none"), directory, prepare)
    (journal,) = directory.glob(f"*/{JOURNAL}")
    return journal


def _infusing_s(journal: Path) -> float:
    """When drug began to run, s after the rehearsal's begin."""
    begun_ns = next(r.utc_ns for r in read(journal) if r.body.get("phase") == "INFUSING")
    return begun_ns / NS_PER_S - BEGIN.timestamp()


def _booted(journal: Path) -> None:
    """Start the daemon over a journal, after a power cycle; a start is asked for, and refused."""
    run_virtual(lambda loop: _boot(journal, loop))


async def _boot(journal: Path, loop: VirtualLoop) -> None:
    stage = Stage(Case(seed=SEED, minutes=MINUTES), loop, journal.parents[1])
    stage.clock.utc_step_ns = LATER_NS
    stage.start()
    life = Life(setting_of(stage.site, stage.commissioning, stage.units), stage.surroundings())
    daemon = await life.start()
    await asyncio.sleep(AWAKE_S)
    await daemon.request(journal.parent.name, StartRequested, "ab", "technician")
    await life.end(_no_panel)
    stage.stop()


async def _no_panel() -> None:
    """There is no panel to close."""


def exports() -> Iterator[tuple[str, str]]:
    """(name, canonical export) of every case, by the version that is installed."""
    for name, make in CASES.items():
        with tempfile.TemporaryDirectory() as directory:
            lines = export_lines(make(Path(directory)))
            yield name, "".join(f"{line}\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Write the set of this release; 2 where it is kept already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replace", action="store_true", help="make a set that is there anew")
    replace = parser.parse_args(arguments).replace
    release = versions()["isodrip"]
    if not replace and list(KEPT.glob(f"{release}-*.jsonl")):
        print(f"{release} is kept already; --replace makes it anew", file=sys.stderr)
        return 2
    for name, text in exports():
        path = KEPT / f"{release}-{name}.jsonl"
        path.write_text(text, "utf-8")
        print(f"{path.relative_to(ROOT)}: {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
