"""What scanners type: GS1 by the standard's own examples, our label, and a keyboard gone wrong."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.scans import (
    CHECK_TEXT,
    GS,
    Label,
    ScanError,
    layout_problem,
    own_label,
    read_scan,
)


@pytest.mark.parametrize(
    ("scan", "label"),
    [
        # The first two are examples of the GS1 General Specifications and of GS1's healthcare
        # guideline; the rest follows its rules for FNC1 (7.8) and dates (3.4, 3.7).
        (
            "]C101095011015300031714070410AB-123",
            {"gtin": "09501101530003", "expires_on": date(2014, 7, 4), "lot": "AB-123"},
        ),
        (
            f"]d201095060001343521726123110ABC123{GS}21S-1",
            {
                "gtin": "09506000134352",
                "expires_on": date(2026, 12, 31),
                "lot": "ABC123",
                "serial": "S-1",
            },
        ),
        ("]C117260200", {"expires_on": date(2026, 2, 28)}),
        ("]C117280200", {"expires_on": date(2028, 2, 29)}),
        ("]C170032611231530", {"expires": datetime.fromisoformat("2026-11-23T15:30")}),
        ("]C18018950600012345678906", {"patient_id": "950600012345678906"}),
        (f"]Q391WD-1{GS}92C131-0042", {"order_id": "WD-1", "patient_id": "C131-0042"}),
        (f"]e010AB{GS}10AB", {"lot": "AB"}),
        (f"]J1{GS}10AB", {"lot": "AB"}),
        (f"]C110AB{GS}421840ZIP1", {"lot": "AB"}),
    ],
)
def test_gs1(scan: str, label: dict[str, Any]) -> None:
    assert read_scan(scan) == Label(**label)


@pytest.mark.parametrize(
    ("scan", "rule"),
    [
        ("]C10109501101530004", "Invalid GTIN check digit"),
        ("]C1010950110153000", "must be a GS1 element string"),
        ("]C117261331", "must be a GS1 element string"),
        ("]C117260230", "must be a GS1 element string"),
        ("]C170032611239999", "must hold a time that there is"),
        ("]C170032611239959", "must be a GS1 element string"),
        (f"]C110A{GS}10B", "two different values of lot"),
        (f"]C18018950600012345678906{GS}92C131", "two different values of patient_id"),
        ("]C1421840ZIP", "must hold one of the identifiers 01, 10, 17"),
        ("]C1", "must hold one of the identifiers"),
        ("]C1hello", "must be a GS1 element string"),
        ("]C110lot with spaces", "must be a GS1 element string"),
    ],
)
def test_what_is_not_gs1_is_refused(scan: str, rule: str) -> None:
    with pytest.raises(ScanError, match=rule) as refusal:
        read_scan(scan)
    assert refusal.value.problem.field == "scan"


def test_gs1_is_what_the_scanner_says_is_gs1() -> None:
    """A patient's number may begin with the digits of an identifier: 10 is none of a lot here."""
    assert read_scan("10123456") == Label(plain="10123456")
    assert read_scan("]C010123456") == Label(plain="10123456")
    assert read_scan("]C110123456") == Label(lot="123456")


@pytest.mark.parametrize("scan", ["", " ", f"C131{GS}0042", "]C0", "]"])
def test_what_identifies_nothing_is_refused(scan: str) -> None:
    with pytest.raises(ScanError, match="must be one identifier"):
        read_scan(scan)


# --- our own label --------------------------------------------------------------------------------


OURS = Label(order_id="WD-1", patient_id="C131-0042", drug="CLR 131", nuclide="I-131", lot="L7")


def test_our_own_label_is_read_as_it_was_written() -> None:
    text = own_label(OURS)
    assert text == "ISODRIP|order_id=WD-1|patient_id=C131-0042|drug=CLR 131|nuclide=I-131|lot=L7"
    assert read_scan(text) == OURS
    assert read_scan(f"]d1{text}") == OURS


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|="))


@given(lot=PRINTABLE, drug=PRINTABLE)
def test_any_printable_value_comes_back(lot: str, drug: str) -> None:
    told = Label(order_id="WD-1", lot=lot, drug=drug)
    assert read_scan(own_label(told)) == told


@pytest.mark.parametrize("value", ["a|b", "Zürich", "a\tb"])
def test_what_a_scanner_cannot_type_is_not_printed(value: str) -> None:
    with pytest.raises(ValueError, match="must be printable ASCII"):
        own_label(Label(order_id="WD-1", drug=value))


def test_an_empty_label_is_none() -> None:
    with pytest.raises(ValueError, match="must be printable ASCII"):
        own_label(Label())


@pytest.mark.parametrize(
    ("scan", "rule"),
    [
        ("ISODRIP|lot=", "'lot=' must be KEY=VALUE"),
        ("ISODRIP|lot", "'lot' must be KEY=VALUE"),
        ("ISODRIP|colour=red", "must be KEY=VALUE, KEY one of order_id, patient_id, drug"),
        ("ISODRIP|lot=1|lot=1", "lot stands in it twice"),
        ("ISODRIP|", "must be KEY=VALUE"),
    ],
)
def test_a_spoilt_label_of_ours_is_refused(scan: str, rule: str) -> None:
    with pytest.raises(ScanError, match=rule.replace("|", r"\|")):
        read_scan(scan)


# --- the scanner's keyboard -----------------------------------------------------------------------


def test_a_scanner_that_types_what_is_printed_is_right() -> None:
    assert layout_problem(CHECK_TEXT) is None
    assert layout_problem(f"]C0{CHECK_TEXT}") is None


def test_the_check_barcode_is_what_a_scanner_can_type() -> None:
    assert CHECK_TEXT.isascii()
    assert CHECK_TEXT.count(GS) == 1
    assert len(CHECK_TEXT) <= 80


@pytest.mark.parametrize(
    ("keys", "layout"),
    [
        (("yzYZ-_", "zyZY/?"), "a German, Austrian or Swiss layout (QWERTZ)"),
        (("aqwzAQWZ", "qazwQAZW"), "a French or Belgian layout (AZERTY)"),
        (("#", "$"), "another keyboard layout than this computer"),
    ],
)
def test_another_layout_is_named(keys: tuple[str, str], layout: str) -> None:
    problem = layout_problem(CHECK_TEXT.translate(str.maketrans(*keys)))
    assert problem is not None
    assert problem.rule == f"scanner and computer differ: one has {layout}"
    assert f"'{keys[1][0]}' for '{keys[0][0]}'" in problem.value


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        (CHECK_TEXT.replace(GS, ""), "set the scanner to send FNC1 as GS (ASCII 29)"),
        (CHECK_TEXT[:-1], f"must be the check barcode, {len(CHECK_TEXT)} characters"),
        ("C131-0042", f"must be the check barcode, {len(CHECK_TEXT)} characters"),
    ],
)
def test_a_scan_that_is_not_the_check_barcode_is_named(seen: str, rule: str) -> None:
    problem = layout_problem(seen)
    assert problem is not None
    assert problem.rule == rule
