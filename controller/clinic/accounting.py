"""How much was delivered, by two routes that share nothing but the calibrator's factor.

By residual: assay less residual, waste and prime. By volume: what passed the line, over the fill.
All activities are at the infusion's start. Integers throughout; uncertainties round up.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isqrt
from typing import Final

from controller.clinic.dosing import differs_at_most
from firmware_interfaces.units import Becquerel, Nanolitre

PPM: Final = 1_000_000
COVERAGE: Final = 2
"""Expanded uncertainties are k = 2 (JCGM 100, 6.2)."""


class Deviation(StrEnum):
    """Delivered against prescribed; 20 % exactly already is in the last band (10 CFR 35.3045)."""

    WITHIN_5 = "within 5 %"
    WITHIN_10 = "more than 5 %, at most 10 %"
    BELOW_20 = "more than 10 %, less than 20 %"
    AT_LEAST_20 = "20 % or more"


class Candidate(StrEnum):
    """Why a person must judge whether this is a medical event; never a verdict."""

    DELIVERED_20 = "delivered differs from prescribed by 20 % or more"
    DELIVERED_MAYBE_20 = "a difference of 20 % or more cannot be excluded"
    OUTSIDE_RANGE = "delivered is outside the prescribed range"
    RESIDUAL_20 = "20 % or more of what was to be given stayed behind"
    LEAK = "leak or spill"
    EXTRAVASATION = "extravasation"
    WRONG_DRUG = "wrong drug"
    WRONG_ROUTE = "wrong route"
    WRONG_PATIENT = "wrong patient"
    BY_BUTTON = "opened by hand"


class Residual(StrEnum):
    """Share of what was to be given that stayed behind (rules.md 5, [design])."""

    NORMAL = "at most 5 %"
    INVESTIGATE = "more than 5 %: investigate"
    AUTHORIZED_USER = "more than 10 %: tell the authorized user"
    CANDIDATE = "20 % or more"


class Route(StrEnum):
    """A way to the delivered activity."""

    RESIDUAL = "by residual"
    VOLUME = "by volume"


@dataclass(frozen=True, slots=True)
class Budget:
    """Standard uncertainties (k = 1) that the readings do not carry themselves.

    In parts per million. ``calibrator`` is half of the U of 5-6 % and common to both routes;
    ``geometry`` is half of the 0.03 on the residual's factor of 1.00 (calibrators.md 2.6); the
    others are [design] until commissioning measures them. ``dead_volume`` is what plug flow may
    be wrong by.
    """

    calibrator_ppm: int = 27_500
    repeatability_ppm: int = 1_000
    counter_ppm: int = 5_000
    fill_ppm: int = 5_000
    dead_volume_ppm: int = 50_000
    geometry_ppm: int = 15_000
    waste_ppm: int = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one treatment; activities at the infusion's start.

    ``residual_bq`` is None until the residual is assayed, ``kept_by_plan_bq`` the part of it that
    was never to be given. ``resolution_bq`` is one step of the calibrator's display at the assay
    and at the residual alike. Volumes are low and high bounds.
    """

    prescribed_bq: Becquerel
    prescribed_range_bq: tuple[Becquerel, Becquerel] | None
    assayed_bq: Becquerel
    residual_bq: Becquerel | None
    kept_by_plan_bq: Becquerel
    waste_bq: Becquerel
    prime_bq: Becquerel
    resolution_bq: Becquerel
    fill_nl: Nanolitre
    dead_volume_nl: Nanolitre
    delivered_low_nl: Nanolitre
    delivered_high_nl: Nanolitre


@dataclass(frozen=True, slots=True)
class Component:
    """One line of an uncertainty budget: its standard uncertainty as activity."""

    name: str
    standard_bq: Becquerel
    common: bool = False


@dataclass(frozen=True, slots=True)
class RouteResult:
    """Delivered activity, its share of the assay in ppm, and why it is uncertain."""

    route: Route
    delivered_bq: Becquerel
    fraction_ppm: int
    components: tuple[Component, ...]

    @property
    def expanded_bq(self) -> Becquerel:
        """Uncertainty of the activity, k = 2."""
        return _expanded(self.components)

    @property
    def expanded_ppm(self) -> int:
        """The same relative to the activity delivered; all of it if nothing was."""
        if self.delivered_bq <= 0:
            return PPM
        return _ceiling(self.expanded_bq * PPM, self.delivered_bq)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Difference of the routes as fractions, where all that rests on the assay cancels."""

    difference_ppm: int
    allowed_ppm: int

    @property
    def agrees(self) -> bool:
        """True if the difference is within its own k = 2 uncertainty."""
        return abs(self.difference_ppm) <= self.allowed_ppm


@dataclass(frozen=True, slots=True)
class Account:
    """The outcome of accounting. What rests on the residual is None until that is assayed."""

    by_residual: RouteResult | None
    by_volume: RouteResult
    interval_low_bq: Becquerel
    interval_high_bq: Becquerel
    agreement: Agreement | None
    residual: Residual | None
    deviation: Deviation
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> RouteResult:
        """By residual where there is one, else by volume."""
        return self.by_residual or self.by_volume


def account(measured: Measured, budget: Budget, reported: tuple[Candidate, ...] = ()) -> Account:
    """Account for one treatment; ``reported`` are candidates that people or alarms opened.

    ValueError if assay, fill or prescription are not positive.
    """
    if min(measured.assayed_bq, measured.fill_nl, measured.prescribed_bq) <= 0:
        raise ValueError("assay, fill and prescribed activity must be positive")
    volume = by_volume(measured, budget)
    residual = by_residual(measured, budget)
    best = residual or volume
    return Account(
        residual,
        volume,
        Becquerel(_by_fill(measured, measured.delivered_low_nl)),
        Becquerel(-_by_fill(measured, Nanolitre(-measured.delivered_high_nl))),
        None if residual is None else agreement(residual, volume, measured.assayed_bq),
        residual_share(measured),
        deviation(best.delivered_bq, measured.prescribed_bq),
        (*_candidates(measured, best, volume), *reported),
    )


def by_residual(measured: Measured, budget: Budget) -> RouteResult | None:
    """Assay less residual, waste and prime, or None while no residual is assayed."""
    if measured.residual_bq is None:
        return None
    kept, removed = measured.residual_bq, measured.waste_bq + measured.prime_bq
    delivered = Becquerel(measured.assayed_bq - kept - removed)
    components = (
        Component("calibrator factor", _part(abs(delivered), budget.calibrator_ppm), common=True),
        _reading("assay reading", measured.assayed_bq, measured.resolution_bq, budget, common=True),
        _reading("residual reading", kept, measured.resolution_bq, budget),
        Component("residual geometry", _part(kept, budget.geometry_ppm)),
        Component("waste and prime", _part(removed, budget.waste_ppm)),
    )
    return RouteResult(Route.RESIDUAL, delivered, _ppm(delivered, measured), components)


def by_volume(measured: Measured, budget: Budget) -> RouteResult:
    """Assay x volume past the line / fill; of an interval its lower bound (treatment.md 5)."""
    delivered = Becquerel(-_by_fill(measured, Nanolitre(-measured.delivered_low_nl)))
    span_nl = measured.delivered_high_nl - measured.delivered_low_nl
    line_nl = measured.dead_volume_nl * budget.dead_volume_ppm // PPM
    components = (
        Component("calibrator factor", _part(delivered, budget.calibrator_ppm), common=True),
        _reading("assay reading", measured.assayed_bq, measured.resolution_bq, budget, common=True),
        Component("pump counter", _part(delivered, budget.counter_ppm)),
        Component("fill volume", _part(delivered, budget.fill_ppm)),
        Component("line hold-up", Becquerel(_by_fill(measured, Nanolitre(line_nl)))),
        Component("uncertain delivery", Becquerel(_by_fill(measured, Nanolitre(span_nl)))),
    )
    return RouteResult(Route.VOLUME, delivered, _ppm(delivered, measured), components)


def agreement(first: RouteResult, second: RouteResult, assayed_bq: Becquerel) -> Agreement:
    """Compare two routes as fractions of one assay, leaving out what they have in common."""
    own = tuple(part for part in (*first.components, *second.components) if not part.common)
    allowed = _ceiling(_expanded(own) * PPM, assayed_bq)
    return Agreement(first.fraction_ppm - second.fraction_ppm, allowed)


def deviation(delivered_bq: Becquerel, prescribed_bq: Becquerel) -> Deviation:
    """Return the band of a delivered activity, compared exactly; ``prescribed_bq`` > 0."""
    if differs_at_most(delivered_bq, prescribed_bq, 50):
        return Deviation.WITHIN_5
    if differs_at_most(delivered_bq, prescribed_bq, 100):
        return Deviation.WITHIN_10
    if _differs_20(delivered_bq, prescribed_bq):
        return Deviation.AT_LEAST_20
    return Deviation.BELOW_20


def residual_share(measured: Measured) -> Residual | None:
    """Return what the residual's share asks for, or None while it is not assayed."""
    if measured.residual_bq is None:
        return None
    percent_scaled = (measured.residual_bq - measured.kept_by_plan_bq) * 100
    meant = measured.assayed_bq - measured.kept_by_plan_bq
    if percent_scaled >= 20 * meant:
        return Residual.CANDIDATE
    if percent_scaled > 10 * meant:
        return Residual.AUTHORIZED_USER
    return Residual.INVESTIGATE if percent_scaled > 5 * meant else Residual.NORMAL


def _candidates(measured: Measured, best: RouteResult, volume: RouteResult) -> list[Candidate]:
    found: list[Candidate] = []
    prescribed, delivered = measured.prescribed_bq, best.delivered_bq
    if _differs_20(delivered, prescribed):
        found.append(Candidate.DELIVERED_20)
    elif _maybe_20(measured, volume):
        found.append(Candidate.DELIVERED_MAYBE_20)
    low, high = measured.prescribed_range_bq or (delivered, delivered)
    if not low <= delivered <= high:
        found.append(Candidate.OUTSIDE_RANGE)
    if residual_share(measured) is Residual.CANDIDATE:
        found.append(Candidate.RESIDUAL_20)
    return found


def _maybe_20(measured: Measured, volume: RouteResult) -> bool:
    """Return True if the other route, or an end of an uncertain delivery, reaches 20 %."""
    highest = -_by_fill(measured, Nanolitre(-measured.delivered_high_nl))
    ends = (volume.delivered_bq, Becquerel(highest))
    return any(_differs_20(end, measured.prescribed_bq) for end in ends)


def _differs_20(value: int, reference: int) -> bool:
    return abs(value - reference) * 100 >= 20 * reference


def _by_fill(measured: Measured, volume_nl: Nanolitre) -> int:
    """Activity of a volume, rounded down: the negative of it, negated, is rounded up."""
    return measured.assayed_bq * volume_nl // measured.fill_nl


def _ppm(delivered_bq: Becquerel, measured: Measured) -> int:
    return round(delivered_bq * PPM / measured.assayed_bq)


def _part(activity_bq: int, ppm: int) -> Becquerel:
    return Becquerel(_ceiling(activity_bq * ppm, PPM))


def _reading(
    name: str, activity_bq: int, resolution_bq: int, budget: Budget, *, common: bool = False
) -> Component:
    """Combine a display step, step / sqrt(12) (JCGM 100, F.2.2.1), with the repeatability."""
    step_squared = _ceiling(resolution_bq * resolution_bq, 12)
    repeatability = _part(activity_bq, budget.repeatability_ppm)
    return Component(name, Becquerel(_root(step_squared + repeatability**2)), common)


def _expanded(components: tuple[Component, ...]) -> Becquerel:
    return Becquerel(COVERAGE * _root(sum(part.standard_bq**2 for part in components)))


def _root(square: int) -> int:
    """Square root rounded up."""
    return isqrt(square - 1) + 1 if square > 0 else 0


def _ceiling(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
