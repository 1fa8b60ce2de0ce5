"""Two people give one treatment: through the HTTP API, as at the panel, and with their hands.

``ab`` is the technician, ``cd`` the second person. They look at the panel and at what eyes can
see (a drop, a barrel, a site) and know nothing else of the controller.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from controller.core.place import Place
from simulators.bench.api import Api
from simulators.bench.channel import Channel
from simulators.bench.judge import Watch
from simulators.bench.mistakes import HAND_OVER, RELEASE, Mistake, order_with
from simulators.bench.papers import steepest
from simulators.bench.paperwork import Paperwork
from simulators.bench.progress import Progress, delivered_ml
from simulators.bench.setting import Setting
from simulators.bench.view import View

LOOK_S: Final = 0.2
STEP_S: Final = 60.0
"""How long a step that should take seconds is waited for."""
SETTLE_S: Final = 30.0
ISOTOPE_KEY: Final = "I131"
GLANCES: Final = 10
AGAIN_S: Final = 10.0
GLANCE_S: Final = 1.0
"""A panel shows what was asked for at most this much later."""
ATTEMPTS: Final = 3
"""An electrometer that has just seen a full syringe takes minutes to find its background."""
AB: Final = "ab"
CD: Final = "cd"
QUIET_NL_S: Final = 1000.0
"""Slower than this, nobody sees a line drip."""
WET_NL: Final = 1_500_000.0
"""What anybody sees on a pad, beyond what changing syringes leaves there."""
BARE_USV_H: Final = 0.1
PAD_USV_H_MBQ: Final = 5.9
"""Of I-131 on a pad, 10 cm below the meter: 2.2 R cm2 / (mCi h) (rules.md 0)."""
CONTAMINATED_USV_H: Final = 50.0
"""More than the drops of an ordinary change of syringes leave on the pad."""


class BrokenOff(Exception):
    """The treatment left the way of a treatment without trouble: in which step, phase, and why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the two people know beforehand: papers, syringes, how long it should take.

    ``attended`` False: nobody is with the patient while the drug runs. ``mistakes`` are what they
    write down otherwise than it is.
    """

    order: dict[str, Any]
    setting: Setting
    duration_s: float
    attended: bool = True
    mistakes: tuple[Mistake, ...] = ()


class TwoPeople:
    """One treatment from order to close.

    ``session`` is its name once the order is loaded, ``barrel_ml`` what they read off the drug
    syringe when it was seated.
    """

    def __init__(
        self, api: Api, channel: Channel, plan: Plan, progress: Progress, watch: Watch
    ) -> None:
        self._api = api
        self.hands = channel
        self.plan = plan
        self._progress = progress
        self._watch = watch
        self.session = ""
        self.paperwork = Paperwork(api, self.act, plan.order, plan.mistakes)
        self.barrel_ml = plan.setting.fill_ml
        self._slipped: set[str] = set()

    async def treat(self) -> None:
        """Every gate in its order (treatment.md 2). Raises BrokenOff, ApiRefused or Refused."""
        await self.assay()
        await self.release()
        await self.patency()
        await self.seat()
        await self.start()
        await self.infuse()
        await self.flush()
        await self.account()

    async def load(self) -> None:
        """Hand the order in."""
        order = order_with(self.plan.order, self.plan.mistakes)
        loaded = await self._api.act("load_order", order=order, operator=AB)
        self.session = str(loaded["session"])
        self._progress.say(f"session {self.session}: order loaded")

    async def assay(self) -> None:
        """Order and papers; then lower the syringe into the chamber, measure it, take it out."""
        if not self.session:
            await self.load()
        await self.paperwork.clear(self.session, AB)
        self._progress.say("directive signed, everything before the thaw answered")
        await self.empty_chamber()
        await self.hands.hand("put_in_chamber", item="syringe")
        await self._reading("assay", {}, lambda view: view.phase == "ASSAYED")
        await self.hands.hand("take_from_chamber")
        self._progress.say("syringe assayed")

    async def release(self) -> None:
        """Two different people sign: in the hot lab, and after the time-out at the bedside."""
        await self.look()
        await self.paperwork.answer_at(self.session, "hot_lab", AB)
        if not (await self.view()).shown["released"]:
            await self.act("release", AB)
        await self.time_out()
        view = await self.until("release", lambda view: view.phase == "RELEASED")
        self._watch.release(view.planned_ml, self.plan.duration_s, steepest(self.plan.order))
        self._progress.plan(view.planned_ml, self.plan.duration_s)
        self._progress.say("released by two people")

    async def time_out(self) -> None:
        """Identify patient and syringe at the bedside; the second person signs."""
        await self.carry(Place.BEDSIDE)
        await self.identify()
        at = Place.HOT_LAB if self._slips(RELEASE) else Place.BEDSIDE
        await self.act("release", CD, at=at)

    async def carry(self, to: Place) -> None:
        """Hand the container over at the other place, where it is not there yet."""
        if (await self.view()).custody != to.value and not self._slips(HAND_OVER):
            await self.act("hand_over", AB, to=to.value, confirmed_by=CD)

    def _slips(self, act: str) -> bool:
        """True once, where this is one of the mistakes."""
        slips = any(mistake.about == act for mistake in self.plan.mistakes)
        if slips and act not in self._slipped:
            self._slipped.add(act)
            return True
        return False

    async def identify(self) -> None:
        """Scan wristband and syringe, look at site and shield, where that is asked for."""
        await self.paperwork.answer_at(self.session, "bedside", CD)

    async def patency(self) -> None:
        """Saline at the infusion's rate; blood return seen, no leak."""
        await self.take_down()
        await self.mount_saline("saline")
        await self.hands.hand("open_clamp")
        await self.act("patency", AB, syringe=self.plan.setting.saline_syringe)
        await self._run("patency")
        await self.act("patency_confirm", AB, blood_return=True, leak_seen=False)
        await self.until("patency", lambda view: view.patent)
        await self.line_quiet()
        await self.hands.hand("close_clamp")
        await self.take_down()
        self._progress.say("line open, no leak")

    async def seat(self) -> None:
        """Drug syringe into the pump, forward to a drop at its tip, then the line joined."""
        await self.hands.hand("mount_syringe", which="drug")
        await self.act("seat", AB, confirmed_by=CD)
        await self.until("seat", lambda view: view.running == "seat")
        async with asyncio.timeout(STEP_S):
            while not (await self.look())["drop_at_tip"]:
                view = await self.view()
                self.check("seat", view)
                if not view.running:
                    raise BrokenOff("seat: no drop came to the tip")
                await asyncio.sleep(LOOK_S)
        await self.act("seat_confirm", AB, drop_seen=True)
        await self.until("seat", lambda view: view.phase == "SEATED" and not view.running)
        await self.connect()

    async def connect(self) -> None:
        """Join the line and open the clamp; read the barrel before anything flows."""
        if not (await self.look())["line_joined"]:
            await self.hands.hand("connect_line")
        await self.hands.hand("open_clamp")
        await self.act("connect", AB, clamps_open=True)
        self.barrel_ml = await self.read_barrel()
        self._progress.say("drug syringe seated and connected")

    async def start(self) -> None:
        """Arm, and start in two steps by one person."""
        await self.act("arm", AB)
        await self.until("arm", lambda view: view.phase == "ARMED")
        await self.go()

    async def go(self) -> None:
        """The two steps of the start."""
        await self.identify()
        await self.act("start_request", AB)
        self._watch.start()
        await self.act("start_confirm", AB)
        await self.until("start", lambda view: view.phase == "INFUSING")
        self._progress.say("infusing")

    async def infuse(self) -> None:
        """Watch the drug go, answer what the panel asks for, until it is in."""
        loop = asyncio.get_running_loop()
        begun, patience = loop.time(), self.plan.duration_s * 1.4 + STEP_S
        setting = self.plan.setting
        concentration = setting.activity_bq / setting.fill_ml
        async with asyncio.timeout(patience):
            while (view := await self.view()).phase == "INFUSING":
                truth = await self.look()
                arrived = delivered_ml(truth, concentration)
                self._progress.show(loop.time() - begun, view.pumped_ml, arrived)
                await self._answer(view)
                await self._wait()
        self.check("infuse", view)
        arrived = delivered_ml(await self.look(), concentration)
        self._progress.show(loop.time() - begun, view.pumped_ml, arrived)

    async def flush(self) -> None:
        """Drug syringe off, saline on, and the line's content into the patient."""
        await self.until("flush", lambda view: view.phase == "FLUSHING" and not view.running)
        await self.line_quiet()
        if not self.second:
            await self.hands.hand("close_clamp")
            await self.take_down()
        await self.mount_saline("flush")
        await self.hands.hand("open_clamp")
        await self.act("flush", AB, syringe=self.plan.setting.saline_syringe, confirmed_by=CD)
        await self.until("flush", lambda view: view.phase == "RESIDUAL", self.plan.duration_s)
        await self.line_quiet()
        self._progress.say("flushed")

    async def account(self) -> None:
        """What stayed behind, weak before strong for the electrometer's sake; survey and close."""
        await self.carry(Place.HOT_LAB)
        await self.hands.hand("close_clamp")
        await self.take_down()
        if self.second and (await self.look())["second"]["mounted"] is not None:
            await self.hands.hand("unmount_flush")
        await self.empty_chamber()
        await self.hands.hand("lead_line", to="waste")
        await self.hands.hand("collect_waste")
        await self._measure("background")
        for item in ("pads", "syringe_and_line"):
            await self.hands.hand("put_in_chamber", item=item)
            await self._measure(item)
            await self.hands.hand("take_from_chamber")
        await self.survey()
        await self.act("close", AB)
        self._progress.say("residual measured, surveyed, closed")

    async def survey(self) -> None:
        """What a survey meter says where drug may have run: the pad shows what lies on it."""
        truth = await self.look()
        pad = BARE_USV_H + truth["activities_bq"]["waste"] / 1e6 * PAD_USV_H_MBQ
        places = dict.fromkeys(("site", "floor", "gloves"), BARE_USV_H)
        contaminated = pad > CONTAMINATED_USV_H
        await self.act(
            "survey", CD, places={"pad": round(pad, 3), **places}, contaminated=contaminated
        )

    async def take_down(self) -> None:
        """Take whatever is on the pump off it."""
        if (await self.look())["mounted"] is not None:
            await self.hands.hand("unmount")

    @property
    def second(self) -> bool:
        """True in a room with a pump of its own for saline."""
        return bool(self.plan.setting.devices.flush_pump)

    async def mount_saline(self, which: str) -> None:
        """Saline into the pump and joined; where it has its own pump it stays there."""
        if not self.second:
            await self.hands.hand("mount_syringe", which=which)
            await self.hands.hand("connect_line")
        elif (await self.look())["second"]["mounted"] is None:
            await self.hands.hand("mount_flush", which="flush")
            await self.hands.hand("connect_flush")

    async def empty_chamber(self) -> None:
        """Take whatever was left in the chamber out of it."""
        if (await self.look())["well"]:
            await self.hands.hand("take_from_chamber")

    async def read_barrel(self) -> float:
        """Where the drug syringe's plunger stands as two people read it, mL: to a tenth.

        The plunger, not the fluid: what is pressed together behind a closed clamp still comes.
        """
        drug = (await self.look())["syringes"]["drug"]
        left_nl: float = drug["volume_nl"] + drug["expelled_nl"] - drug["displaced_nl"]
        return round(left_nl / 1e6, 1)

    async def _measure(self, item: str) -> None:
        """Measure an item; while the chamber still settles from the last one, do it again."""
        await self._reading("residual", {"item": item}, lambda view: item in view.measured)

    async def _reading(
        self, action: str, what: dict[str, str], taken: Callable[[View], bool]
    ) -> None:
        """Have the chamber read; where that fails, see to its isotope key and do it again."""
        step = " ".join((action, *what.values()))
        for _ in range(ATTEMPTS):
            await self.until(step, lambda view: not view.measuring, SETTLE_S)
            await self.act(action, AB, **what)
            await asyncio.sleep(GLANCE_S)
            view = await self.until(step, lambda view: not view.measuring, SETTLE_S)
            if taken(view) and "calibrator_link" not in view.alarms:
                return
            if found := view.alarms.get("cold_active"):
                raise BrokenOff(f"{step}: {found}")
            await self.hands.hand("press_keypad", device="calibrator", key=ISOTOPE_KEY)
            await asyncio.sleep(AGAIN_S)
        raise BrokenOff(f"{step}: no usable reading in {ATTEMPTS} attempts")

    async def _run(self, purpose: str) -> None:
        """Wait for a plunger run to begin and to end by itself."""
        await self.until(purpose, lambda view: view.running == purpose)
        await self.until(purpose, lambda view: not view.running, self.plan.duration_s)

    async def _answer(self, view: View) -> None:
        """What the panel asks of a person while the drug runs."""
        asked = view.alarms
        if not self.plan.attended:
            return
        if "barrel_due" in asked:
            await self.act("barrel_reading", AB, volume_ml=await self.read_barrel())
        if asked.keys() & {"site_check_due", "site_check_late", "patient_moved"}:
            if await self._pad_wet():
                await self.act("spill", AB)
                return
            await self.act("site_check", AB, site_ok=True)

    async def _pad_wet(self) -> bool:
        """Whether more lies on the pad than the drops of mounting."""
        return bool((await self.look())["volumes_nl"]["waste"] > WET_NL)

    async def line_quiet(self) -> None:
        """Wait until what is stored under pressure has run out."""
        async with asyncio.timeout(STEP_S):
            while True:
                if (await self.look())["outflow_nl_s"] <= QUIET_NL_S:
                    return
                await asyncio.sleep(LOOK_S)

    async def act(self, action: str, who: str, **body: Any) -> None:
        """Ask for an action. Raises ApiRefused."""
        await self._api.act(action, session=self.session, operator=who, **body)

    async def _wait(self) -> None:
        """Until there may be something new to see."""
        await asyncio.sleep(LOOK_S)
        await self._api.news()

    async def view(self) -> View:
        """What the panel shows of the session, once it does. Raises BrokenOff if it never does."""
        for _ in range(GLANCES):
            with contextlib.suppress(KeyError):
                return View.of(await self._api.state(), self.session)
            await asyncio.sleep(LOOK_S)
        raise BrokenOff(f"the panel does not show {self.session}")

    async def look(self) -> dict[str, Any]:
        """What eyes see in the room."""
        truth = await self.hands.truth()
        self._watch.look(truth)
        return truth

    async def until(self, step: str, holds: Callable[[View], bool], more_s: float = 0.0) -> View:
        """Wait until the panel shows it. Raises BrokenOff on trouble or when it never does."""
        try:
            async with asyncio.timeout(STEP_S + more_s):
                while not holds(view := await self.view()):
                    self.check(step, view)
                    await self.look()
                    await self._wait()
                return view
        except TimeoutError:
            view = await self.view()
            raise BrokenOff(f"{step}: still {view.phase}, alarms {view.alarms}") from None

    def check(self, step: str, view: View) -> None:
        """Raise BrokenOff if the panel shows trouble."""
        if view.broken_off:
            raise BrokenOff(f"{step}: {view.phase}, alarms {view.alarms}")
