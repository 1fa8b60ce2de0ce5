"""Builders of events and readings, a pump made of arithmetic, and a hand that walks treatments.

It knows what the judgement may be told, not how it decides: `Hand` holds in every single step what
must hold in all of them.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core import commands as c
from controller.core import events as e
from controller.core.codec import plain, revive
from controller.core.judge import latched
from controller.core.limits import Limits, limits_from
from controller.core.state import Phase, Purpose, Stage, State
from controller.core.step import step
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
CALIBRATOR = Identity("crc55", "CRC-55tR", "1.0", None, "C55-0001")


def treatment(**changes: Any) -> e.Treatment:
    """20 mL in 30 minutes at 40 mL/h, whole syringe, saline-primed line of 1.5 mL."""
    plain_one = e.Treatment(
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
    step_nl: int = 1_000,
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


@dataclass(slots=True)
class Hand:
    """Feeds one treatment event by event and checks what must hold in every step."""

    treatment: e.Treatment = field(default_factory=treatment)
    limits: Limits = LIMITS
    pump: Pump = field(default_factory=Pump)
    state: State = field(default_factory=lambda: State(session="s1"))
    now_ns: int = MONO0
    skew_ns: int = UTC0 - MONO0
    last: tuple[c.Command, ...] = ()
    told: list[c.Command] = field(default_factory=list)

    # --- events ------------------------------------------------------------------------------

    def take(self, event: e.Event) -> tuple[c.Command, ...]:
        """One step with its invariants; returns its commands."""
        before = self.state
        self.state, self.last = step(before, event, self.limits)
        self.told += self.last
        check_step(before, self.state, self.last)
        return self.last

    def see(self, kind: Callable[..., e.Event], *fields: Any) -> tuple[c.Command, ...]:
        """A fact at this moment."""
        return self.take(kind(self.now_ns, self.now_ns + self.skew_ns, *fields))

    def do(
        self, kind: Callable[..., e.Event], *fields: Any, who: str = "ab", role: str = "technician"
    ) -> tuple[c.Command, ...]:
        """Something a person does at this moment."""
        return self.see(kind, who, role, *fields)

    def refused(self, kind: Callable[..., e.Event], *fields: Any, **person: str) -> c.Refuse:
        """A person's request that must be refused, and leaves everything but time as it was."""
        before = self.state
        commands = self.do(kind, *fields, **person)
        answers = [x for x in commands if isinstance(x, c.Refuse)]
        assert len(answers) == 1, f"{kind.__name__} was not refused in {before.phase}: {commands}"
        assert self.state.phase is before.phase
        return answers[0]

    def wait(self, time_ns: int) -> None:
        """Let time pass without an event."""
        self.now_ns += time_ns
        self.pump.advance(time_ns)

    def tick(self, time_ns: int = 0) -> tuple[c.Command, ...]:
        """Let time pass, then tell that it did."""
        self.wait(time_ns)
        return self.see(e.Ticked)

    # --- the pump ----------------------------------------------------------------------------

    def status(self, motion: Motion | None = None) -> PumpStatus:
        """What the pump would answer now."""
        pump = self.pump
        return status(self.now_ns, pump.counter_nl, motion or pump.motion, step_nl=pump.step_nl)

    def poll(self, time_ns: int = S // 2) -> tuple[c.Command, ...]:
        """Let time pass and poll; a new rate is set at once."""
        self.wait(time_ns)
        commands = self.see(e.PumpRead, self.status())
        for command in commands:
            if isinstance(command, c.SetRate):
                self.pump.rate_ul_h = command.rate_ul_h
        return commands

    def reads(self, nl: int | None, time_ns: int = S // 2, **fields: Any) -> tuple[c.Command, ...]:
        """Let time pass and be told a counter, whatever the pump says."""
        self.wait(time_ns)
        return self.see(e.PumpRead, status(self.now_ns, nl, **fields))

    def prepared(self, **changes: Any) -> tuple[c.Command, ...]:
        """*Prepare* ends well a moment later."""
        run = self.state.run
        assert run is not None
        self.wait(S // 10)
        self.pump.prepare(run.plan)
        held = readback(run.plan, self.now_ns, **changes)
        return self.see(e.PumpPrepared, self.state.epoch, held)

    def started(self, lag_ns: int = 0) -> tuple[c.Command, ...]:
        """RUN acts after a lag and is confirmed a moment later."""
        self.wait(lag_ns)
        self.pump.turning = True
        self.wait(S // 20)
        return self.see(e.RunStarted, self.state.epoch, self.status())

    def stopped(self, time_ns: int = S // 10, **changes: Any) -> tuple[c.Command, ...]:
        """The pump rests, and says so."""
        self.pump.turning = False
        self.wait(time_ns)
        return self.see(e.StopConfirmed, self.state.epoch, replace(self.status(), **changes))

    def run_out(self) -> None:
        """Poll until the run is over, and confirm the STOP that ends it."""
        for _ in range(20_000):
            self.poll()
            if self.stopping:
                self.stopped()
                return
        raise AssertionError("the run never ended")

    # --- a treatment step by step --------------------------------------------------------------

    def ordered(self) -> "Hand":
        """IDLE -> ORDERED with both devices known."""
        self.see(e.PumpIdentified, PUMP)
        self.see(e.CalibratorIdentified, CALIBRATOR)
        self.do(e.OrderLoaded, self.treatment)
        return self

    def assayed(self, bq: int = PRESCRIBED) -> "Hand":
        """ORDERED -> ASSAYED."""
        self.do(e.AssayRequested)
        self.wait(10 * S)
        self.see(e.AssayRead, "syringe", activity(bq))
        return self

    def released(self) -> "Hand":
        """ASSAYED -> RELEASED by two people."""
        self.do(e.ReleaseSigned, who="ab")
        self.do(e.ReleaseSigned, who="cd")
        return self

    def patent(self) -> "Hand":
        """A patency run to its end, and what was seen."""
        self.do(e.PatencyRequested, "saline 10 mL", 14_430)
        self.prepared()
        self.started()
        self.run_out()
        self.do(e.PatencyConfirmed, True, False)
        return self

    def seated(self) -> "Hand":
        """RELEASED -> SEATED: a drop is seen two seconds into the seat run."""
        self.do(e.SeatRequested, "cd")
        self.prepared()
        self.started()
        for _ in range(8):
            self.poll()
        self.do(e.SeatConfirmed, True)
        self.stopped()
        return self

    def connected(self) -> "Hand":
        """The line is joined."""
        self.do(e.ConnectionConfirmed, True)
        return self

    def armed(self) -> "Hand":
        """SEATED -> ARMED."""
        self.do(e.ArmRequested)
        self.prepared()
        return self

    def energised(self) -> "Hand":
        """ARMED -> INFUSING in two steps; RUN is not answered yet."""
        self.poll()
        self.do(e.StartRequested)
        self.wait(S)
        self.poll()
        self.do(e.StartConfirmed)
        return self

    def infusing(self, lag_ns: int = 0) -> "Hand":
        """ARMED -> INFUSING and running."""
        self.energised()
        self.started(lag_ns)
        return self

    def bedside(self) -> "Hand":
        """From nothing to ARMED."""
        self.ordered().assayed().released().patent().seated().connected().armed()
        return self

    def prompted(self) -> None:
        """Answer what the judgement asks for."""
        active = {alarm.id for alarm in self.state.alarms}
        if "site_check_due" in active:
            self.do(e.SiteChecked, True)
        if "barrel_due" in active:
            left = self.treatment.fill_nl - self.state.pumped(Purpose.DRUG).high_nl
            self.do(e.BarrelRead, left)

    def flushed(self) -> "Hand":
        """FLUSHING -> RESIDUAL by the same pump."""
        self.do(e.FlushRequested, "saline 10 mL", 14_430, "cd")
        self.prepared()
        self.started()
        self.run_out()
        return self

    def accounted(self) -> "Hand":
        """RESIDUAL -> CLOSED."""
        for item, bq in (("background", 1_000), ("syringe_and_line", 20_000_000)):
            self.do(e.ResidualRequested, item)
            self.see(e.AssayRead, item, activity(bq))
        places = (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0))
        self.do(e.SurveyRecorded, places, False)
        self.do(e.CloseRequested)
        return self

    # --- answers -------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """True while a STOP waits for its confirmation."""
        return self.state.run is not None and self.state.run.stage is Stage.STOPPING

    @property
    def alarms(self) -> set[str]:
        """Ids of the active alarms."""
        return {alarm.id for alarm in self.state.alarms}

    @property
    def raised(self) -> set[str]:
        """Ids of every alarm that was ever raised."""
        return {x.alarm for x in self.told if isinstance(x, c.RaiseAlarm)}


def jittered(seed: int, mean_ns: int = S // 2, spread_ns: int = S // 20) -> Iterator[int]:
    """Poll distances with a seeded jitter."""
    chance = random.Random(seed)
    while True:
        yield mean_ns + chance.randint(-spread_ns, spread_ns)


def check_step(before: State, after: State, commands: tuple[c.Command, ...]) -> None:
    """What holds in every step of every treatment."""
    assert after.epoch >= before.epoch
    assert after.now_ns >= before.now_ns
    assert after.drug.low_nl <= after.drug.high_nl
    assert after.drug.high_nl >= before.drug.high_nl or before.phase is Phase.UNCERTAIN
    stops = [x for x in commands if isinstance(x, c.Stop)]
    assert len(stops) <= 1
    if stops:
        assert commands[0] is stops[0]
        assert stops[0].epoch == after.epoch > before.epoch
        assert not any(isinstance(x, (c.GrantPermit, c.RunPump, c.SetRate)) for x in commands)
    for command in commands:
        if isinstance(command, c.GrantPermit):
            check_permit(before, after, command)
        if isinstance(command, c.RunPump):
            check_run(before, after)
        if not isinstance(command, (c.GrantPermit, c.Stop)):
            assert getattr(command, "epoch", after.epoch) == after.epoch
    if latched(after):
        assert after.run is None or after.run.stage in (Stage.STOPPING, Stage.PREPARING)


def check_permit(before: State, after: State, command: c.GrantPermit) -> None:
    """A permit is for a live run of this epoch, and no older than a third of the watchdog."""
    run = after.run
    assert run is not None
    assert run.stage in (Stage.STARTING, Stage.RUNNING)
    assert command.permit.epoch == after.epoch
    assert before.permit_expires_ns < command.permit.expires_ns
    assert command.permit.expires_ns <= after.now_ns + run.plan.watchdog_ns // 3
    assert not latched(after)


def check_run(before: State, after: State) -> None:
    """RUN: only prepared and read back, released by two people, never against a latch."""
    run = after.run
    assert run is not None
    assert run.stage is Stage.STARTING
    assert run.readback is not None
    assert not latched(after)
    assert len({signed.who for signed in after.released}) == 2
    assert after.assay is not None
    assert after.assay.final
    if run.purpose is Purpose.DRUG:
        assert (before.phase, after.phase) == (Phase.ARMED, Phase.INFUSING)
        assert after.connected
        assert run.plan.volume_nl <= after.planned_nl - after.drug.high_nl
        assert after.no_resume == ""
        assert not after.unbounded


def round_trip(state: State) -> State:
    """A state through JSON and back."""
    back: State = revive(State, json.loads(json.dumps(plain(state))))
    return back
