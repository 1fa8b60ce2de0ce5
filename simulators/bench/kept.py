"""What a journal must hold whatever became of the program and the disk, judged by the world.

K1 what was on the disk once is there for ever; K2 the journal, judged anew, decides the same; K3
pumped volumes only grow and, wherever an interval is closed, hold what really left the syringe; K4
after a write that failed the pump is stopped, and nothing starts.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controller.chain import JournalBroken, Record, canonical
from controller.core.limits import Limits, limits_from
from controller.core.state import Phase, Pumped, Purpose, State
from controller.journal_file import read
from controller.replay import NotReplayable, replay
from controller.sessions import event_of, judged, limits_of, state_of
from controller.store import JOURNAL
from simulators.bench.evidence import BEGIN_NS, NS_PER_S, Evidence
from simulators.bench.stage import Stage
from simulators.bench.stops import STOP_WITHIN_NS, drives

RESOLUTION_NL: Final = 20_000.0
"""Two steps of the pump's counter: before and after."""
DRUG: Final = "drug"


def not_kept(stage: Stage, evidence: Evidence) -> Iterator[str]:
    """Every rule of this page that one session broke, as text."""
    yield from _lost(stage)
    path = stage.directory / evidence.rehearsal.session / JOURNAL
    if evidence.rehearsal.session and path.exists():
        records = list(read(path))
        yield from _decided_otherwise(records)
        yield from _untrue(evidence, records)
    yield from _went_on(stage, evidence)


def _lost(stage: Stage) -> Iterator[str]:
    """K1, for every journal of the world."""
    durable: defaultdict[Path, dict[int, tuple[str, str]]] = defaultdict(dict)
    for path, number, kind, body in stage.disk.kept:
        if durable[path].setdefault(number, (kind, body)) != (kind, body):
            yield f"K1: record {number} of {path.name} was written twice and not the same"
    for path, promised in durable.items():
        try:
            held = {r.seq: (r.kind, canonical(r.body)) for r in read(path)}
        except (OSError, JournalBroken) as error:
            yield f"K1: {path.name}: {error}"
            continue
        lost = [number for number, record in promised.items() if held.get(number) != record]
        if lost:
            yield f"K1: {len(lost)} records of {path.name} are lost, the first is {min(lost)}"


def _decided_otherwise(records: list[Record]) -> Iterator[str]:
    """K2."""
    try:
        differences = replay(records).differences
    except NotReplayable as error:
        yield f"K2: {error}"
        return
    if differences:
        yield f"K2: judged anew, record {differences[0].seq} decides otherwise"


def _untrue(evidence: Evidence, records: list[Record]) -> Iterator[str]:
    """K3."""
    before: dict[Purpose, Pumped] = {}
    for record, state in _states(records):
        now = {purpose: state.pumped(purpose) for purpose in Purpose}
        for purpose, pumped in now.items():
            old = before.get(purpose, Pumped())
            if pumped.low_nl < old.low_nl or pumped.high_nl < old.high_nl:
                yield f"K3: record {record.seq}: pumped for {purpose.value} fell to {pumped}"
                return
        before = now
        if state.run is None and state.phase is not Phase.UNCERTAIN and not state.unbounded:
            true_nl = _drug_nl(evidence, record.utc_ns - BEGIN_NS)
            drug = now[Purpose.DRUG]
            low_nl, high_nl = drug.low_nl - RESOLUTION_NL, drug.high_nl + RESOLUTION_NL
            if not low_nl <= true_nl <= high_nl:
                yield f"K3: record {record.seq}: {drug} does not hold {true_nl:.0f} nL"
                return


def _states(records: list[Record]) -> Iterator[tuple[Record, State]]:
    header = records[0].body
    limits: Limits = limits_of(header, limits_from({}))
    state = state_of(str(header["session"]), header)
    for record in records:
        if record.kind == "event":
            state, _ = judged(state, event_of(record.body), limits)
            yield record, state


def _drug_nl(evidence: Evidence, at_ns: int) -> float:
    """What the drug's plunger has gone by then with the line joined."""
    total = 0.0
    for move, end_ns in evidence.stretches():
        if move.syringe == DRUG and move.to == "patient" and move.at_ns < at_ns:
            total += move.flow_nl_s * (min(end_ns, at_ns) - move.at_ns) / NS_PER_S
    return total


def _went_on(stage: Stage, evidence: Evidence) -> Iterator[str]:
    """K4. A program that was killed writes no more, and the next one has a disk that works."""
    if stage.machine.boots > 1 or not stage.disk.refused_ns:
        return
    failed_ns = stage.disk.refused_ns[0]
    for drive in drives(evidence):
        if drive.run_ns > failed_ns:
            yield f"K4: RUN was sent {_after(drive.run_ns, failed_ns)} after a failed write"
            continue
        stop_ns = evidence.end_ns if drive.stop_ns is None else drive.stop_ns
        if (drive.rest_ns or evidence.end_ns) > failed_ns and stop_ns > failed_ns + STOP_WITHIN_NS:
            yield f"K4: STOP was sent {_after(stop_ns, failed_ns)} after a failed write"


def _after(later_ns: int, before_ns: int) -> str:
    return f"{(later_ns - before_ns) / NS_PER_S:.3f} s"
