"""The virtual loop: exact deadlines, one order, jobs at once, and deadlocks that say who waits."""

import asyncio
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.bench.virtual_time import Deadlock, InlineExecutor, VirtualClock, run_virtual

BEGIN_UTC_NS = 1_772_000_000_000_000_000


def test_sleeping_takes_exactly_its_time_and_none_of_ours():
    async def main(loop):
        await asyncio.sleep(1800.000001)
        return loop.now_ns()

    assert run_virtual(main) == 1_800_000_001_000


def test_a_thousand_tenths_of_a_second_are_a_hundred_seconds():
    async def main(loop):
        for _ in range(1000):
            await asyncio.sleep(0.1)
        return loop.now_ns()

    assert run_virtual(main) == 100_000_000_000


def test_a_delay_of_less_than_a_microsecond_is_not_rounded_down():
    async def main(loop):
        await asyncio.sleep(3e-7)
        return loop.now_ns()

    assert run_virtual(main) == 1_000


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_timers_fire_by_time_and_then_in_the_order_they_were_set(delays_us):
    fired: list[tuple[int, int]] = []

    async def main(loop):
        for number, delay in enumerate(delays_us):
            loop.call_later(delay / 1e6, fired.append, (delay, number))
        await asyncio.sleep(1)

    run_virtual(main)
    assert fired == sorted((delay, number) for number, delay in enumerate(delays_us))


def test_a_cancelled_timer_does_not_move_time():
    async def main(loop):
        loop.call_later(100, lambda: None).cancel()
        await asyncio.sleep(2)
        return loop.time()

    assert run_virtual(main) == 2.0


def test_a_callback_that_fails_is_told_and_the_loop_goes_on():
    told: list[dict[str, Any]] = []

    async def main(loop):
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        loop.call_later(1, int, "x")
        await asyncio.sleep(2)
        return loop.time()

    assert run_virtual(main) == 2.0
    assert [type(context["exception"]) for context in told] == [ValueError]
    assert "Exception in callback" in told[0]["message"]


def test_an_interrupt_leaves_the_loop():
    def interrupt():
        raise KeyboardInterrupt

    async def main(loop):
        loop.call_soon_threadsafe(interrupt)
        await asyncio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main)


def test_a_ready_callback_can_still_be_cancelled():
    called: list[int] = []

    async def main(loop):
        handle = loop.call_soon(called.append, 1)
        handle.cancel()
        assert handle.cancelled()
        await asyncio.sleep(1)

    run_virtual(main)
    assert called == []


def test_a_job_runs_at_once_while_the_clock_stands_and_is_counted():
    async def main(loop):
        ran: list[int] = []
        job = loop.run_in_executor(None, ran.append, 1)
        assert ran == [1]
        assert job.done()
        assert await loop.run_in_executor(InlineExecutor(), sum, [1, 2]) == 3
        assert await asyncio.to_thread(max, 4, 5) == 5
        return loop.jobs, loop.now_ns()

    assert run_virtual(main) == (3, 0)


def test_a_job_that_fails_tells_whoever_awaits_it():
    async def main(loop):
        job = loop.run_in_executor(None, int, "x")
        with pytest.raises(ValueError, match="invalid literal"):
            await job

    run_virtual(main)


def test_an_executor_of_its_own_may_answer_later():
    class Slow(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future: Future[Any] = Future()
            asyncio.get_running_loop().call_later(7, lambda: future.set_result(fn(*args)))
            return future

    async def main(loop):
        return await loop.run_in_executor(Slow(), abs, -3), loop.time()

    assert run_virtual(main) == (3, 7.0)


def test_an_inline_executor_keeps_the_error_of_its_job():
    assert isinstance(InlineExecutor().submit(int, "x").exception(), ValueError)


def test_a_deadlock_names_every_task_with_its_line_and_what_it_waits_for():
    async def never():
        await asyncio.get_running_loop().create_future()

    async def leaf():
        await asyncio.Event().wait()

    async def main(_loop):
        await asyncio.sleep(1.5)
        waits = asyncio.create_task(leaf(), name="consumer")
        other = asyncio.create_task(never(), name="poller")
        await asyncio.gather(waits, other)

    with pytest.raises(Deadlock) as caught:
        run_virtual(main)
    text = str(caught.value)
    assert text.startswith("at 1.500000 s nothing is ready and no timer is set; these wait:")
    assert "  consumer: " in text
    assert ".leaf:" in text
    assert "> Event.wait:" in text
    assert ".never:" in text
    assert "waits for <Future pending" in text


def test_a_deadlock_names_the_task_that_another_waits_for():
    async def never():
        await asyncio.get_running_loop().create_future()

    async def main(_loop):
        await asyncio.create_task(never(), name="pump")

    with pytest.raises(Deadlock, match="waits for task pump"):
        run_virtual(main)


def test_there_is_nothing_to_select_on():
    async def main(loop):
        with pytest.raises(NotImplementedError):
            loop.add_reader(0, lambda: None)
        with pytest.raises(NotImplementedError):
            await asyncio.open_connection("127.0.0.1", 9)

    run_virtual(main)


def test_the_clock_waits_for_absolute_deadlines():
    async def main(loop):
        clock = VirtualClock(loop, BEGIN_UTC_NS)
        await clock.sleep_until(500_000_000)
        first = clock.monotonic_ns(), clock.utc_ns()
        await clock.sleep_until(100)
        return first, clock.monotonic_ns()

    assert run_virtual(main) == ((500_000_000, BEGIN_UTC_NS + 500_000_000), 500_000_000)


def test_a_wait_that_is_cancelled_leaves_no_timer_behind():
    async def main(loop):
        clock = VirtualClock(loop, BEGIN_UTC_NS)
        waiting = asyncio.create_task(clock.sleep_until(900_000_000_000))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait({waiting})
        with pytest.raises(Deadlock):
            loop._jump()

    run_virtual(main)


def test_the_time_of_day_may_step_and_drift_and_monotonic_time_may_not():
    async def main(loop):
        clock = VirtualClock(loop, BEGIN_UTC_NS)
        clock.utc_drift_ppm = 500
        await asyncio.sleep(100)
        assert clock.utc_ns() == BEGIN_UTC_NS + 100_050_000_000
        clock.utc_step_ns = -2_000_000_000
        assert clock.utc_ns() == BEGIN_UTC_NS + 98_050_000_000
        assert clock.monotonic_ns() == 100_000_000_000

    run_virtual(main)
