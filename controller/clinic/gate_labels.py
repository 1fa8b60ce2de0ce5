"""Do vial, syringe and patient belong to this order? Rules on what was scanned and read.

Four facts must be had of a label, by its barcode or by a person's eyes: drug, nuclide, lot and,
on a syringe, the patient. Where both tell one, both must tell the same.
"""

from collections.abc import Iterator
from datetime import timedelta

from controller.clinic import answers as a
from controller.clinic.documents import Problem, shown
from controller.clinic.gate_rules import Asked, Rule
from controller.clinic.scans import Label, ScanError, layout_problem, read_scan
from controller.clinic.signatures import folded


def layout_right(place: str) -> Rule:
    """The rule of a place's scanner: what it types is what was printed."""

    def rule(_: Asked, told: a.LayoutChecked) -> Iterator[Problem]:
        found = layout_problem(told.scan)
        if found is not None:
            yield _at(f"scanner_{place}", found)

    rule.__doc__ = f"The check barcode comes through the scanner of the {place} as it is printed."
    return rule


def vial_matches(asked: Asked, told: a.VialRead) -> Iterator[Problem]:
    """The vial holds the drug and the nuclide of the order (incident classes 10 and 11)."""
    yield from _drug_matches(asked, "vial", told)
    yield from _lot_matches("vial", told, "")


def vials_counted(_: Asked, told: a.VialRead) -> Iterator[Problem]:
    """All vials of the dose are here (incident class 13: one was left behind)."""
    if told.vials_here != told.vials_expected:
        yield Problem("vials.vials_here", str(told.vials_here), f"must be {told.vials_expected}")


def not_expired(asked: Asked, told: a.VialRead) -> Iterator[Problem]:
    """The drug does not expire before the infusion would end, and the label says the same day."""
    if told.expires_at < asked.end:
        rule = f"must not be before the infusion's end, {asked.end.isoformat(timespec='seconds')}"
        yield Problem("expiry.expires_at", told.expires_at.isoformat(), rule)
    label = _read(told.scan)
    if isinstance(label, Problem):
        return
    on = label.expires.date() if label.expires is not None else label.expires_on
    if on is not None and on != asked.day(told.expires_at):
        value = told.expires_at.isoformat()
        yield Problem("expiry.expires_at", value, f"must be on {on.isoformat()} as the label says")


def thawed_in_time(asked: Asked, told: a.Thawed) -> Iterator[Problem]:
    """The vial has thawed for long enough, and is used up before it has stood for too long."""
    product = asked.regimen.product
    at = told.started_at
    yield from asked.past(at, "thaw.started_at")
    if asked.now - at < timedelta(minutes=product.thaw_min):
        rule = f"must be at least {product.thaw_min:g} min ago"
        yield Problem("thaw.started_at", at.isoformat(), rule)
    if asked.end - at > timedelta(minutes=product.use_within_min):
        rule = f"must be at most {product.use_within_min:g} min before the infusion's end"
        yield Problem("thaw.started_at", at.isoformat(), rule)


def thawed_after(asked: Asked, told: a.Thawed) -> Iterator[Problem]:
    """Nothing is thawed before everything that is asked before the thaw was in order."""
    first = asked.thaw_from
    if first is not None and told.started_at < first:
        rule = f"must not be before {first.isoformat(timespec='seconds')}, when it was cleared"
        yield Problem("thaw_cleared.started_at", told.started_at.isoformat(), rule)


def dose_matches(asked: Asked, told: a.LabelRead) -> Iterator[Problem]:
    """The label of syringe or vial names drug, nuclide, the vial's lot and the order's patient."""
    yield from _dose(asked, "dose_label", told)


def dose_still_matches(asked: Asked, told: a.LabelRead) -> Iterator[Problem]:
    """At the bedside it is the dose that was labelled in the hot lab, and this patient's."""
    yield from _dose(asked, "dose_again", told)
    first = asked.answers.of("dose_label", a.LabelRead)
    if first is not None and told.scan != first.scan:
        rule = f"must be the label of the hot lab, {shown(first.scan)}"
        yield Problem("dose_again.scan", shown(told.scan), rule)


def labelled(_: Asked, told: a.ShieldLabelled) -> Iterator[Problem]:
    """Syringe and shield bear a label (10 CFR 35.69)."""
    for name in ("container", "shield"):
        if not getattr(told, name):
            yield Problem(f"shield_label.{name}", "false", "must bear a label (10 CFR 35.69)")


def patient_is_right(asked: Asked, told: a.WristbandRead) -> Iterator[Problem]:
    """I1: the wristband and something that the patient says both name the order's patient."""
    patient = asked.order.patient
    label = _read(told.scan)
    if isinstance(label, Problem):
        yield _at("wristband", label)
    elif label.order_id or label.drug or label.lot or label.gtin:
        yield Problem("wristband.scan", shown(told.scan), "is a drug's label: scan the wristband")
    elif patient.id != (label.plain or label.patient_id):
        seen = label.plain or label.patient_id or "no patient"
        yield Problem("wristband.scan", shown(seen), f"must be {shown(patient.id)}")
    name, birth = told.stated_name, told.stated_birth_date
    if name is None and birth is None:
        rule = "a second identifier: the patient says the name or the date of birth"
        yield Problem("wristband.stated_birth_date", "absent", rule)
    if name is not None and folded(name) != folded(patient.name):
        yield Problem("wristband.stated_name", shown(name), f"must be {shown(patient.name)}")
    if birth is not None and birth != patient.birth_date:
        rule = f"must be {patient.birth_date.isoformat()}"
        yield Problem("wristband.stated_birth_date", birth.isoformat(), rule)


def site_sound(_: Asked, told: a.SiteSeen) -> Iterator[Problem]:
    """Somebody has looked at the infusion's site, and it is sound."""
    if not told.sound:
        value = told.remark or "not sound"
        yield Problem("site_seen.sound", shown(value), "must be sound: choose another site")


def shielded(_: Asked, told: a.ShieldPlaced) -> Iterator[Problem]:
    """The shield is in place."""
    if not told.in_place:
        yield Problem("shield.in_place", "false", "must be in place before the dose is mounted")


def _dose(asked: Asked, where: str, told: a.LabelRead) -> Iterator[Problem]:
    yield from _drug_matches(asked, where, told)
    label = _read(told.scan)
    if isinstance(label, Problem):
        return
    vial, patient = asked.answers.of("vial", a.VialRead), asked.order.patient
    yield from _lot_matches(where, told, "" if vial is None else lot_of(vial))
    yield from _fact(where, "patient_id", label.patient_id, told.patient_id, patient.id)
    order_id = asked.order.order_id
    for name, value in (("order_id", label.order_id), ("scan", label.plain)):
        if value not in ("", order_id):
            yield Problem(f"{where}.{name}", shown(value), f"must be {shown(order_id)}")


def _lot_matches(where: str, told: a.LabelRead, expected: str) -> Iterator[Problem]:
    """A lot is named, by barcode and eye alike, and is the one that is expected, if any is."""
    label = _read(told.scan)
    if isinstance(label, Label):
        yield from _fact(where, "lot", label.lot, told.lot, expected or lot_of(told))


def lot_of(told: a.LabelRead) -> str:
    """The lot of a label: by its barcode, else as it was read."""
    label = _read(told.scan)
    return (label.lot if isinstance(label, Label) else "") or told.lot or ""


def _drug_matches(asked: Asked, where: str, told: a.LabelRead) -> Iterator[Problem]:
    label, order = _read(told.scan), asked.order
    if isinstance(label, Problem):
        yield _at(where, label)
        return
    known = asked.regimen.product.gtins
    ours = label.gtin in known
    if label.gtin and known and not ours:
        rule = f"must be one of {asked.regimen.drug}: {', '.join(known)}"
        yield Problem(f"{where}.gtin", label.gtin, rule)
    drug = asked.regimen.drug if ours else label.drug
    nuclide = asked.regimen.nuclide if ours else label.nuclide
    yield from _fact(where, "drug", drug, told.drug, order.drug)
    yield from _fact(where, "nuclide", nuclide, told.nuclide, order.nuclide)


def _fact(
    where: str, name: str, scanned: str, read: str | None, expected: str
) -> Iterator[Problem]:
    """One fact of a label: by barcode, by eye, or by both; what is told is what is expected."""
    told = [one for one in (scanned, read) if one]
    if not told:
        rule = "must be read on the label: its barcode does not say"
        yield Problem(f"{where}.{name}", "absent", rule)
    for one in dict.fromkeys(told):
        if one != expected:
            yield Problem(f"{where}.{name}", shown(one), f"must be {shown(expected)}")


def _read(scan: str) -> Label | Problem:
    try:
        return read_scan(scan)
    except ScanError as error:
        return error.problem


def _at(where: str, found: Problem) -> Problem:
    return Problem(f"{where}.{found.field}", found.value, found.rule)
