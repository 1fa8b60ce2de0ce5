"""A point of the exploration, the order that is explored, and what a person or a device says there.

Knows how events are built from what the plant truly does; decides nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.core import events as e
from controller.core.commissioning import Commissioned, Commissioning, SyringeProof
from controller.core.limits import limits_from
from controller.core.state import State
from controller.core.treatment import Treatment
from firmware_interfaces.readings import (
    ActivityReading,
    Identity,
    PlanReadback,
    PumpPlan,
    PumpStatus,
    ReadingStatus,
)
from firmware_interfaces.units import Becquerel, Nanolitre, Nanoseconds, seconds
from simulators.bench.explore.path import Path
from simulators.bench.explore.plant import STEP_NL, Plant

S: Final = seconds(1)
MONO0: Final = 1_000 * S
UTC0: Final = 1_760_000_000 * S
SKEW: Final = UTC0 - MONO0
PRESCRIBED: Final = 1_000_000_000
LIMITS: Final = limits_from(
    {"patency_volume_ml": "0.2", "seat_volume_ml": "0.1", "lock_count": "2"}
)
PUMP: Final = Identity("ne1000", "NE1000", "3.928", 0, None)
OTHER: Final = Identity("ne1000", "NE1000", "3.900", 0, None)
CALIBRATOR: Final = Identity("crc55", "CRC-55tR", "1.0", None, "C55-0001")
ORDER: Final = Treatment(
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
    fill_nl=1_050_000,
    unusable_nl=0,
    line_dead_nl=50_000,
    primed_with="saline",
    duration_ns=30 * S,
    profile=((600_000, 500_000), (400_000, 500_000)),
    flush_method="same_pump",
    flush_volume_nl=150_000,
    trigger="stop_only",
    watchdog_ns=5 * S,
    authorized_user="AU",
    ordered_utc_ns=UTC0 - 3600 * S,
)
"""1 mL in 30 s in two parts, 144 and 96 mL/h, so that a whole treatment takes few events."""
FLUSH_UM: Final = 14_430
COMMISSIONED: Final = Commissioned(
    proof=Commissioning(
        pump=PUMP,
        at_utc_ns=UTC0 - 30 * 86_400 * S,
        simulated=False,
        watchdog_ns=5 * S,
        rest_ns=5 * S,
        watchdog_passed=True,
        syringes=(SyringeProof("BD 60 mL", 26_590, 1_800 * S, 0, 0, True),),
    ),
    seen="",
)


@dataclass(frozen=True, slots=True)
class Node:
    """The judgement's state, the plant and the path beside it, at a time.

    ``tail`` holds the newest states whose events may not be on disk yet, the youngest first.
    """

    state: State
    plant: Plant
    path: Path
    now_ns: int = MONO0
    tail: tuple[State, ...] = ()

    def wait(self, time_ns: int) -> "Node":
        """The same a while later: only the plunger has moved."""
        now_ns = self.now_ns + time_ns
        plant = self.plant.advance(now_ns, self.path.drug_joined)
        return replace(self, plant=plant, now_ns=now_ns)

    def see(self, kind: Callable[..., e.Event], *said: Any) -> e.Event:
        """A fact at this moment."""
        return kind(self.now_ns, self.now_ns + SKEW, *said)


def start() -> Node:
    """Nothing was done yet but to meet the devices."""
    known = State(session="explored", pump=PUMP, calibrator=CALIBRATOR, commissioned=COMMISSIONED)
    return Node(replace(known, stations=True), Plant(at_ns=MONO0), Path())


def status(node: Node, **said: Any) -> PumpStatus:
    """What the plant answers now, but for what ``said`` puts in its place."""
    now = Nanoseconds(node.now_ns)
    nl = Nanolitre(node.plant.counter_nl)
    step = Nanolitre(STEP_NL)
    honest = PumpStatus(node.plant.motion, None, nl, Nanolitre(0), step, now, now)
    return replace(honest, **said)


def readback(plan: PumpPlan, now_ns: int, **said: Any) -> PlanReadback:
    """What a pump holds that took every setting, but for what ``said`` puts in its place."""
    held = PlanReadback(
        plan.diameter_um, plan.rate_ul_h, plan.volume_nl, plan.watchdog_ns, plan.trigger,
        plan.rate_ul_h, Nanolitre(0), Nanoseconds(now_ns),
    )  # fmt: skip
    return replace(held, **said)


def activity(
    percent: int = 100,
    nuclide: str = "I-131",
    flags: ReadingStatus = ReadingStatus.VALID,
) -> ActivityReading:
    """A reading of so many percent of what is prescribed."""
    value = Becquerel(PRESCRIBED * percent // 100)
    zero = Nanoseconds(0)
    return ActivityReading(value, Becquerel(10_000), nuclide, flags, 10, 500, zero, zero, "")


Act = Callable[[Node], tuple[Node, e.Event] | None]
"""What happens next: the world after it and the event that tells it, or None when it is over."""
DEVICE_NS: Final = S // 10


@dataclass(frozen=True, slots=True)
class Move:
    """A named thing that can happen: ``act`` up to ``times`` times, or until it is over."""

    name: str
    kind: type[e.Event]
    act: Act
    times: int = 1


def seen(kind: type[e.Event], *said: Any, after_ns: int = DEVICE_NS) -> Act:
    """A fact some time later, the same whatever the plant does."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(after_ns)
        return node, node.see(kind, *said)

    return act
