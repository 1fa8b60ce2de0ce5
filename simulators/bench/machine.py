"""The computer on which the daemon runs: it boots, is killed, hangs and boots again.

It knows the daemon as a program. Killed, not one more line of it runs, and what it had put on a
wire still leaves; everything it did not write to the disk is gone.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from controller.life import Life, StartupFailure
from controller.panel.api import Api as DaemonApi
from controller.panel.app import make_app
from controller.panel.reception import desk_of
from controller.service import record_json
from simulators.bench.api import PATIENCE_S, ApiDown
from simulators.bench.asgi import AsgiApi
from simulators.bench.virtual_time import PROCESS

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

T = TypeVar("T")
AGAIN_S: Final = 5.0
"""What a program that would not start waits for before it is started again."""

FAREWELL_S: Final = 60.0
"""A program that has not ended by then is killed."""


class Machine:
    """One daemon after the other. ``boots`` counts them; it is an API (`AsgiApi`) over them all."""

    def __init__(self, stage: "Stage") -> None:
        self._stage = stage
        self._context = copy_context()
        self._life: Life | None = None
        self._api: AsgiApi | None = None
        self._within: Context = self._context
        self._up = asyncio.Event()
        self._down: asyncio.Future[None] | None = None
        self._panel: asyncio.Task[None] | None = None
        self._hung = False
        self.boots = 0
        self.dead: list[int] = []

    async def start(self) -> None:
        """Boot for the first time. Raises StartupFailure; killed meanwhile, it is just down."""
        with contextlib.suppress(ApiDown):
            await self._booted()

    def kill(self) -> None:
        """SIGKILL."""
        if self._down is None:
            return
        self._stage.loop.freeze(self.boots)
        self.dead.append(self.boots)
        self._stage.disk.cut_off()
        for wire in dict.fromkeys(self._stage.wires.values()):
            wire.let_go()
        self._stage.broker.lose_client()
        self._up.clear()
        self._down.set_result(None)
        if self._api is not None:
            self._api.hang_up()
        self._life = self._api = self._down = self._panel = None

    def boot(self) -> None:
        """Start again, as often as it takes."""
        if self._down is None:
            self._context.run(self._stage.loop.create_task, self._boot_again(), name="boot")

    def hang_consumer(self) -> Callable[[], None]:
        """Let the judgement take nothing from its inbox until the returned function is called."""
        if self._life is None:
            return lambda: None
        inbox, free = self._life.daemon.inbox, asyncio.Event()
        take = inbox.take

        async def wait_and_take() -> Any:
            await free.wait()
            return await take()

        inbox.take = wait_and_take  # type: ignore[method-assign]
        self._hung = True

        def release() -> None:
            inbox.take = take  # type: ignore[method-assign]
            self._hung = False
            free.set()

        return release

    def freeze(self) -> Callable[[], None]:
        """SIGSTOP; the returned function is SIGCONT."""
        process = self.boots
        if process in self.dead:
            return lambda: None
        self._stage.loop.freeze(process)
        return lambda: None if process in self.dead else self._stage.loop.thaw(process)

    async def end(self) -> bool:
        """SIGTERM; True if the pump is known to rest. False where none runs, or it is killed.

        Who waits for an answer of a judgement that hangs waits until the program is killed.
        """
        if self._life is None:
            return False
        try:
            async with asyncio.timeout(FAREWELL_S):
                rested = await self._inside(self._life.end(self._close_panel))
        except TimeoutError:
            self.kill()
            return False
        except ApiDown:
            return False
        if self._hung:
            self.kill()
        return rested

    def bury(self) -> None:
        """Let the tasks of killed programs end, now that nobody looks any more."""
        for process in self.dead:
            for task in self._stage.loop.tasks_of(process):
                task.cancel()
            self._stage.loop.thaw(process)

    # --- the API over all boots -----------------------------------------------------------------

    async def state(self) -> dict[str, Any]:
        """As `AsgiApi.state`. Raises ApiDown.

        What the panel shows already needs no request, unless the program behind it stands still.
        """
        if self._api is not None and self._api.shows and not self._stage.loop.frozen(self.boots):
            return await self._api.state()
        return await self._ask(lambda api: api.state())

    async def news(self) -> None:
        """As `AsgiApi.news`; at once where no program runs."""
        if self._api is not None:
            await self._api.news()

    async def record(self, session: str) -> dict[str, Any]:
        """As `AsgiApi.record`. Raises ApiDown."""
        return await self._ask(lambda api: api.record(session))

    async def gates(self, session: str) -> dict[str, Any]:
        """As `AsgiApi.gates`. Raises ApiDown."""
        return await self._ask(lambda api: api.gates(session))

    async def act(self, action: str, **body: Any) -> dict[str, Any]:
        """As `AsgiApi.act`. Raises ApiDown; nobody knows then whether it was done."""
        return await self._ask(lambda api: api.act(action, **body))

    async def stop(self) -> None:
        """As `AsgiApi.stop`. Raises ApiDown."""
        await self._ask(lambda api: api.stop())

    async def up(self) -> None:
        """Return once the API is served."""
        await self._up.wait()

    async def _ask(self, request: Callable[[AsgiApi], Coroutine[Any, Any, T]]) -> T:
        if self._api is None:
            raise ApiDown("connection refused")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._inside(request(self._api))
        except TimeoutError:
            raise ApiDown(f"no answer within {PATIENCE_S:g} s") from None

    async def _inside(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it as part of the program; its death or silence is ours to see."""
        loop, down = self._stage.loop, self._down
        assert down is not None
        task = loop.create_task(work, name="request", context=self._within.copy())
        try:
            either: set[asyncio.Future[Any]] = {task, down}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if down.done() or not task.done():
            task.add_done_callback(_passed_over)
            raise ApiDown("the connection broke")
        return task.result()

    # --- up and down ----------------------------------------------------------------------------

    async def _boot_again(self) -> None:
        while True:
            try:
                await self._booted()
            except StartupFailure:
                await asyncio.sleep(AGAIN_S)
            except ApiDown:
                return
            else:
                return

    async def _booted(self) -> None:
        stage, loop = self._stage, self._stage.loop
        self.boots += 1
        self._hung = False
        self._within = self._context.copy()
        self._within.run(PROCESS.set, self.boots)
        self._down = loop.create_future()
        life = Life(stage.site_setting(), stage.surroundings())
        try:
            daemon = await self._inside(life.start())
        except StartupFailure:
            self._down = None
            raise
        api = DaemonApi(daemon, stage.site, desk_of(daemon, stage.site, stage.people))
        app = make_app(api, partial(record_json, daemon))
        self._life, self._api = life, AsgiApi(app, f"bench-{self.boots}")
        self._panel = loop.create_task(
            self._api.follow(), name="panel", context=self._within.copy()
        )
        self._up.set()

    async def _close_panel(self) -> None:
        if self._panel is not None:
            self._panel.cancel()
            await asyncio.wait({self._panel})


def _passed_over(task: "asyncio.Task[Any]") -> None:
    """What a program that is dead came to, nobody hears."""
    if not task.cancelled():
        task.exception()
