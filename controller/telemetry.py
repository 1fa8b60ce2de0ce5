"""Outbound news of one room: what is queued, what may be dropped, when the link counts as lost.

It knows topics and patience. It never subscribes, so no command can come from here, and neither a
lost nor a stalled broker is ever felt by whoever publishes. The wire is behind the port `Link`.

Topics are ``isodrip/{site}/{room}/{suffix}``; site and room are the names of site.toml as `slug`
makes them. ``status`` is this module's own: ``online`` and ``offline`` (retained; the broker's will
says ``offline`` when the daemon dies). Every payload is one JSON object with ``schema``.
"""

import asyncio
import ipaddress
import json
import re
import unicodedata
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

SCHEMA: Final = 1
TELEMETRY_KEPT: Final = 120
EVENTS_KEPT: Final = 5_000
BACKOFF_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
ALARMS: Final = "alarms"
STATUS: Final = "status"
_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_BRACKETED: Final = re.compile(r"\[([^][]*)\](?::.*)?")


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message: full topic, JSON text as UTF-8, retain flag and quality of service."""

    topic: str
    payload: bytes
    retain: bool
    qos: int


class LinkLost(Exception):
    """The broker is not there, or not any more; says what was seen."""


class Link(Protocol):
    """A live connection to a broker."""

    async def publish(self, message: Message) -> None:
        """Return when the broker has the message; raises ``LinkLost``."""

    async def lost(self) -> str:
        """Return what was seen once the connection is gone."""


Connect = Callable[[Message], AbstractAsyncContextManager[Link]]
"""Opens a link with the given will. Leaving it by an exception must let the will be published."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker listens, and who we say we are. Its ``repr`` does not show the password."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def broker_address(url: str) -> BrokerAddress:
    """Read ``mqtt://user:password@host:port`` or ``mqtts://...`` (TLS).

    User, password (percent-encoded) and port (1883, TLS 8883) are optional. Raises ``ValueError``
    with the rule that is broken and without the password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        # What urlsplit says of a host that is none quotes the password before it.
        raise ValueError("must be mqtt://host:port or mqtts://host:port") from None
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with mqtt:// or mqtts://")
    if not parts.hostname:
        raise ValueError("must name a host")
    _check_host(parts.netloc.rpartition("@")[2])
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("port must be a number in 1 .. 65535") from None
    if port == 0:
        raise ValueError("port must be a number in 1 .. 65535")
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _check_host(where: str) -> None:
    """Refuse what is neither a host's name nor an address; urlsplit takes nearly anything."""
    if "[" not in where and "]" not in where:
        if not _HOST.fullmatch(where.partition(":")[0]):
            raise ValueError("must name a host by letters, digits, dots and hyphens")
        return
    found = _BRACKETED.fullmatch(where)
    try:
        ipaddress.IPv6Address(found[1] if found else "")
    except ValueError:
        raise ValueError("must be an IPv6 address in brackets, and a port") from None


def slug(name: str) -> str:
    """``name`` as one topic level: lower case ASCII letters and digits, hyphens between words.

    Accents are dropped ("Zürich 2 / Süd" gives "zurich-2-sud"). Raises ``ValueError`` when nothing
    is left.
    """
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "".join(letter if letter.isalnum() else " " for letter in ascii_text).split()
    if not words:
        raise ValueError(f"no letter or digit to make a topic of in {name!r}")
    return "-".join(words)


def room_prefix(site: str, room: str) -> str:
    """Return the part of every topic that names the room."""
    return f"isodrip/{slug(site)}/{slug(room)}"


class Telemetry:
    """Publishes for one room until stopped; one consumer, `run`.

    While the broker is away the newest retained message of each topic, all alarms, the newest
    5,000 events and the newest 120 messages of QoS 0 are kept. ``on_link(up, reason)`` is called at
    each change of the link, ``sleep`` waits between attempts.
    """

    def __init__(
        self,
        prefix: str,
        connect: Connect,
        *,
        on_link: Callable[[bool, str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._prefix = prefix
        self._connect = connect
        self._on_link = on_link
        self._sleep = sleep
        self._retained: dict[str, Message] = {}
        self._unsent: dict[str, None] = {}
        self._alarms: deque[Message] = deque()
        self._events: deque[Message] = deque(maxlen=EVENTS_KEPT)
        self._telemetry: deque[Message] = deque(maxlen=TELEMETRY_KEPT)
        self._dropped = 0
        self._up: bool | None = None
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def dropped(self) -> int:
        """How many messages were dropped, because the broker was away too long."""
        return self._dropped

    @property
    def up(self) -> bool:
        """Whether a broker is connected."""
        return bool(self._up)

    def publish(
        self, suffix: str, payload: Mapping[str, Any], *, retain: bool = False, qos: int = 1
    ) -> None:
        """Queue ``payload`` for ``suffix``; never waits and never fails for the broker's sake.

        A retained message replaces the one before it. Raises ``ValueError`` or ``TypeError`` for a
        payload that is no JSON.
        """
        message = self._message(suffix, payload, retain=retain, qos=qos)
        if retain:
            self._retained[suffix] = message
            self._unsent[suffix] = None
        else:
            self._keep(self._lane(message), message)
        self._news.set()

    def stop(self) -> None:
        """Have `run` send what is queued, say ``offline`` and return; at once without a broker."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Connect, serve the queue and reconnect until `stop`; a lost broker never raises.

        Cancelled, it leaves without a farewell, so that the broker publishes the will.
        """
        delays = self._delays()
        while not self._stopping.is_set():
            try:
                async with self._connect(self._status("offline", "connection lost")) as link:
                    await self._greet(link)
                    delays = self._delays()
                    await self._serve(link)
            except LinkLost as lost:
                self._report(False, str(lost))
                await self._pause(next(delays))
        self._up = None

    @staticmethod
    def _delays() -> Iterator[float]:
        return chain(BACKOFF_S, repeat(BACKOFF_S[-1]))

    def _message(
        self, suffix: str, payload: Mapping[str, Any], *, retain: bool, qos: int
    ) -> Message:
        text = _JSON.encode({"schema": SCHEMA, **payload})
        return Message(f"{self._prefix}/{suffix}", text.encode(), retain, qos)

    def _status(self, status: str, reason: str) -> Message:
        return self._message(STATUS, {"status": status, "reason": reason}, retain=True, qos=1)

    def _lane(self, message: Message) -> "deque[Message]":
        if message.qos == 0:
            return self._telemetry
        return self._alarms if message.topic.endswith(f"/{ALARMS}") else self._events

    def _keep(self, lane: "deque[Message]", message: Message) -> None:
        self._dropped += len(lane) == lane.maxlen
        lane.append(message)

    def _report(self, up: bool, reason: str) -> None:
        if up is not self._up:
            self._up = up
            self._on_link(up, reason)

    async def _greet(self, link: Link) -> None:
        await link.publish(self._status("online", "connected"))
        # A broker that was restarted has forgotten what it retained.
        self._unsent = dict.fromkeys(self._retained)
        self._report(True, "connected")

    async def _serve(self, link: Link) -> None:
        lost = asyncio.ensure_future(link.lost())
        lost.add_done_callback(lambda _: self._news.set())
        try:
            while True:
                self._news.clear()
                while await self._send_next(link):
                    pass
                if self._stopping.is_set():
                    await link.publish(self._status("offline", "stopped"))
                    return
                if not lost.done():
                    await self._news.wait()
                if lost.done():
                    raise LinkLost(lost.result())
        finally:
            lost.cancel()

    async def _send_next(self, link: Link) -> bool:
        if self._unsent:
            suffix = next(iter(self._unsent))
            del self._unsent[suffix]
            await link.publish(self._retained[suffix])
            return True
        for lane in (self._alarms, self._events, self._telemetry):
            if lane:
                await self._send_first(link, lane)
                return True
        return False

    async def _send_first(self, link: Link, lane: "deque[Message]") -> None:
        message = lane.popleft()
        try:
            await link.publish(message)
        except BaseException:
            # At least once: an unconfirmed message is sent again, unless newer ones fill its place.
            if len(lane) == lane.maxlen:
                self._dropped += 1
            else:
                lane.appendleft(message)
            raise

    async def _pause(self, delay_s: float) -> None:
        """Until the delay is over or `stop` is called; neither wait outlives the other."""
        waits = (self._sleep(delay_s), self._stopping.wait())
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
