"""Writes the table of alarms between its markers in docs/guide.md, or checks that it stands there.

It knows the markers and the device set of the guide; what the rows say comes from the alarm table.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GUIDE: Final = ROOT / "docs" / "guide.md"
BEGIN: Final = "<!-- alarms:begin -->\n"
END: Final = "<!-- alarms:end -->"
KINDS: Final = ("ne1000", "crc55")
CLAMP: Final = "Clamp the line at the patient. "
"""How the remedy of every trip begins; said once above the table."""
HEADS: Final = {
    "trip": f"**Trip**: the drug stops and stays stopped. First, always: *{CLAMP.strip()}*",
    "advisory": "**Advisory**: the drug goes on, somebody must look.",
    "start_refusal": "**Start refusal**: nothing may start; a running infusion goes on.",
}


def with_table(text: str, table: str) -> str:
    """``text`` with ``table`` between the markers. ValueError without them."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{GUIDE.name} has no {BEGIN.strip()} ... {END}")
    return f"{head}{BEGIN}{table}\n{END}{tail}"


def table() -> str:
    """One table for each action and one of what this device set cannot see, as markdown."""
    from controller.core.alarms import ROWS, not_observable  # noqa: PLC0415 - from the repository

    hidden = not_observable(KINDS)
    blocks = []
    for action, head in HEADS.items():
        rows = [row for row in ROWS if row.action.value == action and row not in hidden]
        cells = [
            (row.priority.value, row.text, row.remedy.removeprefix(CLAMP), f"`{row.id}`")
            for row in rows
        ]
        blocks.append(_block(head, ("priority", "says", "do this", "id"), cells))
    unseen = [(row.text, row.channel, f"`{row.id}`") for row in hidden]
    head = "**Not observable here**, with an NE-1000 and a CRC-55: nobody but you can see these."
    blocks.append(_block(head, ("would say", "needs", "id"), unseen))
    return "\n".join(blocks)


def _block(head: str, names: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> str:
    lines = [head, "", _line(names), _line("---" for _ in names)]
    return "\n".join([*lines, *map(_line, cells)]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Write docs/guide.md anew; with ``--check`` only say whether that would change it."""
    sys.path.insert(0, str(ROOT))
    old = GUIDE.read_text("utf-8")
    new = with_table(old, table())
    if arguments == ["--check"]:
        if old != new:
            print("docs/guide.md: the alarms differ: tools/alarm_table.py", file=sys.stderr)
        return int(old != new)
    GUIDE.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
