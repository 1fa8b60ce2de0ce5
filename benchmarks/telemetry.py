"""What telemetry costs the loop that polls the pump: the work of publishing, and the lag it adds.

The messages are those of a treatment: at each poll an event and the state, once a second numbers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.samples import Comparison, compared
from controller.core.state import State
from controller.mqtt_link import mqtt_connect
from controller.telemetry import Telemetry, broker_address, room_prefix
from controller.view import numbers_view, public_session, session_view
from firmware_interfaces.units import NS_PER_MS, NS_PER_S
from simulators.bench.broker import start_broker

WARM_UP: Final = 20
POLLS_A_SECOND: Final = 2
LOOK_NS: Final = 10 * NS_PER_MS
"""How often the loop asks to be woken, to see how late it is."""
BLOCK_LOOKS: Final = 200
BLOCKS: Final = 5
"""Blocks with telemetry and blocks without take turns: 2 s each, ten in all."""
_STATE: Final = State(session="S-benchmark")


def tell_poll(telemetry: Telemetry) -> None:
    """What goes out at one poll."""
    now_ns = time.perf_counter_ns()
    event = {"session": _STATE.session, "phase": _STATE.phase.value, "utc_ns": now_ns}
    telemetry.publish("events", {**event, "type": "PumpRead", "refused": None})
    state = public_session(session_view(_STATE, now_ns, ("ne1000", "crc55")))
    telemetry.publish("state", {"sessions": [state]}, retain=True)


def tell_second(telemetry: Telemetry) -> None:
    """What goes out once a second."""
    telemetry.publish("telemetry", numbers_view(_STATE, time.perf_counter_ns()), qos=0)


def _telemetry(url: str, on_link: Callable[[bool, str], None]) -> Telemetry:
    connect = mqtt_connect(broker_address(url))
    return Telemetry(room_prefix("benchmark", "room"), connect, on_link=on_link)


@asynccontextmanager
async def _published(url: str) -> AsyncIterator[Telemetry]:
    """Telemetry with a live link."""
    linked = asyncio.Event()
    telemetry = _telemetry(url, lambda _up, _reason: linked.set())
    running = asyncio.ensure_future(telemetry.run())
    await linked.wait()
    yield telemetry
    telemetry.stop()
    await running


def publishing(poll_ns: list[int], count: int) -> Comparison:
    """Work of publishing, one second of it a poll, as a part of one poll of the pump.

    Nothing is sent: publishing only queues, and that alone is done in the judgement's own turn.
    """
    telemetry = _telemetry("mqtt://127.0.0.1:1", lambda _up, _reason: None)
    taken_ns = []
    for _ in range(WARM_UP + count):
        begun_ns = time.perf_counter_ns()
        tell_poll(telemetry)
        tell_second(telemetry)
        taken_ns.append(time.perf_counter_ns() - begun_ns)
    return compared("publishing / one poll of the pump", taken_ns[WARM_UP:], poll_ns)


async def _lags(telemetry: Telemetry | None) -> list[int]:
    """How late the loop wakes us, in ns, at absolute deadlines, with the messages of that time."""
    loop, lags_ns = asyncio.get_running_loop(), []
    begun_s, looks_a_second = loop.time(), NS_PER_S // LOOK_NS
    for look in range(BLOCK_LOOKS):
        due_s = begun_s + look * LOOK_NS / NS_PER_S
        await _until(loop, due_s)
        lags_ns.append(round((loop.time() - due_s) * NS_PER_S))
        if telemetry is not None and look % (looks_a_second // POLLS_A_SECOND) == 0:
            tell_poll(telemetry)
        if telemetry is not None and look % looks_a_second == 0:
            tell_second(telemetry)
    return lags_ns


async def _until(loop: asyncio.AbstractEventLoop, due_s: float) -> None:
    waiter: asyncio.Future[None] = loop.create_future()
    loop.call_at(due_s, waiter.set_result, None)
    await waiter


async def lag() -> Comparison:
    """Lag of the loop with telemetry to a real broker over its lag without.

    Raises BrokerMissing where no broker program is installed.
    """
    broker = await start_broker()
    with_ns: list[int] = []
    without_ns: list[int] = []
    try:
        for _ in range(BLOCKS):
            async with _published(broker.url) as telemetry:
                with_ns += await _lags(telemetry)
            without_ns += await _lags(None)
    finally:
        await broker.stop()
    return compared(f"lag of the loop with {broker.kind} / without", with_ns, without_ns)
