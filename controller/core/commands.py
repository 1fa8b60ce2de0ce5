"""Imperatives that the judgement gives to the shell. Each device command carries its epoch.

A STOP opens a new epoch; whatever was decided in an older one is dropped by daemon and driver
alike.
"""

from dataclasses import dataclass, field

from firmware_interfaces.readings import ADDED, Permit, PumpPlan


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the pump now, and go on until a status confirms it. Waits for nothing."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Prepare:
    """Programme the pump, read everything back, arm its watchdog. Does not move the plunger."""

    epoch: int
    plan: PumpPlan


@dataclass(frozen=True, slots=True)
class RunPump:
    """Energise. Waits for the journal to have committed what it rests on."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SetRate:
    """Change the rate of a running pump (a later part of the profile). Waits for the journal."""

    epoch: int
    rate_ul_h: int


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """Let the driver go on talking to the pump."""

    permit: Permit


@dataclass(frozen=True, slots=True)
class RecoverPump:
    """Read what the pump still knows; clear and re-size nothing."""

    epoch: int


@dataclass(frozen=True, slots=True)
class DisarmPump:
    """Leave Safe mode: what was pumped is accounted for and nothing will run."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ReadAssay:
    """Take a settled reading of what stands in the chamber.

    ``weak``: it should show nothing, and is as noisy as what is left over after a treatment.
    """

    item: str
    nuclide: str
    weak: bool = field(default=False, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Tell everybody: an alarm row became active."""

    alarm: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ClearAlarm:
    """Tell everybody: an alarm row is over."""

    alarm: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a request with no: in which phase, by which rule, and what was found."""

    event: str
    phase: str
    rule: str
    detail: str


Command = (
    Stop
    | Prepare
    | RunPump
    | SetRate
    | GrantPermit
    | RecoverPump
    | DisarmPump
    | ReadAssay
    | RaiseAlarm
    | ClearAlarm
    | Refuse
)
