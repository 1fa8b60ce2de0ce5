"""``isodrip-bench perturb``: whole treatments with one entry of a device's own tables altered.

The simulator cannot mark its own homework: what its pump or calibrator means is altered, what the
daemon believes is not. Then the daemon must refuse before anything flows, or trip, or what really
flowed must lie within the limits. Anything else is a violation, but for what these devices cannot
show: that is named, with what finds it.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from controller.life import StartupFailure
from simulators.bench.device_set import PUMP_KINDS, USUAL
from simulators.bench.evidence import Witness
from simulators.bench.perturbation import Row
from simulators.bench.perturbed_activity_meter import ADAPTER as ACTIVITY_METER
from simulators.bench.perturbed_crc15 import ADAPTER as CRC15
from simulators.bench.perturbed_crc55 import ADAPTER as CRC55
from simulators.bench.perturbed_dulco_flex import ADAPTER as DULCOFLEX
from simulators.bench.perturbed_line import Interpreter
from simulators.bench.perturbed_new_era import ADAPTER as NE1000
from simulators.bench.perturbed_outcome import REFUSED, Outcome, outcome_of
from simulators.bench.perturbed_report import document, lines
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case, Stage
from simulators.bench.sweep import keep_result, read_results
from simulators.bench.tally import DONE, UNSAFE, Gauge
from simulators.bench.trial import Trial, attempt, code_hash, never_endless, run_all
from simulators.devices.serve import Firmware

SEED: Final = 1
ADAPTERS: Final = {
    "ne1000": NE1000,
    "dulcoflex": DULCOFLEX,
    "crc55": CRC55,
    "crc15": CRC15,
    "activity-meter": ACTIVITY_METER,
}
"""Every kind of device that has tables; a kind that is added brings its rows with it."""
ROWS: Final = {row.name: row for adapter in ADAPTERS.values() for row in adapter.rows}
RESULTS: Final = Path("var/perturb.jsonl")
DOCUMENT: Final = Path("docs/safety/perturbed-tables.md")


def case_of(row: Row) -> Case:
    """The treatment in which an entry is altered."""
    known = row.device in PUMP_KINDS
    devices = replace(USUAL, pump=row.device) if known else replace(USUAL, calibrator=row.device)
    return Case(SEED, row.minutes, faults=row.faults, devices=devices)


def attempted(name: str, case: Case) -> Trial:
    """Rehearse a row's treatment and judge it: the outcome, and the daemon's words as its cause."""
    return attempt(name, case, _tried)


def _tried(name: str, case: Case) -> Trial:
    row, witness = ROWS[name], Witness()
    adapter, dialect = ADAPTERS[row.device], row.dialect()
    interpreters: list[Interpreter] = []

    def interpreted(firmware: Firmware) -> Interpreter:
        interpreters.append(Interpreter(firmware, adapter.grammar(), dialect))
        return interpreters[0]

    def perturbed(stage: Stage) -> None:
        never_endless(stage)
        dialect.inside(stage)
        stage.wires[adapter.wire].interpret(interpreted)

    with tempfile.TemporaryDirectory(prefix="isodrip-perturbed-") as directory:
        try:
            rehearsal = rehearse(case, Path(directory), witness.watching(perturbed))
        except StartupFailure as failure:
            return _trial(name, Outcome(REFUSED, f"the daemon does not start: {failure}", ()))
        evidence = witness.testify(rehearsal)
        outcome = outcome_of(row, evidence, met=interpreters[0].met)
    return _trial(name, outcome, polls=len(evidence.asked), virtual_s=rehearsal.virtual_s)


def _trial(name: str, found: Outcome, polls: int = 0, virtual_s: float = 0.0) -> Trial:
    return Trial(name, found.kind, found.words, found.broken, (), 0.0, polls, virtual_s, 0.0)


def add_perturb(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("perturb", help="treatments with an entry of a table altered")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--only", metavar="NAME", help="rows by name: device:table:entry:way:alteration, * for any"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"default {RESULTS}")
    parser.add_argument("--list", action="store_true", help="the rows there are")
    parser.add_argument("--write", type=Path, help=f"where the document goes, such as {DOCUMENT}")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=perturb_main)


def perturb_main(given: argparse.Namespace) -> int:
    """Try the rows asked for; returns 0, 2 for wrong use, 4 if anything was believed wrongly."""
    chosen = [name for name in ROWS if given.only is None or fnmatchcase(name, given.only)]
    if not chosen or given.workers < 1:
        raise ValueError(f"no row is named {given.only!r}, or no worker is wanted")
    if given.list:
        sys.stdout.write("\n".join(chosen) + "\n")
        return DONE
    found = perturb(chosen, given.workers, given.results)
    if given.write is not None:
        given.write.write_text(document(found), "utf-8")
    shown = json.dumps(as_dict(found)) if given.json else "\n".join(lines(found))
    sys.stdout.write(shown + "\n")
    return UNSAFE if any(trial.violations for trial in found) else DONE


def perturb(chosen: Iterable[str], workers: int = 1, results: Path | None = None) -> list[Trial]:
    """Try the rows of these names but those that ``results`` knows; what came of them, in order."""
    names, code = list(chosen), code_hash()
    found = {} if results is None else read_results(results, code)
    untried = [name for name in names if name not in found]
    gauge = Gauge(len(untried))

    def heard(trial: Trial) -> None:
        found[trial.name] = trial
        if results is not None:
            keep_result(results, code, trial)
        gauge.step(trial)

    run_all(((name, case_of(ROWS[name])) for name in untried), workers, heard, attempted)
    return [found[name] for name in names]


def as_dict(found: list[Trial]) -> dict[str, Any]:
    """All of it, ready for JSON."""
    return {
        "rows": len(found),
        "violations": sum(bool(trial.violations) for trial in found),
        "outcomes": dict(Counter(trial.outcome for trial in found).most_common()),
        "cpu_s": round(sum(trial.cpu_s for trial in found), 1),
        "found": [
            {
                "name": trial.name,
                "outcome": trial.outcome,
                "words": trial.cause,
                "violations": list(trial.violations),
                "virtual_s": round(trial.virtual_s, 1),
            }
            for trial in found
        ],
    }
