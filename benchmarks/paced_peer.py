"""A device's end of two ptys, as slow as a wire, byte by byte, in a process of its own.

``python -m benchmarks.paced_peer new-era`` is a pump at 19200 8N1, ``modbus`` a unit at 19200 8E1
that ends a question by silence. It knows when each byte of an answer would be complete on a real
line and spins until then, because a timer of the kernel rounds to a millisecond. It holds no
device: each question has one answer.
"""

import json
import os
import sys
import time
import tty
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.new_era_words import wire_ns
from protocols import modbus
from protocols.modbus_messages import ReadRegisters, Registers, Side
from protocols.new_era import CommandFrame, PumpDeframer, Reply, encode_reply

ADDRESS: Final = 10
"""Two digits, as in the wire times of the manual's examples."""
BAUD: Final = 19200
STOPPED: Final = "S"
ANSWERS: Final = {"": "", "DIS": "I5.000W0.000ML"}


UNIT: Final = 1
MODBUS_BITS: Final = 11
"""8E1: start, eight data, parity, stop."""
SILENCE_NS: Final = round(3.5 * MODBUS_BITS * 1e9 / BAUD)
"""What ends a question on a Modbus line (Serial Line V1.02, 2.5.1.1)."""


def answer(heard: CommandFrame) -> bytes:
    """The one reply to ``heard``, in the framing in which it was asked."""
    data = ANSWERS[heard.command.text]
    return encode_reply(Reply(ADDRESS, STOPPED, data=data), heard.mode)


def registers(heard: modbus.Frame) -> bytes:
    """As many registers as ``heard`` asks for."""
    asked = heard.message
    assert isinstance(asked, ReadRegisters)
    return modbus.encode_rtu(UNIT, Registers(asked.function, tuple(range(asked.count))))


def modbus_ns(characters: int) -> int:
    """What so many characters take at 19200 8E1."""
    return round(characters * MODBUS_BITS * 1e9 / BAUD)


@dataclass(frozen=True, slots=True)
class Tongue:
    """How a device is spoken to, what it answers to a frame, and how slow its line is."""

    deframer: Callable[[], Any]
    frame: type[Any]
    answer: Callable[[Any], bytes]
    taken_ns: Callable[[int], int]
    silence_ns: int = 0


TONGUES: Final[Mapping[str, Tongue]] = {
    "new-era": Tongue(PumpDeframer, CommandFrame, answer, lambda count: wire_ns(count, BAUD)),
    "modbus": Tongue(
        lambda: modbus.Deframer(Side.DEVICE, units=[UNIT]),
        modbus.Frame,
        registers,
        modbus_ns,
        SILENCE_NS,
    ),
}


@dataclass(slots=True)
class PacedLine:
    """One pty whose other end is at ``path``; answers when looked at."""

    master: int
    path: str
    tongue: Tongue
    deframer: Any

    def look(self) -> None:
        """Answer what has been asked; returns when the last byte has left."""
        try:
            heard = os.read(self.master, 4096)
        except BlockingIOError:
            return
        begun_ns = time.perf_counter_ns()
        for frame in self.deframer.feed(heard):
            if isinstance(frame, self.tongue.frame):
                self._say(self.tongue.answer(frame), begun_ns, len(frame.raw))

    def _say(self, reply: bytes, begun_ns: int, asked: int) -> None:
        for number, byte in enumerate(reply, asked + 1):
            due_ns = begun_ns + self.tongue.taken_ns(number) + self.tongue.silence_ns
            while time.perf_counter_ns() < due_ns:
                pass
            os.write(self.master, bytes((byte,)))


def opened(tongue: Tongue) -> PacedLine:
    """A fresh pty; the far end stays open here too, so that it outlives each client."""
    master, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(master, False)
    return PacedLine(master, os.ttyname(far), tongue, tongue.deframer())


def main(name: str) -> None:
    """Print the two paths as JSON, then answer until the parent is gone."""
    tongue = TONGUES[name]
    lines = opened(tongue), opened(tongue)
    sys.stdout.write(json.dumps([line.path for line in lines]) + "\n")
    sys.stdout.flush()
    parent = os.getppid()
    while os.getppid() == parent:
        for line in lines:
            line.look()


if __name__ == "__main__":
    main(sys.argv[1])
