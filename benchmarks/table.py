"""Comparisons as lines of text for a terminal. Pure."""

from collections.abc import Iterable
from typing import Final

from benchmarks.samples import Comparison
from firmware_interfaces.units import NS_PER_MS

HEAD: Final = (
    "",
    "n",
    "ours p50 ms",
    "p99",
    "floor p50 ms",
    "p99",
    "ratio p50",
    "p99",
    "target",
)


def rows(comparisons: Iterable[Comparison]) -> list[str]:
    """A head and one line a comparison, in columns; the first is flush left."""
    cells = [HEAD, *(_cells(comparison) for comparison in comparisons)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    return [_line(row, widths) for row in cells]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    words = [first[0].ljust(first[1]), *(word.rjust(width) for word, width in rest)]
    return "  ".join(words).rstrip()


def _cells(comparison: Comparison) -> tuple[str, ...]:
    times = (*comparison.ours_ns, *comparison.floor_ns)
    return (
        comparison.name,
        str(comparison.count),
        *(f"{ns / NS_PER_MS:.3f}" for ns in times),
        *(f"{ratio:.3f}" for ratio in comparison.ratios),
        _aim(comparison),
    )


def _aim(comparison: Comparison) -> str:
    if comparison.target is None:
        return ""
    p50, p99 = comparison.target
    return f"{p50:g} {p99:g} {'met' if comparison.met else 'MISSED'}"
