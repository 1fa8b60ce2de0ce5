"""Every named scenario ends as it says, by ground truth; what it cannot be is refused by name."""

import pytest

from controller.core.alarms import ROWS, observable
from simulators.bench.device_set import USUAL
from simulators.bench.draws import NOT_DRAWN
from simulators.bench.faults import KINDS, Place, ScenarioError
from simulators.bench.scenario import play
from simulators.bench.scenario_file import INCIDENTS, NOT_REHEARSED, parse, scenarios, with_case

GOOD = """
name = "one"
summary = "a test"
minutes = 1.0

[[fault]]
place = "device"
kind = "occlusion"
phase = "INFUSING"
after_s = 20.0

[expected]
outcome = "partial"
trips = ["occlusion"]
"""


def shortened(name):
    """The nominal 30 minutes are shortened here: nothing but their length is lost."""
    scenario = scenarios()[name]
    return with_case(scenario, None, 3.0) if name == "nominal" else scenario


def raised(played):
    """Every row that was, and the first trip where the journal could not take it."""
    alarms = played.rehearsal.record.get("alarms", ())
    return {*played.trips, *(alarm["id"] for alarm in alarms)}


@pytest.mark.requirement("S1", "S2", "S3", "S4", "S5", "L2", "T4.6", "P8")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", list(scenarios()))
def test_a_scenario_ends_as_it_says(name, tmp_path):
    played = play(shortened(name), tmp_path)
    assert [str(violation) for violation in played.violations] == []
    assert played.unexpected == ()
    assert set(played.scenario.rows) <= raised(played)
    assert played.tail_ml < 1.4
    if played.scenario.case.faults:
        assert played.rehearsal.fired


def test_a_scenario_whose_fault_does_not_come_is_not_as_expected(tmp_path):
    never = GOOD.replace("after_s = 20.0", "after_s = 9000.0")
    played = play(parse(never, "one"), tmp_path)
    assert "outcome complete, not partial" in played.unexpected
    assert "tripped first: nothing, not occlusion" in played.unexpected


@pytest.mark.requirement("P5a", "S4", "GIP-1.10.5")
def test_times_run_from_the_fault_to_its_sign_to_stop_to_rest(tmp_path):
    times = play(parse(GOOD, "one"), tmp_path).times
    in_order = (times.fault_s, times.rest_s, times.visible_s, times.trip_s, times.stop_s)
    assert None not in in_order
    assert list(in_order) == sorted(at for at in in_order if at is not None)
    waited_s = times.visible_to_stop_s()
    assert waited_s is not None
    assert waited_s <= 0.5 + 2 * 0.26


def test_every_incident_class_of_devices_lines_and_processes_has_a_scenario():
    shown = {number for scenario in scenarios().values() for number in scenario.incidents}
    assert shown == set(INCIDENTS)


def test_every_observable_row_is_rehearsed_or_says_why_not():
    here = observable(USUAL.kinds)
    rows = {row.id for row in ROWS if row.channel in here}
    shown = {row for scenario in scenarios().values() for row in scenario.rows}
    assert rows - shown == set(NOT_REHEARSED)


def test_every_kind_of_fault_stands_in_a_scenario():
    used = {(f.place, f.kind) for scenario in scenarios().values() for f in scenario.case.faults}
    assert used == set(KINDS) - set(NOT_DRAWN)


def test_the_catalogue_has_what_was_asked_for():
    named = {place.value: {kind for at, kind in KINDS if at is place} for place in Place}
    assert named["stream"] == {
        *("lost", "late", "duplicated", "corrupted", "truncated", "one_byte_at_a_time"),
        *("stall_then_burst", "unplugged"),
    }
    assert named["device"] >= {
        *("occlusion", "leak", "free_flow", "gain_error", "wrong_syringe", "slack_not_seated"),
        *("siphon", "stuck_counter", "counter_reset", "reboot", "keypad_take_over"),
        *("wrong_nuclide", "noisy_chamber", "drifting_chamber", "saturated_chamber"),
        *("contaminated_well", "alarm"),
    }
    assert named["clock"] == {"step", "drift"}
    assert named["disk"] == {"full", "slow", "failing", "operation"}
    assert named["broker"] == {"absent", "slow"}
    assert named["process"] == {"killed", "consumer_hung", "frozen"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "occlusion"', 'kind = "earthquake"', "kind = 'earthquake': of device there are"),
        ('place = "device"', 'place = "cellar"', "place = 'cellar': must be one of stream"),
        ("after_s = 20.0", "after_s = 20.0\nforce_n = 3", "force_n = 3: device occlusion takes no"),
        ('phase = "INFUSING"', 'phase = "BREAK"', "phase = 'BREAK': must be one of ORDERED"),
        ("minutes = 1.0", "hours = 1.0", "hours = 1.0: one takes name, summary"),
        ('name = "one"', 'name = "two"', "name = 'two': must be 'one'"),
        ('["occlusion"]', '["sunspots"]', "trips = 'sunspots': must be a row"),
        ('"partial"', '"splendid"', "outcome = 'splendid': must be one of complete"),
        ("trips =", "tripped =", r"tripped = \['occlusion'\]: expected takes outcome"),
        ("minutes = 1.0", 'people = "cats"', "people = 'cats': must be one of end"),
        ("minutes = 1.0", "incidents = [99]", "incidents = 99: must be an incident class"),
        ("minutes = 1.0", 'devices = ["abacus"]', "devices = .* must be a pump and a calibrator"),
        ("minutes = 1.0", 'devices = ["ne1000", "scale"]', "'scale' is none of crc55, crc15, "),
        ('outcome = "partial"', "", "outcome = None: must be there, a str"),
        ("[expected]", "[expected]\nnot_observable = true", "nothing trips, and found_by"),
        ("[expected]", '[expected]\nfound_by = ["luck"]', "found_by = 'luck': must be one of"),
        ("name", "name = =", "TOML: Invalid value"),
        ("name", "seed = 1.0\nname", "seed = 1.0: must be a whole number"),
        ("minutes = 1.0", "minutes = []", r"minutes = \[\]: must be a number in 0.1 .. 240"),
        ("minutes = 1.0", "incidents = 5", "incidents = 5: must be a list, of int"),
        ("minutes = 1.0", "incidents = [true]", r"incidents = \[True\]: must be a list, of int"),
        ("[[fault]]", "[fault]", "fault = .* must be a list, of dict"),
        ("after_s = 20.0", "after_s = inf", "after_s = inf: must be a number"),
        ("after_s = 20.0", "when = 1", "when = 1: is said by at_s, phase"),
        ('kind = "occlusion"', 'kind = ["a"]', r"kind = \['a'\]: must be a word"),
        ('phase = "INFUSING"\nafter_s = 20.0', "record = 1.5", "record = 1.5: must be a whole"),
        ('["occlusion"]', "7", "trips = 7: must be a list, of str"),
        ("[expected]", "[expected]\nnot_observable = 1", "not_observable = 1: must be true or"),
        ("[expected]", '[expected]\nstop_within_s = "x"', "stop_within_s = 'x': must be a number"),
    ],
)
def test_what_a_scenario_cannot_be_is_refused_by_name(old, new, message):
    assert old in GOOD
    with pytest.raises(ScenarioError, match=message):
        parse(GOOD.replace(old, new, 1), "one")
