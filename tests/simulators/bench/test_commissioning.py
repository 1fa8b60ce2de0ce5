"""The ward's commissioning on a simulated pump in virtual time: it passes, and it finds faults."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.clinic.commissioning import (
    CommissioningFile,
    commissioning_text,
    parse_commissioning,
    proof_of,
)
from controller.clinic.order import parse_order
from controller.config import load_site
from controller.console import Fault
from controller.water import Unfinished
from simulators.bench import papers
from simulators.bench.commissioning import Prepare, bench_commissioning, commission
from simulators.bench.stage import ADDRESSES, BEGIN
from simulators.devices.kinds import PumpFirmware
from simulators.devices.room import Room

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ORDER = parse_order(
    json.dumps(papers.order_for_today(papers.EXAMPLE_ORDER.read_text("utf-8"), 30.0, BEGIN))
)
TEXT = papers.site_text(ORDER, ADDRESSES, Path("/rehearsal"))
SITE = load_site(TEXT)


@pytest.fixture(scope="module")
def whole() -> CommissioningFile:
    """Two syringe types, 30 minutes each."""
    return commission(SITE, ["BD 60 mL", "BD 10 mL"], AT)


@pytest.mark.requirement("GIP-1.2.1", "C12")
def test_a_sound_pump_passes_with_figures_near_the_truth(whole: CommissioningFile) -> None:
    assert whole.passed
    assert whole.simulated
    dog = whole.watchdog
    assert dog.alarm == "watchdog"
    assert 4.5 <= dog.rest_s <= 5.5
    assert [row.name for row in whole.syringes] == ["BD 60 mL", "BD 10 mL"]
    for row in whole.syringes:
        assert row.flow.minutes == 30
        assert abs(row.flow.error_percent) <= row.flow.uncertainty_percent < 0.6
        assert row.flow.evaporation_g > 0
        assert row.dead_volume.volume_ml == pytest.approx(1.5, abs=0.01)


def test_occlusion_stores_what_force_over_area_times_compliance_stores(
    whole: CommissioningFile,
) -> None:
    """80 N less 5 N of friction over the bore, times 5.5 uL/kPa: the room's own physics."""
    for row, area_mm2 in zip(whole.syringes, (555.3, 163.5), strict=True):
        stored_ml = 75.0 / (area_mm2 * 1e-3) * 5.5e-3
        assert row.occlusion.alarm == "stall"
        assert row.occlusion.alarm_ml == pytest.approx(stored_ml, rel=0.03)


def test_the_same_room_writes_the_same_file(whole: CommissioningFile) -> None:
    again = commission(SITE, ["BD 60 mL", "BD 10 mL"], AT)
    assert commissioning_text(again) == commissioning_text(whole)


def test_the_file_is_read_back_and_proves_what_it_says(whole: CommissioningFile) -> None:
    read = parse_commissioning(commissioning_text(whole))
    assert read == whole
    proof = proof_of(read)
    assert proof.pump == whole.pump
    assert (proof.watchdog_ns, proof.watchdog_passed) == (5_000_000_000, True)
    assert [(s.name, s.diameter_um) for s in proof.syringes] == [
        ("BD 60 mL", 26_590),
        ("BD 10 mL", 14_430),
    ]


def short(prepare: Prepare) -> CommissioningFile:
    return commission(SITE, ["BD 60 mL"], AT, minutes=2.0, prepare=prepare)


@pytest.mark.requirement("GIP-1.2.1")
def test_a_screw_that_goes_too_far_fails_the_flow() -> None:
    def prepare(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.drive_gain = 1.06

    flow = short(prepare).syringes[0].flow
    assert not flow.passed
    assert flow.volume_error_percent == pytest.approx(6.0, abs=0.5)


def test_a_leak_between_line_and_tip_fails_the_flow() -> None:
    def prepare(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.leak = 0.07

    file = short(prepare)
    assert not file.passed
    assert file.syringes[0].flow.volume_error_percent == pytest.approx(-7.0, abs=1.0)


@pytest.mark.requirement("C12")
def test_a_watchdog_that_never_fires_fails() -> None:
    def prepare(_room: Room, pump: PumpFirmware) -> None:
        deaf: Any = pump
        deaf._rearm = lambda _now_ns: None

    dog = short(prepare).watchdog
    assert not dog.passed
    assert dog.alarm == "none"
    assert dog.rest_s > 7


def test_a_drive_that_never_stalls_fails_the_occlusion() -> None:
    def prepare(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.stall_n = 100_000.0

    file = short(prepare)
    closed = file.syringes[0].occlusion
    assert not closed.passed
    assert (closed.alarm, closed.limit_ml) == ("none", 6.0)
    assert file.syringes[0].flow.passed


def test_a_kinked_line_ends_it_and_says_where() -> None:
    def prepare(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.kinked = True

    with pytest.raises(Unfinished, match="the pump reports alarm 'stall'"):
        short(prepare)


def test_a_line_that_leads_past_the_beaker_ends_it() -> None:
    def prepare(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.leak = 1.0

    with pytest.raises(Unfinished, match="the beaker gained"):
        short(prepare)


def test_the_bench_commissions_once_and_keeps_it() -> None:
    first = bench_commissioning(TEXT, "BD 60 mL", AT)
    assert bench_commissioning(TEXT, "BD 60 mL", AT) is first


@pytest.mark.parametrize(
    ("minutes", "names", "field"),
    [(0.1, [], "--minutes"), (61.0, [], "--minutes"), (30.0, ["BD 50 mL"], "--syringe")],
)
def test_a_wish_that_cannot_be_had_is_refused(minutes: float, names: list[str], field: str) -> None:
    with pytest.raises(Fault) as found:
        commission(SITE, names, AT, minutes=minutes)
    assert [problem["field"] for problem in found.value.problems] == [field]


def test_a_real_site_must_weigh_for_half_an_hour() -> None:
    dear = TEXT.replace("pin_memory_kib = 8\npin_passes = 1\n", "")
    real = load_site(dear.replace("simulated = true", "simulated = false"))
    with pytest.raises(Fault, match="only a simulated site may take less"):
        commission(real, ["BD 60 mL"], AT, minutes=29.0)


def test_a_syringe_without_a_size_cannot_be_commissioned() -> None:
    unsized = load_site(TEXT.replace("size_ml = 60.0\n", ""))
    with pytest.raises(Fault, match="must have a size_ml"):
        commission(unsized, ["BD 60 mL"], AT)
