"""The bench's proof of its calibrator, and whole treatments that rest on it or have to do without.

Ground truth is asked what the drug syringe gave, never the daemon.
"""

from dataclasses import replace

import pytest

from controller.units_known import UnitsKnown
from simulators.bench.device_set import DeviceSet
from simulators.bench.evidence import Witness
from simulators.bench.judges import judged
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.streams import Stage

POLLED = Case(minutes=1.0, devices=DeviceSet(calibrator="crc15"))
UNPROVEN = UnitsKnown("none is known", {})


def played(directory, prepare=lambda _stage: None):
    witness = Witness()
    rehearsal = rehearse(POLLED, directory, witness.watching(prepare))
    return rehearsal, witness.testify(rehearsal)


@pytest.mark.requirement("C8")
def test_a_treatment_with_polled_readings_is_completed_while_tickets_are_printed(tmp_path):
    rehearsal, evidence = played(tmp_path)
    assert judged(evidence) == ()
    assert rehearsal.record["outcome"] == "complete"
    assert '"unit_proof":"SHA-256 ' in rehearsal.export[0]
    heard = [one.data for one in rehearsal.seen["calibrator"] if one.stage is Stage.HEARD]
    assert b"".join(heard).count(b"NUCLIDE I 131") > 2


@pytest.mark.requirement("C8")
def test_without_a_proof_nothing_is_assayed_and_no_drug_flows(tmp_path):
    def unproven(stage):
        stage.units = UNPROVEN

    rehearsal, evidence = played(tmp_path, unproven)
    assert judged(replace(evidence, faulty=True)) == ()
    assert rehearsal.truth["syringes"]["drug"]["expelled_nl"] == 0.0
    assert "unit code '3': is ambiguous (millicurie by crc-15pet.py" in "".join(rehearsal.export)
