"""The shell's clock: absolute waiting on an injected loop, and steps between two clocks."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clock import STEP_NS, ClockWatch, MonotonicError, SystemClock
from firmware_interfaces.units import NS_PER_MIN, NS_PER_MS, NS_PER_S
from tests.controller.stepped_loop import SteppedLoop

NOON = 1_795_348_800 * NS_PER_S


def stepped(main):
    """Run ``main(clock, loop)`` on a loop of virtual microseconds."""
    loop = SteppedLoop()
    clock = SystemClock(lambda: loop.now_us * 1_000, lambda: NOON + loop.now_us * 1_000)
    try:
        return loop.run_until_complete(main(clock, loop))
    finally:
        loop.close()


@pytest.mark.requirement("R6", "PCA-R6.6.0(6)(7)(8)")
def test_both_stamps_come_from_the_injected_sources():
    clock = SystemClock(lambda: 17, lambda: NOON)
    assert (clock.monotonic_ns(), clock.utc_ns()) == (17, NOON)


def test_sleep_wakes_at_the_absolute_deadline():
    async def main(clock, loop):
        await clock.sleep_until(5 * NS_PER_S + 250 * NS_PER_MS)
        return loop.now_us

    assert stepped(main) == 5_250_000


def test_periodic_deadlines_do_not_drift():
    async def main(clock, loop):
        woken = []
        for turn in range(1, 2001):
            await clock.sleep_until(5 * NS_PER_S + turn * 500 * NS_PER_MS)
            woken.append(loop.now_us)
        return woken

    assert stepped(main) == [5_000_000 + turn * 500_000 for turn in range(1, 2001)]


def test_a_deadline_between_two_ticks_is_never_early():
    async def main(clock, loop):
        await clock.sleep_until(5 * NS_PER_S + 1)
        return loop.now_us

    assert stepped(main) == 5_000_001


def test_a_past_deadline_still_lets_others_run():
    async def main(clock, loop):
        ran: list[str] = []
        loop.call_soon(ran.append, "other")
        await clock.sleep_until(0)
        return ran, loop.now_us

    assert stepped(main) == (["other"], 5_000_000)


def test_cancelling_a_sleep_leaves_no_timer():
    async def main(clock, loop):
        task = asyncio.ensure_future(clock.sleep_until(99 * NS_PER_S))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [timer for timer in loop._scheduled if not timer.cancelled()]

    assert stepped(main) == []


@pytest.mark.realtime
async def test_the_real_clock_never_wakes_early():
    clock = SystemClock()
    deadline = clock.monotonic_ns() + 20 * NS_PER_MS
    await clock.sleep_until(deadline)
    assert clock.monotonic_ns() >= deadline


def test_clocks_in_step_are_no_event():
    watch = ClockWatch.start(0, NOON)
    watch, step = watch.observe(NS_PER_S, NOON + NS_PER_S)
    assert (watch, step) == (ClockWatch(NS_PER_S, NOON), 0)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_step_is_reported_once_with_its_sign(direction):
    watch = ClockWatch.start(0, NOON)
    moved = NOON + direction * 2 * NS_PER_S
    watch, step = watch.observe(NS_PER_S, moved + NS_PER_S)
    assert step == direction * 2 * NS_PER_S
    assert watch.observe(2 * NS_PER_S, moved + 2 * NS_PER_S)[1] == 0


@pytest.mark.requirement("T3.13")
def test_exactly_the_limit_is_no_step_and_one_nanosecond_more_is():
    watch = ClockWatch.start(0, NOON)
    assert watch.observe(0, NOON + STEP_NS)[1] == 0
    assert watch.observe(0, NOON + STEP_NS + 1)[1] == STEP_NS + 1
    assert ClockWatch.start(0, NOON, step_ns=9).observe(0, NOON + 10)[1] == 10


@given(st.integers(-500, 500), st.integers(1, 120))
def test_a_slew_of_a_disciplined_clock_is_never_a_step(ppm, minutes):
    watch = ClockWatch.start(0, NOON)
    for at_ns in range(0, minutes * NS_PER_MIN, 30 * NS_PER_S):
        watch, step = watch.observe(at_ns, NOON + at_ns + at_ns * ppm // 1_000_000)
        assert step == 0


def test_many_small_steps_add_up_to_one():
    watch, steps = ClockWatch.start(0, NOON), []
    for second in range(1, 11):
        watch, step = watch.observe(second * NS_PER_S, NOON + second * 1_100 * NS_PER_MS)
        steps.append(step)
    # 100 ms a second less the 0.5 ms a second that slewing may explain: the sixth exceeds 0.5 s.
    assert [index for index, step in enumerate(steps, 1) if step] == [6]


def test_monotonic_time_that_goes_back_is_a_failure_of_its_own():
    with pytest.raises(MonotonicError) as caught:
        ClockWatch.start(10, NOON).observe(9, NOON)
    assert (caught.value.before_ns, caught.value.after_ns) == (10, 9)
