"""What a perturbed table does that these devices cannot show, and what finds it. Data only."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True, slots=True)
class Hazard:
    """Rows by the pattern of their names, the promises that may break, why, and the remedy.

    ``blind``: pump and calibrator show a treatment that goes as planned while another flows. Then
    no more than what was assayed in the syringe is the bound.
    """

    rows: tuple[str, ...]
    breaks: frozenset[str]
    why: str
    remedy: str
    blind: bool = False

    def names(self, row: str) -> bool:
        """Whether a row is an example of it."""
        return any(fnmatchcase(row, pattern) for pattern in self.rows)


HAZARDS: Final[tuple[Hazard, ...]] = (
    Hazard(
        rows=("ne1000:number:SAF:meant:*",),
        breaks=frozenset({"S4"}),
        why="SAF tells the seconds that were set, not those after which the pump really stops",
        remedy="the watchdog is proven at commissioning, without drug: silence, and the time until "
        "the plunger rests, for each pump and each change of its firmware",
    ),
    Hazard(
        rows=("ne1000:number:DIA:meant:*",),
        breaks=frozenset(),
        why="the counter is the pump's own arithmetic from the bore it believes in, and so agrees "
        "with the plan while another volume flows",
        remedy="gravimetric flow over 30 minutes for each syringe type at commissioning; the "
        "barrel reading asked for at 2, 5 and 15 min trips; what is left finds it in every case",
        blind=True,
    ),
    Hazard(
        rows=("crc15:letter:J:taken:next",),
        breaks=frozenset({"A"}),
        why="a reading that is wrong by less than the bands, always in the same way, looks like a "
        "true one; so does that of a drifting chamber",
        remedy="constancy and accuracy with known sources each day of use; the proof of the unit "
        "codes with sources of two different activities finds it at commissioning",
    ),
    Hazard(
        rows=("ne1000:word:TRG *:meant:*",),
        breaks=frozenset({"E"}),
        why="the pump never tells what its trigger input would do",
        remedy="press the stop button at commissioning and at each start of a day, with the pump "
        "running without drug (the program does not ask for it); STOP at the panel does not "
        "depend on it",
    ),
)


def hazard_of(name: str) -> Hazard | None:
    """The hazard that a row is an example of."""
    return next((hazard for hazard in HAZARDS if hazard.names(name)), None)
