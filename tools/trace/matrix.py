"""The matrix as a page, both ways: trace.md.

From hazards over controls and requirements to tests, and from each test back to its hazards.
"""

from collections.abc import Iterable
from itertools import groupby

from tools.trace.collected import Collected
from tools.trace.links import Links
from tools.trace.markdown import HEADS, MADE, codes, linked, place, table
from tools.trace.model import CATEGORIES, Control, Hazard, Kind, Status


def trace_page(links: Links) -> str:
    """The matrix both ways."""
    return "\n".join(
        (
            "# Trace\n",
            MADE,
            _figures(links),
            _hazards_down(links),
            _control_tables(links),
            _requirements_to_tests(links),
            _tests_up(links),
        )
    )


def named(tests: Iterable[Collected]) -> str:
    """Test functions, without their parameters and the folder that all share."""
    return codes(dict.fromkeys(test.function.removeprefix("tests/") for test in tests))


def _figures(links: Links) -> str:
    now = [one for one in links.file.requirements if one.status is Status.NOW]
    functions = {test.function for test in links.tests if links.requirements_of(test)}
    rows = (
        ("hazards", len(links.file.hazards)),
        ("controls", len(links.file.controls)),
        ("of these interlocks, each with a sole-cause test", len(links.interlocks())),
        ("requirements", len(links.file.requirements)),
        ("of these met today, each with a test", len(now)),
        ("test functions that prove a requirement", len(functions)),
    )
    return table(("", "number"), ((name, str(number)) for name, number in rows))


def _hazards_down(links: Links) -> str:
    parts = ["## From hazard to test\n"]
    heads = ("hazard", "controls", "requirements", "test functions", "rehearsed as")
    for category in CATEGORIES:
        rows = (_hazard_row(links, one) for one in links.of(category))
        parts.append(f"### {HEADS[category]}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _hazard_row(links: Links, one: Hazard) -> tuple[str, ...]:
    needed = dict.fromkeys(id_ for c in one.controls for id_ in links.controls[c].requirements)
    tests = {test.function for id_ in needed for test in links.proofs.get(id_, ())}
    name = f"{linked([one.id], 'hazards.md')} {one.hazard}"
    return name, linked(one.controls, ""), ", ".join(needed), str(len(tests)), codes(one.scenarios)


def _control_tables(links: Links) -> str:
    parts = ["## From control to requirement and hazard\n"]
    for kind in Kind:
        third = "sole cause in" if kind is Kind.INTERLOCK else "stands in"
        heads = ("control", "what it does", third, "requirements", "hazards")
        rows = (_control_row(links, one) for one in links.file.controls if one.kind is kind)
        parts.append(f"### {kind.value.capitalize()}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _control_row(links: Links, one: Control) -> tuple[str, ...]:
    where = codes(one.where)
    if one.kind is Kind.INTERLOCK:
        where = codes(test.id.removeprefix("tests/") for test in links.sole_causes[one.id])
    users = linked((hazard.id for hazard in links.users[one.id]), "hazards.md")
    return (
        f"{place(one.id)}`{one.id}`",
        one.what,
        where,
        linked(one.requirements, ""),
        users,
    )


def _requirements_to_tests(links: Links) -> str:
    parts = ["## From requirement to test\n\nRequirements that are met today.\n"]
    heads = ("requirement", "what", "controls", "hazards", "tests")
    for name, group in links.file.groups.items():
        rows = [
            (
                f"{place(one.id)}{linked([one.id], 'requirements.md')}",
                one.text,
                codes(control.id for control in links.realisers.get(one.id, ())),
                linked((hazard.id for hazard in links.hazards.get(one.id, ())), "hazards.md"),
                named(links.proofs[one.id]),
            )
            for one in links.file.requirements
            if one.group == name and one.status is Status.NOW
        ]
        if rows:
            parts.append(f"### {group.title}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _tests_up(links: Links) -> str:
    parts = ["## From test to hazard\n"]
    marked = [test for test in links.tests if links.requirements_of(test)]
    for path, tests in groupby(marked, key=lambda test: test.function.partition("::")[0]):
        by_function = groupby(tests, key=lambda test: test.function)
        rows = (_test_row(links, function, cases) for function, cases in by_function)
        parts.append(f"### {path}\n\n{table(('test', 'requirements', 'hazards'), rows)}")
    return "\n".join(parts)


def _test_row(links: Links, function: str, cases: Iterable[Collected]) -> tuple[str, ...]:
    ids = dict.fromkeys(id_ for test in cases for id_ in links.requirements_of(test))
    hazards = dict.fromkeys(one.id for id_ in ids for one in links.hazards.get(id_, ()))
    return f"`{function.partition('::')[2]}`", linked(ids, ""), ", ".join(hazards) or "-"
