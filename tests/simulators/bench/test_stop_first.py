"""STOP under a full inbox and a flooded API: the next words on the wire, whatever else waits."""

import asyncio
import json

import pytest

from controller.core import events
from protocols.new_era import CommandFrame, PumpDeframer
from simulators.bench.api import ApiRefused
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.streams import Stage, To

REQUESTS = 1000
ANSWER_NS = 40_000_000
"""A question and its answer at 19200 baud, 30 ms, and a little."""


class Flood:
    """Fills inbox and API in one instant of an infusion and presses STOP in the same one."""

    def __init__(self, press, after_s):
        self.press, self.after_s = press, after_s
        self.pressed_ns = 0
        self.answers = []

    def prepare(self, stage):
        self.stage = stage
        stage.wires["pump"].taps.append(self.tap)

    def tap(self, seen):
        polled = seen.to is To.DEVICE and seen.stage is Stage.LEFT and b"DIS" in seen.data
        if polled and not self.pressed_ns and self.drug_runs():
            self.pressed_ns = -1
            work = self.stage.loop.create_task
            self.stage.later(self.after_s, lambda: work(self.flood()))

    def drug_runs(self):
        life = self.stage.machine._life
        active = None if life is None else life.daemon.active()
        return active is not None and active.state.active_ns > 5_000_000_000

    async def flood(self):
        machine = self.stage.machine
        daemon = machine._life.daemon
        session = daemon.active().id
        asking = [
            asyncio.ensure_future(self.ask(machine, session, number)) for number in range(REQUESTS)
        ]
        while daemon.inbox.tell(session, events.SiteChecked, "ab", "technician", True):
            pass
        self.pressed_ns = self.stage.loop.now_ns()
        await self.press(machine, session)
        await asyncio.gather(*asking)

    async def ask(self, machine, session, number):
        action = ("site_check", "patency_confirm")[number % 2]
        more = ({"site_ok": True}, {"blood_return": True, "leak_seen": False})[number % 2]
        try:
            await machine.act(action, session=session, operator="cd", **more)
            self.answers.append(action)
        except ApiRefused as refused:
            self.answers.append(refused.status)


async def stop(machine, _session):
    await machine.stop()


async def pain(machine, session):
    await machine.act("pain", session=session, operator="ab")


@pytest.mark.requirement("C11", "C3")
@pytest.mark.parametrize("press", [stop, pain])
@pytest.mark.parametrize("after_s", [0.0, 0.004, 0.2])
def test_stop_is_the_next_thing_on_the_wire_whatever_waits(tmp_path, press, after_s):
    flood = Flood(press, after_s)
    told = rehearse(Case(1, 1.0), tmp_path, flood.prepare)
    assert told.failures == ()
    assert len(flood.answers) == REQUESTS
    frames, left = PumpDeframer(), []
    for seen in told.seen["pump"]:
        if seen.to is To.DEVICE and seen.stage is Stage.LEFT:
            said = [f for f in frames.feed(seen.data) if isinstance(f, CommandFrame)]
            left += [(seen.at_ns, frame.command.text) for frame in said]
    after = [(at_ns, text) for at_ns, text in left if at_ns > flood.pressed_ns]
    same = [text for at_ns, text in left if at_ns == flood.pressed_ns]
    first = same[-1:] if same[-1:] == ["STP"] else [after[0][1]]
    assert first == ["STP"]
    at_ns = next(at for at, text in left if text == "STP" and at >= flood.pressed_ns)
    assert at_ns - flood.pressed_ns <= ANSWER_NS
    kinds = [json.loads(line)["body"].get("type") for line in told.export]
    pressed = "StopPressed" if press is stop else "PainPressed"
    before = kinds[: kinds.index(pressed)]
    assert kinds.count("SiteChecked") >= 1000
    assert before.count("SiteChecked") < 50
