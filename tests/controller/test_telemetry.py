"""Telemetry: what is kept and dropped without a broker, and its conduct against a stand-in."""

import asyncio
import json
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from controller import telemetry as telemetry_module
from controller.telemetry import (
    BrokerAddress,
    LinkLost,
    Message,
    Telemetry,
    broker_address,
    room_prefix,
    slug,
)
from tests.controller.stepped_loop import run_stepped

PREFIX = "isodrip/madison-03/hot-lab-2"


class StandIn:
    """A broker that can be away, cut the line, or refuse the n-th message."""

    def __init__(self):
        self.away = False
        self.received: list[Message] = []
        self.wills: list[Message] = []
        self.attempts: list[float] = []
        self.refuse_at: int | None = None
        self.cut = asyncio.Event()
        self.farewells = 0

    @asynccontextmanager
    async def connect(self, will):
        self.attempts.append(asyncio.get_running_loop().time())
        if self.away:
            raise LinkLost("nobody listens")
        self.cut.clear()
        try:
            yield self
        except BaseException:
            self.wills.append(will)
            raise
        self.farewells += 1

    async def publish(self, message):
        await asyncio.sleep(0.001)
        if len(self.received) == self.refuse_at:
            self.refuse_at = None
            raise LinkLost("publishing failed")
        self.received.append(message)

    async def lost(self):
        await self.cut.wait()
        return "cut"

    @property
    def said(self):
        """What arrived, as (suffix, text without schema)."""
        return [
            (message.topic.removeprefix(PREFIX + "/"), _body(message)) for message in self.received
        ]


def _body(message):
    payload = json.loads(message.payload)
    assert payload.pop("schema") == 1
    return payload


ONLINE = ("status", {"status": "online", "reason": "connected"})
STOPPED = ("status", {"status": "offline", "reason": "stopped"})


def room(main):
    """Run ``main(telemetry, broker, news)`` on a stepped loop."""

    async def whole():
        broker, news = StandIn(), []
        telemetry = Telemetry(
            PREFIX, broker.connect, on_link=lambda up, reason: news.append((up, reason))
        )
        await main(telemetry, broker, news)

    run_stepped(whole)


# --- names


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("Madison 03", "madison-03"),
        ("Zürich 2 / Süd", "zurich-2-sud"),
        ("a/+#$b", "a-b"),
        ("  --x--  ", "x"),
        ("\uff26\uff35ll", "full"),
    ],
)
def test_names_become_topic_levels(name, level):
    assert slug(name) == level


def test_a_name_without_letters_makes_no_topic():
    with pytest.raises(ValueError, match="no letter or digit"):
        slug("+/#")
    assert room_prefix("Madison 03", "hot lab 2") == PREFIX


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", BrokerAddress("h", 1883, False)),
        ("mqtts://h/", BrokerAddress("h", 8883, True)),
        ("mqtt://[::1]:99", BrokerAddress("::1", 99, False)),
        ("mqtt://u:p%40w@h:1", BrokerAddress("h", 1, False, "u", "p@w")),
        ("mqtts://u@h", BrokerAddress("h", 8883, True, "u")),
    ],
)
def test_a_broker_address_is_read(url, address):
    assert broker_address(url) == address


BRACKETS = "IPv6 address in brackets|must be mqtt://host:port"
"""Newer Pythons look into the brackets themselves."""


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://h", "begin with mqtt"),
        ("h:1883", "begin with mqtt"),
        ("mqtt://", "name a host"),
        ("mqtt://h/topic", "end after host"),
        ("mqtt://h?x=1", "end after host"),
        ("mqtt://h:0", "1 .. 65535"),
        ("mqtt://h:99999", "1 .. 65535"),
        ("mqtt://h:x", "1 .. 65535"),
        ("mqtt://u:geheim@[h", "must be mqtt://host:port"),
        ("mqtt://u:geheim@2\ufffd]]st", BRACKETS),
        ("mqtt://u:geheim@[::stp]", BRACKETS),
        ("mqtt://u:geheim@[::1]W", BRACKETS),
        ("mqtt://u:geheim@::1]:2[::2]W", BRACKETS),
        ("mqtt://u:geheim@br\u00f6ker", "letters, digits, dots and hyphens"),
        ("mqtt://u:geheim@a b", "letters, digits, dots and hyphens"),
        ("mqtt://u:geheim@h\u2100", "must be mqtt://host:port"),
    ],
)
def test_a_wrong_broker_address_names_its_rule_and_no_password(url, rule):
    with pytest.raises(ValueError, match=rule) as caught:
        broker_address(url)
    assert "geheim" not in str(caught.value)


# --- conduct


def test_a_session_says_online_what_was_queued_and_offline():
    async def main(telemetry, broker, news):
        telemetry.publish("telemetry", {"pumped_nl": 1}, qos=0)
        telemetry.publish("events", {"kind": "boot"})
        telemetry.publish("alarms", {"id": "no_status"})
        telemetry.publish("state", {"phase": "IDLE"}, retain=True)
        telemetry.publish("state", {"phase": "ORDERED"}, retain=True)
        assert not telemetry.up
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(1)
        assert telemetry.up
        telemetry.publish("events", {"kind": "µ"})
        await asyncio.sleep(1)
        telemetry.stop()
        await task
        assert not telemetry.up
        assert broker.said == [
            ONLINE,
            ("state", {"phase": "ORDERED"}),
            ("alarms", {"id": "no_status"}),
            ("events", {"kind": "boot"}),
            ("telemetry", {"pumped_nl": 1}),
            ("events", {"kind": "µ"}),
            STOPPED,
        ]
        flags = [(message.retain, message.qos) for message in broker.received]
        retained, event, sample = (True, 1), (False, 1), (False, 0)
        assert flags == [retained, retained, event, event, sample, event, retained]
        assert broker.received[1].payload == b'{"schema":1,"phase":"ORDERED"}'
        assert (broker.farewells, broker.wills, news) == (1, [], [(True, "connected")])

    room(main)


def test_what_is_queued_at_stop_is_still_sent():
    async def main(telemetry, broker, news):
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(1)
        telemetry.publish("events", {"kind": "last"})
        telemetry.stop()
        await task
        assert broker.said == [ONLINE, ("events", {"kind": "last"}), STOPPED]

    room(main)


def test_a_broker_absent_at_start_is_asked_again_with_bounded_patience():
    async def main(telemetry, broker, news):
        broker.away = True
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(70)
        gaps = [later - sooner for sooner, later in pairwise(broker.attempts)]
        assert gaps == [0.5, 1, 2, 4, 8, 15, 15, 15]
        assert news == [(False, "nobody listens")]
        broker.away = False
        await asyncio.sleep(15)
        assert news == [(False, "nobody listens"), (True, "connected")]
        telemetry.stop()
        await task

    room(main)


def test_after_a_cut_patience_begins_anew_and_retained_news_is_said_again():
    async def main(telemetry, broker, news):
        task = asyncio.ensure_future(telemetry.run())
        telemetry.publish("state", {"phase": "ARMED"}, retain=True)
        await asyncio.sleep(1)
        broker.cut.set()
        await asyncio.sleep(0.2)
        assert not telemetry.up
        await asyncio.sleep(0.8)
        assert broker.said == [ONLINE, ("state", {"phase": "ARMED"})] * 2
        assert broker.attempts[1] - broker.attempts[0] == 1.5
        assert news == [(True, "connected"), (False, "cut"), (True, "connected")]
        assert [_body(will) for will in broker.wills] == [
            {"status": "offline", "reason": "connection lost"}
        ]
        telemetry.stop()
        await task

    room(main)


@pytest.mark.parametrize("nth", range(5))
def test_a_message_that_was_not_confirmed_is_sent_again(nth):
    async def main(telemetry, broker, news):
        broker.refuse_at = nth
        telemetry.publish("state", {"n": 0}, retain=True)
        for number, suffix in enumerate(("alarms", "events", "telemetry"), 1):
            telemetry.publish(suffix, {"n": number}, qos=int(suffix != "telemetry"))
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(5)
        telemetry.stop()
        await task
        heard = [body["n"] for suffix, body in broker.said if suffix != "status"]
        assert sorted(set(heard)) == [0, 1, 2, 3]
        assert [number for number in heard if number] == [1, 2, 3]
        assert telemetry.dropped == 0

    room(main)


def test_old_telemetry_is_dropped_first_and_alarms_never(monkeypatch):
    monkeypatch.setattr(telemetry_module, "EVENTS_KEPT", 4)
    monkeypatch.setattr(telemetry_module, "TELEMETRY_KEPT", 3)

    async def main(telemetry, broker, news):
        for number in range(10):
            telemetry.publish("telemetry", {"n": number}, qos=0)
            telemetry.publish("events", {"n": number})
            telemetry.publish("alarms", {"n": number})
            telemetry.publish("state", {"n": number}, retain=True)
        assert telemetry.dropped == 7 + 6
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(1)
        telemetry.stop()
        await task
        heard: dict[str, list[int]] = {}
        for suffix, body in broker.said:
            heard.setdefault(suffix, []).append(body.get("n"))
        assert heard["telemetry"] == [7, 8, 9]
        assert heard["events"] == [6, 7, 8, 9]
        assert heard["alarms"] == list(range(10))
        assert heard["state"] == [9]

    room(main)


def test_an_unconfirmed_message_does_not_push_out_newer_ones(monkeypatch):
    monkeypatch.setattr(telemetry_module, "TELEMETRY_KEPT", 2)

    async def main(telemetry, broker, news):
        broker.refuse_at = 1
        telemetry.publish("telemetry", {"n": 0}, qos=0)
        telemetry.publish("telemetry", {"n": 1}, qos=0)
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(0.0015)
        telemetry.publish("telemetry", {"n": 2}, qos=0)
        await asyncio.sleep(1)
        assert broker.said == [ONLINE, ONLINE, ("telemetry", {"n": 1}), ("telemetry", {"n": 2})]
        assert telemetry.dropped == 1
        telemetry.stop()
        await task

    room(main)


def test_a_payload_is_taken_as_it_is_now():
    async def main(telemetry, broker, news):
        payload = {"n": 1}
        telemetry.publish("events", payload)
        payload["n"] = 2
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(1)
        assert broker.said[1] == ("events", {"n": 1})
        telemetry.stop()
        await task

    room(main)


@pytest.mark.parametrize("payload", [{"x": float("nan")}, {"x": object()}])
def test_what_is_no_json_is_the_callers_mistake(payload):
    async def main(telemetry, broker, news):
        with pytest.raises((ValueError, TypeError)):
            telemetry.publish("events", payload)

    room(main)


@pytest.mark.parametrize("away", [True, False])
def test_cancelled_it_leaves_no_task_and_lets_the_will_speak(away):
    async def main(telemetry, broker, news):
        broker.away = away
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (broker.farewells, len(broker.wills)) == (0, 0 if away else 1)

    room(main)


def test_stop_without_a_broker_returns_at_once():
    async def main(telemetry, broker, news):
        broker.away = True
        task = asyncio.ensure_future(telemetry.run())
        await asyncio.sleep(60)
        began = asyncio.get_running_loop().time()
        telemetry.stop()
        await task
        assert asyncio.get_running_loop().time() == began

    room(main)
