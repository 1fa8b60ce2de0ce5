"""Whether the measured activity is the prescribed one, and what volume of it is to be given.

Bands compare integers exactly; plans round down. Knows nothing of calibrators or pumps: it is told
an activity, a nuclide and when they were read.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from controller.clinic.documents import Problem, shown
from controller.clinic.dosing import differs_at_most
from controller.clinic.order import Administer, Order, Priming
from controller.clinic.text import decimal_text, deviation_percent_text, exact_seconds_text
from firmware_interfaces.units import BQ_PER_MBQ, BQ_PER_MCI, Becquerel, Nanolitre


class Band(StrEnum):
    """How far an assay is from what was prescribed; the edge belongs to the inner band."""

    WITHIN_10 = "within 10 %"
    WITHIN_20 = "more than 10 %, at most 20 %"
    OVER_20 = "more than 20 %"


class Verdict(Enum):
    """What a band asks for before release (rules.md 1.7)."""

    ACCEPTED = "accepted"
    ACKNOWLEDGE = "authorized user must acknowledge"
    REFUSED = "refused: needs a signed revision of the written directive"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The assay against the directive, with the numbers it was judged by (10 CFR 35.63(d))."""

    assayed_bq: Becquerel
    prescribed_bq: Becquerel
    band: Band
    outside_range: bool
    verdict: Verdict
    deviation: str


COLD_BQ_MAX: Final = 100_000
"""Above the background of an empty, shielded well (6 kBq, calibrators.md 2.4) and every display's
finest step; a ten-thousandth of a dose."""

_VERDICTS: Final = {
    Band.WITHIN_10: Verdict.ACCEPTED,
    Band.WITHIN_20: Verdict.ACKNOWLEDGE,
    Band.OVER_20: Verdict.REFUSED,
}


def band(assayed_bq: int, prescribed_bq: int) -> Band:
    """Return the band of two activities of one moment; exactly 10 % and 20 % are still inside.

    ValueError if ``prescribed_bq`` is not positive.
    """
    if prescribed_bq <= 0:
        raise ValueError(f"prescribed activity must be positive: {prescribed_bq}")
    if differs_at_most(assayed_bq, prescribed_bq, 100):
        return Band.WITHIN_10
    if differs_at_most(assayed_bq, prescribed_bq, 200):
        return Band.WITHIN_20
    return Band.OVER_20


def accept(
    assayed_bq: int,
    prescribed_bq: int,
    prescribed_range_bq: tuple[int, int] | None = None,
) -> Acceptance:
    """Judge an activity against the directive; outside a range it is refused in any band."""
    found = band(assayed_bq, prescribed_bq)
    low, high = prescribed_range_bq or (assayed_bq, assayed_bq)
    outside = not low <= assayed_bq <= high
    verdict = Verdict.REFUSED if outside else _VERDICTS[found]
    deviation = deviation_percent_text(assayed_bq, prescribed_bq)
    return Acceptance(
        Becquerel(assayed_bq), Becquerel(prescribed_bq), found, outside, verdict, deviation
    )


def judged_bq(
    administer: str,
    fill_nl: int,
    unusable_nl: int,
    prescribed_bq: int,
    assay_bq: int,
    primed_nl: int = 0,
) -> Becquerel:
    """Activity that the band is judged on; arguments as for ``planned_volume``.

    The whole assay, or under ``volume_for_dose`` what the planned volume holds: such a container
    may hold more than the dose, and only one that cannot yield it falls short.
    """
    if Administer(administer) is Administer.WHOLE_SYRINGE:
        return Becquerel(assay_bq)
    planned = planned_volume(administer, fill_nl, unusable_nl, prescribed_bq, assay_bq, primed_nl)
    return expected_administered_bq(assay_bq, fill_nl, planned + primed_nl)


def accept_for(order: Order, assayed_at_start_bq: int) -> Acceptance:
    """Judge what the order would give of an assay against its prescription and range."""
    judged = judged_bq(
        order.administer,
        order.fill_nl,
        order.unusable_nl,
        order.prescribed_bq,
        assayed_at_start_bq,
        primed_in_line_nl(order),
    )
    return accept(judged, order.prescribed_bq, order.prescribed_range_bq)


def primed_in_line_nl(order: Order) -> Nanolitre:
    """Drug that fills the line before the pump runs: the dead volume, or nothing."""
    return order.dead_volume_nl if order.line.primed_with is Priming.DRUG else Nanolitre(0)


def usable_nl(fill_nl: int, unusable_nl: int, primed_nl: int = 0) -> Nanolitre:
    """All that can be pumped out of a container: its fill less what stays in it and in the line."""
    return Nanolitre(max(0, fill_nl - unusable_nl - primed_nl))


def planned_volume(
    administer: str,
    fill_nl: int,
    unusable_nl: int,
    prescribed_bq: int,
    assay_bq: int,
    primed_nl: int = 0,
) -> Nanolitre:
    """Volume to programme, rounded down, within what is usable (treatment.md 1).

    ``assay_bq`` is the assay at the start; ``volume_for_dose`` plans fill x prescribed / assay.
    ``primed_nl`` of drug already fills the line: it is neither in the syringe nor pumped again.
    ValueError if the assay is not positive or ``administer`` is unknown.
    """
    if assay_bq <= 0:
        raise ValueError(f"assayed activity must be positive: {assay_bq}")
    most_nl = usable_nl(fill_nl, unusable_nl, primed_nl)
    if Administer(administer) is Administer.WHOLE_SYRINGE:
        return most_nl
    for_dose_nl = fill_nl * prescribed_bq // assay_bq - primed_nl
    return Nanolitre(max(0, min(for_dose_nl, most_nl)))


def planned_volume_nl(order: Order, assayed_at_start_bq: int) -> Nanolitre:
    """``planned_volume`` of an order."""
    return planned_volume(
        order.administer,
        order.fill_nl,
        order.unusable_nl,
        order.prescribed_bq,
        assayed_at_start_bq,
        primed_in_line_nl(order),
    )


def expected_administered_bq(assayed_bq: int, fill_nl: int, reaching_vein_nl: int) -> Becquerel:
    """Activity expected in the patient, rounded down: the assay less the expected hold-up.

    ``reaching_vein_nl`` is what has left the syringe less what will stay in the line. An assay
    9.9 % low with 3 % residual is 12.6 % low.
    """
    return Becquerel(assayed_bq * reaching_vein_nl // fill_nl)


def nuclide_problem(read: str, ordered: str) -> Problem | None:
    """A1: the calibrator was set to the ordered nuclide, however it spells it (I131, I 131)."""
    if _nuclide_key(read) == _nuclide_key(ordered):
        return None
    return Problem("assay.nuclide", shown(read), f"must be {ordered}")


def cold_problem(activity_bq: int, resolution_bq: int) -> Problem | None:
    """A reading that keeps a cold run from going on: more than `COLD_BQ_MAX`, or too coarse to say.

    Both Bq: what was read, the empty well's background in it, and one step of the display.
    """
    rule = f"a cold run holds no activity: at most {_small_text(COLD_BQ_MAX)}"
    if activity_bq > COLD_BQ_MAX:
        return Problem("assay.activity", _small_text(activity_bq), rule)
    if resolution_bq > COLD_BQ_MAX:
        return Problem("assay.resolution", _small_text(resolution_bq), rule)
    return None


def _small_text(activity_bq: int) -> str:
    """To the last becquerel, so that what is just over a limit looks over it."""
    mci = decimal_text(activity_bq, BQ_PER_MCI, 6)
    return f"{decimal_text(activity_bq, BQ_PER_MBQ, 6)} MBq ({mci} mCi)"


def age_problem(assayed_at_ns: int, now_ns: int, limit_ns: int) -> Problem | None:
    """A9: an assay is at most ``limit_ns`` old and not from the future; stamps of one clock."""
    age = now_ns - assayed_at_ns
    if age < 0:
        return Problem("assay.age", exact_seconds_text(age), "must not be in the future")
    if age > limit_ns:
        return Problem(
            "assay.age", exact_seconds_text(age), f"must be at most {exact_seconds_text(limit_ns)}"
        )
    return None


def _nuclide_key(name: str) -> str:
    return name.upper().replace("-", "").replace(" ", "")
