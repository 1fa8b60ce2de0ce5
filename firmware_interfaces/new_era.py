"""New Era NE-1000 family: what its letters, commands, numbers and limits mean, with sources.

Tables and pure functions only; how bytes are framed is ``protocols.new_era``, when to speak is the
driver's. "1200-01" is the NE-1000 User Manual, "1200-02" the NE-500's.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from firmware_interfaces.readings import Motion, PumpAlarm, Trigger
from firmware_interfaces.units import (
    NL_PER_ML,
    NL_PER_UL,
    NS_PER_MS,
    NS_PER_S,
    UL_PER_ML,
    UM_PER_MM,
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    Nanoseconds,
    scaled_up,
)

NOT_FOR_HUMANS: Final = "NOT FOR CLINICAL USE ON HUMANS"
"""Printed in New Era's manuals; shown wherever this pump is chosen."""

BAUD_RATES: Final = (19200, 9600, 2400, 1200, 300)
"""8 data bits, no parity, 1 stop bit, no flow control; 19200 from the factory (1200-01, 10.2)."""
ADDRESS_MAX: Final = 99
INTER_BYTE_TIMEOUT_NS: Final = Nanoseconds(500 * NS_PER_MS)
"""An incomplete Safe packet is discarded after this silence (1200-01, 10.2.3)."""
WATCHDOG_S_MAX: Final = 255
"""``SAF n``: 0 is Basic mode, 1..255 s until the pump stops itself (1200-01, 10.2.3)."""
PHASE_MAX: Final = 41
DIAMETER_UM_MIN: Final = Micrometre(100)
DIAMETER_UM_MAX: Final = Micrometre(50_000)
MICROLITRE_DIAMETER_UM_MAX: Final = Micrometre(14_000)
"""Up to here volumes are in uL by default, above in mL (1200-01, quick start)."""
PLUNGER_CM_MIN_MAX: Final = 5.1005
PLUNGER_CM_H_MIN: Final = 0.004205
"""Plunger speeds of 1200-01, 12.5; they give the manual's table of rates for 26.59 mm."""
COUNTER_ROLLOVER: Final = 10_000
"""A dispensed counter rolls over after 9999 of its unit (epsych2, NE-1000 notes)."""


class Prompt(StrEnum):
    """What the pump does, first letter of every reply but an alarm (1200-02, p. 29)."""

    INFUSING = "I"
    WITHDRAWING = "W"
    STOPPED = "S"
    PAUSED = "P"
    TIMED_PAUSE = "T"
    USER_WAIT = "U"
    PURGING = "X"


MOTION: Final[Mapping[str, Motion]] = {
    Prompt.INFUSING: Motion.INFUSING,
    Prompt.WITHDRAWING: Motion.WITHDRAWING,
    Prompt.STOPPED: Motion.STOPPED,
    Prompt.PAUSED: Motion.PAUSED,
    Prompt.TIMED_PAUSE: Motion.TIMED_PAUSE,
    Prompt.USER_WAIT: Motion.WAITING,
    Prompt.PURGING: Motion.PURGING,
}


class AlarmCode(StrEnum):
    """Letter after ``A?`` (1200-02, p. 29); acknowledged by being sent in reply to a command."""

    RESET = "R"
    STALL = "S"
    TIMEOUT = "T"
    PROGRAM_ERROR = "E"
    PHASE_RANGE = "O"


ALARM: Final[Mapping[str, PumpAlarm]] = {
    AlarmCode.RESET: PumpAlarm.RESET,
    AlarmCode.STALL: PumpAlarm.STALL,
    AlarmCode.TIMEOUT: PumpAlarm.WATCHDOG,
    AlarmCode.PROGRAM_ERROR: PumpAlarm.PROGRAM_ERROR,
    AlarmCode.PHASE_RANGE: PumpAlarm.PHASE_RANGE,
}


class CommandError(StrEnum):
    """Data of a reply to a command that was not carried out (1200-02, p. 29)."""

    UNRECOGNISED = "?"
    NOT_APPLICABLE = "?NA"
    OUT_OF_RANGE = "?OOR"
    INVALID_PACKET = "?COM"
    IGNORED = "?IGN"


class RateUnit(StrEnum):
    """Suffix of a rate (1200-01, commands)."""

    MICROLITRE_PER_MINUTE = "UM"
    MILLILITRE_PER_MINUTE = "MM"
    MICROLITRE_PER_HOUR = "UH"
    MILLILITRE_PER_HOUR = "MH"


UL_H_PER_UNIT: Final[Mapping[str, int]] = {
    RateUnit.MICROLITRE_PER_MINUTE: 60,
    RateUnit.MILLILITRE_PER_MINUTE: 60 * UL_PER_ML,
    RateUnit.MICROLITRE_PER_HOUR: 1,
    RateUnit.MILLILITRE_PER_HOUR: UL_PER_ML,
}


class VolumeUnit(StrEnum):
    """Suffix of a volume."""

    MICROLITRE = "UL"
    MILLILITRE = "ML"


NL_PER_UNIT: Final[Mapping[str, int]] = {
    VolumeUnit.MICROLITRE: NL_PER_UL,
    VolumeUnit.MILLILITRE: NL_PER_ML,
}

TRIGGER_MODES: Final = (
    "FT", "FH", "F2", "LE", "ST", "T2", "SP", "P2", "RL", "RH", "SL", "SH", "OF",
)  # fmt: skip
TRIGGER_CODE: Final[Mapping[Trigger, str]] = {Trigger.OFF: "OF", Trigger.STOP_ONLY: "SP"}


class When(Enum):
    """When the pump takes a setting; at any other time it answers ``?NA``."""

    ALWAYS = "at any time"
    STOPPED = "only while stopped"
    VALUE_WHILE_PUMPING = "while pumping the value only, not the unit"
    CONTINUOUS_WHILE_PUMPING = "while pumping only if the target volume is 0"
    NOT_RUNNING = "unless it runs already"
    NOT_STOPPED = "unless it is stopped already"
    UNSTATED = "the sources do not say: taken as only while stopped"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command. ``query`` without parameters reads; ``setting`` is the form of the parameters.

    ``reply`` is an example of the query's data, ``repeatable`` says a lost reply may be answered by
    sending it again, ``clears_counter`` that the dispensed volume is lost.
    """

    name: str
    meaning: str
    query: bool
    setting: str
    when: When
    source: str
    reply: str = ""
    energises: bool = False
    repeatable: bool = False
    clears_counter: bool = False


_ROWS: Final = (
    CommandRow("", "status", True, "", When.ALWAYS, "1200-02 p. 29", repeatable=True),
    CommandRow("VER", "identity", True, "", When.ALWAYS, "1200-01 commands", "NE1000V3.928"),
    CommandRow("SAF", "Safe mode, seconds", True, "n", When.ALWAYS, "1200-01 10.2.3", "10"),
    CommandRow(
        "RUN", "start the program", False, "[phase]", When.NOT_RUNNING,
        "1200-01 commands; AladdinPump.start, octopus", energises=True,
    ),
    CommandRow(
        "STP", "pause; again: program reset", False, "", When.NOT_STOPPED,
        "1200-01 commands; AladdinPump.stop, epsych2", repeatable=True,
    ),
    CommandRow(
        "DIS", "volumes since cleared", True, "", When.ALWAYS,
        "1200-01 commands; epsych2", "I0.974W0.959ML",
    ),
    CommandRow(
        "CLD", "clear a dispensed volume", False, "INF|WDR", When.STOPPED,
        "1200-01 commands", clears_counter=True,
    ),
    CommandRow(
        "DIA", "syringe inner diameter, mm", True, "f", When.STOPPED,
        "1200-01 commands; labmcp-new-era", "29.20", clears_counter=True,
    ),
    CommandRow(
        "RAT", "rate of the phase", True, "f[UM|MM|UH|MH]", When.VALUE_WHILE_PUMPING,
        "1200-01 commands", "10.00MM",
    ),
    CommandRow(
        "VOL", "target volume, 0 = none; or its unit", True, "f or UL|ML", When.UNSTATED,
        "1200-01 commands", "5.000ML",
    ),
    CommandRow(
        "DIR", "direction", True, "INF|WDR|REV|STK", When.CONTINUOUS_WHILE_PUMPING,
        "1200-01 commands", "INF",
    ),
    CommandRow("PHN", "phase selected", True, "n", When.UNSTATED, "1200-01 commands", "01"),
    CommandRow(
        "FUN", "function of the phase", True, "RAT|STP|...", When.UNSTATED,
        "1200-01 commands; labmcp-new-era", "RAT",
    ),
    CommandRow(
        "PF", "restart after power failure", True, "1|0", When.UNSTATED, "1200-01 commands", "0",
        energises=True,
    ),
    CommandRow("AL", "audible alarm", True, "1|0", When.UNSTATED, "1200-01 commands", "1"),
    CommandRow(
        "TRG", "use of the trigger input", True, "mode", When.UNSTATED, "1200-01 commands", "OF",
        energises=True,
    ),
    CommandRow("LOC", "keypad lockout", True, "1|0", When.UNSTATED, "1200-01 commands", "0"),
    CommandRow("BUZ", "buzzer, n beeps", True, "1|0[n]", When.UNSTATED, "1200-01 commands", "0"),
)  # fmt: skip

COMMANDS: Final[Mapping[str, CommandRow]] = {row.name: row for row in _ROWS}
"""Every command the driver speaks. ``PUR`` (purge at full rate) is left out on purpose."""

OBSERVABLE: Final[Mapping[str, str]] = {
    "motion": "prompt of every reply",
    "counter": "DIS: infused and withdrawn volume, 10 uL steps from 10 mL up",
    "stall": "alarm S: the only sign of an occlusion, minutes late at a low rate",
    "power": "alarm R: power was interrupted, counters are lost",
    "watchdog": "alarm T: the pump stopped because nobody spoke to it",
    "program": "alarms E and O",
    "settings": "DIA, RAT, VOL, DIR, PF, TRG and SAF read back",
    "take_over": "a prompt or setting that changed without a command",
}
NOT_OBSERVABLE: Final[Mapping[str, str]] = {
    "pressure": "no pressure sensor",
    "air": "no air detector",
    "door": "no door",
    "clamp": "no clamp sensor",
    "syringe": "barrel size and seat are not sensed",
    "activity": "no radiation detector",
    "battery": "mains only",
}


class Dispensed(NamedTuple):
    """Reply to ``DIS``; ``step_nl`` is the worth of the last printed digit of ``infused_nl``."""

    infused_nl: Nanolitre
    withdrawn_nl: Nanolitre
    step_nl: Nanolitre


_VERSION: Final = re.compile(r"(NE1000(?:X[0-9]*)?)V([0-9]+\.[0-9]+)")
_DISPENSED: Final = re.compile(r"I([0-9.]+)W([0-9.]+)(UL|ML)")
_NUMBER: Final = re.compile(r"[0-9]*\.?[0-9]*")


def number_down(value: Decimal | int) -> str:
    """Longest text the pump takes for ``value``, rounded down: 4 digits, 1 point (1200-02, p. 29).

    The point is always there (``1000.``): some hosts insist on it. ValueError outside 0..9999.
    """
    exact = Decimal(value)
    if not (exact.is_finite() and 0 <= exact < COUNTER_ROLLOVER):
        raise ValueError(f"{value} is not in 0..9999: it has no 4-digit text")
    places = min(3, 4 - len(str(int(exact))))
    text = str(exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR))
    return text if places else f"{text}."


def counter_text(volume_nl: Nanolitre, unit: VolumeUnit) -> str:
    """Return a dispensed volume as a pump prints it: cut off, and rolling over after 9999."""
    return number_down(Decimal(volume_nl) / NL_PER_UNIT[unit] % COUNTER_ROLLOVER)


def rate_text(rate: MicrolitrePerHour) -> str:
    """``20.00MH`` for 20 000 uL/h, rounded down; exact to 1 uL/h below 10 mL/h."""
    return number_down(Decimal(rate) / UL_PER_ML) + RateUnit.MILLILITRE_PER_HOUR


def diameter_text(diameter: Micrometre) -> str:
    """``26.59`` for 26 590 um. ValueError outside the pump's 0.1..50 mm."""
    _check_diameter(diameter)
    return number_down(Decimal(diameter) / UM_PER_MM)


def parse_number(text: str) -> Decimal:
    """Read a <float> of the manual: 1..4 digits, at most one point, at most 3 digits after it."""
    digits = text.replace(".", "")
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r}: a number has digits and at most one point")
    if not 1 <= len(digits) <= 4:
        raise ValueError(f"{text!r}: a number has 1 to 4 digits")
    if _places(text) > 3:
        raise ValueError(f"{text!r}: a number has at most 3 digits after the point")
    return Decimal(text)


def parse_whole(text: str, highest: int) -> int:
    """Read a count, phase or number of seconds, 0..``highest``, at most 3 digits (``01``)."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > highest:
        raise ValueError(f"{text!r} is not a whole number in 0..{highest}")
    return int(text)


def counter_step_nl(text: str, unit: str) -> Nanolitre:
    """Return the worth of a printed volume's last digit: 10 000 nL for ``10.00`` mL."""
    return Nanolitre(NL_PER_UNIT[unit] // 10 ** _places(text))


def parse_rate(text: str) -> MicrolitrePerHour:
    """``20.00MH`` to uL/h, rounded up: a rate read from a pump bounds what it may give."""
    factor = UL_H_PER_UNIT.get(text[-2:])
    if factor is None:
        raise ValueError(f"rate {text!r} has none of the units UM, MM, UH, MH")
    return MicrolitrePerHour(scaled_up(parse_number(text[:-2]), factor))


def parse_volume(text: str) -> Nanolitre:
    """``10.00ML`` to nL, exactly."""
    factor = NL_PER_UNIT.get(text[-2:])
    if factor is None:
        raise ValueError(f"volume {text!r} has neither of the units UL, ML")
    return Nanolitre(scaled_up(parse_number(text[:-2]), factor))


def parse_diameter(text: str) -> Micrometre:
    """``26.59`` to um, exactly. ValueError outside 0.1..50 mm."""
    diameter = Micrometre(scaled_up(parse_number(text), UM_PER_MM))
    _check_diameter(diameter)
    return diameter


def parse_dispensed(text: str) -> Dispensed:
    """``I1.667W0.000ML`` to nL, exactly."""
    match = _DISPENSED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not I<number>W<number><UL|ML>")
    infused, withdrawn, unit = match.groups()
    infused_nl, withdrawn_nl = parse_volume(infused + unit), parse_volume(withdrawn + unit)
    return Dispensed(infused_nl, withdrawn_nl, counter_step_nl(infused, unit))


def parse_version(text: str) -> tuple[str, str]:
    """``NE1000V3.928`` to model ``NE1000`` and firmware ``3.928``; an upgrade adds X to the model.

    ValueError for every other model: its plunger speeds and limits are not those of this table.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not NE1000[X]V<n>.<n>: another device?")
    return match[1], match[2]


def rate_limits_ul_h(diameter: Micrometre) -> tuple[MicrolitrePerHour, MicrolitrePerHour]:
    """Lowest and highest rate for a syringe, from the plunger's speeds, rounded inwards."""
    _check_diameter(diameter)
    area_cm2 = math.pi * (diameter / UM_PER_MM / 20) ** 2
    lowest = math.ceil(area_cm2 * PLUNGER_CM_H_MIN * UL_PER_ML)
    highest = math.floor(area_cm2 * PLUNGER_CM_MIN_MAX * 60 * UL_PER_ML)
    return MicrolitrePerHour(lowest), MicrolitrePerHour(highest)


def default_volume_unit(diameter: Micrometre) -> VolumeUnit:
    """Return the unit the pump takes when the diameter is set: uL up to 14.00 mm, mL above."""
    small = diameter <= MICROLITRE_DIAMETER_UM_MAX
    return VolumeUnit.MICROLITRE if small else VolumeUnit.MILLILITRE


def watchdog_seconds(watchdog: Nanoseconds) -> int:
    """Parameter of ``SAF`` for a watchdog, rounded down. ValueError outside 1..255 s."""
    whole = watchdog // NS_PER_S
    if not 1 <= whole <= WATCHDOG_S_MAX:
        raise ValueError(f"watchdog of {watchdog} ns is not in 1..{WATCHDOG_S_MAX} s")
    return whole


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def _check_diameter(diameter: Micrometre) -> None:
    if not DIAMETER_UM_MIN <= diameter <= DIAMETER_UM_MAX:
        raise ValueError(f"diameter {diameter} um is not in 100..50000 um (0.1..50 mm)")
