"""What a DULCO flex Control is told before it may run, and what it must hold afterwards. Pure.

Knows the order of the registers and the worth of what is read back; does not speak.
"""

from dataclasses import dataclass
from typing import Final

from drivers.pump_errors import PlanRefused, ReadbackMismatch
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Mode, Setup
from firmware_interfaces.dulco_flex_rules import (
    batch_rate_ul_h,
    batch_seconds,
    bus_timeout_ms,
    litres_down,
    litres_up_nl,
    whole_increments,
)
from firmware_interfaces.readings import PumpPlan, Trigger
from firmware_interfaces.register import Register, Value
from firmware_interfaces.units import NS_PER_MS, MicrolitrePerHour, Nanolitre, Nanoseconds, seconds

WATCHDOG_NS_MIN: Final = seconds(4)
"""Below this a single lost exchange with its quarantine could stop a treatment (design, lease)."""
CLEAR_QUANTITY: Final = 1
TIME_CONTROL: Final = 3
"""Sub-mode of a batch that is spread over its time; without it the pump runs at full speed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A plan in the pump's words: ``settings`` are written in order, ``held`` is read back."""

    settings: tuple[tuple[Register, Value], ...]
    held: tuple[tuple[Register, Value], ...]
    rate_ul_h: MicrolitrePerHour
    volume_nl: Nanolitre
    watchdog_ns: Nanoseconds


def program(plan: PumpPlan, setup: Setup) -> Program:
    """``plan`` with volume rounded down and time rounded up. Raises PlanRefused; nothing is sent.

    The pump is left stopped, with its bus time-out on: only a start and a trigger make it move.
    """
    _no_bore_no_trigger(plan)
    volume_nl, time_s, timeout_ms = _rounded(plan, setup)
    litres = litres_down(volume_nl)
    held: tuple[tuple[Register, Value], ...] = (
        (df.START_STOP, df.TIMEOUT_STOPS),
        (df.POWER_UP, 0),
        (df.RUPTURE_RESPONSE, 1),
        (df.DIRECTION, int(setup.counter_clockwise)),
        (df.BUS_TIMEOUT, timeout_ms),
        (df.TARGET_MODE, Mode.BATCH.value),
        (df.BATCH_VOLUME, litres),
        (df.BATCH_TIME, time_s),
    )
    stop, *rest = held
    settings = (stop, (df.TARGET_MODE, Mode.HALT.value), *rest, (df.CLEAR, CLEAR_QUANTITY))
    held_nl = litres_up_nl(litres)
    rate = batch_rate_ul_h(held_nl, time_s)
    return Program(settings, held, rate, held_nl, Nanoseconds(timeout_ms * NS_PER_MS))


def check_held(register: Register, wanted: Value, seen: Value) -> None:
    """Raise ReadbackMismatch unless the pump holds exactly what it was told."""
    if seen != wanted:
        raise ReadbackMismatch(register.name, f"{wanted}", f"{seen}", register.unit)


def _no_bore_no_trigger(plan: PumpPlan) -> None:
    if plan.diameter_um:
        rule = "a hose has no bore to programme: the container must be a vented vial"
        raise PlanRefused("diameter_um", str(plan.diameter_um), rule)
    if plan.trigger is not Trigger.OFF:
        rule = "this pump has no trigger input that a host could set: the site must say off"
        raise PlanRefused("trigger", plan.trigger.value, rule)


def _rounded(plan: PumpPlan, setup: Setup) -> tuple[int, int, int]:
    """Volume in whole increments, batch time in s, bus time-out in ms."""
    field, value = "volume_nl", int(plan.volume_nl)
    try:
        volume_nl = whole_increments(plan.volume_nl, setup.increment_nl)
        field, value = "rate_ul_h", plan.rate_ul_h
        time_s = batch_seconds(volume_nl, plan.rate_ul_h)
        field, value = "watchdog_ns", plan.watchdog_ns
        if plan.watchdog_ns < WATCHDOG_NS_MIN:
            raise ValueError(f"a watchdog of at least {WATCHDOG_NS_MIN} ns is never optional")
        return volume_nl, time_s, bus_timeout_ms(plan.watchdog_ns)
    except ValueError as error:
        raise PlanRefused(field, str(value), str(error)) from error
