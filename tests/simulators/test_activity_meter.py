"""The simulated activity meter: what its registers say of the room, and what a write sets off."""

import pytest

from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Bank, WordOrder, cut, decode
from protocols.modbus_messages import Failure
from simulators.devices import hands
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.modbus_unit import Declined
from simulators.devices.simulate import source_room

S = 1_000_000_000


def exact(**more):
    firmware = ActivityMeterFirmware(source_room(1), **more)
    meter = firmware.room.chamber.electrometer
    meter.noisy, meter.range_error, meter.background_bq = False, 0.0, 0.0
    meter.volume_loss_per_10_na = meter.initial_loss = 0.0
    firmware.process(30 * S)
    return firmware


def said(firmware, row):
    return decode(row, cut(row, 0, firmware.reading()), firmware.order)


def test_the_block_says_what_is_in_the_well():
    found = nam.consistent(exact().reading())
    decayed = 1_572_500_000 * 0.5 ** (30 / (8.0252 * 86400))
    assert found.activity_bq == pytest.approx(decayed, rel=1e-7)
    assert (found.nuclide, found.status) == ("I-131", ReadingStatus.VALID)
    assert (found.counter, found.age_ms, found.serial, found.last_error) == (120, 0, 1001, 0)


def test_what_lies_behind_the_number_is_told_too():
    firmware = exact()
    # 8.16 pA/MBq for I-131 (calibrators.md 2.1): 12.8 nA at the clinical dose.
    assert said(firmware, nam.CURRENT) == pytest.approx(12.83e-9, rel=1e-3)
    assert said(firmware, nam.HIGH_VOLTAGE) == 5000
    assert said(firmware, nam.RANGE) == 3
    assert said(firmware, nam.BACKGROUND) == 0
    assert 0.01 < said(firmware, nam.DEVIATION) < 0.1
    assert said(firmware, nam.READ_AT) == 1_772_463_600 + 30
    assert said(firmware, nam.SETTING) == 1


def test_it_counts_four_readings_a_second_and_says_how_old_one_is():
    firmware = exact()
    firmware.process(30 * S + 240_000_000)
    assert (said(firmware, nam.COUNTER_HEAD), said(firmware, nam.AGE)) == (120, 240)
    firmware.process(30 * S + 250_000_000)
    assert (said(firmware, nam.COUNTER_HEAD), said(firmware, nam.AGE)) == (121, 0)


def test_a_number_that_hangs_is_not_counted_and_grows_old():
    firmware = exact()
    firmware.room.chamber.hold = True
    firmware.process(33 * S)
    assert (said(firmware, nam.COUNTER_HEAD), said(firmware, nam.AGE)) == (120, 3000)
    firmware.process(130 * S)
    assert said(firmware, nam.AGE) == 0xFFFF


def test_over_range_is_no_number_and_not_valid():
    firmware = exact()
    hands.bring_source(firmware.room, "hot", "I131", 20e9)
    hands.put_in_well(firmware.room, "hot")
    firmware.process(60 * S)
    assert firmware.reading()[10:14] == [0x7FC0, 0, 0xFFFF, 0xFFFF]
    found = nam.consistent(firmware.reading())
    assert found.activity_bq is None
    assert ReadingStatus.OVER_RANGE in found.status
    assert ReadingStatus.VALID not in found.status
    firmware.order = WordOrder.LOW_FIRST
    assert firmware.reading()[10:12] == [0, 0x7FC0]


def test_it_says_that_it_settles_and_then_no_more():
    firmware = exact()
    firmware.room.chamber.electrometer.background_bq = 6000.0
    hands.take_from_well(firmware.room, "I-131 source")
    firmware.process(31 * S)
    assert ReadingStatus.SETTLING in nam.consistent(firmware.reading()).status
    firmware.process(400 * S)
    assert nam.consistent(firmware.reading()).status == ReadingStatus.VALID


def test_a_low_voltage_and_a_loss_are_said():
    firmware = exact()
    firmware.room.chamber.electrometer.voltage_v = 449.0
    assert nam.consistent(firmware.reading()).status == (
        ReadingStatus.VALID | ReadingStatus.HV_FAULT
    )
    lossy = ActivityMeterFirmware(source_room(1))
    lossy.room.chamber.electrometer.volume_loss_per_10_na = 2e-2
    lossy.process(30 * S)
    assert ReadingStatus.SATURATION_WARN in nam.consistent(lossy.reading()).status


def test_a_host_changes_the_nuclide_and_that_stands_until_it_is_acknowledged():
    firmware = exact()
    firmware.write_registers(1, (55, 137))
    changed = nam.consistent(firmware.reading())
    assert (changed.nuclide, changed.status) == (
        "Cs-137",
        ReadingStatus.VALID | ReadingStatus.NUCLIDE_CHANGED,
    )
    firmware.write_registers(4, (int(ReadingStatus.HV_FAULT),))
    assert ReadingStatus.NUCLIDE_CHANGED in nam.consistent(firmware.reading()).status
    firmware.write_registers(4, (int(ReadingStatus.NUCLIDE_CHANGED),))
    assert nam.consistent(firmware.reading()).status == ReadingStatus.VALID
    firmware.write_registers(1, (53, 131))
    firmware.select_locally("I131")
    assert nam.consistent(firmware.reading()).status == ReadingStatus.VALID


def test_a_hand_at_the_instrument_chooses_what_it_has():
    firmware = exact()
    firmware.select_locally("Tc99m")
    assert nam.consistent(firmware.reading()).nuclide == "Tc-99m"
    with pytest.raises(KeyError):
        firmware.select_locally("U238")


def test_the_background_that_it_was_told_to_measure_is_taken_off():
    firmware = exact()
    hands.take_from_well(firmware.room, "I-131 source")
    firmware.room.chamber.electrometer.background_bq = 6000.0
    firmware.process(600 * S)
    assert nam.consistent(firmware.reading()).activity_bq == pytest.approx(6000, rel=1e-3)
    firmware.write_registers(0, (2,))
    assert said(firmware, nam.BACKGROUND) == pytest.approx(6000, rel=1e-3)
    assert nam.consistent(firmware.reading()).activity_bq == 0
    assert firmware.read_registers(Bank.HOLDING, 0, 5) == [2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("address", "values", "failure"),
    [
        (0, (9,), Failure.ILLEGAL_VALUE),
        (1, (92, 238), Failure.ILLEGAL_VALUE),
        (4, (0, 0), Failure.ILLEGAL_ADDRESS),
        (5, (0,), Failure.ILLEGAL_ADDRESS),
    ],
)
def test_what_cannot_be_set_changes_nothing(address, values, failure):
    firmware = exact()
    with pytest.raises(Declined) as caught:
        firmware.write_registers(address, values)
    assert caught.value.failure is failure
    assert firmware.read_registers(Bank.HOLDING, 0, 5) == [0] * 5
    assert nam.consistent(firmware.reading()).nuclide == "I-131"


def test_it_has_thirty_input_registers_and_no_more():
    with pytest.raises(Declined):
        exact().read_registers(Bank.INPUT, 29, 2)


def test_without_power_it_is_silent_and_over_tcp_it_is_as_fast_as_the_network():
    firmware = exact(tcp=True, unit=3)
    asked = bytes.fromhex("0001 0000 0006 03 04 0000 0001")
    assert firmware.feed(asked, 31 * S) == bytes.fromhex("0001 0000 0005 03 04 02 414d")
    firmware.powered = False
    assert firmware.feed(asked, 31 * S) == b""
    assert firmware.bits_per_character / firmware.baud < 1e-6
