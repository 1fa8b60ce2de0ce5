"""What the ``isodrip`` command tells of a journal: chain, events, faults, replay."""

import argparse
import sys
from collections.abc import Iterator
from typing import Final

from controller.chain import Record
from controller.console import DONE, FAILED, WRONG, Out
from controller.journal import export_lines, read, verify
from controller.replay_report import Verdict, report
from controller.service import versions

_REPLAYED: Final = {Verdict.EQUAL: DONE, Verdict.DIFFERENT: FAILED, Verdict.UNREADABLE: WRONG}


def _verify(args: argparse.Namespace, out: Out) -> int:
    report = verify(args.file)
    if report.ok:
        out.say(f"{args.file}: {report.records} records hold; head {report.head}")
    else:
        out.say(f"{args.file}: record {report.broken_seq} does not hold: {report.reason}")
    out.end(
        ok=report.ok,
        records=report.records,
        head=report.head,
        broken_seq=report.broken_seq,
        reason=report.reason,
    )
    return DONE if report.ok else FAILED


def _show(args: argparse.Namespace, out: Out) -> int:
    count = 0
    for record in read(args.file):
        count = record.seq + 1
        name = record.body.get("type", "")
        out.say(f"{record.seq:6} {record.utc_ns / 1e9:.3f} {record.kind:8} {name}")
    out.end(ok=True, records=count)
    return DONE


def _export(args: argparse.Namespace, out: Out) -> int:
    count = 0
    for line in export_lines(args.file):
        print(line)
        count += 1
    out.end(ok=True, records=count)
    return DONE


def _faults(args: argparse.Namespace, out: Out) -> int:
    """The fault log: every alarm that was raised and every request that was refused."""
    found = [fault for record in read(args.file) for fault in _faults_of(record)]
    for seq, at_s, kind, what, why in found:
        out.say(f"{seq:6} {at_s:.3f} {kind:8} {what}: {why}")
    names = ("seq", "utc_s", "kind", "what", "why")
    out.end(ok=True, faults=[dict(zip(names, fault, strict=True)) for fault in found])
    return DONE


def _faults_of(record: Record) -> Iterator[tuple[int, float, str, str, str]]:
    for command in record.body.get("commands", ()) if record.kind == "decision" else ():
        at_s = record.utc_ns / 1e9
        if command["type"] == "RaiseAlarm":
            yield record.seq, at_s, "alarm", command["alarm"], command["evidence"]
        elif command["type"] == "Refuse":
            why = f"{command['rule']} ({command['detail']})"
            yield record.seq, at_s, "refused", command["event"], why


def journal_replay(args: argparse.Namespace, out: Out) -> int:
    """Judge journals anew; the worst exit code of all counts."""
    reports = [report(path, versions()["isodrip"]) for path in args.files]
    for found in reports:
        if found.verdict is Verdict.UNREADABLE:
            print(f"isodrip: {found.lines[0]}", file=sys.stderr)
        else:
            out.say("\n".join(found.lines))
    code = max(_REPLAYED[found.verdict] for found in reports)
    out.end(ok=code == DONE, journals=[found.facts for found in reports])
    return code


JOURNAL_COMMANDS: Final = (
    ("verify", _verify, "prove that every record holds"),
    ("show", _show, "list the records"),
    ("faults", _faults, "list alarms raised and requests refused"),
    ("export", _export, "print canonical JSON lines"),
)
"""Commands on one journal: name, work, what it does."""
