"""Coroutine tests of drivers run in virtual time, except those marked realtime."""

import asyncio

import pytest

from tests.drivers.dulco_room import DulcoRoom
from tests.drivers.pump_room import Room
from tests.drivers.scripted_pump import ScriptedPump
from tests.drivers.virtual_loop import VirtualLoop


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(config, item):
    """A loop a test: virtual, or the real one where time is the point."""
    if item.get_closest_marker("realtime") is not None:
        return {"real": asyncio.new_event_loop}
    return {"virtual": VirtualLoop}


@pytest.fixture
async def room():
    made = Room(ScriptedPump())
    yield made
    made.pump.silent = False
    await made.driver.close()


@pytest.fixture
async def flex():
    made = DulcoRoom()
    yield made
    for pump in made.pumps:
        pump.silent = False
        pump.lose.clear()
        pump.refuse.clear()
    await made.driver.close()
