"""What is wrong on a line, for every kind: each a refusal with what was expected and seen."""

import pytest

from drivers.request import CHECK, WrongDevice
from tests.drivers.kinds import EXPECTED, KINDS, SETTINGS, Wired, device
from tests.drivers.uart import Setting, heard

CONNECTED = {"ne1000": "NE1000", "dulcoflex": "DFXASIM00", "activity-meter": "NAM-M1",
             "crc55": "CRC-55", "crc15": "CRC-15R"}  # fmt: skip


def other_speeds(kind):
    return [baud for baud in (2400, 4800, 9600, 19200, 38400) if baud != SETTINGS[kind].baud]


def other_parities(kind):
    return [parity for parity in "NEO" if parity != SETTINGS[kind].parity]


WRONG = [
    *(
        (kind, Setting(baud, SETTINGS[kind].parity))
        for kind in KINDS
        for baud in other_speeds(kind)
    ),
    *((kind, Setting(SETTINGS[kind].baud, p)) for kind in KINDS for p in other_parities(kind)),
]


async def refused(wired, kind, **more):
    """The refusal of a driver's connect, with everything closed."""
    driver = wired.driver(kind, **more)
    try:
        with pytest.raises(WrongDevice) as caught:
            await driver.connect()
    finally:
        await driver.close()
        await wired.off()
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_with_the_settings_of_its_maker_each_kind_is_there(kind):
    wired = Wired(device(kind), SETTINGS[kind])
    driver = wired.driver(kind)
    assert (await driver.connect()).model == CONNECTED[kind]
    await driver.close()
    await wired.off()


@pytest.mark.requirement("C5")
@pytest.mark.parametrize(("kind", "theirs"), WRONG, ids=str)
async def test_another_speed_or_parity_is_refused_with_what_was_heard(kind, theirs):
    found = await refused(Wired(device(kind), theirs), kind)
    assert found.expected == EXPECTED[kind]
    assert "no answer in time: " in found.seen
    assert found.seen.endswith(CHECK)


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("there", KINDS)
@pytest.mark.parametrize("kind", KINDS)
async def test_another_kind_than_configured_is_refused(kind, there):
    """At its own line settings, and at those of the configured one."""
    if kind == there:
        return
    for theirs in (SETTINGS[there], SETTINGS[kind]):
        found = await refused(Wired(device(there), theirs), kind)
        assert found.expected == EXPECTED[kind]
        assert "no answer in time: " in found.seen


@pytest.mark.requirement("C5")
@pytest.mark.parametrize(("kind", "key"), [
    ("ne1000", {"address": 7}), ("dulcoflex", {"unit": 7}), ("activity-meter", {"unit": 7}),
    ("crc55", {"chamber": 7}),
])  # fmt: skip
async def test_another_address_than_configured_is_refused(kind, key):
    found = await refused(Wired(device(kind), SETTINGS[kind]), kind, **key)
    assert str(key.popitem()[1]) in found.expected
    assert f"no answer in time: silence; {CHECK}" in found.seen


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=str)
def test_the_line_carries_every_byte_where_both_ends_agree(setting):
    every = bytes(range(256))
    assert heard(every, setting, setting, strict=True) == every
