"""Hot lab and bedside: the two places between which the drug's container changes hands."""

from dataclasses import dataclass
from enum import Enum

from controller.core.event import ByPerson


class Place(Enum):
    """A place with a station of its own; a small site's one station may stand for both."""

    HOT_LAB = "hot_lab"
    BEDSIDE = "bedside"

    @property
    def words(self) -> str:
        """As people say it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class CustodyHandedOver(ByPerson):
    """``who`` gave the container out of their hands, ``confirmed_by`` took it over at ``to``."""

    to: Place
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """What went where: from whom to whom, by operator id, and when (UTC, ns)."""

    to: Place
    what: str
    given_by: str
    taken_by: str
    utc_ns: int
