"""May this order be used here and now? Each rule is a short pure function that yields problems.

The caller brings the regimen, the site's name and the time; nothing here reads a clock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from controller.clinic.documents import Problem, shown, utc_datetime, utc_ns
from controller.clinic.dosing import (
    bmi_kg_m2,
    bsa_m2,
    differs_at_most,
    prescribed_bq,
    prescribed_bq_by_logarithm,
)
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen
from controller.clinic.regimen_sections import Bounds
from controller.clinic.text import activity_text
from firmware_interfaces.units import Becquerel

DAYS_PER_YEAR: Final = 365.2425
# The date is 14 hours ahead of UTC in Kiribati: a later date exists nowhere yet.
EARLIEST_DATE: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Case:
    """An order and all that it is judged against."""

    order: Order
    regimen: Regimen
    site: str
    now_utc_ns: int
    simulated: bool

    @property
    def today_at_most(self) -> date:
        """The latest date that it can be anywhere on earth."""
        return (utc_datetime(self.now_utc_ns) + EARLIEST_DATE).date()


Rule = Callable[[Case], Iterator[Problem]]


def check_order(
    order: Order, regimen: Regimen, site: str, now_utc_ns: int, simulated: bool
) -> list[Problem]:
    """Every reason why ``order`` may not be used at ``site`` now; empty if there is none."""
    case = Case(order, regimen, site, now_utc_ns, simulated)
    return [problem for rule in RULES for problem in rule(case)]


def computed_bq(order: Order, regimen: Regimen) -> Becquerel:
    """Compute the regimen's activity for this patient by the order's formula, rounded down."""
    patient = order.patient
    surface = bsa_m2(order.bsa_formula, patient.weight_kg, patient.height_cm)
    return prescribed_bq(regimen.dose.mci_per_m2, surface)


def matches(case: Case) -> Iterator[Problem]:
    """W1, W5: the order is for this site, this regimen and this drug."""
    order, regimen = case.order, case.regimen
    pairs = (
        ("site", order.site, case.site),
        ("regimen", order.regimen, regimen.name),
        ("drug", order.drug, regimen.drug),
    )
    for field, ordered, expected in pairs:
        if ordered != expected:
            yield Problem(field, shown(ordered), f"must be {shown(expected)}")


def bench_only(case: Case) -> Iterator[Problem]:
    """Keep a regimen made for simulated devices from real ones."""
    if case.regimen.simulated_only and not case.simulated:
        yield Problem("regimen", case.order.regimen, "is for simulated devices only")


def decided(case: Case) -> Iterator[Problem]:
    """Keep a regimen with values that nobody has decided from real devices."""
    if not case.simulated:
        for path, who in case.regimen.undecided.items():
            yield Problem(f"regimen {case.regimen.name}", path, f"the {who} has yet to decide it")


def signed_before(case: Case) -> Iterator[Problem]:
    """W2: dated and signed before the administration (10 CFR 35.40(a))."""
    order = case.order
    signed_ns = utc_ns(order.authorized_user.signed_at)
    field, value = "authorized_user.signed_at", order.authorized_user.signed_at.isoformat()
    if signed_ns > case.now_utc_ns:
        yield Problem(field, value, "must not be in the future")
    if signed_ns > utc_ns(order.reference_time):
        yield Problem(field, value, "must not be after reference_time")


def still_valid(case: Case) -> Iterator[Problem]:
    """Refuse an order far from its day: it is asked for again, not used."""
    days = case.regimen.order.days_max
    away = abs(utc_datetime(case.now_utc_ns) - case.order.reference_time)
    if away > timedelta(days=days):
        value = case.order.reference_time.isoformat()
        yield Problem("reference_time", value, f"must be within {days} days of now")


def dates_past(case: Case) -> Iterator[Problem]:
    """Nothing was measured, and nobody born, on a day that has not come yet."""
    patient = case.order.patient
    for field in ("birth_date", "weight_date", "height_date"):
        day: date = getattr(patient, field)
        if day > case.today_at_most:
            yield Problem(f"patient.{field}", day.isoformat(), "must not be in the future")


def measured_lately(case: Case) -> Iterator[Problem]:
    """Weight and height make the dose: each has an age limit at the reference time."""
    patient, limits = case.order.patient, case.regimen.patient
    at = case.order.reference_time.date()
    for field, day, days in (
        ("weight_date", patient.weight_date, limits.weight_days_max),
        ("height_date", patient.height_date, limits.height_days_max),
    ):
        if (at - day).days > days:
            rule = f"must be at most {days} days before reference_time"
            yield Problem(f"patient.{field}", day.isoformat(), rule)


def plausible(case: Case) -> Iterator[Problem]:
    """Age, weight, height, BMI, BSA: 154 lb typed as kg is +48 % dose and still a plausible BSA."""
    order, limits = case.order, case.regimen.patient
    patient = order.patient
    weight, height = patient.weight_kg, patient.height_cm
    age = (order.reference_time.date() - patient.birth_date).days / DAYS_PER_YEAR
    surface = bsa_m2(order.bsa_formula, weight, height)
    rows: tuple[tuple[str, float, Bounds, str], ...] = (
        ("patient.birth_date", age, limits.age_years, "age in years"),
        ("patient.weight_kg", weight, limits.weight_kg, "weight in kg"),
        ("patient.height_cm", height, limits.height_cm, "height in cm"),
        ("patient", bmi_kg_m2(weight, height), limits.bmi_kg_m2, "BMI in kg/m2 (are units right?)"),
        ("patient", surface, limits.bsa_m2, f"BSA in m2 ({order.bsa_formula})"),
    )
    for field, value, bounds, name in rows:
        if not bounds.holds(value):
            yield Problem(field, f"{value:.4g}", f"{name} must be {bounds}")


def computations_agree(case: Case) -> Iterator[Problem]:
    """W6: two independent computations agree, and the order with them (10 CFR 35.41(b)(3))."""
    order, dose = case.order, case.regimen.dose
    patient = order.patient
    first = computed_bq(order, case.regimen)
    second = prescribed_bq_by_logarithm(
        dose.mci_per_m2, order.bsa_formula, patient.weight_kg, patient.height_cm
    )
    if not differs_at_most(first, second, dose.agreement_permille):
        rule = f"second computation gives {activity_text(second)}"
        yield Problem("patient", activity_text(first), rule)
    ordered, formula = order.prescribed_bq, order.bsa_formula
    if order.prescribed_range_bq is None and not differs_at_most(
        ordered, first, dose.agreement_permille
    ):
        rule = (
            f"must agree within {dose.agreement_permille / 10:g} % with {dose.mci_per_m2:g} mCi/m2 "
            f"x BSA ({formula}) = {activity_text(first)}"
        )
        yield Problem("prescribed_mbq", activity_text(ordered), rule)


def range_sensible(case: Case) -> Iterator[Problem]:
    """Hold a prescribed range to the dose, the computed dose and the regimen's width."""
    limits = case.order.prescribed_range_bq
    if limits is None:
        return
    low, high = limits
    ordered, computed = case.order.prescribed_bq, computed_bq(case.order, case.regimen)
    value = f"{activity_text(low)} to {activity_text(high)}"
    for name, activity in (("prescribed_mbq", ordered), ("the computed activity", computed)):
        if not low <= activity <= high:
            rule = f"must contain {name}, {activity_text(activity)}"
            yield Problem("prescribed_range_mbq", value, rule)
    widest = case.regimen.dose.range_percent_max
    if not all(differs_at_most(edge, ordered, 10 * widest) for edge in limits):
        rule = f"must lie within {widest} % of prescribed_mbq"
        yield Problem("prescribed_range_mbq", value, rule)


def infusion_time(case: Case) -> Iterator[Problem]:
    """Hold the duration to what the regimen allows."""
    bounds = case.regimen.infusion.minutes
    if not bounds.holds(case.order.infusion_min):
        yield Problem("infusion_min", f"{case.order.infusion_min:g}", f"must be {bounds} min")


def container_holds(case: Case) -> Iterator[Problem]:
    """Something is left to give once hold-up and line are taken off."""
    order = case.order
    if order.unusable_nl >= order.fill_nl:
        value = f"{order.container.unusable_ml:g}"
        rule = f"must be below fill_ml = {order.container.fill_ml:g}"
        yield Problem("container.unusable_ml", value, rule)
    elif order.dead_volume_nl >= order.fill_nl - order.unusable_nl:
        value = f"{order.line.dead_volume_ml:g}"
        yield Problem("line.dead_volume_ml", value, "must be below what the container can yield")


def dose_number(case: Case) -> Iterator[Problem]:
    """W7: a second dose names the first one's date and falls into the regimen's window."""
    order, window = case.order, case.regimen.second_dose
    first = order.first_dose_date
    if order.dose_number == 1:
        if first is not None:
            yield Problem("first_dose_date", first.isoformat(), "must be absent for dose 1")
    elif window is None:
        yield Problem("dose_number", "2", "the regimen has one dose")
    elif first is None:
        yield Problem("first_dose_date", "absent", "must be given for dose 2")
    elif not window.day_min <= (order.reference_time.date() - first).days <= window.day_max:
        rule = f"must be {window.day_min} to {window.day_max} days before reference_time"
        yield Problem("first_dose_date", first.isoformat(), rule)


RULES: Final[tuple[Rule, ...]] = (
    matches,
    bench_only,
    decided,
    signed_before,
    still_valid,
    dates_past,
    measured_lately,
    plausible,
    computations_agree,
    range_sensible,
    infusion_time,
    container_holds,
    dose_number,
)
