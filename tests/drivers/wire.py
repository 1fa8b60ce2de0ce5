"""An in-memory line with a scripted peer on the other end, and what was put on it, when."""

import asyncio

from drivers.stream import PortError, PortFault


class Wire:
    """The host's end. ``peer(data)`` is called with each write; it speaks through ``say``."""

    def __init__(self, peer=lambda _data: None):
        self.peer = peer
        self.sent = []
        self.dropped = 0
        self.closed = False
        self.jammed = False
        self._arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        self._down = False

    async def read(self):
        if self._down:
            return b""
        data = await self._arrived.get()
        if data == b"":
            self._down = True
        if isinstance(data, OSError):
            raise data
        return data

    async def write(self, data):
        if self.jammed:
            await asyncio.get_running_loop().create_future()
        self.sent.append((asyncio.get_running_loop().time(), data))
        self.peer(data)

    def drop_pending(self):
        self.dropped += 1

    async def close(self):
        self.closed = True
        self._arrived.put_nowait(b"")

    def say(self, data, after_s=0.0):
        """Bytes from the device, ``after_s`` from now."""
        asyncio.get_running_loop().call_later(after_s, self._arrived.put_nowait, data)

    def hang_up(self, error=b""):
        self._arrived.put_nowait(error)

    @property
    def frames(self):
        return [data for _, data in self.sent]


class Port:
    """An opener: hands out the wires it was given, then says that the port is gone."""

    def __init__(self, *wires):
        self.wires = list(wires)
        self.opened = 0

    async def __call__(self):
        if not self.wires:
            raise PortError("/dev/ttyS9", PortFault.ABSENT, "no such file")
        self.opened += 1
        return self.wires.pop(0)
