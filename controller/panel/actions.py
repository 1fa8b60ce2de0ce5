"""The table of actions: what each is called, its body, its event, who may, where, what proves them.

A body's numbers are in the units of their names and become base units here. Whether an action may
happen now is decided by the judgement alone; here stands only what makes it readable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from controller.clinic.access import Proof
from controller.clinic.answers import parse_answer
from controller.clinic.documents import canonical_json, utc_ns
from controller.clinic.people import Role
from controller.config import SiteConfig
from controller.core import events as e
from controller.core.place import Place
from controller.device_sections import catalogued
from controller.panel.places import ANYWHERE, BED, GATE, LAB, QUESTION, SIGNATURE, TAKER, Where
from firmware_interfaces.units import NL_PER_ML, scaled_down, scaled_near, scaled_up

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OperatorId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
Millilitres = Annotated[float, Field(ge=0, le=200)]
MicrosievertPerHour = Annotated[float, Field(ge=0, le=1_000_000)]
SIEVERT_STEPS: Final = 1000
"""Survey readings are kept in thousandths of a microsievert per hour."""


class Wrong(Exception):
    """A body's field that this site cannot take: field, value, rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} = {value!r}: {rule}")
        self.field, self.value, self.rule = field, value, rule


class Body(BaseModel):
    """What every action but ``stop`` carries; the client makes one ``action_id`` an action."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    action_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
    operator: OperatorId


class InSession(Body):
    """An action on a session."""

    session: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Pressed(InSession):
    """A button for whoever sees it first; ``operator`` may be empty."""

    operator: OperatorId | Literal[""] = ""


class LoadOrder(Body):
    """``order`` is the written directive, as in order.json."""

    order: dict[str, Any]


class SignDirective(InSession):
    """``order_hash`` is that of the text on the screen, as `GET gates` tells it."""

    order_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ReviseOrder(InSession):
    """``order`` is the whole new text of the directive, with what it revises and why."""

    order: dict[str, Any]


class GateAnswer(InSession):
    """``answer`` is a document of ``question``, as `GET gates` describes it."""

    question: Annotated[str, StringConstraints(max_length=64)]
    answer: dict[str, Any]


class GateOverride(InSession):
    """Why the gate may stand closed."""

    gate: Annotated[str, StringConstraints(max_length=64)]
    reason: Reason


class Patency(InSession):
    """Saline is mounted: ``syringe`` is one of the site's catalogue, or a hose with its vial."""

    syringe: Name


class PatencyConfirm(InSession):
    """What was seen at the IV site."""

    blood_return: bool
    leak_seen: bool


class Confirmed(InSession):
    """A second, different person confirms."""

    confirmed_by: OperatorId


class HandOver(Confirmed):
    """Who asks gives the container out of their hands, who confirms takes it over at ``to``."""

    to: Literal["hot_lab", "bedside"]


class SeatConfirm(InSession):
    """Whether a drop was seen at the tip."""

    drop_seen: bool


class Connect(InSession):
    """The line is joined; every clamp is open."""

    clamps_open: bool


class Volume(InSession):
    """A volume in mL."""

    volume_ml: Millilitres


class SiteCheck(InSession):
    """Whether the IV site looks well."""

    site_ok: bool


class Reasoned(InSession):
    """Why."""

    reason: Reason


class Resume(InSession):
    """``new_site``: another vein, after a new patency run."""

    new_site: bool = False


class Acknowledge(InSession):
    """One alarm, or all of them when none is named."""

    alarm: Annotated[str, StringConstraints(max_length=64)] = ""


class Caused(InSession):
    """The cause, as it will stand in the record."""

    cause: Reason


class Flush(Confirmed):
    """Saline is mounted: ``syringe`` is one of the site's catalogue, or a hose with its vial."""

    syringe: Name


class Bound(Confirmed):
    """What left the syringe lies between these volumes; how that was found out."""

    method: Reason
    low_ml: Millilitres
    high_ml: Millilitres


class ByHand(Confirmed):
    """What was given and flushed by hand while computer or pump was down, and by whom."""

    given_by: Name
    begun_at: AwareDatetime
    ended_at: AwareDatetime
    low_ml: Millilitres
    high_ml: Millilitres
    flushed_ml: Millilitres
    method: Reason
    reason: Reason


class Residual(InSession):
    """What stands in the chamber."""

    item: Literal["background", "syringe_and_line", "pads", "gloves", "other"]


class Places(BaseModel):
    """Readings of the survey meter in microsievert per hour."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    pad: MicrosievertPerHour
    site: MicrosievertPerHour
    floor: MicrosievertPerHour
    gloves: MicrosievertPerHour


class Survey(InSession):
    """The survey after the treatment."""

    places: Places
    contaminated: bool


Fields = tuple[object, ...]
HANDS: Final = frozenset({Role.AUTHORIZED_USER, Role.PHYSICIST, Role.TECHNICIAN})
"""Who works with pump, chamber and line."""
EYES: Final = HANDS | {Role.SECOND_PERSON}
"""Who looks, answers and agrees."""
PRESCRIBERS: Final = frozenset({Role.AUTHORIZED_USER})
OVERRIDERS: Final = PRESCRIBERS | {Role.PHYSICIST}
ANYONE: Final = frozenset(Role)
NOTHING, BADGE, PIN = Proof.NOTHING, Proof.BADGE, Proof.PIN


@dataclass(frozen=True, slots=True)
class Action:
    """One action, what it asks of whoever wants it, who may, and where.

    ``fields`` gives the event's fields after who and role.
    """

    name: str
    body: type[Body]
    event: type[e.ByPerson]
    proof: Proof
    roles: frozenset[Role]
    place: Where
    text: str
    fields: Callable[[Any, SiteConfig], Fields] = lambda _body, _site: ()


def _diameter_um(name: str, site: SiteConfig) -> int:
    for syringe in site.saline_containers:
        if syringe.name == name:
            return syringe.diameter_um
    rule = f"must be a {catalogued(site.flush_pump or site.pump)}"
    raise Wrong("syringe", name, rule)


def _patency(body: Patency, site: SiteConfig) -> Fields:
    return body.syringe, _diameter_um(body.syringe, site)


def _flush(body: Flush, site: SiteConfig) -> Fields:
    return body.syringe, _diameter_um(body.syringe, site), body.confirmed_by


def _bound(body: Bound, _site: SiteConfig) -> Fields:
    if body.low_ml > body.high_ml:
        raise Wrong("low_ml", body.low_ml, f"must not be above high_ml = {body.high_ml:g}")
    low, high = scaled_down(body.low_ml, NL_PER_ML), scaled_up(body.high_ml, NL_PER_ML)
    return body.confirmed_by, body.method, low, high


def _by_hand(body: ByHand, _site: SiteConfig) -> Fields:
    low, high = scaled_down(body.low_ml, NL_PER_ML), scaled_up(body.high_ml, NL_PER_ML)
    if low > high:
        raise Wrong("low_ml", body.low_ml, f"must not be above high_ml = {body.high_ml:g}")
    times = utc_ns(body.begun_at), utc_ns(body.ended_at)
    flushed = scaled_down(body.flushed_ml, NL_PER_ML)
    who = body.confirmed_by, body.given_by
    return (*who, *times, low, high, flushed, body.method, body.reason)


def _hand_over(body: HandOver, _site: SiteConfig) -> Fields:
    return Place(body.to), body.confirmed_by


def _survey(body: Survey, _site: SiteConfig) -> Fields:
    rounded = [(name, scaled_up(value, SIEVERT_STEPS)) for name, value in body.places]
    return tuple(rounded), body.contaminated


def _answer(body: GateAnswer, _site: SiteConfig) -> Fields:
    told = parse_answer(body.question, canonical_json(body.answer))
    return body.question, canonical_json(told.model_dump(mode="json"))


def _near(body: Volume, _site: SiteConfig) -> Fields:
    return (scaled_near(body.volume_ml, NL_PER_ML),)


def _down(body: Volume, _site: SiteConfig) -> Fields:
    return (scaled_down(body.volume_ml, NL_PER_ML),)


def _just(*names: str) -> Callable[[Any, SiteConfig], Fields]:
    """The named fields of the body as they are."""
    return lambda body, _site: tuple(getattr(body, name) for name in names)


ACTIONS: Final = (
    Action("sign_directive", SignDirective, e.DirectiveSigned, PIN, PRESCRIBERS, ANYWHERE,
           "Sign the written directive", _just("order_hash")),
    Action("gate_answer", GateAnswer, e.GateAnswered, BADGE, EYES, QUESTION,
           "Answer a question of the gates", _answer),
    Action("gate_override", GateOverride, e.GateOverridden, PIN, OVERRIDERS, GATE,
           "Answer for a gate that stands closed", _just("gate", "reason")),
    Action("assay", InSession, e.AssayRequested, BADGE, HANDS, LAB,
           "Measure the syringe or vial in the chamber"),
    Action("release", InSession, e.ReleaseSigned, PIN, EYES, SIGNATURE,
           "Sign the release; two different people must"),
    Action("hand_over", HandOver, e.CustodyHandedOver, PIN, EYES, TAKER,
           "Hand the container over; who takes it confirms", _hand_over),
    Action("patency", Patency, e.PatencyRequested, BADGE, HANDS, BED,
           "Run saline to the vein", _patency),
    Action("patency_confirm", PatencyConfirm, e.PatencyConfirmed, BADGE, EYES, BED,
           "Say what was seen at the site", _just("blood_return", "leak_seen")),
    Action("seat", Confirmed, e.SeatRequested, PIN, HANDS, BED,
           "Advance the drug to a drop at the tip", _just("confirmed_by")),
    Action("seat_confirm", SeatConfirm, e.SeatConfirmed, BADGE, EYES, BED,
           "Say whether a drop was seen", _just("drop_seen")),
    Action("connect", Connect, e.ConnectionConfirmed, BADGE, HANDS, BED,
           "The line is joined", _just("clamps_open")),
    Action("arm", InSession, e.ArmRequested, BADGE, HANDS, BED,
           "Programme the pump and arm its watchdog"),
    Action("start_request", InSession, e.StartRequested, PIN, HANDS, BED,
           "First step of the start: its signature"),
    Action("start_confirm", InSession, e.StartConfirmed, BADGE, HANDS, BED,
           "Second step, by the same person"),
    Action("barrel_reading", Volume, e.BarrelRead, BADGE, EYES, BED,
           "What is left by the barrel or the vial", _near),
    Action("site_check", SiteCheck, e.SiteChecked, BADGE, EYES, BED,
           "The IV site was looked at", _just("site_ok")),
    Action("hold", Reasoned, e.HoldRequested, BADGE, ANYONE, ANYWHERE,
           "Pause, with a reason", _just("reason")),
    Action("resume", Resume, e.ResumeRequested, PIN, EYES, BED,
           "Go on; after a trip two people", _just("new_site")),
    Action("acknowledge", Acknowledge, e.Acknowledged, BADGE, ANYONE, ANYWHERE,
           "An alarm was seen", _just("alarm")),
    Action("pause_audio", InSession, e.AudioPaused, BADGE, ANYONE, ANYWHERE,
           "Quiet for two minutes at most"),
    Action("abort", Caused, e.AbortRequested, BADGE, EYES, ANYWHERE,
           "Stop for good, with a cause", _just("cause")),
    Action("end", Caused, e.EndRequested, PIN, EYES, ANYWHERE,
           "No more delivery; account for what is left", _just("cause")),
    Action("flush", Flush, e.FlushRequested, PIN, HANDS, BED,
           "Flush by the pump", _flush),
    Action("kvo", Flush, e.KvoRequested, PIN, HANDS, BED,
           "Keep the vein open while held, by the second pump", _flush),
    Action("flush_confirm", Volume, e.FlushConfirmed, PIN, HANDS, BED,
           "Flushed by hand with this volume", _down),
    Action("bound", Bound, e.DeliveryBounded, PIN, HANDS, ANYWHERE,
           "Bound an uncertain delivery", _bound),
    Action("give_up", InSession, e.GivenUp, PIN, EYES, ANYWHERE,
           "Leave an uncertain delivery as it is"),
    Action("finished_by_hand", ByHand, e.FinishedByHand, PIN, HANDS, ANYWHERE,
           "Enter late what was finished by hand", _by_hand),
    Action("residual", Residual, e.ResidualRequested, BADGE, HANDS, LAB,
           "Measure what is left", _just("item")),
    Action("survey", Survey, e.SurveyRecorded, PIN, EYES, ANYWHERE,
           "Readings of the survey meter", _survey),
    Action("close", InSession, e.CloseRequested, PIN, EYES, ANYWHERE,
           "Close the session"),
    Action("cancel", Reasoned, e.CancelRequested, PIN, EYES, ANYWHERE,
           "Call the treatment off", _just("reason")),
    Action("pain", Pressed, e.PainPressed, NOTHING, ANYONE, ANYWHERE, "PAIN / SWELLING"),
    Action("spill", Pressed, e.SpillPressed, NOTHING, ANYONE, ANYWHERE, "SPILL"),
    Action("patient_moved", Pressed, e.PatientMovedPressed, NOTHING, ANYONE, ANYWHERE,
           "PATIENT MOVED"),
)  # fmt: skip

LOAD: Final = Action("load_order", LoadOrder, e.OrderLoaded, PIN, HANDS, LAB,
                     "Load a written directive")  # fmt: skip
LOAD_ORDER: Final = LOAD.name
REVISE: Final = Action("revise_order", ReviseOrder, e.DirectiveRevised, PIN, HANDS, LAB,
                       "Load another text of the directive, before drug flows")  # fmt: skip
STOP: Final = "stop"
STOPPING: Final = (STOP, "pain", "spill")
"""What a person does so that the pump stops: it passes whatever else waits."""
BY_NAME: Final = {action.name: action for action in (*ACTIONS, REVISE)}
