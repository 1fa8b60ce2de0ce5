"""When a row of readings of a dose calibrator is one value; the same for every calibrator.

Knows time, spread and status; not how a reading is asked for.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from firmware_interfaces.readings import ActivityReading, ReadingStatus
from firmware_interfaces.units import NS_PER_MS, Becquerel, Nanoseconds, as_seconds, seconds

PPM: Final = 1_000_000
SINGLE: Final = ReadingStatus.VALID | ReadingStatus.SETTLING
"""What a good reading by itself is; anything else that it says is against it."""


@dataclass(frozen=True, slots=True)
class Settling:
    """When a row of readings is one value (calibrators.md 2.2).

    All readings of ``window_ns``, at least ``samples_min``, lie within ``spread_ppm_max`` of their
    mean or within one printed digit; if not within ``give_up_ns``, the reading stays SETTLING.
    """

    period_ns: Nanoseconds
    window_ns: Nanoseconds
    samples_min: int
    spread_ppm_max: int
    give_up_ns: Nanoseconds


RELEASE: Final = Settling(
    period_ns=Nanoseconds(250 * NS_PER_MS),
    window_ns=seconds(10),
    samples_min=16,
    spread_ppm_max=10_000,
    give_up_ns=seconds(60),
)
"""What the decision to release a dose demands: 1 % over at least 10 s."""
LEFT_OVER_PPM: Final = 50_000
"""What a residual item must keep to over the same time: shot noise alone is 0.8 % of 1.5 MBq each
second (calibrators.md 2.3), so the rule for release would never be met."""


def rule_for(release_rule: Settling, *, release: bool) -> Settling:
    """The rule for a release, or the looser one for what is left over.

    A weak source is noisier than the release rule allows; the mean of the window is what counts.
    """
    return release_rule if release else replace(release_rule, spread_ppm_max=LEFT_OVER_PPM)


async def settle(
    read: Callable[[], Awaitable[ActivityReading]],
    nuclide: str,
    rule: Settling,
    now_ns: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]],
    *,
    told: bool = False,
) -> ActivityReading:
    """Read until settled: the mean of the window, VALID alone, as old as its first question.

    Otherwise the status says why it is not final: SETTLING (never within the limits),
    NUCLIDE_CHANGED (the instrument is set to something else; at once), or what the instrument
    itself says against a reading of the window. ``told``: the instrument says itself when it is
    settling, and nothing counts before. Raises what ``read`` raises.
    """
    window: deque[ActivityReading] = deque()
    start_ns, due_ns = now_ns(), None
    while True:
        reading = await read()
        if reading.nuclide != nuclide:
            return replace(reading, status=reading.status | ReadingStatus.NUCLIDE_CHANGED)
        if reading.activity_bq is None:
            return reading
        if told and ReadingStatus.SETTLING in reading.status:
            window.clear()
        window.append(reading)
        _forget_older(window, rule.window_ns)
        found = _mean(window, settled=_settled(window, rule))
        if found.final or found.read_ns - start_ns >= rule.give_up_ns:
            return found
        # One period after the last one was due; what was missed is not made up for.
        last_ns = reading.asked_ns if due_ns is None else due_ns
        due_ns = max(last_ns + rule.period_ns, now_ns())
        await sleep(as_seconds(Nanoseconds(due_ns - now_ns())))


def _settled(window: Sequence[ActivityReading], rule: Settling) -> bool:
    long_enough = window[-1].read_ns - window[0].read_ns >= rule.window_ns
    values = _values(window)
    step_bq = max(reading.resolution_bq for reading in window)
    steady = _spread_ppm(values) <= rule.spread_ppm_max or max(values) - min(values) <= step_bq
    return long_enough and len(window) >= rule.samples_min and steady


def _values(window: Sequence[ActivityReading]) -> list[int]:
    return [reading.activity_bq for reading in window if reading.activity_bq is not None]


def _spread_ppm(values: Sequence[int]) -> int:
    """(max - min) / mean in parts per million, rounded up; 0 if all are 0."""
    total = sum(values)
    return -(-(max(values) - min(values)) * len(values) * PPM // total) if total else 0


def _forget_older(window: deque[ActivityReading], window_ns: Nanoseconds) -> None:
    """Keep the shortest row that still spans the window."""
    while len(window) > 1 and window[-1].read_ns - window[1].read_ns >= window_ns:
        window.popleft()


def _mean(window: Sequence[ActivityReading], *, settled: bool) -> ActivityReading:
    values = _values(window)
    valid = all(ReadingStatus.VALID in reading.status for reading in window)
    status = ReadingStatus.VALID if valid else ReadingStatus(0)
    for reading in window:
        status |= reading.status & ~SINGLE
    if not settled:
        status |= ReadingStatus.SETTLING
    return replace(
        window[-1],
        activity_bq=Becquerel(round(sum(values) / len(values))),
        resolution_bq=max(reading.resolution_bq for reading in window),
        status=status,
        samples=len(values),
        spread_ppm=_spread_ppm(values),
        asked_ns=window[0].asked_ns,
    )
