"""The dose calibrator's well: from becquerels inside it to the number on its display.

Knows ion current, collection, filtering and noise (calibrators.md 2); not how a number is sent. Its
data are its own; randomness is handed in.
"""

import math
import random
from dataclasses import dataclass
from typing import Final

TICK_NS: Final = 250_000_000
"""The display is renewed four times a second (shiny-plopper's refresh, calibrators.md 2.2)."""
RESPONSE: Final[dict[str, float]] = {
    "I131": 1.0,
    "Cs137": 1.344,
    "Co60": 4.86,
    "Ba133": 2.48,
    "Co57": 0.713,
    "Tc99m": 0.624,
}
"""Current per Bq relative to I-131: BIPM Monographie 4, tab. 7-1 and 7-4."""
SHOT_1S: Final = 0.01
"""Relative standard deviation of 1 MBq of I-131 averaged over 1 s (calibrators.md 2.3)."""
FLOOR: Final = 2e-4
ELECTRONICS_PA: Final = 0.002
SETTLED: Final = 1e-6
"""So close to its aim, as a share, the filtered current counts as there."""
SETTLING: Final = 0.01
"""Farther from its aim than this share, an instrument that tells so says that it is settling."""
STEP: Final = 0.1
"""A change of current by more than this share makes the electrometer settle anew."""


@dataclass(frozen=True, slots=True)
class WellItem:
    """Something in the well: its nuclide, true activity now (Bq) and its geometry's response."""

    nuclide: str
    activity_bq: float
    factor: float = 1.0


@dataclass(slots=True)
class Electrometer:
    """What a particular calibrator is like; the defaults are calibrators.md 2.1, 2.4 and 2.5.

    ``ranges_pa`` are the switch points, each range having a gain error within ``range_error``;
    ``background_bq`` is what the empty shielded well shows as I-131. A drift is a
    share of the reading that grows with the time since it began.
    """

    sensitivity_pa_mbq: float = 8.16
    background_bq: float = 6000.0
    voltage_v: float = 500.0
    volume_loss_per_10_na: float = 2e-3
    initial_loss: float = 5e-4
    ranges_pa: tuple[float, ...] = (100.0, 1000.0, 10_000.0)
    range_error: float = 0.003
    over_range_pa: float = 100_000.0
    noisy: bool = True
    noise_factor: float = 1.0
    drift_per_min: float = 0.0
    drift_since_ns: int = 0


@dataclass(frozen=True, slots=True)
class Display:
    """What the instrument shows: ``activity_bq`` is None over range."""

    nuclide: str
    activity_bq: float | None


@dataclass(frozen=True, slots=True)
class Innards:
    """What a talkative instrument tells besides its number, all of it about that number.

    ``current_pa`` as measured, ``deviation`` (1 at most) and ``loss`` by recombination as shares;
    ``shown_ns`` is when the number was renewed last.
    """

    current_pa: float
    range_index: int
    deviation: float
    loss: float
    settling: bool
    shown_ns: int


class Chamber:
    """An ionization chamber with its electrometer, set to one nuclide.

    ``process`` advances it to a time with what is in the well then; ``display`` is the last number.
    """

    def __init__(self, chance: random.Random, start_ns: int = 0) -> None:
        self.electrometer = Electrometer()
        self.nuclide = "I131"
        self.hold = False
        self._random = chance
        self._now_ns = self._shown_ns = start_ns
        self._gains = [chance.uniform(-1.0, 1.0) for _ in range(8)]
        self._made_pa = self._background_pa()
        self._filtered_pa = self._collected(self._made_pa)
        self._noise = 0.0
        self._shown_pa = self._filtered_pa

    def current_pa(self, items: list[WellItem]) -> float:
        """Ion current made in the gas, before any loss, background included."""
        made = sum(i.activity_bq * i.factor * RESPONSE[i.nuclide] for i in items)
        return made / 1e6 * self.electrometer.sensitivity_pa_mbq + self._background_pa()

    def due(self, now_ns: int) -> bool:
        """True if the display is renewed between the last time and ``now_ns``."""
        return now_ns // TICK_NS != self._now_ns // TICK_NS

    def process(self, now_ns: int, items: list[WellItem]) -> None:
        """Advance to ``now_ns``; the display is renewed on its own ticks only.

        In one go once it has settled: then nothing but its noise changes, and that is exact.
        """
        last_ns = now_ns // TICK_NS * TICK_NS
        self._made_pa = self.current_pa(items)
        aim_pa = self._collected(self._made_pa)
        while self._now_ns < last_ns:
            settled = abs(aim_pa - self._filtered_pa) <= SETTLED * aim_pa
            next_ns = (self._now_ns // TICK_NS + 1) * TICK_NS
            until_ns = last_ns if settled else next_ns
            self._settle(aim_pa, (until_ns - self._now_ns) / 1e9)
            self._now_ns = until_ns
        if not self.hold:
            self._shown_ns = last_ns

    def display(self) -> Display:
        """The number shown now, in Bq of the nuclide set; background is part of it."""
        over = self._shown_pa > self.electrometer.over_range_pa
        sensitivity = self.electrometer.sensitivity_pa_mbq * RESPONSE[self.nuclide]
        return Display(self.nuclide, None if over else max(self._shown_pa, 0.0) / sensitivity * 1e6)

    def innards(self) -> Innards:
        """What lies behind the number shown now."""
        aim_pa = self._collected(self._made_pa)
        sigma_pa = self._sigma(aim_pa, time_constant_s(aim_pa))
        return Innards(
            current_pa=self._shown_pa,
            range_index=self._range(self._filtered_pa),
            deviation=sigma_pa / max(aim_pa, sigma_pa),
            loss=1.0 - aim_pa / self._made_pa if self._made_pa else 0.0,
            settling=abs(aim_pa - self._filtered_pa) > SETTLING * aim_pa,
            shown_ns=self._shown_ns,
        )

    def _background_pa(self) -> float:
        return self.electrometer.background_bq / 1e6 * self.electrometer.sensitivity_pa_mbq

    def _collected(self, made_pa: float) -> float:
        """Current after recombination, by volume (I/U^2) and initial (1/U)."""
        meter = self.electrometer
        weak = 500.0 / meter.voltage_v
        volume = meter.volume_loss_per_10_na * made_pa / 10_000.0 * weak**2
        return made_pa / (1.0 + volume + meter.initial_loss * weak)

    def _settle(self, aim_pa: float, dt_s: float) -> None:
        if abs(aim_pa - self._filtered_pa) > STEP * max(aim_pa, self._filtered_pa):
            self._noise = 0.0
        tau = time_constant_s(max(aim_pa, self._filtered_pa))
        left = math.exp(-dt_s / tau)
        self._filtered_pa = aim_pa + (self._filtered_pa - aim_pa) * left
        scatter = self.electrometer.noise_factor * math.sqrt(1.0 - left * left)
        sigma = self._sigma(aim_pa, tau) * scatter
        self._noise = self._noise * left + self._random.gauss(0.0, 1.0) * sigma
        noise_pa = self._noise if self.electrometer.noisy else 0.0
        if not self.hold:
            self._shown_pa = self._filtered_pa * self._gain(self._filtered_pa) + noise_pa

    def _gain(self, current_pa: float) -> float:
        meter = self.electrometer
        minutes = (self._now_ns - meter.drift_since_ns) / 60e9
        drifted = 1.0 + meter.drift_per_min * max(minutes, 0.0)
        return (1.0 + meter.range_error * self._gains[self._range(current_pa)]) * drifted

    def _range(self, current_pa: float) -> int:
        return sum(current_pa >= limit for limit in self.electrometer.ranges_pa)

    def _sigma(self, current_pa: float, tau_s: float) -> float:
        """Standard deviation of the filtered current, pA: charges, electronics and a floor."""
        equivalent_mbq = max(current_pa / self.electrometer.sensitivity_pa_mbq, 1e-6)
        shot_1s = SHOT_1S / math.sqrt(equivalent_mbq) * current_pa
        fast = math.hypot(shot_1s, ELECTRONICS_PA) / math.sqrt(2.0 * tau_s)
        return math.hypot(fast, FLOOR * current_pa)


def time_constant_s(current_pa: float) -> float:
    """Of the single-pole filter: the weaker the current, the longer (calibrators.md 2.2)."""
    for limit_pa, tau_s in ((1000.0, 0.3), (100.0, 1.0), (10.0, 3.0)):
        if current_pa >= limit_pa:
            return tau_s
    return 10.0
