"""What a wrong number looks like: which unit or digit somebody slipped on, named for people.

It judges nothing: another rule has found that a number cannot be, this says how it may have come
about. Factors are exact by definition (1 lb = 0.45359237 kg, 1 in = 2.54 cm, 1 mCi = 37 MBq).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from controller.clinic.text import number_text

NEAR_PERCENT: Final = 2.0
"""How far a number read in another unit may be off: people round when they convert."""


@dataclass(frozen=True, slots=True)
class Slip:
    """One mistake: ``value * factor`` is what was meant, and how to say it of ``{value}``."""

    factor: float
    told: str


_DIGIT: Final = (Slip(0.1, "has a digit too many"), Slip(10.0, "has a digit too few"))

WEIGHT: Final = (
    Slip(0.45359237, "looks like lb typed as kg"),
    Slip(1 / 0.45359237, "looks like kg taken for lb and turned into kg once more"),
    Slip(6.35029318, "looks like stones typed as kg"),
    Slip(0.001, "looks like g typed as kg"),
    *_DIGIT,
)
"""Slips of a weight that should be in kg."""

HEIGHT: Final = (
    Slip(2.54, "looks like inches typed as cm"),
    Slip(1 / 2.54, "looks like cm taken for inches and turned into cm once more"),
    Slip(30.48, "looks like feet typed as cm"),
    Slip(100.0, "looks like m typed as cm"),
    Slip(0.1, "looks like mm typed as cm, or has a digit too many"),
)
"""Slips of a height that should be in cm."""

ACTIVITY: Final = (
    Slip(37.0, "looks like mCi typed as MBq (x37)"),
    Slip(1 / 37.0, "looks like MBq taken for mCi and turned into MBq once more (x37)"),
    Slip(1000.0, "looks like GBq typed as MBq (x1000)"),
    Slip(0.001, "looks like kBq typed as MBq (x1000)"),
    Slip(37_000.0, "looks like Ci typed as MBq (x37000)"),
    Slip(0.037, "looks like uCi typed as MBq (x0.037)"),
    *_DIGIT,
)
"""Slips of an activity that should be in MBq."""


def near(value: float, expected: float) -> bool:
    """Return True if ``value`` is within `NEAR_PERCENT` of ``expected``, both > 0."""
    return abs(value - expected) * 100 <= NEAR_PERCENT * expected


def named(value: float, slips: tuple[Slip, ...], fits: Callable[[float], bool]) -> str:
    """How ``value`` may have come about, to be put behind a rule; empty if by no slip known here.

    ``fits`` says whether a number would be right.
    """
    return "".join(_told(value, slips, fits))


def _told(value: float, slips: tuple[Slip, ...], fits: Callable[[float], bool]) -> Iterator[str]:
    for slip in slips:
        meant = value * slip.factor
        if fits(meant):
            yield f"; {number_text(value, 5)} {slip.told}: {number_text(meant, 5)}"
