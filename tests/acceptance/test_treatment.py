"""One whole treatment, from the written directive to the closed record, judged by ground truth."""

import json

import pytest

from tests.acceptance.conftest import AutoRun

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(420)]


@pytest.mark.requirement("L1", "T6.1")
def test_a_whole_treatment_is_complete_and_its_record_true(auto_run: AutoRun):
    code = auto_run.ended(400.0)
    lines = auto_run.out.read_text().splitlines()
    assert code == 0, f"{lines}\n{auto_run.err.read_text()}"
    where, record = json.loads(lines[0]), json.loads(lines[-1])
    assert set(where) >= {"api", "broker", "ports", "directory"}
    assert len(lines) == 2
    assert record["outcome"] == "complete"
    assert record["simulated"] is True
    assert record["pumped_ml"] == pytest.approx(record["planned_ml"], rel=0.01)
    truth = record["ground_truth"]
    assert truth["violations"] == []
    assert {name: route["agrees"] for name, route in truth["routes"].items()} == {
        "volume": True, "delivered_mbq": True, "delivered_by_volume_mbq": True,
    }  # fmt: skip
    released = [p["operator_id"] for p in record["people"] if "released" in p["meaning"]]
    assert sorted(released) == ["ab", "cd"]
    assert all(person["identity"] != "unauthenticated" for person in record["people"])
    (ordered,) = [p for p in record["people"] if p["meaning"] == "ordered as authorized user"]
    assert (ordered["operator_id"], ordered["identity"]) == ("au", "badge+PIN")
    assert all(gate["by"] for gate in record["gates"])
    assert {p["identity"] for p in record["people"] if "released" in p["meaning"]} == {"badge+PIN"}
