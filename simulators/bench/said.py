"""What was said on a pump's wire, in one set of words for every kind of pump.

The words are an NE-1000's: ``RUN``, ``STP``, ``RAT``, ``VOL``, "" for a status. Bytes are taken
apart by each wire's own grammar; what they mean for the plunger is the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex_rules import Inconsistent, Layout, PumpReading, read_block
from firmware_interfaces.new_era import INTER_BYTE_TIMEOUT_NS
from firmware_interfaces.readings import Motion, PumpAlarm
from firmware_interfaces.register import Register, WordOrder, decode
from protocols.modbus import Deframer, Frame
from protocols.modbus_messages import (
    ReadRegisters,
    Registers,
    Side,
    WriteRegister,
    WriteRegisters,
)
from protocols.new_era import CommandFrame, HostDeframer, Mode, PumpDeframer, Reply, ReplyFrame
from simulators.bench.streams import Seen

NL_PER_ML: Final = 1e6
S_PER_H: Final = 3600.0
ML_PER_L: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Said:
    """One good frame on the pump's wire: a command's text, or the pump's reply; Safe or Basic."""

    at_ns: int
    text: str
    safe: bool
    reply: Reply | None = None

    @property
    def watchdog_s(self) -> int | None:
        """The watchdog that this command arms, 0 for none; None if it is another command."""
        arms = self.text.startswith("SAF") and self.text != "SAF"
        return int(self.text[3:]) if arms else None


def commands(kind: str, tcp: bool, seen: Iterable[Seen], address: int) -> Iterator[Said]:
    """What the host said, in its order, to the pump at ``address`` of a line it may share."""
    return _batches(tcp, seen, address) if kind == "dulcoflex" else _commands(seen, address)


def answers(kind: str, tcp: bool, seen: Iterable[Seen], address: int) -> Iterator[Said]:
    """What that pump said, in its order."""
    return _readings(tcp, seen, address) if kind == "dulcoflex" else _replies(seen, address)


def _commands(seen: Iterable[Seen], address: int) -> Iterator[Said]:
    frames, last_ns = PumpDeframer(), 0
    for one in seen:
        if one.at_ns - last_ns >= INTER_BYTE_TIMEOUT_NS:
            frames.discard_partial()
        last_ns = one.at_ns
        for frame in frames.feed(one.data):
            if isinstance(frame, CommandFrame) and frame.command.address == address:
                yield Said(one.at_ns, frame.command.text, frame.mode is Mode.SAFE)


def _replies(seen: Iterable[Seen], address: int) -> Iterator[Said]:
    frames = HostDeframer()
    for one in seen:
        for frame in frames.feed(one.data):
            if isinstance(frame, ReplyFrame) and frame.reply.address == address:
                yield Said(one.at_ns, "", frame.mode is Mode.SAFE, frame.reply)


# --- DULCO flex -----------------------------------------------------------------------------------

LAYOUT: Final = Layout(0, WordOrder.HIGH_FIRST)
"""Of every simulated pump that was not altered."""
SETTINGS: Final = {register.address: register for register in df.SETTINGS}
PROMPT: Final = {
    Motion.INFUSING: "I", Motion.WITHDRAWING: "W", Motion.STOPPED: "S", Motion.PAUSED: "P",
    Motion.PURGING: "X", Motion.WAITING: "U",
}  # fmt: skip
ACKNOWLEDGED: Final = "ACK"
"""Errors whose cause is gone were cleared: nothing that a pump would do is set by that."""
OTHER_SETTING: Final = "DIRINF"
"""Whatever else is set: a setting that moves nothing."""


def _batches(tcp: bool, seen: Iterable[Seen], unit: int) -> Iterator[Said]:
    frames, volume_ml = Deframer(Side.DEVICE, tcp=tcp, units=[unit]), 0.0
    for at_ns, message in _messages(frames, seen):
        match message:
            case ReadRegisters(address=df.STATUS.address):
                yield Said(at_ns, "", safe=True)
            case ReadRegisters(address=address):
                yield Said(at_ns, f"register {address}", safe=True)
            case WriteRegister(address=address, value=value):
                yield Said(at_ns, _written(SETTINGS.get(address), value, volume_ml), safe=True)
            case WriteRegisters(address=df.BATCH_VOLUME.address, values=values):
                litres = decode(df.BATCH_VOLUME, values, LAYOUT.order)
                volume_ml = float(litres) * ML_PER_L
                yield Said(at_ns, f"VOL{volume_ml:.6f}", safe=True)


def _written(register: Register | None, value: int, volume_ml: float) -> str:
    """The words for one register that was set."""
    if register is df.TRIGGER:
        return "RUN"
    if register is df.START_STOP:
        return "register start" if value & df.ACTIVE else "STP"
    if register is df.ACKNOWLEDGE:
        return ACKNOWLEDGED
    if register is df.BATCH_TIME:
        return f"RAT{volume_ml / max(value, 1) * S_PER_H:.6f}MH"
    return OTHER_SETTING


def _readings(tcp: bool, seen: Iterable[Seen], unit: int) -> Iterator[Said]:
    """Each block of readings. An error stands on: it is an alarm when it is first shown."""
    frames, known = Deframer(Side.HOST, tcp=tcp, units=[unit]), frozenset[str]()
    for at_ns, message in _messages(frames, seen):
        if isinstance(message, Registers) and len(message.values) == df.READING_WORDS:
            try:
                block = read_block(message.values, LAYOUT, df.Setup())
            except Inconsistent:
                continue
            yield Said(at_ns, "", safe=True, reply=_reply(block, known))
            known = frozenset(name for name, _ in block.faults)


def _reply(block: PumpReading, known: frozenset[str]) -> Reply:
    fresh = [alarm for name, alarm in block.faults if name not in known]
    alarms = [alarm for alarm in fresh if alarm is not PumpAlarm.NEAR_EMPTY]
    if alarms:
        return Reply(0, None, "S" if alarms[0] is PumpAlarm.STALL else "E")
    data = f"I{block.infused_nl / NL_PER_ML:.6f}W0.000ML"
    return Reply(0, PROMPT[block.motion], data=data)


def _messages(frames: Deframer, seen: Iterable[Seen]) -> Iterator[tuple[int, object]]:
    for one in seen:
        for found in frames.feed(one.data):
            if isinstance(found, Frame):
                yield one.at_ns, found.message
