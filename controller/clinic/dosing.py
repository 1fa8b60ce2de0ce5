"""How much activity a patient of this size is to be given, and what decay leaves of it.

Pure arithmetic: body surface, prescribed activity by two independent computations, decay. It knows
nothing of orders, syringes or time of day.
"""

import math
from decimal import Context, Decimal
from enum import Enum, StrEnum
from typing import Final

from firmware_interfaces.units import (
    BQ_PER_MCI,
    NS_PER_MS,
    Becquerel,
    scaled_down,
    scaled_near,
    scaled_up,
)

# A context of our own: the result must not depend on a precision somebody else set, and Decimal,
# unlike libm, gives the same digits on every machine that replays a journal.
_EXACT: Final = Context(prec=50)
_LN2: Final = _EXACT.ln(Decimal(2))


class BsaFormula(StrEnum):
    """The body-surface formula: they differ by up to 7 %, so the order names one (rules.md 0)."""

    MOSTELLER = "mosteller"
    DUBOIS = "dubois"
    HAYCOCK = "haycock"
    GEHAN_GEORGE = "gehan_george"


class Rounding(Enum):
    """Which way a fraction of a becquerel goes: commands DOWN, what may be delivered UP."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


_POWER_LAWS: Final[dict[BsaFormula, tuple[str, str, str]]] = {
    BsaFormula.DUBOIS: ("0.007184", "0.425", "0.725"),
    BsaFormula.HAYCOCK: ("0.024265", "0.5378", "0.3964"),
    BsaFormula.GEHAN_GEORGE: ("0.0235", "0.51456", "0.42246"),
}
"""Factor, exponent of kg, exponent of cm (rules.md 5)."""


def bsa_m2(formula: BsaFormula, weight_kg: float, height_cm: float) -> float:
    """Body surface in m2 from kg and cm (both > 0), in binary floating point."""
    if formula is BsaFormula.MOSTELLER:
        return math.sqrt(weight_kg * height_cm / 3600)
    factor, of_weight, of_height = map(float, _POWER_LAWS[formula])
    return factor * math.pow(weight_kg, of_weight) * math.pow(height_cm, of_height)


def bsa_m2_by_logarithm(formula: BsaFormula, weight_kg: float, height_cm: float) -> Decimal:
    """Body surface in m2, computed a second way: decimal logarithms to 50 digits."""
    log_weight = _EXACT.ln(Decimal(repr(weight_kg)))
    log_height = _EXACT.ln(Decimal(repr(height_cm)))
    if formula is BsaFormula.MOSTELLER:
        exponent = (log_weight + log_height - _EXACT.ln(Decimal(3600))) / 2
        return _EXACT.exp(exponent)
    factor, of_weight, of_height = map(Decimal, _POWER_LAWS[formula])
    return _EXACT.multiply(factor, _EXACT.exp(of_weight * log_weight + of_height * log_height))


def prescribed_bq(dose_mci_m2: float, bsa: float) -> Becquerel:
    """Activity for a body surface in m2, rounded down to the becquerel."""
    return Becquerel(scaled_down(Decimal(repr(dose_mci_m2)) * Decimal(repr(bsa)), BQ_PER_MCI))


def prescribed_bq_by_logarithm(
    dose_mci_m2: float, formula: BsaFormula, weight_kg: float, height_cm: float
) -> Becquerel:
    """Compute the activity a second way from kg and cm, rounded down (10 CFR 35.41(b)(3))."""
    surface = bsa_m2_by_logarithm(formula, weight_kg, height_cm)
    return Becquerel(scaled_down(Decimal(repr(dose_mci_m2)) * surface, BQ_PER_MCI))


def bmi_kg_m2(weight_kg: float, height_cm: float) -> float:
    """Body mass index in kg/m2."""
    return weight_kg * 10_000 / (height_cm * height_cm)


def differs_at_most(value: int, reference: int, permille: int) -> bool:
    """Return True if ``value`` is within ``permille`` of ``reference`` (> 0), edge included."""
    return abs(value - reference) * 1000 <= permille * reference


def decayed_bq(
    activity_bq: int, elapsed_ns: int, half_life_ms: int, rounding: Rounding = Rounding.DOWN
) -> Becquerel:
    """Return what is left of ``activity_bq`` after ``elapsed_ns``; a negative time goes back.

    ``half_life_ms`` > 0. Exact to the rounding: 50 digits, then one step to an integer.
    """
    half_lives = _EXACT.divide(Decimal(elapsed_ns), Decimal(half_life_ms * NS_PER_MS))
    left = _EXACT.multiply(activity_bq, _EXACT.exp(_EXACT.multiply(-half_lives, _LN2)))
    return Becquerel(_ROUND[rounding](left, 1))


_ROUND: Final = {
    Rounding.DOWN: scaled_down,
    Rounding.UP: scaled_up,
    Rounding.NEAREST: scaled_near,
}
