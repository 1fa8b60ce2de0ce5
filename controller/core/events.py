"""Past-tense facts, the only things the judgement ever hears.

Each carries both stamps: ``mono_ns`` enforces, ``utc_ns`` is for decay and the record. Drivers
return readings and people send requests; the daemon makes events of both.
"""

from dataclasses import dataclass, field

from controller.core.event import ByPerson as ByPerson  # noqa: PLC0414
from controller.core.event import Event as Event  # noqa: PLC0414
from controller.core.place import CustodyHandedOver as CustodyHandedOver  # noqa: PLC0414
from controller.core.treatment import Treatment
from firmware_interfaces.readings import (
    ADDED,
    ActivityReading,
    Channel,
    Identity,
    PlanReadback,
    PumpStatus,
    Recovery,
)

# --- people -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderLoaded(ByPerson):
    """A checked order was loaded."""

    treatment: Treatment


@dataclass(frozen=True, slots=True)
class GateAnswered(ByPerson):
    """A question of the gates was answered; ``answer`` is canonical JSON."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class GateOverridden(ByPerson):
    """Somebody takes it upon themselves that a gate stands closed."""

    gate: str
    reason: str


@dataclass(frozen=True, slots=True)
class DirectiveSigned(ByPerson):
    """The authorized user signed the text with this hash, as it stood on the screen."""

    order_hash: str


@dataclass(frozen=True, slots=True)
class DirectiveRevised(ByPerson):
    """Another text of the directive was checked; ``order`` is canonical JSON."""

    order: str
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class AssayRequested(ByPerson):
    """The syringe stands in the chamber and its activity is wanted."""


@dataclass(frozen=True, slots=True)
class ReleaseSigned(ByPerson):
    """A release signature; two of different people release a dose."""


@dataclass(frozen=True, slots=True)
class PatencyRequested(ByPerson):
    """A saline syringe is mounted and the patency run may begin."""

    syringe: str
    diameter_um: int


@dataclass(frozen=True, slots=True)
class PatencyConfirmed(ByPerson):
    """What was seen at the IV site during the patency run."""

    blood_return: bool
    leak_seen: bool


@dataclass(frozen=True, slots=True)
class SeatRequested(ByPerson):
    """The drug syringe is mounted, the line not connected, the patient's clamp closed."""

    confirmed_by: str


@dataclass(frozen=True, slots=True)
class SeatConfirmed(ByPerson):
    """Whether a drop was seen at the tip."""

    drop_seen: bool


@dataclass(frozen=True, slots=True)
class ConnectionConfirmed(ByPerson):
    """The line was joined and the clamps opened."""

    clamps_open: bool


@dataclass(frozen=True, slots=True)
class ArmRequested(ByPerson):
    """The pump may be programmed and its watchdog armed."""


@dataclass(frozen=True, slots=True)
class StartRequested(ByPerson):
    """First step of the start."""


@dataclass(frozen=True, slots=True)
class StartConfirmed(ByPerson):
    """Second step of the start, by the same person inside the window."""


@dataclass(frozen=True, slots=True)
class BarrelRead(ByPerson):
    """The volume that a person reads off the syringe barrel."""

    volume_nl: int


@dataclass(frozen=True, slots=True)
class SiteChecked(ByPerson):
    """A person looked at the IV site."""

    site_ok: bool


@dataclass(frozen=True, slots=True)
class HoldRequested(ByPerson):
    """A pause was asked for."""

    reason: str


@dataclass(frozen=True, slots=True)
class ResumeRequested(ByPerson):
    """A person wants the treatment to go on; after a trip two people must."""

    new_site: bool


@dataclass(frozen=True, slots=True)
class StopPressed(ByPerson):
    """STOP, by anybody, from anywhere."""

    source: str


@dataclass(frozen=True, slots=True)
class PainPressed(ByPerson):
    """PAIN / SWELLING was pressed."""


@dataclass(frozen=True, slots=True)
class SpillPressed(ByPerson):
    """SPILL was pressed."""


@dataclass(frozen=True, slots=True)
class PatientMovedPressed(ByPerson):
    """PATIENT MOVED was pressed."""


@dataclass(frozen=True, slots=True)
class Acknowledged(ByPerson):
    """A person has seen an alarm; an empty id means all of them."""

    alarm: str


@dataclass(frozen=True, slots=True)
class AudioPaused(ByPerson):
    """The sound shall be quiet for a short while; what is wrong stays on the screen."""


@dataclass(frozen=True, slots=True)
class AbortRequested(ByPerson):
    """The treatment shall not go on as it is: stop, with a cause."""

    cause: str


@dataclass(frozen=True, slots=True)
class EndRequested(ByPerson):
    """After a stop: no more delivery, account for what is left."""

    cause: str


@dataclass(frozen=True, slots=True)
class FlushRequested(ByPerson):
    """A saline syringe is mounted for the flush, and a second person agrees."""

    syringe: str
    diameter_um: int
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class KvoRequested(ByPerson):
    """The second pump shall keep the vein open with the saline syringe mounted on it."""

    syringe: str
    diameter_um: int
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class FlushConfirmed(ByPerson):
    """The line was flushed by hand with a confirmed volume."""

    volume_nl: int


@dataclass(frozen=True, slots=True)
class DeliveryBounded(ByPerson):
    """Two people bound what left the syringe while nobody could know."""

    confirmed_by: str
    method: str
    low_nl: int
    high_nl: int


@dataclass(frozen=True, slots=True)
class GivenUp(ByPerson):
    """What was pumped cannot be bounded better: the interval stands, there is no resume."""


@dataclass(frozen=True, slots=True)
class FinishedByHand(ByPerson):
    """Entered late, by two people: what was given and flushed by hand, from when till when (UTC).

    ``low_nl`` and ``high_nl`` bound the drug given by ``given_by``, ``method`` says how that was
    found. It adds to what the pump gave, which stays as it is.
    """

    confirmed_by: str
    given_by: str
    begun_utc_ns: int
    ended_utc_ns: int
    low_nl: int
    high_nl: int
    flushed_nl: int
    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResidualRequested(ByPerson):
    """An item (or the empty well, ``background``) stands in the chamber and is to be measured."""

    item: str


@dataclass(frozen=True, slots=True)
class SurveyRecorded(ByPerson):
    """Readings of the survey meter, (place, microsievert per hour x 1000)."""

    places: tuple[tuple[str, int], ...]
    contaminated: bool


@dataclass(frozen=True, slots=True)
class CloseRequested(ByPerson):
    """The session is to be closed."""


@dataclass(frozen=True, slots=True)
class CancelRequested(ByPerson):
    """The treatment is called off before anything was connected."""

    reason: str


# --- devices ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PumpIdentified(Event):
    """A pump said who it is."""

    identity: Identity
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class CalibratorIdentified(Event):
    """The calibrator said who it is."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class AssayRead(Event):
    """A settled reading. ``item`` is ``syringe`` before release, else a residual item."""

    item: str
    reading: ActivityReading


@dataclass(frozen=True, slots=True)
class AssayFailed(Event):
    """No usable reading could be had, and why."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class PumpPrepared(Event):
    """*Prepare* ended well: everything was read back and the watchdog is armed."""

    epoch: int
    readback: PlanReadback


@dataclass(frozen=True, slots=True)
class PrepareFailed(Event):
    """*Prepare* ended badly; nothing was started. ``field`` is empty where none is to blame."""

    epoch: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """RUN was answered and a status agrees."""

    epoch: int
    status: PumpStatus


@dataclass(frozen=True, slots=True)
class RunRefused(Event):
    """The pump, or the driver, definitely did not run, and why."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class WriteLost(Event):
    """The reply to a write never came: nobody knows whether it acted."""

    epoch: int
    operation: str


@dataclass(frozen=True, slots=True)
class PumpRead(Event):
    """One poll was answered."""

    status: PumpStatus
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class PumpSilent(Event):
    """One poll was not answered, and what was seen instead."""

    reason: str


@dataclass(frozen=True, slots=True)
class AlarmSeen(Event):
    """A pump reported an alarm, asked or unasked."""

    status: PumpStatus
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class IdlePumpSeen(Event):
    """The pump that does not run showed something new; no status: it is silent, and why."""

    channel: Channel
    status: PumpStatus | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StopConfirmed(Event):
    """A status asked after STOP says that the pump rests."""

    epoch: int
    status: PumpStatus
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class StopUnconfirmed(Event):
    """STOP was sent and no status has confirmed it inside the limit."""

    epoch: int


@dataclass(frozen=True, slots=True)
class PumpRecovered(Event):
    """*Recover* ended: what was found, and what the pump still knows."""

    recovery: Recovery
    channel: Channel = field(default=Channel.DRUG, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class PermitExpired(Event):
    """The driver ran out of permits and stopped the pump by itself."""


# --- the world ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ticked(Event):
    """Time passed."""


@dataclass(frozen=True, slots=True)
class Booted(Event):
    """The daemon started anew and folded the journal back."""

    version: str


@dataclass(frozen=True, slots=True)
class ConditionSeen(Event):
    """A condition of the host began or ended: one of alarms.HOST_CONDITIONS, with evidence."""

    condition: str
    present: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class ShutdownRequested(Event):
    """The daemon was asked to end (SIGTERM)."""
