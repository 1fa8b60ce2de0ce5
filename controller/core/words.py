"""What people read where the drug's container is a vial on a roller pump's hose, not a syringe.

Data only: the rows of `controller.core.alarms` that name a syringe, in the words of a vial. What a
row means, and when it is armed, is the same.
"""

from dataclasses import replace
from typing import Final

from controller.core.alarms import ALARMS, CLAMP, Action, AlarmRow

VIAL_FED: Final = frozenset({"dulcoflex"})
"""Kinds of pump that take from a vial."""

_VIAL: Final = {
    "uncertain": ("", "Read or weigh the vial with a second person and enter the volume."),
    "pump_reset": ("", "Check its power; read the vial before anything goes on."),
    "readback": ("", "Check hose, vial and the pump's settings with a second person."),
    "run_refused": ("", "Check pump, hose, vial and settings; programme it again."),
    "no_flow": ("", "Look at pump, hose and vial."),
    "free_flow": ("", "Check hose, vial and the pump's settings."),
    "counter_fell": ("", "Read the vial; the counter cannot be trusted."),
    "counter_jumped": ("", "Read the vial; the counter cannot be trusted."),
    "rate_high": ("", "Check the hose and the pump's settings."),
    "cumulative_high": ("", "Check the hose and the pump's settings."),
    "barrel_mismatch": (
        "Vial and pump counter disagree",
        "Check the hose on the pump and what a turn of it gives, as the site states it.",
    ),
    "near_end": ("The vial is nearly empty", "Have the saline for the flush ready."),
    "barrel_due": ("Read what is left in the vial", ""),
    "syringe_unseated": ("The hose is not seated", ""),
}
"""Text and remedy; empty where the row's own will do."""


def _worded(row: AlarmRow, text: str, remedy: str) -> AlarmRow:
    told = (CLAMP + remedy if row.action is Action.TRIP else remedy) if remedy else row.remedy
    return replace(row, text=text or row.text, remedy=told)


_OF_A_VIAL: Final = {
    **ALARMS,
    **{id_: _worded(ALARMS[id_], *words) for id_, words in _VIAL.items()},
}
_OF_A_VIAL["syringe_unseated"] = replace(_OF_A_VIAL["syringe_unseated"], channel="hose seat sensor")


def rows_for(kinds: tuple[str, ...]) -> dict[str, AlarmRow]:
    """Every row by its id, in the words of the drug's pump, the first of ``kinds``."""
    return _OF_A_VIAL if kinds[:1] and kinds[0] in VIAL_FED else ALARMS
