"""The CRC-55's bytes in front of a room, by frames from lulzzz/iRadiate."""

import pytest

from simulators.devices import hands
from simulators.devices.crc55 import Crc55Firmware, DisplayUnits, display_text
from simulators.devices.room import Room
from simulators.devices.simulate import lone_calibrator
from tests.simulators.test_room import drug_room

S = 1_000_000_000
READ = b"$CR1H#"
SELECT_KEY_3 = b"$DI13s#"


def exact(firmware_seed: int = 1) -> Crc55Firmware:
    firmware = lone_calibrator(firmware_seed)
    meter = firmware.room.chamber.electrometer
    meter.noisy, meter.range_error, meter.background_bq = False, 0.0, 0.0
    meter.volume_loss_per_10_na = meter.initial_loss = 0.0
    firmware.process(30 * S)
    return firmware


def test_the_golden_exchange() -> None:
    """1572.5 MBq less 30 s of decay prints as 1572, in the very frame of calibrators.md 1.1."""
    assert exact().feed(READ, 30 * S) == b"$SDR1I131      15725>#"


def test_the_room_s_losses_show() -> None:
    firmware = lone_calibrator(1)
    firmware.process(30 * S)
    shown = int(firmware.feed(READ, 30 * S)[13:19])
    assert 0.993 < shown / 1572.5 < 1.001


def test_it_answers_only_when_asked_and_once() -> None:
    firmware = exact()
    assert firmware.process(31 * S) == b""
    assert firmware.feed(READ[:3], 31 * S) == b""
    assert firmware.feed(READ[3:], 31 * S).count(b"$") == 1
    assert firmware.feed(READ + READ, 32 * S).count(b"$SDR1") == 2


@pytest.mark.parametrize(
    "request_bytes",
    [b"$CR1I#", b"$CR2I#", b"$CQ1G#", b"@", b"\xff\x00noise", SELECT_KEY_3],
    ids=["checksum", "chamber 2", "unknown", "poll", "noise", "select"],
)
def test_what_has_no_known_answer_gets_silence(request_bytes: bytes) -> None:
    firmware = exact()
    assert firmware.feed(request_bytes, 31 * S) == b""
    assert firmware.feed(READ, 32 * S).startswith(b"$SDR1I131    ")


def test_an_isotope_key_changes_what_every_reply_says() -> None:
    firmware = exact()
    firmware.feed(b"$DI10p#", 31 * S)
    reply = firmware.feed(READ, 40 * S)
    assert reply[5:13] == b"Tc99m   "
    assert int(reply[13:19]) == pytest.approx(1572 / 0.624, abs=1.0)
    firmware.feed(SELECT_KEY_3, 41 * S)
    assert firmware.feed(READ, 42 * S)[5:13] == b"I131    "


def test_a_person_at_the_instrument_changes_it_too() -> None:
    firmware = exact()
    firmware.select_locally("Cs137")
    assert firmware.feed(READ, 31 * S)[5:13] == b"Cs137   "
    with pytest.raises(KeyError):
        firmware.select_locally("U238")


def test_over_range_has_unit_0_and_no_digits() -> None:
    firmware = exact()
    hands.bring_source(firmware.room, "hot", "I131", 20e9)
    hands.put_in_well(firmware.room, "hot")
    firmware.process(31 * S)
    firmware.process(40 * S)
    assert firmware.feed(READ, 41 * S)[13:20] == b"      0"


def test_without_power_it_is_silent() -> None:
    firmware = exact()
    firmware.powered = False
    assert firmware.feed(READ, 31 * S) == b""


def test_a_syringe_in_the_well_is_read_and_an_empty_well_afterwards() -> None:
    room: Room = drug_room()
    hands.unmount(room)
    hands.put_in_well(room, "drug", factor=0.98)
    room.process(30 * S)
    shown = room.chamber.display().activity_bq
    assert shown == pytest.approx(1.6e9 * 10 / 10.5 * 0.98, rel=0.01)
    hands.take_from_well(room, "drug")
    for second in range(31, 200):
        room.process(second * S)
    assert room.chamber.display().activity_bq == pytest.approx(6000, abs=3000)


@pytest.mark.parametrize(
    ("becquerel", "text", "digit"),
    [
        (0.0, "0.000", "5"),
        (123_400.0, "0.123", "5"),
        (15_720_000.0, "15.72", "5"),
        (157.25e6, "157.2", "5"),
        (1572.5e6, "1572", "5"),
        (9_999.4e6, "9999", "5"),
        (12.34e9, "12.34", "6"),
        (99_999e9, "      ", "0"),
    ],
)
def test_four_digits_no_finer_than_a_kilobecquerel(becquerel: float, text: str, digit: str) -> None:
    assert display_text(becquerel, DisplayUnits()) == (text, digit)
