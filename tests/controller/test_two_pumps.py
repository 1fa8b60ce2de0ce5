"""Two pumps as one: what is prepared runs, STOP reaches both, and the idle one is watched."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from controller.two_pumps import AGAIN_S, MISSES, QUIET_S, IdleListener, TwoPumps, each_pump
from drivers.pump_errors import NotPermitted
from drivers.request import LinkLost
from firmware_interfaces.readings import Channel, Motion, Permit, PumpPlan, Trigger
from firmware_interfaces.units import millilitre, millilitre_per_hour, millimetre, seconds
from tests.controller.memory_devices import MemoryPump
from tests.drivers.virtual_loop import VirtualLoop, now_ns

DRUG, FLUSH = Channel.DRUG, Channel.FLUSH
S = 1_000_000_000
PLAN = PumpPlan(
    millimetre("26.59"), millilitre_per_hour(20), millilitre(10), seconds(5), Trigger.OFF
)


class LoopClock:
    """The running loop's time."""

    def monotonic_ns(self):
        return now_ns()


class Room:
    """Two pumps in memory and what was told of the idle one."""

    def __init__(self):
        self.told: list[Any] = []
        self.drug, self.flush = MemoryPump(LoopClock(), None), MemoryPump(LoopClock(), None)
        heard = IdleListener(
            status=lambda channel, status: self.told.append((channel, status.motion)),
            silent=lambda channel, reason: self.told.append((channel, reason)),
        )
        self.pumps = TwoPumps(self.drug, self.flush, heard)

    async def run(self, channel=DRUG, epoch=0):
        plan = replace(PLAN, channel=channel)
        await self.pumps.prepare(plan, epoch)
        self.pumps.grant(Permit(epoch, now_ns() + 3600 * S))
        return await self.pumps.run(epoch)

    def press_start(self, pump):
        """A key on a pump that nobody here started."""
        pump.plan = PLAN
        pump.permit = Permit(0, now_ns() + 3600 * S)
        pump.running, pump.since_ns = True, now_ns()


def in_room(play):
    loop = VirtualLoop()
    try:

        async def played():
            return await play(Room())

        return loop.run_until_complete(played())
    finally:
        loop.close()


def test_what_is_prepared_is_what_runs():
    async def play(room):
        status = await room.run(FLUSH)
        assert status.motion is Motion.INFUSING
        assert (room.flush.running, room.drug.running) == (True, False)
        assert (await room.pumps.holdings()).rate_ul_h == 20_000
        await room.pumps.stop(1)
        await room.run(DRUG, 1)
        assert (room.flush.running, room.drug.running) == (False, True)
        return room.flush.called("prepare"), room.drug.called("prepare")

    flush, drug = in_room(play)
    assert (len(flush), len(drug)) == (1, 1)


def test_nothing_is_prepared_while_the_other_one_moves():
    async def play(room):
        room.press_start(room.drug)
        with pytest.raises(NotPermitted, match="the drug pump shows infusing"):
            await room.run(FLUSH)
        return room.told, room.flush.calls

    told, calls = in_room(play)
    assert told == [(DRUG, Motion.INFUSING)]
    assert calls == []


def test_nothing_is_prepared_while_the_other_one_is_silent():
    async def play(room):
        room.flush.silent = True
        with pytest.raises(LinkLost):
            await room.run(DRUG)
        return room.drug.calls

    assert in_room(play) == []


@pytest.mark.parametrize("running", [DRUG, FLUSH])
def test_stop_reaches_both_at_once_and_waits_for_both(running):
    async def play(room):
        await room.run(running)
        other = room.flush if running is DRUG else room.drug
        other.hang_stop = True
        begun = now_ns()
        stopping = asyncio.create_task(room.pumps.stop(1))
        await asyncio.sleep(0.5)
        assert not stopping.done()
        assert room.drug.called("stop") == room.flush.called("stop") == [begun]
        other.hang_stop = False
        status = await stopping
        assert status.infused_nl == room.pumps.each[running].status().infused_nl
        return status.motion

    assert in_room(play) is Motion.STOPPED


def test_a_pump_that_rests_is_stopped_again_while_the_other_is_unconfirmed():
    async def play(room):
        await room.run(DRUG)
        room.flush.hang_stop = True
        stopping = asyncio.create_task(room.pumps.stop(1))
        await asyncio.sleep(0.1)
        room.press_start(room.drug)
        await asyncio.sleep(AGAIN_S)
        assert not room.drug.running
        room.press_start(room.drug)
        room.pumps.open_epoch(2)  # somebody presses STOP again: it does not wait for that second
        await asyncio.sleep(0.001)
        assert not room.drug.running
        room.flush.hang_stop = False
        return (await stopping).motion

    assert in_room(play) is Motion.STOPPED


def test_a_stop_that_fails_on_one_pump_is_told_and_does_not_end_the_other():
    async def play(room):
        async def failed(_epoch):
            raise LinkLost("STP", "closed by us")

        await room.run(DRUG)
        room.flush.stop = failed
        with pytest.raises(LinkLost):
            await room.pumps.stop(1)
        return room.drug.running

    assert in_room(play) is False


def test_the_idle_pump_is_looked_at_beside_every_poll_and_told_once():
    async def play(room):
        await room.run(DRUG)
        for _ in range(3):
            await room.pumps.poll()
            await asyncio.sleep(0.5)
        calm = [*room.told]
        room.press_start(room.flush)
        status = await room.pumps.poll()
        assert status.motion is Motion.INFUSING
        await asyncio.sleep(0.5)
        return calm, room.told[len(calm) :]

    calm, moved = in_room(play)
    assert calm == [(FLUSH, Motion.STOPPED)]
    assert moved == [(FLUSH, Motion.INFUSING)]


def test_a_silent_idle_pump_keeps_no_poll_waiting():
    async def play(room):
        async def never():
            await asyncio.sleep(0.7)
            raise LinkLost("DIS", "no answer in time: silence")

        await room.run(DRUG)
        room.flush.poll = never
        begun = now_ns()
        took = []
        for _ in range(20):
            asked = now_ns()
            await room.pumps.poll()
            took.append(now_ns() - asked)
            await asyncio.sleep(0.5)
        silent = [what for what in room.told if what[1] != Motion.STOPPED]
        return max(took), silent, (now_ns() - begun) / S

    slowest, silent, took_s = in_room(play)
    assert slowest == pytest.approx(0.02 * S)
    assert silent == [(FLUSH, "DIS: no answer in time: silence")] * 2
    assert took_s / (QUIET_S + 0.7) > 2 + MISSES - 1


def test_recover_disarm_and_close_reach_both():
    async def play(room):
        await room.run(FLUSH)
        recovery = await room.pumps.recover()
        assert recovery.found.motion is Motion.INFUSING
        assert (room.drug.called("recover"), room.flush.running) != ([], True)
        await room.pumps.disarm(1)
        await room.pumps.poll()
        await room.pumps.close()
        return [bool(p.called("disarm")) and p.closed for p in (room.drug, room.flush)]

    assert in_room(play) == [True, True]


def test_one_that_will_not_leave_safe_mode_does_not_keep_the_other_in_it():
    async def play(room):
        room.drug.absent = "hung up"
        with pytest.raises(LinkLost):
            await room.pumps.disarm(1)
        return len(room.flush.called("disarm"))

    assert in_room(play) == 1


def test_connect_gives_the_identity_of_the_one_in_use_and_asks_both():
    async def play(room):
        identity = await room.pumps.connect()
        return identity.kind, len(room.flush.called("connect"))

    assert in_room(play) == ("ne1000", 1)


def test_one_pump_alone_is_the_drug_pump():
    pump = MemoryPump(None, None)
    assert each_pump(pump) == {DRUG: pump}
