"""Every threshold of the judgement: its default, its hard bounds and where it comes from.

A site may move a limit inside its bounds and never beyond. What treatment.md section 8 calls "never
configurable" has no row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import pairwise
from typing import Final

from firmware_interfaces.units import (
    NL_PER_ML,
    NS_PER_H,
    NS_PER_MIN,
    NS_PER_MS,
    NS_PER_S,
    UL_PER_ML,
)


class LimitError(ValueError):
    """A configured limit that may not be used: which key, what was given, which rule it breaks."""

    def __init__(self, key: str, value: object, rule: str) -> None:
        """Keep the three parts apart, so that a caller can list them."""
        super().__init__(f"limits.{key} = {value!r}: {rule}")
        self.key, self.value, self.rule = key, value, rule


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit. ``default``, ``low`` and ``high`` are in the unit that ``key`` ends in."""

    field: str
    key: str
    unit_factor: int
    default: str
    low: str
    high: str
    source: str


NS_PER_DAY: Final = 24 * NS_PER_H
_T3: Final = "treatment.md 3"
LIMIT_ROWS: Final = (
    LimitRow("poll_ns", "poll_s", NS_PER_S, "0.5", "0.2", "1", _T3 + ": poll 2 Hz"),
    LimitRow("stale_polls", "stale_polls", 1, "3", "2", "5", _T3 + ": 3 polls missed"),
    LimitRow("flow_window_ns", "flow_window_s", NS_PER_S, "10", "5", "30", _T3 + ": 10 s"),
    LimitRow("flow_window_steps", "flow_window_steps", 1, "5", "5", "20", _T3 + ": 5 steps"),
    LimitRow("rate_window_ns", "rate_window_s", NS_PER_S, "60", "10", "60", _T3 + ": 60 s"),
    LimitRow("rate_window_percent", "rate_window_percent", 1, "10", "5", "10", _T3),
    LimitRow("rate_high_percent", "rate_high_percent", 1, "10", "2", "15", _T3 + ": > 10 %"),
    LimitRow("rate_low_percent", "rate_low_percent", 1, "10", "2", "25", _T3 + ": > 10 %"),
    LimitRow("overrun_ns", "overrun_min", NS_PER_MIN, "10", "1", "15", _T3 + ": +10 min"),
    LimitRow("cumulative_percent", "cumulative_percent", 1, "5", "1", "10", _T3 + ": 5 % of plan"),
    LimitRow("lag_ns", "lag_s", NS_PER_S, "1", "0.2", "1.5", _T3 + ": lag 1 s"),
    LimitRow("clock_step_ns", "clock_step_s", NS_PER_S, "0.5", "0.1", "2", _T3 + ": 0.5 s"),
    LimitRow("journal_slow_ns", "journal_slow_ms", NS_PER_MS, "200", "50", "1000", _T3),
    LimitRow("disk_low_mb", "disk_low_mb", 1, "1000", "100", "100000", _T3 + ": 1 GB"),
    LimitRow("near_end_ns", "near_end_s", NS_PER_S, "120", "30", "300", _T3 + ": 2 min"),
    LimitRow("hold_reminder_ns", "hold_reminder_s", NS_PER_S, "120", "30", "600", _T3 + ", 4"),
    LimitRow("check_reminder_ns", "check_reminder_s", NS_PER_S, "60", "30", "120", _T3),
    LimitRow("check_medium_ns", "check_medium_s", NS_PER_S, "120", "60", "240", _T3),
    LimitRow("check_trip_ns", "check_trip_s", NS_PER_S, "300", "120", "900", _T3 + ": site"),
    LimitRow("audio_pause_ns", "audio_pause_s", NS_PER_S, "120", "10", "120", "GIP 3.2.1: 2 min"),
    LimitRow("start_window_ns", "start_window_s", NS_PER_S, "10", "5", "30", "shapes.md: 10 s"),
    LimitRow("assay_age_ns", "assay_age_min", NS_PER_MIN, "60", "5", "120", "treatment.md 7"),
    LimitRow("time_out_ns", "time_out_min", NS_PER_MIN, "15", "5", "15", "treatment.md 2"),
    LimitRow("stop_confirm_ns", "stop_confirm_s", NS_PER_S, "2", "1", "2", "design.md: 2 s"),
    LimitRow("seat_rate_ul_h", "seat_rate_ml_h", UL_PER_ML, "60", "1", "120", "treatment.md 2"),
    LimitRow("seat_volume_nl", "seat_volume_ml", NL_PER_ML, "0.6", "0.05", "1", "treatment.md 2"),
    LimitRow("drop_nl", "drop_ml", NL_PER_ML, "0.05", "0.02", "0.2", "treatment.md 2: a drop"),
    LimitRow("patency_volume_nl", "patency_volume_ml", NL_PER_ML, "1", "0.2", "5", "design"),
    LimitRow("barrel_nl", "barrel_tolerance_ml", NL_PER_ML, "1", "0.2", "3", "one graduation"),
    LimitRow("lock_count", "lock_count", 1, "3", "2", "3", _T3 + ": 3 times"),
    LimitRow("lock_window_ns", "lock_window_min", NS_PER_MIN, "10", "10", "30", _T3 + ": 10 min"),
    LimitRow("flow_error_percent", "flow_error_percent", 1, "5", "1", "5", "GIP 1.2.1: 5 %"),
    LimitRow(
        "commissioning_age_ns",
        "commissioning_days_max",
        NS_PER_DAY,
        "365",
        "1",
        "400",
        "yearly, as a dose calibrator's accuracy",
    ),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of one site as integers in base units. Made by `limits_from`."""

    poll_ns: int
    stale_polls: int
    flow_window_ns: int
    flow_window_steps: int
    rate_window_ns: int
    rate_window_percent: int
    rate_high_percent: int
    rate_low_percent: int
    overrun_ns: int
    cumulative_percent: int
    lag_ns: int
    clock_step_ns: int
    journal_slow_ns: int
    disk_low_mb: int
    near_end_ns: int
    hold_reminder_ns: int
    check_reminder_ns: int
    check_medium_ns: int
    check_trip_ns: int
    audio_pause_ns: int
    start_window_ns: int
    assay_age_ns: int
    time_out_ns: int
    stop_confirm_ns: int
    seat_rate_ul_h: int
    seat_volume_nl: int
    drop_nl: int
    patency_volume_nl: int
    barrel_nl: int
    lock_count: int
    lock_window_ns: int
    flow_error_percent: int
    commissioning_age_ns: int

    @property
    def stale_ns(self) -> int:
        """How old a pump's last answer may be: so many polls without one make it stale, ns."""
        return self.stale_polls * self.poll_ns


def _value(row: LimitRow, given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise LimitError(row.key, given, "must be a number")
    exact = Decimal(str(given))
    if not exact.is_finite() or not Decimal(row.low) <= exact <= Decimal(row.high):
        raise LimitError(row.key, given, f"must lie in {row.low} .. {row.high} ({row.source})")
    scaled = exact * row.unit_factor
    if scaled != int(scaled):
        raise LimitError(row.key, given, "is finer than the base unit")
    return int(scaled)


CHECK_ROWS: Final = ("check_reminder_s", "check_medium_s", "check_trip_s")
"""What an unanswered site check does, one after the other."""


def limits_from(given: Mapping[str, object]) -> Limits:
    """All limits.

    The site's where given, else the default. Raises `LimitError` naming key and rule.
    """
    rows = {row.key: row for row in LIMIT_ROWS}
    for key, value in given.items():
        if key not in rows:
            raise LimitError(key, value, "is no limit of this program")
    values = {row.field: _value(row, given.get(row.key, row.default)) for row in LIMIT_ROWS}
    for sooner, later in pairwise(CHECK_ROWS):
        if values[rows[later].field] < values[rows[sooner].field]:
            rule = f"must not come before {sooner}"
            raise LimitError(later, given.get(later, rows[later].default), rule)
    return Limits(**values)


def limits_as_dict(limits: Limits) -> dict[str, int]:
    """Every limit by field name, for record 0 of a journal."""
    return {field.name: getattr(limits, field.name) for field in fields(limits)}
