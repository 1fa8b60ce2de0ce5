"""All that people read of a treatment out of a vial: no syringe, no barrel."""

import json
import re

import pytest

from simulators.bench.device_set import DeviceSet
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case

pytestmark = pytest.mark.timeout(240)

NAMES = {"syringe", "syringe_and_line", "whole_syringe", "barrel_due", "syringe_unseated"}
"""Names of the API and of alarms; a panel has its own words for them."""


def texts(value):
    """Every text in it; keys are names."""
    if isinstance(value, dict):
        for held in value.values():
            yield from texts(held)
    elif isinstance(value, (list, tuple)):
        for held in value:
            yield from texts(held)
    elif isinstance(value, str):
        yield value


def of_a_syringe(told):
    return {text for text in texts(told) if re.search("syringe|barrel", text) and text not in NAMES}


def test_telemetry_and_record_speak_of_a_vial(tmp_path):
    told = []

    def listen(stage):
        take = stage.broker.take

        def heard(message):
            told.append(json.loads(message.payload))
            take(message)

        stage.broker.take = heard

    case = Case(minutes=6.0, devices=DeviceSet("dulcoflex", flush_pump="dulcoflex"))
    rehearsal = rehearse(case, tmp_path, listen)
    shown = {one.get("text") for one in told}
    assert {"The vial is nearly empty", "Read what is left in the vial"} <= shown
    assert of_a_syringe(told) == set()
    record = rehearsal.full_record()
    assert "vial on hose" in json.dumps(record["people"])
    assert of_a_syringe(record) == set()
