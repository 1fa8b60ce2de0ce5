"""Who belongs to whom: from hazards down to tests, and from tests up to hazards.

Derives only what rows, marks and code say; whether that is enough is judged in ``checks``.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeVar

from tools.trace.code_facts import CodeFacts
from tools.trace.collected import Collected
from tools.trace.model import Control, Hazard, Kind, SafetyFile

T = TypeVar("T")


def _by(items: Iterable[T], keys: Callable[[T], Iterable[str]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for item in items:
        for key in dict.fromkeys(keys(item)):
            found.setdefault(key, []).append(item)
    return found


class Links:
    """A safety file, the code's facts and the tests, joined by their ids."""

    def __init__(self, file: SafetyFile, code: CodeFacts, tests: tuple[Collected, ...]) -> None:
        self.file = file
        self.code = code
        self.tests = tests
        self.controls = {control.id: control for control in file.controls}
        self.requirements = {requirement.id: requirement for requirement in file.requirements}

    @cached_property
    def sole_causes(self) -> dict[str, list[Collected]]:
        """Tests in which an interlock is the sole cause, by interlock."""
        return _by(self.tests, lambda test: test.interlocks)

    def requirements_of(self, test: Collected) -> tuple[str, ...]:
        """What a test says it proves; a sole cause proves what its interlock is there for."""
        by_interlock = (
            requirement
            for id_ in test.interlocks
            if id_ in self.controls
            for requirement in self.controls[id_].requirements
        )
        return tuple(dict.fromkeys((*test.requirements, *by_interlock)))

    @cached_property
    def proofs(self) -> dict[str, list[Collected]]:
        """Tests by the requirement that they prove."""
        return _by(self.tests, self.requirements_of)

    @cached_property
    def users(self) -> dict[str, list[Hazard]]:
        """Hazards by the control that they rest on."""
        return _by(self.file.hazards, lambda hazard: hazard.controls)

    @cached_property
    def realisers(self) -> dict[str, list[Control]]:
        """Controls by the requirement that they realise."""
        return _by(self.file.controls, lambda control: control.requirements)

    @cached_property
    def hazards(self) -> dict[str, list[Hazard]]:
        """Hazards by the requirement that a control of theirs realises, or that will lower them."""
        return _by(self.file.hazards, self._needed)

    def _needed(self, hazard: Hazard) -> Iterable[str]:
        for id_ in hazard.controls:
            if id_ in self.controls:
                yield from self.controls[id_].requirements
        yield from hazard.later

    def interlocks(self) -> tuple[Control, ...]:
        """The controls that are interlocks."""
        return tuple(one for one in self.file.controls if one.kind is Kind.INTERLOCK)

    def of(self, category: str) -> list[Hazard]:
        """The hazards of a category."""
        return [one for one in self.file.hazards if one.category == category]
