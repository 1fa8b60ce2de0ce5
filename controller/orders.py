"""From an order's text to a treatment: every reason to refuse it is found before anything begins.

Knows which regimens and syringes this site has. The rules themselves stand in `controller.clinic`.
"""

from dataclasses import dataclass
from typing import Final

from controller.clinic.documents import Problem, utc_ns
from controller.clinic.earlier import EarlierDose
from controller.clinic.order import Order, OrderError, order_hash, order_json, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_parts import Person
from controller.clinic.order_rules import check_order
from controller.clinic.people import Register
from controller.clinic.regimen import Regimen, RegimenError, regimen_hash
from controller.clinic.signatures import folded
from controller.config import Container, SiteConfig
from controller.core.treatment import SecondPump, Treatment
from controller.device_sections import DulcoFlexSection
from controller.regimens import regimen_of
from controller.surroundings import Loaded
from firmware_interfaces.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that may be used here and now, and the treatment that it asks for."""

    order: Order
    regimen: Regimen
    loaded: Loaded
    treatment: Treatment


def checked_order(
    text: str, site: SiteConfig, now_utc_ns: int, earlier: tuple[EarlierDose, ...] = ()
) -> CheckedOrder:
    """Check the order in ``text`` against regimen and site, and the doses on record here.

    Raises OrderError with every problem.
    """
    order = parse_order(text)
    try:
        regimen, regimen_source = regimen_of(order.regimen, site.regimen)
    except RegimenError as error:
        raise OrderError(error.problems) from error
    simulated = site.site.simulated
    oral = site.directive.oral
    case = Case(order, regimen, site.site.name, now_utc_ns, simulated, earlier, oral)
    problems = check_order(case)
    mounted = next((row for row in site.containers if row.name == order.container.name), None)
    problems += _container_problems(order, site, mounted)
    problems += _profile_problems(order, regimen, site)
    if problems or mounted is None:
        raise OrderError(problems)
    regimen_facts = order.regimen, regimen_source, regimen_hash(regimen_source)
    told = order_json(order), order_hash(order), *regimen_facts
    loaded = Loaded(*told, zone_min=site.zone_min(now_utc_ns), oral=site.directive.oral)
    return CheckedOrder(order, regimen, loaded, _treatment(order, regimen, site, mounted))


def stranger_problems(order: Order, people: Register) -> list[Problem]:
    """Who entered weight and height are people of this site, by id and name."""
    entries = order.entries
    if entries is None:
        return []
    told = (("first", entries.first.by), ("second", entries.second.by))
    return [p for field, person in told for p in _stranger(f"entries.{field}.by", person, people)]


def _stranger(where: str, person: Person, people: Register) -> list[Problem]:
    known = people.find(person.id)
    if known is None or known.disabled:
        return [Problem(f"{where}.id", repr(person.id), "must be somebody of this site")]
    if folded(known.name) != folded(person.name):
        return [Problem(f"{where}.name", repr(person.name), f"must be {known.name}, as {known.id}")]
    return []


def _container_problems(order: Order, site: SiteConfig, mounted: Container | None) -> list[Problem]:
    kind = "vial_vented" if isinstance(site.pump, DulcoFlexSection) else "syringe"
    if order.container.kind != kind:
        rule = f"must be {kind}: this site's pump takes no other"
        return [Problem("container.kind", order.container.kind, rule)]
    if mounted is None:
        field, what = _NAMED[kind]
        return [Problem(field, repr(order.container.name), f"must be {what}")]
    if mounted.size_nl is not None and order.fill_nl > mounted.size_nl:
        rule = f"must be at most the size of a {mounted.name}"
        return [Problem("container.fill_ml", f"{order.container.fill_ml:g}", rule)]
    return []


_NAMED: Final = {
    "syringe": ("container.syringe", "a syringe of the site's catalogue"),
    "vial_vented": ("container.hose", "the hose of the site's pump"),
}


def _profile_problems(order: Order, regimen: Regimen, site: SiteConfig) -> list[Problem]:
    """A batch has one rate: a profile of several cannot be given by a pump that meters batches."""
    parts = len(regimen.infusion.shares)
    if isinstance(site.pump, DulcoFlexSection) and parts > 1:
        rule = f"has {parts} rates; this site's pump gives a dose at one"
        return [Problem("regimen", order.regimen, rule)]
    return []


def _treatment(order: Order, regimen: Regimen, site: SiteConfig, mounted: Container) -> Treatment:
    low_bq, high_bq = order.prescribed_range_bq or (0, 0)
    return Treatment(
        order_id=order.order_id,
        patient_id=order.patient.id,
        drug=order.drug,
        nuclide=order.nuclide,
        half_life_ms=regimen.half_life.ms,
        prescribed_bq=order.prescribed_bq,
        range_low_bq=low_bq,
        range_high_bq=high_bq,
        administer=order.administer.value,
        syringe=mounted.name,
        diameter_um=mounted.diameter_um,
        fill_nl=order.fill_nl,
        unusable_nl=order.unusable_nl,
        line_dead_nl=order.dead_volume_nl,
        primed_with=order.line.primed_with.value,
        duration_ns=order.infusion_ns,
        profile=regimen.infusion.shares,
        flush_method=site.flush.method,
        flush_volume_nl=site.flush.volume_nl(order.dead_volume_nl),
        trigger=site.pump.trigger,
        watchdog_ns=site.pump.watchdog_s * NS_PER_S,
        authorized_user=order.authorized_user.name,
        ordered_utc_ns=utc_ns(order.directed_at),
        second=_second_pump(site),
        cold=order.cold_run,
    )


def _second_pump(site: SiteConfig) -> SecondPump | None:
    section = site.flush_pump
    if section is None:
        return None
    watchdog_ns = section.watchdog_s * NS_PER_S
    return SecondPump(watchdog_ns, section.trigger, site.flush.kvo_ul_h, site.flush.kvo_nl)
