"""What two people do when the treatment leaves its way: look, acknowledge, bound, go on or end.

From whatever phase the panel shows they take the next sensible step, and when a step has failed
twice they take that phase's way out. They never wait for ever.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from simulators.bench.api import ApiDown, ApiRefused
from simulators.bench.auto import AB, CD, LOOK_S, BrokenOff, TwoPeople
from simulators.bench.by_hand import READING_ML, ByHand
from simulators.bench.channel import Refused
from simulators.bench.view import View

PATIENCE_S: Final = 10_800.0
"""Three hours, then the shift ends."""
DOWN_S: Final = 120.0
"""So long a panel without a program behind it is waited for."""
PAUSE_S: Final = 5.0
FAILED_S: Final = 20.0
"""What was refused is not asked for again at once."""
SEARCH_S: Final = 20.0
"""So long two people look for the cause of a stop before they go on."""
RECOVERY_S: Final = 10.0
REST_S: Final = 30.0
TRIES: Final = 2
KVO_S: Final = 60.0
"""How long a hold lasts in which the vein is kept open."""
RESUMES: Final = 3
STEPS: Final = 60
RESIDUALS: Final = 3
"""After so many attempts to account for what is left it waits for another day."""
CAUSE: Final = "equipment"
TROUBLES: Final = (BrokenOff, ApiRefused, Refused, TimeoutError, ApiDown)
KNOWN: Final = re.compile(r"not (\d+) \.\. (\d+) nL|(\d+) \.\. (\d+) nL")


class LeftOpen(Exception):
    """The session stays open: nothing more can be done today."""


class Panel(Protocol):
    """The daemon as it is reached over its restarts."""

    async def state(self) -> dict[str, Any]:
        """The whole state. Raises ApiDown."""

    async def up(self) -> None:
        """Return once it answers."""


class Trouble:
    """Two people who see one treatment through. ``met`` is what went wrong for them, in order.

    ``policy``: ``end`` the delivery after a stop, ``resume`` where that is allowed, or ``none``:
    go away at the first trouble.
    """

    def __init__(self, people: TwoPeople, panel: Panel, policy: str) -> None:
        self._people, self._panel, self._policy = people, panel, policy
        self._tried: Counter[str] = Counter()
        self._resumed = 0
        self._hands = ByHand(people) if policy == "hand" else None
        self.met: list[str] = []

    async def see_through(self) -> bool:
        """Treat; then from phase to phase. True once the session is closed."""
        if await self._went_well(self._people.treat) or self._policy == "none":
            return not self.met
        try:
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(STEPS):
                    if await self._went_well(self._step):
                        if await self._closed():
                            return True
                    elif self.met[-1].startswith(ApiDown.__name__):
                        await asyncio.wait_for(self._panel.up(), DOWN_S)
                    elif self.met[-1].startswith(ApiRefused.__name__):
                        await asyncio.sleep(FAILED_S)
                    await asyncio.sleep(PAUSE_S)
        except (TimeoutError, ApiDown):
            self._meet(TimeoutError("nobody waits any longer"))
        except LeftOpen as error:
            self._meet(error)
        return False

    async def _went_well(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except TROUBLES as error:
            self._meet(error)
            return False
        return True

    def _meet(self, error: Exception) -> None:
        self.met.append(f"{type(error).__name__}: {error}")

    async def _closed(self) -> bool:
        state = await self._panel.state()
        ended = {item["session"] for item in state["closed"]}
        shown = {item["session"]: item["phase"] for item in state["sessions"]}
        session = self._people.session
        return session in ended or shown.get(session) == "CLOSED"

    async def _step(self) -> None:
        """The next thing to do in the phase that the panel shows."""
        people = self._people
        if self._hands is not None and not self._hands.done:
            await self._hands.finish()
            await asyncio.wait_for(self._panel.up(), DOWN_S)
            return
        if not people.session:
            await self._find_session()
            return
        if await self._closed():
            return
        view = await people.view()
        self._tried[view.phase] += 1
        if self._tried["RESIDUAL"] > RESIDUALS:
            raise LeftOpen("the residual cannot be measured now")
        tired = self._tried[view.phase] > TRIES
        step = WAYS_OUT.get(view.phase) if tired else None
        await (step or ON[view.phase])(self, view)

    async def _find_session(self) -> None:
        """An order whose answer was lost may have been loaded."""
        self._people.session = (await self._panel.state())["active"] or ""
        if not self._people.session:
            self._tried[""] += 1
            if self._tried[""] > TRIES:
                raise LeftOpen("the order is not taken")
            await self._people.load()

    # --- on the way -----------------------------------------------------------------------------

    async def _assay(self, _view: View) -> None:
        await self._people.assay()

    async def _release(self, _view: View) -> None:
        await self._people.release()

    async def _prepare(self, view: View) -> None:
        if not view.patent:
            await self._people.patency()
        else:
            await self._people.take_down()
        await self._people.seat()

    async def _start(self, view: View) -> None:
        if not view.shown["connected"]:
            if not view.patent:
                await self._new_patency()
            await self._people.connect()
        await self._acknowledge(view)
        await self._people.start()

    async def _go(self, _view: View) -> None:
        await self._people.hands.hand("open_clamp")
        await self._people.go()

    async def _infuse(self, _view: View) -> None:
        await self._people.infuse()

    async def _flush(self, _view: View) -> None:
        await self._people.flush()

    async def _leave(self, _view: View) -> None:
        """It was closed while the panel was asked: a program that was frozen went on."""

    async def _account(self, _view: View) -> None:
        await self._people.account()

    async def _cancel(self, _view: View) -> None:
        await self._people.act("cancel", AB, reason=CAUSE)

    async def _abort(self, _view: View) -> None:
        await self._people.act("abort", AB, cause=CAUSE)

    # --- stopped, held, uncertain ---------------------------------------------------------------

    async def _held(self, view: View) -> None:
        if self._policy == "resume":
            kept_open = self._people.second and not view.running
            if kept_open:
                await self._keep_open()
            await self._people.identify()
            await self._people.act("resume", AB)
            if kept_open:
                await self._seen(lambda now: now.phase != "HELD", REST_S)
        else:
            await self._abort(view)

    async def _keep_open(self) -> None:
        """Where saline has a pump of its own it keeps the vein open for a while."""
        saline = self._people.plan.setting.saline_syringe
        await self._people.act("kvo", AB, syringe=saline, confirmed_by=CD)
        if await self._seen(lambda now: now.running == "kvo", REST_S):
            await asyncio.sleep(KVO_S)

    async def _stopped(self, view: View) -> None:
        """Clamp, see what the alarms say, have the pump at rest; then on, or the end of it."""
        await self._people.hands.hand("close_clamp")
        await self._acknowledge(view)
        if view.running and not await self._seen(lambda now: not now.running, REST_S):
            await self._people.act("give_up", AB)
        view = await self._people.view()
        if self._hands is not None:
            await self._hands.enter(view)
        elif self._policy == "resume" and self._may_resume(view):
            await self._resume(view)
        else:
            await self._people.act("end", AB, cause=CAUSE)

    def _may_resume(self, view: View) -> bool:
        return not view.shown["prompts"]["no_resume"] and self._resumed < RESUMES

    async def _resume(self, view: View) -> None:
        self._resumed += 1
        self._tried.clear()
        await asyncio.sleep(SEARCH_S)
        await self._acknowledge(await self._people.view())
        await self._people.identify()
        if not view.shown["connected"]:
            await self._new_patency()
            await self._both("resume", new_site=True)
            return
        await self._both("resume")
        await self._people.until("resume", lambda now: now.phase == "ARMED" or now.broken_off)

    async def _both(self, action: str, **body: Any) -> None:
        for who in (AB, CD):
            await self._people.act(action, who, **body)

    async def _new_patency(self) -> None:
        mounted = (await self._people.look())["mounted"]
        await self._people.patency()
        if mounted == "drug":
            await self._people.hands.hand("mount_syringe", which="drug")

    async def _uncertain(self, view: View) -> None:
        """Wait whether the pump still knows; else read the barrel by two."""
        await self._people.hands.hand("close_clamp")
        await self._acknowledge(view)
        if await self._seen(lambda now: now.phase != "UNCERTAIN", RECOVERY_S):
            return
        barrel_ml = await self._people.read_barrel()
        if self._hands is not None:
            barrel_ml = self._hands.begun_ml
        gone_ml = self._people.barrel_ml - barrel_ml
        try:
            await self._bound(max(0.0, gone_ml - READING_ML), max(0.0, gone_ml) + READING_ML)
        except ApiRefused as refused:
            await self._bound_within(refused, gone_ml)

    async def _bound_within(self, refused: ApiRefused, gone_ml: float) -> None:
        """What was read reaches past what is certain already: the two intervals' common part."""
        known = KNOWN.search(str(refused))
        if known is None:
            raise refused
        low_nl, high_nl = (int(text) for text in known.groups() if text is not None)
        low_ml = max(low_nl / 1e6, gone_ml - READING_ML)
        high_ml = min(high_nl / 1e6, gone_ml + READING_ML)
        if low_ml > high_ml:
            raise refused
        await self._bound(low_ml, high_ml)

    async def _bound(self, low_ml: float, high_ml: float) -> None:
        await self._people.act(
            "bound", AB, confirmed_by=CD, method="barrel", low_ml=low_ml, high_ml=high_ml
        )

    async def _give_up(self, _view: View) -> None:
        await self._people.act("give_up", AB)

    async def _flush_by_hand(self, _view: View) -> None:
        people = self._people
        await people.take_down()
        volume_ml = 3.0 * people.plan.setting.line_dead_ml
        await people.hands.hand("open_clamp")
        await people.hands.hand("flush_by_hand", volume_ml=volume_ml)
        await people.act("flush_confirm", AB, volume_ml=volume_ml)

    async def _acknowledge(self, view: View) -> None:
        """See each alarm; one that came again is acknowledged again."""
        for alarm in view.shown["alarms"]:
            if alarm["present"] or not alarm["acknowledged_by"]:
                await self._people.act("acknowledge", AB, alarm=alarm["id"])

    async def _seen(self, holds: Callable[[View], bool], within_s: float) -> bool:
        deadline_s = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline_s:
            if holds(await self._people.view()):
                return True
            await asyncio.sleep(LOOK_S)
        return False


Step = Callable[[Trouble, View], Awaitable[None]]
ON: Final[dict[str, Step]] = {
    "ORDERED": Trouble._assay,
    "ASSAYED": Trouble._release,
    "RELEASED": Trouble._prepare,
    "SEATED": Trouble._start,
    "ARMED": Trouble._go,
    "INFUSING": Trouble._infuse,
    "FLUSHING": Trouble._flush,
    "RESIDUAL": Trouble._account,
    "CLOSED": Trouble._leave,
    "HELD": Trouble._held,
    "STOPPED": Trouble._stopped,
    "UNCERTAIN": Trouble._uncertain,
}
"""What people do in each phase."""
WAYS_OUT: Final[dict[str, Step]] = {
    "ORDERED": Trouble._cancel,
    "ASSAYED": Trouble._cancel,
    "RELEASED": Trouble._cancel,
    "SEATED": Trouble._abort,
    "ARMED": Trouble._abort,
    "INFUSING": Trouble._abort,
    "FLUSHING": Trouble._flush_by_hand,
    "HELD": Trouble._abort,
    "UNCERTAIN": Trouble._give_up,
}
"""What they do in a phase that they could not leave."""
