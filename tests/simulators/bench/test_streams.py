"""Wires in memory: character times, what can be taken back, hang-ups, faults and taps."""

import asyncio

import pytest

from drivers.new_era import NewEraPump
from drivers.stream import PortError, PortFault
from simulators.bench.streams import Seen, Stage, To, Wire
from simulators.bench.virtual_time import run_virtual
from simulators.devices.simulate import lone_pump

TICK_NS = 250_000_000
CHARACTER_US = 1000
"""At 10,000 bit/s one character of ten bits takes a millisecond."""


class Echo:
    """Answers everything with itself, and says what it has to say at its next tick."""

    def __init__(self):
        self.baud = 10_000
        self.bits_per_character = 10
        self.heard = []
        self.unasked = b""
        self.ticks = []

    def feed(self, data, now_ns):
        self.heard.append((now_ns, data))
        return data

    def process(self, now_ns):
        self.ticks.append(now_ns)
        said, self.unasked = self.unasked, b""
        return said


def on_wire(scenario):
    """Run ``scenario(loop, echo, wire)`` in virtual time."""

    async def main(loop):
        echo = Echo()
        wire = Wire(loop, "/dev/ttyV0", echo, TICK_NS)
        return await scenario(loop, echo, wire)

    return run_virtual(main)


def test_bytes_are_heard_when_their_last_character_has_arrived():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        await line.write(b"12345")
        assert await line.read() == b"12345"
        return echo.heard, loop.now_ns()

    assert on_wire(scenario) == ([(5_000_000, b"12345")], 10_000_000)


def test_a_second_write_leaves_behind_the_first():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        await line.write(b"123")
        await line.write(b"45")
        await asyncio.sleep(1)
        return echo.heard

    assert on_wire(scenario) == [(3_000_000, b"123"), (5_000_000, b"45")]


def test_what_has_not_left_can_be_taken_back_but_not_the_character_that_has_begun():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        await line.write(b"12345")
        await line.write(b"67")
        await asyncio.sleep(0.0021)
        line.drop_pending()
        await line.write(b"89")
        await asyncio.sleep(1)
        return echo.heard

    assert on_wire(scenario) == [(3_000_000, b"123"), (5_000_000, b"89")]


def test_a_tap_sees_what_left_and_what_was_heard_and_when():
    async def scenario(loop, echo, wire):
        seen: list[Seen] = []
        wire.taps.append(seen.append)
        line = await wire.open()
        await line.write(b"12")
        await line.read()
        return seen

    assert on_wire(scenario) == [
        Seen(0, To.DEVICE, Stage.LEFT, b"12"),
        Seen(2_000_000, To.DEVICE, Stage.HEARD, b"12"),
        Seen(2_000_000, To.HOST, Stage.LEFT, b"12"),
        Seen(4_000_000, To.HOST, Stage.HEARD, b"12"),
    ]


def test_a_burst_that_waits_for_the_line_is_seen_to_leave_when_it_does():
    async def scenario(loop, echo, wire):
        seen: list[Seen] = []
        wire.taps.append(seen.append)
        line = await wire.open()
        await line.write(b"12")
        await line.write(b"3")
        await asyncio.sleep(1)
        return [s.at_ns for s in seen if s.to is To.DEVICE and s.stage is Stage.LEFT]

    assert on_wire(scenario) == [0, 2_000_000]


def test_a_fault_of_a_direction_loses_delays_and_doubles():
    async def scenario(loop, echo, wire):
        wire.to_device.passage = lambda data, now_ns: (
            (now_ns, data[:1]),
            (now_ns + 40_000_000, data[1:]),
            (now_ns + 50_000_000, data[1:]),
        )
        line = await wire.open()
        await line.write(b"123")
        await asyncio.sleep(1)
        return echo.heard

    assert on_wire(scenario) == [
        (3_000_000, b"1"),
        (43_000_000, b"23"),
        (53_000_000, b"23"),
    ]


def test_after_a_hang_up_what_was_heard_is_read_then_nothing_and_writing_fails():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        await line.write(b"1")
        await asyncio.sleep(0.5)
        wire.hang_up()
        assert await line.read() == b"1"
        assert await line.read() == b""
        with pytest.raises(OSError, match="down"):
            await line.write(b"2")
        line.drop_pending()
        await line.close()

    on_wire(scenario)


def test_a_reader_that_waits_hears_of_the_hang_up():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        reading = asyncio.create_task(line.read())
        await asyncio.sleep(1)
        wire.hang_up()
        return await reading

    assert on_wire(scenario) == b""


@pytest.mark.parametrize("delayed", [False, True])
def test_what_is_on_its_way_is_lost_with_the_line(delayed):
    async def scenario(loop, echo, wire):
        if delayed:
            wire.to_device.passage = lambda data, now_ns: ((now_ns + 10_000_000, data),)
        line = await wire.open()
        await line.write(b"123")
        await asyncio.sleep(0.005 if delayed else 0.001)
        wire.unplug()
        await asyncio.sleep(1)
        return echo.heard

    assert on_wire(scenario) == []


def test_an_open_port_is_taken_and_a_closed_one_may_be_opened_again():
    async def scenario(loop, echo, wire):
        line = await wire.open()
        with pytest.raises(PortError) as taken:
            await wire.open()
        await line.close()
        again = await wire.open()
        await again.write(b"x")
        assert await again.read() == b"x"
        return taken.value.fault, wire.opened

    assert on_wire(scenario) == (PortFault.TAKEN, 2)


def test_an_unplugged_port_is_absent_until_it_is_plugged_in():
    async def scenario(loop, echo, wire):
        wire.unplug()
        with pytest.raises(PortError) as absent:
            await wire.open()
        wire.plug_in()
        await wire.open()
        return absent.value.fault

    assert on_wire(scenario) is PortFault.ABSENT


def test_a_device_lives_and_speaks_whether_or_not_anybody_listens():
    async def scenario(loop, echo, wire):
        echo.unasked = b"lost"
        wire.start()
        await asyncio.sleep(0.1)
        line = await wire.open()
        echo.unasked = b"T"
        heard = await line.read()
        wire.stop()
        return heard, loop.now_ns(), echo.ticks

    assert on_wire(scenario) == (b"T", 251_000_000, [0, TICK_NS])


def test_a_stopped_device_is_not_advanced_any_more():
    async def scenario(loop, echo, wire):
        wire.stop()
        wire.start()
        wire.stop()
        await asyncio.sleep(10)
        return echo.ticks

    assert on_wire(scenario) == [0]


def test_the_wards_driver_meets_the_bench_pump_at_the_speed_of_the_line():
    async def main(loop):
        wire = Wire(loop, "pump", lone_pump(1), TICK_NS)
        wire.start()
        sent: list[Seen] = []
        wire.taps.append(sent.append)
        pump = NewEraPump(wire.open, 0, loop.now_ns)
        identity = await pump.connect()
        await pump.close()
        wire.stop()
        first = next(seen for seen in sent if seen.to is To.DEVICE and seen.stage is Stage.LEFT)
        heard = next(seen for seen in sent if seen.to is To.DEVICE and seen.stage is Stage.HEARD)
        return identity.model, len(first.data), heard.at_ns - first.at_ns

    model, size, took_ns = run_virtual(main)
    assert model == "NE1000"
    assert took_ns == -(-size * 10 * 1_000_000 // 19_200) * 1_000
