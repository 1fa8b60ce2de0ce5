"""Several Modbus devices on one line: pump and pump, pump and meter, and two at one address."""

import asyncio
from dataclasses import replace

import pytest

from drivers.activity_meter import ActivityMeter
from drivers.dulco_flex import DulcoFlexPump
from drivers.modbus import TIMING, WITHIN_NS, ModbusBus
from drivers.request import ECHOED, LinkLost, NoReply, WrongDevice
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.readings import Motion, Permit
from firmware_interfaces.units import millilitre, millilitre_per_hour, seconds
from protocols.modbus import Deframer, Frame
from protocols.modbus_messages import Side, WriteRegister
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.shared_line import SharedLine
from simulators.devices.simulate import source_room
from tests.drivers.dulco_room import PLAN as PLAIN
from tests.drivers.test_dulco_with_firmware import vial_room
from tests.drivers.test_with_firmware import Powered
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

PLAN = replace(PLAIN, rate_ul_h=millilitre_per_hour(20), volume_nl=millilitre(10))
DRUG, FLUSH, METER = 20, 21, 1
POLL_S = 0.5
STOP_NS = TIMING.stop_patience_ns + 5_000_000
"""Until STOP is on the wire: the frame in flight, and twice the silence between two frames."""


def flex(unit, tcp=False):
    return DulcoFlexFirmware(vial_room(), now_ns(), unit=unit, tcp=tcp)


def meter(unit=METER, tcp=False, serial=1001):
    return ActivityMeterFirmware(source_room(1), unit=unit, tcp=tcp, serial=serial)


class Line:
    """Devices on one line, and drivers that share its exchange."""

    def __init__(self, *devices, tcp=False):
        self.devices = devices
        self.peer = Powered(SharedLine(devices, two_wires=not tcp))
        self.port = Port(self.peer.wire)
        self.tcp = tcp
        self.bus = ModbusBus(self.port, now_ns, tcp=tcp)
        self.drivers = []

    def pump(self, unit):
        self.drivers.append(DulcoFlexPump(self.bus, unit, now_ns, Setup()))
        return self.drivers[-1]

    def meter(self, unit=METER):
        self.drivers.append(ActivityMeter(self.bus, unit, now_ns))
        return self.drivers[-1]

    def stops_since(self, index, unit):
        """When a frame that clears the unit's start bit left."""
        deframer = Deframer(Side.DEVICE, tcp=self.tcp)
        return [
            round(at_s * 1e9)
            for at_s, data in self.peer.wire.sent[index:]
            for found in deframer.feed(data)
            if isinstance(found, Frame)
            and found.unit == unit
            and found.message == WriteRegister(df.START_STOP.address, df.TIMEOUT_STOPS)
        ]

    async def off(self):
        for device in self.devices:
            device.powered = True
        await asyncio.gather(*(driver.close() for driver in self.drivers))
        await self.peer.off()


@pytest.fixture
async def wired():
    lines = []

    def make(*devices, tcp=False):
        lines.append(Line(*devices, tcp=tcp))
        return lines[-1]

    yield make
    for line in lines:
        await line.off()


async def running(pump):
    await pump.connect()
    await pump.prepare(PLAN, 1)
    pump.grant(Permit(1, now_ns() + seconds(60)))
    await pump.run(1)


@pytest.mark.parametrize("tcp", [False, True])
async def test_each_device_is_itself_on_one_line(wired, tcp):
    line = wired(flex(DRUG, tcp), flex(FLUSH, tcp), meter(tcp=tcp), tcp=tcp)
    drug, flush, well = line.pump(DRUG), line.pump(FLUSH), line.meter()
    found = await asyncio.gather(drug.connect(), flush.connect(), well.connect())
    assert [one.address for one in found] == [DRUG, FLUSH, METER]
    assert line.port.opened == 1
    await running(flush)
    await asyncio.sleep(4)
    moved, still, reading = await asyncio.gather(flush.poll(), drug.poll(), well.read())
    assert (moved.motion, still.motion) == (Motion.INFUSING, Motion.STOPPED)
    assert moved.infused_nl >= 19_999
    assert still.infused_nl == 0
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=0.02)


@pytest.mark.requirement("C3", "P8")
@pytest.mark.parametrize("powered", [True, False], ids=["it answers", "it is silent"])
async def test_a_stop_passes_all_that_is_asked_of_a_meter_on_its_line(wired, powered):
    line = wired(flex(DRUG), meter())
    drug, well = line.pump(DRUG), line.meter()
    await well.connect()
    await running(drug)
    line.devices[1].powered = powered
    asked = [asyncio.create_task(well.read()) for _ in range(20)]
    await asyncio.sleep(0.01)
    called_ns, said = now_ns(), len(line.peer.wire.sent)
    stopped = await drug.stop(2)
    left_ns = line.stops_since(said, DRUG)[0]
    assert left_ns - called_ns <= STOP_NS
    # Nothing leaves between the frame in flight and the STOP.
    assert line.peer.wire.sent[said][0] * 1e9 == pytest.approx(left_ns)
    assert stopped.motion is Motion.STOPPED
    await asyncio.gather(*asked, return_exceptions=True)


@pytest.mark.requirement("C3", "P8")
async def test_a_stop_passes_a_preparation_of_the_other_pump_and_drops_it(wired):
    line = wired(flex(DRUG), flex(FLUSH))
    drug, flush = line.pump(DRUG), line.pump(FLUSH)
    await running(drug)
    await flush.connect()
    preparing = asyncio.create_task(flush.prepare(PLAN, 1))
    await asyncio.sleep(0.1)
    called_ns, said = now_ns(), len(line.peer.wire.sent)
    stops = asyncio.gather(drug.stop(2), flush.stop(2))
    await asyncio.sleep(0.3)
    for unit in (DRUG, FLUSH):
        # One more exchange of 12 ms for whose STOP leaves second.
        assert line.stops_since(said, unit)[0] - called_ns <= STOP_NS + 20_000_000
    assert {status.motion for status in await stops} == {Motion.STOPPED}
    with pytest.raises(Exception, match="epoch 1 was closed by 2"):
        await preparing


@pytest.mark.requirement("C3", "P8")
async def test_a_stop_that_meets_a_late_answer_is_said_again_at_once(wired):
    line = wired(flex(DRUG))
    drug = line.pump(DRUG)
    await running(drug)
    hear, deaf = line.peer.wire.peer, [True]
    line.peer.wire.peer = lambda data: None if deaf.pop() else hear(data)
    deaf[:] = [False] * 99 + [True]
    called_ns, said = now_ns(), len(line.peer.wire.sent)
    await drug.stop(2)
    first_ns, second_ns = line.stops_since(said, DRUG)
    assert first_ns - called_ns <= STOP_NS
    assert second_ns - first_ns <= WITHIN_NS + 5_000_000


async def test_two_stops_of_which_one_meets_silence_reach_the_other(wired):
    line = wired(flex(DRUG), flex(FLUSH))
    drug, flush = line.pump(DRUG), line.pump(FLUSH)
    await flush.connect()
    await running(drug)
    line.devices[1].powered = False
    stops = [asyncio.create_task(pump.stop(2)) for pump in (flush, drug)]
    await asyncio.sleep((WITHIN_NS + 20_000_000) / 1e9)
    assert not line.devices[0].motor.turning
    line.devices[1].powered = True
    assert {status.motion for status in await asyncio.gather(*stops)} == {Motion.STOPPED}


@pytest.mark.requirement("C1")
async def test_a_silent_meter_lets_no_permit_of_the_pump_run_out(wired):
    """It is asked just before a poll is due: the poll comes before a third of 5 s, or 3 polls."""
    line = wired(flex(DRUG), meter())
    drug, well = line.pump(DRUG), line.meter()
    await well.connect()
    await running(drug)
    line.devices[1].powered = False
    read_ns = (await drug.poll()).read_ns
    for _ in range(10):
        drug.grant(Permit(1, now_ns() + seconds(5) // 3))
        await asyncio.sleep(POLL_S - 0.01)
        asked = asyncio.create_task(well.read())
        await asyncio.sleep(0.01)
        status = await drug.poll()
        assert status.motion is Motion.INFUSING
        assert status.read_ns - read_ns < 3 * POLL_S * 1e9
        while not asked.done():
            drug.grant(Permit(1, now_ns() + seconds(5) // 3))
            await asyncio.sleep(POLL_S)
            read_ns = (await drug.poll()).read_ns
        assert isinstance(asked.exception(), NoReply)
    assert drug.energised


async def test_the_last_one_to_leave_closes_the_line(wired):
    line = wired(flex(DRUG), meter())
    drug, well = line.pump(DRUG), line.meter()
    await well.connect()
    await running(drug)
    await well.close()
    assert not line.peer.wire.closed
    assert (await drug.poll()).motion is Motion.INFUSING
    await drug.close()
    assert line.peer.wire.closed
    assert not line.devices[0].motor.turning
    with pytest.raises(LinkLost):
        await drug.poll()


async def test_two_drivers_for_one_unit_are_refused(wired):
    line = wired(flex(DRUG))
    line.pump(DRUG)
    with pytest.raises(ValueError, match="two devices as unit 20 of one line"):
        ActivityMeter(line.bus, DRUG, now_ns)


# --- two devices on one address -------------------------------------------------------------------


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("tcp", [False, True])
async def test_two_pumps_that_answer_one_after_the_other_are_refused(wired, tcp):
    line = wired(flex(DRUG, tcp), flex(DRUG, tcp), tcp=tcp)
    with pytest.raises(WrongDevice) as caught:
        await line.pump(DRUG).connect()
    assert (caught.value.expected, caught.value.seen) == (
        "a DFX pump of ProMinent as unit 20",
        ECHOED,
    )


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("serials", [(1001, 1001), (1001, 2002)])
async def test_two_meters_that_answer_one_after_the_other_are_refused(wired, serials):
    line = wired(*(meter(serial=serial) for serial in serials))
    with pytest.raises(WrongDevice) as caught:
        await line.meter().connect()
    assert caught.value.seen == ECHOED


@pytest.mark.requirement("C5")
async def test_two_pumps_that_answer_at_once_are_refused_with_what_was_heard(wired):
    """On two wires the stronger driver wins each bit: nothing that is left has a valid CRC."""
    line = wired(flex(DRUG), flex(DRUG))
    one, other = line.devices

    def collide(data, at_ns):
        first, second = one.feed(data, at_ns), other.feed(data, at_ns)
        return bytes(a & b for a, b in zip(first + b"\xff", b"\xff" + second, strict=True))

    line.peer.firmware.feed = collide
    with pytest.raises(WrongDevice, match=r"heard 14 .*no other device has this address"):
        await line.pump(DRUG).connect()
