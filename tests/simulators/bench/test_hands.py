"""Hands: what they can do, what they are refused, and that nothing is half done."""

import pytest

from simulators.bench.channel import Refused
from simulators.bench.hands import VERBS
from tests.simulators.bench.bench_room import Bench

PROGRAMME = ("", "DIA26.59", "RAT60.00MH", "VOL1.000", "DIRINF", "PHN2", "FUNSTP", "PHN1")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def refusal(bench: Bench, verb: str, **what) -> str:
    before = bench.truth()
    with pytest.raises(Refused) as refused:
        bench.hand(verb, **what)
    assert bench.truth() == before
    return str(refused.value)


def test_the_syringe_goes_into_the_chamber_and_out(bench):
    bench.hand("put_in_chamber", item="syringe")
    assert bench.truth()["well"] == ["drug"]
    assert bench.truth()["well_bq"] == pytest.approx(1.6e9)
    bench.hand("take_from_chamber")
    assert bench.truth()["well"] == []


@pytest.mark.parametrize(
    ("verb", "what", "reason"),
    [
        ("dance", {}, "no such verb: 'dance'"),
        ("mount_syringe", {}, "mount_syringe takes which; given: nothing"),
        ("unmount", {"which": "drug"}, "unmount takes nothing; given: which"),
        ("mount_syringe", {"which": "wine"}, "there is no 'wine' here"),
        ("put_in_chamber", {"item": "cat"}, "there is no 'cat' here"),
        ("put_in_chamber", {"item": ["cat"]}, "takes words, not"),
        ("flush_by_hand", {"volume_ml": 1e30}, "a hand pushes 0 to 60 mL"),
        ("flush_by_hand", {"volume_ml": "nan"}, "a hand pushes 0 to 60 mL"),
        ("put_in_chamber", {"item": "pads"}, "the waste is not collected"),
        ("put_in_chamber", {"item": "syringe_and_line"}, "the line is still on the syringe or in"),
        ("take_from_chamber", {}, "the chamber is empty"),
        ("unmount", {}, "no syringe is on the pump"),
        ("connect_line", {}, "no syringe is on the pump"),
        ("disconnect_line", {}, "no line is joined"),
        ("lead_line", {"to": "moon"}, "a line leads to patient, prime, waste, not to 'moon'"),
        ("flush_by_hand", {"volume_ml": 3}, "the clamp is closed"),
        ("flush_by_hand", {"volume_ml": "much"}, "could not convert"),
        ("plug_in", {"device": "pump"}, "the pump has power already"),
        ("plug_in", {"device": "calibrator"}, "the calibrator has power already"),
        ("pull_plug", {"device": "kettle"}, "there is no 'kettle' here"),
        ("press_keypad", {"device": "pump", "key": "any"}, "there is no 'any' here"),
        ("press_keypad", {"device": "pump", "key": "rate x"}, "the keypad refuses 'rate x'"),
        ("press_keypad", {"device": "calibrator", "key": "U238"}, "there is no 'U238' here"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(bench, verb, what, reason):
    assert reason in refusal(bench, verb, **what)


def test_one_syringe_at_a_time_on_the_pump(bench):
    bench.hand("mount_syringe", which="saline")
    assert "saline is on the pump" in refusal(bench, "mount_syringe", which="drug")
    assert "saline is on the pump" in refusal(bench, "put_in_chamber", item="saline")


def test_one_thing_at_a_time_in_the_chamber(bench):
    bench.hand("put_in_chamber", item="check_source")
    assert "the chamber holds Cs137" in refusal(bench, "put_in_chamber", item="syringe")


def test_a_syringe_in_the_chamber_is_not_mounted(bench):
    bench.hand("put_in_chamber", item="syringe")
    assert "drug is in the chamber" in refusal(bench, "mount_syringe", which="drug")


def test_a_joined_line_is_joined_once_and_not_thrown_away(bench):
    bench.hand("mount_syringe", which="saline")
    bench.hand("connect_line")
    assert "joined already" in refusal(bench, "connect_line")
    assert "still on the syringe" in refusal(bench, "change_line")
    bench.hand("open_clamp")
    assert "still on the syringe in the pump" in refusal(bench, "flush_by_hand", volume_ml=1)


def test_residual_items_once_the_line_is_out(bench):
    bench.hand("lead_line", to="waste")
    bench.hand("collect_waste")
    bench.hand("put_in_chamber", item="syringe_and_line")
    assert bench.truth()["well"] == ["drug", "line"]
    bench.hand("take_from_chamber")
    bench.hand("put_in_chamber", item="pads")
    assert bench.truth()["well"] == ["waste"]


def test_saline_by_hand_reaches_the_patient(bench):
    bench.hand("open_clamp")
    bench.hand("flush_by_hand", volume_ml="4.5")
    assert bench.truth()["volumes_nl"]["patient"] == pytest.approx(4.5e6)


def test_a_pulled_plug_stops_the_plunger_and_forgets_the_counter(bench):
    bench.hand("mount_syringe", which="drug")
    bench.say(*PROGRAMME, "RUN")
    bench.wait(30.0)
    assert bench.truth()["plunger_um_s"] > 0
    assert bench.say("DIS") == [b"\x0200II0.500W0.000ML\x03"]
    bench.hand("pull_plug", device="pump")
    assert "no power already" in refusal(bench, "pull_plug", device="pump")
    assert "no power" in refusal(bench, "press_keypad", device="pump", key="start_stop")
    moved = bench.truth()["displaced_nl"]
    bench.wait(30.0)
    assert bench.truth()["displaced_nl"] == moved
    bench.hand("plug_in", device="pump")
    assert bench.say("DIS", "DIS") == [b"\x0200A?R\x03", b"\x0200SI0.000W0.000ML\x03"]


def test_the_keypad_pauses_a_running_pump(bench):
    bench.hand("mount_syringe", which="drug")
    bench.say(*PROGRAMME, "RUN")
    bench.wait(1.0)
    bench.hand("press_keypad", device="pump", key="rate 30.00")
    assert bench.say("RAT") == [b"\x0200I30.00MH\x03"]
    bench.hand("press_keypad", device="pump", key="start_stop")
    assert bench.say("") == [b"\x0200P\x03"]


def test_the_emergency_stop_input_only_stops(bench):
    bench.hand("mount_syringe", which="drug")
    bench.say(*PROGRAMME, "TRGSP", "RUN")
    bench.hand("press_keypad", device="pump", key="trigger")
    assert bench.say("") == [b"\x0200P\x03"]
    bench.hand("press_keypad", device="pump", key="trigger")
    assert bench.say("") == [b"\x0200P\x03"]


def test_a_calibrator_without_power_is_silent_and_its_keys_work(bench):
    bench.hand("press_keypad", device="calibrator", key="Cs137")
    assert bench.world.room.chamber.nuclide == "Cs137"
    bench.hand("pull_plug", device="calibrator")
    assert "no power already" in refusal(bench, "pull_plug", device="calibrator")
    bench.hand("plug_in", device="calibrator")


def test_every_verb_says_what_it_takes():
    assert set(VERBS) >= {
        "put_in_chamber", "take_from_chamber", "mount_syringe", "unmount", "connect_line",
        "disconnect_line", "open_clamp", "close_clamp", "collect_waste", "pull_plug",
        "press_keypad",
    }  # fmt: skip


def test_a_power_cycle_in_safe_mode_is_told_on_the_wire_without_being_asked(bench):
    bench.say("", "SAF5")
    assert bench.world.pump.process(bench.at_ns) == b""
    bench.hand("pull_plug", device="pump")
    bench.hand("plug_in", device="pump")
    assert bench.world.pump.process(bench.at_ns) == bytes.fromhex("02 09 30 30 41 3F 52 65 86 03")
