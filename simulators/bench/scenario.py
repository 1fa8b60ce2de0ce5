"""What comes of a scenario: played in virtual time, judged by the world's ledger and the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.core.alarms import ALARMS, COUNTER, STATUS, Action
from simulators.bench.evidence import BEGIN_NS, NS_PER_S, Evidence, Violation, Witness
from simulators.bench.judge import by_hand_ml
from simulators.bench.judges import judged, tail_nl
from simulators.bench.rehearsal import Rehearsal, rehearse
from simulators.bench.scenario_file import Expected, Scenario
from simulators.bench.signs import POLL_NS, STALE_NS
from simulators.bench.stops import drives

NL_PER_ML: Final = 1e6
VOLUME_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Times:
    """s of virtual time; None where there was none.

    The first fault, its first sign on the wire, the trip, the first STOP after that, and when the
    plunger came to rest after it.
    """

    fault_s: float | None
    visible_s: float | None
    trip_s: float | None
    stop_s: float | None
    rest_s: float | None

    def visible_to_stop_s(self) -> float | None:
        """From the first sign on the wire to STOP on the wire."""
        return _between(self.visible_s, self.stop_s)

    def stop_to_rest_s(self) -> float | None:
        """From STOP on the wire until the plunger rested; negative where it had stopped before."""
        return _between(self.stop_s, self.rest_s)

    def fault_to_stop_s(self) -> float | None:
        """From the fault to STOP on the wire."""
        return _between(self.fault_s, self.stop_s)

    def fault_to_rest_s(self) -> float | None:
        """From the fault until the plunger rested."""
        return _between(self.fault_s, self.rest_s)


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a scenario: ``unexpected`` is what differs from what it says."""

    scenario: Scenario
    rehearsal: Rehearsal
    unexpected: tuple[str, ...]
    violations: tuple[Violation, ...]
    trips: tuple[str, ...]
    times: Times
    tail_ml: float


def play(scenario: Scenario, directory: Path) -> Played:
    """Rehearse and judge it. Raises Deadlock and StartupFailure."""
    witness = Witness()
    rehearsal = rehearse(scenario.case, directory, witness.watching())
    evidence = witness.testify(rehearsal)
    trips, trip_ns = first_trip(evidence)
    times = times_of(evidence, trips, trip_ns)
    unexpected = tuple(_unexpected(scenario.expected, evidence, trips, times))
    tail_ml = tail_nl(evidence) / NL_PER_ML
    return Played(scenario, rehearsal, unexpected, judged(evidence), trips, times, tail_ml)


def first_trip(evidence: Evidence) -> tuple[tuple[str, ...], int | None]:
    """Rows of the first trip, sorted, and when the journal says it was (ns of virtual time)."""
    for record in evidence.journal:
        if record["kind"] != "decision":
            continue
        raised = [c["alarm"] for c in record["body"]["commands"] if c["type"] == "RaiseAlarm"]
        trips = [row for row in raised if ALARMS[row].action is Action.TRIP]
        if trips:
            return tuple(sorted(trips)), record["mono_ns"] - BEGIN_NS
    return _told(evidence.rehearsal.record), None


def _told(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The first trips by the daemon's own word, where the journal could not take them any more."""
    trips = [one for one in record.get("alarms", ()) if one["action"] == Action.TRIP.value]
    first = min((one["at"] for one in trips), default=None)
    return tuple(sorted(one["id"] for one in trips if one["at"] == first))


def times_of(evidence: Evidence, trips: tuple[str, ...], trip_ns: int | None) -> Times:
    """When the fault began, was seen, tripped, was answered, and when the plunger rested."""
    fired = evidence.rehearsal.fired
    fault_ns = fired[0].at_ns if fired else None
    since_ns = fault_ns or 0
    visible_ns = None if trip_ns is None else _visible_ns(evidence, since_ns, trips, trip_ns)
    known = [at for at in (visible_ns, trip_ns) if at is not None]
    stops = [s.at_ns for s in evidence.asked if s.text == "STP" and known and s.at_ns >= min(known)]
    stop_ns = stops[0] if stops else None
    rest_ns = None if fault_ns is None else _rest_ns(evidence, fault_ns)
    return Times(*map(_seconds, (fault_ns, visible_ns, trip_ns, stop_ns, rest_ns)))


def _visible_ns(
    evidence: Evidence, since_ns: int, trips: tuple[str, ...], trip_ns: int
) -> int | None:
    """When the wire first showed it, up to the trip: a sign, or the answer that completed a window.

    Silence shows itself when three polls were missed. None where the wire shows nothing of it.
    """
    tripped = [drive for drive in drives(evidence) if drive.run_ns <= trip_ns]
    for at_ns, _ in tripped[-1].seen if tripped else ():
        if since_ns <= at_ns <= trip_ns:
            return at_ns
    if not any(ALARMS[row].channel in (COUNTER, STATUS) for row in trips):
        return None
    last_ns = max((said.at_ns for said in evidence.answered if said.at_ns <= trip_ns), default=0)
    if trip_ns - last_ns >= STALE_NS - POLL_NS:
        return min(trip_ns, last_ns + STALE_NS)
    return last_ns if last_ns >= since_ns else None


def _rest_ns(evidence: Evidence, since_ns: int) -> int | None:
    """When the plunger that moved at the fault, or after it, came to rest before another RUN."""
    runs = [said.at_ns for said in evidence.asked if said.text == "RUN"]
    begun = max((at for at in runs if at <= since_ns), default=since_ns)
    until_ns = next((at for at in runs if at > max(begun, since_ns)), evidence.end_ns)
    ends = [
        min(end, until_ns)
        for move, end in evidence.stretches()
        if move.flow_nl_s > 0.0 and end > since_ns and move.at_ns < until_ns
    ]
    return max(ends, default=None)


def _unexpected(
    expected: Expected, evidence: Evidence, trips: tuple[str, ...], times: Times
) -> list[str]:
    rehearsal = evidence.rehearsal
    record = rehearsal.record
    outcome = record.get("outcome") if rehearsal.closed else "open"
    found = [] if outcome == expected.outcome else [f"outcome {outcome}, not {expected.outcome}"]
    if trips != tuple(sorted(expected.trips)):
        found.append(f"tripped first: {_names(trips)}, not {_names(expected.trips)}")
    raised = {alarm["id"] for alarm in record.get("alarms", ())}
    missing = set(expected.alarms) - raised
    if missing:
        found.append(f"never raised: {_names(sorted(missing))}")
    taken_s = times.fault_to_stop_s()
    limit_s = expected.stop_within_s
    if limit_s is not None and (taken_s is None or taken_s > limit_s):
        found.append(f"STOP {taken_s} s after the fault, limit {limit_s:g} s")
    found += [
        f"{field} was never refused"
        for field in expected.problems
        if not any(_refused(field, trouble) for trouble in rehearsal.troubles)
    ]
    found += [f"not found by {way}" for way in expected.found_by if not DISCOVERED[way](record)]
    found += rehearsal.failures
    if rehearsal.closed:
        found += _untrue(evidence, volumes=not evidence.blind)
    return found


def _refused(named: str, trouble: str) -> bool:
    """Whether something that people met is a refusal of this field, or by this rule."""
    words = f"{named} = ", f'"field":"order.{named}"', f'"field":"{named}"', f'"rule":"{named}"'
    return any(word in trouble for word in words)


def _untrue(evidence: Evidence, *, volumes: bool) -> list[str]:
    """Where the closed record says of the drug what is not so."""
    record = evidence.rehearsal.full_record()
    truth = record.get("ground_truth")
    if truth is None:
        return []
    found = []
    route = truth["routes"]["delivered_mbq"]
    if not route["agrees"]:
        found.append(f"the record says {route['record']} MBq delivered, truth is {route['truth']}")
    pumped, by_hand = record["pumped_interval_ml"], by_hand_ml(record)
    low, high = pumped[0] + by_hand[0], pumped[1] + by_hand[1]
    allowed = record["planned_ml"] * VOLUME_SHARE
    out_ml = truth["drug_out_ml"]
    if volumes and not low - allowed <= out_ml <= high + allowed:
        found.append(f"given {low} .. {high} mL, in truth {out_ml} mL")
    return found


DISCOVERED: Final = {
    "routes": lambda record: not (record.get("agreement") or {"agrees": True})["agrees"],
    "candidate": lambda record: bool(record.get("candidates")),
    "survey": lambda record: any("leak" in text for text in record.get("candidates", ())),
}
"""How the record of a session shows what nothing showed while it ran."""


def _names(rows: Any) -> str:
    return ", ".join(rows) or "nothing"


def _seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else round(at_ns / NS_PER_S, 6)


def _between(begin_s: float | None, end_s: float | None) -> float | None:
    return None if begin_s is None or end_s is None else round(end_s - begin_s, 6)
