"""Numbers as people read them: decimal point, no grouping, MBq and mCi side by side.

Takes integers in base units; rounds only what is shown, half to even, never what is kept.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from controller.clinic.documents import utc_datetime
from firmware_interfaces.units import (
    BQ_PER_MBQ,
    BQ_PER_MCI,
    NL_PER_ML,
    NS_PER_S,
)

BAND_EDGES_PERCENT: Final = (0, 5, 10, 20)


def parse_number(text: str) -> float:
    """Read a number as people write one here: digits and a decimal point; ValueError for others.

    No grouping, comma, sign or exponent (treatment.md 7): ``1,681`` is 1.681 to some.
    """
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        raise ValueError(f"{text!r} is not a number: digits with a decimal point, nothing else")
    return float(text)


def number_text(value: float, digits: int = 10) -> str:
    """Write a number with so many significant digits, never with an exponent: ``112000``."""
    return f"{Decimal(f'{value:.{digits}g}'):f}"


def decimal_text(value: int, unit: int, places: int) -> str:
    """``value / unit`` with ``places`` decimals; never "-0.0"."""
    step = Decimal(1).scaleb(-places)
    rounded = (Decimal(value) / unit).quantize(step, rounding=ROUND_HALF_EVEN)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def rounded_down_text(value: int, unit: int, places: int) -> str:
    """``value / unit`` with ``places`` decimals, never more than it is: what a pump is set to."""
    return decimal_text(value * 10**places // unit, 10**places, places)


def rounded_up_text(value: int, unit: int, places: int) -> str:
    """The same, never less than it is: what must stay."""
    return decimal_text(-(-value * 10**places // unit), 10**places, places)


def activity_text(activity_bq: int) -> str:
    """Write an activity in both units: ``1681.8 MBq (45.45 mCi)``."""
    mbq = decimal_text(activity_bq, BQ_PER_MBQ, 1)
    return f"{mbq} MBq ({decimal_text(activity_bq, BQ_PER_MCI, 2)} mCi)"


def volume_text(volume_nl: int) -> str:
    """Write a volume in mL with three decimals."""
    return f"{decimal_text(volume_nl, NL_PER_ML, 3)} mL"


def seconds_text(duration_ns: int) -> str:
    """Write a duration in seconds with one decimal."""
    return f"{decimal_text(duration_ns, NS_PER_S, 1)} s"


def exact_seconds_text(duration_ns: int) -> str:
    """Write a duration in seconds to the last nanosecond: one just over a limit looks over it."""
    return f"{Decimal(duration_ns).scaleb(-9).normalize():f} s"


def utc_text(at_utc_ns: int) -> str:
    """Write a time as ISO 8601 in UTC, cut to the millisecond (rule R6 asks for 10 ms)."""
    moment = utc_datetime(at_utc_ns)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def deviation_percent_text(value: int, reference: int) -> str:
    """How far ``value`` is from ``reference`` (> 0) in percent, signed: ``-3.1 %``.

    Decimals are added until the number shown lies on the same side of 0, 5, 10 and 20 % as the true
    one: 19.97 never prints as 20.0, nor 0.04 as 0.0.
    """
    if reference <= 0:
        raise ValueError(f"reference must be positive: {reference}")
    exact = Fraction(100 * (value - reference), reference)
    places = 1
    while _sides(shown := _rounded(exact, places)) != _sides(exact):
        places += 1
    sign = "+" if exact > 0 else ""
    return f"{sign}{decimal_text(int(shown * 10**places), 10**places, places)} %"


def _rounded(exact: Fraction, places: int) -> Fraction:
    return Fraction(round(exact * 10**places), 10**places)


def _sides(percent: Fraction) -> tuple[int, ...]:
    size = abs(percent)
    return tuple((size > edge) - (size < edge) for edge in BAND_EDGES_PERCENT)
