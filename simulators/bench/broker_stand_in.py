"""A broker that is a list: it takes what telemetry publishes and says when it is away.

It stands behind the port `controller.telemetry.Link`. Nobody subscribes; what was said is counted,
and the newest message of each topic kept.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from controller.telemetry import Link, LinkLost, Message


class BrokerStandIn:
    """One broker. ``digest`` is that of all that was ever published, in its order."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.newest: dict[str, Message] = {}
        self._digest = hashlib.sha256()
        self._gone: asyncio.Future[str] | None = None
        self._away = ""
        self._will: Message | None = None
        self.delay_s = 0.0

    @property
    def digest(self) -> str:
        """SHA-256 of every topic and payload."""
        return self._digest.hexdigest()

    def connect(self, will: Message) -> AbstractAsyncContextManager[Link]:
        """A link, as `controller.telemetry.Telemetry` opens it. Raises LinkLost while away."""
        return self._connected(will)

    def leave(self, reason: str) -> None:
        """Be away from now on; an open link is lost."""
        self._away = reason
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(reason)

    def come_back(self) -> None:
        """Take connections again."""
        self._away = ""

    def lose_client(self) -> None:
        """Its program died: the will is published."""
        if self._will is not None:
            self.newest[self._will.topic] = self._will
            self._will = None

    def take(self, message: Message) -> None:
        """Keep what was published."""
        if self._away:
            raise LinkLost(self._away)
        self.counts[message.topic] += 1
        self.newest[message.topic] = message
        self._digest.update(message.topic.encode() + b"\0" + message.payload + b"\n")

    @asynccontextmanager
    async def _connected(self, will: Message) -> AsyncIterator[Link]:
        if self._away:
            raise LinkLost(self._away)
        self._gone = asyncio.get_running_loop().create_future()
        self._will = will
        try:
            yield _Link(self, self._gone)
        except BaseException:
            self.lose_client()
            raise
        self._will = None


class _Link:
    """One connection."""

    def __init__(self, broker: BrokerStandIn, gone: "asyncio.Future[str]") -> None:
        self._broker, self._gone = broker, gone

    async def publish(self, message: Message) -> None:
        """Taken after the broker's delay. Raises LinkLost while it is away."""
        if self._broker.delay_s:
            await asyncio.sleep(self._broker.delay_s)
        self._broker.take(message)

    async def lost(self) -> str:
        """Why the broker is gone, once it is."""
        return await asyncio.shield(self._gone)
