"""A scripted NE-1000: just enough to be talked to, and made to misbehave by command text.

It is no simulator: it checks nothing, and it moves only if a test says so.
"""

import asyncio

from protocols.new_era import (
    BadPacket,
    Mode,
    PumpDeframer,
    Reply,
    encode_reply,
)
from tests.drivers.wire import Wire

FACTORY = {
    "PF": "1", "AL": "0", "TRG": "FT", "DIA": "10.00", "PHN": "1", "RAT": "1.000MM",
    "VOL": "0.000UL", "DIR": "WDR", "VER": "NE1000V3.928", "SAF": "0", "BUZ": "0",
}  # fmt: skip
DELAY_S = 0.02


class ScriptedPump:
    """A pump that is made to misbehave; ``heard`` holds (time, mode, text).

    Faults: ``lose``, ``late``, ``twice``, ``instead``, ``before``, ``after`` map a command's text
    to what happens to its reply, each time.
    """

    def __init__(self, address=0):
        self.wire = Wire(self._hear)
        self.address = address
        self.deframer = PumpDeframer()
        self.held = dict(FACTORY)
        self.functions = {}
        self.prompt = "S"
        self.alarm = None
        self.infused = "0.000"
        self.mode = Mode.SAFE
        self.heard = []
        self.lose, self.late, self.instead = set(), {}, {}
        self.twice, self.before, self.after = set(), {}, {}
        self.silent = False

    @property
    def texts(self):
        return [text for _, _, text in self.heard]

    def forget(self):
        self.heard.clear()

    def alarm_now(self, letter, after_s=0.0):
        """Auto-Alarm: sent unasked, and not acknowledged by that."""
        self.alarm = letter
        self.prompt = "S"
        self.wire.say(self._packet(Reply(self.address, None, letter)), after_s)

    def _hear(self, data):
        for frame in self.deframer.feed(data):
            assert not isinstance(frame, BadPacket), frame
            text = frame.command.text
            self.heard.append((asyncio.get_running_loop().time(), frame.mode, text))
            if self.silent:
                continue
            reply = self._carry_out(text)
            if text not in self.lose:
                self._say(text, reply)

    def _say(self, text, reply):
        for extra in self.before.get(text, ()):
            self.wire.say(self._packet(extra), DELAY_S)
        packet = self.instead.get(text, self._packet(reply))
        packet = packet if isinstance(packet, bytes) else self._packet(packet)
        extra = b"".join(self._packet(one) for one in self.after.get(text, ()))
        copies = 2 if text in self.twice else 1
        self.wire.say(packet * copies + extra, self.late.get(text, DELAY_S))

    def _packet(self, reply):
        return encode_reply(reply, self.mode)

    def _carry_out(self, text):
        name, value = split(text)
        if name == "SAF" and value:
            self.mode = Mode.SAFE if int(value) else Mode.BASIC
        if self.alarm is not None:
            letter, self.alarm = self.alarm, None
            return Reply(self.address, None, letter)
        handler = getattr(self, f"_do_{name.lower()}", None)
        if handler is not None:
            return handler()
        if value:
            self._hold(name, value)
            return Reply(self.address, self.prompt)
        if name == "FUN":
            return Reply(self.address, self.prompt, data=self.functions[self.held["PHN"]])
        return Reply(self.address, self.prompt, data=self.held[name] if name else "")

    def _hold(self, name, value):
        if name == "FUN":
            self.functions[self.held["PHN"]] = value
        elif name == "VOL":
            number, unit = self.held["VOL"][:-2], self.held["VOL"][-2:]
            self.held["VOL"] = number + value if value in ("UL", "ML") else value + unit
        elif name == "RAT" and value[-1].isdigit():
            self.held["RAT"] = value + self.held["RAT"][-2:]
        elif name != "CLD":
            self.held[name] = value

    def _do_dis(self):
        return Reply(self.address, self.prompt, data=f"I{self.infused}W0.000ML")

    def _do_run(self):
        self.prompt = "I"
        return Reply(self.address, "I")

    def _do_stp(self):
        if self.prompt == "S":
            return Reply(self.address, "S", error="?NA")
        self.prompt = "S" if self.prompt == "P" else "P"
        return Reply(self.address, self.prompt)


def split(text):
    """Command name and parameter."""
    size = 2 if text[:2] in ("PF", "AL") else 3
    return text[:size], text[size:]
