"""The trumpet curve: its arithmetic by hand, and a screw that goes too far is seen by the truth."""

import json
import sys

import pytest

from simulators.bench import trumpet
from simulators.bench.cli import main
from simulators.bench.trumpet import Curves, Window, curves, measured, windows
from simulators.devices.kinds import PumpFirmware
from simulators.devices.room import Room

HOUR = 120


def test_windows_by_hand():
    """Six samples of 30 s, 3 min: places 1-4, 2-5, 3-6 of the 2 min window, and no longer one."""
    assert windows([10.0, -10.0, 0.0, 4.0, 2.0, -18.0]) == (Window(2, 1.0, -3.0),)


@pytest.mark.requirement("P18")
def test_the_trumpet_is_of_the_second_hour_and_narrows():
    """One half minute of twice the rate, alone in its hour: 100 % over the samples of a window."""
    second = [20.0] * HOUR
    second[20] = 40.0
    found = curves([0.0, *[20.0] * (HOUR - 1), *second], 20.0)
    assert [window.minutes for window in found.trumpet] == [2, 5, 11, 19, 31]
    for window in found.trumpet:
        assert window.max_percent == pytest.approx(100.0 / (2 * window.minutes))
        assert window.min_percent == pytest.approx(0.0)
    assert found.second_hour_percent == pytest.approx(100.0 / HOUR)
    assert found.half_hour_percent == pytest.approx(-100.0 / 60)
    assert found.start_up[0].min_percent == pytest.approx(-25.0)


def test_a_treatment_of_half_an_hour_has_no_window_of_31_min():
    flat = curves([20.0] * (2 * HOUR), 20.0)
    assert [w.minutes for w in flat.start_up] == [2, 5, 11, 19]
    assert {(w.max_percent, w.min_percent) for w in (*flat.start_up, *flat.trumpet)} == {(0.0, 0.0)}


def test_whatever_comes_at_the_edges_of_the_second_hour_counts():
    flows = [99.0] * HOUR + [20.0] * HOUR
    assert curves(flows, 20.0).trumpet[4].max_percent == 0.0
    flows[HOUR] = flows[-1] = 22.0
    assert curves(flows, 20.0).trumpet[0].max_percent == pytest.approx(2.5)


@pytest.mark.requirement("P18")
def test_a_screw_that_goes_too_far_shows_in_every_window():
    def too_far(room: Room, _pump: PumpFirmware) -> None:
        room.surroundings.drive_gain = 1.05

    found = measured("BD 60 mL", 20.0, too_far)
    assert len(found.flow_ml_h) == 2 * HOUR
    for window in found.trumpet:
        assert window.max_percent == pytest.approx(5.0, abs=0.02)
        assert window.min_percent == pytest.approx(5.0, abs=0.02)
    assert found.half_hour_percent == pytest.approx(5.0, abs=0.1)
    assert found.flow_ml_h[0] == pytest.approx(21.0, rel=0.02)


@pytest.mark.parametrize(
    ("syringe", "rate"), [("BD 10 mL", 4.6), ("BD 60 mL", 0.0), ("BD 60 mL", float("nan"))]
)
def test_what_cannot_run_for_two_hours_is_refused(syringe, rate):
    with pytest.raises(ValueError, match="for two hours"):
        measured(syringe, rate)


@pytest.fixture
def known(monkeypatch) -> Curves:
    found = curves([20.0] * (2 * HOUR), 20.0)
    monkeypatch.setattr(trumpet, "measured", lambda _syringe, _rate: found)
    return found


def test_it_is_told_as_a_table(known, capsys):
    assert main(["trumpet"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "BD 60 mL at 20 mL/h, 120 min of water (SIMULATED)"
    assert told.count("     2 min    +0.00 %    +0.00 %") == 2
    assert (
        told[-1] == "A 30-min infusion is the first table alone: no window of 31 min fits into it."
    )


def test_it_is_told_as_json(known, capsys):
    assert main(["trumpet", "--json", "--syringe", "BD 20 mL", "--rate-ml-h", "8"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["simulated"], told["syringe"], told["rate_ml_h"]) == (True, "BD 20 mL", 8.0)
    assert told["trumpet"][4] == {"minutes": 31, "max_percent": 0.0, "min_percent": 0.0}
    assert len(told["flow_ml_h"]) == 240


def test_it_is_drawn(known, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["trumpet", "--plot", str(tmp_path / "curves.png")]) == 0
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw_with_is_3(known, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["trumpet", "--plot", str(tmp_path / "curves.png")]) == 3
    assert "pip install 'isodrip[plot]'" in capsys.readouterr().err
