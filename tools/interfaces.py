"""Writes the interface control document of every kind anew, or checks that they stand so.

Markdown goes into docs/interfaces for people; headers and JSON into tests/golden/interfaces, where
a change of a table shows itself.
"""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDERS: Final = {
    "md": ROOT / "docs" / "interfaces",
    "h": ROOT / "tests" / "golden" / "interfaces",
    "json": ROOT / "tests" / "golden" / "interfaces",
}


def documents() -> dict[Path, str]:
    """Every file that is made, and what stands in it."""
    sys.path.insert(0, str(ROOT))
    from controller.cli_interface import FORMATS  # noqa: PLC0415 - from the repository
    from firmware_interfaces.interfaces import INTERFACES  # noqa: PLC0415

    return {
        FOLDERS[form] / f"{kind}.{form}": write(one)
        for kind, one in INTERFACES.items()
        for form, write in FORMATS.items()
    }


def differing() -> list[Path]:
    """Files that are absent or say something else."""
    made = documents()
    return [path for path in made if not path.is_file() or path.read_text("utf-8") != made[path]]


def main(arguments: list[str]) -> int:
    """Write them; with ``--check`` only say which would change."""
    if arguments == ["--check"]:
        for path in differing():
            print(f"{path.relative_to(ROOT)} differs: tools/interfaces.py", file=sys.stderr)
        return int(bool(differing()))
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
