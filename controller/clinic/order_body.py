"""Rules on the patient's numbers: dates, two entries, what is plausible, and the dose made of them.

Each rule is a short pure function that yields problems; a number that cannot be is named with the
slip that it looks like.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Final

from controller.clinic import slips
from controller.clinic.documents import Problem
from controller.clinic.dosing import (
    bmi_kg_m2,
    bsa_m2,
    differs_at_most,
    prescribed_bq,
    prescribed_bq_by_logarithm,
)
from controller.clinic.order import Order
from controller.clinic.order_case import Case, Rule
from controller.clinic.order_parts import Measured, Person
from controller.clinic.regimen import Regimen
from controller.clinic.regimen_sections import Bounds
from controller.clinic.signatures import Signature, two_different_people
from controller.clinic.text import activity_text, number_text
from firmware_interfaces.units import BQ_PER_MBQ, Becquerel, Nanoseconds, as_mbq, scaled_down

DAYS_PER_YEAR: Final = 365.2425


def computed_bq(order: Order, regimen: Regimen) -> Becquerel:
    """Compute the regimen's activity for this patient by the order's formula, rounded down."""
    patient = order.patient
    surface = bsa_m2(order.bsa_formula, patient.weight_kg, patient.height_cm)
    return prescribed_bq(regimen.dose.mci_per_m2, surface)


def dates_past(case: Case) -> Iterator[Problem]:
    """Nothing was measured, and nobody born, on a day that has not come yet or before the birth."""
    patient = case.order.patient
    for field in ("birth_date", "weight_date", "height_date"):
        day: date = getattr(patient, field)
        if day > case.today_at_most:
            yield Problem(f"patient.{field}", day.isoformat(), "must not be in the future")
        elif day < patient.birth_date:
            rule = f"must not be before birth_date, {patient.birth_date.isoformat()}"
            yield Problem(f"patient.{field}", day.isoformat(), rule)


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


def two_entries(case: Case) -> Iterator[Problem]:
    """T7.3: weight and height come from two people who enter the same, before it is signed."""
    entries, patient = case.order.entries, case.order.patient
    if entries is None:
        return
    first, second = entries.first, entries.second
    if not two_different_people(_signed(first.by), _signed(second.by)):
        rule = f"must be another person than the first, {first.by.name}"
        yield Problem("entries.second.by", second.by.name, rule)
    for field, told in (("weight_kg", slips.WEIGHT), ("height_cm", slips.HEIGHT)):
        one, other = getattr(patient, field), getattr(second, field)
        if one != other:
            looks = slips.named(other, told, partial(slips.near, expected=one))
            rule = f"must be as first entered, {one:g}{looks}"
            yield Problem(f"entries.second.{field}", f"{other:g}", rule)
    for field in ("weight_date", "height_date"):
        on, again = getattr(patient, field), getattr(second, field)
        if on != again:
            rule = f"must be as first entered, {on.isoformat()}"
            yield Problem(f"entries.second.{field}", again.isoformat(), rule)


def entered_in_time(case: Case) -> Iterator[Problem]:
    """Weight and height are entered once they were measured, and before the directive is signed.

    Of a cold run, which nobody signs, before its reference time.
    """
    entries, patient = case.order.entries, case.order.patient
    if entries is None:
        return
    measured = max(patient.weight_date, patient.height_date)
    for field, at in (("first", entries.first.at), ("second", entries.second.at)):
        place = f"entries.{field}.at"
        if at > case.order.directed_at:
            last = "reference_time" if case.order.cold_run else "the directive was signed"
            yield Problem(place, at.isoformat(), f"must not be after {last}")
        if at.date() < measured:
            rule = f"must not be before the measurement, {measured.isoformat()}"
            yield Problem(place, at.isoformat(), rule)


def _signed(person: Person) -> Signature:
    return Signature(person.id, person.name, "", "entered weight and height", Nanoseconds(0))


def like_before(case: Case) -> Iterator[Problem]:
    """T7.3: weight and height are compared with the values that were known before."""
    patient, limits = case.order.patient, case.regimen.patient
    entries = case.order.entries
    if entries is None or entries.before is None:
        return
    before = entries.before
    yield from _in_order(before, patient)
    most = limits.weight_change_percent_max
    weight, old = patient.weight_kg, before.weight_kg
    if abs(weight - old) * 100 > most * old:
        looks = slips.named(weight, slips.WEIGHT, lambda kg: abs(kg - old) * 100 <= most * old)
        rule = f"must be within {most:g} % of the {old:g} kg before{looks}"
        yield Problem("patient.weight_kg", f"{weight:g}", rule)
    height, known, change = patient.height_cm, before.height_cm, limits.height_change_cm_max
    if abs(height - known) > change:
        looks = slips.named(height, slips.HEIGHT, lambda cm: abs(cm - known) <= change)
        rule = f"must be within {change:g} cm of the {known:g} cm before{looks}"
        yield Problem("patient.height_cm", f"{height:g}", rule)


def _in_order(before: Measured, now: Measured) -> Iterator[Problem]:
    for field in ("weight_date", "height_date"):
        old, new = getattr(before, field), getattr(now, field)
        if old > new:
            rule = f"must not be after the newer value's, {new.isoformat()}"
            yield Problem(f"entries.before.{field}", old.isoformat(), rule)


def plausible(case: Case) -> Iterator[Problem]:
    """Age, weight, height, BMI, BSA: 154 lb typed as kg is +48 % dose and still a plausible BSA."""
    order, limits = case.order, case.regimen.patient
    patient = order.patient
    weight, height = patient.weight_kg, patient.height_cm
    age = (order.reference_time.date() - patient.birth_date).days / DAYS_PER_YEAR
    surface = bsa_m2(order.bsa_formula, weight, height)
    looks = _looks_like(weight, height, case.regimen)
    rows: tuple[tuple[str, float, Bounds, str, str], ...] = (
        ("patient.birth_date", age, limits.age_years, "age in years", ""),
        ("patient.weight_kg", weight, limits.weight_kg, "weight in kg", looks),
        ("patient.height_cm", height, limits.height_cm, "height in cm", looks),
        ("patient", bmi_kg_m2(weight, height), limits.bmi_kg_m2, "BMI in kg/m2", looks),
        ("patient", surface, limits.bsa_m2, f"BSA in m2 ({order.bsa_formula})", looks),
    )
    for field, value, bounds, name, slip in rows:
        if not bounds.holds(value):
            yield Problem(field, number_text(value, 4), f"{name} must be {bounds}{slip}")


def _looks_like(weight: float, height: float, regimen: Regimen) -> str:
    """Which slip of weight or height would make a plausible body."""
    limits = regimen.patient

    def fits(kg: float, cm: float) -> bool:
        whole = limits.weight_kg.holds(kg) and limits.height_cm.holds(cm)
        return whole and limits.bmi_kg_m2.holds(bmi_kg_m2(kg, cm))

    swapped = "; weight and height look swapped" if fits(height, weight) else ""
    of_weight = slips.named(weight, slips.WEIGHT, lambda kg: fits(kg, height))
    return swapped + of_weight + slips.named(height, slips.HEIGHT, lambda cm: fits(weight, cm))


def computations_agree(case: Case) -> Iterator[Problem]:
    """W6: two computations from two entries agree, and the order with them (35.41(b)(3))."""
    order, dose = case.order, case.regimen.dose
    again: Measured = order.entries.second if order.entries is not None else order.patient
    first = computed_bq(order, case.regimen)
    second = prescribed_bq_by_logarithm(
        dose.mci_per_m2, order.bsa_formula, again.weight_kg, again.height_cm
    )
    if not differs_at_most(first, second, dose.agreement_permille):
        rule = f"second computation gives {activity_text(second)}"
        yield Problem("patient", activity_text(first), rule)
    ordered, formula = order.prescribed_bq, order.bsa_formula
    if order.prescribed_range_bq is None and not differs_at_most(
        ordered, first, dose.agreement_permille
    ):
        meant = partial(slips.near, expected=as_mbq(first))
        looks = slips.named(order.prescribed_mbq, slips.ACTIVITY, meant)
        rule = (
            f"must agree within {dose.agreement_permille / 10:g} % with {dose.mci_per_m2:g} mCi/m2 "
            f"x BSA ({formula}) = {activity_text(first)}{looks}"
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


def within_cap(case: Case) -> Iterator[Problem]:
    """No dose above the regimen's cap, whatever the body surface says."""
    cap = scaled_down(case.regimen.dose.activity_mbq_max, BQ_PER_MBQ)
    ordered = case.order.prescribed_bq
    if ordered > cap:
        rule = f"must be at most {activity_text(cap)}, the regimen's cap"
        yield Problem("prescribed_mbq", activity_text(ordered), rule)


BODY_RULES: Final[tuple[Rule, ...]] = (
    dates_past,
    measured_lately,
    two_entries,
    entered_in_time,
    like_before,
    plausible,
    computations_agree,
    range_sensible,
    within_cap,
)
