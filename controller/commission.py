"""The commissioning of a pump with water: what is done, in which order, and when it has passed.

A person weighs, mounts and clamps; the pump is spoken to through its port. It writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from controller.clinic.commissioning import (
    DeadVolumeProof,
    FlowProof,
    OcclusionProof,
    SyringeResult,
    WatchdogProof,
)
from controller.clinic.gravimetry import (
    DENSITY_SOURCE,
    WATER_C,
    Weighing,
    water_density_g_ml,
    water_ml,
)
from controller.config import Container
from controller.core.limits import Limits
from controller.ports import Clock, Pump
from controller.water import POLL_NS, Ran, Unfinished, Water
from firmware_interfaces.readings import Identity, PumpAlarm, PumpPlan, Trigger
from firmware_interfaces.units import (
    NL_PER_ML,
    NS_PER_S,
    UL_PER_ML,
    MicrolitrePerHour,
    Nanolitre,
    Nanoseconds,
    as_ml,
    as_ml_h,
    millilitre,
)

FULL_MINUTES: Final = 30.0
MOVE_UL_H: Final = 60 * UL_PER_ML
"""Rate of the runs that only move the plunger: slack, and the run that is left in silence."""
HOSE_MOVE_UL_H: Final = 600 * UL_PER_ML
"""The same of a hose: 50 half revolutions and more within the silence."""
OCCLUSION_NL_MAX: Final = 6 * NL_PER_ML
"""An NE-1000 stalls with 1 to 3 mL stored in a 60 mL syringe (pumps.md 1.8 i): twice that."""
OCCLUSION_SHARE: Final = 0.4
DEAD_VOLUME_ML: Final = (0.05, 20.0)
GRAMS: Final = (0.0, 5000.0)
ROOT_12: Final = 12**0.5


class Person(Protocol):
    """Whoever has hands and a balance. ``key`` names the act or figure, ``text`` asks for it."""

    async def act(self, key: str, text: str, /) -> None:
        """Do it, then say so."""

    async def figure(self, key: str, text: str, low: float, high: float, /) -> float:
        """Read a number inside these bounds."""

    async def choose(self, key: str, text: str, choices: Sequence[str], /) -> str:
        """One of the choices."""

    async def write(self, key: str, text: str, /) -> str:
        """A line of text."""

    async def hear(self, text: str, /) -> None:
        """Be told something."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is commissioned: which syringes, how the site arms its pump, and how long water runs."""

    syringes: tuple[Container, ...]
    watchdog_ns: int
    trigger: Trigger
    limits: Limits
    minutes: float = FULL_MINUTES


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    pump: Identity
    watchdog: WatchdogProof
    syringes: tuple[SyringeResult, ...]

    @property
    def passed(self) -> bool:
        """True if the watchdog and every syringe passed."""
        return self.watchdog.passed and all(row.passed for row in self.syringes)


def move_ul_h(container: Container) -> int:
    """Rate of a run that only moves plunger or rollers."""
    return MOVE_UL_H if container.diameter_um else HOSE_MOVE_UL_H


def size_ml(syringe: Container) -> float:
    """Nominal size; a syringe without one cannot be commissioned. Raises ValueError."""
    if syringe.size_ml is None:
        raise ValueError("must have a size_ml in site.toml to be commissioned")
    return syringe.size_ml


class Commissioning:
    """One pump, one person. Call ``whole`` once."""

    def __init__(self, pump: Pump, clock: Clock, person: Person, wish: Wish) -> None:
        self._pump, self._clock, self._person, self._wish = pump, clock, person, wish
        self._water = Water(pump, clock)

    async def whole(self) -> Outcome:
        """Every step. Raises what the pump's driver raises, and `controller.water.Unfinished`."""
        identity = await self._pump.connect()
        await self._pump.recover()
        about = f"{identity.model} firmware {identity.firmware} at address {identity.address}"
        await self._person.act("identity", f"This is {about}. No patient is on its line.")
        watchdog: WatchdogProof | None = None
        rows = []
        for syringe in self._wish.syringes:
            await self._mount(syringe)
            if watchdog is None:
                watchdog = await self._watchdog(syringe)
            rows.append(await self._syringe(syringe))
        await self._water.leave()
        assert watchdog is not None
        return Outcome(identity, watchdog, tuple(rows))

    async def _syringe(self, syringe: Container) -> SyringeResult:
        flow = await self._flow(syringe)
        occlusion = await self._occlusion(syringe)
        dead_volume = await self._dead_volume()
        passed = flow.passed and occlusion.passed and dead_volume.passed
        return SyringeResult(
            name=syringe.name,
            diameter_mm=syringe.diameter_mm,
            flow=flow,
            occlusion=occlusion,
            dead_volume=dead_volume,
            passed=passed,
        )

    def _plan(self, syringe: Container, rate_ul_h: int, volume_nl: int) -> PumpPlan:
        return PumpPlan(
            diameter_um=syringe.diameter_um,
            rate_ul_h=MicrolitrePerHour(rate_ul_h),
            volume_nl=Nanolitre(volume_nl),
            watchdog_ns=Nanoseconds(self._wish.watchdog_ns),
            trigger=self._wish.trigger,
        )

    async def _mount(self, syringe: Container) -> None:
        full = f"{size_ml(syringe):g} mL of water"
        name = syringe.name
        hose = f"Hang a vial with {full} on the {name}"
        text = f"Fill a {name} with {full}, mount it" if syringe.diameter_um else hose
        text = f"{text}, join the line, open every clamp"
        await self._person.act("mount", f"{text}, and lead the line's end into a beaker of water.")
        slack = self._plan(syringe, move_ul_h(syringe), self._wish.limits.seat_volume_nl)
        _demand_no_alarm("taking up the slack", await self._water.run(slack))

    async def _watchdog(self, syringe: Container) -> WatchdogProof:
        """Start, fall silent, and see by the counter how long the pump ran on."""
        wish = self._wish
        limit_s = wish.watchdog_ns / NS_PER_S
        await self._person.hear(f"The pump is now left in silence: it must rest in {limit_s:g} s.")
        rate_ul_h = move_ul_h(syringe)
        volume_nl = rate_ul_h * 3 * wish.watchdog_ns // (3600 * NS_PER_S // 1000)
        ran = await self._water.fall_silent(self._plan(syringe, rate_ul_h, volume_nl))
        poll_s = wish.limits.poll_ns / NS_PER_S
        rest_s = ran.duration_ns / NS_PER_S
        low_s, high_s = limit_s - poll_s, limit_s + poll_s
        return WatchdogProof(
            watchdog_s=wish.watchdog_ns // NS_PER_S,
            rate_ml_h=ran.rate_ul_h / UL_PER_ML,
            alarm=_alarm(ran),
            rest_s=rest_s,
            rest_s_min=low_s,
            rest_s_max=high_s,
            passed=ran.alarm is PumpAlarm.WATCHDOG and low_s <= rest_s <= high_s,
        )

    async def _flow(self, syringe: Container) -> FlowProof:
        """Half the barrel in half an hour, into a beaker that is weighed before and after."""
        wish, ask = self._wish, self._person.figure
        rate_ul_h = round(size_ml(syringe) * UL_PER_ML)
        volume_nl = round(size_ml(syringe) / 2 * wish.minutes / FULL_MINUTES * NL_PER_ML)
        resolution = await ask("resolution_g", "Resolution of the balance, g", 0.0001, 1.0)
        water_c = await ask("water_c", "Temperature of the water, C", *WATER_C)
        before = await ask("before_g", "Weight of the beaker now, g", *GRAMS)
        ready = "Beside it stands a second beaker, weighed too; the line's end is in the first."
        await self._person.act("beaker", ready)
        ran = await self._water.run(self._plan(syringe, rate_ul_h, volume_nl))
        _demand_no_alarm("flow", ran)
        after = await ask("after_g", "Weight of the first beaker now, g", *GRAMS)
        lost = await ask("evaporation_g", "Lost by the second beaker meanwhile, g", 0.0, 10.0)
        weighing = Weighing(before, after, lost, resolution, water_c)
        if weighing.volume_ml <= 0:
            raise Unfinished("flow", f"the beaker gained {after - before:g} g")
        return _flow_proof(ran, weighing, wish)

    async def _occlusion(self, syringe: Container) -> OcclusionProof:
        """Against a closed clamp, until the pump's motor stalls."""
        await self._person.act("close_clamp", "Close the clamp at the far end of the line.")
        rate_ul_h = round(size_ml(syringe) * UL_PER_ML)
        limit_nl = min(OCCLUSION_NL_MAX, millilitre(size_ml(syringe) * OCCLUSION_SHARE))
        ran = await self._water.run(self._plan(syringe, rate_ul_h, limit_nl))
        await self._person.act("open_clamp", "Open the clamp slowly: the line is under pressure.")
        return OcclusionProof(
            rate_ml_h=ran.rate_ul_h / UL_PER_ML,
            alarm=_alarm(ran),
            alarm_s=ran.duration_ns / NS_PER_S,
            alarm_ml=ran.counter_nl / NL_PER_ML,
            limit_ml=as_ml(Nanolitre(limit_nl)),
            passed=ran.alarm is PumpAlarm.STALL,
        )

    async def _dead_volume(self) -> DeadVolumeProof:
        """Of the line, by two weighings, or as its maker says."""
        text = "Dead volume of the line: weighed empty and filled, or entered from its maker's data"
        low, high = DEAD_VOLUME_ML
        if await self._person.choose("dead_volume", text, ("weighed", "entered")) == "entered":
            volume = await self._person.figure("dead_volume_ml", "Dead volume, mL", 0.0, 100.0)
            source = await self._person.write("dead_volume_source", "Where that is said")
            passed = low <= volume <= high
            return DeadVolumeProof(method="entered", volume_ml=volume, source=source, passed=passed)
        empty = await self._person.figure("line_empty_g", "Weight of the empty line, g", *GRAMS)
        filled = await self._person.figure("line_filled_g", "Weight of the filled line, g", *GRAMS)
        water_c = await self._person.figure("water_c", "Temperature of the water, C", *WATER_C)
        volume = water_ml(filled - empty, water_c)
        return DeadVolumeProof(
            method="weighed",
            volume_ml=volume,
            source=DENSITY_SOURCE,
            empty_g=empty,
            filled_g=filled,
            passed=low <= volume <= high,
        )


def _alarm(ran: Ran) -> str:
    return "none" if ran.alarm is None else ran.alarm.value


def _demand_no_alarm(what: str, ran: Ran) -> None:
    if ran.alarm is not None:
        counted = as_ml(Nanolitre(ran.counter_nl))
        raise Unfinished(what, f"the pump reports alarm '{ran.alarm.value}' at {counted:g} mL")


def _flow_proof(ran: Ran, weighing: Weighing, wish: Wish) -> FlowProof:
    """Errors of rate and volume, by the water weighed, against what was set and counted."""
    weighed_ml, counter_ml = weighing.volume_ml, ran.counter_nl / NL_PER_ML
    duration_s = ran.duration_ns / NS_PER_S
    rate_ml_h = as_ml_h(MicrolitrePerHour(ran.rate_ul_h))
    rate_error = (weighed_ml / (duration_s / 3600) / rate_ml_h - 1) * 100
    volume_error = (weighed_ml / counter_ml - 1) * 100
    poll_share = POLL_NS / NS_PER_S / ROOT_12 / duration_s
    step_share = ran.step_nl / NL_PER_ML / ROOT_12 / counter_ml
    uncertainty = weighing.uncertainty(poll_share, step_share) * 100
    limit = float(wish.limits.flow_error_percent)
    within = max(abs(rate_error), abs(volume_error)) + uncertainty <= limit
    return FlowProof(
        minutes=wish.minutes,
        rate_ml_h=rate_ml_h,
        counter_ml=counter_ml,
        duration_s=duration_s,
        before_g=weighing.before_g,
        after_g=weighing.after_g,
        evaporation_g=weighing.evaporation_g,
        balance_resolution_g=weighing.resolution_g,
        water_c=weighing.water_c,
        density_g_ml=water_density_g_ml(weighing.water_c),
        density_source=DENSITY_SOURCE,
        weighed_ml=weighed_ml,
        rate_error_percent=rate_error,
        volume_error_percent=volume_error,
        uncertainty_percent=uncertainty,
        limit_percent=limit,
        passed=within,
    )
