"""Named scenarios as data: a treatment, its faults and mistakes, and what is to come of them.

Read from TOML; a key, fault or alarm that there is not is refused by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from controller.clinic.documents import DocumentError, toml_table
from controller.core.alarms import ALARMS
from simulators.bench.device_set import ONE_LINE, USUAL, DeviceSet
from simulators.bench.faults import Fault, ScenarioError, check_number, fault_from
from simulators.bench.mistakes import mistake_from
from simulators.bench.stage import Case

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
