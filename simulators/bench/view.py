"""What a person reads off the panel: one session's state as the API shows it.

The only place of the bench that knows the names in the API's state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BROKEN_OFF: Final = frozenset({"STOPPED", "UNCERTAIN", "HELD", "CLOSED"})


@dataclass(frozen=True, slots=True)
class View:
    """One session at one moment."""

    shown: Mapping[str, Any]

    @classmethod
    def of(cls, state: Mapping[str, Any], session: str) -> "View":
        """That session out of the whole state; KeyError if it is not listed."""
        for shown in state["sessions"]:
            if shown["session"] == session:
                return cls(shown)
        raise KeyError(session)

    @property
    def phase(self) -> str:
        """The phase's name."""
        return str(self.shown["phase"])

    @property
    def broken_off(self) -> bool:
        """True in the phases that a treatment without trouble never sees before its end."""
        return self.phase in BROKEN_OFF

    @property
    def alarms(self) -> dict[str, str]:
        """Active alarms with their evidence."""
        return {alarm["id"]: str(alarm["evidence"]) for alarm in self.shown["alarms"]}

    @property
    def running(self) -> str:
        """What the plunger moves, or is made ready, for; empty while the pump is free."""
        run = self.shown["run"]
        return "" if run is None else str(run["purpose"])

    @property
    def patent(self) -> bool:
        """True once the patency run was confirmed."""
        return bool(self.shown["patency_ok"])

    @property
    def custody(self) -> str:
        """The place that has the container."""
        return str(self.shown["custody"]["place"])

    @property
    def planned_ml(self) -> float:
        """Drug volume that two people have released."""
        return float(self.shown["planned_ml"])

    @property
    def pumped_ml(self) -> float:
        """Drug pumped so far by the pump's counter, lower bound."""
        return float(self.shown["pumped"]["drug"]["low_ml"])

    @property
    def pumped_high_ml(self) -> float:
        """Drug pumped so far, upper bound."""
        return float(self.shown["pumped"]["drug"]["high_ml"])

    @property
    def measuring(self) -> str:
        """What the calibrator is measuring now, or ""."""
        return str(self.shown["assay_pending"])

    @property
    def measured(self) -> tuple[str, ...]:
        """Residual items that have been measured, the background included."""
        items = tuple(str(item["item"]) for item in self.shown["residual"])
        return ("background", *items) if self.shown["background_measured"] else items
