"""A pump, a calibrator and a broker in memory, behind the ports of the shell.

The pump has the port's manners only; what a real one does is proved on the bench.
"""

import asyncio
import json
from typing import Any

from drivers import pump_errors
from drivers.request import LinkLost, StaleEpoch, WriteLost
from firmware_interfaces.readings import (
    FINAL,
    ActivityReading,
    Holdings,
    Identity,
    Motion,
    PlanReadback,
    PumpStatus,
    Recovery,
)
from firmware_interfaces.units import (
    NS_PER_S,
    Becquerel,
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    Nanoseconds,
    megabecquerel,
)

PRESCRIBED_MBQ = 1681.7


RAN_ON_NL = 2_000_000
"""What a pump gives in the six seconds until its watchdog stops it, at 19.45 mL a minute."""


class MemoryPump:
    """A pump that does what the port says, and can be made to fail at it."""

    def __init__(self, clock, heard):
        self.clock, self.heard = clock, heard
        self.plan: Any = None
        self.permit: Any = None
        self.epoch = 0
        self.running = False
        self.counter_nl = self.since_ns = 0
        self.calls = []
        self.absent = ""
        self.silent = False
        self.lose_run = False
        self.hang_stop = False
        self.closed = False

    def now(self):
        return self.clock.monotonic_ns()

    def called(self, name):
        return [at for what, at in self.calls if what == name]

    def infused_nl(self):
        if not self.running:
            return self.counter_nl
        flowed = self.plan.rate_ul_h * 1000 * (self.now() - self.since_ns) // (3600 * NS_PER_S)
        return min(self.counter_nl + flowed, self.plan.volume_nl)

    def status(self):
        if self.running and self.infused_nl() == self.plan.volume_nl:
            self.rest()
        motion = Motion.INFUSING if self.running else Motion.STOPPED
        shown = self.infused_nl() // 10_000 * 10_000
        volumes = Nanolitre(shown), Nanolitre(0), Nanolitre(10_000)
        return PumpStatus(motion, None, *volumes, self.now(), self.now())

    def rest(self):
        self.counter_nl, self.running = self.infused_nl(), False

    async def _meet(self, name):
        self.calls.append((name, self.now()))
        await asyncio.sleep(0.02)
        if self.absent:
            raise LinkLost(name, self.absent)

    async def connect(self):
        await self._meet("connect")
        return Identity("ne1000", "NE1000", "3.928", 0, None)

    async def recover(self):
        await self._meet("recover")
        found = self.status()
        self.rest()
        return Recovery(found, self.status(), Nanolitre(self.counter_nl), None, None, False)

    async def holdings(self):
        await self._meet("holdings")
        plan = self.plan
        if plan is None:
            empty = Nanolitre(0)
            return Holdings(Micrometre(26_590), MicrolitrePerHour(0), empty, empty, Nanoseconds(0))
        held = plan.diameter_um, plan.rate_ul_h, plan.volume_nl
        return Holdings(*held, Nanolitre(self.infused_nl()), plan.watchdog_ns)

    async def prepare(self, plan, epoch):
        await self._meet("prepare")
        if epoch < self.epoch:
            raise StaleEpoch("prepare", "a newer epoch")
        self.plan, self.counter_nl = plan, 0
        given = (plan.diameter_um, plan.rate_ul_h, plan.volume_nl, plan.watchdog_ns, plan.trigger)
        rate_max = MicrolitrePerHour(1_699_000)
        return PlanReadback(*given, rate_max, Nanolitre(0), self.now())

    async def run(self, epoch):
        self.calls.append(("run", self.now()))
        if epoch < self.epoch:
            raise StaleEpoch("RUN", "a newer epoch")
        if self.permit is None or self.permit.epoch != epoch or self.permit.expires_ns < self.now():
            raise pump_errors.NotPermitted("RUN: no live permit")
        self.running, self.since_ns = True, self.now()
        await asyncio.sleep(0.02)
        if self.lose_run:
            raise WriteLost("RUN", "no answer within 0.2 s")
        return self.status()

    async def set_rate(self, rate_ul_h, epoch):
        raise AssertionError("a constant profile has one rate")

    def grant(self, permit):
        self.permit = permit

    async def poll(self):
        if self.running and self.permit.expires_ns < self.now():
            self.rest()
            raise pump_errors.PermitExpired("DIS")
        await asyncio.sleep(0.02)
        if self.silent:
            raise LinkLost("DIS", "no answer")
        return self.status()

    def open_epoch(self, epoch):
        self.epoch = max(self.epoch, epoch)

    async def stop(self, epoch):
        self.open_epoch(epoch)
        self.calls.append(("stop", self.now()))
        self.rest()
        while self.hang_stop or self.absent:  # noqa: ASYNC110 - it asks again, as a driver does
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.02)
        return self.status()

    async def disarm(self, epoch):
        await self._meet("disarm")

    async def close(self):
        self.calls.append(("close", self.now()))
        self.closed = True


class MemoryCalibrator:
    """Reads what ``standing_mbq`` says."""

    def __init__(self, clock):
        self.clock = clock
        self.standing_mbq = PRESCRIBED_MBQ
        self.fails = None

    async def connect(self):
        return Identity("crc55", "CRC-55", "", 1, None)

    async def assay(self, nuclide, *, release):
        begun_ns = self.clock.monotonic_ns()
        await asyncio.sleep(10)
        if self.fails is not None:
            raise self.fails
        bq, digit_bq = megabecquerel(self.standing_mbq), Becquerel(100_000)
        end_ns = self.clock.monotonic_ns()
        return ActivityReading(bq, digit_bq, nuclide, FINAL, 40, 500, begun_ns, end_ns, "")

    async def close(self):
        pass


class MemoryTelemetry:
    """Keeps what was published."""

    def __init__(self, on_link):
        self.on_link = on_link
        self.sent = []
        self.stopping = asyncio.Event()

    def publish(self, suffix, payload, *, retain=False, qos=1):
        json.dumps(payload, allow_nan=False)
        self.sent.append((suffix, payload, retain, qos))

    async def run(self):
        await self.stopping.wait()

    def stop(self):
        self.stopping.set()
