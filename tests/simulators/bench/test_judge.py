"""Judging a record by ground truth, with numbers worked out by hand."""

import pytest

from simulators.bench.judge import DROP_ML, Watch, judge, utc_ns

START = "2026-11-22T10:00:00.000Z"
HALF_LIFE_NS = round(8.0252 * 86_400 * 10**9)


def truth_of(patient_mbq=1500.0, drug_ml=19.45, **more):
    """A world one half-life after the start."""
    return {
        "utc_ns": utc_ns(START) + HALF_LIFE_NS,
        "activities_bq": {"patient": patient_mbq * 1e6 / 2, "line": 0.0},
        "syringes": {"drug": {"expelled_nl": drug_ml * 1e6}},
        "displaced_nl": 0.0,
        "plunger_mean_nl_s": 0.0,
        **more,
    }


def record_of(**changes):
    return {
        "planned_ml": 19.45,
        "pumped_ml": 19.45,
        "delivered_mbq": 1500.0,
        "delivered_by_volume_mbq": 1500.0,
        "uncertainty_percent": 5.0,
        "uncertainty_by_volume_percent": 6.0,
        **changes,
    }


def verdicts(record, truth=None):
    found = judge(record, truth or truth_of(), utc_ns(START))
    routes = {name: route["agrees"] for name, route in found["routes"].items()}
    assert found["agrees"] is all(routes.values())
    return [name for name, agrees in routes.items() if not agrees]


def test_a_true_record_agrees_and_activities_stand_at_the_start():
    found = judge(record_of(), truth_of(), utc_ns(START))
    assert found["agrees"] is True
    assert found["activities_mbq"]["patient"] == 1500.0
    assert found["routes"]["delivered_mbq"] == {
        "record": 1500.0, "truth": 1500.0, "allowed": 75.0, "unit": "MBq", "agrees": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"delivered_mbq": 1578.0}, []),
        ({"delivered_mbq": 1579.0}, ["delivered_mbq"]),
        ({"delivered_mbq": 1428.0}, ["delivered_mbq"]),
        ({"delivered_mbq": None}, ["delivered_mbq"]),
        ({"delivered_by_volume_mbq": 1595.0}, []),
        ({"delivered_by_volume_mbq": 1596.0}, ["delivered_by_volume_mbq"]),
        ({"delivered_by_volume_mbq": 1595.0, "uncertainty_by_volume_percent": None},
         ["delivered_by_volume_mbq"]),
        ({"uncertainty_percent": None}, ["delivered_mbq"]),
        ({"pumped_ml": 19.26}, []),
        ({"pumped_ml": 19.25}, ["volume"]),
        ({"planned_ml": 19.66}, ["volume"]),
        ({"pumped_ml": None}, ["volume"]),
    ],
)  # fmt: skip
def test_each_route_is_judged_by_itself(changes, wrong):
    assert verdicts(record_of(**changes)) == wrong


def test_a_counter_that_looks_right_does_not_hide_a_wrong_flow():
    assert verdicts(record_of(), truth_of(drug_ml=20.0)) == ["volume"]


def look(watch, **seen):
    drug_ml = seen.pop("drug_ml", 0.0)
    watch.look(truth_of(drug_ml=drug_ml, **seen))
    return [found[:2] for found in watch.violations]


def test_nothing_moves_before_release():
    watch = Watch()
    assert look(watch) == []
    assert look(watch, displaced_nl=0.1) == ["S3"]


def test_only_the_drop_before_the_start_and_only_the_release_ever():
    watch = Watch()
    watch.release(10.0, 600.0)
    assert look(watch, drug_ml=0.6) == []
    watch.start()
    assert look(watch, drug_ml=10.0 + DROP_ML) == []
    assert look(watch, drug_ml=10.0 + DROP_ML + 0.001) == ["S1"]


def test_drug_before_the_start_is_a_violation():
    watch = Watch()
    watch.release(10.0, 600.0)
    assert look(watch, drug_ml=0.61) == ["S3"]


def test_the_minutes_mean_stays_at_the_profiles_rate():
    watch = Watch()
    watch.release(10.0, 600.0)
    assert look(watch, plunger_mean_nl_s=50_000.0) == []
    watch.start()
    assert look(watch, plunger_mean_nl_s=18_333.0) == []
    assert look(watch, plunger_mean_nl_s=18_334.0) == ["S2"]
    assert look(watch, plunger_mean_nl_s=0.0) == ["S2"]


def test_a_records_time_is_read_to_the_microsecond():
    assert utc_ns("1970-01-01T00:00:01.000001Z") == 1_000_001_000
