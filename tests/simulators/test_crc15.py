"""The CRC-15R's bytes in front of a room, held against bytes captured from a real one."""

import math
import struct
from typing import Any

import pytest

from protocols.crc15 import REQUEST, Deframer, PrintedLine, Reply
from simulators.devices import hands
from simulators.devices.chamber import RESPONSE
from simulators.devices.crc15 import (
    BECQUEREL,
    KEYS,
    OTHER_CURIE,
    Crc15Firmware,
    DisplayUnits,
    name_shown,
)
from simulators.devices.simulate import lone_calibrator

S = 1_000_000_000


CURIES = DisplayUnits()


def exact(units: DisplayUnits = CURIES) -> Crc15Firmware:
    room = lone_calibrator(1).room
    meter = room.chamber.electrometer
    meter.noisy, meter.range_error, meter.background_bq = False, 0.0, 0.0
    meter.volume_loss_per_10_na = meter.initial_loss = 0.0
    firmware = Crc15Firmware(room, units)
    firmware.process(30 * S)
    return firmware


def shown(firmware: Crc15Firmware, at_s: float = 30.0) -> tuple[str, int, Any]:
    (reply,) = Deframer().feed(firmware.feed(REQUEST, round(at_s * S)))
    assert isinstance(reply, Reply)
    (number,) = struct.unpack("<f", reply.activity_field)
    return reply.nuclide_text, reply.unit_code, number


def test_1572_mbq_are_shown_in_the_owner_s_unit_with_its_code() -> None:
    assert shown(exact()) == ("I 131 ", 3, pytest.approx(42.5, rel=1e-4))
    assert shown(exact(DisplayUnits(OTHER_CURIE))) == ("I 131 ", 2, pytest.approx(42.5, rel=1e-4))
    assert shown(exact(DisplayUnits(BECQUEREL))) == ("I 131 ", 6, pytest.approx(1.5725, rel=1e-4))


@pytest.mark.parametrize(
    ("becquerel", "code", "number"),
    [
        (0.0, 2, 0.0),
        (7.4e6, 2, 200.0),
        (36.99e6, 2, 999.7),
        (37.1e6, 3, 1.0027),
        (2.9e9, 3, 78.378),
    ],
)
def test_the_unit_changes_with_the_number(becquerel: float, code: int, number: float) -> None:
    firmware = exact()
    hands.take_from_well(firmware.room, "I-131 source")
    hands.bring_source(firmware.room, "other", "I131", becquerel)
    hands.put_in_well(firmware.room, "other")
    firmware.process(31 * S)
    firmware.process(300 * S)
    _, found, value = shown(firmware, 300.0)
    assert (found, value) == (code, pytest.approx(number, rel=1e-3, abs=1e-3))


def test_a_captured_reply_is_spelt_as_this_instrument_spells_it() -> None:
    assert name_shown("F18") == "F 18  "
    assert [name_shown(key) for key in KEYS] == [
        "Tc99m ", "Cs137 ", "Co60  ", "I 131 ", "Co57  ", "Ba133 ",
    ]  # fmt: skip


def test_letter_by_letter_is_the_same_reading() -> None:
    firmware = exact()
    whole = firmware.feed(REQUEST, 31 * S)
    single = b"".join(firmware.feed(bytes((byte,)), 31 * S) for byte in REQUEST)
    assert single == whole
    assert firmware.feed(b"G", 31 * S) == whole[6:7]


def test_a_reading_torn_by_a_change_of_unit_mixes_two_displays() -> None:
    """Nothing on this wire holds the bytes of one reading together: that is the host's to find."""
    firmware = exact()
    before = firmware.feed(b"@ABCDEFG", 31 * S)
    hands.take_from_well(firmware.room, "I-131 source")
    firmware.process(31 * S)
    after = firmware.feed(b"HIJK", 60 * S)
    (torn,) = Deframer().feed(before + after)
    assert isinstance(torn, Reply)
    assert torn.unit_code == 3
    assert ("I 131 ", 2, *struct.unpack("<f", torn.activity_field)) == shown(firmware, 60.0)


@pytest.mark.parametrize("asked", [b"ABC", b"\r\n", b"R1", b"$CR1H#", b"\xff\x00"])
def test_what_begins_no_reading_gets_silence(asked: bytes) -> None:
    firmware = exact()
    assert firmware.feed(asked, 31 * S) == b""
    assert firmware.process(32 * S) == b""
    assert shown(firmware, 33.0)[1] == 3


def test_print_sends_lines_that_nobody_asked_for() -> None:
    firmware = exact()
    firmware.print_ticket()
    heard = Deframer().feed(firmware.feed(REQUEST, 31 * S))
    assert [type(one) for one in heard] == [PrintedLine, PrintedLine, PrintedLine, Reply]
    assert b"".join(one.raw for one in heard[:3]) == (
        b"CRC-15R\r\nNUCLIDE I 131 \r\nACTIVITY 42.5 mCi\r\n"
    )
    firmware.print_ticket()
    assert firmware.process(32 * S).count(b"\n") == 3
    assert firmware.process(33 * S) == b""


def test_it_may_print_all_the_time() -> None:
    firmware = exact()
    firmware.ticket_every_ns = S
    said = [firmware.feed(REQUEST, 30 * S + quarter * S // 4) for quarter in range(1, 41)]
    assert sum(b"CRC-15R" in one for one in said) == 10
    replies = [one for part in said for one in Deframer().feed(part) if isinstance(one, Reply)]
    assert len(replies) == 40


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_over_range_shows_in_the_number_alone(number: float) -> None:
    firmware = exact(DisplayUnits(BECQUEREL, over_range=number))
    hands.bring_source(firmware.room, "hot", "I131", 20e9)
    hands.put_in_well(firmware.room, "hot")
    firmware.process(31 * S)
    firmware.process(40 * S)
    _, code, value = shown(firmware, 40.0)
    assert code == 6
    assert value == pytest.approx(number, nan_ok=True)


def test_a_key_changes_the_nuclide_and_the_number() -> None:
    firmware = exact()
    firmware.select_locally("Tc99m")
    assert shown(firmware, 31.0) == ("Tc99m ", 3, pytest.approx(42.5 / RESPONSE["Tc99m"], rel=1e-3))
    with pytest.raises(KeyError):
        firmware.select_locally("U238")


def test_without_power_it_is_silent() -> None:
    firmware = exact()
    firmware.print_ticket()
    firmware.powered = False
    assert firmware.feed(REQUEST, 31 * S) == b""
    assert firmware.process(32 * S) == b""
