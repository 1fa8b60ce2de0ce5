"""Who a directive is for and who wrote it: patient, entries, eligibility, revision.

Shapes only; what they must be stands in the order's rules.
"""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field

from controller.clinic.documents import Document, Text, Token


class Measured(Document):
    """Weight and height, each with its unit and the date on which it was measured.

    Their bounds here keep arithmetic whole; those of a patient stand in the regimen.
    """

    weight_kg: float = Field(ge=1, le=1000)
    weight_date: date
    height_cm: float = Field(ge=1, le=1000)
    height_date: date


class Patient(Measured):
    """The patient, with weight and height as the first person entered them."""

    name: Text
    id: Text
    birth_date: date


class Person(Document):
    """Somebody of the site, by the id and the name that site.toml has."""

    id: Token
    name: Text


class FirstEntry(Document):
    """Who entered the patient's weight and height, and when."""

    by: Person
    at: AwareDatetime


class SecondEntry(Measured):
    """Weight and height once more, entered by another person without sight of the first entry."""

    by: Person
    at: AwareDatetime


class Entries(Document):
    """The two independent entries, and the values that were known before, where there are any."""

    first: FirstEntry
    second: SecondEntry
    before: Measured | None = None


class Eligibility(Document):
    """What the patient suffers from and what was tried before, in the words of the regimen."""

    indication: Text
    prior_lines: int = Field(ge=0, le=50)
    prior_classes: Annotated[tuple[Text, ...], Field(strict=False)]


class SecondDose(Document):
    """The first dose's session, and the physician's assessment that asks for another dose."""

    first_session: Token
    assessed_by: Text
    assessed_on: date
    finding: Text


class Revision(Document):
    """Which revision of the directive this is, of which text (`order_hash`), and why."""

    number: int = Field(ge=1, le=1000)
    revises: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reason: Text


class OralDirective(Document):
    """An emergency in which delay is a danger: directed by word of mouth (10 CFR 35.40(a)(1))."""

    directed_at: AwareDatetime
    written_down_by: Person
    emergency: Text
