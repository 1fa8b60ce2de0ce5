"""Builders of orders and readings, and a pump made of arithmetic.

They know what the judgement may be told, not how it decides.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from controller.core.codec import plain, revive
from controller.core.commissioning import Commissioned, Commissioning, SyringeProof
from controller.core.limits import limits_from
from controller.core.state import State
from controller.core.treatment import Treatment
from firmware_interfaces.readings import (
    ActivityReading,
    Identity,
    Motion,
    PlanReadback,
    PumpAlarm,
    PumpPlan,
    PumpStatus,
    ReadingStatus,
    Recovery,
)
from firmware_interfaces.units import Becquerel, Nanolitre, Nanoseconds

S = 1_000_000_000
MIN = 60 * S
ML = 1_000_000
UTC0 = 1_760_000_000 * S
MONO0 = 1_000 * S
LIMITS = limits_from({})
PRESCRIBED = 1_000_000_000
NL_DIVISOR = 3_600_000_000
"""uL/h x ns per nL."""

PUMP = Identity("ne1000", "NE1000", "3.928", 0, None)
OTHER_PUMP = Identity("ne1000", "NE1000", "3.900", 0, None)
STEP = 1_000
"""Of the counter below 10 mL, nL."""
COMMISSIONED = Commissioned(
    proof=Commissioning(
        pump=PUMP,
        at_utc_ns=UTC0 - 30 * 86_400 * S,
        simulated=False,
        watchdog_ns=5 * S,
        rest_ns=4_980_000_000,
        watchdog_passed=True,
        syringes=(SyringeProof("BD 60 mL", 26_590, 30 * MIN, 8_000, 1_500, True),),
    ),
    seen="",
)
CALIBRATOR = Identity("crc55", "CRC-55tR", "1.0", None, "C55-0001")


def treatment(**changes: Any) -> Treatment:
    """20 mL in 30 minutes at 40 mL/h, whole syringe, saline-primed line of 1.5 mL."""
    plain_one = Treatment(
        order_id="WD-1",
        patient_id="P-1",
        drug="CLR 131",
        nuclide="I-131",
        half_life_ms=692_902_080,
        prescribed_bq=PRESCRIBED,
        range_low_bq=0,
        range_high_bq=0,
        administer="whole_syringe",
        syringe="BD 60 mL",
        diameter_um=26_590,
        fill_nl=20 * ML + 50_000,
        unusable_nl=0,
        line_dead_nl=1_500_000,
        primed_with="saline",
        duration_ns=30 * MIN,
        profile=((1_000_000, 1_000_000),),
        flush_method="same_pump",
        flush_volume_nl=4_500_000,
        trigger="stop_only",
        watchdog_ns=5 * S,
        authorized_user="AU",
        ordered_utc_ns=UTC0 - 3600 * S,
    )
    return replace(plain_one, **changes)


MINUTE = treatment(fill_nl=2 * ML + 50_000, duration_ns=MIN, line_dead_nl=150_000,
                   flush_volume_nl=450_000)  # fmt: skip
"""The same within a minute: 2 mL at 120 mL/h."""


def activity(
    bq: int | None = PRESCRIBED,
    nuclide: str = "I-131",
    status: ReadingStatus = ReadingStatus.VALID,
) -> ActivityReading:
    """A settled reading of the dose calibrator."""
    value = None if bq is None else Becquerel(bq)
    resolution = Becquerel(10_000)
    zero = Nanoseconds(0)
    return ActivityReading(value, resolution, nuclide, status, 10, 500, zero, zero, "4142")


def status(
    asked_ns: int,
    nl: int | None,
    motion: Motion | None = Motion.INFUSING,
    *,
    withdrawn_nl: int | None = 0,
    step_nl: int = STEP,
    alarm: PumpAlarm | None = None,
) -> PumpStatus:
    """One poll; a counter of None is an answer without a counter."""
    counted = None if nl is None else Nanolitre(nl)
    back = None if withdrawn_nl is None else Nanolitre(withdrawn_nl)
    asked = Nanoseconds(asked_ns)
    return PumpStatus(motion, alarm, counted, back, Nanolitre(step_nl), asked, asked)


def readback(plan: PumpPlan, read_ns: int, **changes: Any) -> PlanReadback:
    """What a pump holds that took every setting of a plan."""
    held = PlanReadback(
        plan.diameter_um, plan.rate_ul_h, plan.volume_nl, plan.watchdog_ns, plan.trigger,
        plan.rate_ul_h, Nanolitre(0), Nanoseconds(read_ns),
    )  # fmt: skip
    return replace(held, **changes)


def recovery(nl: int | None, *, power_cycled: bool = False, at_ns: int = 0) -> Recovery:
    """What *recover* found: the pump rests, and perhaps it still knows its counter."""
    rest = status(at_ns, nl, Motion.STOPPED)
    return Recovery(rest, rest, rest.infused_nl, None, None, power_cycled)


@dataclass(slots=True)
class Pump:
    """A pump made of arithmetic: a counter that grows with time at a rate, and prints in steps."""

    speed_ppm: int = 1_000_000
    rate_ul_h: int = 0
    target_nl: int = 0
    turning: bool = False
    work: int = 0

    @property
    def true_nl(self) -> int:
        """What really left, rounded down to a nanolitre."""
        return min(self.work // (NL_DIVISOR * 1_000_000), self.target_nl)

    @property
    def step_nl(self) -> int:
        """Resolution of the counter as the NE-1000 prints it: 1 uL, 10 uL from 10 mL up."""
        return 10_000 if self.true_nl >= 10 * ML else 1_000

    @property
    def counter_nl(self) -> int:
        """The counter as it is printed."""
        return self.true_nl // self.step_nl * self.step_nl

    @property
    def motion(self) -> Motion:
        """The prompt."""
        return Motion.INFUSING if self.turning else Motion.STOPPED

    def prepare(self, plan: PumpPlan) -> None:
        """Take a plan and clear the counter."""
        self.rate_ul_h, self.target_nl = int(plan.rate_ul_h), int(plan.volume_nl)
        self.work, self.turning = 0, False

    def advance(self, time_ns: int) -> None:
        """Turn for a while; end at the target."""
        if self.turning:
            self.work += self.rate_ul_h * time_ns * self.speed_ppm
            self.turning = self.true_nl < self.target_nl


def jittered(seed: int, mean_ns: int = S // 2, spread_ns: int = S // 20) -> Iterator[int]:
    """Poll distances with a seeded jitter."""
    chance = random.Random(seed)
    while True:
        yield mean_ns + chance.randint(-spread_ns, spread_ns)


def round_trip(state: State) -> State:
    """A state through JSON and back."""
    back: State = revive(State, json.loads(json.dumps(plain(state))))
    return back
