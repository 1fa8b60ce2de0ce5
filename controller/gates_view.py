"""The gates of one session as a panel shows them: what is asked, what was said, what is wrong.

Unlike `controller.view` it holds what people said of a patient. It decides nothing.
"""

import json
from typing import Any, Final

from controller.clinic.answers import VialRead, answer_schema
from controller.clinic.directive import start_problems
from controller.clinic.documents import Problem
from controller.clinic.gate_labels import lot_of
from controller.clinic.gate_rules import Asked
from controller.clinic.gate_table import Gate, Place
from controller.clinic.gates import standing
from controller.clinic.scans import CHECK_TEXT, Label, own_label
from controller.clinic.text import utc_text
from controller.core.directive import oral_due_utc_ns, versions_of
from controller.core.gates import asked_of, gates_of, newest_hash
from controller.core.papers import Papers, Signed
from controller.core.state import State
from firmware_interfaces.units import Nanoseconds

PLACES: Final = {place: place.name.lower() for place in Place}


def gates_view(state: State, utc_ns: int) -> dict[str, Any]:
    """Everything that stands between this session and its start, and how to answer it."""
    papers = state.papers
    if papers is None:
        return {"session": state.session, "directive": None, "gates": [], "questions": {}}
    asked, gates = asked_of(papers, utc_ns), gates_of(papers, utc_ns)
    return {
        "session": state.session,
        "at": asked.now.isoformat(),
        "directive": _directive(papers, utc_ns),
        "gates": [_gate(gate, papers, asked) for gate in gates],
        "questions": {gate.answer: answer_schema(gate.answer) for gate in gates},
        "check_barcode": CHECK_TEXT,
        "dose_label": _label(asked),
    }


def _directive(papers: Papers, utc_ns: int) -> dict[str, Any]:
    newest, versions = papers.versions[-1], versions_of(papers)
    due_utc_ns = oral_due_utc_ns(papers)
    return {
        "version": len(papers.versions),
        "order": json.loads(newest.order),
        "order_hash": newest_hash(papers),
        "signed": None if newest.signed is None else _signed(newest.signed),
        "due_at": None if due_utc_ns is None else utc_text(due_utc_ns),
        "problems": _problems(start_problems(versions, utc_ns, oral=papers.oral)),
    }


def _gate(gate: Gate, papers: Papers, asked: Asked) -> dict[str, Any]:
    answer = next((one for one in papers.answered if one.question == gate.answer), None)
    override = next((one for one in papers.overridden if one.gate == gate.id), None)
    return {
        "id": gate.id,
        "place": PLACES[gate.place],
        "asks": gate.asks,
        "question": gate.answer,
        "source": gate.source,
        "may_answer": sorted(gate.may_answer),
        "may_override": sorted(gate.may_override),
        "answer": None if answer is None else json.loads(answer.answer),
        "by": None if answer is None else _signed(answer.by),
        "override": None
        if override is None
        else {"reason": override.reason, "by": _signed(override.by)},
        "problems": _problems(standing(gate, asked)),
    }


def _signed(signed: Signed) -> dict[str, str]:
    at = utc_text(Nanoseconds(signed.utc_ns))
    said = {name: getattr(signed, name) for name in ("who", "name", "role", "identity")}
    return {**said, "at": at}


def _problems(problems: list[Problem]) -> list[dict[str, str]]:
    return [{"field": p.field, "value": p.value, "rule": p.rule} for p in problems]


def _label(asked: Asked) -> str | None:
    """What the hot lab prints for the syringe; None where the order cannot be typed by a scanner.

    The lot is the vial's, once that was read.
    """
    order, vial = asked.order, asked.answers.of("vial", VialRead)
    try:
        return own_label(
            Label(
                order_id=order.order_id,
                patient_id=order.patient.id,
                drug=order.drug,
                nuclide=order.nuclide,
                lot="" if vial is None else lot_of(vial),
            )
        )
    except ValueError:
        return None
