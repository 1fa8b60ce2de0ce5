"""Facts of what people did on paper: the directive, the gates, what was entered late."""

from dataclasses import dataclass

from controller.core.event import ByPerson
from controller.core.treatment import Treatment


@dataclass(frozen=True, slots=True)
class OrderLoaded(ByPerson):
    """A checked order was loaded."""

    treatment: Treatment


@dataclass(frozen=True, slots=True)
class GateAnswered(ByPerson):
    """A question of the gates was answered; ``answer`` is canonical JSON."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class GateOverridden(ByPerson):
    """Somebody takes it upon themselves that a gate stands closed."""

    gate: str
    reason: str


@dataclass(frozen=True, slots=True)
class DirectiveSigned(ByPerson):
    """The authorized user signed the text with this hash, as it stood on the screen."""

    order_hash: str


@dataclass(frozen=True, slots=True)
class DirectiveRevised(ByPerson):
    """Another text of the directive was checked; ``order`` is canonical JSON."""

    order: str
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class FinishedByHand(ByPerson):
    """Entered late, by two people: what was given and flushed by hand, from when till when (UTC).

    ``low_nl`` and ``high_nl`` bound the drug given by ``given_by``, ``method`` says how that was
    found. It adds to what the pump gave, which stays as it is.
    """

    confirmed_by: str
    given_by: str
    begun_utc_ns: int
    ended_utc_ns: int
    low_nl: int
    high_nl: int
    flushed_nl: int
    method: str
    reason: str
