"""The kept corpus: inputs of each target that reach something of their own, as lines of hex."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("corpus")
BYTES_MAX: Final = 4096
"""A target keeps no more than this."""


def kept(name: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    path = FOLDER / f"{name}.hex"
    return [bytes.fromhex(line) for line in path.read_text("ascii").split("\n")[:-1]]


def keep(name: str, inputs: list[bytes]) -> int:
    """Keep the shortest inputs that fit; returns how many."""
    chosen: list[bytes] = []
    for one in sorted(set(inputs), key=lambda item: (len(item), item)):
        if sum(map(len, chosen)) + len(one) > BYTES_MAX:
            break
        chosen.append(one)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.hex").write_text("".join(f"{one.hex()}\n" for one in chosen), "ascii")
    return len(chosen)
