"""What handlers have in common: results, refusals, signatures, and who is a second person."""

from dataclasses import dataclass, replace

from controller.core.events import ByPerson
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


def sign(state: State, event: ByPerson, meaning: str) -> State:
    """The state with the person's signature and what it means."""
    signed = Signed(event.who, event.role, meaning, event.utc_ns)
    return replace(state, signatures=(*state.signatures, signed))


def co_sign(state: State, event: ByPerson, other: str, meaning: str) -> State:
    """The state with both signatures: who asked, and the second person who confirms it."""
    signed = Signed(other, "", f"confirmed: {meaning}", event.utc_ns)
    state = sign(state, event, meaning)
    return replace(state, signatures=(*state.signatures, signed))


def second_person(event: ByPerson, other: str) -> Refused | None:
    """A refusal unless ``other`` is somebody else than who asks."""
    if other and other != event.who:
        return None
    return Refused("a second, different person must confirm", f"{event.who!r} and {other!r}")
