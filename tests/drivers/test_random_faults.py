"""Replies lost, late, doubled and damaged at random: no answer is ever taken for another's."""

import asyncio
from random import Random

import pytest

from drivers.new_era import NewEraPump
from drivers.pump_errors import PumpAlarmed, PumpRefused
from drivers.request import ExchangeError
from firmware_interfaces.readings import Motion, Permit
from firmware_interfaces.units import seconds
from protocols.new_era import Reply
from tests.drivers.pump_room import PLAN
from tests.drivers.scripted_pump import ScriptedPump
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

LATEST_S = 0.7
"""Deadline (0.23 s) and quarantine (0.53 s) together outlast this."""


class UnreliablePump(ScriptedPump):
    """A pump whose counter numbers the DIS it has heard, on a line that a seed makes unreliable."""

    def __init__(self, seed):
        super().__init__()
        self.random = Random(seed)
        self.reliable = True
        self.asked = 0

    def _do_dis(self):
        self.asked += 1
        return Reply(0, self.prompt, data=f"I{self.asked:04d}.W0.000ML")

    def _say(self, text, reply):
        fault = "none" if self.reliable else self.random.choice(["none"] * 6 + FAULTS)
        packet = self._packet(reply)
        match fault:
            case "lost":
                return
            case "late":
                self.wire.say(packet, self.random.uniform(0.0, LATEST_S))
            case "twice":
                self.wire.say(packet * 2, 0.02)
            case "cut":
                self.wire.say(packet[: self.random.randrange(1, len(packet))], 0.02)
            case "bit":
                at = self.random.randrange(len(packet))
                flipped = packet[at] ^ 1 << self.random.randrange(8)
                self.wire.say(packet[:at] + bytes((flipped,)) + packet[at + 1 :], 0.02)
            case "split":
                at = self.random.randrange(1, len(packet))
                self.wire.say(packet[:at], 0.02)
                self.wire.say(packet[at:], 0.06)
            case _:
                self.wire.say(packet, 0.02)


FAULTS = ["lost", "late", "twice", "cut", "bit", "split"]


@pytest.mark.requirement("C4")
@pytest.mark.parametrize("seed", range(25))
async def test_every_answer_is_that_of_its_own_question(seed):
    pump = UnreliablePump(seed)
    driver = NewEraPump(Port(pump.wire), 0, now_ns)
    pump.reliable = False
    polls = 0
    for _ in range(60):
        asked = pump.asked
        try:
            status = await driver.poll()
        except (ExchangeError, PumpRefused):
            continue
        polls += 1
        assert status.infused_nl == (asked + 1) * 1_000_000
    assert polls > 20
    await driver.close()


@pytest.mark.requirement("C2", "C3")
@pytest.mark.parametrize("seed", range(25))
async def test_run_leaves_once_and_a_stop_is_always_confirmed_truly(seed):
    pump = ScriptedPumpWithFaultsAfterPrepare(seed)
    driver = NewEraPump(Port(pump.wire), 0, now_ns)
    await driver.prepare(PLAN, 1)
    pump.reliable = False
    driver.grant(Permit(1, now_ns() + seconds(100)))
    try:
        await driver.run(1)
    except (ExchangeError, PumpRefused, PumpAlarmed):
        await asyncio.sleep(0.3)
    status = await driver.stop(2)
    assert status.motion is Motion.STOPPED
    assert pump.prompt == "S"
    assert pump.texts.count("RUN") == 1
    await driver.close()


class ScriptedPumpWithFaultsAfterPrepare(UnreliablePump):
    """Unreliable, but its counter stands still so that *prepare* finds it cleared."""

    def _do_dis(self):
        return ScriptedPump._do_dis(self)
