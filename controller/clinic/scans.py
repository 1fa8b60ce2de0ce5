"""What a scanner typed: a plain identifier, this program's own label, or a GS1 element string.

It takes text apart and says what is wrong with it; whether it is the right label is judged by the
gates. A scanner is a keyboard: a check barcode shows whether it types what was printed.
"""

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Any, Final

from biip import ParseError
from biip.gs1_messages import GS1Message
from pydantic import StringConstraints

from controller.clinic.documents import Problem, shown

GS: Final = "\x1d"
"""How a scanner sends the separator FNC1 (GS1 General Specifications, 7.8)."""

ScanText = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7E\x1D]{1,200}$")]
"""What a scanner can type: printable ASCII, and the separator."""

GS1_PREFIXES: Final = ("]C1", "]d2", "]Q3", "]e0", "]J1")
"""AIM identifiers of symbols that hold GS1 data (GS1 General Specifications, 5.1.3)."""
OWN_PREFIX: Final = "ISODRIP|"

CHECK_TEXT: Final = f"Isodrip check yzYZ aqAQ wW mM 0123456789 -_/|=;:.,+()%#]{GS}end"
"""The check barcode: every letter and sign that keyboards place differently, and a separator."""
LAYOUTS: Final[Mapping[frozenset[str], str]] = {
    frozenset("yz"): "a German, Austrian or Swiss layout (QWERTZ)",
    frozenset("aq"): "a French or Belgian layout (AZERTY)",
}
SHOWN_MAX: Final = 6

FIELDS: Final[Mapping[str, str]] = {
    "01": "gtin",
    "10": "lot",
    "17": "expires_on",
    "7003": "expires",
    "21": "serial",
    "8018": "patient_id",
    "91": "order_id",
    "92": "patient_id",
}
"""Application identifiers that are understood: 91 and 92 are the company's own (chapter 3)."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says; what it does not say is empty. ``plain`` is an identifier by itself.

    ``expires`` is the local time of the site, ``expires_on`` the last day of use.
    """

    plain: str = ""
    gtin: str = ""
    drug: str = ""
    nuclide: str = ""
    lot: str = ""
    serial: str = ""
    order_id: str = ""
    patient_id: str = ""
    expires_on: date | None = None
    expires: datetime | None = None


class ScanError(ValueError):
    """A scan that cannot be understood; ``problem`` says why."""

    def __init__(self, scan: str, rule: str) -> None:
        self.problem = Problem("scan", shown(scan), rule)
        super().__init__(str(self.problem))


def read_scan(scan: str) -> Label:
    """Take a scan apart; raises ScanError.

    It is GS1 only where the scanner says so by an AIM identifier: a patient's number may begin with
    the digits of an application identifier.
    """
    prefix, rest = (scan[:3], scan[3:]) if scan.startswith("]") else ("", scan)
    if prefix in GS1_PREFIXES:
        return _gs1(scan, rest)
    if GS in rest or not rest.strip():
        raise ScanError(scan, "must be one identifier: a separator stands in it, or nothing at all")
    if rest.startswith(OWN_PREFIX):
        return _own(scan, rest.removeprefix(OWN_PREFIX))
    return Label(plain=rest)


def own_label(told: Label) -> str:
    """The text of this program's own label: what the hot lab prints for a syringe.

    Raises ValueError for what a scanner cannot type, or would take for two values.
    """
    pairs = ((key, getattr(told, key)) for key in OWN)
    text = "|".join(f"{key}={value}" for key, value in pairs if value)
    if not text.isascii() or not text.isprintable() or text.count("|") >= text.count("="):
        raise ValueError(f"{text!r} must be printable ASCII, with no | in a value")
    return OWN_PREFIX + text


OWN: Final = ("order_id", "patient_id", "drug", "nuclide", "lot")
"""Keys of this program's own label."""


def _own(scan: str, body: str) -> Label:
    found: dict[str, Any] = {}
    for part in body.split("|"):
        key, sign, value = part.partition("=")
        if key not in OWN or not sign or not value.strip():
            raise ScanError(scan, f"{shown(part)} must be KEY=VALUE, KEY one of {', '.join(OWN)}")
        if key in found:
            raise ScanError(scan, f"{key} stands in it twice")
        found[key] = value
    return Label(**found)


def _gs1(scan: str, message: str) -> Label:
    try:
        elements = GS1Message.parse(message).element_strings
    except ParseError as error:
        raise ScanError(scan, f"must be a GS1 element string: {error}") from error
    found: dict[str, Any] = {}
    for element in elements:
        field = FIELDS.get(element.ai.ai)
        if element.gtin_error is not None:
            raise ScanError(scan, f"must be a GS1 element string: {element.gtin_error}")
        if field is None:
            continue
        if found.get(field, element.value) != element.value:
            raise ScanError(scan, f"two different values of {field} stand in it")
        found[field] = element.value
    if not found:
        raise ScanError(scan, f"must hold one of the identifiers {', '.join(FIELDS)}")
    try:
        dates = {field: READ[field](found[field]) for field in READ if field in found}
    except ValueError as error:
        raise ScanError(scan, f"must hold a time that there is: {error}") from error
    return Label(**{**found, **dates})


def _day(yymmdd: str) -> date:
    """YYMMDD of this century; day 00 is the last of its month (GS1 General Specifications, 3.4)."""
    year, month, day = 2000 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:6])
    return date(year, month, day or calendar.monthrange(year, month)[1])


def _minute(yymmddhhmm: str) -> datetime:
    """YYMMDDHHMM of this century, local time (GS1 General Specifications, 3.7)."""
    return datetime.combine(_day(yymmddhhmm[:6]), time(int(yymmddhhmm[6:8]), int(yymmddhhmm[8:])))


READ: Final[Mapping[str, Callable[[str], date]]] = {"expires_on": _day, "expires": _minute}


def layout_problem(scan: str) -> Problem | None:
    """Why the scan of the check barcode shows that this scanner does not type what is printed."""
    seen = scan[3:] if scan.startswith("]") else scan
    if seen == CHECK_TEXT:
        return None
    if seen == CHECK_TEXT.replace(GS, ""):
        return Problem("scan", "no separator", "set the scanner to send FNC1 as GS (ASCII 29)")
    if len(seen) != len(CHECK_TEXT):
        rule = f"must be the check barcode, {len(CHECK_TEXT)} characters"
        return Problem("scan", f"{len(seen)} characters", rule)
    pairs = {a: b for a, b in zip(CHECK_TEXT, seen, strict=True) if a != b}
    value = ", ".join(f"{shown(b)} for {shown(a)}" for a, b in list(pairs.items())[:SHOWN_MAX])
    layout = (name for keys, name in LAYOUTS.items() if keys <= pairs.keys())
    likely = next(layout, "another keyboard layout than this computer")
    return Problem("scan", value, f"scanner and computer differ: one has {likely}")
