"""What came of perturbed tables, told to people: lines on a terminal, and the safety document."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from simulators.bench.perturbed_outcome import HAZARD, INSIDE, NEVER_MET, REFUSED, RESIDUAL, TRIPPED
from simulators.bench.residual_hazards import HAZARDS
from simulators.bench.trial import Trial

WORDS_MAX: Final = 150
OUTCOMES: Final = {
    REFUSED: "no drug was started: no daemon, no release, a pump not prepared, or a seat given up",
    TRIPPED: "the daemon stopped it by the row named; every promise on what flowed was kept",
    INSIDE: "the treatment went on, and what flowed and what the record says lie within the limits",
    NEVER_MET: "this treatment never uses the entry: nothing was shown",
    RESIDUAL: "nothing showed it while it ran; the record says that its two routes disagree",
    HAZARD: "these devices cannot show it: see the residual hazards",
}
INTRODUCTION: Final = """\
# Perturbed tables

Written by `make perturb`; SIMULATED. The simulator cannot mark its own homework: driver and
simulated device read tables that the same people wrote. So one entry of the *device's* own tables
is altered at a time, and nothing of what the daemon believes. Every row is a whole treatment in
virtual time, at 1, 10 or 30 minutes of infusion, with such a fault beside it as makes the entry
matter (the daemon is killed where the watchdog's seconds are altered, the stop input falls where
its use is). What really flowed is judged by S1 to S5, and the record by the truth.

An entry is altered in one of three ways. **taken**: the device understands what is set otherwise.
**told**: it tells something else than it holds. **meant**: both, so that it reads back as it was
set and means another thing.

This does not show two mistakes that hide each other, an entry that no treatment uses (*not used*),
what the pump's own buzzer does, or what a real device does: that is what commissioning is for.
"""


def lines(found: Sequence[Trial]) -> list[str]:
    """A row a line, then the counts, then what was broken."""
    told = [f"{one.name:<52} {one.outcome:<17} {_words(one)}" for one in found]
    told += [f"{count:>6}  {outcome}" for outcome, count in _counted(found)]
    broken = [one for one in found if one.violations]
    told += [f"violations {len(broken)} of {len(found)} rows (SIMULATED)"]
    for one in broken:
        told += [f"  isodrip-bench perturb --only '{one.name}'"]
        told += [f"    {text}" for text in one.violations]
    return told


def document(found: Sequence[Trial]) -> str:
    """The Markdown of ``docs/safety/perturbed-tables.md``."""
    return "\n".join((INTRODUCTION, *_summary(found), *_hazards(found), *_table(found), ""))


def _counted(found: Sequence[Trial]) -> list[tuple[str, int]]:
    return Counter(one.outcome for one in found).most_common()


def _summary(found: Sequence[Trial]) -> Iterator[str]:
    broken = sum(bool(one.violations) for one in found)
    yield f"{len(found)} rows, {broken} violations.\n"
    yield "| outcome | rows | means |"
    yield "|---|---|---|"
    for outcome, count in _counted(found):
        yield f"| {outcome} | {count} | {OUTCOMES.get(outcome, 'the rehearsal itself failed')} |"


def _hazards(found: Sequence[Trial]) -> Iterator[str]:
    shown = {one.name for one in found if one.outcome in (HAZARD, RESIDUAL)}
    yield "\n## Residual hazards\n"
    yield "What this set of devices cannot show, and what finds it.\n"
    yield "| rows | why nothing shows it | remedy |"
    yield "|---|---|---|"
    for hazard in HAZARDS:
        names = ", ".join(f"`{name}`" for name in sorted(shown) if hazard.names(name))
        yield f"| {names or 'none of these rows'} | {hazard.why} | {hazard.remedy} |"


def _table(found: Sequence[Trial]) -> Iterator[str]:
    yield "\n## Every row\n"
    yield "| device | entry | way | alteration | outcome | in the daemon's words |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        device, table, entry, way, alteration = one.name.split(":", 4)
        outcome = f"**VIOLATION** {one.outcome}" if one.violations else one.outcome
        said = _words(one).replace("|", "\\|")
        yield f"| {device} | {table} {entry} | {way} | {alteration} | {outcome} | {said} |"


def _words(one: Trial) -> str:
    text = one.violations[0] if one.violations else one.cause
    flat = " ".join(text.split())
    return flat if len(flat) <= WORDS_MAX else flat[: WORDS_MAX - 1] + "…"
