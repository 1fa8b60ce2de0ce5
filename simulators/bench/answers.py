"""What people of a bench answer at the gates where all is as it should be.

Made of the order, its regimen and the time by the clock on the wall; it asks no gate.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from controller.clinic.order import Order
from controller.clinic.regimen import Regimen
from controller.clinic.scans import CHECK_TEXT, Label, own_label

LOT: Final = "L-778"
Answer = dict[str, Any]


def good_answer(question: str, order: Order, regimen: Regimen, now: datetime) -> Answer:
    """The answer to a question, in JSON's own types. Raises KeyError for no question."""
    return ANSWERS[question](order, regimen, now)


def label(order: Order, lot: str = LOT, drug: str = "") -> str:
    """The label of the syringe, as the hot lab prints it."""
    return own_label(
        Label(
            order_id=order.order_id,
            patient_id=order.patient.id,
            drug=drug or order.drug,
            nuclide=order.nuclide,
            lot=lot,
        )
    )


def _ago(now: datetime, **time: float) -> str:
    return (now - timedelta(**time)).isoformat()


def _dose_order(order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {
        "order_id": order.order_id,
        "patient_id": order.patient.id,
        "drug": order.drug,
        "nuclide": order.nuclide,
        "route": order.route,
        "activity": order.prescribed_mbq,
        "unit": "MBq",
    }


def _consent(_order: Order, regimen: Regimen, now: datetime) -> Answer:
    versions = regimen.consent.versions
    return {"version": versions[-1] if versions else "1", "signed_at": _ago(now, days=10)}


def _pregnancy(_order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"possible": False, "why_not": "postmenopausal", "breast_feeding": "no"}


def _thyroid_block(_order: Order, regimen: Regimen, now: datetime) -> Answer:
    rule = regimen.thyroid_block
    assert rule is not None
    return {
        "agent": rule.agents[0],
        "started_at": _ago(now, hours=rule.hours_before_min + 6),
        "days_after": rule.days_after_min,
    }


def _laboratory(_order: Order, regimen: Regimen, now: datetime) -> Answer:
    values = {}
    for name, limit in regimen.laboratory.items():
        low = limit.plausible.min if limit.min is None else limit.min
        high = limit.plausible.max if limit.max is None else limit.max
        middle = low + (min(high, 2 * low) - low) / 2
        values[name] = {"value": middle, "unit": limit.unit, "taken_at": _ago(now, days=1)}
    return {"values": values}


def _companion(order: Order, regimen: Regimen, now: datetime) -> Answer:
    assert order.eligibility is not None
    cohort = regimen.cohort_of(order.eligibility.indication)
    given = [] if cohort is None else cohort.companion
    first_on = (now - timedelta(days=1)).date().isoformat()
    return {
        "given": [
            {"drug": one.drug, "dose_mg": one.dose_mg, "route": one.route, "first_on": first_on}
            for one in given
        ]
    }


def _constancy(_order: Order, _regimen: Regimen, now: datetime) -> Answer:
    return {"measured_at": now.isoformat(), "deviation_percent": -1.2}


def _ticked(place: str) -> Callable[[Order, Regimen, datetime], Answer]:
    def told(_order: Order, regimen: Regimen, _now: datetime) -> Answer:
        return {"done": [item.id for item in regimen.checklist if item.place == place]}

    return told


def _check_barcode(_order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"scan": CHECK_TEXT}


def _vial(order: Order, _regimen: Regimen, now: datetime) -> Answer:
    scan = own_label(Label(drug=order.drug, nuclide=order.nuclide, lot=LOT))
    expires_at = _ago(now, days=-2)
    return {"scan": scan, "expires_at": expires_at, "vials_expected": 1, "vials_here": 1}


def _thaw(_order: Order, _regimen: Regimen, now: datetime) -> Answer:
    return {"started_at": now.isoformat()}


def _label(order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"scan": label(order)}


def _shield_label(_order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"container": True, "shield": True}


def _wristband(order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    patient = order.patient
    return {"scan": patient.id, "stated_birth_date": patient.birth_date.isoformat()}


def _site_seen(_order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"where": "cephalic vein", "side": "left", "access": "peripheral", "sound": True}


def _shield(_order: Order, _regimen: Regimen, _now: datetime) -> Answer:
    return {"in_place": True}


ANSWERS: Final[Mapping[str, Callable[[Order, Regimen, datetime], Answer]]] = {
    "dose_order": _dose_order,
    "consent": _consent,
    "pregnancy": _pregnancy,
    "thyroid_block": _thyroid_block,
    "laboratory": _laboratory,
    "companion": _companion,
    "constancy": _constancy,
    "checklist_before_thaw": _ticked("before_thaw"),
    "scanner_hot_lab": _check_barcode,
    "vial": _vial,
    "thaw": _thaw,
    "dose_label": _label,
    "shield_label": _shield_label,
    "checklist_hot_lab": _ticked("hot_lab"),
    "scanner_bedside": _check_barcode,
    "wristband": _wristband,
    "dose_again": _label,
    "site_seen": _site_seen,
    "shield": _shield,
    "checklist_bedside": _ticked("bedside"),
}
