"""The commissioning of a calibrator as a person goes through it, on the simulated instrument."""

import math
from datetime import UTC, datetime

import pytest

from controller.commission_calibrator import GIVE_UP, row_text
from controller.water import Unfinished
from firmware_interfaces.readings import Identity
from simulators.bench.unit_proving import SOURCES, SourcePerson, proven_by
from simulators.bench.virtual_time import run_virtual
from simulators.devices.crc15 import BECQUEREL, OTHER_CURIE, Crc15Firmware, DisplayUnits
from simulators.devices.room import Room

CURIES = DisplayUnits()
NOW = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
CESIUM, COBALT = SOURCES


class Person(SourcePerson):
    """``slips`` are answers given first."""

    def __init__(self, firmware, sources, slips):
        super().__init__(firmware, "15R-0042", NOW, sources)
        self.slips = slips

    async def figure(self, key, text, low, high):
        right = await super().figure(key, text, low, high)
        assert low <= right <= high
        return self.slips.pop(key, right)

    async def write(self, key, text):
        return self.slips.pop(key, await super().write(key, text))


def proven(units=CURIES, sources=SOURCES, slips=None, prepare=lambda _room: None):
    async def main(loop):
        firmware = Crc15Firmware(Room(seed=1), units)
        person = Person(firmware, sources, slips or {})
        prepare(firmware.room)
        return await proven_by(loop, person, firmware, NOW), person.told

    return run_virtual(main)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("units", "found"),
    [
        (CURIES, {2: "MICROCURIE", 3: "MILLICURIE"}),
        (DisplayUnits(OTHER_CURIE), {1: "MICROCURIE", 2: "MILLICURIE"}),
        (DisplayUnits(BECQUEREL), {5: "MEGABECQUEREL"}),
    ],
    ids=["crc-15pet.py", "CRC15R.java", "MBq"],
)
def test_two_sources_prove_the_codes_that_this_instrument_has(units, found):
    outcome, told = proven(units)
    assert outcome.passed
    assert outcome.calibrator == Identity("crc15", "CRC-15R", "", None, None)
    assert outcome.serial == "15R-0042"
    assert {row.measured.code: row.unit for row in outcome.rows} == found
    assert all(abs(row.deviation_percent) < 1 for row in outcome.rows)
    assert [row.measured.source.id for row in outcome.rows] == [one.id for one in SOURCES]
    assert len(told) == 3


def test_the_person_is_told_what_a_source_proved():
    outcome, told = proven(sources=[CESIUM])
    (row,) = outcome.rows
    assert told[-1] == row_text(row)
    assert row_text(row).startswith("unit code 2: 198.")
    assert "for 7.4 MBq is microcurie (-0." in row_text(row)


@pytest.mark.requirement("C8")
def test_a_certificate_is_read_by_two_people_until_they_agree():
    """By itself a number a thousand times off would make a microcurie a millicurie."""
    outcome, told = proven(sources=[CESIUM], slips={"certified_mbq": 7400.0})
    assert told[1] == "  The two differ: read it again, both of you."
    assert outcome.rows[0].unit == "MICROCURIE"
    slips = {"certified_mbq": 0.2, "certified_again_mbq": 0.2}
    outcome, told = proven(sources=[CESIUM], slips=slips)
    assert not outcome.passed
    assert "proves nothing: 198" in told[-1]


def test_a_slip_of_the_pen_is_asked_for_again():
    slips = {"certified_at": "last year", "serial": "\x1b[2J"}
    outcome, told = proven(sources=[CESIUM], slips=slips)
    assert outcome.passed
    assert "  'last year' is no such time" in told
    assert "  '\\x1b[2J' is no line of visible text" in told


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("prepare", "seen"),
    [
        (lambda room: setattr(room.chamber.electrometer, "noise_factor", 400.0), "did not agree"),
        (lambda room: setattr(room.chamber.electrometer, "over_range_pa", 1.0), "neither NaN nor"),
    ],
    ids=["noise", "over range"],
)
def test_what_does_not_settle_or_is_over_range_ends_it(prepare, seen):
    with pytest.raises(Unfinished, match=seen):
        proven(prepare=prepare)


def test_it_does_not_wait_for_ever():
    async def main(loop):
        firmware = Crc15Firmware(Room(seed=1))
        firmware.room.chamber.electrometer.noise_factor = 400.0
        with pytest.raises(Unfinished):
            await proven_by(loop, Person(firmware, SOURCES, {}), firmware, NOW)
        return loop.time()

    began = run_virtual(_time)
    assert math.floor(run_virtual(main) - began) in (GIVE_UP, GIVE_UP + 1)


async def _time(loop):
    return loop.time()
