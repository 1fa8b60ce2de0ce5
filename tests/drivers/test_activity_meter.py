"""The activity meter's driver against meters that are spoilt in one way each, and a good one."""

import asyncio

import pytest

from drivers.activity_meter import ActivityMeter
from drivers.calibrator_errors import ReadingRefused
from drivers.modbus import DeviceRefused, ModbusBus
from drivers.request import NoReply, WrongDevice
from drivers.settling import SINGLE
from firmware_interfaces.readings import Identity, ReadingStatus
from firmware_interfaces.register import WordOrder
from protocols.modbus import encode_tcp
from protocols.modbus_messages import Registers
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.simulate import source_room
from tests.drivers.modbus_peer import ASKED, Meter, answer, rtu
from tests.drivers.test_with_firmware import Powered
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port, Wire
from tests.firmware_interfaces.test_activity_meter import block

I131_BQ = 1_572_499_968
STEADY = {"ACTIVITY": float(I131_BQ), "ACTIVITY_KBQ": 1_572_500}


@pytest.fixture
async def made():
    meters = []

    def make(*spoil, **registers):
        meters.append(Meter(*spoil, **registers))
        return meters[-1]

    yield make
    for meter in meters:
        await meter.driver.close()


async def test_a_reading_is_one_question_and_says_what_the_meter_says(made):
    meter = made(STATUS=3)
    reading = await meter.driver.read()
    assert meter.wire.frames == [ASKED]
    assert (reading.activity_bq, reading.resolution_bq, reading.nuclide) == (I131_BQ, 128, "I-131")
    assert reading.status == ReadingStatus.VALID | ReadingStatus.SETTLING
    assert reading.read_ns - reading.asked_ns == 20_000_000
    assert bytes.fromhex(reading.frame_hex)[:3] == b"\x01\x04\x3c"


async def test_connect_says_who_answers_and_by_which_number(made):
    identity = await made(SERIAL=70_001).driver.connect()
    assert identity == Identity("activity-meter", "NAM-M1", "1", 1, "70001")


INCONSISTENT = [
    ({"MAGIC_WORD": 0x4D41}, "magic", "0x4d41", "expected 0x414d"),
    ({"MAP_VERSION": 2}, "map version", "2", "expected 1"),
    ({"order": WordOrder.LOW_FIRST}, "word-order sentinel", "1.08658e-19", "expected 123456"),
    ({"ACTIVITY_UNIT": 3}, "unit", "3", "expected 1"),
    ({"COUNTER_TAIL": 6}, "reading counter, tail", "6", "expected [0-9]+"),
    ({"check": False}, "CRC-16/MODBUS", "0x0000", "expected 0x[0-9a-f]{4}"),
    ({"ACTIVITY": (0x7FC0, 0)}, "net activity", ".*nan.*", "expected a finite number"),
    ({"ACTIVITY": (0x7F80, 0)}, "net activity", ".*inf.*", "expected a finite number"),
    ({"ACTIVITY": 1.5725e6}, "net activity", "1572500 Bq", "expected 1572500 kBq of registers"),
    ({"NUCLIDE_Z": 92}, "nuclide Z", "92", "expected one of 9, 27"),
]


@pytest.mark.requirement("C5", "C8")
@pytest.mark.parametrize(
    ("registers", "field", "seen", "rule"), INCONSISTENT, ids=[str(row[0]) for row in INCONSISTENT]
)
async def test_a_block_that_does_not_hold_is_refused_by_register(
    made, registers, field, seen, rule
):
    with pytest.raises(ReadingRefused, match=rf"{seen}'?: {rule}") as caught:
        await made(**registers).driver.read()
    assert caught.value.field == field
    with pytest.raises(WrongDevice, match=r"expected an activity meter \(NAM-M1\) as unit 1; "):
        await made(**registers).driver.connect()


async def test_over_range_has_no_value_and_ends_an_assay_at_once(made):
    meter = made(STATUS=4, ACTIVITY=(0x7FC0, 0))
    reading = await meter.driver.assay("I-131")
    assert (reading.activity_bq, reading.status) == (None, ReadingStatus.OVER_RANGE)
    assert meter.asked == 1


@pytest.mark.requirement("A1")
async def test_another_nuclide_ends_an_assay_at_once_and_is_named(made):
    meter = made(NUCLIDE_Z=43, NUCLIDE_A=0x8063)
    reading = await meter.driver.assay("I-131")
    assert ReadingStatus.NUCLIDE_CHANGED in reading.status
    assert (reading.nuclide, reading.final, meter.asked) == ("Tc-99m", False, 1)


@pytest.mark.parametrize("bit", [bit for bit in ReadingStatus if bit not in SINGLE])
async def test_whatever_the_meter_says_against_a_reading_keeps_it_from_being_final(made, bit):
    reading = await made(STATUS=1 | bit).driver.assay("I-131")
    assert bit in reading.status
    assert not reading.final


async def test_a_reading_that_is_not_valid_is_never_final(made):
    reading = await made(STATUS=0).driver.assay("I-131")
    assert (reading.status, reading.final) == (ReadingStatus(0), False)


@pytest.mark.requirement("A4", "T2.2")
async def test_an_assay_counts_from_when_the_meter_itself_has_settled(made):
    meter = made(STATUS=3)
    assay = asyncio.create_task(meter.driver.assay("I-131"))
    await asyncio.sleep(8)
    meter.registers = {"STATUS": 1}
    reading = await assay
    assert reading.final
    assert (reading.activity_bq, reading.spread_ppm) == (I131_BQ, 0)
    # 10 s of readings a quarter of a second apart, and the last unsettled one before them.
    assert reading.samples in (41, 42)


@pytest.mark.requirement("C5")
async def test_a_reading_older_than_a_second_is_refused(made):
    assert (await made(AGE=1000).driver.read()).activity_bq == I131_BQ
    with pytest.raises(ReadingRefused) as caught:
        await made(AGE=1001).driver.read()
    assert (caught.value.field, caught.value.seen) == ("reading age", "1001 ms")
    assert "the meter stands still" in caught.value.rule


@pytest.mark.requirement("C5")
async def test_a_counter_that_stands_for_two_seconds_is_a_meter_that_stands(made):
    meter = made()
    meter.counts = False
    await meter.driver.read()
    await asyncio.sleep(1.9)
    await meter.driver.read()
    await asyncio.sleep(0.2)
    with pytest.raises(ReadingRefused, match="'7': has not counted on for 2 s"):
        await meter.driver.read()
    meter.counts = True
    assert (await meter.driver.read()).activity_bq == I131_BQ


@pytest.mark.requirement("C5")
async def test_another_meter_than_at_connect_is_refused_with_both_numbers(made):
    meter = made(SERIAL=70_001)
    await meter.driver.connect()
    meter.registers = {"SERIAL": 70_002}
    with pytest.raises(ReadingRefused, match=r"'70002': another meter than at connect, .* 70001"):
        await meter.driver.read()


SILENT = {
    "another unit's reply": lambda _n, said: answer(block(), unit=2),
    "another function's reply": lambda _n, said: answer(block(), function=3),
    "too few registers": lambda _n, said: answer(block()[:29]),
    "too many registers": lambda _n, said: answer([*block(), 0]),
    "wrong frame CRC": lambda _n, said: said[:-1] + bytes((said[-1] ^ 1,)),
    "cut short": lambda _n, said: said[:-1],
    "nothing": lambda _n, said: b"",
    "another function's refusal": lambda _n, said: rtu(b"\x01\x83\x02"),
    "text": lambda _n, said: b"RESULT 5 mCi\r\n",
}


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("spoil", SILENT.values(), ids=SILENT.keys())
async def test_what_is_no_answer_answers_nothing_and_is_told_as_heard(made, spoil):
    meter = made(spoil)
    with pytest.raises(NoReply, match=r"no answer in time: (heard [0-9a-f]{2} |silence)"):
        await meter.driver.read()
    # A read is asked once more and not again.
    assert meter.asked == 2
    with pytest.raises(WrongDevice, match=r"expected an activity meter \(NAM-M1\) as unit 1; unit"):
        await made(spoil).driver.connect()


@pytest.mark.parametrize(
    ("code", "name"),
    [(1, "illegal function"), (2, "illegal address"), (6, "device busy"), (77, r"\?")],
)
async def test_an_exception_is_a_refusal_by_its_code_and_not_asked_again(made, code, name):
    meter = made(lambda _n, _said: rtu(bytes((1, 0x84, code))))
    with pytest.raises(DeviceRefused, match=rf"answered exception {code} \({name}\)"):
        await meter.driver.read()
    assert meter.asked == 1
    with pytest.raises(WrongDevice, match=f"exception {code}"):
        await made(lambda _n, _said: rtu(bytes((1, 0x84, code)))).driver.connect()


async def test_a_late_reply_never_answers_the_next_question(made):
    """The first answer comes after its time; the second question is asked on a clean line."""
    old = answer(block(ACTIVITY=float(2**30), ACTIVITY_KBQ=1_073_742))
    meter = made(lambda n, said: said if n > 1 else b"")
    reading = asyncio.create_task(meter.driver.read())
    await asyncio.sleep(0.9)
    meter.wire.say(old, 0.0)
    assert (await reading).activity_bq == I131_BQ
    assert [round(at, 3) for at, _ in meter.wire.sent] == [100.5, 101.3]


async def test_noise_before_an_answer_is_passed_over(made):
    assert (await made(lambda _n, said: b"\x00\xff" + said).driver.read()).activity_bq == I131_BQ


async def test_frames_on_a_serial_line_stand_apart(made):
    meter = made()
    await asyncio.gather(meter.driver.read(), meter.driver.read())
    (first_s, _), (second_s, _) = meter.wire.sent
    # 20 ms to the answer, then 3.5 characters of 11 bits at 19200 baud.
    assert second_s - first_s == pytest.approx(0.02 + 0.002005, abs=1e-6)


class OverTcp:
    """A meter on TCP that answers with transaction numbers of ``number(asked)``."""

    def __init__(self, number=lambda asked: asked):
        self.wire = Wire(self._hear)
        self.number, self.numbers = number, []
        bus = ModbusBus(Port(self.wire), now_ns, tcp=True)
        self.driver = ActivityMeter(bus, 1, now_ns)

    def _hear(self, data):
        asked = int.from_bytes(data[:2], "big")
        self.numbers.append(asked)
        assert data[2:] == bytes.fromhex("0000 0006 01 04 0000 001E")
        count = now_ns() // 250_000_000 % 65536
        words = tuple(block(COUNTER_HEAD=count, COUNTER_TAIL=count))
        self.wire.say(encode_tcp(1, self.number(asked), Registers(4, words)), 0.002)


async def test_over_tcp_each_question_has_a_number_and_an_answer_the_same():
    meter = OverTcp()
    for _ in range(3):
        assert (await meter.driver.read()).activity_bq == I131_BQ
    assert meter.numbers == [1, 2, 3]
    await meter.driver.close()


async def test_over_tcp_an_answer_to_another_question_answers_nothing():
    meter = OverTcp(lambda asked: asked - 1)
    with pytest.raises(NoReply):
        await meter.driver.read()
    await meter.driver.close()


@pytest.mark.parametrize("tcp", [False, True])
async def test_an_assay_of_the_simulated_meter_settles(tcp):
    device = Powered(ActivityMeterFirmware(source_room(1), tcp=tcp))
    bus = ModbusBus(Port(device.wire), now_ns, tcp=tcp)
    driver = ActivityMeter(bus, 1, now_ns)
    assert (await driver.connect()).serial == "1001"
    reading = await driver.assay("I-131")
    assert reading.final
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=0.02)
    await driver.close()
    await device.off()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda meter: setattr(meter, "order", WordOrder.LOW_FIRST), "word-order sentinel"),
        (lambda meter: setattr(meter.room.chamber, "hold", True), "reading age"),
        (lambda meter: setattr(meter, "serial", 2002), "serial number"),
    ],
    ids=["swapped word order", "display hangs", "another meter"],
)
async def test_a_simulated_meter_that_is_wrong_is_refused_by_name(spoil, reason):
    device = Powered(ActivityMeterFirmware(source_room(1)))
    driver = ActivityMeter(ModbusBus(Port(device.wire), now_ns, tcp=False), 1, now_ns)
    await driver.connect()
    spoil(device.firmware)
    await asyncio.sleep(1.5)
    with pytest.raises(ReadingRefused) as caught:
        await driver.read()
    assert caught.value.field == reason
    await driver.close()
    await device.off()


async def test_a_meter_with_another_unit_address_is_not_there():
    device = Powered(ActivityMeterFirmware(source_room(1), unit=5))
    driver = ActivityMeter(ModbusBus(Port(device.wire), now_ns, tcp=False), 1, now_ns)
    with pytest.raises(WrongDevice, match=r"as unit 1; .*silence"):
        await driver.connect()
    await driver.close()
    await device.off()
