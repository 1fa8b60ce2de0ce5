"""What a world is furnished with: drug, syringes, line, devices and the chances of one day.

Plain data, made from an order and a seed and carried to the world process as JSON.
"""

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from controller.clinic.order import Administer, Order, VialContainer
from simulators.bench.device_set import HOSE, USUAL, DeviceSet

SETTING_NAME: Final = "world.json"
BQ_PER_MBQ: Final = 1e6
NL_PER_ML: Final = 1e6
NEAREST_SPREAD: Final = 0.03
"""A pharmacy's syringe holds what was ordered within 3 %: well inside the 10 % band."""
DRY_UREV_PER_UM: Final = 40_000.0
"""A dry hose takes 4 to 16 revolutions to fill: 0.08 to 0.32 mL. One for saline is filled before
it is led to the patient."""
SURPLUS: Final = 0.1
"""Where only a volume of it is given it holds so much more."""


@dataclass(frozen=True, slots=True)
class SyringeType:
    """A line of the syringe catalogue: name as in site.toml, bore, capacity, an NE-1000's limit."""

    name: str
    diameter_mm: float
    capacity_ml: float
    rate_max_ml_h: float


CATALOGUE: Final = (
    SyringeType("BD 10 mL", 14.43, 10.0, 500.5),
    SyringeType("BD 20 mL", 19.05, 20.0, 872.3),
    SyringeType("BD 60 mL", 26.59, 60.0, 1699.0),
)
"""Becton Dickinson's plastic syringes with an NE-1000's highest rate in each (pumps.md 1.7)."""


def syringe_type(name: str) -> SyringeType:
    """The catalogue's line of that name; KeyError if there is none."""
    return {kind.name: kind for kind in CATALOGUE}[name]


def saline_type(rate_ml_h: float, volume_ml: float) -> SyringeType:
    """The smallest syringe that holds ``volume_ml`` and can be emptied at ``rate_ml_h``."""
    for kind in CATALOGUE:
        if kind.capacity_ml >= volume_ml and kind.rate_max_ml_h >= rate_ml_h * 1.05:
            return kind
    raise ValueError(f"no syringe gives {volume_ml:g} mL at {rate_ml_h:g} mL/h")


@dataclass(frozen=True, slots=True)
class Setting:
    """One furnished room. Activity is Bq when the world begins; gaps are the pusher's slack, um."""

    seed: int
    drug_syringe: str
    fill_ml: float
    activity_bq: float
    line_dead_ml: float
    primed_with: str
    prime_ml: float
    saline_syringe: str
    saline_ml: float
    drug_gap_um: float
    saline_gap_um: float
    devices: DeviceSet = USUAL

    @classmethod
    def of(cls, order: Order, seed: int, devices: DeviceSet = USUAL) -> Self:
        """The room in which ``order`` is carried out; the same seed furnishes the same room.

        Of a cold run there is saline where the drug would be.
        """
        chance = random.Random(seed)
        fill, line = order.container.fill_ml, order.line.dead_volume_ml
        rate_ml_h = (fill - order.container.unusable_ml) / order.infusion_min * 60.0
        spread = chance.uniform(-NEAREST_SPREAD, NEAREST_SPREAD)
        if order.administer is Administer.VOLUME_FOR_DOSE:
            spread += SURPLUS
        saline_ml = 3.0 * line + 5.0
        hosed = isinstance(order.container, VialContainer)
        saline_hosed = devices.saline_pump == "dulcoflex"
        return cls(
            seed=seed,
            drug_syringe=order.container.name,
            fill_ml=fill,
            activity_bq=0.0 if order.cold_run else float(round(order.prescribed_bq * (1 + spread))),
            line_dead_ml=line,
            primed_with=order.line.primed_with.value,
            prime_ml=1.5 * line,
            saline_syringe=(HOSE if saline_hosed else saline_type(rate_ml_h, saline_ml).name),
            saline_ml=saline_ml,
            drug_gap_um=chance.uniform(100.0, 400.0) * (DRY_UREV_PER_UM if hosed else 1.0),
            saline_gap_um=0.0 if saline_hosed else chance.uniform(50.0, 150.0),
            devices=devices,
        )

    def save(self, directory: Path) -> Path:
        """Write it where a world of this run directory looks for it."""
        path = directory / SETTING_NAME
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read it back. Raises ValueError for a file that holds something else."""
        found: dict[str, Any] = json.loads((directory / SETTING_NAME).read_text())
        try:
            return cls(**{**found, "devices": DeviceSet(**found.get("devices", {}))})
        except TypeError as error:
            raise ValueError(f"{SETTING_NAME}: {error}") from error
