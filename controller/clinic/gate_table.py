"""The gates between an order and the patient, as rows in the order in which they are passed.

A row says where a gate stands, what is asked, by which rule and source it is judged, who may
answer, and who may answer for it when it stays closed. The directive itself, assay, releases,
patency and connection are held elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from controller.clinic import gate_labels as labels
from controller.clinic import gate_rules as rules
from controller.clinic.gate_rules import Asked, Rule

TECHNICIAN: Final = "technician"
SECOND_PERSON: Final = "second_person"
AUTHORIZED_USER: Final = "authorized_user"
PHYSICIST: Final = "physicist"
STAFF: Final = frozenset({TECHNICIAN, SECOND_PERSON, AUTHORIZED_USER, PHYSICIST})
MEASURING: Final = STAFF - {SECOND_PERSON}
"""Who handles the calibrator. A person of several roles signs in the highest of them."""
CLINICAL: Final = frozenset({AUTHORIZED_USER})
NOBODY: Final = frozenset[str]()


class Place(IntEnum):
    """The three places and moments, in their order."""

    BEFORE_THAW = 1
    HOT_LAB = 2
    BEDSIDE = 3


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: ``answer`` names the question in `answers.ANSWERS`.

    ``may_override`` is empty where nobody may answer for a gate that stays closed.
    """

    id: str
    place: Place
    asks: str
    answer: str
    rule: Rule
    source: str
    may_answer: frozenset[str] = STAFF
    may_override: frozenset[str] = NOBODY
    applies: Callable[[Asked], bool] = lambda _: True


def _has(place: str) -> Callable[[Asked], bool]:
    return lambda asked: any(item.place == place for item in asked.regimen.checklist)


BEFORE_THAW: Final = (
    Gate(
        "dose_order",
        Place.BEFORE_THAW,
        "What does the pharmacy's order say?",
        "dose_order",
        rules.dose_order_agrees,
        "10 CFR 35.41(a)(2); EN 56972",
    ),
    Gate(
        "consent",
        Place.BEFORE_THAW,
        "Has the patient signed the consent form, and which version?",
        "consent",
        rules.consented,
        "10 CFR 35.6; 21 CFR 50.27",
    ),
    Gate(
        "pregnancy",
        Place.BEFORE_THAW,
        "Is a pregnancy possible? What does the test say? Is a child breast-fed?",
        "pregnancy",
        rules.not_pregnant,
        "10 CFR 35.3047; IN 2006 (Munson); the regimen's test",
    ),
    Gate(
        "thyroid_block",
        Place.BEFORE_THAW,
        "What blocks the thyroid, since when, and for how long after the dose?",
        "thyroid_block",
        rules.thyroid_blocked,
        "the regimen's thyroid block; EN 57171",
        may_override=CLINICAL,
        applies=lambda asked: asked.regimen.thyroid_block is not None,
    ),
    Gate(
        "laboratory",
        Place.BEFORE_THAW,
        "Which laboratory values has the patient, and of when?",
        "laboratory",
        rules.laboratory_fine,
        "the regimen's limits",
        may_override=CLINICAL,
        applies=lambda asked: bool(asked.regimen.laboratory),
    ),
    Gate(
        "companion",
        Place.BEFORE_THAW,
        "Which drugs of the regimen is the patient given beside this one?",
        "companion",
        rules.companions_given,
        "the regimen's cohort; EN 57171",
        may_override=CLINICAL,
        applies=lambda asked: bool(asked.companions),
    ),
    Gate(
        "constancy",
        Place.BEFORE_THAW,
        "What does the calibrator say of its check source today, and how far is that off?",
        "constancy",
        rules.constancy_today,
        "10 CFR 35.60; ANSI N42.13",
        may_answer=MEASURING,
        may_override=frozenset({AUTHORIZED_USER, PHYSICIST}),
    ),
    Gate(
        "constancy_limit",
        Place.BEFORE_THAW,
        "What does the calibrator say of its check source today, and how far is that off?",
        "constancy",
        rules.constancy_limit,
        "ANSI N42.13",
        may_answer=MEASURING,
    ),
    Gate(
        "checklist_before_thaw",
        Place.BEFORE_THAW,
        "Is each of these so?",
        "checklist_before_thaw",
        rules.ticked("before_thaw"),
        "the regimen's checklist",
        may_override=CLINICAL,
        applies=_has("before_thaw"),
    ),
)

HOT_LAB: Final = (
    Gate(
        "scanner_hot_lab",
        Place.HOT_LAB,
        "Scan the check barcode",
        "scanner_hot_lab",
        labels.layout_right("hot_lab"),
        "design: a scanner types as a keyboard does",
    ),
    Gate(
        "vial",
        Place.HOT_LAB,
        "Scan the vial and read its label",
        "vial",
        labels.vial_matches,
        "10 CFR 35.41(b)(2); EN 44371, 44328, 55987; NRC 230114",
    ),
    Gate(
        "vials",
        Place.HOT_LAB,
        "In how many vials does the dose come, and how many are here?",
        "vial",
        labels.vials_counted,
        "IN 2007-03; EN 42862, 41763",
        may_override=CLINICAL,
    ),
    Gate(
        "expiry",
        Place.HOT_LAB,
        "When does the drug expire?",
        "vial",
        labels.not_expired,
        "the label; 21 CFR 211.137",
    ),
    Gate(
        "thaw",
        Place.HOT_LAB,
        "When was the vial taken out of the cold?",
        "thaw",
        labels.thawed_in_time,
        "the regimen's product",
    ),
    Gate(
        "thaw_cleared",
        Place.HOT_LAB,
        "When was the vial taken out of the cold?",
        "thaw",
        labels.thawed_after,
        "treatment.md 2: nothing is thawed before",
        may_override=CLINICAL,
    ),
    Gate(
        "dose_label",
        Place.HOT_LAB,
        "Scan the new label of syringe or vial and read it",
        "dose_label",
        labels.dose_matches,
        "10 CFR 35.69, 35.41(b)(1)",
    ),
    Gate(
        "shield_label",
        Place.HOT_LAB,
        "Do container and shield bear a label?",
        "shield_label",
        labels.labelled,
        "10 CFR 35.69",
    ),
    Gate(
        "checklist_hot_lab",
        Place.HOT_LAB,
        "Is each of these so?",
        "checklist_hot_lab",
        rules.ticked("hot_lab"),
        "the regimen's checklist",
        may_override=CLINICAL,
        applies=_has("hot_lab"),
    ),
)

BEDSIDE: Final = (
    Gate(
        "scanner_bedside",
        Place.BEDSIDE,
        "Scan the check barcode",
        "scanner_bedside",
        labels.layout_right("bedside"),
        "design: a scanner types as a keyboard does",
    ),
    Gate(
        "wristband",
        Place.BEDSIDE,
        "Scan the wristband; ask for name and date of birth",
        "wristband",
        labels.patient_is_right,
        "10 CFR 35.41(b)(1)",
    ),
    Gate(
        "dose_again",
        Place.BEDSIDE,
        "Scan the label of syringe or vial and read it",
        "dose_again",
        labels.dose_still_matches,
        "10 CFR 35.41(b)(1), (2)",
    ),
    Gate(
        "site_seen",
        Place.BEDSIDE,
        "Where does the line go in, and is the site sound?",
        "site_seen",
        labels.site_sound,
        "treatment.md 2; DICOM CID 3746",
    ),
    Gate(
        "shield",
        Place.BEDSIDE,
        "Is the shield in place?",
        "shield",
        labels.shielded,
        "10 CFR 20.1101(b)",
        may_override=frozenset({AUTHORIZED_USER, PHYSICIST}),
    ),
    Gate(
        "checklist_bedside",
        Place.BEDSIDE,
        "Is each of these so?",
        "checklist_bedside",
        rules.ticked("bedside"),
        "the regimen's checklist",
        may_override=CLINICAL,
        applies=_has("bedside"),
    ),
)

GATES: Final = (*BEFORE_THAW, *HOT_LAB, *BEDSIDE)
BY_ID: Final = {gate.id: gate for gate in GATES}
