"""The real link against both real brokers: will, retained news, loss, return and a stall."""

import ast
import asyncio
import json
import signal
import socket
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiomqtt
import pytest

from controller.mqtt_link import MqttLink, mqtt_connect
from controller.telemetry import LinkLost, Message, Telemetry, broker_address
from simulators.bench import broker as broker_module
from simulators.bench.broker import BrokerMissing, free_port, start_broker

pytestmark = [pytest.mark.broker, pytest.mark.realtime]
PREFIX = "isodrip/site/room"


@pytest.fixture(params=["mosquitto", "iotcore"])
async def broker(request):
    running = await start_broker(request.param)
    yield running
    await running.stop()


class Watch:
    """What the link said, awaited instead of slept for."""

    def __init__(self):
        self.news: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()

    def __call__(self, up, reason):
        self.news.put_nowait((up, reason))

    async def until(self, up):
        async with asyncio.timeout(20):
            while (said := await self.news.get())[0] is not up:
                pass
        return said[1]


async def briefly(_delay_s):
    await asyncio.sleep(0.05)


def telemetry_to(url, watch):
    return Telemetry(PREFIX, mqtt_connect(broker_address(url)), on_link=watch, sleep=briefly)


@asynccontextmanager
async def running(telemetry):
    task = asyncio.create_task(telemetry.run())
    try:
        yield task
    finally:
        telemetry.stop()
        async with asyncio.timeout(15):
            await task


@asynccontextmanager
async def listener(port):
    """Another client, subscribed to the room."""
    async with aiomqtt.Client(
        "127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, timeout=5
    ) as client:
        await client.subscribe(f"{PREFIX}/#", qos=1)
        yield client.messages


async def heard(messages, suffix, **wanted):
    """The first message of ``suffix`` whose payload has the ``wanted`` fields."""
    async with asyncio.timeout(20):
        async for message in messages:
            payload = json.loads(message.payload)
            if str(message.topic) == f"{PREFIX}/{suffix}" and payload.items() >= wanted.items():
                return message
    raise AssertionError("the listener was cut off")


async def test_a_late_subscriber_sees_state_and_status(broker):
    watch = Watch()
    telemetry = telemetry_to(broker.url, watch)
    telemetry.publish("state", {"phase": "INFUSING"}, retain=True)
    async with running(telemetry):
        await watch.until(True)
        telemetry.publish("events", {"kind": "marker"})
        async with listener(broker.port) as messages:
            status = await heard(messages, "status", status="online")
        async with listener(broker.port) as messages:
            state = await heard(messages, "state", phase="INFUSING")
        assert (status.retain, state.retain) == (True, True)
    async with listener(broker.port) as messages:
        status = await heard(messages, "status")
        assert json.loads(status.payload) == {
            "schema": 1,
            "status": "offline",
            "reason": "stopped",
        }


async def test_messages_are_mqtt_5_with_content_type_and_schema(broker):
    watch = Watch()
    telemetry = telemetry_to(broker.url, watch)
    async with running(telemetry), listener(broker.port) as messages:
        await watch.until(True)
        telemetry.publish("alarms", {"id": "x"})
        telemetry.publish("telemetry", {"pumped_nl": 1}, qos=0)
        for suffix, qos in (("alarms", 1), ("telemetry", 0)):
            message = await heard(messages, suffix)
            # iotcore delivers at the subscriber's QoS, whatever the publisher's.
            assert message.qos == (1 if broker.kind == "iotcore" else qos)
            assert message.properties.ContentType == "application/json"
            assert message.properties.UserProperty == [("schema", "1")]


@pytest.mark.requirement("N6")
async def test_a_daemon_that_is_killed_leaves_its_will(broker):
    command = [sys.executable, "-m", "tests.controller.telemetry_sender", broker.url]
    async with listener(broker.port) as messages:
        daemon = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        try:
            await heard(messages, "status", status="online")
        finally:
            daemon.kill()
            await daemon.wait()
        await heard(messages, "status", status="offline", reason="connection lost")


async def test_a_cancelled_run_leaves_its_will_retained(broker):
    watch = Watch()
    telemetry = telemetry_to(broker.url, watch)
    async with listener(broker.port) as messages:
        task = asyncio.create_task(telemetry.run())
        await watch.until(True)
        await heard(messages, "status", status="online")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        will = await heard(messages, "status", status="offline")
        assert json.loads(will.payload)["reason"] == "connection lost"
    async with listener(broker.port) as messages:
        assert (await heard(messages, "status")).retain


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore"])
async def test_a_broker_that_comes_goes_and_comes_back(kind):
    port, watch = free_port(), Watch()
    telemetry = telemetry_to(f"mqtt://127.0.0.1:{port}", watch)
    telemetry.publish("state", {"phase": "ARMED"}, retain=True)
    telemetry.publish("alarms", {"n": 1})
    async with running(telemetry):
        assert "127.0.0.1" in await watch.until(False)
        for round_trip in range(2):
            broker = await start_broker(kind, port)
            try:
                await watch.until(True)
                async with listener(port) as messages:
                    await heard(messages, "state", phase="ARMED")
                    telemetry.publish("alarms", {"n": 2 + round_trip})
                    await heard(messages, "alarms", n=2 + round_trip)
            finally:
                broker.process.kill()
                await broker.stop()
            await watch.until(False)


async def test_a_stalled_broker_is_noticed_and_forgiven(broker):
    watch = Watch()
    telemetry = telemetry_to(broker.url, watch)
    async with running(telemetry):
        await watch.until(True)
        broker.process.send_signal(signal.SIGSTOP)
        try:
            telemetry.publish("alarms", {"n": 7})
            assert "timed out" in await watch.until(False)
        finally:
            broker.process.send_signal(signal.SIGCONT)
        await watch.until(True)


async def test_a_broker_that_never_answers_is_no_link():
    async def silent(reader, writer):
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connect = mqtt_connect(broker_address(f"mqtt://127.0.0.1:{port}"))
    will = Message(f"{PREFIX}/status", b"{}", True, 1)
    with pytest.raises(LinkLost, match=f"127.0.0.1:{port}: Operation timed out"):
        async with connect(will):
            pass
    cancelled = asyncio.create_task(connect(will).__aenter__())
    await asyncio.sleep(0.2)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    server.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    async with asyncio.timeout(10):
        await asyncio.gather(*left, return_exceptions=True)


# paho leaves the socket of a failed TLS handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_tls_is_asked_for_by_the_address():
    broker = await start_broker()
    try:
        connect = mqtt_connect(broker_address(broker.url.replace("mqtt:", "mqtts:")))
        with pytest.raises(LinkLost, match=r"127\.0\.0\.1"):
            await connect(Message(f"{PREFIX}/status", b"{}", True, 1)).__aenter__()
    finally:
        await broker.stop()


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore"])
async def test_a_broker_that_cannot_start_says_why(kind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(BrokerMissing, match=f"{kind} ended with"):
            await start_broker(kind, taken.getsockname()[1])


async def test_a_port_that_somebody_serves_is_not_taken_for_a_broker():
    async with await asyncio.start_server(
        lambda reader, writer: writer.close(), "127.0.0.1", 0
    ) as server:
        with pytest.raises(BrokerMissing, match="is taken by another program"):
            await start_broker(port=server.sockets[0].getsockname()[1])


@pytest.mark.requirement("T8.4")
@pytest.mark.parametrize("package", ["controller", "drivers", "firmware_interfaces", "protocols"])
def test_no_line_of_the_program_subscribes(package):
    for path in (Path(__file__).parents[2] / package).rglob("*.py"):
        called = [
            node.attr
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
        ]
        assert "subscribe" not in called, path


@pytest.mark.requirement("T8.4", "N6", "PCA-R6.7.0(4)(6)")
async def test_a_broker_that_sends_unasked_is_left():
    class Unasked:
        """What aiomqtt would give for a message nobody subscribed to."""

        async def __anext__(self):
            return b"set_rate"

    client: Any = SimpleNamespace(messages=Unasked())
    assert "nobody asked" in await MqttLink(client).lost()


async def test_without_mosquitto_iotcore_is_taken_and_without_both_it_is_said(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *args, **options: None)
    broker = await start_broker()
    await broker.stop()
    assert broker.kind == "iotcore"
    assert not broker.directory.exists()
    await broker.stop()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BrokerMissing, match="not installed: mosquitto nor iotcore"):
        await start_broker()
    with pytest.raises(BrokerMissing, match="not installed: mosquitto"):
        await start_broker("mosquitto")


async def test_a_broker_that_never_listens_is_given_up(monkeypatch):
    monkeypatch.setattr(broker_module, "START_S", 0.2)
    monkeypatch.setitem(
        broker_module._COMMANDS, "mosquitto", lambda directory, port: ["sleep", "60"]
    )
    with pytest.raises(BrokerMissing, match="did not listen on port"):
        await start_broker("mosquitto")
