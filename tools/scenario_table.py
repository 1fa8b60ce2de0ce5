"""Writes the table of scenarios and their times into docs/testing-with-isodrip.md.

It plays every scenario; what the columns mean stands in `simulators.bench.figures`. Exit 4, and
nothing is written, if any was not as it states.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from simulators.bench.figures import Figure, cores, figures, markdown, text

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "testing-with-isodrip.md"
BEGIN: Final = "<!-- scenarios:begin -->\n"
END: Final = "<!-- scenarios:end -->"
DONE, UNSAFE = 0, 4


def with_table(page: str, table: str) -> str:
    """``page`` with ``table`` between the markers. ValueError without them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no {BEGIN.strip()} ... {END}")
    return f"{head}{BEGIN}{table}\n{END}{tail}"


def main(found: Sequence[Figure]) -> int:
    """Write the table of these figures; returns 0, or 4 if one is wrong."""
    if any(figure.wrong for figure in found):
        print(text(found), file=sys.stderr)
        return UNSAFE
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), markdown(found)), encoding="utf-8")
    return DONE


if __name__ == "__main__":
    sys.exit(main(figures(cores())))
