"""The drivers against the simulated devices, over in-memory lines in virtual time."""

import asyncio
import contextlib

import pytest

from drivers.capintec import Crc55
from drivers.new_era import NewEraPump
from firmware_interfaces.readings import Motion, Permit, PumpAlarm, PumpPlan, PumpStatus, Trigger
from firmware_interfaces.units import millilitre, millilitre_per_hour, millimetre, seconds
from protocols.new_era import Mode
from simulators.devices.simulate import lone_calibrator, lone_pump
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port, Wire

PLAN = PumpPlan(
    diameter_um=millimetre("26.59"),
    rate_ul_h=millilitre_per_hour(20),
    volume_nl=millilitre(10),
    watchdog_ns=seconds(5),
    trigger=Trigger.OFF,
)


class Powered:
    """A firmware on a wire, its time passing in steps of 50 ms."""

    def __init__(self, firmware):
        self.firmware = firmware
        self.wire = Wire(self._hear)
        self.plugged = True
        self._ticking = asyncio.create_task(self._tick())

    def _hear(self, data):
        if self.plugged:
            self._say(self.firmware.feed(data, now_ns()))

    def _say(self, data):
        if data and self.plugged:
            self.wire.say(data, 0.01)

    async def _tick(self):
        while True:
            await asyncio.sleep(0.05)
            self._say(self.firmware.process(now_ns()))

    async def off(self):
        self._ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticking


class Ward:
    """A pump at an NE-1000 firmware, and the alarms it reported."""

    def __init__(self):
        self.device = Powered(lone_pump(1))
        self.events: list[PumpStatus] = []
        self.driver = NewEraPump(Port(self.device.wire), 0, now_ns, on_event=self.events.append)

    async def infuse(self, for_s):
        self.driver.grant(Permit(1, now_ns() + seconds(3)))
        started = await self.driver.run(1)
        for _ in range(for_s * 2):
            await asyncio.sleep(0.5)
            self.driver.grant(Permit(1, now_ns() + seconds(3)))
            await self.driver.poll()
        return started


@pytest.fixture
async def ward():
    made = Ward()
    yield made
    made.device.plugged = True
    await made.driver.close()
    await made.device.off()


async def test_a_new_pump_is_recovered_prepared_run_polled_and_stopped(ward):
    identity = await ward.driver.connect()
    assert identity.model.startswith("NE")
    recovery = await ward.driver.recover()
    assert recovery.power_cycled
    readback = await ward.driver.prepare(PLAN, 1)
    assert (readback.rate_ul_h, readback.volume_nl) == (20_000, 10_000_000)
    started = await ward.infuse(60)
    status = await ward.driver.stop(2)
    assert status.motion is Motion.STOPPED
    counted = (await ward.driver.poll()).infused_nl
    # 20 mL/h is 5.56 nL in a millisecond; the counter is cut off at 1 uL.
    flowed = 20e6 / 3600e9 * (status.read_ns - started.asked_ns)
    assert counted == pytest.approx(flowed, abs=1_500)
    assert ward.events[0].alarm is PumpAlarm.RESET
    await ward.driver.disarm(2)
    assert ward.device.firmware.mode is Mode.BASIC


@pytest.mark.requirement("T3.2", "P11", "GIP-3.5.1-4")
async def test_a_pump_that_hears_nothing_stops_by_its_watchdog_and_says_so(ward):
    await ward.driver.connect()
    await ward.driver.recover()
    await ward.driver.prepare(PLAN, 1)
    await ward.infuse(2)
    ward.device.plugged = False
    await asyncio.sleep(12)
    ward.device.plugged = True
    status = await ward.driver.stop(2)
    assert status.motion is Motion.STOPPED
    assert PumpAlarm.WATCHDOG in [event.alarm for event in ward.events]


async def test_a_plan_of_little_volume_ends_by_itself_at_rest(ward):
    await ward.driver.connect()
    await ward.driver.recover()
    await ward.driver.prepare(
        PumpPlan(
            PLAN.diameter_um,
            millilitre_per_hour(360),
            millilitre(1),
            PLAN.watchdog_ns,
            PLAN.trigger,
        ),
        1,
    )
    await ward.infuse(12)
    status = await ward.driver.poll()
    assert (status.motion, status.infused_nl) == (Motion.STOPPED, 1_000_000)


async def test_an_assay_of_the_simulated_chamber_settles():
    device = Powered(lone_calibrator(1))
    driver = Crc55(Port(device.wire), 1, now_ns)
    reading = await driver.assay((await driver.read()).nuclide)
    assert reading.final
    assert reading.samples == 41
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=0.02)
    await driver.close()
    await device.off()
