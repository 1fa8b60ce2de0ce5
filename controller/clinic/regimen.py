"""The study's rules as data: parsed from TOML text, refused with field, value and rule.

Knows the shape of a regimen and that every value in it is accounted for; the values stand in
``regimens/*.toml``. It reads no files: the shell hands over the text and holds it to its hash.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from controller.clinic.documents import (
    Document,
    DocumentError,
    Problem,
    Text,
    Token,
    sha256_hex,
    shown,
    toml_table,
    validation_problems,
)
from controller.clinic.regimen_sections import (
    ChecklistItem,
    Cohort,
    Consent,
    Constancy,
    Dose,
    HalfLife,
    InfusionTime,
    LaboratoryLimit,
    OrderLimits,
    PatientBounds,
    Pregnancy,
    Product,
    SecondDose,
    Study,
    ThyroidBlock,
)

Parsed = TypeVar("Parsed", bound=BaseModel)

UNSOURCED: Final = ("schema", "name", "simulated_only", "source", "undecided")
"""Keys that name or account for, and are no values of the study."""


class RegimenError(DocumentError):
    """A regimen is refused."""


class Regimen(Document):
    """One regimen. ``simulated_only`` regimens are refused where real devices are configured.

    ``source`` says where each value was read; ``undecided`` names the values that no public source
    gives, and who decides: they are proposals, and no real device is run on one.
    """

    schema_version: Literal[2] = Field(alias="schema")
    name: Token
    drug: Text
    substance: Text
    nuclide: Literal["I-131"]
    route: Literal["intravenous"]
    simulated_only: bool
    study: Study
    dose: Dose
    second_dose: SecondDose | None = None
    infusion: InfusionTime
    half_life: HalfLife
    patient: PatientBounds
    order: OrderLimits
    cohort: Annotated[dict[Token, Cohort], Field(min_length=1)]
    product: Product
    laboratory: dict[Token, LaboratoryLimit]
    thyroid_block: ThyroidBlock | None = None
    pregnancy: Pregnancy
    consent: Consent
    constancy: Constancy
    checklist: Annotated[tuple[ChecklistItem, ...], Field(strict=False)] = ()
    source: dict[str, Text]
    undecided: dict[str, Literal["study", "site"]]

    @model_validator(mode="after")
    def _one_cohort_each(self) -> "Regimen":
        named = [name for cohort in self.cohort.values() for name in cohort.indications]
        if len(named) != len(set(named)):
            raise ValueError("an indication must belong to one cohort")
        return self

    def cohort_of(self, indication: str) -> Cohort | None:
        """The cohort that ``indication`` belongs to, or None."""
        return next((c for c in self.cohort.values() if indication in c.indications), None)


class _OfItsDay(BaseModel):
    """What a record of any day needs of the regimen of that day, whatever its schema."""

    model_config = ConfigDict(strict=True, frozen=True)

    half_life: HalfLife


def parse_regimen(text: str) -> Regimen:
    """Parse TOML text. RegimenError names every bad field, and every value without a source."""
    regimen = _parsed(text, Regimen)
    problems = list(_unaccounted(regimen))
    if problems:
        raise RegimenError(problems)
    return regimen


def half_life_of(text: str) -> HalfLife:
    """The half-life in the text of a regimen of any schema: all that a record needs of it.

    Raises RegimenError.
    """
    return _parsed(text, _OfItsDay).half_life


def regimen_hash(text: str) -> str:
    """SHA-256 of the regimen's text as read: an altered file is another regimen (rule X5)."""
    return sha256_hex(text)


def _parsed(text: str, model: type[Parsed]) -> Parsed:
    try:
        return model.model_validate(toml_table(text, "regimen"))
    except DocumentError as error:
        raise RegimenError(error.problems) from error
    except ValidationError as error:
        raise RegimenError(validation_problems(error)) from error


def _unaccounted(regimen: Regimen) -> Iterator[Problem]:
    """Hold each value to one row that says where it is from, and each row to a value."""
    table = regimen.model_dump(by_alias=True, exclude_unset=True)
    values = dict(_values({key: held for key, held in table.items() if key not in UNSOURCED}))
    rows = [*regimen.source, *regimen.undecided]
    for path, value in values.items():
        found = sum(_covers(row, path) for row in rows)
        if found != 1:
            rule = f"must stand in [source] or in [undecided] once, not {found} times"
            yield Problem(path, shown(value), rule)
    for row in rows:
        if not any(_covers(row, path) for path in values):
            yield Problem(row, "absent", "has a source or is undecided, and is no value here")


def _covers(row: str, path: str) -> bool:
    return path == row or path.startswith(f"{row}.")


def _values(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, held in table.items():
        if isinstance(held, dict) and held:
            yield from _values(held, f"{above}{key}.")
        else:
            yield f"{above}{key}", held
