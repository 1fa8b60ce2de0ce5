"""The gates in a session: what each place asks before it lets a treatment go on, and who may."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from controller.clinic.documents import utc_ns
from controller.clinic.gate_table import BY_ID, GATES, Place
from controller.clinic.order import Order, order_hash, order_json, parse_order
from controller.core import commands as c
from controller.core import events as e
from controller.core.event import Proven
from controller.core.gates import gates_of, newest_hash
from controller.core.state import Phase
from controller.core.step import tick_ns
from simulators.bench.answers import good_answer
from tests.core.gated import ANNA, AU, EXAMPLE, ORAL, ORDER, REGIMEN, Gated, gated, questions
from tests.core.world import MIN, PRESCRIBED, S, activity, treatment

ASKED_IN_THE_HOT_LAB: Final = [
    question
    for question in questions(Place.HOT_LAB)
    if question not in ("thaw", "checklist_hot_lab")
]
"""The example's regimen has no checklist there."""


def why(refused: c.Refuse | None) -> str:
    """What somebody was refused for."""
    assert refused is not None
    return refused.detail


# --- the way of a treatment -----------------------------------------------------------------------


def test_a_treatment_goes_through_every_gate() -> None:
    hand = gated().let_go().patent().seated().connected().armed().energised()
    hand.must_be(Phase.INFUSING)
    meanings = [signed.meaning for signed in hand.state.signatures]
    assert "ordered as authorized user" in meanings
    assert hand.state.papers is not None
    told = {one.question: one.by for one in hand.state.papers.answered}
    assert told.keys() == {gate.answer for gate in GATES}
    assert {by.name for by in told.values()} == {"Anna Berger"}


@pytest.mark.requirement("W2", "T2.1")
def test_nothing_is_assayed_before_the_directive_is_signed() -> None:
    hand = gated().ordered()
    assert isinstance(hand, Gated)
    hand.answers(Place.BEFORE_THAW)
    refusal = hand.refused(e.AssayRequested)
    assert refusal.rule == "every gate before the thaw must be open"
    assert refusal.detail.startswith("signature = absent")
    assert hand.sign() is None
    hand.wait(S)
    hand.do(e.AssayRequested)
    assert hand.state.assay_pending == "syringe"


@pytest.mark.requirement("I4", "I5", "W5", "T2.5")
@pytest.mark.parametrize("question", list(questions(Place.BEFORE_THAW)))
def test_nothing_is_assayed_or_thawed_while_a_question_before_the_thaw_is_open(
    question: str,
) -> None:
    hand = gated().signed().answers(Place.BEFORE_THAW, question)
    assert f"{question} = absent" in hand.refused(e.AssayRequested).detail
    for later in questions(Place.HOT_LAB):
        assert "every gate before the thaw" in (hand.answer(later) or c.Refuse("", "", "", "")).rule
    assert hand.answer(question) is None
    assert hand.answer("thaw") is None


@pytest.mark.parametrize("question", ASKED_IN_THE_HOT_LAB)
def test_nobody_releases_while_a_question_of_the_hot_lab_is_open(question: str) -> None:
    hand = gated().thawed().assayed()
    assert isinstance(hand, Gated)
    hand.answers(Place.HOT_LAB, "thaw", question)
    refusal = hand.refused(e.ReleaseSigned, who="ab")
    assert refusal.rule == "every gate of the hot lab must be open"
    assert f"{question} = absent" in refusal.detail


@pytest.mark.requirement("I1")
@pytest.mark.parametrize("question", list(questions(Place.BEDSIDE)))
def test_the_second_release_is_the_bedsides(question: str) -> None:
    hand = gated().first_release().answers(Place.BEDSIDE, question)
    refusal = hand.refused(e.ReleaseSigned, who="cd")
    assert refusal.rule == "every gate of the bedside must be open"
    assert f"{question} = absent" in refusal.detail
    hand.answer(question)
    hand.do(e.ReleaseSigned, who="cd")
    hand.must_be(Phase.RELEASED)


def test_the_bedside_is_not_asked_before_the_hot_lab_has_released() -> None:
    hand = gated().thawed().assayed()
    assert isinstance(hand, Gated)
    refused = hand.answer("wristband")
    assert refused is not None
    assert refused.rule == "the bedside comes after the first release"


# --- what grows old -------------------------------------------------------------------------------


def armed() -> Gated:
    """ARMED, with the bedside's answers some minutes old."""
    hand = gated().let_go().patent().seated().connected().armed()
    assert isinstance(hand, Gated)
    return hand


@pytest.mark.requirement("T2.4")
def test_a_scan_older_than_the_time_out_starts_nothing() -> None:
    hand = armed()
    assert hand.state.papers is not None
    scanned = next(one for one in hand.state.papers.answered if one.question == "wristband")
    hand.poll(scanned.by.utc_ns + 15 * MIN - hand.skew_ns - hand.now_ns)
    assert "wristband.at" not in hand.do(e.StartRequested).__repr__()
    hand.poll(1)
    refusal = hand.refused(e.StartRequested)
    assert "must be at most 15 min ago" in refusal.detail


def test_a_time_out_anew_wants_the_bedside_anew() -> None:
    hand = armed()
    hand.wait(16 * MIN)
    assert "wristband" in hand.refused(e.ReleaseSigned, who="cd").detail
    hand.answers(Place.BEDSIDE)
    hand.do(e.ReleaseSigned, who="cd")
    hand.poll()
    hand.do(e.StartRequested)
    assert hand.state.start_by == "ab"


def held_for(time_ns: int) -> Gated:
    """A treatment that was held for so long."""
    hand = gated().let_go().patent().seated().connected().armed().energised()
    assert isinstance(hand, Gated)
    hand.started()
    hand.poll()
    hand.do(e.HoldRequested, "toilet")
    hand.stopped(0)
    hand.wait(time_ns)
    return hand


def test_a_short_hold_goes_on_by_itself() -> None:
    hand = held_for(15 * MIN)
    hand.do(e.ResumeRequested, False)
    assert not any(isinstance(told, c.Refuse) for told in hand.last)


def test_after_an_absence_the_patient_is_scanned_again() -> None:
    hand = held_for(15 * MIN + 1)
    refusal = hand.refused(e.ResumeRequested, False)
    assert refusal.rule == "after an absence the bedside is asked anew"
    assert "wristband.at" in refusal.detail
    hand.answers(Place.BEDSIDE)
    hand.do(e.ResumeRequested, False)
    assert not any(isinstance(told, c.Refuse) for told in hand.last)


def test_a_vial_taken_out_before_it_was_cleared_needs_an_authorized_user() -> None:
    hand = gated().signed().answers(Place.BEFORE_THAW)
    early = (hand.now() - timedelta(hours=1)).isoformat()
    assert hand.answer("thaw", started_at=early) is None
    hand.assayed()
    hand.answers(Place.HOT_LAB, "thaw")
    assert "thaw_cleared.started_at" in hand.refused(e.ReleaseSigned, who="ab").detail
    told = (e.GateOverridden, "thaw_cleared", "it was thawed for the same patient")
    assert hand.tell(*told, by=AU, who="au") is None
    hand.do(e.ReleaseSigned, who="ab")
    assert len(hand.state.released) == 1


# --- who may --------------------------------------------------------------------------------------


def test_an_answer_of_a_question_that_there_is_not_is_refused() -> None:
    hand = gated().signed()
    refused = hand.tell(e.GateAnswered, "weather", "{}")
    assert why(refused) == "answer = 'weather': is no question of this program"
    refused = hand.tell(e.GateAnswered, "consent", '{"version":3}')
    assert "version" in why(refused)


def test_who_may_not_answer_is_told_who_may() -> None:
    hand = gated().signed()
    second = Proven("Chris Dahl", "second_person", "badge")
    refused = hand.answer("constancy", by=second)
    assert "must be answered by authorized_user or physicist or technician" in why(refused)
    assert not hand.state.papers.answered  # type: ignore[union-attr]


def test_an_override_wants_the_right_person_a_gate_and_a_reason() -> None:
    hand = gated().signed()
    told = {
        "technician may not": (("laboratory", "late"), ANNA, "a gate is overridden by who may"),
        "no gate": (("weather", "rain"), AU, "must be a gate of this program"),
        "no reason": (("laboratory", " "), AU, "a reason must be given"),
        "never": (("pregnancy", "trust me"), AU, "a gate is overridden by who may"),
    }
    for fields, by, rule in told.values():
        refused = hand.tell(e.GateOverridden, *fields, by=by)
        assert refused is not None
        assert refused.rule == rule
    assert BY_ID["pregnancy"].may_override == frozenset()
    assert why(hand.tell(e.GateOverridden, "pregnancy", "x", by=AU)) == "pregnancy: nobody may"


def test_an_override_opens_its_gate_and_stands_in_the_record() -> None:
    hand = gated().signed().answers(Place.BEFORE_THAW, "laboratory")
    low = {"value": 60_000.0, "unit": "per uL", "taken_at": hand.now().isoformat()}
    good = good_answer("laboratory", ORDER, REGIMEN, hand.now())["values"]
    assert hand.answer("laboratory", values={**good, "platelets": low}) is None
    assert "platelets" in hand.refused(e.AssayRequested).detail
    assert hand.tell(e.GateOverridden, "laboratory", "transfused today", by=AU, who="au") is None
    hand.do(e.AssayRequested)
    assert hand.state.assay_pending == "syringe"
    assert hand.state.signatures[-1].meaning == "overrode laboratory: transfused today"
    assert hand.tell(e.GateOverridden, "laboratory", "and again", by=AU, who="au") is None
    assert len(hand.state.papers.overridden) == 1  # type: ignore[union-attr]


# --- the directive --------------------------------------------------------------------------------


def test_a_signature_of_another_text_person_or_role_signs_nothing() -> None:
    hand = gated().ordered()
    assert isinstance(hand, Gated)
    wrong = replace(AU, name="Somebody Else")
    assert "must be the directive's authorized user" in why(hand.sign(by=wrong))
    assert "signature.role" in why(hand.sign(by=replace(AU, role="technician")))
    refused = hand.tell(e.DirectiveSigned, "0" * 64, by=AU, who="au")
    assert "is of another text than this version" in why(refused)
    assert hand.sign() is None
    assert why(hand.sign()) == "this one is signed"


def revised(**changes: Any) -> Order:
    """A revision of the example."""
    by = {"number": 1, "revises": order_hash(ORDER), "reason": "another vein"}
    return parse_order(json.dumps({**EXAMPLE, "revision": by, **changes}))


@pytest.mark.requirement("W3")
def test_a_revision_voids_the_releases_and_must_be_signed() -> None:
    hand = gated().let_go()
    again = revised()
    refused = hand.tell(e.DirectiveRevised, order_json(again), hand.treatment)
    assert refused is None
    hand.must_be(Phase.ASSAYED)
    assert hand.state.released == ()
    assert "signature = absent" in hand.refused(e.ReleaseSigned, who="ab").detail
    assert hand.sign(ORDER) is not None
    assert hand.sign(again) is None
    hand.wait(S)
    hand.do(e.ReleaseSigned, who="ab")
    assert len(hand.state.released) == 1


def test_what_is_no_revision_of_this_directive_is_refused() -> None:
    hand = gated().signed()
    assert "revision = absent" in why(
        hand.tell(e.DirectiveRevised, order_json(ORDER), hand.treatment)
    )
    other = order_json(revised(order_id="WD-2"))
    assert "order_id" in why(hand.tell(e.DirectiveRevised, other, hand.treatment))
    assert hand.tell(e.DirectiveRevised, "{}", hand.treatment) is not None
    hand.must_be(Phase.ORDERED)
    assert hand.tell(e.DirectiveRevised, order_json(revised()), hand.treatment) is None
    hand.must_be(Phase.ORDERED)


def test_a_revision_keeps_the_container_that_was_assayed() -> None:
    hand, more = gated().signed(), replace(treatment(), fill_nl=treatment().fill_nl + 1)
    assert hand.tell(e.DirectiveRevised, order_json(revised()), more) is None
    assert hand.state.treatment == more
    hand = gated().thawed()
    hand.assayed()
    refused = hand.tell(e.DirectiveRevised, order_json(revised()), more)
    assert refused is not None
    assert refused.rule == "a revision keeps the container that was assayed"
    hand.must_be(Phase.ASSAYED)


def test_nothing_is_revised_once_the_line_is_in_use() -> None:
    hand = gated().let_go()
    hand.do(e.PatencyRequested, "saline 10 mL", 14_430)
    refused = hand.tell(e.DirectiveRevised, order_json(revised()), hand.treatment)
    assert refused is not None
    assert refused.rule == "nothing is revised once the line is in use"


@pytest.mark.requirement("W4")
def test_an_oral_directive_goes_on_unsigned_but_is_not_closed_so() -> None:
    hand = gated(order=ORAL, oral=True).ordered()
    assert isinstance(hand, Gated)
    hand.answers(Place.BEFORE_THAW)
    hand.do(e.AssayRequested)
    assert hand.state.assay_pending == "syringe"
    hand.wait(10 * S)
    hand.see(e.AssayFailed, "syringe", "silent")
    assert "signature" in gated(order=ORAL).ordered().refused(e.AssayRequested).detail


@pytest.mark.requirement("W4")
def test_an_unsigned_oral_directive_is_called_for_and_is_no_reason_to_stop() -> None:
    hand = gated(order=ORAL, oral=True).ordered()
    assert isinstance(hand, Gated)
    told = datetime.fromisoformat("2025-11-20T12:00:00-06:00")
    hand.tick(utc_ns(told + timedelta(hours=36)) - hand.skew_ns - hand.now_ns - 1)
    assert "directive_due" not in hand.alarms
    hand.tick(1)
    assert hand.state.alarms[-1].evidence == "due at 2025-11-22T18:00:00.000Z"
    hand.tick(12 * 60 * MIN)
    assert "is overdue" not in hand.refused(e.AssayRequested).detail
    hand.tick(1)
    assert "is overdue" in hand.refused(e.AssayRequested).detail
    assert hand.sign(ORAL) is None
    assert "directive_due" not in hand.alarms


@pytest.mark.requirement("W4")
def test_a_session_is_not_closed_over_an_unsigned_oral_directive() -> None:
    hand = gated(order=ORAL, oral=True).ordered()
    assert isinstance(hand, Gated)
    hand.answers(Place.BEFORE_THAW).assayed()
    hand.do(e.CancelRequested, "patient withdrew")
    hand.must_be(Phase.RESIDUAL)
    assert tick_ns(hand.state) == 60 * S
    for item in ("background", "syringe_and_line"):
        hand.do(e.ResidualRequested, item)
        hand.see(e.AssayRead, item, activity(0 if item == "background" else PRESCRIBED))
    refusal = hand.refused(e.CloseRequested)
    assert refusal.rule == "an oral directive must be signed"
    assert hand.sign(ORAL) is None
    hand.do(e.CloseRequested)
    hand.must_be(Phase.CLOSED)


def test_what_is_signed_is_the_newest_text_and_what_is_asked_is_what_applies() -> None:
    papers = gated().state.papers
    assert papers is not None
    assert newest_hash(papers) == order_hash(ORDER)
    assert [gate.id for gate in gates_of(papers, 0)] == [
        gate.id for gate in GATES if gate.id != "checklist_hot_lab"
    ]


def test_a_session_of_before_gates_asks_nothing_and_takes_nothing() -> None:
    hand = Gated().ordered()
    assert isinstance(hand, Gated)
    rule = "a session asks what it was begun with"
    told = [
        hand.tell(e.GateAnswered, "consent", "{}"),
        hand.tell(e.GateOverridden, "laboratory", "x"),
        hand.tell(e.DirectiveSigned, "0" * 64),
        hand.tell(e.DirectiveRevised, "{}", hand.treatment),
    ]
    assert [refused and refused.rule for refused in told] == [rule] * 4
