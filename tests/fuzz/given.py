"""Random bytes turned into something that a parser does not refuse at its first letter.

Knows how to choose from bytes, and how to spoil the text of a good document in a few places.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")

STRANGE: Final = (
    *("null", "true", "false", "0", "1", "-1", "9223372036854775808", "1e30", "1e999", "-0.0"),
    *(
        "1.5",
        "0.1",
        "5e-324",
        "NaN",
        "Infinity",
        "nan",
        "-inf",
        "1_0",
        "9" * 5000,
        "0x" + "f" * 5000,
    ),
    *('""', '" "', '"0"', '"1_0"', '"1,5"', '"\uff11"', '"\\u0000"', '"\\u202e"', '"\\ud800"'),
    *(f'"{"x" * 300}"', '"2026-02-30"', '"9999-12-31"', '"1700000000"', '"::1"', '"socket://["'),
    *(
        '"9999-12-31T23:59:59.999999-23:59"',
        '"0001-01-01T00:00:00+23:59"',
        "1979-05-27",
        "07:32:00",
    ),
    *('"mqtt://u:secret@h\u2100"', '"/dev/x"', "[]", "{}", "[[]]", '{"":null}', "[1,2]", '{"a":1}'),
    *("[" * 2000, '{"a":' * 2000, "[" * 90 + "]" * 90, "\\", '"', ",", "}", "\n", "=", "#", "\x00"),
)
"""What does not belong where it stands, in the spelling of JSON or TOML."""


class Choices:
    """Choices read from bytes; zeros once they are used up, so that every input means something."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> bool:
        """Whether a byte is left."""
        return self._at < len(self._data)

    def number(self) -> int:
        """0..255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def one_of(self, items: Sequence[T]) -> T:
        """One of some items."""
        return items[self.number() % len(items)]

    def word(self, longest: int = 31) -> bytes:
        """At most ``longest`` bytes, as many as the next byte says."""
        size = self.number() % (longest + 1)
        begin, self._at = self._at, self._at + size
        return self._data[begin : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest


def pieces(data: bytes, choices: Choices) -> Iterator[bytes]:
    """``data`` cut at chosen places, in order."""
    while data:
        size = choices.number() % 17 or 1
        yield data[:size]
        data = data[size:]


def text_of(data: bytes) -> str:
    """Any text that a file in UTF-8 may hold."""
    return data.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Form:
    """A good document: its text, and where in it each value, and each key with its value, stands.

    Made by `json_form` and `toml_form`.
    """

    text: str
    values: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]
    between: str

    def spoiled(self, choices: Choices) -> str:
        """The text, changed in up to three chosen places."""
        text = self.text
        places = [self._place(choices) for _ in range(choices.number() % 4)]
        end = len(text)
        for begin, stop, instead in sorted(places, reverse=True):
            if stop <= end:
                text, end = text[:begin] + instead + text[stop:], begin
        return text

    def _place(self, choices: Choices) -> tuple[int, int, str]:
        how = choices.number() % 8
        if how < 2:
            begin, end = _chosen(self.pairs, choices)
            pair = self.text[begin:end]
            return begin, end, "" if how == 0 else f"{pair}{self.between}{pair}"
        begin, end = _chosen(self.values, choices)
        if how == 2:
            return begin, end, json.dumps(text_of(choices.word()), ensure_ascii=False)
        if how == 3:
            return begin, end, str(int.from_bytes(choices.word(9), "little", signed=True))
        if how == 4:
            return begin, end, f"[{self.text[begin:end]},{self.text[begin:end]}]"
        if how == 5:
            return begin, begin, text_of(choices.word())
        return begin, end, choices.one_of(STRANGE)


def _chosen(spans: Sequence[tuple[int, int]], choices: Choices) -> tuple[int, int]:
    return spans[(choices.number() << 8 | choices.number()) % len(spans)]


def json_form(document: Mapping[str, Any]) -> Form:
    """A document in JSON."""
    form = _Writer(":", ",")
    form.write(document)
    return form.form()


def toml_form(table: Mapping[str, Any]) -> Form:
    """A document in TOML, each key of the top level on a line of its own."""
    form = _Writer(" = ", "\n")
    form.members(table)
    return form.form()


class _Writer:
    """Spells a document and remembers what stands where."""

    def __init__(self, sign: str, between: str) -> None:
        self._sign, self._between = sign, between
        self._text = ""
        self._values: list[tuple[int, int]] = []
        self._pairs: list[tuple[int, int]] = []

    def form(self) -> Form:
        """What was written."""
        return Form(self._text, tuple(self._values), tuple(self._pairs), self._between)

    def write(self, value: Any) -> None:
        """Write a value."""
        begin = len(self._text)
        if isinstance(value, Mapping):
            self._text += "{"
            outer, self._between = self._between, ","
            self.members(value)
            self._between = outer
            self._text += "}"
        elif isinstance(value, list | tuple):
            self._text += "["
            for at, held in enumerate(value):
                self._text += "," if at else ""
                self.write(held)
            self._text += "]"
        else:
            self._text += json.dumps(value)
        self._values.append((begin, len(self._text)))

    def members(self, table: Mapping[str, Any]) -> None:
        """Write keys and values."""
        for at, (key, value) in enumerate(table.items()):
            self._text += self._between if at else ""
            begin = len(self._text)
            self._text += json.dumps(key) + self._sign
            self.write(value)
            self._pairs.append((begin, len(self._text)))
