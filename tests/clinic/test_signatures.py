"""Two different people, whatever their badges and spellings."""

import pytest

from controller.clinic.signatures import Identity, Signature, two_different_people
from firmware_interfaces.units import Nanoseconds


def signed(operator_id: str, name: str) -> Signature:
    return Signature(operator_id, name, "technician", "released", Nanoseconds(1))


@pytest.mark.requirement("I2")
@pytest.mark.parametrize(
    ("operator_id", "name", "different"),
    [
        ("cd", "Chris Dahl", True),
        ("ab", "Chris Dahl", False),
        ("AB ", "Chris Dahl", False),
        ("cd", "Anna Berger", False),
        ("cd", "anna  BERGER", False),
        ("ab", "Anna Berger", False),
    ],
)
def test_two_people(operator_id: str, name: str, different: bool) -> None:
    assert two_different_people(signed("ab", "Anna Berger"), signed(operator_id, name)) is different


@pytest.mark.requirement("R3")
def test_a_signature_is_unauthenticated_until_proven() -> None:
    assert signed("ab", "Anna Berger").identity is Identity.UNAUTHENTICATED
