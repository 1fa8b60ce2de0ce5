"""Gathers what a record is made of, from a session's header, its state and its journal's head.

It reads what is there and names what is not; every judgement on it is `controller.clinic`'s.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from controller.chain import Record
from controller.clinic.accounting import Candidate
from controller.clinic.documents import DocumentError, utc_ns, validation_problems
from controller.clinic.order import Order, parse_order
from controller.clinic.record import (
    AlarmFact,
    CustodyFact,
    GateFact,
    Item,
    LateEntry,
    Reading,
    RecordFacts,
    TreatmentRecord,
    build_record,
)
from controller.clinic.regimen import half_life_of
from controller.clinic.signatures import Meaning, Signature
from controller.core.aftermath import PADS, SYRINGE_AND_LINE, outcome_of
from controller.core.alarms import not_observable
from controller.core.directive import signature_of
from controller.core.gates import gates_of
from controller.core.limits import Limits
from controller.core.line import line_of
from controller.core.papers import Papers
from controller.core.place import HandOver
from controller.core.state import Alarm, ByHand, Purpose, Signed, State
from controller.core.words import rows_for
from controller.sessions import fold_state, limits_of
from firmware_interfaces.units import Becquerel, Nanolitre, Nanoseconds

_MEANINGS: Final = {
    "assayed syringe": Meaning.ASSAYED,
    "started": Meaning.STARTED,
    "resumed": Meaning.RESUMED,
    "resume": Meaning.RESUMED,
    "site checked": Meaning.SITE_CHECKED,
    "survey": Meaning.SURVEYED,
    "closed": Meaning.CLOSED,
}
_REPORTED: Final = {
    "pain": Candidate.EXTRAVASATION,
    "leak": Candidate.LEAK,
    "spill": Candidate.LEAK,
}


class _Operator(BaseModel):
    name: str
    role: str


class _Header(BaseModel, strict=True):
    """What a session's header must hold for a record; other keys are others' business."""

    order: str
    regimen_text: str
    simulated: bool
    operators: dict[str, _Operator] = {}
    devices: list[dict[str, Any]]
    versions: dict[str, str]
    kinds: list[str]


class NoRecord(Exception):
    """There is no record of that name, or not yet: the rule that is not met."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def record_of_journal(records: list[Record], site: Limits) -> TreatmentRecord:
    """The record of a journalled session. Raises `NoRecord` and `CodecError`."""
    header = records[0].body
    session = header.get("session")
    if not isinstance(session, str):
        raise NoRecord("must be the journal of a treatment")
    try:
        _Header.model_validate(header)
    except ValidationError as error:
        raise NoRecord(f"must have a whole header: {validation_problems(error)[0]}") from error
    state = fold_state(session, records, limits_of(header, site))
    return record_of(header, state, records[-1].hash)


def record_of(header: Mapping[str, Any], state: State, head: str) -> TreatmentRecord:
    """The record of a session as it stands. Raises `NoRecord`."""
    return build_record(record_facts(header, state, head))


def record_facts(header: Mapping[str, Any], state: State, head: str) -> RecordFacts:
    """All facts of a session, in base units. Raises `NoRecord` where no order was ever taken."""
    if state.treatment is None:
        raise NoRecord("must be a session with an order")
    try:
        order, half_life = (
            parse_order(directive_text(header, state)),
            half_life_of(header["regimen_text"]),
        )
    except DocumentError as error:
        raise NoRecord(f"must have an order and a regimen that can be read: {error}") from error
    drug = state.pumped(Purpose.DRUG)
    kinds = tuple(header["kinds"])
    outcome = state.outcome or outcome_of(state)
    return RecordFacts(
        session=state.session,
        simulated=header["simulated"],
        outcome=outcome.value,
        order=order,
        half_life=half_life,
        assay=_assay(state),
        started_at_utc_ns=_when(state.first_start_utc_ns),
        residual=_residual(state),
        waste=_waste(state),
        prime=_prime(state),
        resolution_bq=Becquerel(0 if state.assay is None else state.assay.resolution_bq),
        planned_nl=Nanolitre(state.planned_nl),
        pumped_low_nl=Nanolitre(drug.low_nl),
        pumped_high_nl=Nanolitre(drug.high_nl),
        flushed_nl=Nanolitre(state.flushed_nl),
        infusion_ns=Nanoseconds(state.active_ns),
        alarms=tuple(_alarm(alarm, kinds) for alarm in state.history),
        people=_people(header, state, order),
        times=_times(state, order),
        devices=tuple(header["devices"]),
        versions=header["versions"],
        journal_head=head,
        not_observable=tuple(row.id for row in not_observable(kinds)),
        reported=_reported(state),
        line=None if state.order.second is None and state.by_hand is None else line_of(state),
        late_entry=None if state.by_hand is None else _late_entry(state.by_hand, state),
        custody=tuple(map(_custody, state.custody)),
        gates=() if state.papers is None else tuple(_gates(state.papers, state.now_utc_ns)),
    )


def _late_entry(by_hand: ByHand, state: State) -> LateEntry:
    """What was entered late, with the names of those who signed it."""
    signed = {one.who: one.name for one in state.signatures if one.utc_ns == by_hand.entered_utc_ns}
    names = (signed.get(who) or who for who in by_hand.entered_by)
    return LateEntry(
        low_nl=Nanolitre(by_hand.drug.low_nl),
        high_nl=Nanolitre(by_hand.drug.high_nl),
        flushed_nl=Nanolitre(by_hand.flushed_nl),
        begun_at_utc_ns=Nanoseconds(by_hand.begun_utc_ns),
        ended_at_utc_ns=Nanoseconds(by_hand.ended_utc_ns),
        entered_at_utc_ns=Nanoseconds(by_hand.entered_utc_ns),
        given_by=by_hand.given_by,
        entered_by=tuple(names),
        method=by_hand.method,
        reason=by_hand.reason,
    )


def directive_text(header: Mapping[str, Any], state: State) -> str:
    """The newest text of the directive."""
    return header["order"] if state.papers is None else state.papers.versions[-1].order


def _when(at_utc_ns: int | None) -> Nanoseconds | None:
    return None if at_utc_ns is None else Nanoseconds(at_utc_ns)


def _assay(state: State) -> Reading | None:
    if state.assay is None or state.assay.activity_bq is None or state.assay_utc_ns is None:
        return None
    return Reading(state.assay.activity_bq, Nanoseconds(state.assay_utc_ns))


def _net_bq(state: State, activity_bq: int) -> Becquerel:
    """An item's reading less the fresh empty-well background, never below zero."""
    return Becquerel(max(0, activity_bq - (state.background_bq or 0)))


def _residual(state: State) -> Reading | None:
    for item in state.items:
        if item.item == SYRINGE_AND_LINE:
            return Reading(_net_bq(state, item.activity_bq), Nanoseconds(item.utc_ns))
    return None


def _waste(state: State) -> tuple[Item, ...]:
    return tuple(
        Item(item.item, _net_bq(state, item.activity_bq), Nanoseconds(item.utc_ns))
        for item in state.items
        if item.item != SYRINGE_AND_LINE
    )


def _prime(state: State) -> tuple[Item, ...]:
    """The drop at the tip, by its share of the fill: it was given to nobody.

    Where the pads were measured it is in them, wiped off, and is not counted twice.
    """
    assay = _assay(state)
    wiped = any(item.item == PADS for item in state.items)
    if assay is None or wiped or not state.seat_prime_nl:
        return ()
    share = assay.activity_bq * state.seat_prime_nl // state.order.fill_nl
    return (Item("drop at the tip", Becquerel(share), assay.at_utc_ns),)


def _alarm(alarm: Alarm, kinds: tuple[str, ...]) -> AlarmFact:
    row = rows_for(kinds)[alarm.id]
    raised = Nanoseconds(alarm.raised_utc_ns)
    return AlarmFact(
        alarm.id, row.priority.value, row.action.value, row.text, raised, alarm.evidence
    )


def _gates(papers: Papers, utc_ns: int) -> Iterator[GateFact]:
    answers = {one.question: one for one in papers.answered}
    overrides = {one.gate: one for one in papers.overridden}
    for gate in gates_of(papers, utc_ns):
        said, override = answers.get(gate.answer), overrides.get(gate.id)
        yield GateFact(
            gate.id,
            gate.place.name.lower(),
            gate.source,
            None if said is None else json.loads(said.answer),
            None if said is None else signature_of(said.by),
            "" if override is None else override.reason,
            None if override is None else signature_of(override.by),
        )


def _custody(one: HandOver) -> CustodyFact:
    at = Nanoseconds(one.utc_ns)
    return CustodyFact(one.to.value, one.what, one.given_by, one.taken_by, at)


def _reported(state: State) -> tuple[Candidate, ...]:
    if state.order.cold:
        return ()
    seen = [_REPORTED[alarm.id] for alarm in state.history if alarm.id in _REPORTED]
    if state.contaminated:
        seen.append(Candidate.LEAK)
    return tuple(dict.fromkeys(seen))


def _people(header: Mapping[str, Any], state: State, order: Order) -> tuple[Signature, ...]:
    """Every signature; of a session without gates, the order's word that it was signed, too."""
    user = order.authorized_user
    ordered = Signature(
        "", user.name, "authorized user", Meaning.ORDERED, utc_ns(order.directed_at)
    )
    operators: Mapping[str, Mapping[str, str]] = header.get("operators", {})
    releases = [signed for signed in state.signatures if signed.meaning == "released"][-2:]
    signed = (_signature(one, operators, releases) for one in state.signatures)
    return tuple(signed) if state.papers is not None else (ordered, *signed)


def _signature(
    signed: Signed, operators: Mapping[str, Mapping[str, str]], releases: list[Signed]
) -> Signature:
    """A signature with the person's name; the last two releases are the ones that count.

    Before people were recognised their names stood in the header.
    """
    person = operators.get(signed.who, {"name": signed.who, "role": signed.role})
    meaning = str(_MEANINGS.get(signed.meaning, signed.meaning))
    if signed in releases:
        first = signed is releases[0]
        meaning = Meaning.RELEASED_FIRST if first else Meaning.RELEASED_SECOND
    role = signed.role or person["role"]
    at = Nanoseconds(signed.utc_ns)
    name = signed.name or person["name"]
    return Signature(signed.who, name, role, meaning, at, signed.identity)


def _times(state: State, order: Order) -> dict[str, Nanoseconds]:
    by_hand_first = state.by_hand is not None and state.by_hand.first
    times = {
        "reference": utc_ns(order.reference_time),
        "assayed": state.assay_utc_ns,
        "released": state.released[-1].utc_ns if state.released else None,
        "hand_start" if by_hand_first else "pump_start": state.first_start_utc_ns,
        "drug_arrival_estimated": state.arrival_utc_ns,
        "drug_end": state.drug_end_utc_ns,
        "clearance_end": state.clearance_utc_ns,
        "surveyed": state.survey_utc_ns,
    }
    return {name: Nanoseconds(at) for name, at in times.items() if at is not None}
