"""Markdown that all pages share: tables, ids, links and the places that they lead to."""

from collections.abc import Iterable
from typing import Final

MADE: Final = "Made by `make trace` from the data beside it. Do not edit.\n"
HEADS: Final = {
    "use": "Use: what people do, miss or mistake",
    "device": "Devices: pump, calibrator, syringe, line and what lies between",
    "software": "Software: the program, its record and its computer",
    "environment": "Environment: room, network, power and people from outside",
}
"""What each category of hazards is called."""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar or a line end in a cell would end it."""
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    clean = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    clean.insert(1, ["---"] * len(clean[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in clean)


def codes(ids: Iterable[str]) -> str:
    """Ids side by side."""
    return ", ".join(f"`{id_}`" for id_ in ids) or "-"


def linked(ids: Iterable[str], page: str) -> str:
    """Ids as links to their places on a page."""
    return ", ".join(f"[{id_}]({page}#{anchor(id_)})" for id_ in ids) or "-"


def anchor(id_: str) -> str:
    """The name of an id's place: every id here has one of its own, whatever signs it holds."""
    return "".join(sign if sign.isalnum() else "-" for sign in id_.lower())


def place(id_: str) -> str:
    """Where links to an id lead."""
    return f'<a id="{anchor(id_)}"></a>'
