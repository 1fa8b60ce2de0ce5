"""Which devices of a site.toml may be on one port, and which second pump there may be."""

from pathlib import Path
from typing import Any

import pytest

from controller.cli import main
from controller.config import Hose, load_site
from controller.devices import Lines, calibrator_of, pump_of
from controller.shared_lines import line_of
from controller.surroundings import PumpListener
from controller.units_known import NOT_ASKED
from drivers.serial_port import opener
from firmware_interfaces.units import Nanoseconds
from tests.controller.test_config import problems

UNHEARD = PumpListener(alarm=lambda _status: None, permit_expired=lambda: None)
SITE = """
site = {name = "Madison 03", room = "hot lab 2", timezone = "America/Chicago", simulated = true}
syringe = [{name = "BD 60 mL", diameter_mm = 26.59, source = "table"}]
journal = {directory = "/var/lib/isodrip"}
flush = {method = "second_pump", FLUSH}
"""
KEYS: dict[str, dict[str, object]] = {
    "ne1000": {"address": 0},
    "dulcoflex": {"unit": 20, "hose": '"a"', "revolution_ml": 0.02, "vial_ml": 60},
    "activity-meter": {"unit": 1},
    "crc55": {},
    "crc15": {},
}
ROLES = ("pump", "calibrator", "flush_pump")


def _now_ns() -> Nanoseconds:
    return Nanoseconds(0)


def line(role: str, kind: str, port: str, **more: object) -> str:
    table = {**KEYS[kind], **more}
    keys = "".join(f", {key} = {value}" for key, value in table.items())
    return f'{role} = {{kind = "{kind}", port = "{port}"{keys}}}\n'


def site(
    pump: str, calibrator: str, flush_pump: str, flush: str = "volume_dead_volumes = 3"
) -> str:
    return SITE.replace("FLUSH", flush) + pump + calibrator + flush_pump


def pair(ours: str, theirs: str, port: str = "/dev/ttyUSB1", **more: object) -> str:
    """A site whose flush pump, of kind ``ours``, is on the port of a drug pump or meter."""
    flush = line("flush_pump", ours, port, **more)
    if theirs in ("ne1000", "dulcoflex"):
        return site(line("pump", theirs, port), line("calibrator", "crc55", "/dev/other"), flush)
    return site(line("pump", "ne1000", "/dev/other"), line("calibrator", theirs, port), flush)


GOOD = [
    pair("ne1000", "ne1000", address=1),
    pair("dulcoflex", "dulcoflex", unit=21),
    pair("dulcoflex", "dulcoflex", "socket://10.0.0.7:4001", unit=21),
    pair("dulcoflex", "dulcoflex", "tcp://10.0.0.7:502", unit=21),
    pair("dulcoflex", "activity-meter"),
    # Over TCP there is no line speed to agree on.
    pair("dulcoflex", "activity-meter", "tcp://10.0.0.7:502", baud=9600),
]


@pytest.mark.parametrize("text", GOOD)
def test_devices_of_one_protocol_share_a_line_and_one_exchange(text):
    found = load_site(text)
    assert found.flush_pump is not None
    lines = Lines(opener)
    pump: Any = pump_of(found.pump, lines, _now_ns, UNHEARD)
    flush: Any = pump_of(found.flush_pump, lines, _now_ns, UNHEARD)
    meter: Any = calibrator_of(found.calibrator, lines, _now_ns, NOT_ASKED)
    there = pump._line._bus if found.pump.port == found.flush_pump.port else meter._bus
    assert flush._line._bus is there


def test_three_devices_share_a_line():
    port = "/dev/ttyUSB1"
    text = site(
        line("pump", "dulcoflex", port),
        line("calibrator", "activity-meter", port),
        line("flush_pump", "dulcoflex", port, unit=21),
    )
    assert load_site(text).calibrator.port == port


def test_check_says_where_each_device_is_or_what_is_wrong(tmp_path: Path, capsys):
    port, path = "/dev/ttyUSB1", tmp_path / "site.toml"
    text = site(
        line("pump", "dulcoflex", port),
        line("calibrator", "activity-meter", port),
        line("flush_pump", "ne1000", "socket://10.0.0.7:4001", address=7),
    )
    path.write_text(text)
    assert main(["check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "pump: dulcoflex at /dev/ttyUSB1, Modbus 19200 8E1, unit 20\n" in told
    assert "calibrator: activity-meter at /dev/ttyUSB1, Modbus 19200 8E1, unit 1\n" in told
    assert "flush_pump: ne1000 at socket://10.0.0.7:4001, New Era 19200 8N1, address 7\n" in told
    path.write_text(text.replace("unit = 1}", "unit = 20}"))
    assert main(["check", str(path)]) == 2
    assert "calibrator.unit = 20: must be another unit than the" in capsys.readouterr().err


BAD = [
    (pair("ne1000", "ne1000"), "flush_pump.address", "0", "must be another address than"),
    (pair("dulcoflex", "dulcoflex"), "flush_pump.unit", "20", "must be another unit than the "),
    (pair("dulcoflex", "dulcoflex", "tcp://10.0.0.7:502"), "flush_pump.unit", "20", "both would"),
    (pair("dulcoflex", "activity-meter", unit=1), "flush_pump.unit", "1", "the activity-meter's"),
    (pair("dulcoflex", "dulcoflex", unit=21, baud=9600), "flush_pump.baud", "9600",
     "must be 19200 like the dulcoflex's on this port"),
    (pair("dulcoflex", "dulcoflex", unit=21, parity='"none"'), "flush_pump.parity", "'none'",
     "must be even like the dulcoflex's on this port"),
    (pair("dulcoflex", "activity-meter", baud=38400), "flush_pump.baud", "38400", "must be 19200"),
    (pair("dulcoflex", "activity-meter", parity='"odd"'), "flush_pump.parity", "'odd'", "be even"),
    (pair("ne1000", "dulcoflex"), "flush_pump.port", "'/dev/ttyUSB1'",
     "one speaks New Era, the other Modbus"),
    (pair("dulcoflex", "ne1000"), "flush_pump.port", "'/dev/ttyUSB1'",
     "one speaks Modbus, the other New Era"),
    (pair("dulcoflex", "crc55"), "flush_pump.port", "'/dev/ttyUSB1'", "a crc55 has its line to"),
    (pair("ne1000", "crc15"), "flush_pump.port", "'/dev/ttyUSB1'", "a crc15 has its line to"),
    (pair("dulcoflex", "activity-meter", watchdog_s=4), "flush_pump.watchdog_s", "4",
     "must be at least 5 on a line with another device"),
]  # fmt: skip


@pytest.mark.requirement("C5", "C8")
@pytest.mark.parametrize(("text", "field", "value", "rule"), BAD)
def test_what_may_not_share_is_refused_by_field_value_and_rule(text, field, value, rule):
    [problem] = problems(text)
    assert (problem.field, problem.value) == (field, value)
    assert rule in problem.rule


def test_one_port_by_two_names_is_one_line(tmp_path: Path):
    (tmp_path / "by-id").symlink_to("/dev/ttyUSB1")
    assert line_of(str(tmp_path / "by-id")) == line_of("/dev/ttyUSB1")
    assert line_of("tcp://Pump:502") == line_of("socket://pump:502")
    text = pair("dulcoflex", "dulcoflex", "tcp://10.0.0.7:502", unit=21)
    [problem] = problems(text.replace('"tcp://', '"socket://', 1))
    assert problem.rule == "must be framed like the dulcoflex's on this port, socket://10.0.0.7:502"


@pytest.mark.parametrize(("drug", "flush"), [
    ("ne1000", "ne1000"), ("ne1000", "dulcoflex"), ("dulcoflex", "ne1000"),
    ("dulcoflex", "dulcoflex"),
])  # fmt: skip
def test_a_flush_pump_is_of_any_kind_and_has_its_own_containers(drug, flush):
    found = load_site(site(
        line("pump", drug, "/dev/a"), line("calibrator", "crc55", "/dev/b"),
        line("flush_pump", flush, "/dev/c"), "kvo_ml_h = 1",
    ))  # fmt: skip
    hose, barrels = (Hose("a", 60.0),), found.syringe
    assert found.containers == (hose if drug == "dulcoflex" else barrels)
    assert found.saline_containers == (hose if flush == "dulcoflex" else barrels)


@pytest.mark.parametrize(("kvo", "rule"), [
    ("kvo_ml_h = 1, kvo_ml = 5", "10000 s"),
    ("kvo_ml_h = 5, kvo_ml = 0.4", "50"),
])  # fmt: skip
def test_a_vein_that_no_batch_could_keep_open_is_refused(kvo, rule):
    text = site(
        line("pump", "ne1000", "/dev/a"), line("calibrator", "crc55", "/dev/b"),
        line("flush_pump", "dulcoflex", "/dev/c"), kvo,
    )  # fmt: skip
    [problem] = problems(text)
    assert problem.field == "flush.kvo_ml"
    assert "must be a batch of the flush pump: " in problem.rule
    assert rule in problem.rule
    assert load_site(
        text.replace("dulcoflex", "ne1000").replace(
            ', unit = 20, hose = "a", revolution_ml = 0.02, vial_ml = 60', ""
        )
    )
