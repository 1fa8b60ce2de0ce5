"""The sum over many judged sessions, told to people or as one object, and how it went so far."""

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from simulators.bench.progress import bar
from simulators.bench.trial import Trial

DONE: Final = 0
UNSAFE: Final = 4
S_PER_H: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Broken:
    """A session in which something was broken, what, and the command that shows it again."""

    name: str
    violations: tuple[str, ...]
    faults: tuple[str, ...]
    command: str


@dataclass(slots=True)
class Tally:
    """Counts of sessions; ``shows_again`` makes the command that repeats a session by its name."""

    sessions: int = 0
    cpu_s: float = 0.0
    virtual_s: float = 0.0
    polls: int = 0
    tail_max_ml: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)

    def add(self, trial: Trial, command: str) -> None:
        """Count one session, which ``command`` repeats."""
        self.sessions += 1
        self.cpu_s += trial.cpu_s
        self.virtual_s += trial.virtual_s
        self.polls += trial.polls
        self.tail_max_ml = max(self.tail_max_ml, trial.tail_ml)
        self.outcomes[trial.outcome] += 1
        self.causes[trial.cause] += 1
        if trial.violations:
            self.broken.append(Broken(trial.name, trial.violations, trial.faults, command))

    @property
    def exit_code(self) -> int:
        """4 if anything was broken, else 0."""
        return UNSAFE if self.broken else DONE

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; what was broken in the order of its name."""
        return {
            "sessions": self.sessions,
            "violations": len(self.broken),
            "outcomes": dict(self.outcomes.most_common()),
            "causes": dict(self.causes.most_common()),
            "cpu_s": round(self.cpu_s, 2),
            "virtual_s": round(self.virtual_s, 1),
            "tail_max_ml": self.tail_max_ml,
            "broken": [
                {
                    "name": one.name,
                    "violations": list(one.violations),
                    "faults": list(one.faults),
                    "command": one.command,
                }
                for one in sorted(self.broken, key=lambda one: one.name)
            ],
        }

    def lines(self) -> list[str]:
        """The same for people."""
        outcomes = ", ".join(f"{name} {n}" for name, n in self.outcomes.most_common())
        found = [
            f"sessions       {self.sessions} (SIMULATED)",
            f"outcomes       {outcomes}",
            f"processor      {self.cpu_s:.1f} s for {self.virtual_s / S_PER_H:.1f} h of treatment",
            f"longest tail   {self.tail_max_ml:.3f} mL left a tip after a stop",
            "causes",
            *(f"  {n:>6}  {name}" for name, n in self.causes.most_common()),
            f"violations     {len(self.broken)}",
        ]
        for one in sorted(self.broken, key=lambda one: one.name):
            found += [f"  {one.command}"]
            found += [f"    {text}" for text in (*one.violations, *one.faults)]
        return found


class Gauge:
    """A bar of how many of ``total`` sessions are done; silent where nobody watches."""

    def __init__(self, total: int, out: TextIO = sys.stderr) -> None:
        self._out = out if out.isatty() else None
        self._total, self._done, self._broken = max(total, 1), 0, 0
        self._begun_s = os.times().elapsed

    def step(self, trial: Trial) -> None:
        """One more is done."""
        self._done += 1
        self._broken += bool(trial.violations)
        if self._out is not None:
            left_s = (os.times().elapsed - self._begun_s) / self._done * (self._total - self._done)
            text = f"{self._done}/{self._total}, {self._broken} broken, {left_s / 60:.0f} min left"
            end = "\n" if self._done == self._total else ""
            print(f"\r{bar(self._done / self._total)} {text} ", end=end, file=self._out, flush=True)
