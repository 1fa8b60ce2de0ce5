"""A DULCO flex Control as its host sees it: registers, bus time-out, errors, power and keypad.

The motor and its batch are ``dulco_flex_motor``, bytes are ``modbus_unit``. Conduct after pumps.md
3 and 7; where its sources leave a choice, the docstring says what is chosen. Every method is told
the time.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.register import Access, Bank, Register, Value
from protocols.modbus_messages import Failure
from simulators.devices.dulco_flex_meanings import Meanings as Meanings  # noqa: PLC0414
from simulators.devices.dulco_flex_motor import Motor, State
from simulators.devices.modbus_unit import Declined, ModbusUnit
from simulators.devices.room import Bay, Room

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NL_PER_L: Final = 1e9
RATE_MAX_L_H: Final = 2.0
LOW_NL: Final = 150_000.0
"""So much above what the spike reaches the level is low."""
BLOCKAGE: Final = 30
FACTORY: Final[Mapping[Register, Value]] = {
    df.PRODUCT: 0x4446_5861, df.REGISTER_SET: 1, df.SERIAL: "2026000117",
    df.IDENTITY: "DFXASIM00", df.SOFTWARE: 0x01000000, df.BUS_TIMEOUT: 0,
    df.ENDIANNESS: df.PATTERN, df.START_STOP: df.ACTIVE, df.TARGET_RATE: 0.01,
    df.BATCH_VOLUME: 0.01, df.BATCH_TIME: 1800, df.TARGET_MODE: df.Mode.MANUAL.value, df.CLEAR: 0,
    df.TRIGGER: 0, df.ACKNOWLEDGE: 0, df.DIRECTION: 0, df.POWER_UP: 2, df.RUPTURE_RESPONSE: 0,
}  # fmt: skip
"""What is written into a pump that comes from its box: not what anybody should run."""
BLOCK: Final = range(df.STATUS.address, df.PRESSURE.end)
"""Read as one, gaps included."""


class DulcoFlexFirmware:
    """One pump on a room's drive, switched on from the start, with its factory settings.

    Chosen where sources are silent: a time-out clears the start bit; clearing it ends the batch; a
    batch needs the start bit, mode batch and the trigger, and is spread over the batch time; the
    counter shows whole half revolutions and outlives a power cut; an error stops the motor, ends
    the batch and stays until it is acknowledged after its cause is gone; the level switch looks at
    what the spike still reaches; a register that there is not is exception 2, a value outside its
    limits 3. Counter-clockwise feeds backwards. Mode manual feeds at the target rate while the
    start bit is set. With *batch memory* on, a trigger adds what was left of a batch that was ended
    early.
    """

    def __init__(
        self,
        room: Room | Bay,
        now_ns: int = 0,
        meanings: Meanings | None = None,
        unit: int = df.UNIT,
        *,
        tcp: bool = False,
    ) -> None:
        self.bay = room.bay if isinstance(room, Room) else room
        self.room = self.bay.room
        self.meanings = meanings or Meanings()
        self.held: dict[Register, Value] = dict(FACTORY)
        self.held[df.START_STOP] = 0
        self.motor = Motor(self.bay)
        self.powered = True
        self.errors = 0
        self.power_ups = 1
        self.deaf_to: set[Register] = set()
        self.standing_warnings = 0
        """Bits that stand without a cause in the room."""
        self.batch_memory = False
        self.hose_change = False
        self._heard_ns = now_ns
        self._line = ModbusUnit(self, unit, tcp=tcp)

    def move_to(self, address: int) -> None:
        """Give it another unit address."""
        self._line = ModbusUnit(self, address, tcp=self._line.tcp)

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return self._line.baud

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return self._line.bits_per_character

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it answers to ``data`` that arrived at ``now_ns``; a frame restarts the time-out."""
        self.process(now_ns)
        if not self.powered:
            return b""
        answer = self._line.feed(data, now_ns)
        if answer:
            self._heard_ns = now_ns
        return answer

    def process(self, now_ns: int) -> bytes:
        """Advance pump and room to ``now_ns``; the pump never speaks unasked."""
        expires = self._expires_ns()
        if expires is not None and expires <= now_ns:
            self._advance(expires)
            self._start_stop(self._whole(df.START_STOP) & ~df.ACTIVE)
        self._advance(now_ns)
        return b""

    def quiet(self, now_ns: int) -> bool:
        """True if nothing ends by itself before ``now_ns``: `process` may wait until then."""
        expires = self._expires_ns()
        due = expires is not None and expires <= now_ns
        return not (self.powered and (due or self.motor.turning))

    def read_registers(self, bank: Bank, address: int, count: int) -> Sequence[int]:
        """Words of holding registers; the block of readings may be read across its gaps."""
        if bank is not Bank.HOLDING:
            raise Declined(Failure.ILLEGAL_FUNCTION)
        wanted = range(address, address + count)
        words = self._words(wanted)
        block = range(BLOCK.start + self.meanings.shift, BLOCK.stop + self.meanings.shift)
        if not all(at in words or at in block for at in wanted):
            raise Declined(Failure.ILLEGAL_ADDRESS)
        return [words.get(at, 0) for at in wanted]

    def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Set one register; what may not be written or is out of its limits is declined."""
        register = next(
            (one for one in self.held if self.meanings.place(one) == address), None
        )  # fmt: skip
        if register is None and self.meanings.place(df.QUANTITY) == address:
            self.motor.clear()
            return
        if register is None or register.access is Access.READ:
            raise Declined(Failure.ILLEGAL_ADDRESS)
        try:
            value = self.meanings.value(register, values)
        except ValueError as error:
            raise Declined(Failure.ILLEGAL_VALUE) from error
        if not _allowed(register, value):
            raise Declined(Failure.ILLEGAL_VALUE)
        if register not in self.deaf_to:
            self.held[register] = value
            _ACTS.get(register, _nothing)(self)

    def power_off(self, now_ns: int) -> None:
        """Pull the plug: the motor stands and its batch is gone."""
        self.process(now_ns)
        self.motor.halt()
        self.powered = False

    def power_on(self, now_ns: int) -> bytes:
        """Power comes: after 1400 it stays off, or goes on as the registers stand."""
        self.room.process(now_ns)
        self.powered = True
        self.power_ups += 1
        self._heard_ns = now_ns
        behaviour = self._whole(df.POWER_UP)
        running = self._whole(df.START_STOP) if behaviour == 2 else behaviour * df.ACTIVE
        self._start_stop(running)
        if running & df.ACTIVE:
            self._trigger()
        return b""

    def power_cycle(self, now_ns: int) -> bytes:
        """Off and on again at the same moment."""
        self.power_off(now_ns)
        return self.power_on(now_ns)

    def keypad_start_stop(self, now_ns: int) -> bytes:
        """The stop key: a running pump rests, a resting one goes on with its batch."""
        self.process(now_ns)
        self.motor.key_stopped = not self.motor.key_stopped
        self.motor.turn()
        return b""

    def keypad_rate(self, _rate: str, _now_ns: int) -> bool:
        """Refused: the keypad is locked while a bus commands."""
        return False

    def keypad_purge(self, now_ns: int) -> bytes:
        """Hold the priming key: full speed forward, whatever the batch says."""
        self.process(now_ns)
        self.motor.prime(RATE_MAX_L_H * NL_PER_L)
        return b""

    def keypad_withdraw(self, now_ns: int) -> bytes:
        """Turn the direction round at the keypad."""
        self.process(now_ns)
        self.held[df.DIRECTION] = 1
        self._turn_round()
        return b""

    def raise_alarm(self, bit: str, now_ns: int) -> bytes:
        """An error out of nowhere, by the number of its bit."""
        self.process(now_ns)
        self._raise(int(bit))
        return b""

    def panel_manual(self, now_ns: int) -> None:
        """Choose mode manual at the panel."""
        self.process(now_ns)
        self._change_mode(df.Mode.MANUAL)

    def panel_hose_change(self, now_ns: int, *, begins: bool) -> None:
        """Begin or end a change of the hose: meanwhile the motor stands, and the batch is over."""
        self.process(now_ns)
        self.hose_change = begins
        self.motor.halt()

    def lose_lease(self, now_ns: int) -> None:
        """The bus time-out strikes although the bus has spoken."""
        self.process(now_ns)
        self._start_stop(self._whole(df.START_STOP) & ~df.ACTIVE)

    def trigger_edge(self, now_ns: int) -> bytes:
        """See the pause contact close: the pump rests."""
        self.process(now_ns)
        self.motor.key_stopped = True
        self.motor.turn()
        return b""

    def _advance(self, now_ns: int) -> None:
        """Let the motor turn until ``now_ns``, and look at what its sensors say."""
        self.motor.advance(now_ns)
        if not self.powered:
            return
        if self.motor.turning and self.bay.drive.stalled:
            self._raise(BLOCKAGE)
        if self.room.surroundings.hose_torn and self._whole(df.RUPTURE_RESPONSE):
            self._raise(df.RUPTURE)
        if self.motor.turning and self.motor.left_nl <= 0.0:
            self._raise(df.LEVEL)

    def _raise(self, bit: int) -> None:
        self.errors |= 1 << bit
        self.motor.halt()

    def _expires_ns(self) -> int | None:
        """When silence stops the pump; None where nothing would."""
        armed = self._whole(df.START_STOP) == df.ACTIVE | df.TIMEOUT_STOPS
        timeout_ms = self._whole(df.BUS_TIMEOUT)
        if not (self.powered and armed and timeout_ms):
            return None
        return self._heard_ns + timeout_ms * NS_PER_MS

    def _start_stop(self, value: int) -> None:
        self.held[df.START_STOP] = value
        if not value & df.ACTIVE:
            self.motor.halt()
        elif self._mode() is df.Mode.MANUAL:
            self._change_mode(df.Mode.MANUAL)

    def _change_mode(self, mode: df.Mode) -> None:
        self.held[df.TARGET_MODE] = mode.value
        self.motor.halt()
        if mode is df.Mode.MANUAL and self._ready():
            self.motor.turn_at(float(self.held[df.TARGET_RATE]) * NL_PER_L)

    def _mode(self) -> df.Mode:
        return df.Mode(self._whole(df.TARGET_MODE))

    def _ready(self) -> bool:
        started = bool(self._whole(df.START_STOP) & df.ACTIVE)
        return started and not self.errors and not self.hose_change

    def _trigger(self) -> None:
        if not self._ready() or self._mode() is not df.Mode.BATCH:
            return
        volume_nl = float(self.held[df.BATCH_VOLUME]) * NL_PER_L
        kept_nl = self.motor.unfinished_nl if self.batch_memory else 0.0
        self.motor.begin(volume_nl, self._whole(df.BATCH_TIME), kept_nl)

    def _acknowledge(self) -> None:
        """Errors whose cause is gone are gone."""
        torn = bool(self.room.surroundings.hose_torn)
        dry = self.motor.left_nl <= 0.0
        self.errors = torn << df.RUPTURE | dry << df.LEVEL

    def _turn_round(self) -> None:
        self.motor.backwards = bool(self._whole(df.DIRECTION))
        self.motor.turn()

    def _whole(self, register: Register) -> int:
        return int(self.held[register])

    def _status(self) -> int:
        motor = self.motor
        stopped = not self._whole(df.START_STOP) & df.ACTIVE
        bits = {
            df.RUNNING: motor.turning,
            df.READY: not stopped and not self.errors,
            df.ERROR: bool(self.errors),
            df.WARNING: bool(self._warnings()),
            df.MANUAL_STOP: motor.key_stopped,
            df.STOPPED: (stopped or bool(self.errors)) and not motor.turning,
            df.PRIMING: motor.state is State.PRIMING,
            df.HOSE_CHANGE: self.hose_change,
            df.BATCH_MEMORY: self.batch_memory,
            df.COUNTER_CLOCKWISE: motor.backwards,
        }
        return sum(1 << bit for bit, on in bits.items() if on)

    def _warnings(self) -> int:
        low = 0.0 < self.motor.left_nl < LOW_NL
        torn = bool(self.room.surroundings.hose_torn) and not self._whole(df.RUPTURE_RESPONSE)
        return int(low) << 0 | int(torn) << 1 | self.standing_warnings

    def _readings(self) -> tuple[tuple[Register, Value], ...]:
        motor = self.motor
        batch = self._mode() is df.Mode.BATCH
        sub_mode = 1 if motor.state is State.PRIMING else 3 if batch else 0
        return (
            (df.STATUS, self._status()),
            (df.ERRORS, self.errors),
            (df.MORE_ERRORS, 0),
            (df.WARNINGS, self._warnings()),
            (df.RATE, motor.rate_nl_h / NL_PER_L),
            (df.RATE_MAX, RATE_MAX_L_H),
            (df.MODE, self._whole(df.TARGET_MODE)),
            (df.SUB_MODE, sub_mode),
            (df.POWER_UPS, self.power_ups),
            (df.OPERATING_TIME, self.room.now_ns // NS_PER_S),
            (df.REVOLUTIONS, motor.total_halves // 2),
            (df.DELETABLE_REVOLUTIONS, motor.counted_halves // 2),
            (df.TOTAL, motor.total_halves * motor.half_nl / NL_PER_L),
            (df.QUANTITY, motor.counted_halves * motor.half_nl / NL_PER_L),
            (df.REMAINING, motor.remaining_nl / NL_PER_L),
            (df.REVOLUTION, 2 * motor.half_nl / NL_PER_L if motor.total_halves else 0.0),
        )

    def _words(self, wanted: range) -> dict[int, int]:
        """The words there are among those wanted, by their addresses in a frame."""
        words: dict[int, int] = {}
        for register, value in chain(self.held.items(), self._readings()):
            first = self.meanings.place(register)
            if first < wanted.stop and first + register.words > wanted.start:
                words.update(enumerate(self.meanings.words(register, value), first))
        return words


def _allowed(register: Register, value: Value) -> bool:
    if isinstance(value, str) or value < 0:
        return False
    if register.codes and value not in {code.value for code in register.codes}:
        return False
    least, most = register.least or 0, register.most
    return value >= least and (most is None or value <= most)


def _nothing(_pump: DulcoFlexFirmware) -> None:
    """A register that is only held."""


_ACTS: Final[dict[Register, Callable[[DulcoFlexFirmware], None]]] = {
    df.START_STOP: lambda pump: pump._start_stop(pump._whole(df.START_STOP)),
    df.TRIGGER: DulcoFlexFirmware._trigger,
    df.ACKNOWLEDGE: DulcoFlexFirmware._acknowledge,
    df.DIRECTION: DulcoFlexFirmware._turn_round,
    df.TARGET_MODE: lambda pump: pump._change_mode(pump._mode()),
    df.CLEAR: lambda pump: pump.motor.clear(),
}
"""What a write sets off beside being held."""
