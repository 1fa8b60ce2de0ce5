"""What an NE-1000 is told before it may run, and what it must say it holds afterwards. Pure.

Knows the order of pumps' commands and the worth of their answers; does not speak.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from drivers.pump_errors import PlanRefused, ReadbackMismatch
from firmware_interfaces.new_era import (
    PHASE_MAX,
    TRIGGER_CODE,
    WATCHDOG_S_MAX,
    VolumeUnit,
    diameter_text,
    number_down,
    parse_diameter,
    parse_dispensed,
    parse_number,
    parse_rate,
    parse_volume,
    parse_whole,
    rate_limits_ul_h,
    rate_text,
    watchdog_seconds,
)
from firmware_interfaces.readings import Holdings, PumpPlan
from firmware_interfaces.units import (
    NL_PER_ML,
    NS_PER_S,
    MicrolitrePerHour,
    Nanolitre,
    Nanoseconds,
    seconds,
)

T = TypeVar("T")
HOLDINGS: Final = ("DIA", "RAT", "VOL", "DIS", "SAF")
"""What is asked of a resting pump: queries, none of which energises or changes anything."""

WATCHDOG_NS_MIN: Final = seconds(4)
"""Below this a single lost exchange with its quarantine could stop a treatment (design, lease)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One value to be read back: ``query`` must answer something worth as much as ``wanted``."""

    field: str
    query: str
    wanted: str
    unit: str
    worth: Callable[[str], object]

    def check(self, seen: str) -> None:
        """Raise ReadbackMismatch unless ``seen`` is worth the same, in a unit that is known."""
        try:
            same = self.worth(seen) == self.worth(self.wanted)
        except ValueError:
            same = False
        if not same:
            raise ReadbackMismatch(self.field, self.wanted, seen, self.unit)


@dataclass(frozen=True, slots=True)
class Program:
    """A plan in the pump's words; ``reread``: expectations, and commands that select a phase."""

    settings: tuple[str, ...]
    watchdog: str
    reread: tuple[str | Expected, ...]


def program(plan: PumpPlan) -> Program:
    """``plan`` with rate and volume rounded down. Raises PlanRefused before anything is sent."""
    diameter = _diameter(plan)
    rate = _rate(plan)
    volume = _volume(plan)
    trigger = TRIGGER_CODE[plan.trigger]
    watchdog = str(_watchdog_s(plan.watchdog_ns))
    settings = (
        "PF0", "AL1", f"TRG{trigger}", f"DIA{diameter}",
        "PHN1", "FUNRAT", f"RAT{rate}", "VOLML", f"VOL{volume}", "DIRINF",
        "PHN2", "FUNSTP", "PHN1", "CLDINF",
    )  # fmt: skip
    reread: tuple[str | Expected, ...] = (
        Expected("watchdog", "SAF", watchdog, "s", _seconds),
        Expected("restart after power failure", "PF", "0", "", str),
        Expected("audible alarm", "AL", "1", "", str),
        Expected("trigger", "TRG", trigger, "", str),
        Expected("diameter", "DIA", diameter, "mm", parse_diameter),
        "PHN2",
        Expected("end action", "FUN", "STP", "", str),
        "PHN1",
        Expected("phase", "PHN", "1", "", _phase),
        Expected("function", "FUN", "RAT", "", str),
        Expected("rate", "RAT", rate, rate[-2:], parse_rate),
        Expected("volume", "VOL", f"{volume}{VolumeUnit.MILLILITRE}", "ML", parse_volume),
        Expected("direction", "DIR", "INF", "", str),
        Expected("counter", "DIS", "I0.000W0.000ML", "ML", _infused),
    )
    return Program(settings, f"SAF{watchdog}", reread)


def new_rate(rate_ul_h: MicrolitrePerHour, held: PumpPlan) -> tuple[str, Expected]:
    """Command and expectation for another rate while pumping: value only, the unit stays MH."""
    text = _rate_within(rate_ul_h, held)
    return f"RAT{text[:-2]}", Expected("rate", "RAT", text, text[-2:], parse_rate)


def holdings_of(told: Mapping[str, str]) -> Holdings:
    """The worth of what a pump says to each of HOLDINGS. Raises ReadbackMismatch naming one."""
    diameter = _worth("diameter", told["DIA"], parse_diameter)
    rate = _worth("rate", told["RAT"], parse_rate)
    lowest, highest = rate_limits_ul_h(diameter)
    if rate and not lowest <= rate <= highest:
        raise ReadbackMismatch("rate", f"{lowest}..{highest} uL/h", told["RAT"], told["RAT"][-2:])
    return Holdings(
        diameter_um=diameter,
        rate_ul_h=rate,
        volume_nl=_worth("volume", told["VOL"], parse_volume),
        infused_nl=Nanolitre(_worth("counter", told["DIS"], _infused)),
        watchdog_ns=Nanoseconds(_worth("watchdog", told["SAF"], _seconds) * NS_PER_S),
    )


def _worth(field: str, seen: str, worth: Callable[[str], T]) -> T:
    try:
        return worth(seen)
    except ValueError as error:
        raise ReadbackMismatch(field, str(error), seen, "") from error


def _diameter(plan: PumpPlan) -> str:
    try:
        return diameter_text(plan.diameter_um)
    except ValueError as error:
        raise PlanRefused("diameter_um", str(plan.diameter_um), str(error)) from error


def _rate(plan: PumpPlan) -> str:
    return _rate_within(plan.rate_ul_h, plan)


def _rate_within(rate_ul_h: MicrolitrePerHour, plan: PumpPlan) -> str:
    lowest, highest = rate_limits_ul_h(plan.diameter_um)
    if not lowest <= rate_ul_h <= highest:
        rule = f"this diameter allows {lowest}..{highest} uL/h"
        raise PlanRefused("rate_ul_h", str(rate_ul_h), rule)
    text = rate_text(rate_ul_h)
    if parse_rate(text) == 0:
        raise PlanRefused("rate_ul_h", str(rate_ul_h), "rounds down to nothing")
    return text


def _volume(plan: PumpPlan) -> str:
    try:
        text = number_down(Decimal(plan.volume_nl) / NL_PER_ML)
    except ValueError as error:
        raise PlanRefused("volume_nl", str(plan.volume_nl), str(error)) from error
    if parse_number(text) == 0:
        rule = "rounds down to 0 mL, which this pump takes for 'without end'"
        raise PlanRefused("volume_nl", str(plan.volume_nl), rule)
    return text


def _watchdog_s(watchdog_ns: Nanoseconds) -> int:
    try:
        if watchdog_ns < WATCHDOG_NS_MIN:
            raise ValueError(f"a watchdog of at least {WATCHDOG_NS_MIN} ns is never optional")
        return watchdog_seconds(watchdog_ns)
    except ValueError as error:
        raise PlanRefused("watchdog_ns", str(watchdog_ns), str(error)) from error


def _infused(text: str) -> int:
    return parse_dispensed(text).infused_nl


def _seconds(text: str) -> int:
    return parse_whole(text, WATCHDOG_S_MAX)


def _phase(text: str) -> int:
    return parse_whole(text, PHASE_MAX)
