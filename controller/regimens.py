"""The regimens of a site: whose text is read where, and that each is the one that site.toml pins.

Knows files and hashes; what a regimen says is judged in `controller.clinic`.
"""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from controller.clinic.documents import Problem
from controller.clinic.regimen import Regimen, RegimenError, parse_regimen, regimen_hash
from controller.section import Section, Text

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class RegimenSection(Section):
    """Names of the regimens that may be ordered here, and the SHA-256 of each one's file.

    A file NAME.toml in ``directory`` takes the place of the one that comes with this program.
    """

    allowed: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = ("clr131",)
    directory: Text | None = None
    sha256: dict[str, Sha256] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pins_what_is_allowed(self) -> "RegimenSection":
        for name in sorted(set(self.sha256) - set(self.allowed)):
            rule = f"sha256 pins {name!r}, which is not allowed here"
            raise PydanticCustomError("rule", "{rule}", {"rule": rule})
        return self

    @property
    def unpinned(self) -> tuple[str, ...]:
        """Names that may be ordered and have no hash here."""
        return tuple(name for name in self.allowed if name not in self.sha256)


class DirectiveSection(Section):
    """Whether oral directives are taken here in an emergency (10 CFR 35.40(a)(1))."""

    oral: bool = False


def regimen_text(name: str, directory: str | None = None) -> str:
    """The text of a regimen, of ``directory`` or of this program.

    Raises FileNotFoundError where there is none, and RegimenError where it is not UTF-8.
    """
    folders: list[Traversable] = [resources.files("controller.clinic") / "regimens"]
    if directory is not None:
        folders.insert(0, Path(directory))
    for folder in folders:
        held = {item.name: item for item in folder.iterdir()} if folder.is_dir() else {}
        if f"{name}.toml" in held:
            return _decoded(held[f"{name}.toml"].read_bytes())
    raise FileNotFoundError(name)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise RegimenError([Problem("regimen", "(not UTF-8)", str(error))]) from None


def regimen_of(name: str, section: RegimenSection | None) -> tuple[Regimen, str]:
    """A regimen by its name, and its text; ``section`` None takes every one of this program.

    Raises RegimenError: for a name that is not allowed or not there, and for a file that is not the
    pinned one (rule X5).
    """
    if section is not None and name not in section.allowed:
        rule = f"must be one of this site's regimens: {', '.join(section.allowed)}"
        raise RegimenError([Problem("regimen", repr(name), rule)])
    try:
        text = regimen_text(name, section.directory if section is not None else None)
    except FileNotFoundError:
        rule = "must be a regimen of this program"
        raise RegimenError([Problem("regimen", repr(name), rule)]) from None
    problems = [] if section is None else _altered(name, text, section)
    if problems:
        raise RegimenError(problems)
    regimen = parse_regimen(text)
    if regimen.name != name:
        rule = f"must be called {name} as its file is"
        raise RegimenError([Problem("regimen.name", repr(regimen.name), rule)])
    return regimen, text


def _altered(name: str, text: str, section: RegimenSection) -> list[Problem]:
    """Why this text is not the one that the site pinned; nothing where it pinned none."""
    pinned, found = section.sha256.get(name), regimen_hash(text)
    if pinned in (None, found):
        return []
    rule = f"must be the file that site.toml pins, {pinned}: it was altered"
    return [Problem(f"regimen {name}", f"sha256 {found}", rule)]
