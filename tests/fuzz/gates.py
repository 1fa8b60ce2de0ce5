"""Fuzz targets of the gates: what people answer, and what a scanner types."""

from typing import Final

from controller.clinic.answers import ANSWERS, AnswerError, Answers, Given, parse_answer
from controller.clinic.gate_rules import Asked
from controller.clinic.gate_table import GATES
from controller.clinic.gates import closed_gates
from controller.clinic.order import parse_order
from controller.clinic.regimen import parse_regimen
from controller.clinic.scans import CHECK_TEXT, Label, ScanError, layout_problem, read_scan
from tests.clinic.answered import GOOD, NOW, answers, signed
from tests.fuzz.given import Choices, Form, json_form, text_of
from tests.fuzz.papers import REGIMENS, ROOT, named

ORDER: Final = parse_order((ROOT / "examples" / "order.json").read_text("utf-8"))
REGIMEN: Final = parse_regimen((REGIMENS / "clr131-bench.toml").read_text("utf-8"))
FORMS: Final[dict[str, Form]] = {
    name: json_form(ANSWERS[name].model_validate(told).model_dump(mode="json"))
    for name, told in GOOD.items()
}
PREFIXES: Final = ("", "]C1", "]C0", "]d2", "ISODRIP|", "ISODRIP|lot=", "]C110", "]C117", "]C17003")


def answer(data: bytes) -> None:
    """An answer: what is accepted is judged, and says what it lacks."""
    choices = Choices(data)
    name = choices.one_of(tuple(FORMS))
    raw = choices.number() % 2 == 0
    text = text_of(choices.rest()) if raw else FORMS[name].spoiled(choices)
    try:
        found = parse_answer(name, text)
    except AnswerError as error:
        named(error.problems)
        return
    assert parse_answer(name, found.model_dump_json()) == found
    good = answers()
    given = Answers({**good.given, name: Given(found, signed())})
    problems = closed_gates(Asked(REGIMEN, ORDER, given, NOW))
    if problems:
        named(problems)
    ids = {gate.id for gate in GATES}
    assert {problem.field.partition(".")[0] for problem in problems} <= ids


def scan(data: bytes) -> None:
    """A scan: a label, or refused; only the check barcode is the check barcode."""
    choices = Choices(data)
    text = choices.one_of(PREFIXES) + text_of(choices.rest())
    assert layout_problem(text) is not None or text.endswith(CHECK_TEXT)
    try:
        found = read_scan(text)
    except ScanError as error:
        named([error.problem])
        return
    assert found != Label()
