"""The people of a bench: the badges that they carry and the PINs that they know.

Made up, and printed for whoever plays them. A ward's program takes none of it: what keeps these
PINs costs less than any ward may state.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from controller.clinic.people import DAY_NS, Change, Role, badge_digest
from controller.panel.actions import BY_NAME, LOAD, PIN, Confirmed
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER
from controller.people_file import People, begun, with_change
from controller.pins import PinCost, hashed

COST: Final = PinCost(8, 1)
BADGE_KEY: Final = "bench" * 8
BADGE_DAYS: Final = 300
WANTED: Final = 401
"""The status of whoever must show a badge or type a PIN."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """One person of the bench."""

    id: str
    name: str
    role: Role
    badge: str
    pin: str


BEARERS: Final = (
    Bearer("ad", "Ada Minn", Role.ADMINISTRATOR, "bench-ad", "570291"),
    Bearer("ab", "Anna Berger", Role.TECHNICIAN, "bench-ab", "246813"),
    Bearer("cd", "Chris Dahl", Role.TECHNICIAN, "bench-cd", "135792"),
    Bearer("au", "Dr. Ulrike Amsel", Role.AUTHORIZED_USER, "bench-au", "864201"),
)
PRESCRIBER: Final = "au"
BY_ID: Final = {bearer.id: bearer for bearer in BEARERS}
CLINICAL: Final = tuple(one for one in BEARERS if one.role is not Role.ADMINISTRATOR)


@cache
def bench_people(at_utc_ns: int) -> People:
    """The file of the bench's people, made at ``at_utc_ns``; the same for the same moment."""
    people = begun(at_utc_ns, BADGE_KEY)
    for number, one in enumerate(BEARERS):
        people = with_change(people, _added(one, number, at_utc_ns), at_utc_ns)
    return people


def _added(one: Bearer, number: int, at_utc_ns: int) -> Change:
    return Change(
        did="added",
        id=one.id,
        by=BEARERS[0].id,
        reason="plays in the bench",
        name=one.name,
        roles=(one.role,),
        badge=badge_digest(BADGE_KEY, one.badge),
        badge_expires_utc_ns=at_utc_ns + BADGE_DAYS * DAY_NS,
        pin=hashed(one.pin, COST, bytes([number]) * 16),
    )


def typed(action: str, body: dict[str, Any]) -> dict[str, str]:
    """The headers with the PINs that people type for an action."""
    asked = BY_NAME.get(action, LOAD)
    if asked.proof is not PIN:
        return {}
    people = {PIN_HEADER: body.get("operator")}
    if issubclass(asked.body, Confirmed):
        people[SECOND_PIN_HEADER] = body.get("confirmed_by")
    return {header: BY_ID[who].pin for header, who in people.items() if who in BY_ID}


def wanted(status: int, text: str | bytes) -> Bearer | None:
    """Who must show their badge before this is answered; None where nobody is asked to."""
    if status != WANTED:
        return None
    error = json.loads(text)["error"]
    if error.get("field") not in ("operator", "confirmed_by"):
        return None
    return BY_ID.get(error["value"])
