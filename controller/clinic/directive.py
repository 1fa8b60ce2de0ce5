"""A directive through its versions: what may start, what may still be revised, and what is due.

10 CFR 35.40: signed by an authorized user before the administration; revised only by a new
signature before it; an oral directive, in an emergency, is written and signed within 48 hours. Who
somebody is has been proven elsewhere; here stands what the signatures must be of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from controller.clinic.documents import Problem, shown, utc_ns
from controller.clinic.order import Order, order_hash
from controller.clinic.signatures import Meaning, Signature, folded
from controller.clinic.text import utc_text
from firmware_interfaces.units import NS_PER_H, Nanoseconds

AUTHORIZED_USER: Final = "authorized_user"
ORAL_HOURS: Final = 48
ALWAYS_THE_SAME: Final = (
    *("order_id", "site", "drug", "nuclide", "regimen", "dose_number"),
    "cold_run",
)


@dataclass(frozen=True, slots=True)
class Version:
    """One text of the directive, and its signature where it has one.

    ``signed_hash`` is the `order_hash` that was on the signer's screen.
    """

    order: Order
    signature: Signature | None = None
    signed_hash: str = ""


def start_problems(
    versions: Sequence[Version], now_utc_ns: int, *, oral: bool = False
) -> list[Problem]:
    """Why the administration may not start now: only the newest version counts (W1 to W4).

    ``versions`` are all texts of one directive, oldest first, at least one. ``oral`` says whether
    this site takes oral directives. A cold run gives nothing: nobody directs it, none may sign it.
    """
    newest = versions[-1]
    problems = [p for last, next_ in pairwise(versions) for p in _follows(last, next_.order)]
    if newest.order.cold_run:
        return [*problems, *_unsigned(newest)]
    if newest.signature is not None:
        return [*problems, *_signed(newest, newest.signature, now_utc_ns)]
    if oral and newest.order.oral is not None:
        return [*problems, *_oral_due(newest.order, now_utc_ns)]
    rule = "an authorized user must sign this text before the start (10 CFR 35.40(a), (c))"
    return [*problems, Problem("signature", "absent", rule)]


def revision_problems(
    versions: Sequence[Version], revised: Order, begun_utc_ns: int | None
) -> list[Problem]:
    """Why ``revised`` may not become the next version (W3); ``begun_utc_ns`` is the start, if any.

    What it says is judged by the rules of orders like any other.
    """
    problems = list(_follows(versions[-1], revised))
    if begun_utc_ns is not None:
        rule = "a directive is revised before the administration only (10 CFR 35.40(c))"
        problems.append(Problem("revision", f"begun at {utc_text(begun_utc_ns)}", rule))
    return problems


def oral_due_utc_ns(versions: Sequence[Version]) -> Nanoseconds | None:
    """Until when an oral directive must be written and signed (W4); None where none is owed."""
    newest = versions[-1]
    if newest.order.oral is None or newest.signature is not None:
        return None
    return _due(newest.order)


def _unsigned(version: Version) -> Iterator[Problem]:
    if version.signature is not None:
        rule = "must be absent: a cold run is no directive that could be signed"
        yield Problem("signature", shown(version.signature.name), rule)


def _due(order: Order) -> Nanoseconds:
    return Nanoseconds(utc_ns(order.directed_at) + ORAL_HOURS * NS_PER_H)


def _oral_due(order: Order, now_utc_ns: int) -> Iterator[Problem]:
    if now_utc_ns > _due(order):
        rule = f"is overdue since {utc_text(_due(order))}: {ORAL_HOURS} h (10 CFR 35.40(a)(1))"
        yield Problem("signature", "absent", rule)


def _signed(version: Version, signature: Signature, now_utc_ns: int) -> Iterator[Problem]:
    """The signature is an authorized user's, of this very text, and from before the start."""
    named = version.order.authorized_user.name
    if signature.role != AUTHORIZED_USER:
        yield Problem("signature.role", shown(signature.role), f"must be {AUTHORIZED_USER}")
    if folded(signature.name) != folded(named):
        rule = f"must be the directive's authorized user, {named}"
        yield Problem("signature.name", shown(signature.name), rule)
    if signature.meaning != Meaning.ORDERED:
        yield Problem("signature.meaning", signature.meaning, f"must be: {Meaning.ORDERED}")
    if version.signed_hash != order_hash(version.order):
        rule = "is of another text than this version: it must be signed anew"
        yield Problem("signature", version.signed_hash or "of nothing", rule)
    if signature.at_utc_ns >= now_utc_ns:
        yield Problem("signature.at", utc_text(signature.at_utc_ns), "must be before the start")


def _follows(last: Version, order: Order) -> Iterator[Problem]:
    """A revision names the text that it revises, and is still the same directive."""
    number = 1 + (last.order.revision.number if last.order.revision is not None else 0)
    if order.revision is None:
        yield Problem(
            "revision", "absent", f"must say that it is revision {number}, of what and why"
        )
        return
    if order.revision.number != number:
        yield Problem("revision.number", str(order.revision.number), f"must be {number}")
    before = order_hash(last.order)
    if order.revision.revises != before:
        yield Problem("revision.revises", order.revision.revises, f"must be {before}")
    for field in ALWAYS_THE_SAME:
        was, now = getattr(last.order, field), getattr(order, field)
        if was != now:
            yield Problem(field, shown(now), f"must stay {shown(was)}: order anew")
    if last.order.patient.id != order.patient.id:
        rule = f"must stay {shown(last.order.patient.id)}: order anew"
        yield Problem("patient.id", shown(order.patient.id), rule)
