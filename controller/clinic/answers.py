"""What people answer at the gates: one strict document for each question, and who gave it.

It knows the shape of an answer; whether it opens a gate is judged in ``gate_rules``. Times carry
their zone, quantities their unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from controller.clinic.documents import (
    Document,
    DocumentError,
    Problem,
    Text,
    Token,
    json_problem,
    shown,
    validation_problems,
)
from controller.clinic.scans import ScanText
from controller.clinic.signatures import Signature

Anyone = TypeVar("Anyone", bound=Document)

Moment = Annotated[
    AwareDatetime,
    Field(gt=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
]
"""A time with its zone, of a year that every zone can tell."""


class AnswerError(DocumentError):
    """An answer is refused; ``problems`` has field, value and rule of every reason."""


class DoseOrder(Document):
    """The order for the dose as the pharmacy has it: another document than the directive."""

    order_id: Text
    patient_id: Text
    drug: Text
    nuclide: Text
    route: Text
    activity: float = Field(gt=0, le=1e9)
    unit: Literal["MBq", "mCi", "GBq"]


class ConsentGiven(Document):
    """Which version of the consent form the patient signed, and when."""

    version: Text
    signed_at: Moment


class PregnancyTold(Document):
    """Whether a pregnancy is possible, and why not; else the test. And about breast-feeding."""

    possible: bool
    why_not: Text | None = None
    test: Literal["serum", "urine"] | None = None
    result: Literal["negative", "positive", "unclear"] | None = None
    taken_at: Moment | None = None
    breast_feeding: Literal["no", "stopped", "yes"]


class BlockStarted(Document):
    """What blocks the thyroid, since when, and for how many days after the dose it is planned."""

    agent: Text
    started_at: Moment
    days_after: int = Field(ge=0, le=365)


class LaboratoryValue(Document):
    """One value as it stands on the laboratory's sheet."""

    value: float = Field(ge=0, le=1e9)
    unit: Text
    taken_at: Moment


class LaboratoryValues(Document):
    """Values by the names that the regimen has for them."""

    values: dict[Token, LaboratoryValue]


class CompanionGiven(Document):
    """A drug that is given beside the study's, and the first day of this course."""

    drug: Text
    dose_mg: float = Field(gt=0, le=1e6)
    route: Text
    first_on: date


class CompanionsGiven(Document):
    """Every drug that the cohort asks for."""

    given: Annotated[tuple[CompanionGiven, ...], Field(strict=False)]


class ConstancyMeasured(Document):
    """Today's reading of the check source against what it should be, in percent."""

    measured_at: Moment
    deviation_percent: float = Field(ge=-100, le=1000)


class Ticked(Document):
    """Items of a checklist that somebody has seen to be so."""

    done: Annotated[tuple[Token, ...], Field(strict=False)]


class LayoutChecked(Document):
    """The check barcode as the scanner of this place typed it."""

    scan: ScanText


class LabelRead(Document):
    """A label's barcode, and what a person reads on it where the barcode does not say."""

    scan: ScanText
    drug: Text | None = None
    nuclide: Text | None = None
    lot: Text | None = None
    patient_id: Text | None = None


class VialRead(LabelRead):
    """The vial's label; how many vials this dose comes in, how many are here, and their expiry."""

    expires_at: Moment
    vials_expected: int = Field(ge=1, le=10)
    vials_here: int = Field(ge=0, le=10)


class Thawed(Document):
    """When the vial was taken out of the cold."""

    started_at: Moment


class ShieldLabelled(Document):
    """Syringe or vial and its shield both bear a label (10 CFR 35.69)."""

    container: bool
    shield: bool


class WristbandRead(Document):
    """The wristband's barcode, and what the patient says when asked who they are."""

    scan: ScanText
    stated_name: Text | None = None
    stated_birth_date: date | None = None


class SiteSeen(Document):
    """The infusion's site, as somebody looked at it."""

    where: Text
    side: Literal["left", "right", "none"]
    access: Literal["peripheral", "midline", "picc", "port", "central"]
    sound: bool
    remark: Text | None = None


class ShieldPlaced(Document):
    """The shield stands in its place."""

    in_place: bool


ANSWERS: Final[Mapping[str, type[Document]]] = {
    "dose_order": DoseOrder,
    "consent": ConsentGiven,
    "pregnancy": PregnancyTold,
    "thyroid_block": BlockStarted,
    "laboratory": LaboratoryValues,
    "companion": CompanionsGiven,
    "constancy": ConstancyMeasured,
    "checklist_before_thaw": Ticked,
    "scanner_hot_lab": LayoutChecked,
    "vial": VialRead,
    "thaw": Thawed,
    "dose_label": LabelRead,
    "shield_label": ShieldLabelled,
    "checklist_hot_lab": Ticked,
    "scanner_bedside": LayoutChecked,
    "wristband": WristbandRead,
    "dose_again": LabelRead,
    "site_seen": SiteSeen,
    "shield": ShieldPlaced,
    "checklist_bedside": Ticked,
}
"""What each question is answered with."""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer, with who gave it and when."""

    answer: Document
    by: Signature


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody takes it upon themselves that a gate stays open, and says why."""

    reason: str
    by: Signature


@dataclass(frozen=True, slots=True)
class Answers:
    """The newest answer to each question, and the newest override of each gate."""

    given: Mapping[str, Given] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def of(self, name: str, kind: type[Anyone]) -> Anyone | None:
        """The answer called ``name``, or None where there is none. It is of ``kind``."""
        found = self.given.get(name)
        if found is None:
            return None
        assert isinstance(found.answer, kind), name
        return found.answer


def parse_answer(name: str, text: str) -> Document:
    """Read the JSON of the answer called ``name``. AnswerError names every bad field."""
    kind, malformed = ANSWERS.get(name), json_problem(text)
    if kind is None:
        raise AnswerError([Problem("answer", shown(name), "is no question of this program")])
    if malformed is not None:
        raise AnswerError([malformed])
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise AnswerError(validation_problems(error)) from error


def answer_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of an answer, for the panel. Raises KeyError."""
    return ANSWERS[name].model_json_schema()
