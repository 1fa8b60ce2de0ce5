"""What handlers have in common: results, refusals, signatures, and who is a second person."""

from dataclasses import dataclass, replace

from controller.core.event import ByPerson, Proven
from controller.core.judge import Commands
from controller.core.state import Signed, State


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is answered with no: the rule it meets and what was found."""

    rule: str
    detail: str


Result = tuple[State, Commands]


def done(state: State, *commands: object) -> Result:
    """A handler's result with these commands."""
    return state, commands  # type: ignore[return-value]


def signature(
    who: str, role: str, meaning: str, utc_ns: int, proven: Proven | None = None
) -> Signed:
    """The signature of a person, as far as they were recognised."""
    if proven is None:
        return Signed(who, role, meaning, utc_ns)
    return Signed(who, role or proven.role, meaning, utc_ns, proven.identity, proven.name)


def sign(state: State, event: ByPerson, meaning: str) -> State:
    """The state with the person's signature and what it means."""
    one = signature(event.who, event.role, meaning, event.utc_ns, event.proven)
    return replace(state, signatures=(*state.signatures, one))


def asked_by(state: State, event: ByPerson) -> State:
    """The state with who asked for the reading that is awaited: it will be signed by them."""
    return replace(state, assay_by=event.who, assay_proven=event.proven)


def co_sign(state: State, event: ByPerson, other: str, meaning: str) -> State:
    """The state with both signatures: who asked, and the second person who confirms it."""
    second = signature(other, "", f"confirmed: {meaning}", event.utc_ns, event.other)
    state = sign(state, event, meaning)
    return replace(state, signatures=(*state.signatures, second))


def second_person(event: ByPerson, other: str) -> Refused | None:
    """A refusal unless ``other`` is somebody else than who asks."""
    if other and other != event.who:
        return None
    return Refused("a second, different person must confirm", f"{event.who!r} and {other!r}")
