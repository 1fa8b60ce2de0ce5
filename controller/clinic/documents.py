"""Documents that people write, taken as text: strict JSON or TOML in, canonical JSON out.

Knows how a document can be malformed and how to say so; knows nothing of what a document means.
"""

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from firmware_interfaces.units import NS_PER_S, Nanoseconds

DOCUMENT_CHARS_MAX: Final = 65_536
SHOWN_CHARS_MAX: Final = 80
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Control characters and text-direction marks would let a name rewrite the terminal or label it is
# printed on; a name that is blank or padded would pass for another one.
# Spelt as the regular expressions of JSON Schema spell it too: other programs check orders by it.
_CONTROL: Final = r"\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069"
_VISIBLE: Final = rf"[^\s{_CONTROL}]"
_INNER: Final = rf"[^{_CONTROL}]"

Text = Annotated[
    str, StringConstraints(max_length=200, pattern=rf"^{_VISIBLE}(?:{_INNER}*{_VISIBLE})?$")
]
"""One line of visible text, 1 to 200 characters, not padded."""

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An identifier that is safe in a file name, a URL and an MQTT topic."""


class Document(BaseModel):
    """Base of every written document: nothing is coerced, added, changed later or not a number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse: which field, what stood there, which rule it breaks."""

    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} = {self.value}: {self.rule}"


class DocumentError(ValueError):
    """A document is refused; ``problems`` names every reason found, at least one."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def shown(value: object) -> str:
    """``value`` as it may be printed in a message: its repr, on one line, at most 80 characters."""
    # str of an int beyond 4300 digits raises, and nobody reads one of 78 either.
    huge = isinstance(value, int) and value.bit_length() > 256
    text = "a number of more than 77 digits" if huge else ascii(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 3] + "..."


def json_problem(text: str) -> Problem | None:
    """Why ``text`` is not strict JSON, or None: too long, malformed, a repeated key, NaN."""
    if len(text) > DOCUMENT_CHARS_MAX:
        return Problem("document", f"{len(text)} characters", f"at most {DOCUMENT_CHARS_MAX}")
    try:
        json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Problem("document", shown(text), f"strict JSON: {error}")
    return None


def toml_table(text: str, name: str) -> dict[str, Any]:
    """Read TOML. DocumentError names what is wrong with the document called ``name``.

    Refused are also nesting and whole numbers beyond what TOML asks of every reader (64 bits).
    """
    if len(text) > DOCUMENT_CHARS_MAX:
        rule = f"at most {DOCUMENT_CHARS_MAX}"
        raise DocumentError([Problem(name, f"{len(text)} characters", rule)])
    try:
        table = tomllib.loads(text)
        _refuse_long(table)
    except (ValueError, RecursionError) as error:
        raise DocumentError([Problem(name, "(not TOML)", f"TOML: {error}")]) from error
    return table


def _refuse_long(value: object) -> None:
    held = list(value.values()) if isinstance(value, dict) else value
    if isinstance(held, list):
        for one in held:
            _refuse_long(one)
    elif isinstance(held, int) and not -(2**63) <= held < 2**63:
        raise ValueError("a whole number of more than 64 bits")


def validation_problems(error: ValidationError, union: str = "") -> list[Problem]:
    """Every field error that pydantic found, as problems with dotted field paths.

    ``union`` is a field whose ``kind`` tells its type; no path names the kind.
    """
    return [_problem(item, union) for item in error.errors(include_url=False)]


def _problem(item: ErrorDetails, union: str) -> Problem:
    place = [str(part) for part in item["loc"]]
    if item["type"].startswith("union_tag"):
        place.append("kind")
    elif place and place[0] == union:
        del place[1:2]
    absent = item["type"] in ("missing", "union_tag_not_found")
    seen = "absent" if absent else shown(_tagged(item))
    return Problem(".".join(place) or "document", seen, item["msg"])


def _tagged(item: ErrorDetails) -> Any:
    """What was seen: of an unknown kind, the kind alone."""
    seen = item["input"]
    return seen["kind"] if item["type"] == "union_tag_invalid" else seen


def canonical_json(value: object) -> str:
    """Return the one spelling of ``value``: ASCII, keys sorted, no spaces; ValueError on NaN."""
    return json.dumps(
        value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def sha256_hex(text: str) -> str:
    """SHA-256 of ``text`` in UTF-8, lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def utc_ns(moment: datetime) -> Nanoseconds:
    """Return an aware datetime as nanoseconds since 1970 UTC, exact."""
    since = moment - EPOCH
    return Nanoseconds((since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000)


def utc_datetime(at_utc_ns: int) -> datetime:
    """Nanoseconds since 1970 UTC as an aware datetime, cut to the microsecond."""
    return EPOCH + timedelta(microseconds=at_utc_ns // 1000)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"repeated key {shown(repeated[0])}")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
