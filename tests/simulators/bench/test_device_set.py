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
from simulators.bench.draws import drawn
from simulators.bench.stage import addresses
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
