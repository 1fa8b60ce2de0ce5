"""Who may act here: people, their roles, what proves them, and what a change must keep to.

Pure. A PIN is known by its hash and a badge by its digest only; who hashes, and which file keeps
the changes, is decided elsewhere.
"""

import hmac
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from controller.clinic.documents import Document, DocumentError, Problem, Text, shown
from controller.clinic.signatures import folded
from controller.clinic.text import utc_text
from firmware_interfaces.units import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S
BADGE_DAYS_MAX: Final = 400
"""A badge is looked at again at least once a year (21 CFR 11.300(b) and (c))."""
BACK_NS: Final = NS_PER_S
"""So much a clock that is being disciplined may step back."""
PIN: Final = re.compile(r"[0-9]{6,12}")
BADGE: Final = re.compile(r"[!-~]{4,64}")
_ROWS: Final = "0123456789" * 2, "9876543210" * 2


class Role(StrEnum):
    """What a person is here. One person may hold several and signs in the first of this order."""

    AUTHORIZED_USER = "authorized_user"
    PHYSICIST = "physicist"
    TECHNICIAN = "technician"
    SECOND_PERSON = "second_person"
    ADMINISTRATOR = "administrator"


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PinHash = Annotated[str, StringConstraints(pattern=r"^\$argon2id\$[ -~]{20,300}$")]
Roles = Annotated[tuple[Role, ...], Field(min_length=1)]
Did = Literal["added", "badge", "pin", "disabled", "enabled"]


class Change(Document):
    """One change of one person: what was done, by whom, and why. Times are UTC in ns."""

    did: Did
    id: Id
    by: Id
    reason: Text
    name: Text | None = None
    roles: Roles | None = None
    badge: Digest | None = None
    badge_expires_utc_ns: int | None = None
    pin: PinHash | None = None


_BADGE_FIELDS: Final = frozenset({"badge", "badge_expires_utc_ns"})
_FIELDS: Final[dict[Did, frozenset[str]]] = {
    "added": _BADGE_FIELDS | {"name", "roles", "pin"},
    "badge": _BADGE_FIELDS,
    "pin": frozenset({"pin"}),
    "disabled": frozenset(),
    "enabled": frozenset(),
}
"""What each change says beside who, by whom and why."""
_SAID: Final = sorted(_FIELDS["added"])


@dataclass(frozen=True, slots=True)
class Person:
    """One person as the changes so far make them."""

    id: str
    name: str
    roles: tuple[Role, ...]
    badge: str
    badge_expires_utc_ns: int
    pin: str
    disabled: bool = False

    def acts_as(self, allowed: Collection[Role]) -> Role | None:
        """The first of the person's roles that is allowed, or None."""
        return next((role for role in Role if role in self.roles and role in allowed), None)


@dataclass(frozen=True, slots=True)
class Register:
    """Everybody, and when the newest change was made. ``badge_key`` goes into every badge digest.

    ``head`` is the hash of the newest change.
    """

    badge_key: str
    people: tuple[Person, ...] = ()
    at_utc_ns: int = 0
    head: str = ""

    def find(self, id_: str) -> Person | None:
        """The person of that id."""
        return next((person for person in self.people if person.id == id_), None)

    def person(self, id_: str) -> Person:
        """The person of that id. Raises KeyError where there is none."""
        found = self.find(id_)
        if found is None:
            raise KeyError(id_)
        return found

    def holder(self, badge: str) -> Person | None:
        """The enabled person of that badge; every digest is compared, each in constant time."""
        told = badge_digest(self.badge_key, badge)
        held = [one for one in self.people if hmac.compare_digest(one.badge, told)]
        return next((person for person in held if not person.disabled), None)


def badge_digest(key: str, badge: str) -> str:
    """What is kept of a badge's number: keyed, so that the file tells no number at a glance."""
    return hmac.digest(key.encode(), badge.encode(), "sha256").hex()


def badge_rule(badge: str) -> str:
    """Which rule the number of a badge breaks, or nothing."""
    return "" if BADGE.fullmatch(badge) else "must be 4 to 64 printable characters without blanks"


def pin_rule(pin: str) -> str:
    """Which rule a PIN breaks, or nothing. There is no default PIN (rule X1)."""
    if not PIN.fullmatch(pin):
        return "must be 6 to 12 digits"
    if len(set(pin)) < 3 or any(pin in row for row in _ROWS):
        return "must not be easy to guess: three different digits at least, not in a row"
    return ""


def changed(register: Register, change: Change, at_utc_ns: int, head: str = "") -> Register:
    """The register after a change made at ``at_utc_ns``. Raises DocumentError with every reason."""
    problems = [*_time(register, at_utc_ns), *_fields(change)]
    problems = problems or [*_right(register, change), *_fits(register, change, at_utc_ns)]
    if problems:
        raise DocumentError(problems)
    people = tuple(person for person in register.people if person.id != change.id)
    return Register(
        register.badge_key, (*people, _after(register.find(change.id), change)), at_utc_ns, head
    )


def expired(person: Person, now_utc_ns: int) -> str:
    """Why the person's badge does not count any more, or nothing."""
    if now_utc_ns < person.badge_expires_utc_ns:
        return ""
    return f"must not have expired: it did on {utc_text(person.badge_expires_utc_ns)}"


def _time(register: Register, at_utc_ns: int) -> Iterator[Problem]:
    if at_utc_ns < register.at_utc_ns:
        newest = utc_text(register.at_utc_ns)
        rule = f"must not run back: the newest change is of {newest}"
        yield Problem("clock", utc_text(at_utc_ns), rule)


def _fields(change: Change) -> Iterator[Problem]:
    needed = _FIELDS[change.did]
    for name in _SAID:
        value = getattr(change, name)
        if (value is not None) != (name in needed):
            rule = "is required" if name in needed else f"has no place in {change.did!r}"
            yield Problem(name, "absent" if value is None else "(not shown)", rule)


def _right(register: Register, change: Change) -> Iterator[Problem]:
    """An administrator makes every change; the first makes themself, at the console."""
    if not register.people:
        if change.did != "added" or change.by != change.id:
            yield Problem("by", shown(change.by), "must be the first administrator themself")
        elif change.roles is None or Role.ADMINISTRATOR not in change.roles:
            rule = "must name administrator: the first person makes all others"
            yield Problem("roles", shown(change.roles), rule)
    elif change.by not in _administrators(register):
        yield Problem("by", shown(change.by), "must be an administrator who is not disabled")


def _administrators(register: Register) -> set[str]:
    return {
        one.id for one in register.people if Role.ADMINISTRATOR in one.roles and not one.disabled
    }


def _fits(register: Register, change: Change, at_utc_ns: int) -> Iterator[Problem]:
    known = register.find(change.id)
    if change.did == "added":
        yield from _new(register, change)
    elif known is None:
        yield Problem("id", shown(change.id), "must be somebody of this site")
    elif change.did in ("disabled", "enabled") and known.disabled == (change.did == "disabled"):
        yield Problem("id", shown(change.id), f"must not be {change.did} already")
    elif change.did == "disabled" and _administrators(register) == {change.id}:
        yield Problem("id", shown(change.id), "must not be the last administrator")
    elif change.did == "enabled":
        yield from _badge_free(register, known.id, known.badge)
    if change.badge is not None and change.badge_expires_utc_ns is not None:
        yield from _badge_free(register, change.id, change.badge)
        yield from _expiry(change.badge_expires_utc_ns, at_utc_ns)


def _new(register: Register, change: Change) -> Iterator[Problem]:
    """One person has one id: neither id nor name is anybody's yet (rule I2)."""
    for field, said in (("id", change.id), ("name", change.name or "")):
        for one in register.people:
            if folded(getattr(one, field)) == folded(said):
                rule = f"must be nobody's yet: it is that of {one.id}; one person has one id"
                yield Problem(field, shown(said), rule)
    roles = change.roles or ()
    if len(set(roles)) != len(roles):
        yield Problem("roles", shown(roles), "must name each role once")


def _badge_free(register: Register, id_: str, badge: str) -> Iterator[Problem]:
    for one in register.people:
        if one.id != id_ and not one.disabled and hmac.compare_digest(one.badge, badge):
            yield Problem("badge", "(not shown)", f"must be one person's: it is that of {one.id}")


def _expiry(expires_utc_ns: int, at_utc_ns: int) -> Iterator[Problem]:
    if not at_utc_ns < expires_utc_ns <= at_utc_ns + BADGE_DAYS_MAX * DAY_NS:
        rule = f"must lie in the future, at most {BADGE_DAYS_MAX} days from now"
        yield Problem("badge_expires", utc_text(expires_utc_ns), rule)


def _after(known: Person | None, change: Change) -> Person:
    said = {name: getattr(change, name) for name in _FIELDS[change.did]}
    if known is None:
        return Person(id=change.id, **said)
    return replace(known, **said, disabled=_disabled(known, change))


def _disabled(known: Person, change: Change) -> bool:
    return change.did == "disabled" or (known.disabled and change.did != "enabled")
