"""A durable journal record over what durability itself costs: append to a file, then fdatasync.

Both write the same text in turn, on the same file system. What stands between the two is the hash
chain, SQLite's write-ahead log, and the way to the writer's thread and back.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.samples import Comparison, compared
from controller.chain import canonical
from controller.core.events import PumpRead
from controller.journal import Journal
from controller.sessions import event_body
from firmware_interfaces.readings import Motion, PumpStatus
from firmware_interfaces.units import Nanolitre, Nanoseconds

WARM_UP: Final = 20
GROUPS: Final = (1, 20)
"""Records that share one commit: one alone, and what two busy seconds of a treatment amount to."""


def _body() -> dict[str, Any]:
    """One answered poll, by far the most frequent record."""
    at, none = Nanoseconds(10**12), Nanolitre(0)
    status = PumpStatus(Motion.INFUSING, None, Nanolitre(5_000_000), none, Nanolitre(1000), at, at)
    return event_body(PumpRead(at, at, status))


def _floor(fd: int, lines: list[bytes]) -> int:
    begun_ns = time.perf_counter_ns()
    for line in lines:
        os.write(fd, line)
    os.fdatasync(fd)
    return time.perf_counter_ns() - begun_ns


async def _ours(journal: Journal, body: Mapping[str, Any], group: int) -> int:
    begun_ns = time.perf_counter_ns()
    numbers = [journal.append("event", body, begun_ns, begun_ns) for _ in range(group)]
    await journal.committed(numbers[-1])
    return time.perf_counter_ns() - begun_ns


async def _group(journal: Journal, fd: int, group: int, count: int) -> Comparison:
    body = _body()
    lines = [canonical(body).encode() + b"\n"] * group
    ours_ns, floor_ns = [], []
    for _ in range(WARM_UP + count):
        ours_ns.append(await _ours(journal, body, group))
        floor_ns.append(_floor(fd, lines))
    name = "one record, committed" if group == 1 else f"{group} records in one commit"
    return compared(name, ours_ns[WARM_UP:], floor_ns[WARM_UP:])


async def measure(count: int, directory: Path) -> list[Comparison]:
    """One comparison a group size, ``count`` commits each, in a folder that goes away."""
    with TemporaryDirectory(prefix=".benchmark-", dir=directory) as folder:
        fd = os.open(Path(folder) / "floor", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        header = {"schema": 1}
        journal = await Journal.create(Path(folder) / "journal", header, mono_ns=0, utc_ns=0)
        try:
            return [await _group(journal, fd, group, count) for group in GROUPS]
        finally:
            await journal.close(timeout_s=2)
            os.close(fd)
