"""A directive's versions: signature before the start, revision by a new one, 48 h for the oral."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.clinic.directive import (
    Version,
    oral_due_utc_ns,
    revision_problems,
    start_problems,
)
from controller.clinic.documents import Problem
from controller.clinic.order import Order, order_hash
from controller.clinic.signatures import Meaning, Signature
from firmware_interfaces.units import NS_PER_H, NS_PER_S, Nanoseconds

from .conftest import MakeOrder, fields
from .test_order_rules import EARLY

SIGNED_NS = Nanoseconds(1_763_590_800 * NS_PER_S)
NOW_NS = SIGNED_NS + NS_PER_H
SIGNATURE = Signature("au", "Example, Alex, MD", "authorized_user", Meaning.ORDERED, SIGNED_NS)

Signing = Callable[[Order], Version]


def signed(order: Order, **told: Any) -> Version:
    return Version(order, replace(SIGNATURE, **told), order_hash(order))


@pytest.fixture
def revised(make_order: MakeOrder, order: Order) -> Order:
    """The second text of the example: another reference time."""
    reason = "patient comes an hour later"
    told = {"number": 1, "revises": order_hash(order), "reason": reason}
    return make_order(revision=told, reference_time="2025-11-20T16:00:00-06:00")


@pytest.mark.requirement("W1", "W2")
def test_a_signed_directive_may_start(order: Order) -> None:
    assert start_problems([signed(order)], NOW_NS) == []


@pytest.mark.requirement("W1", "W2")
def test_an_unsigned_one_may_not(order: Order) -> None:
    rule = "an authorized user must sign this text before the start (10 CFR 35.40(a), (c))"
    assert start_problems([Version(order)], NOW_NS) == [Problem("signature", "absent", rule)]


@pytest.mark.requirement("W2")
@pytest.mark.parametrize(("after_ns", "good"), [(1, True), (0, False), (-1, False)])
def test_it_is_signed_before_the_start(order: Order, after_ns: int, good: bool) -> None:
    problems = start_problems([signed(order)], SIGNED_NS + after_ns)
    rule = "must be before the start"
    expected = [Problem("signature.at", "2025-11-19T22:20:00.000Z", rule)]
    assert problems == ([] if good else expected)


@pytest.mark.requirement("W1", "W2")
@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"role": "technician"}, "signature.role"),
        ({"name": "Example, Alex"}, "signature.name"),
        ({"meaning": Meaning.ACKNOWLEDGED}, "signature.meaning"),
    ],
)
def test_the_signature_is_the_authorized_users(
    order: Order, told: dict[str, Any], field: str
) -> None:
    assert fields(start_problems([signed(order, **told)], NOW_NS)) == [field]


def test_spelling_of_a_name_does_not_count(order: Order) -> None:
    assert start_problems([signed(order, name="example,  alex, MD")], NOW_NS) == []


@pytest.mark.requirement("W3")
@pytest.mark.parametrize("hash_", ["", 64 * "0"])
def test_a_signature_of_another_text_does_not_count(order: Order, hash_: str) -> None:
    problems = start_problems([Version(order, SIGNATURE, hash_)], NOW_NS)
    rule = "is of another text than this version: it must be signed anew"
    assert problems == [Problem("signature", hash_ or "of nothing", rule)]


# --- revision -------------------------------------------------------------------------------------


@pytest.mark.requirement("W3")
def test_only_the_newest_version_counts(order: Order, revised: Order) -> None:
    assert fields(start_problems([signed(order), Version(revised)], NOW_NS)) == ["signature"]
    assert start_problems([signed(order), signed(revised)], NOW_NS) == []


@pytest.mark.requirement("W3")
@pytest.mark.parametrize(("begun_ns", "good"), [(None, True), (NOW_NS, False)])
def test_nothing_is_revised_once_it_began(
    order: Order, revised: Order, begun_ns: int | None, good: bool
) -> None:
    problems = revision_problems([signed(order)], revised, begun_ns)
    rule = "a directive is revised before the administration only (10 CFR 35.40(c))"
    begun = Problem("revision", "begun at 2025-11-19T23:20:00.000Z", rule)
    assert problems == ([] if good else [begun])


@pytest.mark.requirement("W3")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"revision": None}, "revision"),
        ({"revision__number": 2}, "revision.number"),
        ({"revision__revises": 64 * "0"}, "revision.revises"),
        ({"order_id": "WD-2"}, "order_id"),
        ({"site": "Madison 04"}, "site"),
        ({"drug": "other"}, "drug"),
        ({"regimen": "clr131"}, "regimen"),
        ({"dose_number": 2}, "dose_number"),
        ({"patient__id": "C131-0043"}, "patient.id"),
    ],
)
def test_a_revision_is_of_the_same_directive(
    make_order: MakeOrder, order: Order, revised: Order, changes: dict[str, Any], field: str
) -> None:
    changed = make_order(**changes)
    assert fields(revision_problems([signed(order)], changed, None)) == [field]
    assert fields(start_problems([signed(order), signed(changed)], NOW_NS)) == [field]


@pytest.mark.requirement("W3")
def test_a_second_revision_is_of_the_first(
    make_order: MakeOrder, order: Order, revised: Order
) -> None:
    again = make_order(revision__number=2, revision__revises=order_hash(revised))
    versions = [signed(order), signed(revised)]
    assert revision_problems(versions, again, None) == []
    assert start_problems([*versions, signed(again)], NOW_NS) == []
    assert fields(start_problems([signed(order), signed(again)], NOW_NS)) == [
        "revision.number",
        "revision.revises",
    ]


# --- oral -----------------------------------------------------------------------------------------

DUE_NS = 1_763_672_400 * NS_PER_S


@pytest.fixture
def spoken(make_order: MakeOrder) -> Order:
    return make_order(**EARLY, authorized_user__signed_at=None)


@pytest.mark.requirement("W4")
def test_an_oral_directive_starts_only_where_the_site_takes_them(spoken: Order) -> None:
    assert fields(start_problems([Version(spoken)], NOW_NS)) == ["signature"]
    assert start_problems([Version(spoken)], NOW_NS, oral=True) == []


@pytest.mark.requirement("W4")
@pytest.mark.parametrize(("late_ns", "good"), [(-1, True), (0, True), (1, False)])
def test_it_is_due_within_48_hours(spoken: Order, late_ns: int, good: bool) -> None:
    problems = start_problems([Version(spoken)], DUE_NS + late_ns, oral=True)
    rule = "is overdue since 2025-11-20T21:00:00.000Z: 48 h (10 CFR 35.40(a)(1))"
    assert problems == ([] if good else [Problem("signature", "absent", rule)])


@pytest.mark.requirement("W4")
def test_what_is_due_is_told_until_it_is_signed(order: Order, spoken: Order) -> None:
    assert oral_due_utc_ns([Version(spoken)]) == DUE_NS
    assert oral_due_utc_ns([signed(spoken)]) is None
    assert oral_due_utc_ns([Version(order)]) is None


def test_where_oral_directives_are_taken_a_written_one_must_still_be_signed(order: Order) -> None:
    assert fields(start_problems([Version(order)], NOW_NS, oral=True)) == ["signature"]
