"""How a run is shown while it goes on: a bar of planned against pumped and delivered.

It formats and prints; on a terminal it redraws one line, elsewhere it writes a line every tenth.
"""

from collections.abc import Mapping
from typing import Any, Final, TextIO

WIDTH: Final = 30
NL_PER_ML: Final = 1e6


def bar(share: float, width: int = WIDTH) -> str:
    """``share`` of 1 as a bar of ``width`` cells; beyond both ends it is full or empty."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "·" * (width - full)


def delivered_ml(truth: Mapping[str, Any], concentration_bq_ml: float) -> float:
    """Drug that has reached the patient, as mL of the syringe's; 0 where nothing is active."""
    here: float = truth["activities_bq"]["patient"] / truth["decay"]
    return here / concentration_bq_ml if concentration_bq_ml else 0.0


class Progress:
    """Shows one infusion on ``out``; silent where ``out`` is None."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._planned_ml = self._duration_s = 1.0
        self._redraws = out is not None and out.isatty()
        self._tenth = -1

    def say(self, text: str) -> None:
        """One line of news."""
        if self._out is not None:
            print(text, file=self._out, flush=True)

    def plan(self, planned_ml: float, duration_s: float) -> None:
        """What the bar measures against."""
        self._planned_ml, self._duration_s = planned_ml, duration_s

    def show(self, elapsed_s: float, pumped_ml: float, arrived_ml: float) -> None:
        """Redraw the bar, or write a line if another tenth was pumped."""
        if self._out is None:
            return
        share = pumped_ml / self._planned_ml
        line = self.line(elapsed_s, pumped_ml, arrived_ml)
        if self._redraws:
            print(f"\r{line}", end="\n" if share >= 1.0 else "", file=self._out, flush=True)
        elif int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            print(line, file=self._out, flush=True)

    def line(self, elapsed_s: float, pumped_ml: float, arrived_ml: float) -> str:
        """Planned, pumped and delivered, mL, beside the bar of what was pumped."""
        planned = self._planned_ml * min(max(elapsed_s / self._duration_s, 0.0), 1.0)
        return (
            f"{bar(pumped_ml / self._planned_ml)} planned {planned:6.3f}  pumped {pumped_ml:6.3f}  "
            f"delivered {arrived_ml:6.3f} of {self._planned_ml:.3f} mL"
        )
