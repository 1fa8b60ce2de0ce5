"""The safety file as values, read from the TOML below ``docs/safety``.

Knows the shape of a row and names whatever does not fit; knows nothing of code or tests.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]


class FileError(Exception):
    """The safety file cannot be read: one line a problem."""


class Status(StrEnum):
    """Whether a requirement holds today, is built later, or is none of ours."""

    NOW = "now"
    LATER = "later"
    NOT_APPLICABLE = "not applicable"
    OUTSIDE = "outside"


class Kind(StrEnum):
    """Kinds of risk control, in the order of preference of ISO 14971, 7.1."""

    DESIGN = "design"
    INTERLOCK = "interlock"
    GATE = "gate"
    INFORMATION = "information"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Named(_Row):
    id: Text


class Group(_Row):
    """Where a group of requirements comes from; it stands once at the head of its file."""

    title: Text
    source: Text


class Requirement(_Named):
    """One row of a source. ``why`` says how it is met, or why it is not asked of this program.

    A row of today may leave that to its controls.
    """

    text: Text
    status: Status
    why: str = ""
    where: str = ""
    group: str = ""


class Control(_Named):
    """One risk control. ``where`` are dotted names of the code, ``refuses`` the rules it tells."""

    kind: Kind
    what: Text
    requirements: Texts
    where: Texts = ()
    refuses: Texts = ()


class Hazard(_Named):
    """One hazard from its cause to what is left of it.

    ``later`` are requirements that will lower it further, ``scenarios`` rehearse its sequence on
    the bench, ``blind`` are alarm rows that would see it and that no device here brings.
    """

    hazard: Text
    sequence: Text
    situation: Text
    harm: Text
    severity: Text
    initial: Text
    initial_why: Text
    controls: Texts = ()
    residual: Text
    residual_why: str = ""
    carried_by: Text
    later: Texts = ()
    scenarios: Texts = ()
    incidents: Annotated[tuple[int, ...], Field(strict=False)] = ()
    blind: Texts = ()
    category: str = ""


class Scales(_Row):
    """Severities and probabilities from least to most with what they mean, and the matrix.

    ``matrix`` has a row a severity and a letter a probability: a acceptable, r reduce as far as
    possible, u unacceptable. ``areas`` names what a requirement's ``where`` stands for, and
    ``incidents`` the classes of reported events that some hazard must cover.
    """

    severity: dict[str, Text]
    probability: dict[str, Text]
    matrix: dict[str, Text]
    areas: dict[str, Text]
    incidents: dict[str, Text]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rows = {name: set(row) <= set("aru") and len(row) for name, row in self.matrix.items()}
        if rows != dict.fromkeys(self.severity, len(self.probability)):
            raise ValueError("matrix must have a row a severity and a, r or u a probability")
        return self

    def region(self, severity: str, probability: str) -> str:
        """The letter of the matrix for a risk."""
        return self.matrix[severity][list(self.probability).index(probability)]


class SafetyFile(_Row):
    """All of it. The order of the rows is that of the files."""

    scales: Scales
    groups: dict[str, Group]
    requirements: tuple[Requirement, ...]
    controls: tuple[Control, ...]
    hazards: tuple[Hazard, ...]


R = TypeVar("R", bound=_Row)


def _row(kind: type[R], path: Path, given: dict[str, Any]) -> R:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        name = given.get("id", kind.__name__)
        wrong = [
            f"{path.name}: {name}.{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_url=False)
        ]
        raise FileError("\n".join(wrong)) from None


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FileError(f"{path.name}: {error}") from None


def _rows(kind: type[R], path: Path, key: str, **fixed: str) -> Iterator[R]:
    for given in _table(path).get(key, ()):
        yield _row(kind, path, {**given, **fixed})


def _interlocks(path: Path, texts: dict[str, str]) -> Iterator[Control]:
    """An interlock needs no more than its requirements: what it does stands in its alarm row."""
    for id_, requirements in _table(path).get("interlocks", {}).items():
        row = {"id": id_, "kind": Kind.INTERLOCK, "requirements": requirements}
        yield _row(Control, path, {**row, "what": texts.get(id_, "(no interlock of this program)")})


CATEGORIES: Final = ("use", "device", "software", "environment")


def read_file(folder: Path, texts: dict[str, str]) -> SafetyFile:
    """Read the safety file; ``texts`` says what each interlock tells. Raises `FileError`."""
    groups: dict[str, Group] = {}
    requirements: list[Requirement] = []
    for path in sorted((folder / "requirements").glob("*.toml")):
        groups[path.stem] = _row(Group, path, _table(path).get("group", {}))
        requirements += _rows(Requirement, path, "requirement", group=path.stem)
    controls = folder / "controls.toml"
    found = SafetyFile(
        scales=_row(Scales, folder / "scales.toml", _table(folder / "scales.toml")),
        groups=groups,
        requirements=tuple(requirements),
        controls=(*_rows(Control, controls, "control"), *_interlocks(controls, texts)),
        hazards=tuple(
            hazard
            for category in CATEGORIES
            for hazard in _rows(
                Hazard, folder / "hazards" / f"{category}.toml", "hazard", category=category
            )
        ),
    )
    _unique(found)
    return found


def _unique(found: SafetyFile) -> None:
    rows: tuple[_Named, ...] = (*found.requirements, *found.controls, *found.hazards)
    twice = [id_ for id_, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise FileError(f"an id stands twice: {', '.join(twice)}")
