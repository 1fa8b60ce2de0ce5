"""ProMinent DULCO flex Control (DFXa) and gamma/X over Modbus: registers, bits and their alarms.

Data only; what the words of a register are worth is ``dulco_flex_rules``, frames are
``protocols.modbus``. A register's ``address`` is the number that the manual prints: whether a frame
carries that number or one less, and which word comes first, the manual does not say, so both are
settled by register 63. What no source confirms, or differs by pump, is `Setup`: a site states it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from firmware_interfaces.readings import PumpAlarm
from firmware_interfaces.register import Access, Code, Register, Type
from firmware_interfaces.units import Nanolitre

SOURCE: Final = "ProMinent DULCO flex Control manual, Modbus, pp. 31-44"
SOURCE_GAMMA: Final = "ProMinent gamma/X Modbus supplement, pp. 44-57"
BAUD_RATE: Final = 19200
"""8 data bits, even parity, 1 stop bit; 9600 and 38400 can be set at the pump."""
UNIT: Final = 20
"""Address of a gamma/X as delivered."""
PATTERN: Final = 0xAABBCCDD
CODE_WORD: Final = 0x5555
"""Written to *trigger* and *acknowledge*; any other value does nothing."""
BUS_TIMEOUT_MS_MAX: Final = 10_000
BATCH_S_MAX: Final = 10_000
INCREMENTS_PER_REVOLUTION: Final = 2
"""Two rollers: the hose gives its content each half turn."""


class Model(Enum):
    """What its identity code begins with; the two differ in their error bits."""

    DULCO_FLEX = "DFX"
    GAMMA_X = "GMX"


class Mode(Enum):
    """Operating mode, registers 1022 and 1229. The status word's own bits differ by model."""

    HALT = 0
    MANUAL = 1
    CONTACT = 2
    BATCH = 3
    ANALOGUE = 4


def _codes(*rows: tuple[int, str]) -> tuple[Code, ...]:
    return tuple(Code(value, name) for value, name in rows)


MODE_CODES: Final = _codes(*((mode.value, mode.name.lower()) for mode in Mode))
SUB_MODE_CODES: Final = _codes(
    (0, "none"), (1, "priming"), (2, "auxiliary"), (3, "batch time control"), (8, "calibration")
)
RUNNING, READY, ERROR, WARNING, MANUAL_STOP, STOPPED = 0, 1, 5, 6, 7, 8
PRIMING, AUXILIARY, PAUSE, HOSE_CHANGE, BATCH_MEMORY = 9, 10, 11, 13, 14
CALIBRATING, COUNTER_CLOCKWISE = 16, 17
STATUS_BITS: Final = _codes(
    (RUNNING, "motor running"), (READY, "system ready"), (ERROR, "error"), (WARNING, "warning"),
    (MANUAL_STOP, "manual stop"), (STOPPED, "stopped"), (PRIMING, "priming"),
    (AUXILIARY, "auxiliary"), (PAUSE, "pause"), (12, "fieldbus"),
    (HOSE_CHANGE, "hose being changed"), (BATCH_MEMORY, "batch memory"), (15, "calibrated"),
    (CALIBRATING, "calibrating"), (COUNTER_CLOCKWISE, "counter-clockwise"),
    (19, "hose rupture option"), (20, "concentration"),
)  # fmt: skip

LEVEL, RUPTURE = 3, 4
ERROR_BITS: Final = _codes(
    (0, "configuration data"), (1, "power low"), (2, "power high"), (LEVEL, "level"),
    (RUPTURE, "hose rupture"), (5, "metering monitor"), (6, "direction change"),
    (7, "temperature"), (8, "initialisation"), (10, "invalid metering parameter"),
    (13, "undervoltage"), (15, "hose change aborted"), (16, "memory overflow"),
    (17, "input current low"), (18, "input current high"), (22, "CAN"),
    (23, "hardware version"), (24, "power unit configuration"),
    (25, "power unit initialisation"), (26, "speed control"), (27, "fan"),
    (28, "motor connection"), (29, "motor status"), (30, "motor blockage"),
    (31, "position sensor"),
)  # fmt: skip
GAMMA_ERROR_BITS: Final = _codes((11, "over-pressure"), (14, "air in head"), (19, "low pressure"))
WARNING_BITS: Final = _codes(
    (0, "level"), (1, "hose rupture"), (2, "metering monitor"), (3, "metering volume"),
    (4, "invalid parameter"), (12, "invalid volume"), (13, "temperature"),
    (15, "speed off its target"),
)  # fmt: skip

ALARM_OF_ERROR: Final[dict[str, PumpAlarm]] = {
    "hose rupture": PumpAlarm.HOSE_RUPTURE,
    "air in head": PumpAlarm.AIR,
    "over-pressure": PumpAlarm.OVER_PRESSURE,
    "motor blockage": PumpAlarm.STALL,
    "level": PumpAlarm.EMPTY,
    "configuration data": PumpAlarm.PROGRAM_ERROR,
    "invalid metering parameter": PumpAlarm.PROGRAM_ERROR,
}
"""Every other error, and a bit that has no name, is the pump's own fault."""
ALARM_OF_WARNING: Final[dict[str, PumpAlarm]] = {
    "hose rupture": PumpAlarm.HOSE_RUPTURE,
    "metering monitor": PumpAlarm.FAULT,
    "metering volume": PumpAlarm.FAULT,
    "invalid parameter": PumpAlarm.PROGRAM_ERROR,
    "invalid volume": PumpAlarm.PROGRAM_ERROR,
    "speed off its target": PumpAlarm.FAULT,
    "level": PumpAlarm.NEAR_EMPTY,
}
"""Warnings that concern what flows; one that has no name is the pump's own fault."""
DISPLAYED_WARNINGS: Final = frozenset(("temperature",))
"""They only stand in the pump's display."""


def _row(
    name: str, address: int, type_: Type, meaning: str, unit: str = "", length: int = 1
) -> Register:
    return Register(name, address, type_, SOURCE, meaning, unit, length=length)


def _set(
    name: str,
    address: int,
    type_: Type,
    meaning: str,
    unit: str = "",
    limits: tuple[float | None, float | None] = (None, None),
    codes: tuple[Code, ...] = (),
) -> Register:
    least, most = limits
    return Register(
        name, address, type_, SOURCE, meaning, unit, Access.READ_WRITE,
        least=least, most=most, codes=codes,
    )  # fmt: skip


PRODUCT: Final = _row("product code", 1, Type.U32, "of the maker")
REGISTER_SET: Final = _row("register-set version", 3, Type.U16, "of this table")
SERIAL: Final = _row("serial number", 4, Type.TEXT, "of the pump", length=5)
IDENTITY: Final = _row("identity code", 9, Type.TEXT, "model and options", length=16)
SOFTWARE: Final = _row("software version", 25, Type.U32, "XX.XX.XX.XX, a byte each")
IDENTIFICATION: Final = (PRODUCT, REGISTER_SET, SERIAL, IDENTITY, SOFTWARE)

BUS_TIMEOUT: Final = _set(
    "bus time-out", 61, Type.U16, "the pump stops after so long a silence; 0 never",
    "ms", (0, BUS_TIMEOUT_MS_MAX),
)  # fmt: skip
ENDIANNESS: Final = _row("endianness pattern", 63, Type.U32, "always 0xAABBCCDD")

STATUS: Final = Register(
    "status", 1000, Type.U32, SOURCE, "bits 2-4 are the mode, coded by model", bits=STATUS_BITS
)
ERRORS: Final = Register(
    "errors", 1002, Type.U32, SOURCE, "latched until acknowledged", bits=ERROR_BITS
)
GAMMA_ERRORS: Final = Register(
    "errors", 1002, Type.U32, SOURCE_GAMMA, "latched until acknowledged",
    bits=(*ERROR_BITS, *GAMMA_ERROR_BITS),
)  # fmt: skip
MORE_ERRORS: Final = _row("errors 2", 1004, Type.U32, "reserved: none has a meaning")
WARNINGS: Final = Register(
    "warnings", 1006, Type.U32, SOURCE, "stand while their cause does", bits=WARNING_BITS
)
RATE: Final = _row("actual dosing rate", 1018, Type.F32, "as pumped now", "l/h")
RATE_MAX: Final = _row("maximum dosing rate", 1020, Type.F32, "of this hose", "l/h")
MODE: Final = Register("mode", 1022, Type.U16, SOURCE, "as set by 1229", codes=MODE_CODES)
SUB_MODE: Final = Register(
    "sub-mode", 1023, Type.U16, SOURCE, "what it does beside its mode", codes=SUB_MODE_CODES
)
POWER_UPS: Final = _row("power-ups", 1026, Type.U32, "counts up each time power comes")
OPERATING_TIME: Final = _row("operating time", 1028, Type.U32, "since it was made")
REVOLUTIONS: Final = _row("total revolutions", 1030, Type.U32, "since it was made")
DELETABLE_REVOLUTIONS: Final = _row("deletable revolutions", 1032, Type.U32, "see clear counters")
TOTAL: Final = _row("total quantity", 1034, Type.F32, "since it was made", "l")
QUANTITY: Final = Register(
    "deletable quantity", 1036, Type.F32, SOURCE,
    "pumped since it was cleared, in half revolutions; any write clears it", "l",
    Access.READ_WRITE,
)  # fmt: skip
REMAINING: Final = _row("remaining quantity", 1040, Type.F32, "of the batch", "l")
REVOLUTION: Final = _row("quantity of last revolution", 1042, Type.F32, "two increments", "l")
PRESSURE: Final = Register(
    "system pressure", 1044, Type.F32, SOURCE_GAMMA, "gamma/X only", "bar"
)  # fmt: skip
READING: Final = (
    STATUS, ERRORS, MORE_ERRORS, WARNINGS, RATE, RATE_MAX, MODE, SUB_MODE, POWER_UPS,
    OPERATING_TIME, REVOLUTIONS, DELETABLE_REVOLUTIONS, TOTAL, QUANTITY, REMAINING, REVOLUTION,
)  # fmt: skip
"""Read as one block, so of one moment."""
READING_WORDS: Final = REVOLUTION.end - STATUS.address

START_STOP: Final = Register(
    "start/stop", 1200, Type.U16, SOURCE, "0 stops at once", access=Access.READ_WRITE, most=0xFF,
    bits=_codes((0, "active"), (1, "the bus time-out stops")),
)  # fmt: skip
ACTIVE: Final = 0b01
TIMEOUT_STOPS: Final = 0b10
TARGET_RATE: Final = _set(
    "target dosing rate", 1211, Type.F32, "of mode manual; a batch has volume and time", "l/h"
)
BATCH_VOLUME: Final = _set(
    "batch volume", 1215, Type.F32, "rounded down to whole increments, then to a float", "l"
)
BATCH_TIME: Final = _set(
    "batch time", 1217, Type.U16, "rounded up to a second, so that the rate is down",
    "s", (1, BATCH_S_MAX),
)  # fmt: skip
TARGET_MODE: Final = _set("target mode", 1229, Type.U16, "the mode wished for", codes=MODE_CODES)
CLEAR: Final = _set(
    "clear counters", 1234, Type.U16, "sets a counter to 0",
    codes=_codes((0, "revolutions"), (1, "quantity"), (2, "contacts"), (3, "all")),
)  # fmt: skip
TRIGGER: Final = Register(
    "trigger", 1235, Type.U16, SOURCE, "starts one batch", access=Access.WRITE,
    codes=(Code(CODE_WORD, "one batch"),),
)  # fmt: skip
ACKNOWLEDGE: Final = Register(
    "acknowledge", 1236, Type.U16, SOURCE, "clears errors whose cause is gone",
    access=Access.WRITE, codes=(Code(CODE_WORD, "acknowledge"),),
)  # fmt: skip
DIRECTION: Final = _set(
    "direction", 1237, Type.U16, "of the rollers",
    codes=_codes((0, "clockwise"), (1, "counter-clockwise")),
)  # fmt: skip
POWER_UP: Final = _set(
    "behaviour after power-up", 1400, Type.U16, "anything but 0 starts by itself",
    codes=_codes((0, "always off"), (1, "always on"), (2, "last state")),
)  # fmt: skip
RUPTURE_RESPONSE: Final = _set(
    "response to hose rupture", 2000, Type.U16, "only an error stops the pump",
    codes=_codes((0, "warning"), (1, "error")),
)  # fmt: skip
SETTINGS: Final = (
    BUS_TIMEOUT, START_STOP, TARGET_RATE, BATCH_VOLUME, BATCH_TIME, TARGET_MODE, CLEAR, TRIGGER,
    ACKNOWLEDGE, DIRECTION, POWER_UP, RUPTURE_RESPONSE,
)  # fmt: skip
TABLE: Final = (*IDENTIFICATION, ENDIANNESS, *READING, PRESSURE, *SETTINGS)
"""Every register that is spoken of here, in the manual's order of groups."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a site states of its pump, because the manual does not say it or it may differ.

    ``revolution_nl`` is the content of one revolution of this hose as calibrated with water; the
    pump's own (register 1042) must agree within 5 %. ``forward`` is the direction that feeds the
    patient. ``register_set`` and ``software`` are those that the driver was proven with; the
    defaults are the simulated pump's, the only one it has ever been proven with.
    """

    model: Model = Model.DULCO_FLEX
    revolution_nl: int = 20_000
    counter_clockwise: bool = False
    register_set: int = 1
    software: tuple[str, ...] = ("01.00.00.00",)

    @property
    def increment_nl(self) -> Nanolitre:
        """The least that the pump can give: half a revolution, rounded up."""
        return Nanolitre(-(-self.revolution_nl // INCREMENTS_PER_REVOLUTION))
