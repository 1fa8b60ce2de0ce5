"""``isodrip-bench explore``: explore to a bound, or go one way again; prints what it saw."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from controller.core import commands as c
from controller.core.state import Phase
from controller.core.table import EVENTS
from simulators.bench.explore import node as the
from simulators.bench.explore.moves import MOVES, named
from simulators.bench.explore.rules import RULES
from simulators.bench.explore.search import Bound, Found, Search, Ticked, follow, judged, traps
from simulators.bench.explore.walks import STATIONS, WALKS

DONE: Final = 0
UNSAFE: Final = 4
DEPTH: Final = 3
STATES: Final = 2_500
BETWEEN: Final = " > "


def add_explore(commands: Any) -> None:
    """Add the command to the parsers of ``isodrip-bench``."""
    parser = commands.add_parser("explore", help="every event in every state that is reached")
    parser.add_argument("--depth", type=int, default=DEPTH, help="moves from a walk")
    parser.add_argument("--states", type=int, default=STATES, help="abstract states expanded")
    parser.add_argument("--way", help=f"go this way again: moves, with {BETWEEN!r} between them")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.set_defaults(command=explore_main)


def explore_main(given: argparse.Namespace) -> int:
    """Explore or go one way; returns 0, 2 for wrong use, 4 if a rule was broken."""
    if given.depth < 1 or given.states < 1:
        raise ValueError("depth and states are at least 1")
    if given.way:
        lines, safe = gone(given.way.split(BETWEEN))
        sys.stdout.write("\n".join(lines) + "\n")
        return DONE if safe else UNSAFE
    found = Search(Bound(given.depth, given.states), STATIONS).run()
    shown = json.dumps(as_dict(found)) if given.json else "\n".join(_lines(found))
    sys.stdout.write(shown + "\n")
    return UNSAFE if found.broken else DONE


def as_dict(found: Found) -> dict[str, Any]:
    """All counts, and of each rule that was broken the shortest way there."""
    return {
        "stations": found.stations,
        "states": found.states,
        "expanded": found.expanded,
        "transitions": found.transitions,
        "steps": found.steps,
        "depth": found.depth,
        "exhausted": found.exhausted,
        "traps": traps(found),
        "pairs": len(found.pairs),
        "pairs_of": len(Phase) * len(EVENTS),
        "moves": len(MOVES),
        "rules": len(RULES) + 1,
        "drug_starts": found.drug_starts,
        "commands": {kind.__name__: count for kind, count in found.commands.items()},
        "expanded_by_phase": {phase.value: n for phase, n in found.phases.items()},
        "trips": dict(sorted(found.trips.items())),
        "broken_steps": found.breaches,
        "broken": [
            {"rule": one.rule, "what": one.what, "way": BETWEEN.join(one.way)}
            for one in found.broken.values()
        ],
    }


def _lines(found: Found) -> Iterator[str]:
    """The same for people."""
    seen = as_dict(found)
    whole = "exhausted" if found.exhausted else "not exhausted: the bound ended it"
    yield f"abstract states  {seen['states']}, of which {seen['expanded']} expanded"
    yield f"transitions      {seen['transitions']} by {seen['moves']} moves, {seen['steps']} steps"
    yield f"depth            {seen['depth']} from {seen['stations']} points of {len(WALKS)} walks"
    yield f"frontier         {whole}"
    yield f"phase x event    {seen['pairs']} of {seen['pairs_of']} pairs"
    yield f"commands         {_counts(seen['commands'])}"
    yield f"expanded         {_counts(seen['expanded_by_phase'])}"
    yield f"trips            {_counts(seen['trips'])}"
    yield f"starts of drug   {seen['drug_starts']}, each by the whole released path"
    yield f"no way onwards   {seen['traps']} states"
    yield f"rules            {seen['rules']}, broken in {seen['broken_steps']} steps"
    for one in seen["broken"]:
        yield f"  {one['what']}"
        yield f"    isodrip-bench explore --way {one['way']!r}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def gone(way: Sequence[str]) -> tuple[list[str], bool]:
    """One way, step by step: event, phase, commands and what is broken; False if anything is."""
    node, lines, safe = the.start(), list[str](), True
    for name in way:
        move = named(name)
        for _ in range(move.times):
            done = follow(node, move)
            if done is None:
                break
            step, node = done
            problems = judged(step, Ticked())
            safe = safe and not problems
            told = ", ".join(_word(command) for command in step.told) or "-"
            at_s = (node.now_ns - the.MONO0) / the.S
            lines.append(f"{at_s:8.1f} s  {name}: {node.state.phase.value}: {told}")
            lines += [f"            BROKEN {problem}" for problem in problems]
    return lines, safe


def _word(command: c.Command) -> str:
    """A command with what tells it from others of its kind."""
    match command:
        case c.Refuse():
            return f"Refuse ({command.rule}: {command.detail})"
        case c.RaiseAlarm() | c.ClearAlarm():
            return f"{type(command).__name__} {command.alarm}"
        case c.Prepare():
            return f"Prepare {command.plan.volume_nl} nL at {command.plan.rate_ul_h} uL/h"
    return type(command).__name__
