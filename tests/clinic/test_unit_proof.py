"""What a known source proves of a unit code, and what it does not."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.documents import DocumentError
from controller.clinic.unit_proof import (
    DEVIATION_PERCENT_MAX,
    HALF_LIVES,
    CodeProof,
    dated,
    judged,
    parse_reference_time,
    parse_unit_proof,
    passed,
    unit_proof_text,
    units_proven,
)
from firmware_interfaces.crc15 import CODES, Unit, units_named
from tests.clinic.unit_proofs import (
    AT,
    CESIUM,
    GOOD,
    LEFT_MBQ,
    MICROCURIES,
    TEXT,
    file_of,
    shown,
)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("number", "code", "unit"),
    [
        (MICROCURIES, 1, Unit.MICROCURIE),
        (MICROCURIES, 2, Unit.MICROCURIE),
        (MICROCURIES / 1000, 2, Unit.MILLICURIE),
        (MICROCURIES / 1000, 3, Unit.MILLICURIE),
        (MICROCURIES / 1e6, 3, Unit.CURIE),
        (MICROCURIES / 1e6, 4, Unit.CURIE),
        (LEFT_MBQ, 5, Unit.MEGABECQUEREL),
        (LEFT_MBQ / 1000, 6, Unit.GIGABECQUEREL),
    ],
)
def test_a_known_source_says_which_unit_a_code_is(number, code, unit):
    row = judged(shown(number, code))
    assert (row.unit, row.objection) == (unit.name, None)
    assert row.expected_mbq == pytest.approx(LEFT_MBQ, rel=1e-6)
    assert row.deviation_percent == pytest.approx(0.0, abs=1e-4)
    assert units_proven(file_of(row)) == {code: unit}


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("measured", "objection"),
    [
        (shown(MICROCURIES, 3), "199.999|195.*millicurie or curie is not 7.2.* MBq within 10 %"),
        (shown(MICROCURIES, 5), "megabecquerel is not 7.2"),
        (shown(LEFT_MBQ, 2), "microcurie or millicurie is not"),
        (shown(MICROCURIES, 0), "unit code 0 is in no table"),
        (shown(MICROCURIES, 7), "unit code 7 is in no table"),
        (shown(MICROCURIES, nuclide_shown="I-131"), "set to I-131, the source is Cs-137"),
        (shown(MICROCURIES, at=AT - timedelta(days=400)), "certificate is dated after"),
        (shown(-1.0), "shows -1.002"),
        (shown(0.0), "shows 0"),
        (shown(MICROCURIES, numbers=(MICROCURIES,) * 10), "same to the last bit"),
        (shown(MICROCURIES, numbers=(190.0,) * 9 + (200.0,)), "spread by 5.24 %, limit 2 %"),
        (
            shown(1.0, source=CESIUM.model_copy(update={"nuclide": "I-131"}),
                  at=AT + timedelta(days=3650)),
            "nothing is left",
        ),
    ],
)  # fmt: skip
def test_what_fits_no_unit_proves_nothing(measured, objection):
    row = judged(measured)
    assert row.unit is None
    assert re.search(objection, str(row.objection))
    assert not passed([row])
    assert units_proven(file_of(row)) == {}


@pytest.mark.parametrize(("percent", "proves"), [(9.99, True), (10.01, False), (-9.99, True),
                                                 (-10.01, False)])  # fmt: skip
def test_ten_percent_is_the_edge(percent, proves):
    assert DEVIATION_PERCENT_MAX == 10.0
    assert (judged(shown(MICROCURIES * (1 + percent / 100))).unit is not None) == proves


@given(st.sampled_from(CODES), st.floats(1e-9, 1e12))
def test_no_number_ever_proves_two_units_or_one_that_no_host_names(code, number):
    row = judged(shown(number, code))
    if row.unit is not None:
        unit = Unit[row.unit]
        assert unit in units_named(code)
        fitting = [
            one for one in Unit
            if abs(number * one.value / (row.expected_mbq * 1e6) - 1) <= 0.1 + 1e-9
        ]  # fmt: skip
        assert fitting == [unit]


def test_two_sources_that_contradict_each_other_prove_nothing():
    rows = [judged(shown(MICROCURIES)), judged(shown(MICROCURIES / 1000))]
    assert [row.unit for row in rows] == ["MICROCURIE", "MILLICURIE"]
    assert not passed(rows)
    assert passed([rows[0], rows[0]])


def test_a_file_is_written_as_it_was_read():
    assert unit_proof_text(parse_unit_proof(TEXT)) == TEXT
    failed = unit_proof_text(file_of(judged(shown(LEFT_MBQ))))
    assert unit_proof_text(parse_unit_proof(failed)) == failed


def edited(**changes):
    return json.dumps({**json.loads(TEXT), **changes})


def with_row(**changes):
    row = json.loads(TEXT)["rows"][0]
    return edited(rows=[{**row, **changes}])


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("text", "field"),
    [
        (edited(schema=2), "schema"),
        (edited(kind="crc55"), "kind"),
        (edited(serial=" "), "serial"),
        (edited(rows=[]), "rows"),
        (edited(moon=1), "moon"),
        (edited(second={"id": "ab", "name": "Anna", "role": "t"}), "second.id"),
        (edited(passed=False), "passed"),
        (with_row(unit="MILLICURIE"), "rows.0"),
        (with_row(deviation_percent=0.5), "rows.0"),
        (with_row(expected_mbq=7.4), "rows.0"),
        (with_row(objection="no"), "rows.0"),
        ("{", "document"),
    ],
)
def test_a_file_that_says_what_its_numbers_do_not_is_refused(text, field):
    with pytest.raises(DocumentError) as found:
        parse_unit_proof(text)
    assert [problem.field for problem in found.value.problems] == [field]


def test_a_number_that_was_altered_is_found_by_what_it_proved():
    told = json.loads(TEXT)
    told["rows"][0]["measured"]["numbers"][3] *= 1000
    with pytest.raises(DocumentError, match=r"rows.0 = 'MICROCURIE': its numbers prove None"):
        parse_unit_proof(json.dumps(told))


@pytest.mark.parametrize("said", ["2026-03-01T12:00Z", "2026-03-01T13:00+01:00"])
def test_a_reference_time_has_a_zone(said):
    assert parse_reference_time(said) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="must say its time zone"):
        parse_reference_time("2026-03-01T12:00")
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse_reference_time("yesterday")
    with pytest.raises(ValueError, match="is no time of UTC"):
        parse_reference_time("0001-01-01T00:00+23:59")


def test_half_lives_are_those_of_radioactivedecay():
    decay = pytest.importorskip("radioactivedecay")
    for nuclide, half_life in HALF_LIVES.items():
        days = decay.Nuclide(nuclide).half_life("d")
        assert half_life.days == pytest.approx(days, rel=1e-5), nuclide


def test_a_row_needs_ten_readings_and_the_file_has_its_date_in_its_name():
    with pytest.raises(ValueError, match="at least 10 items"):
        shown(1.0, numbers=(1.0,) * 9)
    assert isinstance(GOOD.rows[0], CodeProof)
    assert dated(AT) == "calibrator-20261122-081500.json"
