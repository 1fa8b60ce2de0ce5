"""A rehearsal as a picture: what left the syringe, how fast the plunger went, what arrived."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from simulators.bench.rehearsal import Rehearsal

NS_PER_MIN: Final = 60e9
NL_PER_ML: Final = 1e6
BQ_PER_MBQ: Final = 1e6
ML_H_PER_NL_S: Final = 3.6e-3


class PlotMissing(Exception):
    """There is nothing to draw with."""


def figure() -> Any:
    """An empty page. Raises PlotMissing without matplotlib."""
    try:
        figure_module: Any = import_module("matplotlib.figure")
    except ImportError as error:
        raise PlotMissing("--plot needs matplotlib: pip install 'isodrip[plot]'") from error
    return figure_module.Figure(figsize=(9, 7), layout="constrained")


def draw(rehearsal: Rehearsal, path: Path) -> None:
    """Write a PNG. Raises PlotMissing without matplotlib, OSError for a path that cannot be."""
    page = figure()
    volume, speed, activity = page.subplots(3, 1, sharex=True)
    minutes = [sample.at_ns / NS_PER_MIN for sample in rehearsal.samples]
    volume.plot(minutes, [s.drug_out_nl / NL_PER_ML for s in rehearsal.samples])
    volume.set_ylabel("drug out of the syringe / mL")
    speed.plot(minutes, [s.mean_nl_s * ML_H_PER_NL_S for s in rehearsal.samples])
    speed.set_ylabel("plunger, 60 s mean / mL/h")
    activity.plot(minutes, [s.patient_bq / BQ_PER_MBQ for s in rehearsal.samples])
    activity.set_ylabel("in the patient / MBq")
    activity.set_xlabel("min")
    volume.set_title(f"{rehearsal.session}, seed {rehearsal.case.seed}, SIMULATED")
    page.savefig(path, format="png", dpi=120)
