"""An order and all that it is judged against: the regimen, the site, the time, earlier doses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from controller.clinic.documents import Problem, utc_datetime
from controller.clinic.earlier import EarlierDose
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen

# The date is 14 hours ahead of UTC in Kiribati: a later date exists nowhere yet.
EARLIEST_DATE: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Case:
    """One order to be judged. ``earlier`` are the doses that this site's records show.

    It is None where no records are at hand: then nothing is said of other doses. ``oral`` says
    whether this site takes oral directives.
    """

    order: Order
    regimen: Regimen
    site: str
    now_utc_ns: int
    simulated: bool
    earlier: tuple[EarlierDose, ...] | None = ()
    oral: bool = False

    @property
    def today_at_most(self) -> date:
        """The latest date that it can be anywhere on earth."""
        return (utc_datetime(self.now_utc_ns) + EARLIEST_DATE).date()

    @property
    def doses(self) -> tuple[EarlierDose, ...]:
        """The earlier doses of this patient, of whatever drug, oldest first."""
        own = (dose for dose in self.earlier or () if dose.patient_id == self.order.patient.id)
        return tuple(sorted(own, key=lambda dose: dose.started_utc_ns))

    @property
    def same_drug(self) -> tuple[EarlierDose, ...]:
        """Those of them that were of the order's drug: they are what its number counts."""
        return tuple(dose for dose in self.doses if dose.drug == self.order.drug)


Rule = Callable[[Case], Iterator[Problem]]
