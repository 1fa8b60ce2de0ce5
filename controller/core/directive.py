"""The directive of a session as its papers hold it: its texts, signatures, what is still due."""

from functools import lru_cache
from typing import Final

from controller.clinic import directive
from controller.clinic.directive import Version
from controller.clinic.order import Order, parse_order
from controller.clinic.signatures import Signature
from controller.clinic.text import utc_text
from controller.core.limits import Limits
from controller.core.papers import Papers, Signed
from controller.core.state import State
from firmware_interfaces.units import NS_PER_H, Nanoseconds

WARNED_NS: Final = 12 * NS_PER_H
"""So long before it is due an unsigned directive is called for."""


@lru_cache(maxsize=16)
def order_of(text: str) -> Order:
    """The order that stands in a text. Raises OrderError."""
    return parse_order(text)


def signature_of(signed: Signed) -> Signature:
    """A signature of a session as the clinic knows them."""
    at = Nanoseconds(signed.utc_ns)
    name = signed.name or signed.who
    return Signature(signed.who, name, signed.role, signed.meaning, at, signed.identity)


def versions_of(papers: Papers) -> tuple[Version, ...]:
    """All texts of the directive, oldest first, with their signatures."""
    return tuple(
        Version(
            order_of(one.order),
            None if one.signed is None else signature_of(one.signed),
            one.signed_hash,
        )
        for one in papers.versions
    )


def oral_due_utc_ns(papers: Papers) -> Nanoseconds | None:
    """Until when an oral directive must be signed; None where none is owed."""
    return directive.oral_due_utc_ns(versions_of(papers)) if papers.oral else None


def directive_due(state: State, limits: Limits) -> str:
    """Prompt: an oral directive is unsigned. A person has half a day of 48 hours left. Advises."""
    due_utc_ns = None if state.papers is None else oral_due_utc_ns(state.papers)
    if due_utc_ns is None or state.now_utc_ns < due_utc_ns - WARNED_NS:
        return ""
    over = state.now_utc_ns > due_utc_ns
    return f"{'overdue since' if over else 'due at'} {utc_text(due_utc_ns)}"
