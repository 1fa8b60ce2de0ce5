"""The start-up self-test: which checks there are, how each stands, and that nothing flows before.

It runs the checks that it is given in their order, repeats those that have not passed, and tells
how they stand. What a check looks at is `controller.self_checks`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from controller.clinic.text import utc_text
from controller.core.events import ConditionSeen
from controller.inbox import SITE, Inbox
from controller.ports import Clock
from firmware_interfaces.units import NS_PER_S

CONDITION: Final = "self_test"
CHECK_S: Final = 10.0
"""How long one check may take: seven of them within the 70 s of rules.md 2.1, 3.4.2."""
AGAIN_NS: Final = 5 * NS_PER_S
Work = Callable[[], Awaitable[str]]


class CheckFailed(Exception):
    """What was seen is not what must be."""


class NotYet(Exception):
    """A check that cannot be made at this moment, and why."""


class Result(Enum):
    """How a check stands."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: how it stands, what was seen, and when that was (UTC; None before the first)."""

    name: str
    result: Result = Result.PENDING
    evidence: str = ""
    at_utc_ns: int | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.result.value}: {self.evidence}"

    def view(self) -> dict[str, Any]:
        """As `GET state` shows it."""
        at = None if self.at_utc_ns is None else utc_text(self.at_utc_ns)
        shown = {"name": self.name, "result": self.result.value, "evidence": self.evidence}
        return {**shown, "at": at}


class SelfTest:
    """The checks of one start. From ``announce`` until all have passed, nothing may flow."""

    def __init__(self, clock: Clock, inbox: Inbox, checks: Mapping[str, Work]) -> None:
        self._clock, self._inbox, self._work = clock, inbox, checks
        self._checks = {name: Check(name) for name in checks}
        self._told = ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every check as it stands, in order."""
        return tuple(self._checks.values())

    @property
    def passed(self) -> bool:
        """True once every check has passed."""
        return all(check.result is Result.PASSED for check in self.checks)

    def announce(self) -> None:
        """Tell what has not passed, or that all has; nothing where that was told already."""
        missing = [check for check in self.checks if check.result is not Result.PASSED]
        said = [str(check) for check in missing if check.evidence]
        said += ["under way"] if len(said) < len(missing) else []
        text = "; ".join(said) or "every check has passed"
        if text != self._told:
            self._told = text
            self._inbox.tell(SITE, ConditionSeen, CONDITION, bool(missing), text)

    async def run(self) -> None:
        """Make every check; those that did not pass again and again. Ends when all have passed."""
        while not self.passed:
            for check in self.checks:
                if check.result is not Result.PASSED:
                    await self._make(check)
            self.announce()
            if not self.passed:
                await self._clock.sleep_until(self._clock.monotonic_ns() + AGAIN_NS)

    async def _make(self, check: Check) -> None:
        try:
            async with asyncio.timeout(CHECK_S):
                evidence = await self._work[check.name]()
        except NotYet as reason:
            self._note(check, Result.PENDING, str(reason))
        except TimeoutError:
            self._note(check, Result.FAILED, f"no result within {CHECK_S:g} s")
        except Exception as error:  # noqa: BLE001 - whatever was in the way, it did not pass
            self._note(check, Result.FAILED, str(error) or type(error).__name__)
        else:
            self._note(check, Result.PASSED, evidence)

    def _note(self, check: Check, result: Result, evidence: str) -> None:
        at_utc_ns = self._clock.utc_ns()
        known = replace(check, result=result, evidence=evidence, at_utc_ns=at_utc_ns)
        self._checks[check.name] = known
