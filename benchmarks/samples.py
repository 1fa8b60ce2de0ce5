"""The arithmetic of a comparison: quantiles of two sets of times, and their ratios. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from firmware_interfaces.units import NS_PER_MS

FIELDS: Final = ("p50", "p99")


def quantile(times_ns: Sequence[int], percent: int) -> int:
    """Nearest-rank quantile: the smallest time that ``percent`` of all do not exceed.

    Raises ValueError without times, or outside 1..100.
    """
    if not times_ns or not 1 <= percent <= 100:
        raise ValueError(f"no {percent} % quantile of {len(times_ns)} times")
    rank = -(-len(times_ns) * percent // 100)
    return sorted(times_ns)[rank - 1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What we took and what the floor took, measured in turn; quantiles in ns.

    ``target`` is the aim for the two ratios, (p50, p99), or None where there is none.
    """

    name: str
    count: int
    ours_ns: tuple[int, int]
    floor_ns: tuple[int, int]
    target: tuple[float, float] | None = None

    @property
    def ratios(self) -> tuple[float, float]:
        """Ours over the floor, quantile by quantile."""
        p50, p99 = (ours / floor for ours, floor in zip(self.ours_ns, self.floor_ns, strict=True))
        return p50, p99

    @property
    def met(self) -> bool | None:
        """Whether both ratios reach the target; None without one."""
        if self.target is None:
            return None
        return all(ratio <= aim for ratio, aim in zip(self.ratios, self.target, strict=True))

    def as_json(self) -> dict[str, Any]:
        """One object with times in ms."""
        return {
            "name": self.name,
            "count": self.count,
            "ours_ms": _named(tuple(ns / NS_PER_MS for ns in self.ours_ns)),
            "floor_ms": _named(tuple(ns / NS_PER_MS for ns in self.floor_ns)),
            "ratio": _named(self.ratios),
            "target": None if self.target is None else _named(self.target),
            "met": self.met,
        }


def compared(
    name: str,
    ours_ns: Sequence[int],
    floor_ns: Sequence[int],
    target: tuple[float, float] | None = None,
) -> Comparison:
    """Quantiles of both. Raises ValueError where one has no times."""
    return Comparison(
        name,
        len(ours_ns),
        (quantile(ours_ns, 50), quantile(ours_ns, 99)),
        (quantile(floor_ns, 50), quantile(floor_ns, 99)),
        target,
    )


def _named(pair: tuple[float, ...]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(FIELDS, pair, strict=True)}
