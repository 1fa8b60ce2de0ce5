"""The commissioning file: what is refused, and what a part that failed makes of its syringe."""

import json
from datetime import UTC, datetime

import pytest

from controller.clinic.commissioning import (
    commissioning_text,
    dated,
    parse_commissioning,
    proof_of,
)
from controller.clinic.documents import DocumentError
from tests.controller.room import COMMISSIONING


def edited(**changes):
    return json.dumps({**json.loads(COMMISSIONING), **changes})


def test_a_file_is_written_as_it_was_read():
    assert commissioning_text(parse_commissioning(COMMISSIONING)) == COMMISSIONING


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schema": 2}, "schema"),
        ({"at": "2026-03-01T09:30:00"}, "at"),
        ({"syringes": []}, "syringes"),
        ({"moon": 1}, "moon"),
        ({"second": {"id": "ab", "name": "Anna", "role": "t"}}, "second.id"),
    ],
)
def test_another_file_is_refused(changes, field):
    with pytest.raises(DocumentError) as found:
        parse_commissioning(edited(**changes))
    assert [problem.field for problem in found.value.problems] == [field]


def test_what_is_no_json_is_refused():
    with pytest.raises(DocumentError, match="strict JSON"):
        parse_commissioning("{")


@pytest.mark.parametrize("part", ["flow", "occlusion", "dead_volume"])
def test_a_part_that_failed_fails_its_syringe_whatever_the_row_says(part):
    told = json.loads(COMMISSIONING)
    told["syringes"][0][part]["passed"] = False
    assert not proof_of(parse_commissioning(json.dumps(told))).syringes[0].passed


@pytest.mark.parametrize(
    ("rate", "volume", "ppm"), [(1.0, -2.0, -20_000), (-0.5, 0.4, -5_000), (0.1, 0.25, 2_500)]
)
def test_the_worse_error_counts_with_its_sign(rate, volume, ppm):
    told = json.loads(COMMISSIONING)
    told["syringes"][0]["flow"] |= {"rate_error_percent": rate, "volume_error_percent": volume}
    assert proof_of(parse_commissioning(json.dumps(told))).syringes[0].flow_error_ppm == ppm


def test_a_file_has_its_date_in_its_name():
    assert dated(datetime(2026, 11, 22, 8, 15, tzinfo=UTC)) == "pump-20261122-081500.json"
