"""Faults are data; each acts on the wire or in the room when it is due, and is taken away again."""

import json
import random
from typing import Any

import pytest

from firmware_interfaces import dulco_flex as df
from simulators.bench.apparatus import PumpApparatus
from simulators.bench.device_set import DeviceSet
from simulators.bench.fault_acts import ACTS
from simulators.bench.faults import (
    KINDS,
    AtFrame,
    AtRecord,
    AtTime,
    InPhase,
    Place,
    ScenarioError,
    fault,
    fault_as_dict,
    fault_from,
)
from simulators.bench.line_faults import STRIKES, LineFaults
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.streams import Stage, To
from simulators.devices.new_era import Ne1000Firmware

S = 1_000_000_000
FRAMES = (b"aaaa", b"bbbb", b"cccc")
WHENS = (AtTime(12.5), InPhase("INFUSING", 3.0), AtFrame(7, "calibrator", To.HOST), AtRecord(40))


def struck(kind, **parameters):
    """What is heard of frames that arrive a second apart while one fault strikes the second."""
    line = LineFaults(random.Random(1))
    heard: list[tuple[int, bytes]] = []
    one = fault("stream", kind, AtFrame(2), **parameters)
    line.at_frame(2, lambda: line.begin(one, 2 * S))
    for number, data in enumerate(FRAMES, start=1):
        heard += line.passage(data, number * S)
    return [(at / S, data) for at, data in heard]


@pytest.mark.parametrize("when", WHENS)
def test_a_fault_goes_through_json_and_back(when):
    one = fault("stream", "late", when, 4.0, delay_s=0.3, to="host")
    assert fault_from(json.loads(json.dumps(fault_as_dict(one)))) == one
    assert hash(one) == hash(fault_from(fault_as_dict(one)))


def test_every_kind_of_the_catalogue_does_something():
    striking = {(Place.STREAM, kind) for kind in (*STRIKES, "stall_then_burst")}
    assert set(ACTS) | striking == set(KINDS)
    assert not set(ACTS) & striking


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"place": "attic", "kind": "lost", "at_s": 1}, "place"),
        ({"place": "disk", "kind": "lost", "at_s": 1}, "kind"),
        ({"place": "stream", "kind": "lost", "at_s": 1, "speed": 3}, "speed"),
        ({"place": "stream", "kind": "lost", "at_s": 1, "wire": "fence"}, "wire"),
        ({"place": "stream", "kind": "lost"}, "when"),
        ({"place": "stream", "kind": "lost", "at_s": 1, "record": 2}, "when"),
        ({"place": "stream", "kind": "lost", "at_s": -1}, "at_s"),
        ({"place": "stream", "kind": "lost", "at_s": True}, "at_s"),
        ({"place": "stream", "kind": "lost", "frame": 0}, "frame"),
        ({"place": "stream", "kind": "lost", "frame": 1, "of_wire": "fence"}, "of_wire"),
        ({"place": "stream", "kind": "lost", "frame": 1, "towards": "moon"}, "towards"),
        ({"place": "stream", "kind": "lost", "phase": "LUNCH"}, "phase"),
        ({"place": "stream", "kind": "lost", "record": -1}, "record"),
        ({"place": "device", "kind": "leak", "at_s": 1, "share": 1.5}, "share"),
        ({"place": "device", "kind": "leak", "at_s": 1, "duration_s": "long"}, "duration_s"),
    ],
)
def test_what_cannot_be_is_refused_by_field(given, field):
    with pytest.raises(ScenarioError) as refused:
        fault_from(given)
    assert refused.value.field == field


def test_people_that_there_are_not_are_refused():
    with pytest.raises(ScenarioError, match="people = 'robots'"):
        Case(people="robots")


@pytest.mark.parametrize(
    ("kind", "parameters", "heard"),
    [
        ("lost", {}, [(1, b"aaaa"), (3, b"cccc")]),
        ("lost", {"frames": 2}, [(1, b"aaaa")]),
        ("late", {"delay_s": 0.5}, [(1, b"aaaa"), (2.5, b"bbbb"), (3, b"cccc")]),
        ("late", {"delay_s": 2.0}, [(1, b"aaaa"), (4, b"bbbb"), (4, b"cccc")]),
        ("duplicated", {"gap_s": 0.1},
         [(1, b"aaaa"), (2, b"bbbb"), (2.1, b"bbbb"), (3, b"cccc")]),
        ("truncated", {"share": 0.25}, [(1, b"aaaa"), (2, b"b"), (3, b"cccc")]),
        ("truncated", {"share": 0.0}, [(1, b"aaaa"), (3, b"cccc")]),
        ("one_byte_at_a_time", {"gap_s": 0.1},
         [(1, b"aaaa"), *((2 + n / 10, b"b") for n in range(4)), (3, b"cccc")]),
        ("stall_then_burst", {"hold_s": 5.0, "frames": 2},
         [(1, b"aaaa"), (7, b"bbbb"), (7, b"cccc")]),
    ],
)  # fmt: skip
def test_a_stream_fault_does_to_frames_what_its_name_says(kind, parameters, heard):
    assert struck(kind, **parameters) == [(pytest.approx(at), data) for at, data in heard]


def test_a_corrupted_frame_differs_in_one_bit():
    heard = struck("corrupted")
    assert [heard[0], heard[2]] == [(1, b"aaaa"), (3, b"cccc")]
    changed = int.from_bytes(heard[1][1], "big") ^ int.from_bytes(b"bbbb", "big")
    assert changed.bit_count() == 1


def test_a_fault_with_a_duration_strikes_until_it_is_ended():
    line = LineFaults(random.Random(1))
    end = line.begin(fault("stream", "lost", AtTime(0.0), 9.0), 0)
    assert line.passage(b"x", 1) == []
    assert line.passage(b"y", 2) == []
    end()
    assert line.passage(b"z", 3) == [(3, b"z")]
    end()


def test_the_line_of_a_stream_fault_is_named_or_that_of_its_frame():
    when = AtFrame(3, "calibrator", To.HOST)
    assert fault("stream", "lost", when).line() == ("calibrator", To.HOST)
    assert fault("stream", "lost", when, to="device").line() == ("calibrator", To.DEVICE)
    assert fault("stream", "lost", AtTime(1.0)).line() == ("pump", To.DEVICE)


def played(tmp_path, *faults, people="end"):
    return rehearse(Case(1, 1.0, people, faults), tmp_path)


def test_a_fault_strikes_the_very_frame_that_it_names(tmp_path):
    told = played(tmp_path, fault("stream", "lost", AtFrame(5)))
    ways = [seen for seen in told.seen["pump"] if seen.to is To.DEVICE]
    left = [seen.at_ns for seen in ways if seen.stage is Stage.LEFT]
    heard = [seen for seen in ways if seen.stage is Stage.HEARD]
    assert len(left) - len(heard) == 1
    assert told.frames["pump", To.DEVICE] == len(left)
    assert [one.fault.when for one in told.fired] == [AtFrame(5)]
    assert left[4] < told.fired[0].at_ns < left[5]


def test_the_same_faults_and_seed_give_the_same_journal(tmp_path):
    faults = (
        fault("stream", "corrupted", AtFrame(40, "pump", To.HOST), frames=3),
        fault("process", "killed", AtRecord(60), 4.0),
    )
    first = played(tmp_path / "a", *faults, people="resume")
    again = played(tmp_path / "b", *faults, people="resume")
    assert first.head == again.head
    assert first.troubles == again.troubles
    assert first.boots == again.boots == 2


@pytest.mark.parametrize("record", [3, 12, 30, 45, 70])
def test_a_killed_program_comes_back_and_nothing_it_had_pumped_is_lost(record, tmp_path):
    told = played(tmp_path, fault("process", "killed", AtRecord(record), 5.0), people="resume")
    assert told.boots == 2
    assert told.closed
    assert told.failures == ()
    assert [one.fault.kind for one in told.fired] == ["killed"]
    low, high = told.record["pumped_interval_ml"]
    out_ml = told.truth["syringes"]["drug"]["expelled_nl"] / 1e6
    assert low - 0.07 <= out_ml <= high + 0.07


def test_a_killed_program_runs_not_one_more_line(tmp_path):
    told = played(tmp_path, fault("process", "killed", InPhase("INFUSING", 10.0)))
    died_ns = told.fired[0].at_ns
    after = [seen for seen in told.seen["pump"] if seen.to is To.DEVICE and seen.at_ns > died_ns]
    assert [seen for seen in after if seen.stage is Stage.LEFT] == []
    assert not told.closed
    assert not told.rested
    assert told.boots == 1
    assert told.troubles[-1] == "TimeoutError: nobody waits any longer"


def test_what_a_fault_changed_in_the_room_is_as_before_when_it_is_over(tmp_path):
    stages: list[Any] = []
    lasting: list[tuple[str, dict[str, Any]]] = [
        ("occlusion", {}), ("slow_occlusion", {}), ("leak", {}), ("gain_error", {"factor": 1.01}),
        ("free_flow", {"factor": 1.01}), ("stuck_counter", {}), ("noisy_chamber", {}),
        ("drifting_chamber", {}), ("contaminated_well", {}), ("siphon", {}), ("jammed", {}),
        ("saturated_chamber", {}), ("deaf_setting", {"command": "RAT"}),
    ]  # fmt: skip
    faults = tuple(fault("device", kind, AtTime(0.1), 0.1, **more) for kind, more in lasting)
    others = (
        fault("disk", "slow", AtTime(0.1), 0.1), fault("disk", "full", AtTime(0.1), 0.1),
        fault("disk", "failing", AtTime(0.1), 0.1), fault("broker", "slow", AtTime(0.1), 0.1),
        fault("clock", "drift", AtTime(0.1), 0.1), fault("broker", "absent", AtTime(0.1), 0.1),
    )  # fmt: skip
    rehearse(Case(1, 1.0, "none", (*faults, *others)), tmp_path, stages.append)
    (stage,) = stages
    fresh = type(stage)(Case(), stage.loop, tmp_path)
    for found, expected in (
        (stage.world.room.surroundings, fresh.world.room.surroundings),
        (stage.world.pump.firmware.defects, fresh.world.pump.firmware.defects),
        (stage.world.pump.firmware.deaf_to, set()),
        (stage.broker.delay_s, 0.0),
        (stage.clock.utc_drift_ppm, 0),
        ((stage.disk.free_mb, stage.disk.delay_s, stage.disk.failing), (100_000, 0.0, False)),
    ):
        assert found == expected


def test_what_a_fault_changed_in_a_dulco_flex_is_as_before_when_it_is_over(tmp_path):
    stages: list[Any] = []
    lasting: list[tuple[str, dict[str, Any]]] = [
        ("hose_worn", {}), ("hose_torn", {}), ("vent_closed", {}), ("spike_loose", {}),
        ("stuck_counter", {}), ("free_flow", {"factor": 2.0}), ("words_swapped", {}),
        ("warning_bit", {"warning": "temperature"}), ("deaf_register", {"register": "trigger"}),
        ("panel_use", {"choice": "hose_change"}), ("panel_use", {"choice": "batch_memory"}),
    ]  # fmt: skip
    faults = tuple(fault("device", kind, AtTime(0.1), 0.1, **more) for kind, more in lasting)
    flex = DeviceSet("dulcoflex", "activity-meter")
    rehearse(Case(1, 1.0, "none", faults, devices=flex), tmp_path, stages.append)
    (stage,) = stages
    assert len(stage.saboteur.fired) == len(faults)
    fresh = type(stage)(Case(devices=flex), stage.loop, tmp_path)
    pump, new = stage.world.pump.flex, fresh.world.pump.flex
    for name in ("deaf_to", "standing_warnings", "batch_memory", "hose_change", "meanings"):
        assert getattr(pump, name) == getattr(new, name), name
    assert pump.motor.defects == new.motor.defects
    vial = stage.world.room.syringes["drug"]
    assert (vial.nl_per_rev, vial.vented, vial.loose_spike) == (20_000.0, True, 0.0)
    assert stage.world.room.surroundings.hose_torn == 0.0
    with pytest.raises(TypeError, match="no NE-1000"):
        stage.world.pump.ne1000.program.feel_defects()


def test_another_flex_holds_the_same_and_says_who_it_is_otherwise(tmp_path):
    stages: list[Any] = []
    one = fault("device", "other_flex", AtTime(0.1), differs="serial number")
    devices = DeviceSet("dulcoflex", "activity-meter")
    rehearse(Case(1, 1.0, "none", (one,), devices=devices), tmp_path, stages.append)
    pump = stages[0].world.pump
    assert pump.flex.held[df.SERIAL] == "2026000999"
    with pytest.raises(TypeError, match="no DULCO flex but a Ne1000Firmware"):
        PumpApparatus(Ne1000Firmware(stages[0].world.room), lambda: 0).flex.lose_lease(0)
