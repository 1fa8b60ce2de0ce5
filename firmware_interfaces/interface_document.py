"""Writes an interface control document as Markdown, as a C99 header or as JSON.

Pure text from an `Interface`; nothing is said here of any one device.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from enum import Enum
from textwrap import wrap
from typing import Any, Final

from firmware_interfaces.interface import CodeTable, Command, Figure, Interface
from firmware_interfaces.register import Register

ORIGIN: Final = "Written by `isodrip interface`; every fact is the public source's that it names."
WIDTH: Final = 96
COMMAND_HEAD: Final = (
    "text", "name", "meaning", "parameters", "when", "reply", "writes", "moves", "source",
)  # fmt: skip
REGISTER_HEAD: Final = (
    "address", "bank", "type", "access", "name", "unit", "limits", "meaning", "source",
)  # fmt: skip


def as_object(interface: Interface) -> dict[str, Any]:
    """What JSON can hold of a document, keys in the order of `Interface`."""
    return {name: _plain(part) for name, part in asdict(interface).items()}


def as_json(interface: Interface) -> str:
    """The same as text."""
    return json.dumps(as_object(interface), ensure_ascii=False, indent=2) + "\n"


def as_markdown(interface: Interface) -> str:
    """A document for people."""
    return "\n".join(_markdown(interface)) + "\n"


def as_header(interface: Interface) -> str:
    """A C99 header for bench firmware: figures, codes, and commands and registers as X-macros."""
    return "\n".join(_header(interface)) + "\n"


# --- Markdown -----------------------------------------------------------------------------------


def _markdown(of: Interface) -> Iterator[str]:
    yield f"# Interface control document: {of.title} (`{of.kind}`)"
    yield f"\n{ORIGIN}\n\n{of.purpose}"
    if of.warning:
        yield f"\n**{of.warning}**"
    if of.site_toml:
        yield f"\n```toml\n{of.site_toml}```"
    yield "\n## Line\n"
    yield from (f"- **{name}:** {text}" for name, text in _line(of))
    if of.commands:
        yield "\n## Commands\n"
        yield from _table(COMMAND_HEAD, map(_command_cells, of.commands))
    if of.registers:
        yield "\n## Registers\n"
        yield from _table(REGISTER_HEAD, map(_register_cells, of.registers))
        yield from _register_codes(of.registers)
    for codes in of.codes:
        yield f"\n## Codes: {codes.name} ({codes.meaning})\n"
        yield f"Source: {codes.source}\n"
        yield from _table(
            ("code", "name", "meaning"),
            ((f"`{word.code}`", word.name, word.meaning) for word in codes.words),
        )
    for title, figures in (("Limits", of.limits), ("Timing", of.timing)):
        if figures:
            yield f"\n## {title}\n"
            yield from _table(("name", "value", "meaning", "source"), map(_figure_cells, figures))
    if of.rules:
        yield "\n## What is believed\n\nAn answer is refused by name unless\n"
        yield from (f"- {rule}" for rule in of.rules)
    yield "\n## What it shows\n"
    yield from _table(("fact", "how"), of.observable.items())
    yield "\n## Not observable here\n"
    yield from _table(("fact", "why"), of.not_observable.items())
    if of.unconfirmed:
        yield "\n## Settled by no public source\n"
        yield from (f"- {fact}" for fact in of.unconfirmed)
    yield "\n## Sources\n"
    yield from (f"- {source}" for source in of.sources)


def _line(of: Interface) -> tuple[tuple[str, str], ...]:
    return ("Line", of.link), ("Framing", of.framing), ("Watchdog", of.watchdog)


def _command_cells(command: Command) -> tuple[object, ...]:
    return (
        f"`{command.text}`" if command.text else "(nothing)",
        command.name,
        command.meaning,
        f"`{command.form}`" if command.form else "",
        command.when,
        f"`{command.reply}`" if command.reply else "",
        "yes" if command.writes else "no",
        "yes" if command.energises else "no",
        command.source,
    )


def _register_cells(one: Register) -> tuple[object, ...]:
    address = str(one.address) if one.words == 1 else f"{one.address}-{one.end - 1}"
    bank, access = one.bank.name.lower(), one.access.value
    least, most = ("" if end is None else f"{end:g}" for end in (one.least, one.most))
    limits = f"{least}..{most}" if least or most else ""
    return (
        address, bank, one.type.value, access, one.name, one.unit, limits, one.meaning, one.source,
    )  # fmt: skip


def _register_codes(registers: Iterable[Register]) -> Iterator[str]:
    for one in registers:
        for what, codes in (("values", one.codes), ("bits", one.bits)):
            if codes:
                yield f"\n### {one.address}, {one.name}: {what}\n"
                yield from _table(("code", "name"), ((code.value, code.name) for code in codes))


def _figure_cells(figure: Figure) -> tuple[object, ...]:
    value = f"{figure.value} {figure.unit}".rstrip()
    return f"`{figure.name}`", value, figure.meaning, figure.source


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = tuple(head)
    yield _row(names)
    yield "|" + "---|" * len(names)
    yield from map(_row, rows)


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |"


# --- C99 ----------------------------------------------------------------------------------------


def _header(of: Interface) -> Iterator[str]:
    own = f"ISODRIP_{_symbol(of.kind)}"
    said = [f"{of.title} ({of.kind}).", ORIGIN.replace("`", ""), of.warning]
    said += [f"{name}: {text}" for name, text in _line(of)]
    lines = [line for text in said for line in wrap(_comment(text), WIDTH)]
    yield "/* " + "\n * ".join(lines)
    yield f" */\n#ifndef {own}_H\n#define {own}_H"
    for figure in (*of.limits, *of.timing):
        unit = f"_{_symbol(figure.unit)}" if figure.unit else ""
        yield _said(f"{figure.meaning} ({figure.source})")
        yield f"#define {own}_{_symbol(figure.name)}{unit} {_number(figure.value)}"
    for codes in of.codes:
        yield from _codes(own, codes)
    if of.commands:
        yield "\n/* X(name, text, writes, energises) */"
        yield from _macro(
            f"{own}_COMMANDS",
            (
                (_symbol(one.name), _string(one.text), int(one.writes), int(one.energises))
                for one in of.commands
            ),
        )
    if of.registers:
        yield from _register_macros(own, of.registers)
    yield f"\n#endif /* {own}_H */"


def _codes(own: str, codes: CodeTable) -> Iterator[str]:
    yield _said(f"{codes.name}: {codes.meaning} ({codes.source})")
    for word in codes.words:
        value = _number(word.code) if isinstance(word.code, int) else _string(word.code)
        yield f"#define {own}_{_symbol(codes.name)}_{_symbol(word.name)} {value}"


def _register_macros(own: str, registers: tuple[Register, ...]) -> Iterator[str]:
    for one in registers:
        yield _said(f"{one.meaning}, {one.unit}" if one.unit else one.meaning)
        name = f"{own}_{_symbol(one.name)}"
        yield f"#define {name} {_number(one.address)}"
        for kind, codes in (("IS", one.codes), ("BIT", one.bits)):
            for code in codes:
                yield f"#define {name}_{kind}_{_symbol(code.name)} {_number(code.value)}"
    yield "\n/* X(name, function code that reads it, address, words, type, may be written) */"
    yield from _macro(
        f"{own}_REGISTERS",
        (
            (
                _symbol(one.name),
                one.bank.value,
                _number(one.address),
                one.words,
                one.type.name,
                int("w" in one.access.value),
            )
            for one in registers
        ),
    )


def _macro(name: str, rows: Iterable[Iterable[object]]) -> Iterator[str]:
    lines = [f"    X({', '.join(map(str, row))})" for row in rows]
    yield f"#define {name}(X) \\"
    yield " \\\n".join(lines)


def _symbol(text: str) -> str:
    """A C identifier's part; what begins with a digit gets an N before it."""
    found = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")
    return f"N{found}" if found[:1].isdigit() else found


def _number(value: int) -> str:
    """A C constant: unsigned, with 64 bits only where it needs them, or negative."""
    if value < 0:
        return f"({value}L)"
    return f"{value}UL" if value < 1 << 32 else f"{value}ULL"


def _string(text: str) -> str:
    return json.dumps(text)


def _said(text: str) -> str:
    """A comment before what it is about."""
    return "\n/* " + "\n * ".join(wrap(_comment(text), WIDTH)) + " */"


def _comment(text: str) -> str:
    return text.replace("*/", "* /")


# --- JSON ---------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.value if isinstance(value, Enum) else value
