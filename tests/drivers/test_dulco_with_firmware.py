"""The DULCO flex driver against the simulated pump, RTU and TCP, in virtual time."""

import asyncio
from dataclasses import replace

import pytest

from drivers.dulco_flex import DulcoFlexPump
from drivers.modbus import ModbusBus
from drivers.pump_errors import WrongDevice
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.readings import Motion, Permit, PumpAlarm
from firmware_interfaces.register import WordOrder
from firmware_interfaces.units import millilitre, millilitre_per_hour, seconds
from simulators.devices import hands
from simulators.devices.dulco_flex import DulcoFlexFirmware, Meanings
from simulators.devices.faults import FAULTS
from simulators.devices.hose import HosedVial
from simulators.devices.room import Room
from tests.drivers.dulco_room import PLAN as PLAIN
from tests.drivers.test_with_firmware import Powered
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

PLAN = replace(PLAIN, rate_ul_h=millilitre_per_hour(20), volume_nl=millilitre(10))


def vial_room():
    room = Room(1, start_ns=now_ns())
    hands.bring_vial(room, 20e6, 1.6e9)
    hands.bring_syringe(room, HosedVial("drug", 60e6))
    hands.draw_up(room, "drug", 20e6, 0.0)
    hands.mount(room, "drug")
    hands.join_line(room)
    hands.lead_line(room, "patient")
    hands.set_clamp(room, is_open=True)
    return room


class Ward:
    """A driver at a simulated pump, and the alarms it reported."""

    def __init__(self, *, tcp=False, meanings=None, unit=df.UNIT):
        self.room = vial_room()
        firmware = DulcoFlexFirmware(self.room, now_ns(), meanings, unit, tcp=tcp)
        self.device = Powered(firmware)
        self.events: list[object] = []
        bus = ModbusBus(Port(self.device.wire), now_ns, tcp=tcp)
        self.driver = DulcoFlexPump(bus, df.UNIT, now_ns, Setup(), on_event=self.events.append)

    async def infuse(self, for_s):
        self.driver.grant(Permit(1, now_ns() + seconds(3)))
        started = await self.driver.run(1)
        for _ in range(round(for_s * 2)):
            await asyncio.sleep(0.5)
            self.driver.grant(Permit(1, now_ns() + seconds(3)))
            status = await self.driver.poll()
        return started, status

    async def off(self):
        self.device.plugged = True
        await self.driver.close()
        await self.device.off()


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("shift", [0, -1])
@pytest.mark.parametrize("order", list(WordOrder))
async def test_a_new_pump_is_recovered_prepared_run_polled_and_stopped(tcp, shift, order):
    ward = Ward(tcp=tcp, meanings=Meanings(shift, order))
    assert (await ward.driver.connect()).model == "DFXASIM00"
    assert not (await ward.driver.recover()).power_cycled
    readback = await ward.driver.prepare(PLAN, 1)
    assert (readback.rate_ul_h, readback.volume_nl) == (20_000, 10_000_000)
    await ward.infuse(60)
    stopped = await ward.driver.stop(2)
    assert stopped.motion is Motion.STOPPED
    displaced_nl = ward.room.displaced_nl
    assert stopped.infused_nl is not None
    assert stopped.infused_nl <= displaced_nl <= stopped.infused_nl + stopped.counter_step_nl
    # 60 s of polls, and what start and stop take.
    assert displaced_nl == pytest.approx(20e6 / 3600 * 61.2, rel=0.01)
    await ward.driver.disarm(2)
    assert ward.device.firmware.held[df.START_STOP] == 0
    await ward.off()


@pytest.mark.requirement("T3.2", "P11", "GIP-3.5.1-4")
async def test_a_pump_that_hears_nothing_stops_by_its_bus_time_out():
    ward = Ward()
    await ward.driver.connect()
    await ward.driver.prepare(PLAN, 1)
    await ward.infuse(2)
    ward.device.plugged = False
    last_nl, began = ward.room.displaced_nl, now_ns()
    await asyncio.sleep(12)
    rested_nl = ward.room.displaced_nl
    assert rested_nl - last_nl <= 20e6 / 3600 * 5.1 + 10_000
    ward.device.plugged = True
    status = await ward.driver.stop(2)
    assert status.motion is Motion.STOPPED
    assert ward.room.displaced_nl == rested_nl
    assert now_ns() > began
    await ward.off()


async def test_a_batch_ends_by_itself_at_rest_with_all_of_its_volume():
    ward = Ward()
    await ward.driver.connect()
    plan = replace(PLAN, rate_ul_h=millilitre_per_hour(180), volume_nl=millilitre(1))
    await ward.driver.prepare(plan, 1)
    _, status = await ward.infuse(22)
    assert (status.motion, status.infused_nl) == (Motion.STOPPED, 1_000_000)
    assert ward.room.displaced_nl == pytest.approx(1e6, abs=20)
    await ward.off()


@pytest.mark.parametrize(
    ("fault", "value", "alarm"),
    [
        ("tear_hose", 0.3, PumpAlarm.HOSE_RUPTURE),
        ("close_clamp", 1.0, PumpAlarm.STALL),
        ("jam_drive", 1.0, PumpAlarm.STALL),
    ],
)
async def test_what_the_pump_feels_is_an_alarm_and_it_rests(fault, value, alarm):
    ward = Ward()
    await ward.driver.connect()
    await ward.driver.prepare(PLAN, 1)
    await ward.infuse(2)
    FAULTS[fault](ward.room, value)
    for _ in range(60):
        await asyncio.sleep(0.5)
        ward.driver.grant(Permit(1, now_ns() + seconds(3)))
        status = await ward.driver.poll()
        if status.alarm is not None:
            break
    assert (status.alarm, status.motion) == (alarm, Motion.STOPPED)
    assert (await ward.driver.stop(2)).motion is Motion.STOPPED
    await ward.off()


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("register", [df.ENDIANNESS, df.SOFTWARE])
async def test_a_pattern_in_another_word_order_than_the_table_is_refused(register):
    ward = Ward(meanings=Meanings(swapped={register.name}))
    with pytest.raises(WrongDevice) as caught:
        await ward.driver.connect()
    assert caught.value.seen == "software version: saw 00.00.01.00, expected one of 01.00.00.00"
    await ward.off()


async def test_a_pump_at_another_address_is_not_there():
    ward = Ward(unit=21)
    with pytest.raises(WrongDevice, match="expected a DFX pump of ProMinent as unit 20"):
        await ward.driver.connect()
    await ward.off()
