"""The dated file that the commissioning of a dose calibrator leaves: which unit each code is.

A source whose activity is known was in the well; the number that the instrument showed then fits
one unit and no other. Takes text and gives text, and judges each row anew whenever it is read. How
the numbers were had is `controller.commission_calibrator`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import ConfigDict, Field, ValidationError

from controller.clinic.commissioning import Moment, Person
from controller.clinic.documents import (
    Document,
    DocumentError,
    Problem,
    Text,
    json_problem,
    shown,
    utc_ns,
    validation_problems,
)
from controller.clinic.dosing import Rounding, decayed_bq
from firmware_interfaces.crc15 import Unit, units_named
from firmware_interfaces.units import scaled_near

SCHEMA: Final = 1
MS_PER_DAY: Final = 86_400_000
BQ_PER_MBQ: Final = 1_000_000
CERTIFIED_MBQ_MAX: Final = 100_000.0
READINGS: Final = 10
"""Successive readings that make one row: the ten of a constancy test (calibrators.md 3.4)."""
SPREAD_PERCENT_MAX: Final = 2.0
"""(max - min) / mean of the readings, field practice (shiny-plopper, calibrators.md 2.2)."""
FLOAT32_MAX: Final = 3.5e38
"""No instrument sends more."""
DEVIATION_PERCENT_MAX: Final = 10.0
"""Between reading and certificate: where a calibrator is stopped (calibrators.md 3.4). Units lie
27 times apart or more, so no number fits two of them."""


Number = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]


class HalfLife(NamedTuple):
    """Of a known source's nuclide, in days."""

    days: float
    source: str


_ICRP: Final = "ICRP-107, by radioactivedecay 0.6.1"
HALF_LIVES: Final[Mapping[str, HalfLife]] = {
    "Cs-137": HalfLife(30.1671 * 365.2422, _ICRP),
    "Ba-133": HalfLife(10.52 * 365.2422, _ICRP),
    "Co-57": HalfLife(271.74, _ICRP),
    "Co-60": HalfLife(5.2713 * 365.2422, _ICRP),
    "I-131": HalfLife(8.0207, _ICRP),
}
"""Nuclides of the sources that calibrators are proven with."""


class KnownSource(Document):
    """A source with its certificate."""

    id: Text
    nuclide: Literal["Cs-137", "Ba-133", "Co-57", "Co-60", "I-131"]
    certified_mbq: Annotated[float, Field(gt=0, le=CERTIFIED_MBQ_MAX)]
    certified_at: Moment
    certificate: Text

    def activity_bq(self, at: datetime) -> int:
        """What is left of it, in Bq; before its certificate, what that says."""
        certified_bq = scaled_near(self.certified_mbq, BQ_PER_MBQ)
        half_life_ms = scaled_near(HALF_LIVES[self.nuclide].days, MS_PER_DAY)
        elapsed_ns = max(utc_ns(at) - utc_ns(self.certified_at), 0)
        return decayed_bq(certified_bq, elapsed_ns, half_life_ms, Rounding.NEAREST)


class Measured(Document):
    """What was shown while a known source was in the well, successive numbers of one code."""

    source: KnownSource
    at: Moment
    nuclide_shown: str
    code: Annotated[int, Field(ge=0, le=255)]
    numbers: Annotated[tuple[Number, ...], Field(strict=False, min_length=READINGS)]
    frame_hex: Annotated[str, Field(pattern=r"^[0-9a-f]*$", max_length=100)]

    @property
    def mean(self) -> Fraction:
        """Of the numbers, exactly."""
        return sum(map(Fraction, self.numbers), Fraction()) / len(self.numbers)


class CodeProof(Document):
    """One row: what was measured, and the unit that it proves its code to be.

    ``objection`` says why a row proves nothing; its ``unit`` is then None.
    """

    measured: Measured
    expected_mbq: float
    unit: str | None = None
    deviation_percent: float | None = None
    objection: str | None = None


class UnitProofFile(Document):
    """The whole file."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)]
    kind: Literal["crc15"]
    model: Text
    serial: Text
    simulated: bool
    at: Moment
    by: Person
    second: Person
    program: Text
    rows: Annotated[tuple[CodeProof, ...], Field(strict=False, min_length=1)]
    passed: bool


def judged(measured: Measured) -> CodeProof:
    """What a row proves: the unit in which its numbers are the certified activity, or nothing."""
    expected_bq = measured.source.activity_bq(measured.at)
    expected_mbq = expected_bq / BQ_PER_MBQ
    objection = _unusable(measured)
    if objection is not None:
        return CodeProof(measured=measured, expected_mbq=expected_mbq, objection=objection)
    units = units_named(measured.code)
    percent = {unit: 100 * (measured.mean * unit.value / expected_bq - 1) for unit in units}
    unit = min(percent, key=lambda unit: abs(percent[unit]))
    row = CodeProof(
        measured=measured,
        expected_mbq=expected_mbq,
        unit=unit.name,
        deviation_percent=float(percent[unit]),
    )
    if abs(percent[unit]) <= DEVIATION_PERCENT_MAX:
        return row
    known = " or ".join(unit.name.lower() for unit in units)
    number, expected = float(measured.mean), expected_mbq
    rule = f"{number:g} {known} is not {expected:g} MBq within {DEVIATION_PERCENT_MAX:g} %"
    return row.model_copy(update={"unit": None, "objection": rule})


def _unusable(measured: Measured) -> str | None:
    """Why a row proves nothing whatever its numbers are worth."""
    source, low, high = measured.source, min(measured.numbers), max(measured.numbers)
    if measured.nuclide_shown != source.nuclide:
        return f"the instrument is set to {measured.nuclide_shown}, the source is {source.nuclide}"
    if source.certified_at > measured.at:
        return "the certificate is dated after the reading"
    if not source.activity_bq(measured.at):
        return "nothing is left of the source"
    if not units_named(measured.code):
        return f"unit code {measured.code} is in no table"
    if low <= 0:
        return f"the instrument shows {low:g}"
    if low == high:
        return f"{low!r} is the same to the last bit in every reading: the instrument stands still"
    spread_percent = float(100 * Fraction(high - low) / measured.mean)
    if spread_percent > SPREAD_PERCENT_MAX:
        return f"the readings spread by {spread_percent:.2f} %, limit {SPREAD_PERCENT_MAX:g} %"
    return None


def passed(rows: Sequence[CodeProof]) -> bool:
    """True if every row proves a unit, and no code was proven twice differently."""
    proven = {(row.measured.code, row.unit) for row in rows}
    codes = Counter(code for code, _ in proven)
    return all(row.unit for row in rows) and max(codes.values()) == 1


def units_proven(file: UnitProofFile) -> dict[int, Unit]:
    """The unit of each code of a file that passed."""
    return {row.measured.code: Unit[row.unit] for row in file.rows if row.unit is not None}


def unit_proof_text(file: UnitProofFile) -> str:
    """The file's text."""
    return file.model_dump_json(by_alias=True, indent=1) + "\n"


def parse_unit_proof(text: str) -> UnitProofFile:
    """Read a file back and judge it anew. Raises DocumentError with every problem."""
    malformed = json_problem(text)
    if malformed is not None:
        raise DocumentError([malformed])
    try:
        file = UnitProofFile.model_validate_json(text)
    except ValidationError as error:
        raise DocumentError(validation_problems(error)) from error
    problems = [
        Problem(f"rows.{at}", shown(row.unit), f"its numbers prove {judged(row.measured).unit}")
        for at, row in enumerate(file.rows)
        if judged(row.measured) != row
    ]
    if file.passed != passed(file.rows):
        problems.append(Problem("passed", str(file.passed), "must be what the rows say"))
    if file.by.id == file.second.id:
        rule = "must be somebody else than who did it"
        problems.append(Problem("second.id", file.second.id, rule))
    if problems:
        raise DocumentError(problems)
    return file


def parse_reference_time(text: str) -> datetime:
    """A certificate's reference time, such as ``2026-03-01T12:00Z``. ValueError for another."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} must say its time zone, like 2026-03-01T12:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is no time of UTC") from error


def dated(moment: datetime) -> str:
    """The name of a file made at this moment (UTC)."""
    return f"calibrator-{moment:%Y%m%d-%H%M%S}.json"
