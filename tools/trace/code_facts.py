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
    """The rule of every ``Refused(rule, seen)``, also where a name stands for the rule.

    A function that returns an ``Objection`` says why somebody else should refuse: its rules too.
    Raises ValueError for a refusal whose rule cannot be read from the source.
    """
    functions = [
        (path.name, node)
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    objecting = {function.name for _, function in functions if _objects(function)}
    for name, function in functions:
        for rule in _rules(function, objecting):
            try:
                yield from _texts(_meant(function, rule))
            except ValueError as error:
                where = f"{name}:{rule.lineno}"
                raise ValueError(f"{where}: no rule in {ast.unparse(rule)!r}") from error


def _objects(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) == "Objection"


def _rules(function: ast.FunctionDef, objecting: set[str]) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Refused":
            if not _passed_on(function, node.args[0], objecting):
                yield node.args[0]
        elif isinstance(node, ast.Return) and function.name in objecting:
            yield from node.value.elts[:1] if isinstance(node.value, ast.Tuple) else ()


def _passed_on(function: ast.FunctionDef, rule: ast.expr, objecting: set[str]) -> bool:
    """Whether it is ``Refused(*objection)``, where that is what an objecting function returned."""
    if not isinstance(rule, ast.Starred):
        return False
    source = _meant(function, rule.value)
    return isinstance(source, ast.Call) and ast.unparse(source.func).split(".")[-1] in objecting


def _meant(function: ast.FunctionDef, rule: ast.expr) -> ast.expr:
    """What a rule is, where the refusal names a variable of the same function."""
    assigned = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    values = {ast.unparse(node.targets[0]): node.value for node in assigned}
    return values.get(ast.unparse(rule), rule)


def _texts(expression: ast.expr) -> Iterator[str]:
    """A literal, both of a conditional, or a text with ``{}`` where a value will stand."""
    if isinstance(expression, ast.IfExp):
        yield from (*_texts(expression.body), *_texts(expression.orelse))
    elif isinstance(expression, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}"
            for part in expression.values
        )
    else:
        yield str(ast.literal_eval(expression))


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError, ValueError):
        return False
    return True
