"""A loop for unit tests of the shell: its time jumps to the next timer, so no test waits."""

import asyncio
import math
from concurrent.futures import Executor, Future
from typing import Any


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to its next timer instead of waiting for it."""

    def __init__(self):
        super().__init__()
        self.now_us = 5_000_000

    def time(self):
        return self.now_us / 1_000_000

    def _run_once(self):
        inner: Any = self
        if not inner._ready and inner._scheduled:
            # Never just before the deadline, or the loop would look again for ever.
            due_us = math.ceil(inner._scheduled[0].when() * 1_000_000 - 1e-3)
            self.now_us = max(self.now_us, due_us)
        super()._run_once()  # type: ignore[misc]


class InlineExecutor(Executor):
    """Runs each job at once, in the caller's thread."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future


class HeldExecutor(InlineExecutor):
    """Runs jobs inline until `held` is set, then keeps them until `let_go`."""

    def __init__(self):
        self.held = False
        self.jobs = []

    def submit(self, fn, /, *args, **kwargs):
        if not self.held:
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        self.jobs.append((future, fn, args))
        return future

    def let_go(self):
        self.held = False
        for future, fn, args in self.jobs:
            if future.set_running_or_notify_cancel():
                future.set_result(fn(*args))
        self.jobs = []


def run_stepped(main):
    """Run the coroutine function ``main`` to its end on a loop whose time is stepped."""
    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        return runner.run(main())
