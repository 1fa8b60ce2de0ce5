"""What the words of a DULCO flex Control are worth, and how a plan is rounded to what it can hold.

Rules only, over the registers of ``dulco_flex``: layout, identity, one block of readings, motion
and alarms, litres and increments. Commands round down, what was or may be pumped rounds up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Mode, Model, Setup
from firmware_interfaces.readings import Motion, PumpAlarm
from firmware_interfaces.register import Register, WordOrder, cut, decode, names
from firmware_interfaces.units import (
    NL_PER_UL,
    NS_PER_MS,
    MicrolitrePerHour,
    Nanolitre,
    scaled_down,
    scaled_up,
)

INCREMENTS_MIN: Final = 50
"""One increment more or less is then at most 2 % of a dose."""
NL_PER_L: Final = 1_000_000_000
UL_PER_L: Final = 1_000_000
S_PER_H: Final = 3600
FLOAT32_BITS: Final = 24
REVOLUTION_PERMILLE_MAX: Final = 50
"""How far the pump's own content of a revolution may lie from the site's."""
WORST_FIRST: Final = (
    PumpAlarm.HOSE_RUPTURE,
    PumpAlarm.AIR,
    PumpAlarm.OVER_PRESSURE,
    PumpAlarm.STALL,
    PumpAlarm.EMPTY,
    PumpAlarm.FAULT,
    PumpAlarm.PROGRAM_ERROR,
    PumpAlarm.NEAR_EMPTY,
)
"""Of several at once the first is told first."""


class Inconsistent(Exception):
    """Registers that contradict each other, the table or the site: what was seen and expected."""

    def __init__(self, register: str, seen: str, expected: str) -> None:
        super().__init__(f"{register}: saw {seen}, expected {expected}")
        self.register, self.seen, self.expected = register, seen, expected


@dataclass(frozen=True, slots=True)
class Layout:
    """How one pump lays its table into frames: what is added to a number, which word is first."""

    shift: int
    order: WordOrder

    def address(self, register: Register) -> int:
        """The address that a frame carries, 0-based."""
        return register.address + self.shift


SHIFTS: Final = (0, -1)
"""A frame carries the manual's number, or one less (Modbus counts registers from 1)."""
_PATTERNS: Final = {(0xAABB, 0xCCDD): WordOrder.HIGH_FIRST, (0xCCDD, 0xAABB): WordOrder.LOW_FIRST}


def settle(found: Mapping[int, Sequence[int] | None]) -> Layout:
    """Return the layout under which register 63 holds its pattern.

    ``found`` has, for each of `SHIFTS`, the two words that were read there, or None where the pump
    has no such register. Raises Inconsistent unless exactly one of them holds it.
    """
    fits = [
        Layout(shift, _PATTERNS[words[0], words[1]])
        for shift, words in found.items()
        if words is not None and tuple(words) in _PATTERNS
    ]
    if len(fits) == 1:
        return fits[0]
    seen = ", ".join(
        f"{df.ENDIANNESS.address + shift}: "
        + ("refused" if words is None else " ".join(f"{word:04X}" for word in words))
        for shift, words in found.items()
    )
    raise Inconsistent(
        df.ENDIANNESS.name, seen, f"{df.PATTERN:08X} in either word order, at one address"
    )


@dataclass(frozen=True, slots=True)
class Identification:
    """Who answers."""

    identity_code: str
    serial: str
    software: str


def identify(words: Sequence[int], layout: Layout, setup: Setup) -> Identification:
    """Return who a pump is by its registers 1..26.

    Raises Inconsistent naming the register for another model, another register set, software that
    the site does not name, or text that is none.
    """
    first = df.PRODUCT.address
    code = str(_value(df.IDENTITY, first, words, layout))
    if not code.startswith(setup.model.value):
        raise Inconsistent(
            df.IDENTITY.name, repr(code), f"one that begins with {setup.model.value}"
        )
    register_set = _value(df.REGISTER_SET, first, words, layout)
    if register_set != setup.register_set:
        raise Inconsistent(df.REGISTER_SET.name, str(register_set), str(setup.register_set))
    software = version_text(int(_value(df.SOFTWARE, first, words, layout)))
    if software not in setup.software:
        raise Inconsistent(df.SOFTWARE.name, software, f"one of {', '.join(setup.software)}")
    return Identification(code, str(_value(df.SERIAL, first, words, layout)), software)


def version_text(version: int) -> str:
    """``0x01020304`` to ``01.02.03.04``."""
    return ".".join(f"{byte:02d}" for byte in version.to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class PumpReading:
    """The block of readings, each number in base units.

    ``infused_nl`` and ``remaining_nl`` are rounded down and up: what was counted, and what may yet
    come. ``step_nl`` is what the counter can hide: one increment, or the worth of its last bit.
    ``rate_max_ul_h`` is rounded up. ``revolution_nl`` is 0 before the first revolution. With
    ``batch_memory`` a trigger adds what was left of an older batch.
    """

    motion: Motion
    faults: tuple[tuple[str, PumpAlarm], ...]
    infused_nl: Nanolitre
    step_nl: Nanolitre
    remaining_nl: Nanolitre
    revolution_nl: Nanolitre
    rate_max_ul_h: MicrolitrePerHour
    power_ups: int
    batch_memory: bool

    @property
    def alarms(self) -> tuple[PumpAlarm, ...]:
        """What stands against the pump now, worst first."""
        return tuple(alarm for _, alarm in self.faults)


def read_block(words: Sequence[int], layout: Layout, setup: Setup) -> PumpReading:
    """Return what registers 1000..1043 say.

    Raises Inconsistent, naming the register, for a number that is not finite or below 0, a mode
    that there is not, or a content of a revolution that is not the site's.
    """
    first = df.STATUS.address
    quantity = _litres(df.QUANTITY, words, layout)
    remaining = _litres(df.REMAINING, words, layout)
    revolution = Nanolitre(round(_litres(df.REVOLUTION, words, layout) * NL_PER_L))
    _expect_revolution(revolution, setup)
    status = int(_value(df.STATUS, first, words, layout))
    mode = int(_value(df.MODE, first, words, layout))
    if mode not in {known.value for known in Mode}:
        raise Inconsistent(df.MODE.name, str(mode), "0..4")
    return PumpReading(
        motion=motion_of(status, Mode(mode), remaining, setup),
        faults=faults_of(words, layout, setup),
        infused_nl=Nanolitre(scaled_down(Decimal(quantity), NL_PER_L)),
        step_nl=Nanolitre(max(setup.increment_nl, revolution // 2, float_step_nl(quantity))),
        remaining_nl=litres_up_nl(remaining),
        revolution_nl=revolution,
        rate_max_ul_h=MicrolitrePerHour(scaled_up(_litres(df.RATE_MAX, words, layout), UL_PER_L)),
        power_ups=int(_value(df.POWER_UPS, first, words, layout)),
        batch_memory=bool(status >> df.BATCH_MEMORY & 1),
    )


def motion_of(status: int, mode: Mode, remaining_l: float, setup: Setup) -> Motion:
    """What the pump does, by its status word, its mode and what is left of its batch.

    It rests only where the motor stands and either the pump says that it is stopped or paused, or
    no batch is left that it could go on with by itself. A motor that stands between two strokes of
    a batch is infusing.
    """
    on = {bit for bit in range(32) if status >> bit & 1}
    if on & {df.PRIMING, df.AUXILIARY, df.CALIBRATING}:
        return Motion.PURGING
    if df.HOSE_CHANGE in on:
        return Motion.WAITING
    if df.RUNNING in on:
        if (df.COUNTER_CLOCKWISE in on) is not setup.counter_clockwise:
            return Motion.WITHDRAWING
        return Motion.INFUSING if mode is Mode.BATCH else Motion.PURGING
    if on & {df.MANUAL_STOP, df.STOPPED}:
        return Motion.STOPPED
    if df.PAUSE in on:
        return Motion.PAUSED
    if mode is Mode.BATCH and remaining_l > 0:
        return Motion.INFUSING
    return Motion.STOPPED if mode in (Mode.BATCH, Mode.HALT) else Motion.WAITING


def faults_of(
    words: Sequence[int], layout: Layout, setup: Setup
) -> tuple[tuple[str, PumpAlarm], ...]:
    """Every error and warning that concerns what flows, by name, with the alarm that it is."""
    errors = df.GAMMA_ERRORS if setup.model is Model.GAMMA_X else df.ERRORS
    rows = [
        (f"error {name}", df.ALARM_OF_ERROR.get(name, PumpAlarm.FAULT))
        for name in (*_set_bits(errors, words, layout), *_set_bits(df.MORE_ERRORS, words, layout))
    ]
    rows += [
        (f"warning {name}", df.ALARM_OF_WARNING.get(name, PumpAlarm.FAULT))
        for name in _set_bits(df.WARNINGS, words, layout)
        if name not in df.DISPLAYED_WARNINGS
    ]
    return tuple(sorted(rows, key=lambda row: WORST_FIRST.index(row[1])))


def _set_bits(register: Register, words: Sequence[int], layout: Layout) -> tuple[str, ...]:
    return names(register, int(_value(register, df.STATUS.address, words, layout)))


def _expect_revolution(revolution_nl: int, setup: Setup) -> None:
    """0 is a pump that has not turned yet; nothing else may differ from what was calibrated."""
    off = abs(revolution_nl - setup.revolution_nl)
    if revolution_nl and off * 1000 > REVOLUTION_PERMILLE_MAX * setup.revolution_nl:
        expected = f"{setup.revolution_nl} nL within {REVOLUTION_PERMILLE_MAX / 10:g} %"
        raise Inconsistent(df.REVOLUTION.name, f"{revolution_nl} nL", expected)


def _value(
    register: Register, first: int, words: Sequence[int], layout: Layout
) -> float | int | str:
    try:
        return decode(register, cut(register, first, words), layout.order)
    except ValueError as error:
        raise Inconsistent(register.name, str(error), f"a {register.type.value}") from error


def _litres(register: Register, words: Sequence[int], layout: Layout) -> float:
    value = float(_value(register, df.STATUS.address, words, layout))
    if value < 0:
        raise Inconsistent(register.name, f"{value:g} {register.unit}", "at least 0")
    return value


def float_step_nl(litres: float) -> int:
    """Distance to the next float32, rounded up to a nL: 2 nL at 20 mL."""
    exponent = math.frexp(litres)[1]
    return math.ceil(math.ldexp(NL_PER_L, exponent - FLOAT32_BITS))


def litres_down(volume_nl: int) -> float:
    """The largest float32 in litres that is not above ``volume_nl``."""
    litres = Fraction(volume_nl, NL_PER_L)
    scale = FLOAT32_BITS - math.frexp(litres)[1]
    return math.ldexp(math.floor(litres * Fraction(2) ** scale), -scale)


def litres_up_nl(litres: float) -> Nanolitre:
    """What the pump holds, rounded up."""
    return Nanolitre(scaled_up(Decimal(litres), NL_PER_L))


def whole_increments(volume_nl: int, increment_nl: int) -> Nanolitre:
    """``volume_nl`` rounded down to whole increments. ValueError for fewer than 50 of them."""
    count = volume_nl // increment_nl
    if count < INCREMENTS_MIN:
        rule = (
            f"{count} increments of {increment_nl} nL; fewer than {INCREMENTS_MIN} are too coarse"
        )
        raise ValueError(rule)
    return Nanolitre(count * increment_nl)


def batch_seconds(volume_nl: int, rate_ul_h: int) -> int:
    """Time in which a batch is spread, rounded up, so that its rate is not above ``rate_ul_h``.

    ValueError outside 1..10000 s.
    """
    time_s = -(-volume_nl * S_PER_H // (max(rate_ul_h, 1) * NL_PER_UL))
    if not 1 <= time_s <= df.BATCH_S_MAX:
        raise ValueError(f"a batch of {time_s} s; the pump spreads one over 1..{df.BATCH_S_MAX} s")
    return time_s


def batch_rate_ul_h(volume_nl: int, time_s: int) -> MicrolitrePerHour:
    """Rate of a batch, rounded up."""
    return MicrolitrePerHour(-(-volume_nl * S_PER_H // (time_s * NL_PER_UL)))


def bus_timeout_ms(watchdog_ns: int) -> int:
    """The bus time-out for a watchdog. ValueError unless it is a whole ms in 1..10000."""
    time_ms, odd = divmod(watchdog_ns, NS_PER_MS)
    if odd or not 1 <= time_ms <= df.BUS_TIMEOUT_MS_MAX:
        rule = f"{watchdog_ns} ns is not a bus time-out of 1..{df.BUS_TIMEOUT_MS_MAX} whole ms"
        raise ValueError(rule)
    return time_ms
