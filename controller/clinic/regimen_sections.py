"""The sections of a regimen: what a study may set, in which unit and within which outer bounds.

It holds shapes and no value of any study: those stand in ``regimens/*.toml``.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from controller.clinic.documents import Document, Text, Token
from controller.clinic.text import number_text
from firmware_interfaces.units import scaled_near

MS_PER_DAY: Final = 86_400_000

Texts = Annotated[tuple[Text, ...], Field(strict=False)]
SomeTexts = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


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
        return f"{number_text(self.min)} to {number_text(self.max)}"


class Study(Document):
    """The trial: its register number, how many centres it may have, and their names as listed.

    An empty list names none: every site is then one of them.
    """

    register_id: Text
    centres_max: int = Field(ge=1, le=1000)
    centres: Texts

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if len(self.centres) > self.centres_max:
            raise ValueError(f"centres must be at most {self.centres_max}")
        return self


class Dose(Document):
    """Activity per body surface, how closely an order must agree with it, and its cap.

    ``interval_days_min`` stands between any two doses of one patient.
    """

    mci_per_m2: float = Field(gt=0, le=50)
    agreement_permille: int = Field(ge=0, le=5)
    range_percent_max: int = Field(ge=0, le=20)
    activity_mbq_max: float = Field(gt=0, le=20_000)
    interval_days_min: int = Field(ge=1, le=1000)


class SecondDose(Document):
    """The window after the first dose, how old its assessment may be, and the cap of both doses."""

    day_min: int = Field(ge=1)
    day_max: int = Field(le=1000)
    assessment_days_max: int = Field(ge=0, le=1000)
    cumulative_mbq_max: float = Field(gt=0, le=40_000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.day_min > self.day_max:
            raise ValueError("day_min must not be above day_max")
        return self


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

    @property
    def ms(self) -> int:
        """The half-life in milliseconds, to nearest."""
        return scaled_near(self.days, MS_PER_DAY)


class PatientBounds(Document):
    """What a patient's numbers may be before a slip of unit or digit is likelier.

    The two changes are those since the values that were known before.
    """

    age_years: Bounds
    weight_kg: Bounds
    height_cm: Bounds
    bmi_kg_m2: Bounds
    bsa_m2: Bounds
    weight_days_max: int = Field(ge=0)
    height_days_max: int = Field(ge=0)
    weight_change_percent_max: float = Field(gt=0, le=50)
    height_change_cm_max: float = Field(gt=0, le=20)


class OrderLimits(Document):
    """How far from its reference time an order holds, and how old an assay may be at release."""

    days_max: int = Field(ge=0)
    assay_age_min_max: float = Field(gt=0, le=240)


class Companion(Document):
    """A drug that is given beside the study's in one cohort."""

    drug: Text
    dose_mg: float = Field(gt=0)
    route: Text
    every_days: int = Field(ge=1)
    weeks_max: int = Field(ge=1)


class Cohort(Document):
    """Who belongs to a cohort, whether it is open, and what must have been tried before.

    Every class in ``prior_classes`` must have been given, in at least ``prior_lines_min`` lines.
    """

    name: Text
    indications: SomeTexts
    open: bool
    prior_lines_min: int = Field(default=0, ge=0, le=20)
    prior_classes: Texts = ()
    companion: Annotated[tuple[Companion, ...], Field(strict=False)] = ()


class Product(Document):
    """The vial: its article numbers (GTIN-14), how long it thaws and how soon it is to be used.

    An empty list of numbers knows no article: a label must then name the drug in words.
    """

    gtins: Annotated[tuple[Annotated[str, Field(pattern=r"^\d{14}$")], ...], Field(strict=False)]
    thaw_min: float = Field(ge=0, le=1440)
    use_within_min: float = Field(gt=0, le=10_080)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.thaw_min >= self.use_within_min:
            raise ValueError("thaw_min must be below use_within_min")
        return self


class LaboratoryLimit(Document):
    """One laboratory value: its unit, what it must be, what it can be, and how old it may be.

    What lies outside ``plausible`` was measured in another unit.
    """

    unit: Text
    min: float | None = None
    max: float | None = None
    plausible: Bounds
    days_max: int = Field(ge=0, le=365)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        ends = [end for end in (self.min, self.max) if end is not None]
        if not ends or not all(self.plausible.holds(end) for end in ends):
            raise ValueError("needs a min or a max, each of them plausible")
        return self


class ThyroidBlock(Document):
    """How long before and after the dose the thyroid is blocked, and with what."""

    hours_before_min: int = Field(ge=0, le=240)
    days_before_max: int = Field(ge=1, le=100)
    days_after_min: int = Field(ge=0, le=100)
    agents: SomeTexts

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.hours_before_min > 24 * self.days_before_max:
            raise ValueError("hours_before_min must not be above days_before_max")
        return self


class Pregnancy(Document):
    """Which test counts, and how old it may be."""

    test: Literal["serum", "urine"]
    test_hours_max: int = Field(ge=1, le=240)


class Consent(Document):
    """Versions of the consent form that may have been signed; an empty list takes any."""

    versions: Texts


class Constancy(Document):
    """How far today's check source may be off: above ``ask`` somebody answers for it."""

    ask_permille: int = Field(ge=0, le=100)
    block_permille: int = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.ask_permille > self.block_permille:
            raise ValueError("ask_permille must not be above block_permille")
        return self


class ChecklistItem(Document):
    """One step of the study that somebody confirms, and where."""

    id: Token
    place: Literal["before_thaw", "hot_lab", "bedside"]
    text: Text
