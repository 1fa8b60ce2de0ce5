"""One written directive as a value: parsed from JSON text, every wrong field named.

The fields are those of 10 CFR 35.40(b)(2) and what the infusion needs. Whether the order may be
used here and now is judged in ``order_rules``.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from controller.clinic.documents import (
    Document,
    DocumentError,
    Text,
    Token,
    canonical_json,
    json_problem,
    sha256_hex,
    validation_problems,
)
from controller.clinic.dosing import BsaFormula
from firmware_interfaces.units import (
    BQ_PER_MBQ,
    NL_PER_ML,
    NS_PER_MIN,
    Becquerel,
    Nanolitre,
    Nanoseconds,
    scaled_down,
    scaled_near,
    scaled_up,
)


class OrderError(DocumentError):
    """An order is refused; ``problems`` has field, value and rule of every reason."""


class Administer(StrEnum):
    """What is to be given: all that the container yields, or the volume that holds the dose."""

    WHOLE_SYRINGE = "whole_syringe"
    VOLUME_FOR_DOSE = "volume_for_dose"


class Priming(StrEnum):
    """What fills the line before the infusion."""

    SALINE = "saline"
    DRUG = "drug"


class Patient(Document):
    """The patient; weight and height carry unit and date of measurement.

    Their bounds here keep arithmetic whole; those of a patient stand in the regimen.
    """

    name: Text
    id: Text
    birth_date: date
    weight_kg: float = Field(ge=1, le=1000)
    weight_date: date
    height_cm: float = Field(ge=1, le=1000)
    height_date: date


class PrescribedRange(Document):
    """A dosage range, where one is meant, MBq."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)


class SyringeContainer(Document):
    """The syringe by its name in the site's catalogue, its fill, and what cannot leave it, mL."""

    kind: Literal["syringe"]
    syringe: Text
    fill_ml: float = Field(gt=0, le=100)
    unusable_ml: float = Field(ge=0)

    @property
    def name(self) -> str:
        """Its name at the site."""
        return self.syringe


class VialContainer(Document):
    """A vented vial on the pump's ``hose``, by the hose's name at the site.

    ``fill_ml`` is the volume as measured, ``unusable_ml`` what spike and hose keep: no more than
    the difference is ever programmed, so that the vial does not run dry.
    """

    kind: Literal["vial_vented"]
    hose: Text
    fill_ml: float = Field(gt=0, le=100)
    unusable_ml: float = Field(gt=0)

    @property
    def name(self) -> str:
        """Its name at the site."""
        return self.hose


Container = Annotated[SyringeContainer | VialContainer, Field(discriminator="kind")]


class Line(Document):
    """The line from syringe tip to vein, mL."""

    dead_volume_ml: float = Field(gt=0, le=20)
    primed_with: Priming


class AuthorizedUser(Document):
    """Who signed the directive, and when (10 CFR 35.40(a))."""

    name: Text
    signed_at: AwareDatetime


class Order(Document):
    """One written directive. ``reference_time`` is when the prescribed activity is to be given."""

    schema_version: Literal[1] = Field(alias="schema")
    order_id: Token
    site: Text
    patient: Patient
    drug: Text
    nuclide: Literal["I-131"]
    regimen: Token
    dose_number: Literal[1, 2]
    first_dose_date: date | None = None
    route: Literal["intravenous"]
    bsa_formula: BsaFormula
    prescribed_mbq: float = Field(gt=0, le=20_000)
    prescribed_range_mbq: PrescribedRange | None = None
    administer: Administer
    container: Container
    line: Line
    infusion_min: float = Field(gt=0, le=240)
    reference_time: AwareDatetime
    authorized_user: AuthorizedUser

    @property
    def prescribed_bq(self) -> Becquerel:
        """Prescribed activity, rounded down."""
        return Becquerel(scaled_down(self.prescribed_mbq, BQ_PER_MBQ))

    @property
    def prescribed_range_bq(self) -> tuple[Becquerel, Becquerel] | None:
        """The prescribed range, rounded inwards, or None."""
        if self.prescribed_range_mbq is None:
            return None
        low, high = self.prescribed_range_mbq.low, self.prescribed_range_mbq.high
        return Becquerel(scaled_up(low, BQ_PER_MBQ)), Becquerel(scaled_down(high, BQ_PER_MBQ))

    @property
    def fill_nl(self) -> Nanolitre:
        """Volume in the container, rounded down."""
        return Nanolitre(scaled_down(self.container.fill_ml, NL_PER_ML))

    @property
    def unusable_nl(self) -> Nanolitre:
        """Volume that must stay in the container, rounded up."""
        return Nanolitre(scaled_up(self.container.unusable_ml, NL_PER_ML))

    @property
    def dead_volume_nl(self) -> Nanolitre:
        """Volume of the line from tip to vein, to nearest."""
        return Nanolitre(scaled_near(self.line.dead_volume_ml, NL_PER_ML))

    @property
    def infusion_ns(self) -> Nanoseconds:
        """Planned duration, rounded up, so that a rate made of it is rounded down."""
        return Nanoseconds(scaled_up(self.infusion_min, NS_PER_MIN))


def parse_order(text: str) -> Order:
    """Parse strict JSON. OrderError names every bad field, its value and its rule."""
    malformed = json_problem(text)
    if malformed is not None:
        raise OrderError([malformed])
    try:
        return Order.model_validate_json(text)
    except ValidationError as error:
        raise OrderError(validation_problems(error, "container")) from error


def order_json(order: Order) -> str:
    """Return the order in its one canonical spelling."""
    return canonical_json(order.model_dump(mode="json", by_alias=True))


def order_hash(order: Order) -> str:
    """SHA-256 of the canonical spelling: layout and key order of the file do not count."""
    return sha256_hex(order_json(order))
