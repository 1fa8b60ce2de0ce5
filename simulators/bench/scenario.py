"""Named scenarios: a treatment, its faults, and what is to come of them, read from TOML.

A scenario is judged by the world's ledger and by what stood on the wire. A key, fault or alarm that
there is not is refused by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from controller.clinic.documents import DocumentError, toml_table
from controller.core.alarms import ALARMS, COUNTER, STATUS, Action
from simulators.bench.device_set import ONE_LINE, USUAL, DeviceSet
from simulators.bench.evidence import BEGIN_NS, NS_PER_S, Evidence, Violation, Witness
from simulators.bench.faults import Fault, ScenarioError, check_number, fault_from
from simulators.bench.judge import by_hand_ml
from simulators.bench.judges import judged, tail_nl
from simulators.bench.mistakes import mistake_from
from simulators.bench.rehearsal import Rehearsal, rehearse
from simulators.bench.signs import POLL_NS, STALE_NS
from simulators.bench.stage import Case
from simulators.bench.stops import drives

FOLDER: Final = Path(__file__).with_name("scenarios")
MINUTES: Final = (0.1, 240.0)
"""How long an infusion may be."""
OUTCOMES: Final = ("complete", "partial", "not_given", "open")
"""What the record says; ``open`` for a session that nobody could close."""
DISCOVERIES: Final = ("routes", "candidate", "survey")
INCIDENTS: Final = (1, 2, *range(4, 9), *range(10, 17), 18, 19, 20)
NOT_REHEARSED: Final = {
    "leak": "a person's act: what the patency run is looked at for",
    "hold_forgotten": "a person's omission after a pause that a person asked for",
    "directive_due": "12 hours before a signature is due: no room is rehearsed for days",
    "shutdown": "an orderly end of the program is no fault",
    "task_died": "a part of the program fails by a mistake in it, not by anything in the room",
    "monotonic": "this host's monotonic clock cannot step",
    "self_test": "what fails at the start begins no treatment: each check fails alone in a test",
    "projection": "a pump that holds another volume than it was told is refused before it starts",
}
"""Observable rows that no fault of this world brings about as their own cause: unit tests do."""
NL_PER_ML: Final = 1e6
VOLUME_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to come of it.

    ``trips``: exactly the rows of the first trip. ``alarms``: rows raised at any time, too.
    ``found_by``: how what no device shows is found (routes that disagree, a candidate, the survey).
    ``problems``: fields that the daemon refuses, and rules, by name.
    ``stop_within_s``: from the first fault's begin to STOP on the wire.
    """

    outcome: str
    trips: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    not_observable: bool = False
    found_by: tuple[str, ...] = ()
    stop_within_s: float | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. ``incidents`` are numbers of rules.md 7, ``rows`` alarm rows it shows."""

    name: str
    summary: str
    case: Case
    expected: Expected
    incidents: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()


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


# --- reading -------------------------------------------------------------------------------------


@cache
def scenarios() -> Mapping[str, Scenario]:
    """Every scenario by name, the nominal one first. Raises ScenarioError."""
    found = [parse(path.read_text("utf-8"), path.stem) for path in sorted(FOLDER.glob("*.toml"))]
    found.sort(key=lambda scenario: scenario.name != "nominal")
    return {scenario.name: scenario for scenario in found}


def with_case(
    scenario: Scenario,
    seed: int | None,
    minutes: float | None,
    devices: DeviceSet | None = None,
    cold: str = "",
) -> Scenario:
    """The scenario with another seed, duration, devices, or as a cold run, where that is given."""
    case = scenario.case
    case = replace(
        case,
        seed=case.seed if seed is None else seed,
        minutes=minutes or case.minutes,
        devices=devices or case.devices,
        cold=cold or case.cold,
    )
    return replace(scenario, case=case)


def parse(text: str, stem: str) -> Scenario:
    """One scenario out of TOML; its name is that of its file. Raises ScenarioError."""
    try:
        given = toml_table(text, stem)
    except DocumentError as error:
        found = error.problems[0]
        raise ScenarioError(found.field, found.value, found.rule) from error
    keys = ("name", "summary", "incidents", "rows", "seed", "minutes", "people", "administer")
    _only(given, (*keys, "cold", "devices", "fault", "mistake", "expected"), stem)
    if given.get("name") != stem:
        raise ScenarioError("name", given.get("name"), f"must be {stem!r}, as the file's")
    incidents = _listed(given, "incidents", int)
    for number in incidents:
        if number not in INCIDENTS:
            raise ScenarioError("incidents", number, "must be an incident class of rules.md 7")
    return Scenario(
        name=stem,
        summary=_needed(given, "summary", str),
        case=_case(given),
        expected=_expected(_needed(given, "expected", dict)),
        incidents=incidents,
        rows=_rows(given, "rows"),
    )


def _case(given: Mapping[str, Any]) -> Case:
    faults: tuple[Fault, ...] = tuple(map(fault_from, _listed(given, "fault", dict)))
    seed, minutes = given.get("seed", 1), given.get("minutes", 1.0)
    if type(seed) is not int:
        raise ScenarioError("seed", seed, "must be a whole number")
    check_number("minutes", minutes, *MINUTES)
    return Case(
        seed=seed,
        minutes=float(minutes),
        people=given.get("people", "end"),
        faults=faults,
        administer=given.get("administer", "whole_syringe"),
        devices=_devices(given),
        cold=given.get("cold", ""),
        mistakes=tuple(map(mistake_from, _listed(given, "mistake", dict))),
    )


def _devices(given: Mapping[str, Any]) -> DeviceSet:
    kinds = _listed(given, "devices", str) or USUAL.kinds
    try:
        pump, calibrator, *second = kinds
        one_line = second[1:] == [ONE_LINE]
        if len(second) > 1 + one_line:
            raise ValueError(f"{len(kinds)} devices")
        return DeviceSet(pump, calibrator, flush_pump="".join(second[:1]), one_line=one_line)
    except ValueError as error:
        rule = f"must be a pump and a calibrator, and perhaps a second pump ({error})"
        raise ScenarioError("devices", given["devices"], rule) from error


def _expected(given: Mapping[str, Any]) -> Expected:
    _only(given, tuple(Expected.__slots__), "expected")
    outcome = _needed(given, "outcome", str)
    if outcome not in OUTCOMES:
        raise ScenarioError("outcome", outcome, f"must be one of {', '.join(OUTCOMES)}")
    found_by = _listed(given, "found_by", str)
    for way in found_by:
        if way not in DISCOVERIES:
            raise ScenarioError("found_by", way, f"must be one of {', '.join(DISCOVERIES)}")
    blind = given.get("not_observable", False)
    if not isinstance(blind, bool):
        raise ScenarioError("not_observable", blind, "must be true or false")
    if "stop_within_s" in given:
        check_number("stop_within_s", given["stop_within_s"], 0.0, math.inf)
    trips = _rows(given, "trips")
    if blind and (trips or not found_by):
        raise ScenarioError("not_observable", blind, "nothing trips, and found_by says how it ends")
    return Expected(
        outcome=outcome,
        trips=trips,
        alarms=_rows(given, "alarms"),
        not_observable=blind,
        found_by=found_by,
        stop_within_s=given.get("stop_within_s"),
        problems=_listed(given, "problems", str),
    )


def _rows(given: Mapping[str, Any], field: str) -> tuple[str, ...]:
    rows = _listed(given, field, str)
    for row in rows:
        if row not in ALARMS:
            raise ScenarioError(field, row, "must be a row of the alarm table")
    return rows


def _listed(given: Mapping[str, Any], field: str, kind: type[Any]) -> tuple[Any, ...]:
    found = given.get(field, [])
    if not isinstance(found, list) or any(type(one) is not kind for one in found):
        raise ScenarioError(field, found, f"must be a list, of {kind.__name__}")
    return tuple(found)


def _only(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in known:
            raise ScenarioError(key, given[key], f"{where} takes {', '.join(known)}")


def _needed(given: Mapping[str, Any], field: str, kind: type[Any]) -> Any:
    if not isinstance(given.get(field), kind):
        raise ScenarioError(field, given.get(field), f"must be there, a {kind.__name__}")
    return given[field]


def _names(rows: Any) -> str:
    return ", ".join(rows) or "nothing"


def _seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else round(at_ns / NS_PER_S, 6)


def _between(begin_s: float | None, end_s: float | None) -> float | None:
    return None if begin_s is None or end_s is None else round(end_s - begin_s, 6)
