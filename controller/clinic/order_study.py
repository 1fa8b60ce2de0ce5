"""Rules of the study: its centres, who is eligible, and when a patient may have another dose.

What the study asks stands in the regimen; nothing of any one study stands here.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from controller.clinic.documents import Problem, shown, utc_datetime
from controller.clinic.earlier import EarlierDose
from controller.clinic.order_case import Case, Rule
from controller.clinic.text import activity_text
from firmware_interfaces.units import BQ_PER_MBQ, scaled_down


def listed_centre(case: Case) -> Iterator[Problem]:
    """Where the regimen lists the study's centres, the order's site is one of them."""
    study = case.regimen.study
    if study.centres and case.order.site not in study.centres:
        rule = f"must be a centre of {study.register_id}: {', '.join(study.centres)}"
        yield Problem("site", shown(case.order.site), rule)


def eligible(case: Case) -> Iterator[Problem]:
    """W8: the indication belongs to an open cohort, and what that asks for was tried before."""
    told = case.order.eligibility
    if told is None:
        return
    field, cohort = "eligibility.indication", case.regimen.cohort_of(told.indication)
    if cohort is None:
        known = ", ".join(n for one in case.regimen.cohort.values() for n in one.indications)
        yield Problem(field, shown(told.indication), f"must be one of {known}")
        return
    if not cohort.open:
        yield Problem(field, told.indication, f"{cohort.name} is planned and not open")
    if told.prior_lines < cohort.prior_lines_min:
        rule = f"must be at least {cohort.prior_lines_min} for {cohort.name}"
        yield Problem("eligibility.prior_lines", str(told.prior_lines), rule)
    for asked in cohort.prior_classes:
        if asked not in told.prior_classes:
            value = ", ".join(told.prior_classes) or "none"
            yield Problem(
                "eligibility.prior_classes", value, f"must hold {asked} for {cohort.name}"
            )


def lines_hold_classes(case: Case) -> Iterator[Problem]:
    """Cross-check: what was given before was given in at least one line of therapy."""
    told = case.order.eligibility
    if told is not None and told.prior_classes and told.prior_lines == 0:
        rule = f"must be at least 1: {', '.join(told.prior_classes)} was given"
        yield Problem("eligibility.prior_lines", "0", rule)


def dose_number(case: Case) -> Iterator[Problem]:
    """W7a: a second dose names the first one's date and falls into the regimen's window."""
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


def counted(case: Case) -> Iterator[Problem]:
    """W7: the number of the dose is one more than the records of this patient show."""
    number, doses = case.order.dose_number, case.same_drug
    if len(doses) >= number:
        given = ", ".join(f"{dose.session} on {_day(case, dose)}" for dose in doses)
        yield Problem("dose_number", str(number), f"this patient has had {given}")


def long_enough_ago(case: Case) -> Iterator[Problem]:
    """Between two doses of a patient, of whatever drug and number, lie the regimen's days."""
    days = case.regimen.dose.interval_days_min
    for dose in case.doses[-1:]:
        since = (case.order.reference_time.date() - _day(case, dose)).days
        if since < days:
            rule = f"must be at least {days} days after {dose.session} on {_day(case, dose)}"
            yield Problem("reference_time", f"{since} days", rule)


def first_dose_proven(case: Case) -> Iterator[Problem]:
    """W7: the first dose stands in a record of this patient, on the day that the order names."""
    order = case.order
    told = order.second_dose
    if order.dose_number == 1:
        if told is not None:
            yield Problem("second_dose", told.first_session, "must be absent for dose 1")
        return
    if told is None:
        yield Problem("second_dose", "absent", "must be given for dose 2")
        return
    if case.earlier is None:
        return
    record = next((dose for dose in case.same_drug if dose.session == told.first_session), None)
    if record is None:
        rule = "must be the session of a dose of this patient that is on record here"
        yield Problem("second_dose.first_session", told.first_session, rule)
    elif order.first_dose_date is not None and _day(case, record) != order.first_dose_date:
        rule = f"must be the day of {record.session}, {_day(case, record)}"
        yield Problem("first_dose_date", order.first_dose_date.isoformat(), rule)


def assessed(case: Case) -> Iterator[Problem]:
    """W7: a physician assessed the patient after the first dose, and not long ago."""
    order, window, told = case.order, case.regimen.second_dose, case.order.second_dose
    if told is None or window is None:
        return
    field, value = "second_dose.assessed_on", told.assessed_on.isoformat()
    if told.assessed_on > case.today_at_most:
        yield Problem(field, value, "must not be in the future")
    if order.first_dose_date is not None and told.assessed_on <= order.first_dose_date:
        yield Problem(field, value, "must be after the first dose")
    if (order.reference_time.date() - told.assessed_on).days > window.assessment_days_max:
        rule = f"must be at most {window.assessment_days_max} days before reference_time"
        yield Problem(field, value, rule)


def cumulative(case: Case) -> Iterator[Problem]:
    """W7: what was given before and what is ordered stay together within the regimen's cap."""
    window = case.regimen.second_dose
    if window is None or not case.same_drug:
        return
    given = sum(dose.given_bq for dose in case.same_drug)
    cap = scaled_down(window.cumulative_mbq_max, BQ_PER_MBQ)
    if given + case.order.prescribed_bq > cap:
        rule = f"with {activity_text(given)} given before must be at most {activity_text(cap)}"
        yield Problem("prescribed_mbq", activity_text(case.order.prescribed_bq), rule)


def _day(case: Case, dose: EarlierDose) -> date:
    """The day of a dose, by the clock that the order's reference time is told in."""
    return utc_datetime(dose.started_utc_ns).astimezone(case.order.reference_time.tzinfo).date()


STUDY_RULES: Final[tuple[Rule, ...]] = (
    listed_centre,
    eligible,
    lines_hold_classes,
    dose_number,
    counted,
    long_enough_ago,
    first_dose_proven,
    assessed,
    cumulative,
)
