"""One valid order, both regimens and the moment of the bench: what the clinic tests start from."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from controller.clinic.documents import Problem, utc_ns
from controller.clinic.order import SINCE_2, Order, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_rules import check_order
from controller.clinic.regimen import Regimen, parse_regimen
from firmware_interfaces.units import NS_PER_H, Nanoseconds

from .regimens import decided

ROOT = Path(__file__).parents[2]
REGIMENS = ROOT / "controller" / "clinic" / "regimens"

SITE = "Madison 03"
MEASURED = ("weight_kg", "weight_date", "height_cm", "height_date")

MakeOrder = Callable[..., Order]
Judge = Callable[..., list[Problem]]


@pytest.fixture
def order_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((ROOT / "examples" / "order.json").read_text())
    return data


@pytest.fixture
def make_order(order_data: dict[str, Any]) -> MakeOrder:
    """Make the example order with some fields changed; ``patient__id`` reaches inside.

    A changed weight or height is entered so by both people, and nothing was known before.
    """

    def make(**changes: Any) -> Order:
        for path, value in changes.items():
            *parents, last = path.split("__")
            if parents == ["patient"] and last in MEASURED:
                order_data["entries"]["second"][last] = value
                order_data["entries"]["before"] = None
            target = order_data
            for parent in parents:
                target = target[parent]
            target[last] = value
        return parse_order(json.dumps(order_data))

    return make


@pytest.fixture
def order(make_order: MakeOrder) -> Order:
    return make_order()


@pytest.fixture
def regimen() -> Regimen:
    return parse_regimen((REGIMENS / "clr131-bench.toml").read_text())


@pytest.fixture
def ward_regimen() -> Regimen:
    return parse_regimen((REGIMENS / "clr131.toml").read_text())


@pytest.fixture
def decided_regimen() -> Regimen:
    """The study's regimen with nothing left to decide: what real devices may be run on."""
    return parse_regimen(decided((REGIMENS / "clr131.toml").read_text()))


@pytest.fixture
def now_ns(order: Order) -> Nanoseconds:
    """One hour before the reference time."""
    return Nanoseconds(utc_ns(order.reference_time) - NS_PER_H)


@pytest.fixture
def judge(regimen: Regimen, now_ns: Nanoseconds) -> Judge:
    """Every problem of an order on the bench, or of any other `Case`."""

    def check(order: Order, now_utc_ns: int = now_ns, **case: Any) -> list[Problem]:
        told = {"regimen": regimen, "site": SITE, "simulated": True, **case}
        return check_order(Case(order=order, now_utc_ns=now_utc_ns, **told))

    return check


def fields(problems: Iterable[Problem]) -> list[str]:
    """The fields that were refused."""
    return [problem.field for problem in problems]


@pytest.fixture
def first_schema(order_data: dict[str, Any]) -> str:
    """The example as it was written under schema 1."""
    kept = {name: told for name, told in order_data.items() if name not in SINCE_2}
    return json.dumps({**kept, "schema": 1})
