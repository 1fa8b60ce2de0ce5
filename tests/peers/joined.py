"""Two ptys joined back to back, so that two programs that both open a serial port can meet."""

import asyncio
import os
import pty
import tty
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def joined_ptys() -> Iterator[tuple[str, str]]:
    """The names of both ends. What is written to one is read from the other."""
    loop = asyncio.get_running_loop()
    (one, one_end), (other, other_end) = pty.openpty(), pty.openpty()
    for end in (one_end, other_end):
        tty.setraw(end)
    loop.add_reader(one, lambda: os.write(other, os.read(one, 4096)))
    loop.add_reader(other, lambda: os.write(one, os.read(other, 4096)))
    try:
        yield os.ttyname(one_end), os.ttyname(other_end)
    finally:
        for side in (one, other):
            loop.remove_reader(side)
        for end in (one, one_end, other, other_end):
            os.close(end)
