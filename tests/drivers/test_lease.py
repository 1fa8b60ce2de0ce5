"""The lease alone: what a permit allows and when it runs out."""

import asyncio

import pytest

from drivers.lease import Lease
from drivers.pump_errors import PermitExpired
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import Nanoseconds
from tests.drivers.virtual_loop import now_ns

S = 1_000_000_000


@pytest.fixture
async def expired():
    return []


@pytest.fixture
async def lease(expired):
    return Lease(now_ns, lambda: expired.append(now_ns()))


async def test_nothing_is_demanded_of_a_pump_at_rest(lease):
    lease.demand(1)
    assert not lease.live(1)


async def test_a_permit_is_live_until_its_last_nanosecond_in_its_epoch_or_an_older_one(lease):
    expires_ns = now_ns() + 2 * S
    lease.grant(Permit(3, expires_ns))
    assert [lease.live(epoch) for epoch in (2, 3, 4)] == [True, True, False]
    await asyncio.sleep(1.999999)
    assert lease.live(3)
    await asyncio.sleep(0.000001)
    assert not lease.live(3)


async def test_an_energised_pump_without_a_live_permit_may_not_be_spoken_to(lease):
    lease.grant(Permit(1, now_ns() + S))
    lease.energise()
    lease.demand(1)
    with pytest.raises(PermitExpired):
        lease.demand(2)


async def test_it_runs_out_once_at_the_end_of_the_last_permit(lease, expired):
    began_ns = now_ns()
    lease.grant(Permit(1, began_ns + S))
    lease.energise()
    await asyncio.sleep(0.5)
    lease.grant(Permit(1, began_ns + 3 * S))
    await asyncio.sleep(10)
    assert expired == [began_ns + 3 * S]


async def test_a_permit_that_ends_sooner_than_the_last_runs_out_at_its_own_end(lease, expired):
    began_ns = now_ns()
    lease.grant(Permit(1, began_ns + 3 * S))
    lease.energise()
    lease.grant(Permit(2, began_ns + S))
    await asyncio.sleep(10)
    assert expired == [began_ns + S]


async def test_it_does_not_run_out_once_released(lease, expired):
    lease.grant(Permit(1, now_ns() + S))
    lease.energise()
    lease.release()
    lease.grant(Permit(1, now_ns() + S))
    await asyncio.sleep(10)
    assert expired == []


async def test_a_permit_granted_too_late_runs_out_at_once(lease, expired):
    lease.energise()
    lease.grant(Permit(1, now_ns() - S))
    await asyncio.sleep(0.01)
    assert len(expired) == 1


async def test_a_timer_ahead_of_the_clock_looks_again():
    slow_ns = [0]
    expired: list[int] = []
    lease = Lease(lambda: slow_ns[0], lambda: expired.append(slow_ns[0]))
    lease.grant(Permit(1, Nanoseconds(S)))
    lease.energise()
    await asyncio.sleep(1.5)
    assert expired == []
    slow_ns[0] = S
    await asyncio.sleep(2.0)
    assert expired == [S]
