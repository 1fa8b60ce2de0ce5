"""How an interface control document is written, shown on a device that does not exist."""

import json

import pytest

from firmware_interfaces.interface import CodeTable, Figure, Interface, Word
from firmware_interfaces.interface_document import as_header, as_json, as_markdown
from firmware_interfaces.register import Access, Bank, Code, Register, Type

BARE = Interface(
    kind="toy-1",
    title="Toy",
    purpose="Stands on the table.",
    link="a wire",
    framing="none",
    watchdog="none",
    sources=("the toy's box",),
    commands=(),
    registers=(),
    codes=(),
    limits=(),
    timing=(),
    observable={"colour": "by eye"},
    not_observable={"weight": "no scale"},
    unconfirmed=(),
)
FULL = Interface(
    kind="toy-1",
    title="Toy",
    purpose="Stands on the table.",
    link="a wire",
    framing="none",
    watchdog="none",
    sources=("the toy's box",),
    commands=(),
    registers=(
        Register(
            "mode", 7, Type.U16, "box", "what it does */ now", access=Access.READ_WRITE,
            codes=(Code(0, "off"), Code(1, "2nd gear")), bits=(Code(3, "warm"),),
        ),
        Register(
            "speed", 9, Type.F32, "box", "how fast", "m/s", bank=Bank.INPUT, least=0, most=2.5
        ),
    ),
    codes=(CodeTable("SIGN", "first|letter", (Word("+", "PLUS"), Word(-1, "MINUS")), "box"),),
    limits=(
        Figure("SPEED_MAX", 2500, "mm/s", "as fast as it goes", "box"),
        Figure("FAR", 1 << 32, "", "as far as it goes", "box"),
    ),
    timing=(),
    observable={},
    not_observable={},
    unconfirmed=("its age",),
    rules=("it is red",),
    site_toml='kind = "toy-1"\n',
    warning="Not for children.",
)  # fmt: skip


def test_what_a_device_does_not_have_has_no_heading():
    text = as_markdown(BARE)

    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Interface control document: Toy (`toy-1`)",
        "## Line",
        "## What it shows",
        "## Not observable here",
        "## Sources",
    ]


def test_registers_are_shown_with_their_words_limits_codes_and_bits():
    text = as_markdown(FULL)

    assert "**Not for children.**" in text
    assert "refused by name unless\n\n- it is red\n" in text
    assert '```toml\nkind = "toy-1"\n```\n' in text
    assert "| 7 | holding | u16 | rw | mode |  |  | what it does */ now | box |" in text
    assert "| 9-10 | input | f32 | r | speed | m/s | 0..2.5 | how fast | box |" in text
    assert (
        "### 7, mode: values\n\n| code | name |\n|---|---|\n| 0 | off |\n| 1 | 2nd gear |" in text
    )
    assert "### 7, mode: bits\n\n| code | name |\n|---|---|\n| 3 | warm |" in text
    assert "## Codes: SIGN (first|letter)" in text
    assert "| `SPEED_MAX` | 2500 mm/s | as fast as it goes | box |" in text
    assert "## Settled by no public source\n\n- its age" in text


@pytest.mark.parametrize(
    "line",
    [
        "#define ISODRIP_TOY_1_SPEED_MAX_MM_S 2500UL",
        "#define ISODRIP_TOY_1_FAR 4294967296ULL",
        '#define ISODRIP_TOY_1_SIGN_PLUS "+"',
        "#define ISODRIP_TOY_1_SIGN_MINUS (-1L)",
        "/* what it does * / now */",
        "#define ISODRIP_TOY_1_MODE 7UL",
        "#define ISODRIP_TOY_1_MODE_IS_N2ND_GEAR 1UL",
        "#define ISODRIP_TOY_1_MODE_BIT_WARM 3UL",
        "    X(MODE, 3, 7UL, 1, U16, 1) \\",
        "    X(SPEED, 4, 9UL, 2, F32, 0)",
    ],
)
def test_a_header_has(line):
    assert line in as_header(FULL).splitlines()


def test_a_header_of_a_device_without_tables_is_empty_between_its_guards():
    lines = as_header(BARE).splitlines()

    assert [line for line in lines if line.startswith("#")] == [
        "#ifndef ISODRIP_TOY_1_H",
        "#define ISODRIP_TOY_1_H",
        "#endif /* ISODRIP_TOY_1_H */",
    ]


def test_json_holds_all_of_it():
    found = json.loads(as_json(FULL))

    assert list(found) == [
        "kind", "title", "purpose", "link", "framing", "watchdog", "sources", "commands",
        "registers", "codes", "limits", "timing", "observable", "not_observable", "unconfirmed",
        "rules", "site_toml", "warning",
    ]  # fmt: skip
    assert found["registers"][1] == {
        "name": "speed", "address": 9, "type": "f32", "source": "box", "meaning": "how fast",
        "unit": "m/s", "access": "r", "bank": 4, "length": 1, "least": 0, "most": 2.5,
        "codes": [], "bits": [],
    }  # fmt: skip
    assert found["codes"][0]["words"] == [
        {"code": "+", "name": "PLUS", "meaning": ""},
        {"code": -1, "name": "MINUS", "meaning": ""},
    ]
