"""Writes the state diagram between its markers in README.md, or checks that it stands there.

It knows the markers; what the diagram says comes from the transition table alone.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN = "<!-- state-diagram:begin -->\n"
END = "<!-- state-diagram:end -->"


def with_diagram(text: str, diagram: str) -> str:
    """``text`` with ``diagram`` as a mermaid block between the markers. ValueError without them."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} has no {BEGIN.strip()} ... {END}")
    return f"{head}{BEGIN}```mermaid\n{diagram.strip()}\n```\n{END}{tail}"


def main(arguments: list[str]) -> int:
    """Write README.md anew; with ``--check`` only say whether that would change it."""
    sys.path.insert(0, str(ROOT))
    from controller.core.table import diagram  # noqa: PLC0415 - found from the repository

    old = README.read_text("utf-8")
    new = with_diagram(old, diagram())
    if arguments == ["--check"]:
        if old != new:
            print(
                "README.md: the state diagram is not that of the table: make diagram",
                file=sys.stderr,
            )
        return int(old != new)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
