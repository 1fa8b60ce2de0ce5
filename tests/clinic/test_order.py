"""The order's grammar: what is read, in which unit and rounding, and what is refused and how."""

import json
from typing import Any

import pytest

from controller.clinic.documents import Problem
from controller.clinic.order import (
    Administer,
    Order,
    OrderError,
    Priming,
    order_hash,
    order_json,
    order_schema,
    parse_order,
)

from .conftest import ROOT, MakeOrder


def refused(text: str) -> tuple[Problem, ...]:
    with pytest.raises(OrderError) as refusal:
        parse_order(text)
    assert refusal.value.problems
    return refusal.value.problems


def test_the_example_in_base_units(order: Order) -> None:
    assert order.prescribed_bq == 1_681_700_000
    assert (order.fill_nl, order.unusable_nl, order.dead_volume_nl) == (
        20_000_000,
        500_000,
        1_500_000,
    )
    assert order.infusion_ns == 1_800_000_000_000
    assert order.prescribed_range_bq is None
    assert order.administer is Administer.WHOLE_SYRINGE
    assert order.line.primed_with is Priming.SALINE


def test_a_container_has_its_name_at_the_site(make_order: MakeOrder) -> None:
    assert make_order().container.name == "BD 60 mL"
    vial = {"kind": "vial_vented", "hose": "hose 1", "fill_ml": 20.0, "unusable_ml": 0.5}
    assert make_order(container=vial).container.name == "hose 1"


def test_a_range_rounds_inwards(make_order: MakeOrder) -> None:
    order = make_order(prescribed_range_mbq={"low": 1.0000001, "high": 2.0000009})
    assert order.prescribed_range_bq == (1_000_001, 2_000_000)


def test_fill_rounds_down_and_hold_up_rounds_up(make_order: MakeOrder) -> None:
    order = make_order(container__fill_ml=20.0000009, container__unusable_ml=0.5000001)
    assert (order.fill_nl, order.unusable_nl) == (20_000_000, 500_001)


@pytest.mark.requirement("W1", "T7.4")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient.weight_kg", "70"),
        ("patient.weight_kg", "70,0"),
        ("patient.weight_kg", True),
        ("patient.weight_kg", 0),
        ("patient.weight_kg", 1000.1),
        ("patient.height_cm", 5e-324),
        ("patient.height_cm", 1001),
        ("patient.weight_kg", None),
        ("patient.weight_date", "2025-11-19T10:00:00"),
        ("patient.weight_date", 20251119),
        ("patient.birth_date", "2.4.1961"),
        ("patient.name", ""),
        ("patient.name", " Robin"),
        ("patient.name", "Robin\u001b[2J"),
        ("patient.name", "Robin\u202e"),
        ("patient.name", "R" * 201),
        ("order_id", "../../etc"),
        ("order_id", "a/b"),
        ("schema", 3),
        ("schema", 0),
        ("nuclide", "I-123"),
        ("route", "oral"),
        ("bsa_formula", "boyd"),
        ("dose_number", 3),
        ("dose_number", 1.5),
        ("prescribed_mbq", -1),
        ("prescribed_mbq", 1e9),
        ("prescribed_range_mbq", {"low": 1.0}),
        ("administer", "some"),
        ("container.kind", "vial"),
        ("container.kind", None),
        ("container", None),
        ("container", 5),
        ("container.fill_ml", 0),
        ("container.unusable_ml", -0.1),
        ("line.dead_volume_ml", 0),
        ("line.primed_with", "air"),
        ("infusion_min", 1e400),
        ("reference_time", "2025-11-20T15:00:00"),
        ("reference_time", 1763672400),
        ("authorized_user.signed_at", "yesterday"),
        ("first_dose_date", "last year"),
        ("eligibility.prior_lines", -1),
        ("eligibility.prior_lines", 2.5),
        ("eligibility.prior_classes", "proteasome inhibitor"),
        ("eligibility.indication", " MM"),
        ("entries.first.by", "Anna Berger"),
        ("entries.first.at", "2025-11-19T15:40:00"),
        ("entries.second.by.id", "c d"),
        ("entries.second.weight_kg", "70,0"),
        ("entries.second.height_cm", None),
        ("entries.before.weight_date", "2025-13-01"),
        ("entries.before.weight_kg", "1,681"),
        ("second_dose", {"first_session": "../etc"}),
        ("revision", {"number": 0, "revises": "x", "reason": ""}),
        ("oral", {"directed_at": "now"}),
    ],
)
def test_a_wrong_value_is_refused_by_field(
    order_data: dict[str, Any], field: str, value: object
) -> None:
    *parents, last = field.split(".")
    target = order_data
    for parent in parents:
        target = target[parent]
    target[last] = value
    text = json.dumps(order_data).replace("Infinity", "1e400")
    assert all(problem.field.startswith(field) for problem in refused(text))


@pytest.mark.requirement("W1")
def test_every_wrong_field_is_named_at_once(order_data: dict[str, Any]) -> None:
    del order_data["patient"]["name"]
    order_data["prescribed_mbq"] = "1681,7"
    order_data["colour"] = "red"
    assert refused(json.dumps(order_data)) == (
        Problem("patient.name", "absent", "Field required"),
        Problem("prescribed_mbq", "'1681,7'", "Input should be a valid number"),
        Problem("colour", "'red'", "Extra inputs are not permitted"),
    )


@pytest.mark.requirement("W1")
@pytest.mark.parametrize(
    "missing",
    [
        *("schema", "site", "patient", "drug", "nuclide", "regimen", "route", "prescribed_mbq"),
        *("container", "line", "infusion_min", "reference_time", "authorized_user"),
        *("eligibility", "entries"),
    ],
)
def test_a_missing_field_is_refused(order_data: dict[str, Any], missing: str) -> None:
    del order_data[missing]
    assert [problem.field for problem in refused(json.dumps(order_data))] == [missing]


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"schema": 1, "schema": 1}', '{"schema": NaN}']
)
def test_what_is_no_document_is_refused(text: str) -> None:
    assert refused(text)[0].field == "document"


@pytest.mark.requirement("GIP-2.1.2")
def test_an_order_cannot_be_changed(order: Order) -> None:
    with pytest.raises(ValueError, match="frozen"):
        order.prescribed_mbq = 1.0


def test_the_hash_sees_values_not_layout(order_data: dict[str, Any], order: Order) -> None:
    turned = json.dumps(dict(reversed(order_data.items())), indent=4)
    assert order_hash(parse_order(turned)) == order_hash(order)
    assert parse_order(order_json(order)) == order
    order_data["prescribed_mbq"] = 1681.6
    assert order_hash(parse_order(json.dumps(order_data))) != order_hash(order)


# --- schemas --------------------------------------------------------------------------------------


def test_schema_1_is_read_and_has_no_fields_of_schema_2(
    first_schema: str, order_data: dict[str, Any]
) -> None:
    assert parse_order(first_schema).eligibility is None
    order_data["schema"] = 1
    assert refused(json.dumps(order_data)) == (
        Problem("eligibility", "present", "is no field of schema 1"),
        Problem("entries", "present", "is no field of schema 1"),
    )


def test_an_order_is_signed_or_oral(order_data: dict[str, Any]) -> None:
    del order_data["authorized_user"]["signed_at"]
    assert refused(json.dumps(order_data)) == (
        Problem("authorized_user.signed_at", "absent", "Field required"),
    )
    order_data["oral"] = {
        "directed_at": "2025-11-19T16:00:00-06:00",
        "written_down_by": {"id": "ab", "name": "Anna Berger"},
        "emergency": "spinal cord compression",
    }
    spoken = parse_order(json.dumps(order_data))
    assert spoken.directed_at.isoformat() == "2025-11-19T16:00:00-06:00"
    assert parse_order(order_json(spoken)) == spoken


@pytest.mark.parametrize("journal", ["complete", "crashed", "occluded"])
def test_an_order_of_a_kept_journal_keeps_its_spelling_and_its_hash(journal: str) -> None:
    """Its hash stands in records that were made then; one made today must say the same."""
    path = ROOT / "tests" / "golden" / "journals" / f"0.1.0-{journal}.jsonl"
    kept = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    (order,) = [text for one in kept for text in _texts(one, "order")]
    (hashed,) = [text for one in kept for text in _texts(one, "order_hash")]
    assert order_json(parse_order(order)) == order
    assert order_hash(parse_order(order)) == hashed


def _texts(held: Any, name: str) -> list[str]:
    """Every text that stands under ``name``, however deep."""
    if not isinstance(held, dict):
        return []
    found = [held[name]] if isinstance(held.get(name), str) else []
    return found + [text for inner in held.values() for text in _texts(inner, name)]


@pytest.mark.requirement("W1")
def test_the_json_schema_is_the_one_that_is_published() -> None:
    """`isodrip order schema > examples/order.schema.json` writes it anew."""
    published = (ROOT / "examples" / "order.schema.json").read_text("utf-8")
    assert json.loads(published) == order_schema()


@pytest.mark.requirement("W1")
def test_the_json_schema_asks_for_what_is_asked_for_today(order_data: dict[str, Any]) -> None:
    schema = order_schema()
    assert schema["properties"]["schema"] == {"const": 2}
    assert schema["properties"]["entries"] == {"$ref": "#/$defs/Entries"}
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(order_data)


def test_patterns_of_the_json_schema_are_spelt_for_other_programs() -> None:
    """ECMA 262 knows neither of Rust's spellings of a code point."""
    text = json.dumps(order_schema())
    assert '"pattern"' in text
    assert "x{" not in text
    assert "p{" not in text
