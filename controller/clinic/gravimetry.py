"""From grams of water to millilitres, and how sure that is. Arithmetic on floats, nothing kept."""

import math
from dataclasses import dataclass
from typing import Final

DENSITY_SOURCE: Final = "Tanaka et al., Metrologia 38 (2001) 301, air-free water at 101 325 Pa"
AIR_G_ML: Final = 0.0012
"""Air at 20 C and 1013 hPa."""
WEIGHTS_G_ML: Final = 8.0
"""What balances are adjusted with (OIML D 28)."""
WATER_C: Final = (10.0, 35.0)
TEMPERATURE_C: Final = 1.0
"""The water's temperature is known to 1 C."""
EXPANSION_PER_C: Final = 2.6e-4
"""Of water at 25 C; less below."""
DROP_ML: Final = 0.02
"""What may hang at the line's end at one weighing and not at the other; ends are dipped in."""
COVERAGE: Final = 2


def water_density_g_ml(celsius: float) -> float:
    """Density of pure water, g/mL, at 0 to 40 C (DENSITY_SOURCE, equation on p. 305)."""
    below = (celsius - 3.983035) ** 2 * (celsius + 301.797)
    return 0.99997495 * (1.0 - below / (522528.9 * (celsius + 69.34881)))


def water_ml(weighed_g: float, celsius: float) -> float:
    """Volume of water that a balance in air shows as ``weighed_g``, mL.

    Its air buoyancy is put back, as with the Z factor of ISO 8655-6.
    """
    density = water_density_g_ml(celsius)
    return weighed_g * (1.0 - AIR_G_ML / WEIGHTS_G_ML) / (density - AIR_G_ML)


@dataclass(frozen=True, slots=True)
class Weighing:
    """A beaker before and after, and what a second, untouched one lost meanwhile, all in g."""

    before_g: float
    after_g: float
    evaporation_g: float
    resolution_g: float
    water_c: float

    @property
    def volume_ml(self) -> float:
        """Water that came into the beaker, mL."""
        return water_ml(self.after_g - self.before_g + self.evaporation_g, self.water_c)

    def uncertainty(self, *others: float) -> float:
        """Relative expanded uncertainty (k = 2) of the volume, with other relative shares.

        Limits of error are taken as rectangular: standard uncertainty is half width / sqrt(3).
        The volume must not be 0.
        """
        rectangular = 1.0 / math.sqrt(3.0)
        volume = self.volume_ml
        both = math.sqrt(2.0)
        shares = (
            both * rectangular * self.resolution_g / 2.0 / volume,
            rectangular * TEMPERATURE_C * EXPANSION_PER_C,
            rectangular * abs(self.evaporation_g) / 2.0 / volume,
            both * rectangular * DROP_ML / 2.0 / volume,
            *others,
        )
        return COVERAGE * math.sqrt(sum(share**2 for share in shares))
