"""Who signed what, when, and how sure we are of it. Knows nothing of log-in or of phases."""

from dataclasses import dataclass
from enum import StrEnum

from firmware_interfaces.units import Nanoseconds


class Identity(StrEnum):
    """How the signer was recognised; it stands in the record beside every signature."""

    UNAUTHENTICATED = "unauthenticated"
    BADGE = "badge"
    BADGE_PIN = "badge+PIN"


class Meaning(StrEnum):
    """What a signature says (21 CFR 11.50: a signature carries its meaning)."""

    ORDERED = "ordered as authorized user"
    ASSAYED = "determined the activity"
    RELEASED_FIRST = "released, first person"
    RELEASED_SECOND = "released, second person"
    ACKNOWLEDGED = "acknowledged"
    STARTED = "started the infusion"
    RESUMED = "resumed the infusion"
    BARREL_READ = "read the barrel"
    SITE_CHECKED = "checked the infusion site"
    SURVEYED = "surveyed pad, site, floor and gloves"
    CLOSED = "closed the treatment"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: operator, role, meaning and UTC in ns."""

    operator_id: str
    name: str
    role: str
    meaning: str
    at_utc_ns: Nanoseconds
    identity: str = Identity.UNAUTHENTICATED


def two_different_people(first: Signature, second: Signature) -> bool:
    """Return True only if both the ids and the names differ, case and spacing apart (rule I2).

    One person with two badges, or two badges made out to one name, are not two people.
    """
    return folded(first.operator_id) != folded(second.operator_id) and (
        folded(first.name) != folded(second.name)
    )


def folded(text: str) -> str:
    """``text`` with neither case nor spacing told apart."""
    return " ".join(text.casefold().split())
