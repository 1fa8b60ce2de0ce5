"""Single exchanges with one New Era pump: ask, set, stop once; and its alarms, asked for or not.

Knows which replies mean done, refused, alarmed. Does not know in which order things are said.

Every packet is Safe-framed, in either mode: a command then carries a checksum, and a Basic-mode
pump takes it too (pumps.md 1.4). Only a STOP is now and then tried in Basic framing.
"""

import contextlib
from collections.abc import Callable
from typing import TypeVar

from drivers.new_era_bus import NewEraBus
from drivers.new_era_words import (
    Heard,
    reply_of,
    reply_within_ns,
    status_of,
    verdict,
)
from drivers.pump_errors import PumpAlarmed, PumpRefused, ReadbackMismatch
from drivers.request import Answer, Kind, NoReply, Request
from firmware_interfaces.readings import PumpAlarm, PumpStatus
from firmware_interfaces.units import Nanoseconds
from protocols.new_era import Command, Mode, Noise, ReplyFrame, encode_command

T = TypeVar("T")
Guard = Callable[[], None]


def _always() -> None:
    """No condition."""


class NewEraLine:
    """The line to the pump at ``address``; ``on_alarm`` is given alarms that no call returns."""

    def __init__(
        self,
        bus: NewEraBus,
        address: int,
        on_alarm: Callable[[PumpStatus], None],
    ) -> None:
        self._address = address
        self._bus = bus
        self._baud = bus.baud
        self._on_alarm = on_alarm
        self._exchange = bus.exchange
        bus.join(address, self._unasked)
        self.armed = False
        """True from ``SAFn``: a reply in Basic framing then means that no watchdog runs."""
        self.reset_seen = False
        """True once the pump reported a reset; whoever has dealt with it sets it back."""

    @property
    def epoch(self) -> int:
        """The newest epoch opened."""
        return self._exchange.epoch

    @property
    def links(self) -> int:
        """How often the line has been opened."""
        return self._exchange.links

    def open_epoch(self, epoch: int) -> None:
        """Drop queued and later writes of older epochs."""
        self._exchange.open_epoch(epoch)

    def forget_loss(self) -> None:
        """Start anew after a hang-up that nobody has been told of."""
        self._exchange.forget_loss()

    @property
    def strays(self) -> int:
        """How many answers of this pump nobody had asked for."""
        return self._bus.strays[self._address]

    async def close(self) -> None:
        """Leave the line; the last one closes it."""
        await self._bus.leave(self._address)

    async def status(self) -> PumpStatus:
        """Prompt or alarm, without a counter. Raises NoReply, LinkLost, PortError."""
        status = status_of(await self._ask("", "", Kind.READ))
        self._note(status)
        return status

    async def counter(self, guard: Guard) -> PumpStatus:
        """Prompt and counter (DIS), asked once; an alarm comes back as a status."""
        answer = await self._ask("DIS", "DIS", Kind.HEALTH, guard=guard)
        status = status_of(answer)
        self._note(status)
        self._demand_safe(answer)
        if status.alarm is None and status.infused_nl is None:
            raise PumpRefused("DIS", reply_of(answer).error or reply_of(answer).data)
        return status

    async def query(self, name: str, guard: Guard = _always) -> str:
        """Data of a query. Raises PumpAlarmed, PumpRefused, NoReply, ReadbackMismatch."""
        return self._done(name, await self._ask(name, name, Kind.READ, guard=guard))

    async def if_told(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Worth of a query's data, None if the pump will not say; an alarm is only in the way."""
        for _ in range(2):
            try:
                return parse(await self.query(name))
            except PumpAlarmed as alarmed:
                self.report(alarmed.status)
            except (NoReply, PumpRefused, ValueError):
                return None
        return None

    async def set(self, text: str, epoch: int, guard: Guard = _always) -> None:
        """Send one setting or RUN, once. Raises PumpAlarmed, PumpRefused, WriteLost, StaleEpoch."""
        self._done(text, await self._ask(text, "", Kind.WRITE, epoch=epoch, guard=guard))

    async def stop_once(self, mode: Mode) -> PumpStatus:
        """STP twice (pause, then reset of the program), then ask. Alarms seen are reported."""
        for _ in range(2):
            with contextlib.suppress(NoReply):
                self._report_alarm(status_of(await self._ask("STP", "", Kind.STOP, mode=mode)))
        status = status_of(await self._ask("", "", Kind.HEALTH, mode=mode))
        self._report_alarm(status)
        return status

    def report(self, status: PumpStatus) -> None:
        """Give an alarm to whoever records it, before anything else is asked."""
        self._note(status)
        self._on_alarm(status)

    def _report_alarm(self, status: PumpStatus) -> None:
        if status.alarm is not None:
            self.report(status)

    def _note(self, status: PumpStatus) -> None:
        if status.alarm is PumpAlarm.RESET:
            self.reset_seen = True

    def _done(self, command: str, answer: Answer[Heard]) -> str:
        status, reply = status_of(answer), reply_of(answer)
        self._note(status)
        if status.alarm is not None:
            raise PumpAlarmed(command, status)
        self._demand_safe(answer)
        if reply.error is not None:
            raise PumpRefused(command, reply.error)
        return reply.data

    def _demand_safe(self, answer: Answer[Heard]) -> None:
        frame = answer.frame
        if self.armed and isinstance(frame, ReplyFrame) and frame.mode is Mode.BASIC:
            raise ReadbackMismatch("framing", "safe", "basic", "")

    async def _ask(
        self,
        text: str,
        query: str,
        kind: Kind,
        *,
        mode: Mode = Mode.SAFE,
        epoch: int = 0,
        guard: Guard = _always,
    ) -> Answer[Heard]:
        data = encode_command(Command(text, self._address), mode)
        request: Request[Heard] = Request(
            what=text or "status",
            data=data,
            kind=kind,
            match=lambda frame: verdict(frame, self._address, query),
            within_ns=reply_within_ns(data, self._baud),
            epoch=epoch,
            guard=guard,
        )
        return await self._exchange.ask(request)

    def _unasked(self, frame: Heard, at_ns: Nanoseconds) -> bool:
        """Auto-Alarm is the only thing this pump says by itself (1200-01, 10.2.3)."""
        if isinstance(frame, Noise) or frame.reply.alarm is None:
            return False
        self.report(status_of(Answer(frame, at_ns, at_ns)))
        return True
