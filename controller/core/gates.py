"""Handlers of what rules demand on paper: the directive, and the gates with their answers.

Every rule stands in `controller.clinic`; here is what a session's phases ask of them, and when.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from controller.clinic.answers import Answers, Given, Override, parse_answer
from controller.clinic.directive import AUTHORIZED_USER, revision_problems, start_problems
from controller.clinic.documents import Document, DocumentError, Problem, utc_datetime
from controller.clinic.gate_rules import Asked
from controller.clinic.gate_table import BY_ID, GATES, Gate, Place
from controller.clinic.gates import answerer_problems, applying, closed_gates
from controller.clinic.order import order_hash
from controller.clinic.regimen import Regimen, parse_regimen
from controller.clinic.signatures import Meaning
from controller.core import events as e
from controller.core.directive import oral_due_utc_ns, order_of, signature_of, versions_of
from controller.core.judge import enter
from controller.core.limits import Limits
from controller.core.papers import Answered, Directive, Overridden, Papers
from controller.core.rules import Refused, Result, done, sign, signature
from controller.core.state import Phase, State
from controller.core.treatment import Treatment
from firmware_interfaces.units import Nanoseconds, as_seconds

WHERE: Final = {
    Place.BEFORE_THAW: "before the thaw",
    Place.HOT_LAB: "of the hot lab",
    Place.BEDSIDE: "of the bedside",
}


@lru_cache(maxsize=8)
def _regimen(text: str) -> Regimen:
    return parse_regimen(text)


@lru_cache(maxsize=128)
def _answer(question: str, text: str) -> Document:
    return parse_answer(question, text)


def asked_of(papers: Papers, utc_ns: int) -> Asked:
    """The newest directive, its regimen and the answers so far, by the site's clock."""
    given = {
        one.question: Given(_answer(one.question, one.answer), signature_of(one.by))
        for one in papers.answered
    }
    overrides = {one.gate: Override(one.reason, signature_of(one.by)) for one in papers.overridden}
    zone = timezone(timedelta(minutes=papers.zone_min))
    return Asked(
        _regimen(papers.regimen),
        order_of(papers.versions[-1].order),
        Answers(given, overrides),
        _local(utc_ns, zone),
        None if papers.thaw_from_utc_ns is None else _local(papers.thaw_from_utc_ns, zone),
    )


def _local(utc_ns: int, zone: timezone) -> datetime:
    return utc_datetime(Nanoseconds(utc_ns)).astimezone(zone)


def _time_out(limits: Limits) -> timedelta:
    return timedelta(seconds=as_seconds(Nanoseconds(limits.time_out_ns)))


def objections(papers: Papers, utc_ns: int, upto: Place, limits: Limits) -> list[Problem]:
    """Why the treatment may not go on at a place now: the directive first, then its gates."""
    directive = start_problems(versions_of(papers), utc_ns, oral=papers.oral)
    gates = closed_gates(asked_of(papers, utc_ns), upto=upto, time_out=_time_out(limits))
    return [*directive, *gates]


def not_yet(state: State, utc_ns: int, upto: Place, limits: Limits) -> Refused | None:
    """A refusal while a gate up to a place stands closed, or the directive is not in order."""
    if state.papers is None:
        return None
    found = objections(state.papers, utc_ns, upto, limits)
    return Refused(f"every gate {WHERE[upto]} must be open", _seen(found)) if found else None


def left_alone(state: State, utc_ns: int, since_ns: int, limits: Limits) -> Refused | None:
    """After an interruption longer than a time-out holds, the bedside is asked anew (I1)."""
    if state.papers is None or state.now_ns - since_ns <= limits.time_out_ns:
        return None
    asked, time_out = asked_of(state.papers, utc_ns), _time_out(limits)
    found = closed_gates(asked, since=Place.BEDSIDE, time_out=time_out)
    rule = "after an absence the bedside is asked anew"
    return Refused(rule, _seen(found)) if found else None


def _seen(problems: Sequence[Problem]) -> str:
    return "; ".join(map(str, problems))


# --- answers -------------------------------------------------------------------------------------


def gate_answered(state: State, event: e.GateAnswered, limits: Limits) -> Result | Refused:
    """An answer is kept, whether or not it opens its gates; a newer one takes its place."""
    papers = state.papers
    if papers is None:
        return Refused("a session asks what it was begun with", "this one has no gates")
    try:
        _answer(event.question, event.answer)
    except DocumentError as error:
        return Refused("an answer must be one of its question's", str(error))
    refused = _too_early(state, event, limits)
    if refused:
        return refused
    by = signature(event.who, event.role, f"answered {event.question}", event.utc_ns, event.proven)
    gates = [gate for gate in GATES if gate.answer == event.question]
    wrong = [problem for gate in gates for problem in answerer_problems(gate, signature_of(by))]
    if wrong:
        return Refused("an answer is given by who may", _seen(wrong))
    others = tuple(one for one in papers.answered if one.question != event.question)
    answered = (*others, Answered(event.question, event.answer, by))
    return done(_thawing(replace(state, papers=replace(papers, answered=answered)), limits))


def _too_early(state: State, event: e.GateAnswered, limits: Limits) -> Refused | None:
    """Nothing is thawed before the first gates are open; the bedside comes after the hot lab."""
    place = min(gate.place for gate in GATES if gate.answer == event.question)
    if place is Place.BEFORE_THAW:
        return None
    if place is Place.BEDSIDE and not state.released:
        return Refused("the bedside comes after the first release", "nobody has released")
    return not_yet(state, event.utc_ns, Place.BEFORE_THAW, limits)


def _thawing(state: State, limits: Limits) -> State:
    """The state with the moment from which the thaw may begin, once there is one."""
    papers = state.papers
    assert papers is not None
    if papers.thaw_from_utc_ns is not None:
        return state
    # A signature counts from the moment after it.
    if objections(papers, state.now_utc_ns + 1, Place.BEFORE_THAW, limits):
        return state
    return replace(state, papers=replace(papers, thaw_from_utc_ns=state.now_utc_ns))


def gate_overridden(state: State, event: e.GateOverridden, limits: Limits) -> Result | Refused:
    """Somebody who may takes it upon themselves that a gate stands closed."""
    papers, gate = state.papers, BY_ID.get(event.gate)
    if papers is None:
        return Refused("a session asks what it was begun with", "this one has no gates")
    if gate is None:
        return Refused("must be a gate of this program", repr(event.gate))
    by = signature(event.who, event.role, f"overrode {gate.id}", event.utc_ns, event.proven)
    if by.role not in gate.may_override:
        return Refused("a gate is overridden by who may", f"{gate.id}: {_who_may(gate)}")
    if not event.reason.strip():
        return Refused("a reason must be given", repr(event.reason))
    others = tuple(one for one in papers.overridden if one.gate != gate.id)
    overridden = (*others, Overridden(gate.id, event.reason, by))
    state = sign(state, event, f"overrode {gate.id}: {event.reason}")
    return done(_thawing(replace(state, papers=replace(papers, overridden=overridden)), limits))


def _who_may(gate: Gate) -> str:
    return " or ".join(sorted(gate.may_override)) or "nobody may"


# --- the directive -------------------------------------------------------------------------------


def directive_signed(state: State, event: e.DirectiveSigned, limits: Limits) -> Result | Refused:
    """The authorized user signs the newest text, as it stood on the screen (10 CFR 35.40)."""
    papers = state.papers
    if papers is None:
        return Refused("a session asks what it was begun with", "its directive was signed before")
    if papers.versions[-1].signed is not None:
        return Refused("a text is signed once", "this one is signed")
    by = signature(event.who, event.role, Meaning.ORDERED, event.utc_ns, event.proven)
    signed = Directive(papers.versions[-1].order, by, event.order_hash)
    papers = replace(papers, versions=(*papers.versions[:-1], signed))
    # A signature counts from the moment after it.
    found = start_problems(versions_of(papers), event.utc_ns + 1)
    if found:
        return Refused("a directive is signed by its authorized user", _seen(found))
    state = sign(state, event, Meaning.ORDERED)
    return done(_thawing(replace(state, papers=papers), limits))


def directive_revised(state: State, event: e.DirectiveRevised, limits: Limits) -> Result | Refused:
    """Another text takes the directive's place: it must be signed, and releases are void (W3)."""
    papers = state.papers
    if papers is None:
        return Refused("a session asks what it was begun with", "its directive stays as it is")
    if state.run is not None or state.connected:
        return Refused("nothing is revised once the line is in use", "cancel and order anew")
    try:
        revised = order_of(event.order)
    except DocumentError as error:
        return Refused("a revision is a whole directive", str(error))
    found = revision_problems(versions_of(papers), revised, state.first_start_utc_ns)
    if found:
        return Refused("a revision follows the text before it", _seen(found))
    if state.assay is not None and _container(event.treatment) != _container(state.order):
        return Refused("a revision keeps the container that was assayed", "cancel and order anew")
    papers = replace(papers, versions=(*papers.versions, Directive(event.order)))
    state = replace(
        sign(state, event, "directive revised"),
        papers=papers,
        treatment=event.treatment,
        released=(),
        released_ns=None,
        patency_ran=False,
        patency_ok=False,
    )
    return done(enter(state, Phase.ASSAYED) if state.phase is Phase.RELEASED else state)


def _container(treatment: Treatment) -> tuple[str, int, int, int]:
    return (
        treatment.syringe,
        treatment.diameter_um,
        treatment.fill_nl,
        treatment.unusable_nl,
    )


def unsigned(state: State) -> Refused | None:
    """A refusal while an oral directive has not been written and signed (W4)."""
    if state.papers is None or oral_due_utc_ns(state.papers) is None:
        return None
    return Refused("an oral directive must be signed", f"by an {AUTHORIZED_USER}, within 48 h")


def gates_of(papers: Papers, utc_ns: int) -> tuple[Gate, ...]:
    """The gates that stand in the way of this treatment, in their order."""
    return applying(asked_of(papers, utc_ns))


def newest_hash(papers: Papers) -> str:
    """What is signed: the hash of the newest text of the directive."""
    return order_hash(order_of(papers.versions[-1].order))
