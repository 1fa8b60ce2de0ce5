"""An event loop whose time jumps to its next timer, its clock, and an executor that is no thread.

It knows no wire and no world: whatever would need a selector is not there. The same coroutines run
in the same order every time, so a whole treatment repeats to the byte.
"""

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, ParamSpec, TypeVar, TypeVarTuple
from weakref import WeakSet

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
US_PER_S: Final = 1_000_000
NS_PER_US: Final = 1_000
NS_PER_S: Final = 1_000_000_000
FLOAT_SLACK_US: Final = 1e-3
"""What seconds as floats may add to a whole microsecond during a million seconds."""


WORLD: Final = 0
PROCESS: Final[ContextVar[int]] = ContextVar("process", default=WORLD)
"""Which program of this world code belongs to. What it sets going inherits that."""


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set and the main future is not done: what waits for what."""


class InlineExecutor(Executor):
    """Runs each job at once, in the caller's thread."""

    def at_once(self, _fn: Callable[..., object]) -> bool:
        """Whether this job is done before `submit` returns."""
        return True

    def do(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it, here and now. Raises what the job raises."""
        return fn(*args, **kwargs)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run it; the future holds its outcome already."""
        future: Future[T] = Future()
        try:
            future.set_result(self.do(fn, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future


class _Soon(asyncio.Handle):
    """A handle without the loop's debugging, which costs as much as all else that a handle does."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None


class _Timer(asyncio.TimerHandle):
    """A timer, likewise."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Any, args: Any, loop: Any, context: Context | None
    ) -> None:
        self._when, self._callback, self._args, self._loop = when, callback, args, loop
        self._context = copy_context() if context is None else context
        self._scheduled = self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        """Let it not be called, and forget what would have been."""
        self._cancelled = True
        self._callback, self._args = None, ()


class VirtualLoop(asyncio.BaseEventLoop):
    """Time is whole microseconds from 0; equal deadlines fire in the order they were set.

    There are no sockets, pipes, child processes or signals. Jobs for no executor or an
    `InlineExecutor` run at once, while the clock stands: ``jobs`` counts them. Any other executor
    answers for its own future.
    """

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 1 / US_PER_S
        self._now_us = 0
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._sequence = 0
        self._ready: Any
        self._stopping: bool
        self._frozen: dict[int, list[asyncio.Handle]] = {}
        self._tasks: dict[int, WeakSet[asyncio.Task[Any]]] = {}
        self._inline = InlineExecutor()
        self.jobs = 0

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now_us / US_PER_S

    def now_ns(self) -> int:
        """The same, in ns."""
        return self._now_us * NS_PER_US

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """A task; it is remembered for the program that it belongs to."""
        within = copy_context() if context is None else context
        made: Any = super().create_task(coro, name=name, context=within)
        task: asyncio.Task[T] = made
        self._tasks.setdefault(within.get(PROCESS, WORLD), WeakSet()).add(task)
        return task

    def freeze(self, process: int) -> None:
        """Let nothing of a program happen from now on, as SIGSTOP does."""
        self._frozen.setdefault(process, [])

    def frozen(self, process: int) -> bool:
        """True while nothing of a program happens."""
        return process in self._frozen

    def thaw(self, process: int) -> None:
        """Let it go on; what was due meanwhile happens now."""
        self._ready.extend(self._frozen.pop(process, ()))

    def tasks_of(self, process: int) -> "set[asyncio.Task[Any]]":
        """Tasks of a program that have not ended."""
        return {task for task in self._tasks.get(process, ()) if not task.done()}

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call in the next turn, after what is ready already."""
        handle = _Soon(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at the first microsecond that is not before ``when``."""
        handle = _Timer(when, callback, args, self, context)
        self._sequence += 1
        due_us = math.ceil(when * US_PER_S - FLOAT_SLACK_US)
        heapq.heappush(self._timers, (due_us, self._sequence, handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``delay`` seconds from now."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run the job now; returns a finished future."""
        self.jobs += 1
        worker = executor or self._inline
        if not (isinstance(worker, InlineExecutor) and worker.at_once(func)):
            return asyncio.wrap_future(worker.submit(func, *args), loop=self)
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(worker.do(func, *args))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def _write_to_self(self) -> None:
        """Nothing: there is no selector to wake."""

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        if not ready and not self._stopping:
            self._jump()
        while timers and timers[0][0] <= self._now_us:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if self._frozen and self._held(handle):
                continue
            handle._run()

    def _held(self, handle: Any) -> bool:
        """Keep what a frozen program would do now."""
        held = self._frozen.get(handle._context.get(PROCESS, WORLD))
        if held is None:
            return False
        held.append(handle)
        return True

    def _jump(self) -> None:
        """Let time be that of the next timer that was not cancelled."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(self._who_waits())
        self._now_us = max(self._now_us, timers[0][0])

    def _who_waits(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        lines = [f"  {task.get_name()}: {_waiting(task)}" for task in tasks]
        begin = f"at {self.time():.6f} s nothing is ready and no timer is set; these wait:"
        return "\n".join([begin, *lines])


def _waiting(task: "asyncio.Task[Any]") -> str:
    """The task's coroutines from the outermost in, with the line each stands at, and what for."""
    chain: list[str] = []
    inner: Any = task.get_coro()
    while inner is not None and (name := getattr(inner, "__qualname__", None)):
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None)
        chain.append(name if frame is None else f"{name}:{frame.f_lineno}")
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    waiter = getattr(task, "_fut_waiter", None)
    what = f"task {waiter.get_name()}" if isinstance(waiter, asyncio.Task) else repr(waiter)
    return f"{' > '.join(chain)} waits for {what}"


class VirtualClock:
    """The clock port on a virtual loop; UTC begins at ``begin_utc_ns``.

    ``utc_step_ns`` moves the time of day, ``utc_drift_ppm`` lets it run wrong from the loop's
    beginning; monotonic time follows the loop, whatever the time of day does.
    """

    def __init__(self, loop: VirtualLoop, begin_utc_ns: int) -> None:
        self._loop = loop
        self._begin_utc_ns = begin_utc_ns
        self.utc_step_ns = 0
        self.utc_drift_ppm = 0

    def monotonic_ns(self) -> int:
        """Nanoseconds since the loop was made."""
        return self._loop.now_ns()

    def utc_ns(self) -> int:
        """Time of day, Unix epoch."""
        elapsed = self._loop.now_ns()
        drifted = elapsed * self.utc_drift_ppm // 1_000_000
        return self._begin_utc_ns + elapsed + drifted + self.utc_step_ns

    async def sleep_until(self, mono_ns: int) -> None:
        """Return at an absolute monotonic deadline; one already past costs one loop turn."""
        if mono_ns <= self._loop.now_ns():
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_at(mono_ns / NS_PER_S, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run ``main`` on a fresh virtual loop to its end. Raises `Deadlock`."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(loop))
