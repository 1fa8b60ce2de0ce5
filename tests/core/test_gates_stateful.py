"""Random ways through the gates, judged by a reckoning of its own: what was said well, and when."""

from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from controller.clinic.gate_table import Place
from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase
from tests.core.gated import AU, gated, questions
from tests.core.world import MIN, S, activity

WRONG: Final[dict[str, dict[str, Any]]] = {
    "dose_order": {"activity": 100.0, "unit": "mCi"},
    "consent": {"signed_at": "2150-01-01T00:00:00Z"},
    "pregnancy": {"breast_feeding": "yes"},
    "thyroid_block": {"agent": "salt"},
    "laboratory": {"values": {}},
    "companion": {"given": []},
    "constancy": {"deviation_percent": 7.0},
    "checklist_before_thaw": {"done": []},
    "scanner_hot_lab": {"scan": "Isodrip"},
    "vial": {"vials_here": 0},
    "thaw": {"started_at": "2150-01-01T00:00:00Z"},
    "dose_label": {"scan": "ISODRIP|patient_id=other|drug=CLR 131|nuclide=I-131|lot=L-778"},
    "shield_label": {"container": False},
    "scanner_bedside": {"scan": "Isodrip"},
    "wristband": {"scan": "other"},
    "dose_again": {"scan": "ISODRIP|patient_id=other|drug=CLR 131|nuclide=I-131|lot=L-778"},
    "site_seen": {"sound": False},
    "shield": {"in_place": False},
    "checklist_bedside": {"done": []},
}
"""For each question an answer that leaves its gate closed."""
TAKEN_ON: Final = {
    "thyroid_block": "thyroid_block",
    "laboratory": "laboratory",
    "companion": "companion",
    "constancy": "constancy",
    "checklist_before_thaw": "checklist_before_thaw",
    "vials": "vial",
    "shield": "shield",
    "checklist_bedside": "checklist_bedside",
}
"""Gates that an authorized user may answer for, and the question of each."""
ASKED: Final = {
    place: [question for question in questions(place) if question in WRONG] for place in Place
}
EVERY: Final = [question for place in Place for question in ASKED[place]]
TIME_OUT_NS: Final = 15 * MIN


@dataclass(slots=True)
class Said:
    """What was said last to a question: whether it was right, when, and whether taken on since."""

    right: bool
    at_ns: int
    taken_on_ns: int | None = None


@dataclass(slots=True)
class Reckoning:
    """What an honest clerk with a list would know."""

    signed: bool = False
    said: dict[str, Said] = field(default_factory=dict)
    cleared: bool = False

    def stands(self, question: str, now_ns: int) -> bool:
        """Whether nothing is to be said against a question's gates now."""
        said = self.said.get(question)
        if said is None:
            return False
        lately = question not in ASKED[Place.BEDSIDE]
        if said.right:
            return lately or now_ns - said.at_ns <= TIME_OUT_NS
        taken_ns = said.taken_on_ns
        return taken_ns is not None and (lately or now_ns - taken_ns <= TIME_OUT_NS)

    def open(self, upto: Place, now_ns: int) -> bool:
        """Whether a treatment may go on at a place."""
        asked = [question for place in Place if place <= upto for question in ASKED[place]]
        return self.signed and all(self.stands(question, now_ns) for question in asked)


class Gates(RuleBasedStateMachine):
    """People who answer, sign, override and release in any order, well and badly."""

    def __init__(self) -> None:
        super().__init__()
        self.hand = gated()
        self.hand.ordered()
        self.known = Reckoning()

    @initialize(steps=st.sampled_from([0, 1, 2, 3, 3, 4]))
    def begin(self, steps: int) -> None:
        """So much of the way is done rightly before anything at all may happen."""
        if steps > 0:
            self.sign()
            self.answer_all(Place.BEFORE_THAW)
        if steps > 1:
            self.assay()
            self.answer_all(Place.HOT_LAB)
        if steps > 2:
            self.release(asked=False, minutes=0)
        if steps > 3:
            self.answer_all(Place.BEDSIDE)

    def _refused(self, kind: Any, *fields: Any, who: str = "ab") -> bool:
        commands = self.hand.do(kind, *fields, who=who)
        return any(isinstance(command, c.Refuse) for command in commands)

    @rule(question=st.sampled_from(EVERY), right=st.booleans())
    def answer(self, question: str, right: bool) -> None:
        """A question is answered, rightly or not, whether or not its time has come."""
        refused = self.hand.answer(question, **({} if right else WRONG[question]))
        now_ns = self.hand.now_ns
        if question in ASKED[Place.BEFORE_THAW]:
            taken = True
        else:
            taken = self.known.open(Place.BEFORE_THAW, now_ns)
            if question in ASKED[Place.BEDSIDE]:
                taken = taken and bool(self.hand.state.released)
        assert (refused is None) is taken
        if taken:
            self.known.said[question] = Said(right, now_ns)

    @rule(place=st.sampled_from(list(Place)))
    def answer_all(self, place: Place) -> None:
        """Everything of a place, rightly."""
        for question in ASKED[place]:
            self.answer(question, right=True)

    @rule(gate=st.sampled_from([*TAKEN_ON, "pregnancy", "wristband", "expiry"]))
    def override(self, gate: str) -> None:
        """The authorized user takes a gate upon themselves, where anybody may."""
        refused = self.hand.tell(e.GateOverridden, gate, "seen", by=AU, who="au")
        assert (refused is None) is (gate in TAKEN_ON)
        said = self.known.said.get(TAKEN_ON.get(gate, ""))
        if said is not None:
            said.taken_on_ns = self.hand.now_ns

    @rule()
    def sign(self) -> None:
        """The authorized user signs, once."""
        refused = self.hand.sign()
        assert (refused is None) is not self.known.signed
        self.known.signed = True

    @rule(minutes=st.sampled_from([1, 5, 14, 16]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.hand.tick(minutes * MIN)

    @precondition(lambda self: self.hand.state.phase in (Phase.ORDERED, Phase.ASSAYED))
    @precondition(lambda self: not self.hand.state.released)
    @rule()
    def assay(self) -> None:
        """The syringe is to be measured."""
        self.hand.wait(S)
        may = self.known.open(Place.BEFORE_THAW, self.hand.now_ns)
        assert self._refused(e.AssayRequested) is not may
        if may:
            self.hand.wait(10 * S)
            self.hand.see(e.AssayRead, "syringe", activity())

    @precondition(lambda self: self.hand.state.phase is Phase.ASSAYED)
    @rule(asked=st.booleans(), minutes=st.sampled_from([0, 0, 14, 16]))
    def release(self, asked: bool, minutes: int) -> None:
        """The first signs in the hot lab, the second at the bedside, at once or later."""
        second = bool(self.hand.state.released)
        place = Place.BEDSIDE if second else Place.HOT_LAB
        if asked and self.known.open(Place.BEFORE_THAW, self.hand.now_ns):
            self.answer_all(place)
        self.hand.wait(minutes * MIN + S)
        assert self.hand.state.assay_utc_ns is not None
        age_ns = self.hand.now_ns + self.hand.skew_ns - self.hand.state.assay_utc_ns
        may = self.known.open(place, self.hand.now_ns) and age_ns <= 60 * MIN
        assert self._refused(e.ReleaseSigned, who="cd" if second else "ab") is not may

    @invariant()
    def nothing_flows(self) -> None:
        """On this way nobody ever has the pump run."""
        assert not any(isinstance(command, c.RunPump) for command in self.hand.told)
        if self.hand.state.released:
            assert self.known.signed


Gates.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
test_no_way_through_the_gates_but_by_right_answers = Gates.TestCase
