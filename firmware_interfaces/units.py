"""Base units as integers, and the only places where a human unit becomes one.

Everything that is stored, compared or journalled is an ``int`` in a base unit, so equality, JSON
and replay are exact. Floats live inside pure functions and are rounded here, in the direction the
caller names: commands and prescriptions go down, what may have been delivered goes up
(treatment.md, 7).
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final, NewType

Nanoseconds = NewType("Nanoseconds", int)
Becquerel = NewType("Becquerel", int)
Nanolitre = NewType("Nanolitre", int)
MicrolitrePerHour = NewType("MicrolitrePerHour", int)
Micrometre = NewType("Micrometre", int)

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_MIN: Final = 60 * NS_PER_S
NS_PER_H: Final = 3600 * NS_PER_S
BQ_PER_MBQ: Final = 1_000_000
BQ_PER_MCI: Final = 37_000_000
NL_PER_ML: Final = 1_000_000
NL_PER_UL: Final = 1_000
UL_PER_ML: Final = 1_000
UM_PER_MM: Final = 1_000

Number = int | float | str | Decimal


def _scaled(value: Number, factor: int, rounding: str) -> int:
    """``value * factor`` as an int. A float is taken by its shortest repr: 26.59 means 26.59."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return int((exact * factor).to_integral_value(rounding=rounding))


def scaled_down(value: Number, factor: int) -> int:
    """``value * factor`` rounded towards minus infinity (commands, prescriptions)."""
    return _scaled(value, factor, ROUND_FLOOR)


def scaled_up(value: Number, factor: int) -> int:
    """``value * factor`` rounded towards plus infinity (delivered, projected)."""
    return _scaled(value, factor, ROUND_CEILING)


def scaled_near(value: Number, factor: int) -> int:
    """``value * factor`` rounded to nearest, ties to even (measurements, settings)."""
    return _scaled(value, factor, ROUND_HALF_EVEN)


def seconds(value: Number) -> Nanoseconds:
    """Seconds to nanoseconds, to nearest."""
    return Nanoseconds(scaled_near(value, NS_PER_S))


def megabecquerel(value: Number) -> Becquerel:
    """MBq to Bq, to nearest."""
    return Becquerel(scaled_near(value, BQ_PER_MBQ))


def millicurie(value: Number) -> Becquerel:
    """mCi to Bq, to nearest (1 mCi = 37 MBq exactly)."""
    return Becquerel(scaled_near(value, BQ_PER_MCI))


def millilitre(value: Number) -> Nanolitre:
    """mL to nL, to nearest."""
    return Nanolitre(scaled_near(value, NL_PER_ML))


def millilitre_per_hour(value: Number) -> MicrolitrePerHour:
    """mL/h to uL/h, to nearest."""
    return MicrolitrePerHour(scaled_near(value, UL_PER_ML))


def millimetre(value: Number) -> Micrometre:
    """mm to um, to nearest."""
    return Micrometre(scaled_near(value, UM_PER_MM))


def volume_down(rate: MicrolitrePerHour, duration: Nanoseconds) -> Nanolitre:
    """Volume pumped at ``rate`` in ``duration``, rounded down."""
    return Nanolitre(rate * NL_PER_UL * duration // NS_PER_H)


def volume_up(rate: MicrolitrePerHour, duration: Nanoseconds) -> Nanolitre:
    """Volume pumped at ``rate`` in ``duration``, rounded up."""
    return Nanolitre(-(-rate * NL_PER_UL * duration // NS_PER_H))


def rate_down(volume: Nanolitre, duration: Nanoseconds) -> MicrolitrePerHour:
    """Constant rate that pumps ``volume`` in ``duration`` (> 0 ns), rounded down."""
    return MicrolitrePerHour(volume * NS_PER_H // (duration * NL_PER_UL))


def as_mbq(activity: Becquerel) -> float:
    """Bq as MBq, for people."""
    return activity / BQ_PER_MBQ


def as_mci(activity: Becquerel) -> float:
    """Bq as mCi, for people."""
    return activity / BQ_PER_MCI


def as_ml(volume: Nanolitre) -> float:
    """NL as mL, for people."""
    return volume / NL_PER_ML


def as_ml_h(rate: MicrolitrePerHour) -> float:
    """uL/h as mL/h, for people."""
    return rate / UL_PER_ML


def as_seconds(duration: Nanoseconds) -> float:
    """Ns as s, for people."""
    return duration / NS_PER_S
