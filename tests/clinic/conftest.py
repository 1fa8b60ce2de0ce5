"""One valid order, both regimens and the moment of the bench: what the clinic tests start from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.clinic.documents import utc_ns
from controller.clinic.order import Order, parse_order
from controller.clinic.regimen import Regimen, parse_regimen
from firmware_interfaces.units import NS_PER_H, Nanoseconds

from .regimens import decided

ROOT = Path(__file__).parents[2]
REGIMENS = ROOT / "controller" / "clinic" / "regimens"

MakeOrder = Callable[..., Order]


@pytest.fixture
def order_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((ROOT / "examples" / "order.json").read_text())
    return data


@pytest.fixture
def make_order(order_data: dict[str, Any]) -> MakeOrder:
    """Make the example order with some fields changed; ``patient__id`` reaches inside."""

    def make(**changes: Any) -> Order:
        for path, value in changes.items():
            *parents, last = path.split("__")
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
