"""One written directive as a value: parsed from JSON text, every wrong field named.

The fields are those of 10 CFR 35.40(b)(2) and what study and infusion need. Whether the order may
be used here and now is judged in ``order_rules``. Schema 2 is what is written today; schema 1 is
read so that the records of kept sessions can still be made.
"""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from controller.clinic.documents import (
    Document,
    DocumentError,
    Problem,
    Text,
    Token,
    canonical_json,
    json_problem,
    sha256_hex,
    validation_problems,
)
from controller.clinic.dosing import BsaFormula
from controller.clinic.order_parts import (
    Eligibility,
    Entries,
    OralDirective,
    Patient,
    Revision,
    SecondDose,
)
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

REQUIRED_IN_2: Final = ("eligibility", "entries")
SINCE_2: Final = (*REQUIRED_IN_2, "second_dose", "revision", "oral", "cold_run")
"""Fields that schema 1 does not have."""


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
    """Who signed the directive, and when (10 CFR 35.40(a)).

    Only an oral directive has not been signed yet, and nobody signs a cold run.
    """

    name: Text
    signed_at: AwareDatetime | None = None


class Order(Document):
    """One written directive. ``reference_time`` is when the prescribed activity is to be given.

    ``eligibility`` and ``entries`` are there in schema 2, and in schema 1 none of `SINCE_2` is.
    ``cold_run``: a rehearsal with saline. It prescribes nothing, so no directive of it is signed.
    """

    schema_version: Literal[1, 2] = Field(alias="schema")
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
    eligibility: Eligibility | None = None
    entries: Entries | None = None
    second_dose: SecondDose | None = None
    revision: Revision | None = None
    oral: OralDirective | None = None
    cold_run: bool = False

    @property
    def directed_at(self) -> datetime:
        """When the authorized user signed; of an oral directive, when it was spoken.

        Nobody directs a cold run: its reference time.
        """
        if self.cold_run:
            return self.reference_time
        at = self.authorized_user.signed_at if self.oral is None else self.oral.directed_at
        assert at is not None, "parse_order takes no order without either"
        return at

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
        order = Order.model_validate_json(text)
    except ValidationError as error:
        raise OrderError(validation_problems(error, "container")) from error
    problems = list(_of_its_schema(order))
    if problems:
        raise OrderError(problems)
    return order


def _of_its_schema(order: Order) -> Iterator[Problem]:
    """What an order of this schema lacks, or has too early."""
    for name in SINCE_2:
        given = getattr(order, name) not in (None, False)
        if order.schema_version == 1 and given:
            yield Problem(name, "present", "is no field of schema 1")
        if order.schema_version == 2 and not given and name in REQUIRED_IN_2:
            yield Problem(name, "absent", "Field required")
    signed_at = order.authorized_user.signed_at
    if order.cold_run:
        yield from _undirected(signed_at, order.oral)
    elif signed_at is None and order.oral is None:
        yield Problem("authorized_user.signed_at", "absent", "Field required")


def _undirected(signed_at: datetime | None, oral: OralDirective | None) -> Iterator[Problem]:
    """A signature under a cold run would be one under no directive."""
    rule = "must be absent: a cold run gives nothing, so nobody directs it"
    if signed_at is not None:
        yield Problem("authorized_user.signed_at", signed_at.isoformat(), rule)
    if oral is not None:
        yield Problem("oral", "present", rule)


def order_json(order: Order) -> str:
    """Return the order in its one canonical spelling: that of its own schema.

    What is no cold run does not speak of one, as before there were any.
    """
    later = set(SINCE_2) if order.schema_version == 1 else set[str]()
    unsaid = later if order.cold_run else later | {"cold_run"}
    return canonical_json(order.model_dump(mode="json", by_alias=True, exclude=unsaid))


def order_hash(order: Order) -> str:
    """SHA-256 of the canonical spelling: layout and key order of the file do not count."""
    return sha256_hex(order_json(order))


def order_schema() -> dict[str, Any]:
    """The JSON Schema of an order as it is written today, for those who write orders by program."""
    schema = Order.model_json_schema()
    schema["properties"]["schema"] = {"const": 2}
    for name in REQUIRED_IN_2:
        schema["properties"][name] = schema["properties"][name]["anyOf"][0]
        schema["required"].append(name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
