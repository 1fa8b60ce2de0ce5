"""What is missing or wrong in the trace: each check yields sentences that name what to do.

Pure: it is given the safety file, the facts of the code and the tests.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tools.trace.code_facts import exists
from tools.trace.collected import rehearsed
from tools.trace.links import Links
from tools.trace.model import Kind, Status

Check = Callable[[Links], Iterator[str]]
UNACCEPTABLE: Final = "u"
NOT_REHEARSED: Final = frozenset({"nominal"})
"""Scenarios without a fault: no hazard's sequence."""


def _unknown(what: str, named: Iterable[str], known: Iterable[str], kind: str) -> Iterator[str]:
    for id_ in sorted({*named} - {*known}):
        yield f"{what} names {id_}, which is no {kind}"


def requirements_are_proven(links: Links) -> Iterator[str]:
    """A requirement is "now" if and only if a test names it."""
    for one in links.file.requirements:
        proven = one.id in links.proofs
        if one.status is Status.NOW and not proven:
            yield f"requirement {one.id} is now and no test names it"
        if one.status is not Status.NOW and proven:
            test = links.proofs[one.id][0].id
            yield f"requirement {one.id} is {one.status.value}, yet {test} says that it is met"


def tests_name_what_there_is(links: Links) -> Iterator[str]:
    """No test names a requirement or an interlock that there is not."""
    for test in links.tests:
        here = f"test {test.id}"
        yield from _unknown(here, test.requirements, links.requirements, "requirement")
        yield from _unknown(here, test.interlocks, links.code.interlocks, "interlock")


def interlocks_have_requirement_and_proof(links: Links) -> Iterator[str]:
    """Each interlock of the code has requirements and a test in which it is the sole cause."""
    listed = {one.id for one in links.interlocks() if one.requirements}
    for id_ in links.code.interlocks:
        if id_ not in listed:
            yield f"interlock {id_} has no requirement in controls.toml"
        if id_ not in links.sole_causes:
            yield f"interlock {id_} is in no test the sole cause"
    yield from _unknown("controls.toml", listed, links.code.interlocks, "interlock")


def hazards_are_controlled_and_argued(links: Links) -> Iterator[str]:
    """Each hazard has a control and an argued residual risk, in words that the scales know."""
    scales = links.file.scales
    for one in links.file.hazards:
        here = f"hazard {one.id}"
        if not one.controls:
            yield f"{here} has no control"
        if not one.residual_why.strip():
            yield f"{here} does not argue its residual risk"
        yield from _unknown(here, one.controls, links.controls, "control")
        yield from _unknown(here, one.later, links.requirements, "requirement")
        yield from _unknown(here, (one.severity,), scales.severity, "severity")
        yield from _unknown(here, (one.initial, one.residual), scales.probability, "probability")


def the_unacceptable_is_planned_for(links: Links) -> Iterator[str]:
    """A risk that stays unacceptable names the requirements that will lower it."""
    scales = links.file.scales
    for one in links.file.hazards:
        if one.severity not in scales.severity or one.residual not in scales.probability:
            continue
        if scales.region(one.severity, one.residual) == UNACCEPTABLE and not one.later:
            yield f"hazard {one.id} stays unacceptable and nothing later will lower it"


def what_is_not_now_is_argued(links: Links) -> Iterator[str]:
    """What a hazard waits for is not built yet; what is not now says why, what is later where."""
    for hazard in links.file.hazards:
        for id_ in hazard.later:
            one = links.requirements.get(id_)
            if one is not None and one.status is not Status.LATER:
                yield f"hazard {hazard.id} waits for {id_}, which is {one.status.value}"
    areas = links.file.scales.areas
    for one in links.file.requirements:
        if one.status is not Status.NOW and not one.why.strip():
            yield f"requirement {one.id} is {one.status.value} and does not argue why"
        if one.status is Status.LATER:
            yield from _unknown(f"requirement {one.id}", (one.where,), areas, "area of scales.toml")


def controls_are_used_and_real(links: Links) -> Iterator[str]:
    """Each control serves a hazard, realises a requirement of today and stands in the code."""
    for one in links.file.controls:
        here = f"control {one.id}"
        if one.id not in links.users:
            yield f"{here} is used by no hazard"
        yield from _unknown(here, one.requirements, links.requirements, "requirement")
        known = (links.requirements.get(id_) for id_ in one.requirements)
        if not any(row is not None and row.status is Status.NOW for row in known):
            yield f"{here} realises no requirement of today"
        if one.kind is not Kind.INTERLOCK and not one.where:
            yield f"{here} does not say where it stands in the code"
        for name in one.where:
            if not exists(name):
                yield f"{here} stands in {name}, which there is not"


def gates_cover_every_refusal(links: Links) -> Iterator[str]:
    """Each refusal of the core and each rule for orders belongs to a control, and the reverse."""
    told = {rule for one in links.file.controls for rule in one.refuses}
    for rule in sorted(links.code.refusals - told):
        yield f"the core refuses with {rule!r} and no control of controls.toml names it"
    yield from _unknown("controls.toml", told, links.code.refusals, "refusal of the core")
    placed = {name for one in links.file.controls for name in one.where}
    for rule in sorted(links.code.order_rules - placed):
        yield f"{rule} judges orders and no control of controls.toml names it"


def every_fault_belongs_to_a_hazard(links: Links) -> Iterator[str]:
    """Rehearsed faults, reported incidents and rows that nobody here can see all have a hazard."""
    hazards = links.file.hazards
    named = {name for one in hazards for name in one.scenarios}
    yield from _unknown("a hazard", named, links.code.scenarios, "scenario")
    for name in sorted(named & links.code.scenarios - rehearsed(links.tests)):
        yield f"scenario {name} is played by no test"
    for name in sorted(links.code.scenarios - named - NOT_REHEARSED):
        yield f"scenario {name} rehearses no hazard"
    blind = {row for one in hazards for row in one.blind}
    yield from _unknown("a hazard", blind, links.code.blind, "row that is not observable here")
    for row in sorted(set(links.code.blind) - blind):
        yield f"row {row} is not observable here and no hazard says who carries that"
    covered = {str(number) for one in hazards for number in one.incidents}
    incidents = set(links.file.scales.incidents)
    yield from _unknown("a hazard", covered, incidents, "incident class of scales.toml")
    for number in sorted(incidents - covered, key=int):
        yield f"incident class {number} belongs to no hazard"


CHECKS: Final[tuple[Check, ...]] = (
    requirements_are_proven,
    tests_name_what_there_is,
    interlocks_have_requirement_and_proof,
    hazards_are_controlled_and_argued,
    the_unacceptable_is_planned_for,
    what_is_not_now_is_argued,
    controls_are_used_and_real,
    gates_cover_every_refusal,
    every_fault_belongs_to_a_hazard,
)


def problems(links: Links) -> list[str]:
    """Everything that is wrong, check by check."""
    return [found for check in CHECKS for found in check(links)]
