"""Child processes of the bench: started on a leash, watched, ended in order, their last words kept.

It knows processes and log files, and nothing of what the children are for.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TAIL_LINES: Final = 15
END_S: Final = 15.0
"""A daemon stops its pump, confirms and closes its journal before it ends."""


class ChildFailed(Exception):
    """A child ended, or never became ready: its name, exit code and the end of its log."""

    def __init__(self, child: "Child", reason: str) -> None:
        super().__init__(f"{child.name} {reason}\n{child.tail()}".rstrip())
        self.child = child


@dataclass(frozen=True, slots=True)
class Child:
    """One running program. ``log`` receives its stderr, and its stdout unless that is read."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def returncode(self) -> int | None:
        """Exit code, or None while it runs."""
        return self.process.returncode

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a child that has ended does not mind."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def end(self, patience_s: float = END_S) -> int:
        """SIGTERM, then SIGKILL after ``patience_s``; returns the exit code."""
        if self.process.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(patience_s):
                    await self.process.wait()
            except TimeoutError:
                self.signal(signal.SIGKILL)
        return await self.process.wait()

    async def first_line(self, patience_s: float) -> str:
        """Its first line on stdout. Raises ChildFailed if it ends or keeps silent."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(patience_s):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise ChildFailed(self, f"said nothing for {patience_s:g} s") from None
        if not line:
            code = await self.process.wait()
            raise ChildFailed(self, f"ended with exit code {code}")
        return line.decode()


async def start(
    name: str, command: Sequence[str], log: Path, *, read_stdout: bool = False, **options: Any
) -> Child:
    """Start a program in a session of its own (Ctrl-C is ours to pass on), ending when we do."""
    leash = [sys.executable, "-m", "simulators.bench.leash", str(os.getpid())]
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *leash,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if read_stdout else sink,
            stderr=sink,
            start_new_session=True,
            **options,
        )
    return Child(name, process, log)


async def first_death(children: Sequence[Child]) -> ChildFailed:
    """Wait until any child ends; returns what there is to say about it."""
    waits = {asyncio.create_task(child.process.wait()): child for child in children}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    child = waits[done.pop()]
    return ChildFailed(child, f"ended with exit code {child.returncode}")
