"""A hand whose treatment has gates, and who answers at them."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from controller.clinic.answers import parse_answer
from controller.clinic.documents import canonical_json, utc_ns
from controller.clinic.gate_table import GATES, Place
from controller.clinic.order import Order, order_hash, order_json, parse_order
from controller.clinic.regimen import parse_regimen
from controller.core import commands as c
from controller.core import events as e
from controller.core.event import Proven
from controller.core.papers import Directive, Papers
from controller.core.state import Phase, State
from controller.regimens import regimen_text
from simulators.bench.answers import good_answer
from tests.core.hand import Hand
from tests.core.world import COMMISSIONED, MIN, MONO0, S

BEGIN: Final = datetime.fromisoformat("2025-11-20T13:00:00-06:00")
EXAMPLE: Final = json.loads((Path(__file__).parents[2] / "examples" / "order.json").read_text())
ORDER: Final = parse_order(json.dumps(EXAMPLE))
TEXT: Final = regimen_text("clr131-bench")
REGIMEN: Final = parse_regimen(TEXT)
AU: Final = Proven("Example, Alex, MD", "authorized_user", "badge+PIN")
ANNA: Final = Proven("Anna Berger", "technician", "badge+PIN")


class Gated(Hand):
    """A hand that also answers at the gates."""

    def now(self) -> datetime:
        """The clock on the wall."""
        return BEGIN + timedelta(microseconds=(self.now_ns - MONO0) // 1000)

    def tell(self, kind: Any, *fields: Any, by: Proven = ANNA, who: str = "ab") -> c.Refuse | None:
        """Something that a recognised person does; what it is refused for, if it is."""
        self.wait(S)
        stamps = self.now_ns, self.now_ns + self.skew_ns
        told = self.take(kind(*stamps, who, by.role, *fields, proven=by))
        return next((x for x in told if isinstance(x, c.Refuse)), None)

    def sign(self, order: Order = ORDER, by: Proven = AU) -> c.Refuse | None:
        """The authorized user signs what stands on the screen."""
        return self.tell(e.DirectiveSigned, order_hash(order), by=by, who="au")

    def answer(self, question: str, by: Proven = ANNA, **changes: Any) -> c.Refuse | None:
        """The good answer to a question with some changes."""
        told = {**good_answer(question, ORDER, REGIMEN, self.now()), **changes}
        document = parse_answer(question, canonical_json(told))
        text = canonical_json(document.model_dump(mode="json"))
        return self.tell(e.GateAnswered, question, text, by=by)

    def answers(self, place: Place, *but: str) -> "Gated":
        """Everything that is asked at a place."""
        for question in questions(place):
            if question not in but:
                assert self.answer(question) is None, question
        return self

    def signed(self) -> "Gated":
        """ORDERED, with a signed directive."""
        self.ordered()
        assert self.sign() is None
        return self

    def thawed(self) -> "Gated":
        """Everything before the thaw answered, and half an hour of thawing."""
        self.signed().answers(Place.BEFORE_THAW)
        assert self.answer("thaw") is None
        self.wait(30 * MIN)
        return self

    def first_release(self) -> "Gated":
        """Assayed, everything of the hot lab answered, released by one person."""
        self.thawed().assayed()
        self.answers(Place.HOT_LAB, "thaw")
        self.do(e.ReleaseSigned, who="ab")
        assert len(self.state.released) == 1
        return self

    def let_go(self) -> "Gated":
        """RELEASED."""
        self.first_release().answers(Place.BEDSIDE)
        self.do(e.ReleaseSigned, who="cd")
        self.must_be(Phase.RELEASED)
        return self


def questions(place: Place) -> Iterator[str]:
    """What is asked at a place, each question once."""
    return iter(dict.fromkeys(gate.answer for gate in GATES if gate.place is place))


def gated(regimen: str = TEXT, order: Order = ORDER, **papers: Any) -> Gated:
    """A session that was begun with gates."""
    told = Papers(regimen, (Directive(order_json(order)),), zone_min=-360, **papers)
    state = State(session="s1", commissioned=COMMISSIONED, papers=told)
    return Gated(state=state, skew_ns=utc_ns(BEGIN) - MONO0)


ORAL: Final = parse_order(
    json.dumps(
        {
            **EXAMPLE,
            "authorized_user": {"name": "Example, Alex, MD", "signed_at": None},
            "oral": {
                "directed_at": "2025-11-20T12:00:00-06:00",
                "emergency": "airway",
                "written_down_by": {"id": "ab", "name": "Anna Berger"},
            },
        }
    )
)


def oral() -> Hand:
    """ORDERED by word of mouth, at a site that takes such directives."""
    return gated(order=ORAL, oral=True).ordered()


def at_a_gate(point: str) -> Hand:
    """A treatment with gates at this point."""
    hand = gated()
    match point:
        case "ordered":
            return hand.ordered()
        case "signed":
            return hand.signed()
        case "thawed":
            return hand.thawed()
        case "released_once":
            return hand.first_release()
        case _:
            return hand.let_go()
