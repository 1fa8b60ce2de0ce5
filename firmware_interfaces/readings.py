"""What judgement and drivers say to each other: readings up, plans and permits down.

Pure data. A driver fills a reading only with what the device said in one exchange; what it cannot
know is ``None``, never a default. ``asked_ns`` is when the question left, ``read_ns`` when the
answer was complete, both monotonic: a reading is as old as its question.
"""

from dataclasses import dataclass, field
from enum import Enum, IntFlag
from types import MappingProxyType
from typing import Final

from firmware_interfaces.units import (
    Becquerel,
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    Nanoseconds,
)

ADDED: Final = MappingProxyType({"added": True})
"""Metadata of a field that older records lack. Its default says what was so before there was it,
and is not written, so that an old record and a new one of the same thing are the same letters."""


class Channel(Enum):
    """Which pump of a room: the drug's, or the saline pump beside it on the same line."""

    DRUG = "drug"
    FLUSH = "flush"


class Motion(Enum):
    """What a pump says it is doing (pumps.md 1.2, prompts)."""

    INFUSING = "infusing"
    WITHDRAWING = "withdrawing"
    STOPPED = "stopped"
    PAUSED = "paused"
    TIMED_PAUSE = "timed_pause"
    WAITING = "waiting"
    PURGING = "purging"

    @property
    def at_rest(self) -> bool:
        """True only for STOPPED and PAUSED: every other prompt may move by itself."""
        return self in (Motion.STOPPED, Motion.PAUSED)


class PumpAlarm(Enum):
    """Alarms a pump can report itself; the driver maps its codes to these."""

    RESET = "reset"
    STALL = "stall"
    WATCHDOG = "watchdog"
    PROGRAM_ERROR = "program_error"
    PHASE_RANGE = "phase_range"
    HOSE_RUPTURE = "hose_rupture"
    AIR = "air"
    OVER_PRESSURE = "over_pressure"
    EMPTY = "empty"
    NEAR_EMPTY = "near_empty"
    FAULT = "fault"


class Trigger(Enum):
    """Use of the pump's hardware trigger input: ignored, or a stop-only emergency stop."""

    OFF = "off"
    STOP_ONLY = "stop_only"


class ReadingStatus(IntFlag):
    """Status word of a calibrator reading (calibrators.md 1.6)."""

    VALID = 1 << 0
    SETTLING = 1 << 1
    OVER_RANGE = 1 << 2
    UNDER_RANGE = 1 << 3
    HV_FAULT = 1 << 4
    ZEROING = 1 << 5
    BACKGROUND_RUNNING = 1 << 6
    BACKGROUND_EXPIRED = 1 << 7
    RANGE_CHANGING = 1 << 8
    SATURATION_WARN = 1 << 9
    NUCLIDE_CHANGED = 1 << 10
    LOCAL_IN_USE = 1 << 11
    SELFTEST_FAIL = 1 << 12
    QC_DUE = 1 << 13
    SOURCE_MOVED = 1 << 14
    CLOCK_UNSET = 1 << 15


FINAL = ReadingStatus.VALID
"""The only status word with which a reading may be used as a final one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered on a port. ``serial`` is None where the device cannot tell its own."""

    kind: str
    model: str
    firmware: str
    address: int | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class ActivityReading:
    """One reading of a dose calibrator.

    ``activity_bq`` is None where the status says there is no value (OVER_RANGE, a voltage).
    ``spread_ppm`` is (max - min) / mean over the settling window in parts per million, ``samples``
    the reads in it.
    """

    activity_bq: Becquerel | None
    resolution_bq: Becquerel
    nuclide: str
    status: ReadingStatus
    samples: int
    spread_ppm: int
    asked_ns: Nanoseconds
    read_ns: Nanoseconds
    frame_hex: str

    @property
    def final(self) -> bool:
        """True if nothing but VALID is set and there is a value."""
        return self.status == FINAL and self.activity_bq is not None


@dataclass(frozen=True, slots=True)
class PumpStatus:
    """One poll of a pump: what it does and what its own counter has infused since it was cleared.

    ``infused_nl`` is None when the answer was an alarm or carried no counter; ``counter_step_nl``
    is the resolution of that number as printed (pumps.md 1.7).
    """

    motion: Motion | None
    alarm: PumpAlarm | None
    infused_nl: Nanolitre | None
    withdrawn_nl: Nanolitre | None
    counter_step_nl: Nanolitre
    asked_ns: Nanoseconds
    read_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class PumpPlan:
    """All that a pump must be told before it may run; each item is proven by reading it back.

    Rate and volume are upper bounds: a driver rounds both down to what the device can express.
    ``channel`` says which pump it is for; a driver has only one and does not look.
    """

    diameter_um: Micrometre
    rate_ul_h: MicrolitrePerHour
    volume_nl: Nanolitre
    watchdog_ns: Nanoseconds
    trigger: Trigger
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class PlanReadback:
    """What the pump holds after *prepare*, in its own words, with units already applied."""

    diameter_um: Micrometre
    rate_ul_h: MicrolitrePerHour
    volume_nl: Nanolitre
    watchdog_ns: Nanoseconds
    trigger: Trigger
    rate_max_ul_h: MicrolitrePerHour
    infused_nl: Nanolitre
    read_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a resting pump holds from whenever it was last told, with units already applied.

    ``watchdog_ns`` is 0 where no watchdog is armed.
    """

    diameter_um: Micrometre
    rate_ul_h: MicrolitrePerHour
    volume_nl: Nanolitre
    infused_nl: Nanolitre
    watchdog_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class Recovery:
    """What *recover* found and did: status (with any alarm), STOP confirmed, then the numbers.

    ``infused_nl`` and the rest are None where the device would not say. ``power_cycled`` is True
    when the pump reported a reset, so that its counter means nothing.
    """

    found: PumpStatus
    stopped: PumpStatus
    infused_nl: Nanolitre | None
    volume_nl: Nanolitre | None
    rate_ul_h: MicrolitrePerHour | None
    power_cycled: bool


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to talk to a running pump until ``expires_ns`` (monotonic), in this epoch only."""

    epoch: int
    expires_ns: Nanoseconds
