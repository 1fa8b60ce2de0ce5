"""Which devices a room has: as options, as lines of site.toml, as part of a session's name."""

import argparse
import json
from pathlib import Path

import pytest

from controller.clinic.order import parse_order
from controller.config import load_site
from simulators.bench import papers, sweep
from simulators.bench.campaign import command
from simulators.bench.device_set import (
    CALIBRATOR_KINDS,
    PUMP_KINDS,
    USUAL,
    DeviceSet,
    add_devices,
    device_set_of,
    devices_from,
)
from simulators.bench.device_sweep import device_names, listed, listed_text
from simulators.bench.draws import drawn
from simulators.bench.fault_kinds import ELSEWHERE, KINDS, Place
from simulators.bench.faults import AtTime, ScenarioError, fault, kinds_here, unknown_here
from simulators.bench.stage import Case, addresses
from simulators.bench.streams import To
from tests.simulators.bench.test_papers import order_for

SETS = [
    DeviceSet(pump, calibrator, tcp)
    for pump in PUMP_KINDS
    for calibrator in CALIBRATOR_KINDS
    for tcp in (False, True)
] + [
    DeviceSet(pump, "crc55", tcp, flush, one_line)
    for pump in PUMP_KINDS
    for flush in PUMP_KINDS
    for tcp in (False, True)
    for one_line in ((False, True) if pump == flush else (False,))
]
SETS += [
    DeviceSet("dulcoflex", "activity-meter", tcp, flush, one_line=True)
    for tcp in (False, True)
    for flush in ("", "dulcoflex")
]
ORDER = parse_order(json.dumps(order_for(1.0)))
METER = DeviceSet(calibrator="activity-meter")


def chosen(*words: str) -> DeviceSet:
    parser = argparse.ArgumentParser()
    add_devices(parser)
    return devices_from(parser.parse_args(words))


def test_options_choose_and_leave_the_usual():
    assert chosen() == USUAL == DeviceSet("ne1000", "crc55", tcp=False)
    assert chosen("--calibrator", "activity-meter", "--tcp") == DeviceSet(
        "ne1000", "activity-meter", tcp=True
    )


@pytest.mark.parametrize("devices", SETS, ids=lambda devices: devices.suffix or "usual")
def test_a_set_is_found_again_by_its_options_and_its_suffix(devices):
    assert chosen(*devices.options.split()) == devices
    assert device_set_of(devices.suffix.removeprefix("@")) == devices


@pytest.mark.parametrize(
    "suffix",
    [
        *("ne1000", "ne1000+scale", "a+b+c+d", "ne1000+crc55+udp", "ne1000+crc55+one-line"),
        "ne1000+crc55+flush-dulcoflex+one-line",
        "dulcoflex+activity-meter+flush-ne1000+one-line",
    ],
)
def test_a_set_that_there_is_not_is_refused(suffix):
    with pytest.raises(ValueError, match=r"is not PUMP|is none of|one line is for two"):
        device_set_of(suffix)


@pytest.mark.parametrize("devices", SETS, ids=lambda devices: devices.suffix or "usual")
def test_the_bench_writes_a_site_that_the_daemon_accepts(devices):
    text = papers.site_text(ORDER, addresses(devices), Path("/rehearsal"), devices)
    site = load_site(text)
    assert (site.pump.kind, site.calibrator.kind) == devices.kinds
    assert (site.calibrator.port == site.pump.port) is devices.meter_on_line
    if site.flush_pump is not None:
        assert site.flush_pump.kind == devices.flush_pump
        assert site.flush_pump.address == devices.saline_address
        assert (site.flush_pump.port == site.pump.port) is devices.one_line


def test_sessions_of_other_devices_have_names_of_their_own():
    counts = {("calibrator", To.DEVICE): 1}
    names = list(sweep.names(counts, METER))
    assert all(name.endswith("@ne1000+activity-meter") for name in names)
    assert {sweep.case_of(name).devices for name in names} == {METER}
    assert sweep.case_of("pump:device:3:lost").devices == USUAL
    assert command("7", None, METER).endswith("--seed 7 --calibrator activity-meter")
    assert drawn(5, devices=METER).faults == drawn(5).faults


def test_of_each_pump_it_is_told_why_it_cannot_have_a_fault_of_another():
    for pump in PUMP_KINDS:
        others = {k.name for k in KINDS.values() if k.pump not in ("", pump)}
        assert set(ELSEWHERE[pump]) == others


@pytest.mark.parametrize("devices", SETS, ids=lambda devices: devices.suffix or "usual")
def test_a_session_has_only_faults_that_its_devices_can_have(devices):
    kinds = {kind.name for kind in kinds_here(devices)}
    drawn_kinds = set()
    for seed in range(300):
        for one in drawn(seed, devices=devices).faults:
            assert unknown_here(one, devices) == ""
            drawn_kinds.add(one.kind)
    assert drawn_kinds <= kinds
    assert ("hose_torn" in kinds) == (devices.pump == "dulcoflex")


@pytest.mark.parametrize(
    ("devices", "chosen", "why"),
    [
        (DeviceSet("dulcoflex"), {"kind": "alarm"}, "it has bits, not letters"),
        (USUAL, {"kind": "hose_torn"}, "a syringe has no hose"),
        (USUAL, {"kind": "reboot", "pump": "flush_pump"}, "only in a room with a second pump"),
        (DeviceSet("dulcoflex", flush_pump="ne1000"), {"kind": "alarm"}, "it has bits"),
    ],
)
def test_a_fault_that_these_devices_cannot_have_is_refused_and_why(devices, chosen, why):
    kind, more = chosen["kind"], {key: word for key, word in chosen.items() if key != "kind"}
    one = fault("device", kind, AtTime(1.0), **more)
    with pytest.raises(ScenarioError, match=why):
        Case(faults=(one,), devices=devices)


def test_on_one_line_there_is_no_second_wire():
    one = fault("stream", "lost", AtTime(1.0), wire="flush_pump")
    with pytest.raises(ScenarioError, match="both pumps are on one wire"):
        Case(faults=(one,), devices=DeviceSet(flush_pump="ne1000", one_line=True))


def test_each_fault_of_the_devices_is_a_session_in_each_phase():
    flex = DeviceSet("dulcoflex", "activity-meter")
    names = list(device_names(flex))
    assert len(names) == len(set(names))
    cases = [sweep.case_of(name) for name in names]
    assert {case.devices for case in cases} == {flex}
    shown = {case.faults[0].kind for case in cases}
    assert shown == {k.name for k in kinds_here(flex) if k.place is Place.DEVICE}
    registers = {case.faults[0].word("register") for case in cases if "register" in str(case)}
    assert "start/stop" in registers
    both = DeviceSet("dulcoflex", flush_pump="ne1000")
    letters = [name for name in device_names(both) if ":alarm:" in name]
    assert len(letters) == 25
    assert all("pump=flush_pump" in name for name in letters)


def test_what_a_room_lacks_is_listed_with_the_reason(capsys):
    flex = DeviceSet("dulcoflex")
    found = listed(flex)
    assert found["not_of_this_pump"].keys() == {
        f"device {name}" for name in ("wrong_syringe", "deaf_setting", "alarm", "other_pump")
    }
    assert "device lease_lost" in found["faults"]
    assert set(found["never"]) == set(listed()["never"])
    parser = argparse.ArgumentParser()
    sweep.add_sweep(parser.add_subparsers())
    given = parser.parse_args(["sweep", "--list", "--pump", "dulcoflex"])
    assert given.command(given) == 0
    assert capsys.readouterr().out == listed_text(flex) + "\n"
    given = parser.parse_args(["sweep", "--list", "--json", "--pump", "dulcoflex"])
    assert given.command(given) == 0
    assert json.loads(capsys.readouterr().out) == found
