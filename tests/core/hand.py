"""A hand that walks treatments through the judgement, event by event.

It knows what people and devices would do next, and holds in every single step what must hold in all
of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from controller.core import commands as c
from controller.core import events as e
from controller.core.judge import latched
from controller.core.limits import Limits
from controller.core.place import Place
from controller.core.state import Phase, Purpose, Run, Stage, State
from controller.core.step import step
from controller.core.treatment import Treatment
from firmware_interfaces.readings import Motion, PumpStatus
from tests.core.world import (
    CALIBRATOR,
    COMMISSIONED,
    LIMITS,
    MONO0,
    PRESCRIBED,
    PUMP,
    UTC0,
    Pump,
    S,
    activity,
    readback,
    status,
    treatment,
)


@dataclass(slots=True)
class Hand:
    """Feeds one treatment event by event and checks what must hold in every step."""

    treatment: Treatment = field(default_factory=treatment)
    limits: Limits = LIMITS
    pump: Pump = field(default_factory=Pump)
    state: State = field(default_factory=lambda: State(session="s1", commissioned=COMMISSIONED))
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

    def must_be(self, phase: Phase) -> None:
        """Assert that the treatment is in this phase."""
        assert self.state.phase is phase

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
        run = self.run
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
        """ASSAYED -> RELEASED by two people, the second at the bedside."""
        self.do(e.ReleaseSigned, who="ab")
        self.carried(Place.BEDSIDE)
        self.do(e.ReleaseSigned, who="cd")
        return self

    def carried(self, to: Place) -> "Hand":
        """The container handed over by two people, where the session asks for that."""
        if self.state.stations:
            self.do(e.CustodyHandedOver, to, "cd")
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
        self.carried(Place.HOT_LAB)
        for item, bq in (("background", 1_000), ("syringe_and_line", 20_000_000)):
            self.do(e.ResidualRequested, item)
            self.see(e.AssayRead, item, activity(bq))
        places = (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0))
        self.do(e.SurveyRecorded, places, False)
        self.do(e.CloseRequested)
        return self

    # --- answers -------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run in progress; there must be one."""
        assert self.state.run is not None
        return self.state.run

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
