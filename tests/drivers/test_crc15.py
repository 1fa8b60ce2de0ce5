"""The CRC-15R driver against a scripted instrument: proof of every reply, units, tickets, noise."""

import asyncio
import itertools
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.crc15 import Crc15
from drivers.request import LinkLost, NoReply, WrongDevice
from firmware_interfaces.crc15 import Unit, agreed_unit
from firmware_interfaces.readings import Identity, ReadingStatus
from protocols.crc15 import REQUEST, Reply, encode_reply
from simulators.devices.crc15 import BECQUEREL, OTHER_CURIE, Crc15Firmware, DisplayUnits
from simulators.devices.simulate import lone_calibrator
from tests.drivers.test_with_firmware import Powered
from tests.drivers.virtual_loop import VirtualLoop, now_ns
from tests.drivers.wire import Port, Wire

CAPTURED = bytes.fromhex("46 20 31 38 20 20 05 cc 85 35 40")
TICKET = b"CRC-15R\r\nNUCLIDE I 131\r\nACTIVITY 42.5 mCi\r\n"


def said(number, code=6, nuclide="I 131 "):
    """A reply."""
    return encode_reply(Reply(nuclide, code, struct.pack("<f", number)))


def wavering(number, spread=1e-5):
    """Numbers that a display shows one after the other, never the same twice."""
    return (number * (1 + spread * sign) for sign in itertools.cycle((-1.0, -0.5, 0.5, 1.0)))


class Instrument:
    """Answers each request after 60 ms with the next of ``replies``; the last one for ever."""

    def __init__(self, *replies, **kwargs):
        self.wire = Wire(self._hear)
        self.replies = iter(replies)
        self.last = b""
        self.asked = 0
        self.driver = Crc15(Port(self.wire), now_ns, **kwargs)

    def _hear(self, data):
        assert data == REQUEST
        self.asked += 1
        self.last = next(self.replies, self.last)
        if self.last:
            self.wire.say(self.last, 0.06)


@pytest.fixture
async def made():
    instruments = []

    def make(*replies, **kwargs):
        instruments.append(Instrument(*replies, **kwargs))
        return instruments[-1]

    yield make
    for instrument in instruments:
        await instrument.driver.close()


def steady(number=1.5725, code=6, count=400, **kwargs):
    return [said(one, code, **kwargs) for one in itertools.islice(wavering(number), count)]


async def test_the_captured_reading_is_2_836291_mbq_of_f_18(made):
    reading = await made(CAPTURED).driver.read()
    assert (reading.activity_bq, reading.resolution_bq, reading.nuclide) == (2_836_291, 1, "F-18")
    assert reading.status == ReadingStatus.VALID | ReadingStatus.SETTLING
    assert (reading.samples, reading.final, reading.frame_hex) == (1, False, CAPTURED.hex())
    assert reading.read_ns - reading.asked_ns == 60_000_000


async def test_connect_says_what_it_is_and_knows_no_serial_number(made):
    identity = await made(CAPTURED).driver.connect()
    assert identity == Identity("crc15", "CRC-15R", "", None, None)


@pytest.mark.requirement("C5")
@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (b"", "silence"),
        (b"$SDR1I131      15725>#", "heard 24 53 44"),
        (b"\xe6\x98\x18\x00\x9e", "heard e6 98 18"),
        (TICKET, "NUCLIDE I 131"),
        (CAPTURED[:-1], "heard 46 20 31 38 20 20 05 cc 85 35"),
    ],
    ids=["silence", "a CRC-55", "another speed", "nothing but a ticket", "cut short"],
)
async def test_connect_to_something_else_names_what_was_heard(made, reply, seen):
    instrument = made(reply)
    with pytest.raises(WrongDevice, match=f"expected a Capintec CRC-15R; .*{seen}"):
        await instrument.driver.connect()
    assert instrument.asked == 2


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("code", [1, 2, 3, 4])
async def test_an_ambiguous_unit_is_refused_by_its_code(made, code):
    with pytest.raises(UnitRefused, match=r"ambiguous .*refused until a known source") as caught:
        await made(said(42.5, code)).driver.read()
    assert caught.value.code == str(code)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("code", [0, 7, 8])
async def test_an_unknown_unit_is_refused_by_its_code(made, code):
    with pytest.raises(UnitRefused, match=f"unit code '{code}': is in no table"):
        await made(said(42.5, code)).driver.read()


@pytest.mark.requirement("A7", "C8")
@pytest.mark.parametrize(("proven", "activity_bq"), [
    (Unit.MILLICURIE, 1_572_500_000), (Unit.MICROCURIE, 1_572_500),
])  # fmt: skip
async def test_a_code_is_worth_what_whoever_made_the_driver_has_proven(made, proven, activity_bq):
    driver = made(said(42.5, 2), unit_of=lambda code: {2: proven}[code]).driver
    assert (await driver.read()).activity_bq == activity_bq


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.5, 4.2e9])
async def test_what_is_no_activity_is_refused_with_its_bytes(made, number):
    with pytest.raises(ReadingRefused, match="must") as caught:
        await made(said(number)).driver.read()
    field = struct.pack("<f", number).hex(" ")
    assert (caught.value.field, caught.value.seen) == ("activity", field)


async def test_a_printed_ticket_is_passed_over_wherever_it_comes(made):
    before = await made(TICKET + CAPTURED).driver.read()
    assert before.activity_bq == 2_836_291
    instrument = made(CAPTURED + TICKET, said(1.0), said(2.0))
    await instrument.driver.read()
    instrument.wire.say(TICKET)
    instrument.wire.say(TICKET[:20])
    await asyncio.sleep(0.1)
    instrument.wire.say(TICKET[20:], 0.03)
    began_ns = now_ns()
    assert (await instrument.driver.read()).activity_bq == 1_000_000_000
    # A ticket quarantines nothing: the next question leaves at once.
    assert now_ns() - began_ns == 60_000_000


async def test_a_ticket_within_a_reply_costs_the_reply_and_it_is_asked_for_once_more(made):
    torn = said(1.0)[:4] + TICKET + said(1.0)[4:]
    instrument = made(torn, said(2.0))
    assert (await instrument.driver.read()).activity_bq == 2_000_000_000
    assert instrument.asked == 2


async def test_a_reply_that_nobody_asked_for_never_answers_the_next_question(made):
    instrument = made(said(1.0) + said(9.0), said(2.0))
    assert (await instrument.driver.read()).activity_bq == 1_000_000_000
    began_ns = now_ns()
    assert (await instrument.driver.read()).activity_bq == 2_000_000_000
    # The line rested a second first: another such reply might still have come.
    assert now_ns() - began_ns == 1_060_000_000


async def test_a_late_reply_never_answers_the_next_question(made):
    instrument = made(b"", b"", said(2.0))
    instrument.wire.say(said(1.0), 2.5)
    with pytest.raises(NoReply):
        await instrument.driver.read()
    assert (await instrument.driver.read()).activity_bq == 2_000_000_000


@pytest.mark.requirement("A4", "T2.2")
async def test_an_assay_is_the_mean_of_at_least_ten_steady_seconds(made):
    instrument = made(*steady())
    reading = await instrument.driver.assay("I-131")
    assert reading.final
    assert (instrument.asked, reading.samples) == (41, 41)
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=1e-6)
    assert reading.read_ns - reading.asked_ns == 10_060_000_000


@pytest.mark.requirement("A4")
@pytest.mark.parametrize("odd", [said(1572.5, 6), said(3.145, 6), said(1.5725, 5)],
                         ids=["a thousandfold", "twofold", "the other unit"])  # fmt: skip
async def test_one_torn_reading_is_never_part_of_a_final_one(made, odd):
    """It stands out of its window, which is then begun anew behind it."""
    if odd == said(1572.5, 6):
        with pytest.raises(ReadingRefused, match="no well chamber"):
            await made(*steady(count=20), odd, *steady()).driver.assay("I-131")
        return
    instrument = made(*steady(count=20), odd, *steady())
    reading = await instrument.driver.assay("I-131")
    assert reading.final
    assert (instrument.asked, reading.samples) == (20 + 1 + 41, 41)
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=1e-5)


@pytest.mark.requirement("A1")
async def test_another_nuclide_ends_an_assay_at_once(made):
    instrument = made(*steady(nuclide="Tc99m "))
    reading = await instrument.driver.assay("I-131")
    assert ReadingStatus.NUCLIDE_CHANGED in reading.status
    assert (reading.nuclide, reading.final, instrument.asked) == ("Tc-99m", False, 1)


@pytest.mark.requirement("A4")
async def test_a_number_that_stands_still_to_the_last_bit_is_refused(made):
    instrument = made(said(1.5725))
    with pytest.raises(ReadingRefused, match=r"ae 47 c9 3f.*last bit for 8 s.*stands still"):
        await instrument.driver.assay("I-131")
    assert instrument.asked == 33


async def test_an_empty_well_may_show_zero_for_ever(made):
    reading = await made(said(0.0)).driver.assay("I-131", release=False)
    assert (reading.final, reading.activity_bq) == (True, 0)


async def test_stillness_counts_within_one_assay_only(made):
    instrument = made(said(1.5725), *steady())
    await instrument.driver.read()
    await asyncio.sleep(3600)
    assert (await instrument.driver.assay("I-131")).final


async def test_a_line_that_hangs_up_is_told(made):
    instrument = made(CAPTURED)
    await instrument.driver.read()
    instrument.wire.hang_up()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(LinkLost):
        await instrument.driver.read()


@pytest.mark.parametrize(
    ("units", "unit_of"),
    [
        (DisplayUnits(BECQUEREL), agreed_unit),
        (DisplayUnits(), lambda code: {3: Unit.MILLICURIE}[code]),
        (DisplayUnits(OTHER_CURIE), lambda code: {2: Unit.MILLICURIE}[code]),
    ],
    ids=["GBq", "mCi as code 3", "mCi as code 2"],
)
async def test_an_assay_of_the_simulated_chamber_settles_while_it_prints(units, unit_of):
    firmware = Crc15Firmware(lone_calibrator(1).room, units, ticket_every_ns=3_000_000_000)
    device = Powered(firmware)
    driver = Crc15(Port(device.wire), now_ns, unit_of)
    reading = await driver.assay("I-131")
    assert (reading.final, reading.nuclide) == (True, "I-131")
    assert reading.activity_bq == pytest.approx(1_572_500_000, rel=0.02)
    await driver.close()
    await device.off()


@given(seed=st.integers(0, 2**32), damage=st.sampled_from(["bit", "lost", "twice", "text", "byte"]))
@settings(max_examples=60, deadline=None)
def test_whatever_befalls_bytes_now_and_then_never_makes_a_final_value_wrong(seed, damage):
    """One reply in six is damaged: the assay is right to 1 %, or it is not final, or refused."""
    chance = random.Random(seed)

    def spoiled(raw):
        at = chance.randrange(len(raw))
        rest = {
            "bit": bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :],
            "lost": raw[at + 1 :],
            "twice": raw[at : at + 1] + raw[at:],
            "text": TICKET + raw[at:],
            "byte": chance.randbytes(1) + raw[at + 1 :],
        }[damage]
        return raw[:at] + rest

    async def one():
        replies = [spoiled(raw) if chance.random() < 1 / 6 else raw for raw in steady()]
        instrument = Instrument(*replies)
        try:
            return await instrument.driver.assay("I-131")
        finally:
            await instrument.driver.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        try:
            reading = runner.run(one())
        except (NoReply, ReadingRefused, UnitRefused):
            return
    if reading.final:
        assert reading.activity_bq == pytest.approx(1_572_500_000, rel=0.01)
