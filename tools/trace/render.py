"""The safety file as pages: hazards.md, requirements.md and trace.md, made from rows and links.

Knows Markdown. It adds nothing that does not stand in the data, in the code or on a test.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from tools.trace.code_facts import CodeFacts
from tools.trace.collected import Collected
from tools.trace.links import Links
from tools.trace.model import CATEGORIES, Hazard, Kind, Requirement, Status

MADE: Final = "Made by `make trace` from the data beside it. Do not edit.\n"
REGIONS: Final = {"a": "acceptable", "r": "reduce further", "u": "**unacceptable**"}
HEADS: Final = {
    "use": "Use: what people do, miss or mistake",
    "device": "Devices: pump, calibrator, syringe, line and what lies between",
    "software": "Software: the program, its record and its computer",
    "environment": "Environment: room, network, power and people from outside",
}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; a bar or a line end in a cell would end it."""
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    clean = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    clean.insert(1, ["---"] * len(clean[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in clean)


def codes(ids: Iterable[str]) -> str:
    """Ids side by side."""
    return ", ".join(f"`{id_}`" for id_ in ids) or "-"


def linked(ids: Iterable[str], page: str) -> str:
    """Ids as links to their places on a page."""
    return ", ".join(f"[{id_}]({page}#{anchor(id_)})" for id_ in ids) or "-"


def anchor(id_: str) -> str:
    """The name of an id's place: every id here has one of its own, whatever signs it holds."""
    return "".join(sign if sign.isalnum() else "-" for sign in id_.lower())


def _place(id_: str) -> str:
    return f'<a id="{anchor(id_)}"></a>'


# --- hazards.md -----------------------------------------------------------------------------------


def hazards_page(links: Links, code: CodeFacts) -> str:
    """Every hazard as a block, after the scales and a table of what stays."""
    parts = ["# Hazards", MADE, _scales(links), _overview(links)]
    for category in CATEGORIES:
        parts.append(f"## {HEADS[category]}")
        parts += [_hazard(links, code, one) for one in _of(links, category)]
    return "\n".join(parts)


def _of(links: Links, category: str) -> list[Hazard]:
    return [one for one in links.file.hazards if one.category == category]


def _scales(links: Links) -> str:
    scales = links.file.scales
    matrix = table(
        ("severity", *scales.probability),
        ((name, *(REGIONS[sign] for sign in row)) for name, row in scales.matrix.items()),
    )
    return "\n".join(
        (
            "## Scales\n",
            table(("severity", "means"), scales.severity.items()),
            table(("probability", "means"), scales.probability.items()),
            matrix,
        )
    )


def _overview(links: Links) -> str:
    scales, hazards = links.file.scales, links.file.hazards
    counted = Counter(scales.region(one.severity, one.residual) for one in hazards)
    told = ", ".join(f"{counted[sign]} {name}" for sign, name in REGIONS.items())
    rows = (
        (
            linked([one.id], ""),
            one.hazard,
            one.severity,
            _risk(links, one, one.initial),
            _risk(links, one, one.residual),
        )
        for one in hazards
    )
    heads = ("id", "hazard", "severity", "before control", "residual today")
    return f"## Overview\n\n{len(hazards)} hazards: {told}.\n\n{table(heads, rows)}"


def _risk(links: Links, hazard: Hazard, probability: str) -> str:
    return f"{probability}: {REGIONS[links.file.scales.region(hazard.severity, probability)]}"


def _hazard(links: Links, code: CodeFacts, one: Hazard) -> str:
    lines = [
        ("Sequence of events", one.sequence),
        ("Hazardous situation", one.situation),
        ("Harm", f"{one.harm} ({one.severity})"),
        ("Before control", f"{_risk(links, one, one.initial)}. {one.initial_why}"),
        ("Controls", _controls(links, one)),
        ("Residual today", f"{_risk(links, one, one.residual)}. {one.residual_why}"),
        ("Carried by", one.carried_by),
    ]
    if one.blind:
        blind = ", ".join(f"`{row}` needs {code.blind.get(row, '?')}" for row in one.blind)
        lines.append(("Not observable with these devices", blind))
    if one.later:
        lines.append(("Will be lowered by", linked(one.later, "requirements.md")))
    if one.scenarios:
        lines.append(("Rehearsed on the bench", codes(one.scenarios)))
    if one.incidents:
        told = (links.file.scales.incidents[str(number)] for number in one.incidents)
        lines.append(("Reported before", "; ".join(told)))
    body = "".join(f"- **{name}.** {text}\n" for name, text in lines)
    return f"{_place(one.id)}\n\n### {one.id}: {one.hazard}\n\n{body}"


def _controls(links: Links, one: Hazard) -> str:
    known = [links.controls[id_] for id_ in one.controls]
    parts = [
        f"{kind.value}: {linked((c.id for c in known if c.kind is kind), 'trace.md')}"
        for kind in Kind
        if any(c.kind is kind for c in known)
    ]
    return "; ".join(parts)


# --- requirements.md ------------------------------------------------------------------------------


def requirements_page(links: Links) -> str:
    """Every requirement, by its source."""
    parts = ["# Requirements", MADE, _statuses(links)]
    for name, group in links.file.groups.items():
        rows = [one for one in links.file.requirements if one.group == name]
        counted = Counter(one.status for one in rows)
        told = ", ".join(f"{counted[status]} {status.value}" for status in Status)
        parts.append(f"## {group.title}\n\n{group.source}\n\n{len(rows)} rows: {told}.\n")
        heads = ("id", "requirement", "status", "how, or why not")
        parts.append(table(heads, (_requirement(links, one) for one in rows)))
    return "\n".join(parts)


def _requirement(links: Links, one: Requirement) -> tuple[str, ...]:
    status = one.status.value
    if one.status is Status.LATER:
        status = f"later: {links.file.scales.areas[one.where]}"
    if one.status is Status.NOW:
        status = f"[now](trace.md#{anchor(one.id)})"
    by = codes(control.id for control in links.realisers.get(one.id, ()))
    how = one.why if by == "-" or one.status is not Status.NOW else f"{one.why} By {by}."
    return (f"{_place(one.id)}{one.id}", one.text, status, how.strip())


def _statuses(links: Links) -> str:
    meanings = {
        Status.NOW: "holds today; a test proves it (the link leads to it)",
        Status.LATER: "not built yet; named is the area of work that brings it",
        Status.NOT_APPLICABLE: "has no meaning for this treatment; argued",
        Status.OUTSIDE: "is somebody else's (maker, site, network), or not planned; argued",
    }
    counted = Counter(one.status for one in links.file.requirements)
    rows = ((one.value, str(counted[one]), meaning) for one, meaning in meanings.items())
    return table(("status", "rows", "means"), rows)


# --- trace.md -------------------------------------------------------------------------------------


def trace_page(links: Links, code: CodeFacts) -> str:
    """The matrix both ways."""
    return "\n".join(
        (
            "# Trace",
            MADE,
            _figures(links),
            _hazards_down(links),
            _control_tables(links, code),
            _requirements_to_tests(links),
            _tests_up(links),
        )
    )


def functions(tests: Iterable[Collected]) -> list[str]:
    """Test functions, each with the number of its cases where there are several."""
    counted = Counter(test.function for test in tests)
    return [f"{name} x{count}" if count > 1 else name for name, count in counted.items()]


def _short(function: str) -> str:
    """``test_file.py::test_name`` of a path: the names of the files differ."""
    return f"`{function.rpartition('/')[2]}`"


def _figures(links: Links) -> str:
    now = [one for one in links.file.requirements if one.status is Status.NOW]
    marked = [test for test in links.tests if links.requirements_of(test)]
    rows = (
        ("hazards", len(links.file.hazards)),
        ("controls", len(links.file.controls)),
        ("of these interlocks, each with a sole-cause test", len(links.interlocks())),
        ("requirements", len(links.file.requirements)),
        ("of these met today, each with a test", len(now)),
        ("tests collected that prove a requirement", len(marked)),
    )
    return table(("", "number"), ((name, str(number)) for name, number in rows))


def _hazards_down(links: Links) -> str:
    parts = ["## From hazard to test\n"]
    heads = ("hazard", "controls", "requirements", "test functions", "rehearsed as")
    for category in CATEGORIES:
        rows = (_hazard_row(links, one) for one in _of(links, category))
        parts.append(f"### {HEADS[category]}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _hazard_row(links: Links, one: Hazard) -> tuple[str, ...]:
    needed = dict.fromkeys(id_ for c in one.controls for id_ in links.controls[c].requirements)
    tests = {test.function for id_ in needed for test in links.proofs.get(id_, ())}
    name = f"{linked([one.id], 'hazards.md')} {one.hazard}"
    controls, requirements = linked(one.controls, ""), linked(needed, "")
    return name, controls, requirements, str(len(tests)), codes(one.scenarios)


def _control_tables(links: Links, code: CodeFacts) -> str:
    parts = ["## From control to requirement and hazard\n"]
    for kind in Kind:
        rows = []
        for one in links.file.controls:
            if one.kind is not kind:
                continue
            first = f"{_place(one.id)}`{one.id}`"
            what = f"{one.what} ({code.actions[one.id]})" if one.id in code.actions else one.what
            place = codes(one.where) if one.where else _sole(links, one.id)
            users = linked((hazard.id for hazard in links.users.get(one.id, ())), "hazards.md")
            rows.append((first, what, place, linked(one.requirements, ""), users))
        third = "sole cause in" if kind is Kind.INTERLOCK else "stands in"
        heads = ("control", "what it does", third, "requirements", "hazards")
        parts.append(f"### {kind.value.capitalize()}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _sole(links: Links, id_: str) -> str:
    tests = links.sole_causes.get(id_, ())
    return ", ".join(_short(test.id) for test in tests)


def _requirements_to_tests(links: Links) -> str:
    parts = ["## From requirement to test\n\nRequirements that are met today.\n"]
    heads = ("requirement", "what", "controls", "hazards", "tests")
    for name, group in links.file.groups.items():
        rows = [
            (
                f"{_place(one.id)}{linked([one.id], 'requirements.md')}",
                one.text,
                codes(control.id for control in links.realisers.get(one.id, ())),
                linked((hazard.id for hazard in links.hazards.get(one.id, ())), "hazards.md"),
                ", ".join(map(_short, functions(links.proofs.get(one.id, ())))),
            )
            for one in links.file.requirements
            if one.group == name and one.status is Status.NOW
        ]
        if rows:
            parts.append(f"### {group.title}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _tests_up(links: Links) -> str:
    parts = ["## From test to hazard\n"]
    heads = ("test", "requirements", "hazards")
    marked = [test for test in links.tests if links.requirements_of(test)]
    for path, tests in groupby(marked, key=lambda test: test.id.partition("::")[0]):
        rows = []
        for function, cases in groupby(tests, key=lambda test: test.function):
            ids = dict.fromkeys(id_ for test in cases for id_ in links.requirements_of(test))
            hazards = dict.fromkeys(
                hazard.id for id_ in ids for hazard in links.hazards.get(id_, ())
            )
            name = f"`{function.partition('::')[2]}`"
            rows.append((name, linked(ids, ""), linked(hazards, "hazards.md")))
        parts.append(f"### {path}\n\n{table(heads, rows)}")
    return "\n".join(parts)
