"""Single exchanges with one DULCO flex Control: read, set, stop once; and its errors as alarms.

Knows which answers mean done, refused, alarmed. Does not know in which order things are said.

The pump says nothing by itself and keeps an error until it is acknowledged, so an alarm is told
once: when its bit is first seen.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from drivers.modbus import DeviceRefused, ModbusBus
from drivers.pump_errors import PumpRefused, ReadbackMismatch
from drivers.request import Kind, NoReply
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.dulco_flex_rules import (
    SHIFTS,
    Identification,
    Inconsistent,
    Layout,
    PumpReading,
    identify,
    read_block,
    settle,
)
from firmware_interfaces.readings import PumpAlarm, PumpStatus
from firmware_interfaces.register import Bank, Register, Value, decode, encode

Guard = Callable[[], None]


def _always() -> None:
    """No condition."""


class DulcoFlexLine:
    """The pump with address ``unit`` on ``bus``; ``on_alarm`` is given alarms that no call returns.

    Nothing can be said before the layout is settled: the first exchange settles it.
    """

    def __init__(
        self, bus: ModbusBus, unit: int, setup: Setup, on_alarm: Callable[[PumpStatus], None]
    ) -> None:
        self._bus, self._unit, self._setup = bus, unit, setup
        self._on_alarm = on_alarm
        bus.join(unit)
        self._layout: Layout | None = None
        self._told: frozenset[str] = frozenset()
        self._power_ups: int | None = None
        self.reset_seen = False
        """True once the pump was switched on anew; whoever has dealt with it sets it back."""

    @property
    def epoch(self) -> int:
        """The newest epoch opened."""
        return self._bus.exchange.epoch

    @property
    def links(self) -> int:
        """How often the line has been opened."""
        return self._bus.exchange.links

    def open_epoch(self, epoch: int) -> None:
        """Drop queued and later writes of older epochs."""
        self._bus.exchange.open_epoch(epoch)

    def forget_loss(self) -> None:
        """Start anew after a hang-up that nobody has been told of."""
        self._bus.exchange.forget_loss()

    @property
    def strays(self) -> int:
        """How many answers of this unit nobody had asked for."""
        return self._bus.strays[self._unit]

    async def close(self) -> None:
        """Leave the line; the last one closes it."""
        await self._bus.leave(self._unit)

    async def identify(self) -> Identification:
        """Settle the layout anew and prove who answers.

        Raises Inconsistent, DeviceRefused, NoReply, LinkLost, PortError.
        """
        layout = self._layout = await self._settle(Kind.READ)
        first, count = df.PRODUCT, df.SOFTWARE.end - df.PRODUCT.address
        words = await self._bus.read(self._unit, Bank.HOLDING, layout.address(first), count)
        return identify(words.values, layout, self._setup)

    async def status(
        self, kind: Kind = Kind.READ, guard: Guard = _always
    ) -> tuple[PumpStatus, PumpReading, list[PumpAlarm]]:
        """One block: status without alarm, all that it says, and what was not told before.

        Raises PumpRefused, ReadbackMismatch for a block that cannot be, NoReply, LinkLost.
        """
        layout = await self._settled(kind)
        address = layout.address(df.STATUS)
        try:
            words = await self._bus.read(
                self._unit, Bank.HOLDING, address, df.READING_WORDS, kind=kind, guard=guard
            )
            reading = read_block(words.values, layout, self._setup)
        except DeviceRefused as error:
            raise PumpRefused("status", str(error)) from error
        except Inconsistent as error:
            raise ReadbackMismatch(error.register, error.expected, error.seen, "") from error
        status = PumpStatus(
            motion=reading.motion,
            alarm=None,
            infused_nl=reading.infused_nl,
            withdrawn_nl=None,
            counter_step_nl=reading.step_nl,
            asked_ns=words.asked_ns,
            read_ns=words.read_ns,
        )
        return status, reading, self._fresh(reading)

    async def quiet_status(self, kind: Kind = Kind.READ) -> tuple[PumpStatus, PumpReading]:
        """One block; what was not told before is reported."""
        status, reading, fresh = await self.status(kind)
        self.report(status, fresh)
        return status, reading

    async def value(self, register: Register, guard: Guard = _always) -> Value:
        """What a register holds. Raises PumpRefused, ReadbackMismatch, NoReply, LinkLost."""
        layout = await self._settled(Kind.READ)
        address = layout.address(register)
        try:
            words = await self._bus.read(
                self._unit, Bank.HOLDING, address, register.words, guard=guard
            )
            return decode(register, words.values, layout.order)
        except DeviceRefused as error:
            raise PumpRefused(register.name, str(error)) from error
        except ValueError as error:
            raise ReadbackMismatch(register.name, "a value", str(error), register.unit) from error

    async def set(
        self, register: Register, value: Value, epoch: int, guard: Guard = _always
    ) -> None:
        """Write one register, once. Raises PumpRefused, WriteLost, StaleEpoch, LinkLost."""
        layout = await self._settled(Kind.READ)
        words = encode(register, value, layout.order)
        try:
            await self._bus.write(self._unit, layout.address(register), words, epoch, guard=guard)
        except DeviceRefused as error:
            raise PumpRefused(f"{register.name} = {value}", str(error)) from error

    async def stop_once(self) -> PumpStatus:
        """Clear the start bit, leave the bus time-out on, then ask. Alarms seen are reported.

        One that met another device's late answer on the wire is said again at once.
        """
        address = (await self._settled(Kind.HEALTH)).address(df.START_STOP)
        for _ in range(2):
            with contextlib.suppress(NoReply):
                await self._bus.write(self._unit, address, (df.TIMEOUT_STOPS,), 0, kind=Kind.STOP)
                break
        status, _ = await self.quiet_status(Kind.HEALTH)
        return status

    def report(self, status: PumpStatus, alarms: Sequence[PumpAlarm]) -> None:
        """Give alarms to whoever records them, before anything else is asked."""
        for alarm in alarms:
            self._on_alarm(replace(status, alarm=alarm))

    def _fresh(self, reading: PumpReading) -> list[PumpAlarm]:
        """A power-up that nobody commanded, then each fault whose bit was not seen last time."""
        fresh = [alarm for name, alarm in reading.faults if name not in self._told]
        self._told = frozenset(name for name, _ in reading.faults)
        if self._power_ups not in (None, reading.power_ups):
            self.reset_seen = True
            fresh.insert(0, PumpAlarm.RESET)
        self._power_ups = reading.power_ups
        return fresh

    async def _settled(self, kind: Kind) -> Layout:
        if self._layout is None:
            self._layout = await self._settle(kind)
        return self._layout

    async def _settle(self, kind: Kind) -> Layout:
        return settle({shift: await self._pattern(shift, kind) for shift in SHIFTS})

    async def _pattern(self, shift: int, kind: Kind) -> tuple[int, ...] | None:
        address = df.ENDIANNESS.address + shift
        try:
            words = await self._bus.read(
                self._unit, Bank.HOLDING, address, df.ENDIANNESS.words, kind=kind
            )
        except DeviceRefused:
            return None
        return words.values
