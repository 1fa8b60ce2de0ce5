"""The priority of each row follows from what is lost if nobody comes, and how soon."""

import pytest

from controller.core.alarms import ALARMS, ROWS, Action, Priority

DELAYED = {"overrun"}
"""Trips on a condition that has lasted for minutes and harms nobody within minutes more."""
SOMEBODY_MUST_LOOK = {
    "patient_moved",
    "rate_low",
    "cumulative_low",
    "site_check_late",
    "clock_step",
    "pump_link",
    "idle_pump_link",
    "pump_unprepared",
    "calibrator_link",
    "cold_active",
}
"""No trip, but a dose may be wrong or late if nobody comes."""


@pytest.mark.requirement("N1", "PCA-T4")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_priority_is_harm_and_onset(row) -> None:
    # IEC 60601-1-8, table 1: irreversible and prompt is high, delayed is medium; reversible is
    # medium; minor or delayed is low.
    if row.action is Action.TRIP:
        assert row.priority is (Priority.MEDIUM if row.id in DELAYED else Priority.HIGH)
    else:
        expected = Priority.MEDIUM if row.id in SOMEBODY_MUST_LOOK else Priority.LOW
        assert row.priority is expected


@pytest.mark.requirement("PCA-T4")
@pytest.mark.parametrize("id_", ["free_flow", "rate_high", "occlusion", "air"])
def test_over_infusion_air_and_occlusion_are_high_and_stop(id_: str) -> None:
    assert (ALARMS[id_].priority, ALARMS[id_].action) == (Priority.HIGH, Action.TRIP)
