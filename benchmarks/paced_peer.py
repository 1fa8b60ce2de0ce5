"""A pump's end of two ptys, as slow as a wire: 19200 8N1, byte by byte, in a process of its own.

It knows when each byte of an answer would be complete on a real line and spins until then, because
a timer of the kernel rounds to a millisecond. It holds no pump: each question has one answer.
"""

import json
import os
import sys
import time
import tty
from dataclasses import dataclass, field
from typing import Final

from drivers.new_era_words import wire_ns
from protocols.new_era import CommandFrame, PumpDeframer, Reply, encode_reply

ADDRESS: Final = 10
"""Two digits, as in the wire times of the manual's examples."""
BAUD: Final = 19200
STOPPED: Final = "S"
ANSWERS: Final = {"": "", "DIS": "I5.000W0.000ML"}


def answer(heard: CommandFrame) -> bytes:
    """The one reply to ``heard``, in the framing in which it was asked."""
    data = ANSWERS[heard.command.text]
    return encode_reply(Reply(ADDRESS, STOPPED, data=data), heard.mode)


@dataclass(slots=True)
class PacedLine:
    """One pty whose other end is at ``path``; answers when looked at."""

    master: int
    path: str
    deframer: PumpDeframer = field(default_factory=PumpDeframer)

    def look(self) -> None:
        """Answer what has been asked; returns when the last byte has left."""
        try:
            heard = os.read(self.master, 4096)
        except BlockingIOError:
            return
        begun_ns = time.perf_counter_ns()
        for frame in self.deframer.feed(heard):
            if isinstance(frame, CommandFrame):
                self._say(answer(frame), begun_ns, len(frame.raw))

    def _say(self, reply: bytes, begun_ns: int, asked: int) -> None:
        for number, byte in enumerate(reply, asked + 1):
            due_ns = begun_ns + wire_ns(number, BAUD)
            while time.perf_counter_ns() < due_ns:
                pass
            os.write(self.master, bytes((byte,)))


def opened() -> PacedLine:
    """A fresh pty; the far end stays open here too, so that it outlives each client."""
    master, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(master, False)
    return PacedLine(master, os.ttyname(far))


def main() -> None:
    """Print the two paths as JSON, then answer until the parent is gone."""
    lines = opened(), opened()
    sys.stdout.write(json.dumps([line.path for line in lines]) + "\n")
    sys.stdout.flush()
    parent = os.getppid()
    while os.getppid() == parent:
        for line in lines:
            line.look()


if __name__ == "__main__":
    main()
