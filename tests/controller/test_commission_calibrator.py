"""The commissioning of a calibrator as a person goes through it, on the simulated instrument."""

import math

import pytest

from controller.commission_calibrator import GIVE_UP, UnitProving, row_text
from controller.water import Unfinished
from drivers.crc15 import Crc15
from firmware_interfaces.readings import Identity
from firmware_interfaces.units import NS_PER_S
from simulators.bench.streams import Wire
from simulators.bench.virtual_time import VirtualClock, run_virtual
from simulators.devices import hands
from simulators.devices.crc15 import BECQUEREL, OTHER_CURIE, Crc15Firmware, DisplayUnits
from simulators.devices.room import Room

NOW_NS = 1_790_000_000 * NS_PER_S
SOURCES = {"CS-1": ("Cs-137", "Cs137", 7.4), "CO-2": ("Co-57", "Co57", 185.0)}


class Bench:
    """A person with two sources at a simulated instrument; ``slips`` are answers given first."""

    def __init__(self, loop, units=DisplayUnits(), ids=("CS-1", "CO-2"), slips=None):  # noqa: B008
        self.loop, self.room = loop, Room(seed=1)
        for id_, (_, name, activity_mbq) in SOURCES.items():
            hands.bring_source(self.room, id_, name, activity_mbq * 1e6)
        self.firmware = Crc15Firmware(self.room, units)
        self.wire = Wire(loop, "calibrator", self.firmware, 0)
        self.wire.start()
        self.driver = Crc15(self.wire.open, loop.now_ns)
        self.left = list(ids)
        self.slips = slips or {}
        self.told = []

    async def whole(self):
        try:
            return await UnitProving(self.driver, VirtualClock(self.loop, NOW_NS), self).whole()
        finally:
            await self.driver.close()
            self.wire.stop()

    async def act(self, key, _text):
        self.room.process(self.loop.now_ns())
        if key == "lower":
            self.firmware.select_locally(SOURCES[self.left[0]][1])
            hands.put_in_well(self.room, self.left[0])
        else:
            hands.take_from_well(self.room, self.left.pop(0))

    async def figure(self, key, _text, low, high):
        assert key in ("certified_mbq", "certified_again_mbq")
        assert low <= SOURCES[self.left[0]][2] <= high
        return self.slips.pop(key, SOURCES[self.left[0]][2])

    async def choose(self, key, _text, choices):
        if key == "more":
            return "yes" if self.left else "no"
        return next(choice for choice in choices if choice == SOURCES[self.left[0]][0])

    async def write(self, key, _text):
        known = {
            "serial": "15R-0042",
            "source": self.left[0],
            "certificate": "the bench's own",
            "certified_at": "2026-09-21T14:13:20Z",
        }
        return self.slips.pop(key, known[key])

    async def hear(self, text):
        self.told.append(text)


def proven(*args, prepare=lambda _bench: None, **kwargs):
    async def main(loop):
        bench = Bench(loop, *args, **kwargs)
        prepare(bench)
        return await bench.whole(), bench

    return run_virtual(main)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("units", "found"),
    [
        (DisplayUnits(), {2: "MICROCURIE", 3: "MILLICURIE"}),
        (DisplayUnits(OTHER_CURIE), {1: "MICROCURIE", 2: "MILLICURIE"}),
        (DisplayUnits(BECQUEREL), {5: "MEGABECQUEREL"}),
    ],
    ids=["crc-15pet.py", "CRC15R.java", "MBq"],
)
def test_two_sources_prove_the_codes_that_this_instrument_has(units, found):
    outcome, bench = proven(units)
    assert outcome.passed
    assert outcome.calibrator == Identity("crc15", "CRC-15R", "", None, None)
    assert outcome.serial == "15R-0042"
    assert {row.measured.code: row.unit for row in outcome.rows} == found
    assert all(abs(row.deviation_percent) < 1 for row in outcome.rows)
    assert [row.measured.source.id for row in outcome.rows] == ["CS-1", "CO-2"]
    assert len(bench.told) == 3


def test_the_person_is_told_what_a_source_proved():
    outcome, bench = proven(ids=["CS-1"])
    (row,) = outcome.rows
    assert bench.told[-1] == row_text(row)
    assert row_text(row).startswith("unit code 2: 198.")
    assert "for 7.4 MBq is microcurie (-0." in row_text(row)


@pytest.mark.requirement("C8")
def test_a_certificate_is_read_by_two_people_until_they_agree():
    """By itself a number a thousand times off would make a microcurie a millicurie."""
    outcome, bench = proven(ids=["CS-1"], slips={"certified_mbq": 7400.0})
    assert bench.told[1] == "  The two differ: read it again, both of you."
    assert outcome.rows[0].unit == "MICROCURIE"
    slips = {"certified_mbq": 0.2, "certified_again_mbq": 0.2}
    outcome, bench = proven(ids=["CS-1"], slips=slips)
    assert not outcome.passed
    assert "proves nothing: 198" in bench.told[-1]


def test_a_slip_of_the_pen_is_asked_for_again():
    slips = {"certified_at": "last year", "serial": "\x1b[2J"}
    outcome, bench = proven(ids=["CS-1"], slips=slips)
    assert outcome.passed
    assert "  'last year' is no such time" in bench.told
    assert "  '\\x1b[2J' is no line of visible text" in bench.told


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("prepare", "seen"),
    [
        (lambda b: setattr(b.room.chamber.electrometer, "noise_factor", 400.0), "did not agree"),
        (lambda b: hands.bring_source(b.room, "CS-1", "Cs137", 20e12), "neither NaN nor infinite"),
    ],
    ids=["noise", "over range"],
)
def test_what_does_not_settle_or_is_over_range_ends_it(prepare, seen):
    with pytest.raises(Unfinished, match=seen):
        proven(ids=["CS-1"], prepare=prepare)


def test_it_does_not_wait_for_ever():
    async def main(loop):
        bench = Bench(loop, ids=["CS-1"])
        bench.room.chamber.electrometer.noise_factor = 400.0
        began = loop.time()
        with pytest.raises(Unfinished):
            await bench.whole()
        return loop.time() - began

    assert math.floor(run_virtual(main)) in (GIVE_UP, GIVE_UP + 1)
