"""What a wire's direction does to bytes under stream faults, frame by frame and in their order.

It counts frames over the direction's whole life. Chance comes from a seed.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from simulators.bench.faults import Fault

NS_PER_S: Final = 1_000_000_000
Heard = list[tuple[int, bytes]]


@dataclass(slots=True)
class _Striking:
    """A fault that acts now: how many frames it still takes (None: any), and since when."""

    fault: Fault
    frames_left: int | None
    begun_ns: int


class LineFaults:
    """The passage of one direction (`simulators.bench.streams.Passage`).

    Nothing overtakes: bytes that are late hold up all that comes behind them.
    """

    def __init__(self, chance: random.Random) -> None:
        self.frames = 0
        self._chance = chance
        self._striking: list[_Striking] = []
        self._waiting: dict[int, list[Callable[[], object]]] = {}
        self._busy_until_ns = 0

    def at_frame(self, number: int, act: Callable[[], object]) -> None:
        """Call ``act`` just before frame ``number`` (from 1) passes."""
        self._waiting.setdefault(number, []).append(act)

    def begin(self, fault: Fault, now_ns: int) -> Callable[[], None]:
        """Let a fault strike from now on; returns what ends it."""
        frames = int(fault.value("frames")) if fault.duration_s is None else None
        striking = _Striking(fault, frames, now_ns)
        self._striking.append(striking)
        return lambda: self._end(striking)

    def passage(self, data: bytes, now_ns: int) -> Sequence[tuple[int, bytes]]:
        """What is heard of a frame that arrives now, and when."""
        self.frames += 1
        for act in self._waiting.pop(self.frames, ()):
            act()
        heard: Heard = [(now_ns, data)]
        for striking in tuple(self._striking):
            heard = [piece for at, part in heard for piece in self._struck(striking, part, at)]
            self._count(striking)
        return self._in_order(heard)

    def _count(self, striking: _Striking) -> None:
        if striking.frames_left is not None:
            striking.frames_left -= 1
            if striking.frames_left <= 0:
                self._end(striking)

    def _end(self, striking: _Striking) -> None:
        if striking in self._striking:
            self._striking.remove(striking)

    def _in_order(self, heard: Heard) -> Heard:
        ordered: Heard = []
        for at_ns, data in heard:
            self._busy_until_ns = max(self._busy_until_ns, at_ns)
            ordered.append((self._busy_until_ns, data))
        return ordered

    def _struck(self, striking: _Striking, data: bytes, at_ns: int) -> Heard:
        if not data:
            return []
        if striking.fault.kind == "stall_then_burst":
            return _held(striking, data, at_ns)
        return STRIKES[striking.fault.kind](striking.fault, data, at_ns, self._chance)


def _held(striking: _Striking, data: bytes, at_ns: int) -> Heard:
    """Until ``hold_s`` after the fault began, or as long as it lasts."""
    fault = striking.fault
    hold_s = fault.value("hold_s") if fault.duration_s is None else fault.duration_s
    return [(max(at_ns, striking.begun_ns + round(hold_s * NS_PER_S)), data)]


def _lost(_fault: Fault, _data: bytes, _at_ns: int, _chance: random.Random) -> Heard:
    return []


def _late(fault: Fault, data: bytes, at_ns: int, _chance: random.Random) -> Heard:
    return [(at_ns + round(fault.value("delay_s") * NS_PER_S), data)]


def _duplicated(fault: Fault, data: bytes, at_ns: int, _chance: random.Random) -> Heard:
    return [(at_ns, data), (at_ns + round(fault.value("gap_s") * NS_PER_S), data)]


def _corrupted(_fault: Fault, data: bytes, at_ns: int, chance: random.Random) -> Heard:
    harmed = bytearray(data)
    harmed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return [(at_ns, bytes(harmed))]


def _truncated(fault: Fault, data: bytes, at_ns: int, _chance: random.Random) -> Heard:
    kept = data[: int(len(data) * fault.value("share"))]
    return [(at_ns, kept)] if kept else []


def _one_byte_at_a_time(fault: Fault, data: bytes, at_ns: int, _chance: random.Random) -> Heard:
    gap_ns = round(fault.value("gap_s") * NS_PER_S)
    return [(at_ns + n * gap_ns, data[n : n + 1]) for n in range(len(data))]


STRIKES: Final[dict[str, Callable[[Fault, bytes, int, random.Random], Heard]]] = {
    "lost": _lost,
    "late": _late,
    "duplicated": _duplicated,
    "corrupted": _corrupted,
    "truncated": _truncated,
    "one_byte_at_a_time": _one_byte_at_a_time,
}
"""Every kind of stream fault that alters frames, beside stall_then_burst, which needs its begin."""
