"""The link of telemetry to a real broker: MQTT 5 by aiomqtt. Outbound only, it never subscribes.

It knows the wire; what is said, kept or repeated is decided in telemetry.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.telemetry import SCHEMA, BrokerAddress, Connect, Link, LinkLost, Message

TIMEOUT_S: Final = 2
KEEPALIVE_S: Final = 5
_LOST: Final = (aiomqtt.MqttError, OSError, ValueError)


def _properties(packet: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.ContentType = "application/json"
    properties.UserProperty = [("schema", str(SCHEMA))]
    return properties


class MqttLink:
    """One connection that is up."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, message: Message) -> None:
        """Return when the broker has the message (QoS 1) or the kernel has it (QoS 0).

        Raises ``LinkLost`` after 2 s without either.
        """
        try:
            await self._client.publish(
                message.topic,
                message.payload,
                qos=message.qos,
                retain=message.retain,
                properties=_properties(PacketTypes.PUBLISH),
            )
        except _LOST as error:
            raise LinkLost(f"publishing failed: {error}") from error

    async def lost(self) -> str:
        """Return what was seen once the connection is gone."""
        try:
            # Nothing is subscribed, so nothing arrives: this only waits for the end.
            await anext(self._client.messages)
        except _LOST as error:
            return str(error)
        return "the broker sent what nobody asked for"


def _abandon(client: aiomqtt.Client) -> None:
    """Cut a connection without a farewell: aiomqtt leaves the socket of a failed one open."""
    paho = client._client
    paho.on_disconnect = None
    sock = paho.socket()
    if isinstance(sock, socket.socket):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _client(address: BrokerAddress, identifier: str, will: Message) -> aiomqtt.Client:
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        will=aiomqtt.Will(
            will.topic, will.payload, will.qos, will.retain, _properties(PacketTypes.WILLMESSAGE)
        ),
        timeout=TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        tls_context=ssl.create_default_context() if address.tls else None,
    )


@asynccontextmanager
async def _linked(address: BrokerAddress, will: Message) -> AsyncIterator[Link]:
    # One name a room: a restarted daemon takes over from its own half-open connection.
    client = _client(address, will.topic.rpartition("/")[0].replace("/", "-"), will)
    try:
        await client.__aenter__()
    except _LOST as error:
        _abandon(client)
        raise LinkLost(f"{address.host}:{address.port}: {error}") from error
    except asyncio.CancelledError:
        _abandon(client)
        raise
    try:
        yield MqttLink(client)
    except BaseException:
        _abandon(client)
        raise
    try:
        await client.__aexit__(None, None, None)
    except _LOST as error:
        _abandon(client)
        raise LinkLost(f"leaving failed: {error}") from error


def mqtt_connect(address: BrokerAddress) -> Connect:
    """Return the opener of links to ``address``, for `Telemetry`."""

    def connect(will: Message) -> AbstractAsyncContextManager[Link]:
        return _linked(address, will)

    return connect
