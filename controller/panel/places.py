"""Where an action belongs: in the hot lab, at the bedside, at either.

What only stops, warns, answers an alarm or ends belongs to no place: nobody is sent elsewhere with
it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from controller.clinic.gate_table import BY_ID, GATES
from controller.core.place import Place
from controller.core.state import State

BOTH: Final = frozenset(Place)


@dataclass(frozen=True, slots=True)
class Where:
    """``of`` gives the places at which an action may be asked for, by its body and its session."""

    words: str
    of: Callable[[Any, State], frozenset[Place]]


def _always(words: str, *places: Place) -> Where:
    return Where(words, lambda _body, _state: frozenset(places))


def _of_gate(gate: str) -> frozenset[Place]:
    """The gate's own place; what is asked before the thaw may be answered at either."""
    name = BY_ID[gate].place.name if gate in BY_ID else ""
    return frozenset({Place[name]}) if name in Place.__members__ else BOTH


def _of_question(body: Any, _state: State) -> frozenset[Place]:
    gates = [gate.id for gate in GATES if gate.answer == body.question]
    return _of_gate(gates[0]) if gates else BOTH


LAB: Final = _always("the hot lab", Place.HOT_LAB)
BED: Final = _always("the bedside", Place.BEDSIDE)
ANYWHERE: Final = _always("any station", *Place)
TAKER: Final = Where("the place that takes over", lambda body, _: frozenset({Place(body.to)}))
SIGNATURE: Final = Where(
    "the hot lab first, then the bedside",
    lambda _, state: frozenset({Place.BEDSIDE if state.released else Place.HOT_LAB}),
)
QUESTION: Final = Where("the question's place", _of_question)
GATE: Final = Where("the gate's place", lambda body, _: _of_gate(body.gate))
