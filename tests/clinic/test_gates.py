"""The gates as rows: who may answer, who may override, when an answer is too old, and in order."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.clinic.answers import ANSWERS, Answers, Override, answer_schema, parse_answer
from controller.clinic.documents import DocumentError, Problem
from controller.clinic.gate_rules import Asked
from controller.clinic.gate_table import BY_ID, GATES, STAFF, Place
from controller.clinic.gates import TIME_OUT, closed_gates
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen, parse_regimen
from controller.clinic.scans import Label, own_label

from .answered import GOOD, NOW, ago, answers, signed
from .conftest import MakeOrder, fields
from .regimens import ODDITY

Gates = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def gates(regimen: Regimen, order: Order) -> Gates:
    def ask(given: Answers, **told: Any) -> tuple[Problem, ...]:
        how = {name: told.pop(name) for name in ("upto", "time_out") if name in told}
        case = {"regimen": regimen, "order": order, "now": NOW, **told}
        return closed_gates(Asked(answers=given, **case), **how)

    return ask


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.requirement("T2.1", "T2.5")
def test_the_gates_stand_in_the_order_of_the_places() -> None:
    places = [gate.place for gate in GATES]
    assert places == sorted(places)
    assert set(places) == set(Place)


def test_every_question_belongs_to_a_gate_and_every_gate_to_a_question() -> None:
    assert {gate.answer for gate in GATES} == set(ANSWERS)
    assert len(BY_ID) == len(GATES)


def test_every_gate_names_its_source_and_is_judged_by_a_documented_rule() -> None:
    for gate in GATES:
        assert gate.source
        assert gate.asks
        assert gate.rule.__doc__
        assert gate.may_answer


def test_who_drug_and_consent_can_be_overridden_by_nobody() -> None:
    never = {gate.id for gate in GATES if not gate.may_override}
    assert never == {
        *("dose_order", "consent", "pregnancy", "constancy_limit"),
        *("scanner_hot_lab", "vial", "expiry", "thaw", "dose_label", "shield_label"),
        *("scanner_bedside", "wristband", "dose_again", "site_seen"),
    }
    assert all("authorized_user" in gate.may_override for gate in GATES if gate.may_override)


# --- answered -------------------------------------------------------------------------------------


@pytest.mark.requirement("T2.1", "T2.5")
def test_every_gate_opens_when_all_is_well(gates: Gates) -> None:
    assert gates(answers()) == ()


@pytest.mark.requirement("T2.1", "T2.5")
@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_question_without_an_answer_keeps_its_gates_closed(gates: Gates, name: str) -> None:
    closed = [gate.id for gate in GATES if gate.answer == name]
    problems = gates(answers(without=(name,)))
    assert fields(problems) == closed
    assert {problem.value for problem in problems} == {"absent"}
    assert problems[0].rule == f"must be answered: {BY_ID[closed[0]].asks}"


def test_nothing_answered_names_every_gate_that_applies(gates: Gates) -> None:
    assert fields(gates(Answers())) == [g.id for g in GATES if g.id != "checklist_hot_lab"]


@pytest.mark.parametrize(
    ("upto", "first"),
    [(Place.BEFORE_THAW, "dose_order"), (Place.HOT_LAB, "dose_order")],
)
def test_later_places_are_not_asked_for_yet(gates: Gates, upto: Place, first: str) -> None:
    found = fields(gates(Answers(), upto=upto))
    assert found[0] == first
    assert {BY_ID[name].place for name in found} == {place for place in Place if place <= upto}


@pytest.mark.requirement("T2.1")
def test_gates_that_a_regimen_does_not_have_are_not_asked(make_order: MakeOrder) -> None:
    oddity = parse_regimen(ODDITY)
    red = {"indication": "RED", "prior_lines": 0, "prior_classes": []}
    bare = oddity.model_copy(update={"laboratory": {}})
    found = fields(closed_gates(Asked(bare, make_order(eligibility=red), Answers(), NOW)))
    for absent in ("thyroid_block", "laboratory", "companion", "checklist_before_thaw"):
        assert absent not in found
    blue = {"indication": "BLUE", "prior_lines": 3, "prior_classes": ["patience"]}
    found = fields(closed_gates(Asked(oddity, make_order(eligibility=blue), Answers(), NOW)))
    assert {"laboratory", "companion"} <= set(found)


def test_an_order_of_schema_1_asks_for_no_companion(regimen: Regimen, first_schema: str) -> None:
    from controller.clinic.order import parse_order

    found = fields(closed_gates(Asked(regimen, parse_order(first_schema), Answers(), NOW)))
    assert "companion" not in found


# --- who, when ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "role", "good"),
    [
        ("consent", "second_person", True),
        ("consent", "administrator", False),
        ("constancy", "physicist", True),
        ("constancy", "second_person", False),
    ],
)
def test_an_answer_counts_from_those_who_may_give_it(
    gates: Gates, name: str, role: str, good: bool
) -> None:
    problems = gates(answers(by={name: signed(role)}))
    asked = [gate for gate in GATES if gate.answer == name]
    expected = [
        Problem(
            f"{gate.id}.by",
            f"Anna Berger, {role}",
            f"must be answered by {' or '.join(sorted(gate.may_answer))}",
        )
        for gate in asked
    ]
    assert list(problems) == ([] if good else expected)


def test_staff_is_everybody_but_the_administrator() -> None:
    assert {"technician", "second_person", "authorized_user", "physicist"} == STAFF


@pytest.mark.requirement("T2.4", "T2.5")
@pytest.mark.parametrize(
    ("old", "good"), [(TIME_OUT, True), (TIME_OUT + timedelta(microseconds=1), False)]
)
def test_the_bedside_is_seen_within_15_minutes_of_the_start(
    gates: Gates, old: timedelta, good: bool
) -> None:
    problems = gates(answers(by={"wristband": signed(at=NOW - old)}))
    assert fields(problems) == ([] if good else ["wristband.at"])
    early = gates(answers(by={"consent": signed(at=NOW - 10 * old)}))
    assert early == ()


def test_a_site_may_ask_for_less_than_15_minutes(gates: Gates) -> None:
    given = answers(by={"shield": signed(at=ago(minutes=6))})
    assert fields(gates(given, time_out=timedelta(minutes=5))) == ["shield.at"]


def test_a_clock_that_ran_back_is_found(gates: Gates) -> None:
    problems = gates(answers(by={"consent": signed(at=ago(seconds=-1))}))
    assert problems == (
        Problem("consent.at", "2025-11-20T20:50:01+00:00", "must not be in the future"),
    )


@pytest.mark.requirement("T2.1", "I5")
def test_answers_grow_old_by_themselves(gates: Gates) -> None:
    """What was fine at the thaw may not be fine at the bedside."""
    week = NOW + timedelta(days=6)
    found = set(fields(gates(answers(), now=week, upto=Place.HOT_LAB)))
    assert {"laboratory.platelets.taken_at", "constancy.measured_at", "expiry.expires_at"} <= found
    assert "thaw.started_at" in found


# --- overrides ------------------------------------------------------------------------------------


LOW = {"values": {**GOOD["laboratory"]["values"]}}
LOW["values"]["platelets"] = {"value": 70_000.0, "unit": "per uL", "taken_at": ago(days=2)}


def override(role: str = "authorized_user", reason: str = "transfused today", **at: float) -> Any:
    return {"laboratory": Override(reason, signed(role, ago(**at), "Dr. Ulrike Amsel"))}


def test_an_authorized_user_answers_for_a_gate_with_a_reason(gates: Gates) -> None:
    assert fields(gates(answers(laboratory=LOW))) == ["laboratory.platelets"]
    assert gates(answers(override(), laboratory=LOW)) == ()
    assert gates(answers(override(), without=("laboratory",))) == ()


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (
            {"role": "technician"},
            Problem(
                "laboratory.override",
                "Dr. Ulrike Amsel, technician",
                "may be overridden by authorized_user",
            ),
        ),
        ({"reason": "  "}, Problem("laboratory.override", "no reason", "must have a reason")),
        (
            {"seconds": -1},
            Problem(
                "laboratory.override", "2025-11-20T20:50:01+00:00", "must not be in the future"
            ),
        ),
        (
            {"seconds": 1},
            Problem(
                "laboratory.override",
                "2025-11-20T20:49:59+00:00",
                "must be given anew: the gate was answered again since",
            ),
        ),
    ],
)
def test_an_override_needs_the_person_a_reason_and_the_last_word(
    gates: Gates, told: dict[str, Any], problem: Problem
) -> None:
    problems = gates(answers(override(**told), laboratory=LOW))
    assert fields(problems) == ["laboratory.platelets", "laboratory.override"]
    assert problems[1] == problem


@pytest.mark.parametrize(("minutes", "good"), [(15, True), (15.001, False)])
def test_an_override_at_the_bedside_grows_old_too(gates: Gates, minutes: float, good: bool) -> None:
    said = Override("wall shield instead", signed("physicist", ago(minutes=minutes)))
    given = answers({"shield": said}, without=("shield",))
    assert fields(gates(given)) == ([] if good else ["shield", "shield.override"])


def test_an_override_of_a_gate_that_is_open_does_nothing(gates: Gates) -> None:
    assert gates(answers(override(role="technician"))) == ()


@pytest.mark.requirement("I1")
def test_nobody_answers_for_the_wrong_patient(gates: Gates) -> None:
    wrong = {"scan": "C131-0043"}
    taken = {"wristband": Override("it is surely him", signed("authorized_user"))}
    problems = gates(answers(taken, wristband=wrong))
    assert fields(problems) == ["wristband.scan", "wristband.override"]
    assert problems[1].rule == "may be overridden by nobody"


@pytest.mark.parametrize(
    ("percent", "overridden", "refused"),
    [
        (5.0, False, []),
        (-5.0, False, []),
        (5.001, False, ["constancy.deviation_percent"]),
        (5.001, True, []),
        (-10.0, True, []),
        (10.001, True, ["constancy_limit.deviation_percent"]),
    ],
)
def test_constancy_is_asked_for_above_5_and_closed_above_10_percent(
    gates: Gates, percent: float, overridden: bool, refused: list[str]
) -> None:
    taken = {"constancy": Override("source repaired", signed("physicist"))} if overridden else {}
    found = gates(answers(taken, constancy={"deviation_percent": percent}))
    assert fields(found) == refused


# --- answers as documents -------------------------------------------------------------------------


def test_an_answer_is_strict_json() -> None:
    consent = parse_answer("consent", '{"version": "3", "signed_at": "2025-11-10T10:00:00Z"}')
    assert consent == ANSWERS["consent"].model_validate(
        {"version": "3", "signed_at": datetime.fromisoformat("2025-11-10T10:00:00Z")}
    )


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("colour", "{}", "answer"),
        ("consent", "{", "document"),
        ("consent", '{"version": "3"}', "signed_at"),
        ("consent", '{"version": "3", "signed_at": "2025-11-10T10:00:00"}', "signed_at"),
        ("dose_order", '{"activity": "1,681", "unit": "MBq"}', "activity"),
        ("dose_order", '{"activity": 1681, "unit": "Bq"}', "unit"),
        ("constancy", '{"deviation_percent": NaN}', "document"),
        ("dose_label", '{"scan": "caf\\u00e9"}', "scan"),
        ("dose_label", '{"scan": ""}', "scan"),
        ("site_seen", '{"sound": "yes"}', "sound"),
        ("checklist_bedside", '{"done": ["antiemetic"], "more": 1}', "more"),
    ],
)
def test_a_spoilt_answer_is_refused_by_field(name: str, text: str, field: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        parse_answer(name, text)
    assert field in fields(refusal.value.problems)


def test_every_answer_has_a_schema() -> None:
    for name in ANSWERS:
        assert answer_schema(name)["additionalProperties"] is False


def test_an_answer_of_another_kind_is_a_mistake_of_the_program(gates: Gates) -> None:
    given = answers()
    mixed = Answers({**given.given, "consent": given.given["thaw"]})
    with pytest.raises(AssertionError, match="consent"):
        gates(mixed)


def test_a_syringe_of_another_patient_is_found_at_the_bedside(gates: Gates) -> None:
    other = own_label(
        Label(
            order_id="WD-2025-0131",
            patient_id="C131-0043",
            drug="CLR 131",
            nuclide="I-131",
            lot="L-778",
        )
    )
    assert fields(gates(answers(dose_again={"scan": other}))) == [
        "dose_again.patient_id",
        "dose_again.scan",
    ]
