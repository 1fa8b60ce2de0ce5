"""Every gate answered well for the example order: what each test of a gate spoils one part of."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from controller.clinic.answers import ANSWERS, Answers, Given, Override
from controller.clinic.documents import utc_ns
from controller.clinic.scans import CHECK_TEXT, Label, own_label
from controller.clinic.signatures import Signature

NOW: Final = datetime.fromisoformat("2025-11-20T14:50:00-06:00")
"""Ten minutes before the example's reference time, by the site's clock."""
LABEL: Final = own_label(
    Label(
        order_id="WD-2025-0131",
        patient_id="C131-0042",
        drug="CLR 131",
        nuclide="I-131",
        lot="L-778",
    )
)
VIAL: Final = own_label(Label(drug="CLR 131", nuclide="I-131", lot="L-778"))


def ago(**time: float) -> datetime:
    """A time before now."""
    return NOW - timedelta(**time)


def signed(role: str = "technician", at: datetime = NOW, name: str = "Anna Berger") -> Signature:
    """A signature at the gates."""
    return Signature("ab", name, role, "answered", utc_ns(at))


def _value(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "taken_at": ago(days=2)}


GOOD: Final[Mapping[str, dict[str, Any]]] = {
    "dose_order": {
        "order_id": "WD-2025-0131",
        "patient_id": "C131-0042",
        "drug": "CLR 131",
        "nuclide": "I-131",
        "route": "intravenous",
        "activity": 45.45,
        "unit": "mCi",
    },
    "consent": {"version": "3", "signed_at": ago(days=10)},
    "pregnancy": {"possible": False, "why_not": "postmenopausal", "breast_feeding": "no"},
    "thyroid_block": {"agent": "SSKI", "started_at": ago(hours=30), "days_after": 14},
    "laboratory": {
        "values": {
            "platelets": _value(112_000.0, "per uL"),
            "anc": _value(2_100.0, "per uL"),
            "haemoglobin": _value(10.4, "g/dL"),
            "egfr": _value(71.0, "mL/min"),
        }
    },
    "companion": {
        "given": [
            {
                "drug": "dexamethasone",
                "dose_mg": 40.0,
                "route": "oral",
                "first_on": ago(days=1).date(),
            }
        ]
    },
    "constancy": {"measured_at": ago(hours=6), "deviation_percent": -1.2},
    "checklist_before_thaw": {"done": ["iv_access"]},
    "scanner_hot_lab": {"scan": CHECK_TEXT},
    "vial": {
        "scan": VIAL,
        "expires_at": ago(days=-2),
        "vials_expected": 1,
        "vials_here": 1,
    },
    "thaw": {"started_at": ago(minutes=90)},
    "dose_label": {"scan": LABEL},
    "shield_label": {"container": True, "shield": True},
    "scanner_bedside": {"scan": f"]C0{CHECK_TEXT}"},
    "wristband": {"scan": "C131-0042", "stated_birth_date": date(1961, 4, 2)},
    "dose_again": {"scan": LABEL},
    "site_seen": {
        "where": "cephalic vein",
        "side": "left",
        "access": "peripheral",
        "sound": True,
    },
    "shield": {"in_place": True},
    "checklist_bedside": {"done": ["antiemetic", "hydration"]},
}


def answers(
    overrides: Mapping[str, Override] | None = None,
    by: Mapping[str, Signature] | None = None,
    without: tuple[str, ...] = (),
    **changes: Mapping[str, Any],
) -> Answers:
    """Every question answered, but for ``without``; ``changes`` are made in single answers."""
    given = {
        name: Given(
            ANSWERS[name].model_validate({**told, **changes.get(name, {})}),
            (by or {}).get(name, signed()),
        )
        for name, told in GOOD.items()
        if name not in without
    }
    return Answers(given, overrides or {})
