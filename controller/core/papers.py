"""What people said in writing of one treatment: signatures, the directive, answers at the gates.

Texts were parsed before they came here and are kept as they stood: what they mean is read out of
them again by `controller.core.gates`.
"""

from dataclasses import dataclass, field

from firmware_interfaces.readings import ADDED


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature: who, in which role, what it means, when (UTC), how the identity was proven.

    ``name`` is the printed name; empty where nobody was recognised.
    """

    who: str
    role: str
    meaning: str
    utc_ns: int
    identity: str = "unauthenticated"
    name: str = field(default="", metadata=ADDED)


@dataclass(frozen=True, slots=True)
class Directive:
    """One text of the directive, and the authorized user's signature once it has one."""

    order: str
    signed: Signed | None = None
    signed_hash: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """The newest answer to a question of the gates, as canonical JSON, and who gave it."""

    question: str
    answer: str
    by: Signed


@dataclass(frozen=True, slots=True)
class Overridden:
    """The newest override of a gate, its reason, and who took it upon themselves."""

    gate: str
    reason: str
    by: Signed


@dataclass(frozen=True, slots=True)
class Papers:
    """What the gates of one session are judged by.

    ``versions`` are all texts of the directive, oldest first. ``zone_min`` is how far the site's
    clock was ahead of UTC when the session began, min: days are the site's. ``oral`` says whether
    this site takes oral directives. ``thaw_from_utc_ns`` is when everything before the thaw was in
    order for the first time.
    """

    regimen: str
    versions: tuple[Directive, ...]
    zone_min: int
    oral: bool = False
    answered: tuple[Answered, ...] = ()
    overridden: tuple[Overridden, ...] = ()
    thaw_from_utc_ns: int | None = None
