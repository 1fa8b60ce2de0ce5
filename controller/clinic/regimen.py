"""The study's dosing rules as data: parsed from TOML text, refused with field, value and rule.

Knows the shape and the outer bounds of a regimen; the values stand in ``regimens/*.toml``. It reads
no files: the shell hands over the text and pins its hash.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from controller.clinic.documents import (
    Document,
    DocumentError,
    Text,
    Token,
    sha256_hex,
    toml_table,
    validation_problems,
)
from firmware_interfaces.units import scaled_near

MS_PER_DAY: Final = 86_400_000


class RegimenError(DocumentError):
    """A regimen is refused."""


class Bounds(Document):
    """A closed interval of one quantity."""

    min: float = Field(gt=0)
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError("min must not be above max")
        return self

    def holds(self, value: float) -> bool:
        """Return True if ``value`` lies in the interval, both ends included."""
        return self.min <= value <= self.max

    def __str__(self) -> str:
        return f"{self.min:g} to {self.max:g}"


class Dose(Document):
    """Activity per body surface and how closely an order must agree with it."""

    mci_per_m2: float = Field(gt=0, le=50)
    agreement_permille: int = Field(ge=0, le=5)
    range_percent_max: int = Field(ge=0, le=20)


class SecondDose(Document):
    """Days after the first dose on which a second one may be given."""

    day_min: int = Field(ge=1)
    day_max: int = Field(le=1000)


class ProfilePart(Document):
    """One part of the infusion profile: its share of the volume and of the time, in percent."""

    volume_percent: int = Field(ge=1, le=100)
    time_percent: int = Field(ge=1, le=100)


class InfusionTime(Document):
    """Duration of the infusion in minutes, and its profile: one constant rate unless named."""

    planned_min: float = Field(gt=0)
    minutes: Bounds
    profile: Annotated[tuple[ProfilePart, ...], Field(strict=False)] = (
        ProfilePart(volume_percent=100, time_percent=100),
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        volume = sum(part.volume_percent for part in self.profile)
        time = sum(part.time_percent for part in self.profile)
        if (volume, time) != (100, 100):
            raise ValueError(f"profile must sum to 100 % of volume and time, not {volume}, {time}")
        return self

    @property
    def shares(self) -> tuple[tuple[int, int], ...]:
        """(share of volume, share of time) of each part, in parts per million."""
        return tuple((p.volume_percent * 10_000, p.time_percent * 10_000) for p in self.profile)


class HalfLife(Document):
    """The one half-life used for every decay of a treatment, with its source (rules.md 0)."""

    days: float = Field(ge=8.0, le=8.1)
    uncertainty_days: float = Field(gt=0)
    source: Text


class PatientBounds(Document):
    """What a patient's numbers may be before a slip of unit or digit is likelier."""

    age_years: Bounds
    weight_kg: Bounds
    height_cm: Bounds
    bmi_kg_m2: Bounds
    bsa_m2: Bounds
    weight_days_max: int = Field(ge=0)
    height_days_max: int = Field(ge=0)


class OrderLimits(Document):
    """How far from its reference time an order holds, and how old an assay may be at release."""

    days_max: int = Field(ge=0)
    assay_age_min_max: float = Field(gt=0, le=240)


class Regimen(Document):
    """One regimen. ``simulated_only`` regimens are refused where real devices are configured."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Token
    drug: Text
    substance: Text
    nuclide: Literal["I-131"]
    route: Literal["intravenous"]
    simulated_only: bool
    dose: Dose
    second_dose: SecondDose | None = None
    infusion: InfusionTime
    half_life: HalfLife
    patient: PatientBounds
    order: OrderLimits

    @property
    def half_life_ms(self) -> int:
        """The half-life in milliseconds, to nearest."""
        return scaled_near(self.half_life.days, MS_PER_DAY)


def parse_regimen(text: str) -> Regimen:
    """Parse TOML text. RegimenError names every bad field."""
    try:
        return Regimen.model_validate(toml_table(text, "regimen"))
    except DocumentError as error:
        raise RegimenError(error.problems) from error
    except ValidationError as error:
        raise RegimenError(validation_problems(error)) from error


def regimen_hash(text: str) -> str:
    """SHA-256 of the regimen's text as read: an altered file is another regimen (rule X5)."""
    return sha256_hex(text)
