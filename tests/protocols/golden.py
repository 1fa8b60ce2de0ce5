"""Reads the golden frames: literal bytes from manuals and real hosts, with mark and source."""

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "golden"
Frame = dict[str, Any]


def frames(device: str) -> list[Frame]:
    """All golden frames of a device, each a dict with at least name, role, mode, hex, source."""
    loaded: list[Frame] = json.loads((GOLDEN / f"{device}.json").read_text("utf-8"))
    return loaded


def label(frame: Frame) -> str:
    """Name of a frame as a test id."""
    return f"{frame['role']}-{frame['mode']}-{frame['name']}".replace(" ", "_")
