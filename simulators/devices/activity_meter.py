"""A NAM-M1 activity meter as its host sees it: registers in front of a chamber.

Knows the block and what a write sets off; the number itself is the chamber's. The profile leaves
open, and this instrument decides: a nuclide set by a host counts as changed until it is
acknowledged there or chosen by hand; the age and the counter are those of the number shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Final

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Bank, Register, Value, WordOrder, encode
from protocols.modbus_messages import Failure
from simulators.devices.chamber import TICK_NS, Innards
from simulators.devices.modbus_unit import Declined, ModbusUnit
from simulators.devices.room import Room

NUCLIDES: Final[dict[str, tuple[int, int]]] = {
    "I131": (53, 131),
    "Tc99m": (43, 99 | nam.METASTABLE),
    "Cs137": (55, 137),
    "Co60": (27, 60),
    "Co57": (27, 57),
    "Ba133": (56, 133),
}
"""Nuclides of this instrument, by the name on their key, as it writes them into its registers."""
BEGUN_UNIX_S: Final = 1_772_463_600
"""What its own clock showed when the room began."""
VOLTAGE_MIN_V: Final = 450.0
LOSS_MAX: Final = 0.01
A_PER_PA: Final = 1e-12
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
ZERO_TASK, BACKGROUND_TASK, SELF_TEST_TASK = 1, 2, 3
NO_NUMBER: Final = (0x7FC0, 0)
"""A quiet NaN, high word first."""
NO_KBQ: Final = 0xFFFF_FFFF


@dataclass(slots=True)
class ActivityMeterFirmware:
    """One instrument on a room's chamber. Not powered, it is silent.

    ``order`` is how it lays 32-bit values into words; ``background_bq`` is what it takes off.
    """

    room: Room
    unit: InitVar[int] = nam.UNIT
    tcp: InitVar[bool] = False
    powered: bool = True
    order: WordOrder = nam.ORDER
    serial: int = 1001
    background_bq: float = 0.0
    _changed: bool = False
    _holding: list[int] = field(default_factory=lambda: [0] * len(nam.SETTINGS))
    _line: ModbusUnit = field(init=False)

    def __post_init__(self, unit: int, tcp: bool) -> None:
        self._line = ModbusUnit(self, unit, tcp=tcp)

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return self._line.baud

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return self._line.bits_per_character

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it answers to ``data`` that arrived at ``now_ns``."""
        self.process(now_ns)
        return self._line.feed(data, now_ns) if self.powered else b""

    def process(self, now_ns: int) -> bytes:
        """Advance the room; the instrument never speaks unasked."""
        self.room.process(now_ns)
        return b""

    def quiet(self, _now_ns: int) -> bool:
        """Always: it answers and does nothing else."""
        return True

    def select_locally(self, nuclide: str) -> None:
        """Somebody presses a nuclide's key at the instrument; KeyError for an unknown nuclide."""
        if nuclide not in NUCLIDES:
            raise KeyError(nuclide)
        self.room.chamber.nuclide = nuclide
        self._changed = False

    def read_registers(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """Words of the reading (input) or of what a host set (holding)."""
        words = self.reading() if bank is Bank.INPUT else self._holding
        if address + count > len(words):
            raise Declined(Failure.ILLEGAL_ADDRESS)
        return words[address : address + count]

    def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Take what a host sets, all of it or nothing, and act on it."""
        end = address + len(values)
        if end > len(self._holding):
            raise Declined(Failure.ILLEGAL_ADDRESS)
        held = [*self._holding[:address], *values, *self._holding[end:]]
        task, z, a, _, acknowledged = held
        names = {numbers: name for name, numbers in NUCLIDES.items()}
        asked = range(address, end)
        if 0 in asked and task not in (ZERO_TASK, BACKGROUND_TASK, SELF_TEST_TASK):
            raise Declined(Failure.ILLEGAL_VALUE)
        if 2 in asked and (z, a) not in names:
            raise Declined(Failure.ILLEGAL_VALUE)
        self._holding = held
        if 0 in asked and task == BACKGROUND_TASK:
            self.background_bq = self.room.chamber.display().activity_bq or 0.0
        if 2 in asked:
            self._changed |= names[z, a] != self.room.chamber.nuclide
            self.room.chamber.nuclide = names[z, a]
        if 4 in asked and ReadingStatus.NUCLIDE_CHANGED in ReadingStatus(acknowledged):
            self._changed = False

    def reading(self) -> list[int]:
        """The block of input registers as it stands, of one moment and with its CRC."""
        words = [0] * nam.WORDS
        for register, value in self._values(self.room.chamber.innards()):
            _lay(words, register, encode(register, value, self.order))
        if self._net_bq() is None:
            blank = NO_NUMBER if self.order is WordOrder.HIGH_FIRST else NO_NUMBER[::-1]
            _lay(words, nam.ACTIVITY, blank)
        words[nam.CHECK.address] = nam.checksum(words[: nam.CHECK.address])
        return words

    def _values(self, innards: Innards) -> Iterator[tuple[Register, Value]]:
        counter = innards.shown_ns // TICK_NS % (1 << 16)
        z, a = NUCLIDES[self.room.chamber.nuclide]
        yield nam.MAGIC_WORD, nam.MAGIC
        yield nam.MAP_VERSION, nam.VERSION
        yield nam.ORDER_SENTINEL, nam.SENTINEL
        yield nam.COUNTER_HEAD, counter
        yield nam.STATUS, int(self._status(innards))
        yield nam.NUCLIDE_Z, z
        yield nam.NUCLIDE_A, a
        yield nam.SETTING, 1 + list(NUCLIDES).index(self.room.chamber.nuclide)
        yield nam.ACTIVITY_UNIT, nam.UNIT_BQ
        net_bq = self._net_bq()
        yield nam.ACTIVITY, 0.0 if net_bq is None else net_bq
        yield nam.ACTIVITY_KBQ, NO_KBQ if net_bq is None else round(net_bq / nam.BQ_PER_KBQ)
        yield nam.DEVIATION, 100.0 * innards.deviation
        yield nam.BACKGROUND, self.background_bq
        yield nam.CURRENT, innards.current_pa * A_PER_PA
        yield nam.HIGH_VOLTAGE, round(self.room.chamber.electrometer.voltage_v * 10.0)
        yield nam.RANGE, innards.range_index
        yield nam.READ_AT, BEGUN_UNIX_S + innards.shown_ns // NS_PER_S
        yield nam.AGE, min((self.room.now_ns - innards.shown_ns) // NS_PER_MS, 0xFFFF)
        yield nam.SERIAL, self.serial
        yield nam.COUNTER_TAIL, counter

    def _net_bq(self) -> float | None:
        shown_bq = self.room.chamber.display().activity_bq
        return None if shown_bq is None else max(shown_bq - self.background_bq, 0.0)

    def _status(self, innards: Innards) -> ReadingStatus:
        over = self._net_bq() is None
        low = self.room.chamber.electrometer.voltage_v < VOLTAGE_MIN_V
        said = (
            (not over, ReadingStatus.VALID),
            (innards.settling, ReadingStatus.SETTLING),
            (over, ReadingStatus.OVER_RANGE),
            (low, ReadingStatus.HV_FAULT),
            (innards.loss > LOSS_MAX, ReadingStatus.SATURATION_WARN),
            (self._changed, ReadingStatus.NUCLIDE_CHANGED),
        )
        status = ReadingStatus(0)
        for is_so, bit in said:
            status |= bit if is_so else ReadingStatus(0)
        return status


def _lay(words: list[int], register: Register, value: Sequence[int]) -> None:
    words[register.address : register.end] = value
