"""An NE-1000 as its host sees it: framing, Safe mode, watchdog, alarms, power and keypad.

The program and its screw are ``new_era_motor``, the commands ``new_era_commands``. Conduct after
pumps.md 1; where its sources leave a choice, the docstring says what is chosen. Every method is
told the time.
"""

import re
from typing import Final

from protocols.new_era import (
    STX,
    BadPacket,
    Command,
    Mode,
    PacketFault,
    PumpDeframer,
    Reply,
    encode_reply,
)
from simulators.devices.new_era_commands import NOT_APPLICABLE, OUT_OF_RANGE, UNKNOWN, find
from simulators.devices.new_era_motor import Defects, Program, State
from simulators.devices.new_era_settings import PHASES, Meanings, Settings, parse_count
from simulators.devices.room import Bay, Room

INTER_BYTE_NS: Final = 500_000_000
BAUDS: Final = (300, 1200, 2400, 9600, 19200)
QUERIES: Final = frozenset(("RAT", "VOL", "DIA", "SAF", "TRG"))
"""These ask when they stand alone; every other bare command does something."""
STOP_TRIGGERS: Final = frozenset(("SP", "P2"))
_ADDRESS: Final = re.compile(r"ADR([0-9]{1,2})?(?:B([0-9]+))?")


class Ne1000Firmware:
    """One pump on a room's drive, switched on from the start with its reset alarm pending.

    ``feed`` and ``process`` return what it puts on the wire. Chosen where sources are silent: in
    Safe mode a Basic line is not heard at all; noise cut off by an STX is not answered, every other
    broken packet is with ``?COM`` and neither restarts the watchdog nor acknowledges an alarm; of
    two alarms the first stays pending.
    """

    def __init__(
        self, room: Room | Bay, now_ns: int = 0, meanings: Meanings | None = None, address: int = 0
    ) -> None:
        self.bay = room.bay if isinstance(room, Room) else room
        self.room = self.bay.room
        self.settings = Settings(meanings=meanings or Meanings(), address=address)
        self.defects = Defects()
        self.deaf_to: set[str] = set()
        self.program = Program(self.bay, self.settings, self.defects)
        self.powered = True
        self.alarm: str | None = "R"
        self._was_running = False
        self._deframer = PumpDeframer()
        self._last_byte_ns = now_ns
        self._expires_ns: int | None = None
        self._unasked = b""

    @property
    def baud(self) -> int:
        """Line speed of the next byte it sends."""
        return self.settings.baud

    @property
    def bits_per_character(self) -> int:
        """8N1: start, eight data, stop."""
        return 10

    @property
    def mode(self) -> Mode:
        """Framing of the next reply."""
        return Mode.SAFE if self.settings.safe_s else Mode.BASIC

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """Hear ``data``, complete at ``now_ns``; returns unasked bytes due, then the replies."""
        out = self.process(now_ns)
        if not self.powered:
            return out
        if now_ns - self._last_byte_ns >= INTER_BYTE_NS:
            self._drop_stale_packet()
        self._last_byte_ns = now_ns
        for heard in self._deframer.feed(data):
            if isinstance(heard, BadPacket):
                out += self._refuse(heard)
            elif heard.mode is Mode.SAFE or self.mode is Mode.BASIC:
                out += self._answer(heard.command, now_ns)
        return out + self._take_unasked()

    def process(self, now_ns: int) -> bytes:
        """Advance pump and room to ``now_ns``; returns alarm packets sent unasked (Safe mode)."""
        if not self.powered:
            self.room.process(now_ns)
            return b""
        expires = self._expires_ns
        if expires is not None and expires <= now_ns:
            self._raise(self.program.advance(expires))
            self._expires_ns = None
            self.program.reset()
            self._raise("T")
        self._raise(self.program.advance(now_ns))
        return self._take_unasked()

    def quiet(self, now_ns: int) -> bool:
        """True if it says nothing by itself until ``now_ns``: `process` may wait until then."""
        expires = self._expires_ns
        due = expires is not None and expires <= now_ns
        return not (self.powered and (due or self._unasked or not self.program.quiet(now_ns)))

    def power_off(self, now_ns: int) -> None:
        """Pull the plug: the screw stands, everything volatile is gone."""
        self.process(now_ns)
        self._was_running = self.program.state is State.RUNNING
        self.bay.set_speed(0.0)
        self.powered = False
        self.alarm, self._expires_ns, self._unasked = None, None, b""

    def power_on(self, now_ns: int) -> bytes:
        """Counters are zero and the reset alarm pends, unless PF restarts the program instead.

        In Safe mode the alarm goes out at once, and the watchdog waits for the first valid packet.
        """
        self.room.process(now_ns)
        self.powered = True
        self.program = Program(self.bay, self.settings, self.defects)
        self._deframer.discard_partial()
        if self.settings.flags["PF"] and self._was_running:
            self._raise(self.program.run(None))
        else:
            self._raise("R")
        return self._take_unasked()

    def power_cycle(self, now_ns: int) -> bytes:
        """Off and on again at the same moment."""
        self.power_off(now_ns)
        return self.power_on(now_ns)

    def move_to(self, address: int) -> None:
        """Give it another address, as at its keys."""
        self.settings.address = address

    def keypad_start_stop(self, now_ns: int) -> bytes:
        """Press the key that starts a resting program, pauses a running one, acknowledges an alarm.

        A locked keypad still stops.
        """
        out = self.process(now_ns)
        if self.alarm is not None:
            self.alarm = None
        elif self.program.moving:
            self.program.pause()
        elif not self.settings.flags["LOC"]:
            self._raise(self.program.run(None))
        return out + self._take_unasked()

    def keypad_rate(self, rate: str, now_ns: int) -> bool:
        """Turn the rate's digits at the keypad; False if locked or refused."""
        self.process(now_ns)
        handler = find("RAT" + rate)
        if self.settings.flags["LOC"] or handler is None:
            return False
        return handler[0](self.settings, self.program, handler[1]) == ""

    def keypad_purge(self, now_ns: int) -> bytes:
        """Hold the purge key: full speed forward, whatever the program says."""
        out = self.process(now_ns)
        self.program.purge()
        return out + self._take_unasked()

    def keypad_withdraw(self, now_ns: int) -> bytes:
        """Stop, turn the direction round and start again at the keypad."""
        out = self.process(now_ns)
        self.program.reset()
        self.settings.phase(1).direction = "WDR"
        self._raise(self.program.run(None))
        return out + self._take_unasked()

    def raise_alarm(self, letter: str, now_ns: int) -> bytes:
        """An alarm out of nowhere: the motor stands, as after every alarm."""
        out = self.process(now_ns)
        self.program.reset()
        self._raise(letter)
        return out + self._take_unasked()

    def trigger_edge(self, now_ns: int) -> bytes:
        """See the trigger input fall: stop-only modes stop, OF does nothing, others toggle."""
        out = self.process(now_ns)
        mode = self.settings.trigger
        if self.program.moving and mode != "OF":
            self.program.pause()
        elif self.alarm is None and mode != "OF" and mode not in STOP_TRIGGERS:
            self._raise(self.program.run(None))
        return out + self._take_unasked()

    def _drop_stale_packet(self) -> None:
        """Only a Safe packet goes stale: a Basic line may be typed by hand."""
        partial = self._deframer.discard_partial()
        if partial[:1] != bytes((STX,)):
            self._deframer.feed(partial)

    def _refuse(self, packet: BadPacket) -> bytes:
        unheard = packet.mode is Mode.BASIC and (
            packet.fault is PacketFault.FRAMING or self.mode is Mode.SAFE
        )
        return b"" if unheard else self._send("?COM")

    def _answer(self, command: Command, now_ns: int) -> bytes:
        if not command.system and (command.address or 0) != self.settings.address:
            return b""
        if self.alarm is not None:
            return self._acknowledge(command, now_ns)
        data = self._execute(command)
        self._rearm(now_ns)
        return self._send(data)

    def _acknowledge(self, command: Command, now_ns: int) -> bytes:
        """The reply is the alarm; the command is not done, except that SAF changes the mode."""
        alarm, self.alarm = self.alarm, None
        if command.text.startswith("SAF"):
            self._safe(command.text[3:])
        self._rearm(now_ns)
        return encode_reply(Reply(self.settings.address, None, alarm), self.mode)

    def _rearm(self, now_ns: int) -> None:
        seconds = self.settings.safe_s
        self._expires_ns = now_ns + seconds * 1_000_000_000 if seconds else None

    def _send(self, data: str) -> bytes:
        error = data if data.startswith("?") else None
        shown = "" if error else data
        reply = Reply(self.settings.address, self.program.prompt, None, error, shown)
        return encode_reply(reply, self.mode)

    def _execute(self, command: Command) -> str:
        text = command.text
        if command.system and text.startswith("ADR"):
            return self._change_address(text)
        if command.system and text == "RESET":
            return self._factory_reset()
        if text == "" or self._is_deaf(text):
            return ""
        if text.startswith("SAF"):
            return self._safe(text[3:])
        if text.startswith("RUN"):
            return self._run(text[3:])
        found = find(text)
        return UNKNOWN if found is None else found[0](self.settings, self.program, found[1])

    def _is_deaf(self, text: str) -> bool:
        """Whether this would change something that the pump only pretends to take."""
        return text[:3] in self.deaf_to and text not in QUERIES

    def _safe(self, text: str) -> str:
        if not text:
            return str(self.settings.safe_s)
        seconds = parse_count(text, 255)
        if seconds is None:
            return OUT_OF_RANGE
        self.settings.safe_s = seconds
        return ""

    def _run(self, text: str) -> str:
        number = parse_count(text, PHASES) if text else None
        if text and not number:
            return OUT_OF_RANGE
        if self.program.moving:
            return NOT_APPLICABLE
        self._raise(self.program.run(number))
        return ""

    def _change_address(self, text: str) -> str:
        match = _ADDRESS.fullmatch(text)
        if match is None or (match[2] and int(match[2]) not in BAUDS):
            return OUT_OF_RANGE
        if match[1]:
            self.settings.address = int(match[1])
        if match[2]:
            self.settings.baud = int(match[2])
        return "" if match[1] or match[2] else f"{self.settings.address:02d}"

    def _factory_reset(self) -> str:
        if self.program.state is not State.STOPPED:
            return NOT_APPLICABLE
        self.settings.phases.clear()
        self.settings.safe_s = self.settings.address = 0
        return ""

    def _raise(self, alarm: str | None) -> None:
        """Make an alarm pend, and in Safe mode send it unasked: that does not acknowledge it."""
        if alarm is None or self.alarm is not None:
            return
        self.alarm = alarm
        if self.mode is Mode.SAFE:
            self._unasked += encode_reply(Reply(self.settings.address, None, alarm), self.mode)

    def _take_unasked(self) -> bytes:
        unasked, self._unasked = self._unasked, b""
        return unasked
