"""Infusion profiles: piecewise constant rates, and what they should have pumped by when.

A profile is a tuple of (rate uL/h, duration ns). Rates are rounded down, so a profile never asks
for more than its volume in its time.
"""

from functools import lru_cache

from firmware_interfaces.units import (
    MicrolitrePerHour,
    Nanolitre,
    Nanoseconds,
    rate_down,
    volume_down,
    volume_up,
)

Profile = tuple[tuple[int, int], ...]
PPM = 1_000_000


def profile_of(volume_nl: int, duration_ns: int, shares: Profile) -> Profile:
    """The rates that pump ``volume_nl`` in ``duration_ns``.

    ``shares`` are (share of volume, share of time) in parts per million, each column summing to a
    million. Raises ValueError otherwise, or when a part would have no rate or no time.
    """
    if sum(v for v, _ in shares) != PPM or sum(t for _, t in shares) != PPM:
        raise ValueError(f"profile shares must sum to {PPM} ppm each: {shares}")
    parts = []
    for volume_ppm, time_ppm in shares:
        time_ns = duration_ns * time_ppm // PPM
        if time_ns <= 0:
            raise ValueError(f"a profile part has no time: {shares}")
        rate = rate_down(Nanolitre(volume_nl * volume_ppm // PPM), Nanoseconds(time_ns))
        if rate <= 0:
            raise ValueError(f"a profile part has no rate: {shares}")
        parts.append((int(rate), time_ns))
    return tuple(parts)


@lru_cache
def rate_max_ul_h(profile: Profile) -> int:
    """The highest rate of a profile, uL/h."""
    return max(rate for rate, _ in profile)


@lru_cache
def rate_min_ul_h(profile: Profile) -> int:
    """The lowest rate of a profile, uL/h."""
    return min(rate for rate, _ in profile)


@lru_cache
def duration_ns(profile: Profile) -> int:
    """Planned duration of a profile, ns."""
    return sum(time for _, time in profile)


def planned_nl(profile: Profile, elapsed_ns: int) -> int:
    """Volume due after ``elapsed_ns``, nL, never more than the whole profile."""
    total, left = 0, max(0, elapsed_ns)
    for rate, time in profile:
        total += volume_up(MicrolitrePerHour(rate), Nanoseconds(min(left, time)))
        left = max(0, left - time)
    return total


def part_at(profile: Profile, pumped_nl: int) -> int:
    """Which part runs once ``pumped_nl`` is in; parts change by volume, so a hold costs nothing."""
    threshold = 0
    for index, (rate, time) in enumerate(profile):
        threshold += volume_down(MicrolitrePerHour(rate), Nanoseconds(time))
        if pumped_nl < threshold:
            return index
    return len(profile) - 1


def remaining(profile: Profile, pumped_nl: int) -> Profile:
    """The rest of a profile once ``pumped_nl`` is in, at no more than its own rates."""
    index = part_at(profile, pumped_nl)
    before = sum(
        volume_down(MicrolitrePerHour(rate), Nanoseconds(time)) for rate, time in profile[:index]
    )
    rate, time = profile[index]
    used = max(0, pumped_nl - before) * 3_600_000_000_000 // (rate * 1000)
    return ((rate, max(1, time - used)), *profile[index + 1 :])
