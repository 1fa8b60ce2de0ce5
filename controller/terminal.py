"""A person at a terminal: questions on standard error, answers from standard input.

Keeps asking until an answer can be used; knows nothing of what is asked.
"""

import asyncio
import getpass
import sys
from collections.abc import Sequence
from contextlib import suppress

from controller.clinic.text import parse_number


class Aborted(Exception):
    """The person, a signal or a STOP ended it."""


class Terminal:
    """A person at a terminal. Questions go to standard error, so that ``--json`` stays clean."""

    async def act(self, _key: str, text: str) -> None:
        """Wait for Enter."""
        await self._line(f"{text}\n  [Enter when done, q ends] ")

    async def figure(self, _key: str, text: str, low: float, high: float) -> float:
        """Ask until it is a number with a decimal point, inside the bounds."""
        while True:
            said = await self._line(f"{text} ({low:g} to {high:g}): ")
            with suppress(ValueError):
                if low <= (number := parse_number(said)) <= high:
                    return number
            await self.hear(f"  {said!r} is no number from {low:g} to {high:g}; decimal point only")

    async def choose(self, _key: str, text: str, choices: Sequence[str]) -> str:
        """Ask until it is one of them."""
        while True:
            said = await self._line(f"{text} ({' / '.join(choices)}): ")
            if said in choices:
                return said

    async def write(self, _key: str, text: str) -> str:
        """Ask until something was written."""
        while not (said := await self._line(f"{text}: ")):
            pass
        return said

    async def secret(self, _key: str, text: str) -> str:
        """Ask for what nobody may see: without an echo where this is a terminal."""
        if not sys.stdin.isatty():
            return await self._line(f"{text}: ")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, getpass.getpass, f"{text}: ")

    async def hear(self, text: str) -> None:
        """Say it."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    async def _line(self, question: str) -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        loop = asyncio.get_running_loop()
        line: str = await loop.run_in_executor(None, sys.stdin.readline)
        if not line or line.strip() == "q":
            raise Aborted("the person ended it")
        return line.strip()
