"""What a resting pump says it holds: read, never written, and possible."""

import pytest

from drivers.new_era_program import holdings_of
from drivers.pump_errors import NotPermitted, PumpAlarmed, ReadbackMismatch
from firmware_interfaces.readings import Holdings, PumpAlarm
from firmware_interfaces.units import millilitre, millilitre_per_hour, millimetre, seconds

TOLD = {"DIA": "26.59", "RAT": "40.00MH", "VOL": "20.00ML", "DIS": "I1.667W0.000ML", "SAF": "5"}


def test_what_a_pump_says_is_worth_this():
    assert holdings_of(TOLD) == Holdings(
        millimetre("26.59"), millilitre_per_hour(40), millilitre(20), millilitre("1.667"),
        seconds(5),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "seen", "field"),
    [
        ("DIA", "60.00", "diameter"),
        ("RAT", "40.00XX", "rate"),
        ("RAT", "1700.MH", "rate"),
        ("RAT", "20.00UH", "rate"),
        ("VOL", "20.00GL", "volume"),
        ("DIS", "I1.667", "counter"),
        ("SAF", "256", "watchdog"),
    ],
)
def test_what_no_pump_can_hold_is_named(query, seen, field):
    with pytest.raises(ReadbackMismatch) as found:
        holdings_of({**TOLD, query: seen})
    assert found.value.field == field
    assert found.value.seen == seen


def test_a_pump_that_was_never_given_a_rate_is_possible():
    assert holdings_of({**TOLD, "RAT": "0.000MH"}).rate_ul_h == 0


async def test_holdings_are_only_queries(room):
    await room.driver.connect()
    before = len(room.pump.heard)
    await room.driver.holdings()
    assert [text for _, _, text in room.pump.heard[before:]] == [
        "DIA",
        "RAT",
        "VOL",
        "DIS",
        "SAF",
    ]


async def test_an_alarm_in_the_way_is_reported(room):
    await room.driver.connect()
    room.pump.alarm = "S"
    with pytest.raises(PumpAlarmed):
        await room.driver.holdings()
    assert [status.alarm for status in room.events] == [PumpAlarm.STALL]


async def test_an_energised_pump_is_asked_nothing(room):
    await room.run()
    heard = len(room.pump.heard)
    with pytest.raises(NotPermitted):
        await room.driver.holdings()
    assert len(room.pump.heard) == heard
