"""What an NE-1000 stores and how it writes numbers: its own tables, shared with no driver.

Facts: pumps.md 1.6 and 1.7. A test may perturb ``Meanings`` to make a pump that means something
else by the same letters.
"""

import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Final

PHASES: Final = 41
DIAMETER_MM: Final = (Decimal("0.1"), Decimal("50"))
ROLL_OVER: Final = 10_000
TRIGGERS: Final = frozenset(
    ("FT", "FH", "F2", "LE", "ST", "T2", "SP", "P2", "RL", "RH", "SL", "SH", "OF")
)
_FLOAT: Final = re.compile(r"(?=.)([0-9]*)(?:\.([0-9]{0,3}))?")


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the pump's letters and limits are worth, plunger speeds after manual 12.5."""

    model: str = "NE1000"
    firmware: str = "3.928"
    rate_nl_h: tuple[tuple[str, int], ...] = (
        ("UM", 60_000),
        ("MM", 60_000_000),
        ("UH", 1_000),
        ("MH", 1_000_000),
    )
    volume_nl: tuple[tuple[str, int], ...] = (("UL", 1_000), ("ML", 1_000_000))
    microlitres_up_to_mm: Decimal = Decimal(14)
    fastest_um_s: float = 5.1005 * 10_000 / 60
    slowest_um_s: float = 0.004205 * 10_000 / 3600


@dataclass(slots=True)
class Phase:
    """One phase of the program. A fresh one pumps for ever: a host must program an end."""

    function: str = "RAT"
    rate: Decimal = Decimal(1)
    rate_unit: str = "MM"
    volume: Decimal = Decimal(0)
    direction: str = "INF"


@dataclass(slots=True)
class Settings:
    """All that is kept without power."""

    meanings: Meanings = Meanings()
    address: int = 0
    baud: int = 19200
    safe_s: int = 0
    diameter_mm: Decimal = Decimal("26.59")
    volume_unit: str = "ML"
    selected: int = 1
    phases: dict[int, Phase] = field(default_factory=dict)
    trigger: str = "FT"
    flags: dict[str, bool] = field(
        default_factory=lambda: {"PF": False, "AL": True, "LOC": False, "BP": True, "DIN": False}
    )

    def phase(self, number: int) -> Phase:
        """Phase ``number``, as it left the factory if it was never touched."""
        return self.phases.setdefault(number, Phase())

    @property
    def area_mm2(self) -> float:
        """Bore area the pump believes in; also nL per um."""
        return math.pi * float(self.diameter_mm) ** 2 / 4

    @property
    def unit_nl(self) -> int:
        """Worth of the present volume unit."""
        return dict(self.meanings.volume_nl)[self.volume_unit]

    def speed_um_s(self, rate: Decimal, unit: str) -> float:
        """Plunger speed that makes a rate in the programmed bore."""
        return float(rate) * dict(self.meanings.rate_nl_h)[unit] / 3600 / self.area_mm2

    def attainable(self, rate: Decimal, unit: str) -> bool:
        """Whether the drive can go that fast and that slow with the programmed bore."""
        speed = self.speed_um_s(rate, unit)
        return self.meanings.slowest_um_s <= speed <= self.meanings.fastest_um_s


def parse_float(text: str) -> Decimal | None:
    """A <float> of the manual: 4 digits, 3 of them at most after the point. None if it is none."""
    match = _FLOAT.fullmatch(text)
    if match is None or not 1 <= len(match[1]) + len(match[2] or "") <= 4:
        return None
    return Decimal(text)


def parse_count(text: str, highest: int) -> int | None:
    """A whole number 0..``highest``, or None."""
    return int(text) if text.isdecimal() and int(text) <= highest else None


def format_float(value: Decimal) -> str:
    """Four digits with the point always shown, cut off, not rounded; rolls over after 9999."""
    value %= ROLL_OVER
    places = min(3, 4 - len(str(int(value))))
    text = str(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN))
    return text if places else text + "."
