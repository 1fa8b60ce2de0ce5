"""May this order be used here and now? Each rule is a short pure function that yields problems.

The caller brings the regimen, the site's name, the time and the patient's earlier doses; nothing
here reads a clock. The patient's numbers are judged in ``order_body``, the study's rules in
``order_study``.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from controller.clinic.directive import ORAL_HOURS
from controller.clinic.documents import Problem, shown, utc_datetime
from controller.clinic.order_body import BODY_RULES
from controller.clinic.order_case import Case, Rule
from controller.clinic.order_study import STUDY_RULES

SCHEMA: Final = 2


def check_order(case: Case) -> list[Problem]:
    """Every reason why the case's order may not be used now; empty if there is none."""
    return [problem for rule in RULES for problem in rule(case)]


def written_today(case: Case) -> Iterator[Problem]:
    """Take no new order of an earlier schema: it lacks what the rules below ask for."""
    found = case.order.schema_version
    if found != SCHEMA:
        yield Problem("schema", str(found), f"must be {SCHEMA}: kept orders are read, not used")


def matches(case: Case) -> Iterator[Problem]:
    """W1: the order is for this site, this regimen and this drug."""
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
    if order.cold_run:
        return
    oral = order.oral is not None
    field = "oral.directed_at" if oral else "authorized_user.signed_at"
    if order.directed_at > utc_datetime(case.now_utc_ns):
        yield Problem(field, order.directed_at.isoformat(), "must not be in the future")
    if order.directed_at > order.reference_time:
        yield Problem(field, order.directed_at.isoformat(), "must not be after reference_time")


def oral_in_time(case: Case) -> Iterator[Problem]:
    """W4: an oral directive needs a site that takes them, and is written within 48 h."""
    oral = case.order.oral
    if oral is None:
        return
    if not case.oral:
        yield Problem("oral", shown(oral.emergency), "this site takes written directives only")
    at = oral.directed_at
    signed = case.order.authorized_user.signed_at
    if signed is not None and signed < at:
        yield Problem("authorized_user.signed_at", signed.isoformat(), "must be after it was said")
    if (signed or utc_datetime(case.now_utc_ns)) - at > timedelta(hours=ORAL_HOURS):
        rule = f"must be written and signed within {ORAL_HOURS} h (10 CFR 35.40(a)(1))"
        yield Problem("oral.directed_at", at.isoformat(), rule)


def still_valid(case: Case) -> Iterator[Problem]:
    """Refuse an order far from its day: it is asked for again, not used."""
    days = case.regimen.order.days_max
    away = abs(utc_datetime(case.now_utc_ns) - case.order.reference_time)
    if away > timedelta(days=days):
        value = case.order.reference_time.isoformat()
        yield Problem("reference_time", value, f"must be within {days} days of now")


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


RULES: Final[tuple[Rule, ...]] = (
    written_today,
    matches,
    bench_only,
    decided,
    signed_before,
    oral_in_time,
    still_valid,
    infusion_time,
    container_holds,
    *BODY_RULES,
    *STUDY_RULES,
)
