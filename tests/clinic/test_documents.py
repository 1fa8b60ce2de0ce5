"""Strict JSON in, canonical JSON out, exact times, and messages that cannot flood a terminal."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.documents import (
    DocumentError,
    Problem,
    canonical_json,
    json_problem,
    sha256_hex,
    shown,
    toml_table,
    utc_datetime,
    utc_ns,
)
from firmware_interfaces.units import Nanoseconds


@pytest.mark.requirement("W1", "T7.4")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 1}', "repeated key 'a'"),
        ('{"p": {"b": 1, "c": 2, "b": 3}}', "repeated key 'b'"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ('{"a": 70,0}', "Expecting property name"),
        ("", "Expecting value"),
        ('{"a": ' + "9" * 5000 + "}", "4300 digits"),
        ("[" * 60_000, "recursion"),
        (" " * 65_537, "at most 65536"),
    ],
)
def test_what_is_not_strict_json(text: str, why: str) -> None:
    problem = json_problem(text)
    assert problem is not None
    assert problem.field == "document"
    assert why in problem.rule
    assert len(problem.value) <= 80


def test_strict_json_has_no_problem() -> None:
    assert json_problem('{"a": [1, 2.5e3, {"a": null}]}') is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = =", "TOML: Invalid value"),
        ("a = " + "[" * 2000, "TOML: maximum recursion depth"),
        ("a = 1979-99-99", "TOML: "),
        (f"a = {'9' * 5000}", "TOML: Exceeds the limit"),
        (f"a = [{{b = 0x{'f' * 17}}}]", "TOML: a whole number of more than 64 bits"),
        ("a = 9223372036854775808", "TOML: a whole number of more than 64 bits"),
        ("#" * 65_537, "at most 65536"),
    ],
)
def test_toml_that_cannot_be_taken_says_why(text: str, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        toml_table(text, "site.toml")
    (problem,) = caught.value.problems
    assert problem.field == "site.toml"
    assert problem.rule.startswith(why)


def test_toml_of_64_bits_is_taken() -> None:
    text = "a = -9223372036854775808\nb = [9223372036854775807]"
    assert toml_table(text, "x") == {"a": -(2**63), "b": [2**63 - 1]}
    assert toml_table("#" * 65_536, "x") == {}


def test_canonical_json() -> None:
    assert canonical_json({"b": [1, 2.5], "a": "ä\n"}) == '{"a":"\\u00e4\\n","b":[1,2.5]}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))


def test_sha256() -> None:
    assert sha256_hex("abc").startswith("ba7816bf8f01cfea")


def test_shown_is_short_and_of_one_line() -> None:
    assert shown("a\nb\x1b") == r"'a\nb\x1b'"
    assert len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "a number of more than 77 digits"
    assert shown(131) == "131"


def test_an_error_reads_as_its_problems() -> None:
    error = DocumentError([Problem("a", "1", "must be 2"), Problem("b", "x", "unknown")])
    assert str(error) == "a = 1: must be 2; b = x: unknown"


def test_utc_ns_of_any_zone() -> None:
    zone = timezone(timedelta(hours=-6))
    assert utc_ns(datetime(1970, 1, 1, 1, tzinfo=UTC)) == 3_600_000_000_000
    assert utc_ns(datetime(1969, 12, 31, 18, 0, 0, 1, tzinfo=zone)) == 1_000
    assert utc_ns(datetime(1961, 4, 2, tzinfo=UTC)) == -276_134_400_000_000_000


@pytest.mark.requirement("R6")
@given(st.integers(-(10**18), 4 * 10**18))
def test_times_survive_to_the_microsecond(at_ns: int) -> None:
    assert utc_ns(utc_datetime(Nanoseconds(at_ns))) == at_ns // 1000 * 1000
