"""A real daemon on a real pty, killed in the middle of an infusion: the world judges."""

import pytest

from simulators.bench import kills

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(240)]


@pytest.mark.requirement("C13", "P9", "S4")
async def test_a_killed_daemon_loses_nothing_that_it_acknowledged():
    told = await kills.kill_once(1, 1)
    assert told.broken == []
    assert told.receipts > 5
    assert told.records > 50
    assert told.moved_s <= kills.WATCHDOG_S + kills.POLL_S
