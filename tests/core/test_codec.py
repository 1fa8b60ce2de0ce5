"""What was journalled is read back as it was, or not at all."""

import json
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

import pytest

from controller.core import events as e
from controller.core.codec import CodecError, plain, revive
from controller.core.limits import LIMIT_ROWS, LimitError, Limits, limits_as_dict, limits_from
from controller.core.state import Phase, State
from controller.core.table import EVENTS
from firmware_interfaces.readings import Channel, PumpPlan, ReadingStatus
from tests.core.situations import BUILDERS, at, plausible
from tests.core.world import LIMITS, S, activity, round_trip


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_survives_the_journal(kind: type[e.Event]) -> None:
    hand = at("infusing")
    event = kind(hand.now_ns, hand.now_ns + hand.skew_ns, *plausible(hand)[kind])
    assert revive(kind, json.loads(json.dumps(plain(event)))) == event


@pytest.mark.parametrize("name", BUILDERS)
def test_every_state_survives_the_journal(name: str) -> None:
    state = at(name).state
    assert round_trip(state) == state


def test_flags_are_integers_and_enums_their_values() -> None:
    odd = activity(status=ReadingStatus.VALID | ReadingStatus.QC_DUE)
    told = plain(odd)
    assert told["status"] == 8193
    assert revive(type(odd), told) == odd
    assert plain(Phase.HELD) == "HELD"


def test_a_float_has_no_place() -> None:
    with pytest.raises(CodecError, match=r"a float has no place in the core: 0\.5"):
        plain((1, 0.5))


def _spoilt(path: str, value: object) -> dict[str, object]:
    body: dict[str, object] = json.loads(json.dumps(plain(at("infusing").state)))
    *parents, last = path.split(".")
    inner: Any = body
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("epoch", "2", r"State\.epoch: expected int, got '2'"),
        ("epoch", True, r"State\.epoch: expected int, got True"),
        ("assay.status", True, r"State\.assay\.status: True is not how 1 is written"),
        ("assay.status", 1.0, r"State\.assay\.status: 1\.0 is not how 1 is written"),
        ("assay.status", -1, r"State\.assay\.status: -1 is not how"),
        ("epoch", 2.0, r"State\.epoch: expected int, got 2\.0"),
        ("phase", "GONE", r"State\.phase: 'GONE' is not a valid Phase"),
        ("run", [], r"State\.run: expected an object for Run"),
        ("run.plan.rate_ul_h", None, r"State\.run\.plan\.rate_ul_h: expected int, got None"),
        ("run.profile", {}, r"State\.run\.profile: expected a list"),
        ("run.profile", [[1, 2, 3]], r"State\.run\.profile\[\]: expected 2 items"),
        ("run.samples", [3], r"State\.run\.samples\[\]: expected an object for Sample"),
        ("drug", {"low_nl": 1}, r"State\.drug: fields differ from Pumped: \{'high_nl'\}"),
        ("surprise", 1, r"State: fields differ from State: \{'surprise'\}"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(path: str, value: object, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        revive(State, _spoilt(path, value))


class _Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class _Holder:
    colour: _Colour | None


def test_nothing_is_nothing_where_it_may_be() -> None:
    assert revive(_Holder, {"colour": None}) == _Holder(None)
    assert revive(_Holder, {"colour": "red"}) == _Holder(_Colour.RED)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.requirement("T8.8", "N2")
@pytest.mark.parametrize("row", LIMIT_ROWS, ids=lambda row: row.key)
def test_a_limit_may_move_inside_its_bounds_and_never_beyond(row) -> None:
    assert getattr(limits_from({row.key: row.low}), row.field) <= getattr(LIMITS, row.field)
    assert getattr(limits_from({row.key: row.high}), row.field) >= getattr(LIMITS, row.field)
    for beyond in (float(row.low) - 0.01, float(row.high) + 0.01, -1, "1e9"):
        with pytest.raises(LimitError, match=rf"limits\.{row.key} = .*must lie in") as caught:
            limits_from({row.key: beyond})
        assert (caught.value.key, caught.value.value) == (row.key, beyond)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"poll_s": True}, "must be a number"),
        ({"poll_s": None}, "must be a number"),
        ({"poll_s": [1]}, "must be a number"),
        ({"poll_s": float("nan")}, "must lie in 0.2 .. 1 (treatment.md 3: poll 2 Hz)"),
        ({"stale_polls": "3.5"}, "is finer than the base unit"),
        ({"watchdog_s": 0}, "is no limit of this program"),
        ({"kvo_ml_h": 1}, "is no limit of this program"),
    ],
)
def test_what_is_no_limit_is_refused(given: dict[str, object], rule: str) -> None:
    with pytest.raises(LimitError) as caught:
        limits_from(given)
    ((key, value),) = given.items()
    assert (caught.value.key, caught.value.value) == (key, value)
    assert str(caught.value) == f"limits.{key} = {value!r}: {rule}"


def test_a_site_check_is_asked_for_again_before_it_is_medium_and_trips_last() -> None:
    assert limits_from({"check_reminder_s": 120}).check_reminder_ns == 120 * S
    with pytest.raises(LimitError, match=r"check_medium_s = 119: .* before check_reminder_s"):
        limits_from({"check_reminder_s": 120, "check_medium_s": 120 - 1})
    with pytest.raises(LimitError, match=r"check_trip_s = 130: .* before check_medium_s"):
        limits_from({"check_medium_s": 131, "check_trip_s": 130})


def test_the_defaults_are_those_of_the_treatment_page() -> None:
    assert (LIMITS.poll_ns, LIMITS.stale_polls) == (S // 2, 3)
    assert (LIMITS.flow_window_ns, LIMITS.flow_window_steps) == (10 * S, 5)
    assert (LIMITS.rate_window_ns, LIMITS.rate_window_percent) == (60 * S, 10)
    assert (LIMITS.rate_high_percent, LIMITS.rate_low_percent) == (10, 10)
    assert (LIMITS.overrun_ns, LIMITS.cumulative_percent) == (600 * S, 5)
    assert (LIMITS.lag_ns, LIMITS.clock_step_ns, LIMITS.journal_slow_ns) == (S, S // 2, S // 5)
    assert (LIMITS.near_end_ns, LIMITS.hold_reminder_ns) == (120 * S, 120 * S)
    assert (LIMITS.start_window_ns, LIMITS.time_out_ns) == (10 * S, 900 * S)
    assert (LIMITS.assay_age_ns, LIMITS.disk_low_mb) == (3600 * S, 1000)
    assert (LIMITS.lock_count, LIMITS.lock_window_ns) == (3, 600 * S)


def test_every_limit_has_a_row_and_stands_in_record_zero() -> None:
    names = [field.name for field in fields(Limits)]
    assert [row.field for row in LIMIT_ROWS] == names
    assert limits_as_dict(LIMITS) == {name: getattr(LIMITS, name) for name in names}
    assert replace(LIMITS, **limits_as_dict(LIMITS)) == LIMITS


# --- fields of a later version --------------------------------------------------------------------


def _plan(**changes: Any) -> PumpPlan:
    return replace(at("infusing").run.plan, **changes)


def test_a_field_of_a_later_version_is_missing_where_it_says_what_was_so_before() -> None:
    told = plain(_plan())
    assert "channel" not in told
    assert revive(PumpPlan, told) == _plan(channel=Channel.DRUG)


def test_a_field_of_a_later_version_is_written_where_it_says_more() -> None:
    told = plain(_plan(channel=Channel.FLUSH))
    assert told["channel"] == "flush"
    assert revive(PumpPlan, told).channel is Channel.FLUSH
    assert revive(PumpPlan, {**told, "channel": "drug"}).channel is Channel.DRUG


def test_no_other_field_may_be_missing_beside_it() -> None:
    told = {name: value for name, value in plain(_plan()).items() if name != "rate_ul_h"}
    with pytest.raises(CodecError, match=r"fields differ from PumpPlan: .*'rate_ul_h'"):
        revive(PumpPlan, told)
