"""Two pumps on one New Era line: each hears its own answers, and one line serves both."""

import asyncio

import pytest

from drivers.new_era import NewEraPump
from drivers.new_era_bus import NewEraBus
from drivers.request import ECHOED, LinkLost, NoReply, WrongDevice
from firmware_interfaces.readings import Motion, Permit, PumpAlarm, PumpStatus
from firmware_interfaces.units import seconds
from simulators.devices.shared_line import SharedLine
from simulators.devices.simulate import lone_pump
from tests.drivers.test_with_firmware import PLAN, Powered
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

BAUD = 19_200


class Line:
    """Two NE-1000 at addresses 0 and 1 of one wire, each with its driver."""

    def __init__(self):
        self.devices = lone_pump(1), lone_pump(2)
        self.devices[1].settings.address = 1
        self.peer = Powered(SharedLine(self.devices))
        self.port = Port(self.peer.wire)
        self.bus = NewEraBus(self.port, now_ns, BAUD)
        self.told: tuple[list[PumpStatus], list[PumpStatus]] = ([], [])
        self.drug, self.flush = (
            NewEraPump(self.bus, address, now_ns, on_event=told.append)
            for address, told in enumerate(self.told)
        )

    async def prepared(self, *pumps):
        for pump in pumps:
            await pump.connect()
            await pump.recover()
            await pump.prepare(PLAN, 1)

    async def running(self, pump):
        pump.grant(Permit(1, now_ns() + seconds(60)))
        await pump.run(1)


@pytest.fixture
async def line():
    made = Line()
    yield made
    for device in made.devices:
        device.powered = True
    await asyncio.gather(made.drug.close(), made.flush.close())
    await made.peer.off()


async def test_each_pump_is_itself_on_one_line(line):
    identities = [await pump.connect() for pump in (line.drug, line.flush)]
    assert [one.address for one in identities] == [0, 1]
    assert line.port.opened == 1
    await line.prepared(line.drug, line.flush)
    await line.running(line.flush)
    await asyncio.sleep(4)
    moved, still = await asyncio.gather(line.flush.poll(), line.drug.poll())
    assert (moved.motion, still.motion) == (Motion.INFUSING, Motion.STOPPED)
    assert moved.infused_nl > 20_000
    assert still.infused_nl == 0


async def test_an_alarm_that_a_pump_says_unasked_is_its_own(line):
    await line.prepared(line.drug, line.flush)
    for told in line.told:
        told.clear()
    line.peer.wire.say(line.devices[1].raise_alarm("S", now_ns()))
    await asyncio.sleep(0.2)
    assert [status.alarm for status in line.told[1]] == [PumpAlarm.STALL]
    assert line.told[0] == []


async def test_a_reply_of_the_other_unit_answers_nothing(line):
    await line.prepared(line.drug)
    line.devices[1].feed = lambda _data, _now: b"\x0201S\x03"  # it answers whatever is asked
    line.devices[0].powered = False
    with pytest.raises(NoReply):
        await line.drug.poll()


async def test_stop_of_one_waits_for_no_more_than_the_others_frame_in_flight(line):
    await line.prepared(line.drug, line.flush)
    await line.running(line.drug)
    line.devices[1].powered = False
    asked = asyncio.create_task(line.flush.holdings())
    await asyncio.sleep(0.01)
    begun, said = now_ns(), len(line.peer.wire.sent)
    stopping = asyncio.create_task(line.drug.stop(2))
    await asyncio.sleep(0.3)
    at_s, data = line.peer.wire.sent[said]
    assert b"0STP" in data
    assert at_s * 1e9 - begun < 260_000_000
    assert (await stopping).motion is Motion.STOPPED
    with pytest.raises(NoReply):
        await asked


async def test_a_silent_pump_does_not_keep_the_other_from_being_stopped(line):
    await line.prepared(line.drug, line.flush)
    await line.running(line.drug)
    line.devices[1].powered = False
    stops = [asyncio.create_task(pump.stop(2)) for pump in (line.flush, line.drug)]
    await asyncio.sleep(0.3)
    assert not line.devices[0].program.moving
    line.devices[1].powered = True
    confirmed = await asyncio.gather(*stops)
    assert {status.motion for status in confirmed} == {Motion.STOPPED}


async def test_the_last_one_to_leave_closes_the_line(line):
    await line.prepared(line.drug, line.flush)
    await line.running(line.drug)
    await line.flush.close()
    assert not line.peer.wire.closed
    assert (await line.drug.poll()).motion is Motion.INFUSING
    await line.drug.close()
    assert line.peer.wire.closed
    assert not line.devices[0].program.moving
    with pytest.raises(LinkLost):
        await line.drug.poll()


async def test_two_pumps_at_one_address_are_refused(line):
    with pytest.raises(ValueError, match="two pumps at address 01 of one line"):
        NewEraPump(line.bus, 1, now_ns)


@pytest.mark.requirement("C5")
async def test_two_devices_at_one_address_of_the_line_are_refused():
    """Each answers, one after the other: the second answer is to no question."""
    devices = lone_pump(1), lone_pump(2)
    peer = Powered(SharedLine(devices))
    driver = NewEraPump(NewEraBus(Port(peer.wire), now_ns, BAUD), 0, now_ns)
    with pytest.raises(WrongDevice) as caught:
        await driver.connect()
    assert (caught.value.expected, caught.value.seen) == ("a New Era pump at address 00", ECHOED)
    await driver.close()
    await peer.off()


@pytest.mark.requirement("C5")
async def test_two_devices_that_answer_at_once_are_refused_with_what_was_heard():
    devices = lone_pump(1), lone_pump(2)
    peer = Powered(SharedLine(devices))

    def collide(data, at_ns):
        first, second = (device.feed(data, at_ns) for device in devices)
        return bytes(a & b for a, b in zip(first + b"\xff", b"\xff" + second, strict=True))

    peer.firmware.feed = collide
    driver = NewEraPump(NewEraBus(Port(peer.wire), now_ns, BAUD), 0, now_ns)
    with pytest.raises(WrongDevice, match=r"heard 02 .*no other device has this address"):
        await driver.connect()
    await driver.close()
    await peer.off()
