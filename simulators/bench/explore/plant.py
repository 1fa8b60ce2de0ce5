"""The worst pump that the commands allow: it moves whenever it may, at the full rate told.

Exact and small. It knows commands, permits, the lease and time; nothing of phases or alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.core import commands as c
from firmware_interfaces.readings import Motion, PumpPlan

NL_DIVISOR: Final = 3_600_000_000
"""uL/h x ns per nL."""
STEP_NL: Final = 1_000
"""Resolution of the counter as an NE-1000 prints it below 10 mL."""
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Plant:
    """One pump. ``work`` and ``off`` are volumes times `NL_DIVISOR`, so that nothing is rounded.

    ``work`` is what the plunger did since the counter was cleared, ``off`` what the counter shows
    beyond it. ``asked`` is a plan under way, ``plan`` the one it holds. ``gear_ppm`` is its true
    speed; with ``stuck`` the plunger moves and the counter does not. ``drug`` is all that left a
    joined drug syringe.
    """

    at_ns: int = 0
    epoch: int = 0
    asked: PumpPlan | None = None
    plan: PumpPlan | None = None
    ran: bool = False
    rate_ul_h: int = 0
    turning: bool = False
    permit_ns: int = 0
    stop_asked: bool = False
    recovering: bool = False
    was_reset: bool = False
    gear_ppm: int = MILLION
    stuck: bool = False
    work: int = 0
    off: int = 0
    drug: int = 0
    runs: int = 0

    @property
    def counter_nl(self) -> int:
        """What its counter shows, rounded down to a step."""
        return max(0, self.work + self.off) // NL_DIVISOR // STEP_NL * STEP_NL

    @property
    def drug_nl(self) -> int:
        """Drug that truly left the syringe into the line, nL, rounded up."""
        return -(-self.drug // NL_DIVISOR)

    @property
    def motion(self) -> Motion:
        """The prompt."""
        return Motion.INFUSING if self.turning else Motion.STOPPED

    def advance(self, to_ns: int, drug_joined: bool) -> "Plant":
        """Move until then, the target, or the end of the lease on the last permit."""
        if to_ns <= self.at_ns:
            return self
        if not self.turning or self.plan is None:
            return replace(self, at_ns=to_ns)
        lease_end = self.permit_ns + self.plan.watchdog_ns
        time_ns = max(0, min(to_ns, lease_end) - self.at_ns)
        done = self.rate_ul_h * time_ns * self.gear_ppm // MILLION
        left = max(0, self.plan.volume_nl * NL_DIVISOR - self.work - self.off)
        done = done if self.stuck else min(done, left)
        return replace(
            self,
            at_ns=to_ns,
            work=self.work + done,
            off=self.off - (done if self.stuck else 0),
            drug=self.drug + (done if drug_joined else 0),
            turning=to_ns <= lease_end and (self.stuck or done < left),
        )

    def obey(self, commands: tuple[c.Command, ...]) -> "Plant":
        """Take what was decided. A write needs no time: the worst is that it acts at once."""
        plant = self
        for command in commands:
            plant = _OBEY.get(type(command), _nothing)(plant, command)
        return plant

    def rest(self) -> "Plant":
        """At rest, as a confirmed STOP leaves it."""
        return replace(self, turning=False, stop_asked=False, gear_ppm=MILLION, stuck=False)

    def load(self) -> "Plant":
        """*Prepare* ended well: the plan is held and the counter cleared."""
        rest = self.rest()
        return replace(rest, plan=self.asked, asked=None, ran=False, was_reset=False, work=0, off=0)


def _nothing(plant: Plant, _command: c.Command) -> Plant:
    return plant


def _stop(plant: Plant, command: c.Stop) -> Plant:
    return replace(plant, epoch=command.epoch, stop_asked=True, asked=None, recovering=False)


def _prepare(plant: Plant, command: c.Prepare) -> Plant:
    return replace(plant, asked=command.plan) if command.epoch >= plant.epoch else plant


def _run(plant: Plant, command: c.RunPump) -> Plant:
    if command.epoch < plant.epoch or plant.plan is None or plant.ran:
        return plant
    rate = plant.plan.rate_ul_h
    return replace(plant, turning=True, ran=True, rate_ul_h=rate, runs=plant.runs + 1)


def _set_rate(plant: Plant, command: c.SetRate) -> Plant:
    return replace(plant, rate_ul_h=command.rate_ul_h)


def _permit(plant: Plant, command: c.GrantPermit) -> Plant:
    return replace(plant, permit_ns=max(plant.permit_ns, command.permit.expires_ns))


def _recover(plant: Plant, _command: c.RecoverPump) -> Plant:
    return replace(plant, recovering=True)


_OBEY: Final[dict[type[c.Command], Callable[[Plant, Any], Plant]]] = {
    c.Stop: _stop,
    c.Prepare: _prepare,
    c.RunPump: _run,
    c.SetRate: _set_rate,
    c.GrantPermit: _permit,
    c.RecoverPump: _recover,
}
