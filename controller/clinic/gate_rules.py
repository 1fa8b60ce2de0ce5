"""Does an answer open its gate? Each rule is a short pure function that yields problems.

A problem's field names the gate and what of its answer, its value what was answered, its rule what
the regimen or the order asks for. Limits are the regimen's; nothing here reads a clock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from controller.clinic import answers as a
from controller.clinic import slips
from controller.clinic.documents import Problem, shown
from controller.clinic.dosing import differs_at_most
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen
from controller.clinic.regimen_sections import Companion, LaboratoryLimit
from controller.clinic.text import activity_text, number_text
from firmware_interfaces.units import BQ_PER_MBQ, BQ_PER_MCI, as_mbq, scaled_near

UNIT_BQ: Final = {"MBq": BQ_PER_MBQ, "mCi": BQ_PER_MCI, "GBq": 1000 * BQ_PER_MBQ}
LABORATORY_SLIPS: Final = (
    slips.Slip(1000.0, "looks like a value per nL (10^9/L), x1000"),
    slips.Slip(0.001, "looks like a value of a unit 1000 times smaller"),
    slips.Slip(0.1, "looks like a value per L typed per dL, x10"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One order, its regimen and the answers so far, at ``now`` in the site's own zone.

    ``thaw_from`` is when everything before the thaw was in order for the first time.
    """

    regimen: Regimen
    order: Order
    answers: a.Answers
    now: datetime
    thaw_from: datetime | None = None

    @property
    def end(self) -> datetime:
        """When the infusion would end if it began now."""
        return self.now + timedelta(minutes=self.order.infusion_min)

    @property
    def companions(self) -> tuple[Companion, ...]:
        """The drugs that the patient's cohort asks for."""
        told = self.order.eligibility
        cohort = None if told is None else self.regimen.cohort_of(told.indication)
        return () if cohort is None else cohort.companion

    def past(self, at: datetime, where: str) -> Iterator[Problem]:
        """Refuse a time that has not come yet."""
        if at > self.now:
            yield Problem(where, at.isoformat(), "must not be in the future")

    def day(self, at: datetime) -> date:
        """The site's date of a time."""
        return at.astimezone(self.now.tzinfo).date()


Rule = Callable[[Asked, Any], Iterator[Problem]]
"""What judges an answer of one kind; a gate without an answer is closed without a rule."""


def _equal(where: str, pairs: tuple[tuple[str, str, str], ...]) -> Iterator[Problem]:
    for name, told, expected in pairs:
        if told != expected:
            yield Problem(f"{where}.{name}", shown(told), f"must be {shown(expected)}")


# --- before thaw ---------------------------------------------------------------------------------


def dose_order_agrees(asked: Asked, told: a.DoseOrder) -> Iterator[Problem]:
    """W5: the pharmacy's order says what the directive says."""
    order = asked.order
    yield from _equal(
        "dose_order",
        (
            ("order_id", told.order_id, order.order_id),
            ("patient_id", told.patient_id, order.patient.id),
            ("drug", told.drug, order.drug),
            ("nuclide", told.nuclide, order.nuclide),
            ("route", told.route, order.route),
        ),
    )
    activity_bq, prescribed = scaled_near(told.activity, UNIT_BQ[told.unit]), order.prescribed_bq
    if not differs_at_most(activity_bq, prescribed, asked.regimen.dose.agreement_permille):
        meant = partial(slips.near, expected=as_mbq(prescribed))
        looks = slips.named(activity_bq / BQ_PER_MBQ, slips.ACTIVITY, meant)
        rule = f"must be the directive's {activity_text(prescribed)}{looks}"
        yield Problem("dose_order.activity", activity_text(activity_bq), rule)


def consented(asked: Asked, told: a.ConsentGiven) -> Iterator[Problem]:
    """The patient has signed a consent form that the study uses (21 CFR 50.27)."""
    versions = asked.regimen.consent.versions
    yield from asked.past(told.signed_at, "consent.signed_at")
    if versions and told.version not in versions:
        rule = f"must be one of {', '.join(versions)}"
        yield Problem("consent.version", shown(told.version), rule)


def not_pregnant(asked: Asked, told: a.PregnancyTold) -> Iterator[Problem]:
    """I4: no pregnancy is possible, or a recent test of the right kind is negative."""
    rule = asked.regimen.pregnancy
    if told.result not in (None, "negative"):
        yield Problem("pregnancy.result", str(told.result), "must be negative")
    if told.breast_feeding == "yes":
        yield Problem("pregnancy.breast_feeding", "yes", "must have stopped for this child")
    if not told.possible:
        if told.why_not is None:
            yield Problem("pregnancy.why_not", "absent", "must say why a pregnancy is not possible")
        return
    if told.test is None or told.result is None or told.taken_at is None:
        needed = f"must be a {rule.test} test with result and time"
        yield Problem("pregnancy.test", "absent", needed)
        return
    if rule.test == "serum" and told.test != "serum":
        yield Problem("pregnancy.test", told.test, "must be a serum test")
    yield from asked.past(told.taken_at, "pregnancy.taken_at")
    if asked.now - told.taken_at > timedelta(hours=rule.test_hours_max):
        old = f"must be at most {rule.test_hours_max} h old"
        yield Problem("pregnancy.taken_at", told.taken_at.isoformat(), old)


def thyroid_blocked(asked: Asked, told: a.BlockStarted) -> Iterator[Problem]:
    """I5: the thyroid has been blocked for long enough, and will be for long enough."""
    rule = asked.regimen.thyroid_block
    assert rule is not None, "the gate stands only where the regimen has a block"
    since, at = asked.now - told.started_at, told.started_at.isoformat()
    if since < timedelta(hours=rule.hours_before_min):
        least = f"must be at least {rule.hours_before_min} h ago"
        yield Problem("thyroid_block.started_at", at, least)
    if since > timedelta(days=rule.days_before_max):
        most = f"must be at most {rule.days_before_max} days ago"
        yield Problem("thyroid_block.started_at", at, most)
    if told.days_after < rule.days_after_min:
        days = f"must be at least {rule.days_after_min} days after the dose"
        yield Problem("thyroid_block.days_after", str(told.days_after), days)
    if told.agent not in rule.agents:
        agents = f"must be one of {', '.join(rule.agents)}"
        yield Problem("thyroid_block.agent", shown(told.agent), agents)


def laboratory_fine(asked: Asked, told: a.LaboratoryValues) -> Iterator[Problem]:
    """Every value that the regimen asks for is there, recent, in its unit and within its limits."""
    limits = asked.regimen.laboratory
    for name in sorted(told.values.keys() - limits.keys()):
        known = ", ".join(limits)
        yield Problem(f"laboratory.{name}", "present", f"must be one of {known}")
    for name, limit in limits.items():
        value = told.values.get(name)
        if value is None:
            yield Problem(f"laboratory.{name}", "absent", f"must be given in {limit.unit}")
        else:
            yield from _value_fine(asked, f"laboratory.{name}", value, limit)


def _value_fine(
    asked: Asked, where: str, told: a.LaboratoryValue, limit: LaboratoryLimit
) -> Iterator[Problem]:
    value = f"{number_text(told.value)} {told.unit}"
    if told.unit != limit.unit:
        yield Problem(where, value, f"must be in {limit.unit}")
        return
    if not limit.plausible.holds(told.value):
        looks = slips.named(told.value, LABORATORY_SLIPS, limit.plausible.holds)
        yield Problem(where, value, f"can only be {limit.plausible} {limit.unit}{looks}")
    if limit.min is not None and told.value < limit.min:
        yield Problem(where, value, f"must be at least {number_text(limit.min)} {limit.unit}")
    if limit.max is not None and told.value > limit.max:
        yield Problem(where, value, f"must be at most {number_text(limit.max)} {limit.unit}")
    yield from asked.past(told.taken_at, f"{where}.taken_at")
    if (asked.day(asked.now) - asked.day(told.taken_at)).days > limit.days_max:
        rule = f"must be at most {limit.days_max} days old"
        yield Problem(f"{where}.taken_at", told.taken_at.isoformat(), rule)


def companions_given(asked: Asked, told: a.CompanionsGiven) -> Iterator[Problem]:
    """Each drug that the cohort asks for is given, in its dose and by its route, and not longer."""
    given = {one.drug: one for one in told.given}
    for rule in asked.companions:
        one = given.get(rule.drug)
        where = f"companion.{rule.drug}"
        if one is None:
            text = f"must be given: {rule.dose_mg:g} mg {rule.route}, every {rule.every_days} days"
            yield Problem(where, "absent", text)
            continue
        if one.dose_mg != rule.dose_mg:
            yield Problem(where, f"{one.dose_mg:g} mg", f"must be {rule.dose_mg:g} mg")
        yield from _equal(where, (("route", one.route, rule.route),))
        days, day = (asked.day(asked.now) - one.first_on).days, one.first_on.isoformat()
        if days < 0:
            yield Problem(f"{where}.first_on", day, "must not be in the future")
        if days >= 7 * rule.weeks_max:
            most = f"must be less than {rule.weeks_max} weeks ago"
            yield Problem(f"{where}.first_on", day, most)


def constancy_today(asked: Asked, told: a.ConstancyMeasured) -> Iterator[Problem]:
    """A2: the check source was measured today and is where it should be."""
    yield from asked.past(told.measured_at, "constancy.measured_at")
    if asked.day(told.measured_at) != asked.day(asked.now):
        value = told.measured_at.isoformat()
        yield Problem("constancy.measured_at", value, "must be of today")
    yield from _within(told, asked.regimen.constancy.ask_permille, "constancy")


def constancy_limit(asked: Asked, told: a.ConstancyMeasured) -> Iterator[Problem]:
    """A2: beyond this nobody may answer for the calibrator."""
    yield from _within(told, asked.regimen.constancy.block_permille, "constancy_limit")


def _within(told: a.ConstancyMeasured, permille: int, where: str) -> Iterator[Problem]:
    if abs(Decimal(repr(told.deviation_percent))) * 10 > permille:
        rule = f"must be within {permille / 10:g} %"
        yield Problem(f"{where}.deviation_percent", f"{told.deviation_percent:g}", rule)


def ticked(place: str) -> Rule:
    """The rule of a place's checklist: every item of it was confirmed."""

    def rule(asked: Asked, told: a.Ticked) -> Iterator[Problem]:
        name = f"checklist_{place}"
        for item in asked.regimen.checklist:
            if item.place == place and item.id not in told.done:
                yield Problem(f"{name}.{item.id}", "not confirmed", item.text)

    rule.__doc__ = f"Every item of the checklist {place} is confirmed."
    return rule
