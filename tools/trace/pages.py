"""The safety file as pages for people: hazards.md and requirements.md.

Adds nothing that does not stand in the data or in the code.
"""

from collections import Counter
from typing import Final

from tools.trace.links import Links
from tools.trace.markdown import HEADS, MADE, anchor, codes, linked, place, table
from tools.trace.model import CATEGORIES, Hazard, Kind, Requirement, Status

REGIONS: Final = {"a": "acceptable", "r": "reduce further", "u": "**unacceptable**"}


def hazards_page(links: Links) -> str:
    """Every hazard as a block, after the scales and a table of what stays."""
    parts = ["# Hazards\n", MADE, _scales(links), _overview(links)]
    for category in CATEGORIES:
        parts.append(f"## {HEADS[category]}")
        parts += [_hazard(links, one) for one in links.of(category)]
    return "\n".join(parts)


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


def _hazard(links: Links, one: Hazard) -> str:
    lines = [
        ("Sequence of events", one.sequence),
        ("Hazardous situation", one.situation),
        ("Harm", f"{one.harm} ({one.severity})"),
        ("Before control", f"{_risk(links, one, one.initial).capitalize()}. {one.initial_why}"),
        ("Controls", _controls(links, one)),
        ("Residual today", f"{_risk(links, one, one.residual).capitalize()}. {one.residual_why}"),
        ("Carried by", one.carried_by),
    ]
    if one.blind:
        blind = ", ".join(f"`{row}` needs {links.code.blind.get(row, '?')}" for row in one.blind)
        lines.append(("Not observable with these devices", blind))
    if one.later:
        lines.append(("Will be lowered by", linked(one.later, "requirements.md")))
    if one.scenarios:
        lines.append(("Rehearsed on the bench", codes(one.scenarios)))
    if one.incidents:
        told = (links.file.scales.incidents[str(number)] for number in one.incidents)
        lines.append(("Reported before", "; ".join(told)))
    body = "".join(f"- **{name}.** {text.rstrip('.')}.\n" for name, text in lines)
    return f"{place(one.id)}\n\n### {one.id}: {one.hazard}\n\n{body}"


def _controls(links: Links, one: Hazard) -> str:
    known = [links.controls[id_] for id_ in one.controls]
    parts = [
        f"{kind.value}: {linked((c.id for c in known if c.kind is kind), 'trace.md')}"
        for kind in Kind
        if any(c.kind is kind for c in known)
    ]
    return "; ".join(parts)


def requirements_page(links: Links) -> str:
    """Every requirement, by its source."""
    parts = ["# Requirements\n", MADE, _statuses(links)]
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
    return (f"{place(one.id)}{one.id}", one.text, status, how.strip())


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
