"""The run directory: fresh for every run, kept afterwards, found again by later commands."""

import os
import tempfile
from pathlib import Path
from typing import Final

POINTER: Final = "isodrip-bench.latest"


def make_directory() -> Path:
    """A new private directory, remembered as the newest run."""
    directory = Path(tempfile.mkdtemp(prefix="isodrip-"))
    pointer = _pointer()
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(directory)
    return directory


def latest() -> Path:
    """The newest run's directory. Raises FileNotFoundError if there is none."""
    pointer = _pointer()
    if not pointer.is_dir():
        raise FileNotFoundError("no run directory found: start one with isodrip-bench run")
    return pointer.resolve()


def _pointer() -> Path:
    return Path(tempfile.gettempdir()) / f"{POINTER}.{os.getuid()}"
