"""A room with two pumps: whole treatments, with and without a fault, judged pump by pump."""

import pytest

from simulators.bench.device_set import DeviceSet
from simulators.bench.evidence import Witness
from simulators.bench.faults import InPhase, ScenarioError, fault
from simulators.bench.judges import judged
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case

pytestmark = pytest.mark.timeout(240)

APART = DeviceSet(flush_pump="ne1000")
ONE_LINE = DeviceSet(flush_pump="ne1000", one_line=True)
ROLLERS = DeviceSet(pump="dulcoflex", flush_pump="dulcoflex", one_line=True)
ALL = DeviceSet("dulcoflex", "activity-meter", flush_pump="dulcoflex", one_line=True)
MIXED = DeviceSet(flush_pump="dulcoflex"), DeviceSet(pump="dulcoflex", flush_pump="ne1000")


def played(tmp_path, *faults, devices=APART, people="end"):
    witness = Witness()
    case = Case(minutes=1.0, people=people, faults=faults, devices=devices)
    rehearsal = rehearse(case, tmp_path, witness.watching())
    evidence = witness.testify(rehearsal)
    assert [str(broken) for broken in judged(evidence)] == []
    assert rehearsal.failures == ()
    return rehearsal, evidence


@pytest.mark.parametrize(
    "devices", [APART, ONE_LINE, ROLLERS, ALL, *MIXED], ids=lambda devices: devices.suffix
)
def test_saline_and_drug_are_each_pushed_by_their_own_pump(tmp_path, devices):
    rehearsal, evidence = played(tmp_path, devices=devices)
    assert rehearsal.record["outcome"] == "complete"
    assert {move.syringe for move in evidence.moves} == {"", "drug"}
    assert {move.syringe for move in evidence.second.moves} == {"", "flush"}
    runs = [[said.text for said in one.asked].count("RUN") for one in (evidence, evidence.second)]
    assert runs == [2, 2]
    mounted = [move for move in evidence.moves if move.syringe == "drug"]
    assert len({move.to for move in mounted} & {"open", "patient"}) == 2
    assert rehearsal.full_record()["ground_truth"]["agrees"]


@pytest.mark.parametrize(
    "blow",
    [
        fault("process", "killed", InPhase("FLUSHING", 5.0), 3.0),
        fault("process", "killed", InPhase("INFUSING", 20.0), 3.0),
        fault("process", "consumer_hung", InPhase("FLUSHING", 5.0), 8.0),
        fault("stream", "unplugged", InPhase("INFUSING", 20.0), 8.0, wire="pump"),
        fault("stream", "unplugged", InPhase("FLUSHING", 5.0), 8.0, wire="flush_pump"),
        fault("stream", "unplugged", InPhase("FLUSHING", 5.0), 8.0, wire="pump"),
        fault("device", "occlusion", InPhase("FLUSHING", 5.0), 8.0),
    ],
    ids=lambda blow: f"{blow.kind} {blow.when.phase} {dict(blow.parameters).get('wire', '')}",
)
def test_whatever_befalls_it_every_promise_holds_for_both(tmp_path, blow):
    rehearsal, _ = played(tmp_path, blow)
    assert rehearsal.closed


@pytest.mark.parametrize(
    ("devices", "blow"),
    [
        (ROLLERS, fault("stream", "unplugged", InPhase("INFUSING", 20.0), 8.0, wire="pump")),
        (ROLLERS, fault("process", "killed", InPhase("FLUSHING", 5.0), 3.0)),
        (ALL, fault("stream", "unplugged", InPhase("INFUSING", 20.0), 8.0, wire="calibrator")),
        (ALL, fault("process", "killed", InPhase("INFUSING", 20.0), 3.0)),
        (MIXED[0], fault("stream", "unplugged", InPhase("FLUSHING", 5.0), 8.0, wire="flush_pump")),
        (MIXED[0], fault("process", "consumer_hung", InPhase("FLUSHING", 5.0), 8.0)),
        (MIXED[1], fault("process", "killed", InPhase("INFUSING", 20.0), 3.0)),
    ],
    ids=str,
)
def test_every_promise_holds_for_rollers_beside_a_syringe_or_each_other(tmp_path, devices, blow):
    rehearsal, _ = played(tmp_path, blow, devices=devices)
    assert rehearsal.closed


def test_a_fault_of_a_second_pump_needs_one():
    press = fault("device", "keypad_take_over", InPhase("INFUSING"), pump="flush_pump")
    with pytest.raises(ScenarioError, match="only in a room with a second pump"):
        Case(faults=(press,))


@pytest.mark.parametrize("devices", [APART, ROLLERS, MIXED[0]], ids=lambda devices: devices.suffix)
def test_what_keeps_the_vein_open_is_pushed_by_the_second_pump_alone(tmp_path, devices):
    pause = fault("person", "hold", InPhase("INFUSING", 20.0))
    rehearsal, evidence = played(tmp_path, pause, people="resume", devices=devices)
    runs = [[said.text for said in one.asked].count("RUN") for one in (evidence, evidence.second)]
    assert runs == [3, 3]
    assert rehearsal.record["outcome"] == "complete"
    assert rehearsal.full_record()["ground_truth"]["agrees"]


def test_what_strikes_one_pump_excuses_nothing_of_the_other(tmp_path):
    blows = (
        fault("device", "keypad_take_over", InPhase("INFUSING", 5.0), pump="flush_pump"),
        fault("stream", "late", InPhase("INFUSING", 6.0), 1.0, wire="calibrator"),
        fault("device", "occlusion", InPhase("INFUSING", 7.0), 0.1),
    )
    _, evidence = played(tmp_path, *blows)
    kinds = [[blow.kind for blow in one.blows] for one in (evidence, evidence.second)]
    assert kinds == [["occlusion"], ["keypad_take_over", "occlusion"]]


def test_on_one_line_what_befalls_the_wire_befalls_both(tmp_path):
    pulled = fault("stream", "unplugged", InPhase("INFUSING", 5.0), 1.0)
    _, evidence = played(tmp_path, pulled, devices=ONE_LINE)
    assert [len(one.blown("unplugged")) for one in (evidence, evidence.second)] == [1, 1]


@pytest.mark.parametrize("kind", ["alarm", "stuck_counter", "reboot", "free_flow"])
def test_the_second_pump_fails_as_the_first_does(tmp_path, kind):
    rehearsal, _ = played(
        tmp_path, fault("device", kind, InPhase("FLUSHING", 3.0), pump="flush_pump")
    )
    assert [one.fault.kind for one in rehearsal.fired] == [kind]
    assert rehearsal.closed
