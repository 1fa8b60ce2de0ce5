"""The kept journals of every release, and journals made of them in which something is altered."""

import json
from pathlib import Path

from controller.chain import GENESIS, Record, Row, checked, line_of, linked
from controller.cli import main
from controller.replay import records_of

KEPT = Path(__file__).parents[1] / "golden" / "journals"


def newest(case):
    """Records of a case of the newest release, as (kind, body, mono_ns, utc_ns)."""
    found = max(KEPT.glob(f"*-{case}.jsonl"), key=release_of)
    return [(r.kind, r.body, r.mono_ns, r.utc_ns) for r in records_of(found)]


def release_of(path):
    return [int(number) for number in path.name.split("-")[0].split(".")]


def rows(facts):
    """The facts chained as a journal that holds."""
    made: list[Row] = []
    for fact in facts:
        made.append(linked((made[-1][0], made[-1][6]) if made else (-1, GENESIS), *fact))
    return made


def chained(facts):
    """The records of `rows`."""
    made: list[Record] = []
    prev = GENESIS
    for seq, row in enumerate(rows(facts)):
        made.append(checked(row, seq, prev))
        prev = made[-1].hash
    return made


def seq_of(facts, **wanted):
    """Number of the first record whose body holds all of ``wanted``."""
    return next(seq for seq, (_, body, *_) in enumerate(facts) if wanted.items() <= body.items())


def saved(path, facts):
    path.write_text("".join(f"{line_of(record)}\n" for record in chained(facts)), "utf-8")
    return path


def said(capsys, *files):
    """(exit code, the one object, stderr) of `isodrip journal replay --json`."""
    code = main(["journal", "replay", *map(str, files), "--json"])
    found = capsys.readouterr()
    return code, json.loads(found.out), found.err
