"""What is known of a calibrator's unit codes: the proof that site.toml names, or what hosts agree.

Whatever is wrong with a proof, the daemon comes up; every reading then says what is wrong, and is
refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.clinic.documents import DocumentError, sha256_hex
from controller.clinic.unit_proof import UnitProofFile, parse_unit_proof, units_proven
from controller.config import SiteConfig
from controller.device_sections import Crc15Section
from firmware_interfaces.crc15 import Unit, agreed_unit


@dataclass(frozen=True, slots=True)
class UnitsKnown:
    """The codes that a proof proves; ``seen`` says which proof, or why there is none.

    ``units`` is None where a proof is named that does not hold: then no code is worth anything.
    """

    seen: str
    units: Mapping[int, Unit] | None

    def unit_of(self, code: int) -> Unit:
        """The unit of a code: as proven, else as every public host reads it. Raises ValueError."""
        if self.units is None:
            raise ValueError(f"refused: the unit proof does not hold: {self.seen}")
        if code in self.units:
            return self.units[code]
        try:
            return agreed_unit(code)
        except ValueError as error:
            raise ValueError(f"{error}; {self.seen}") from error


NOT_ASKED: Final = UnitsKnown("", {})
"""A kind of calibrator whose unit codes are in no doubt."""


def units_known_of(site: SiteConfig) -> UnitsKnown:
    """What the proof that ``site`` names says. Blocking; never raises."""
    if not isinstance(site.calibrator, Crc15Section):
        return NOT_ASKED
    named = site.calibrator.unit_proof
    if named is None:
        told = "site.toml names no calibrator.unit_proof: isodrip commission calibrator"
        return UnitsKnown(told, {})
    try:
        text = Path(named).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return UnitsKnown(f"{named} cannot be read: {error}", None)
    return units_by(site, text)


def units_by(site: SiteConfig, text: str) -> UnitsKnown:
    """What the text of a unit proof says of the calibrator of ``site``."""
    try:
        file = parse_unit_proof(text)
    except DocumentError as error:
        return UnitsKnown(str(error)[:300], None)
    wrong = _of_another(site, file)
    if wrong is not None:
        return UnitsKnown(wrong, None)
    return UnitsKnown(f"SHA-256 {sha256_hex(text)}", units_proven(file))


def units_text(known: UnitsKnown) -> str:
    """One line for people: which unit codes are proven."""
    if known.units is None:
        return f"calibrator: no reading will be taken, its unit proof does not hold: {known.seen}"
    units = [f"{code} is {unit.name.lower()}" for code, unit in sorted(known.units.items())]
    return f"calibrator: unit codes proven: {', '.join(units) or 'none'} ({known.seen})"


def _of_another(site: SiteConfig, file: UnitProofFile) -> str | None:
    """Why a file that holds proves nothing of this site's calibrator."""
    section, words = site.calibrator, {True: "simulated", False: "real"}
    if not file.passed:
        return "the instrument failed it"
    if file.simulated != site.site.simulated:
        return f"{words[file.simulated]} proof, {words[site.site.simulated]} site"
    if (file.kind, file.serial) != (section.kind, section.serial):
        named = f"{section.kind} {section.serial or '(no serial)'}"
        return f"it is of {file.kind} {file.serial}, site.toml names {named}"
    return None
