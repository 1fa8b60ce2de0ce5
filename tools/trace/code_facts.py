"""What the code holds that the safety file must speak of: interlocks, refusals, rules, blind rows.

Imports the judgement's tables and reads its source as syntax; it changes nothing.
"""

import ast
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.clinic import order_rules
from controller.core.alarms import ALARMS, AlarmRow, not_observable
from controller.core.interlocks import INTERLOCKS

DEVICES: Final = ("ne1000", "crc55")
"""The device set that the hazards are judged for."""


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """Ids and texts as they stand in the code.

    ``interlocks`` maps each id to what its row says and does; ``blind`` maps alarm rows that no
    device here can see to the channel that they need.
    """

    interlocks: dict[str, str]
    blind: dict[str, str]
    refusals: frozenset[str]
    order_rules: frozenset[str]
    scenarios: frozenset[str]


def code_facts(root: Path) -> CodeFacts:
    """The facts of the code under ``root``."""
    return CodeFacts(
        interlocks={id_: _told(ALARMS[id_]) for id_ in INTERLOCKS},
        blind={row.id: row.channel for row in not_observable(DEVICES)},
        refusals=frozenset(refusals(root / "controller" / "core")),
        order_rules=frozenset(f"{rule.__module__}.{rule.__name__}" for rule in order_rules.RULES),
        scenarios=frozenset(
            path.stem for path in (root / "simulators/bench/scenarios").glob("*.toml")
        ),
    )


def _told(row: AlarmRow) -> str:
    action = row.action.value.replace("_", " ")
    return f"{row.text}. {action.capitalize()}, {row.priority.value}, seen by: {row.channel}"


def refusals(folder: Path) -> Iterator[str]:
    """The rule of every ``Refused(rule, detail)``, also where a name stands for the rule."""
    for path in sorted(folder.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                yield from _refused_in(function)


def _refused_in(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refused":
            yield from _texts(_meant(function, node.args[0]))


def _meant(function: ast.FunctionDef, rule: ast.expr) -> ast.expr:
    """What a rule is, where the refusal names a variable of the same function."""
    assigned = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    values = {ast.unparse(node.targets[0]): node.value for node in assigned}
    return values.get(ast.unparse(rule), rule)


def _texts(expression: ast.expr) -> Iterator[str]:
    """A literal, or both of a conditional."""
    if isinstance(expression, ast.IfExp):
        yield from (*_texts(expression.body), *_texts(expression.orelse))
    else:
        yield str(ast.literal_eval(expression))


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError, ValueError):
        return False
    return True
