"""Treatments caught at every point worth asking about, and every event that could be told there.

Built once each and copied: a `Hand` that is handed out may be used up.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from controller.core import events as e
from controller.core.limits import Limits, limits_from
from controller.core.place import Place
from controller.core.state import Purpose
from controller.core.treatment import Treatment
from firmware_interfaces.readings import Channel, Motion, PumpAlarm
from tests.core.gated import oral
from tests.core.hand import Hand
from tests.core.world import (
    CALIBRATOR,
    LIMITS,
    MIN,
    MINUTE,
    ML,
    PUMP,
    activity,
    readback,
    recovery,
    status,
    treatment,
)

THREE = treatment(duration_ns=3 * MIN, flush_volume_nl=3 * ML)
"""20 mL in three minutes: 400 mL/h, 111 uL/s."""


STRICT = limits_from({"overrun_min": 1})
"""A site that waits no longer than a minute past the planned duration."""


def _released(order: Treatment = MINUTE) -> Hand:
    return Hand(order).ordered().assayed().released()


def _patency_preparing() -> Hand:
    hand = _released()
    hand.do(e.PatencyRequested, "saline 10 mL", 14_430)
    return hand


def _patency_running() -> Hand:
    hand = _patency_preparing()
    hand.prepared()
    hand.started()
    hand.poll()
    return hand


def _seat_running() -> Hand:
    hand = _released().patent()
    hand.do(e.SeatRequested, "cd")
    hand.prepared()
    hand.started()
    for _ in range(6):
        hand.poll()
    return hand


def _seated() -> Hand:
    return _released().patent().seated().connected()


def _arming() -> Hand:
    hand = _seated()
    hand.do(e.ArmRequested)
    return hand


def _armed(order: Treatment = MINUTE) -> Hand:
    hand = Hand(order).bedside()
    hand.poll()
    return hand


def _infusing(order: Treatment = MINUTE, limits: Limits = LIMITS) -> Hand:
    hand = Hand(order, limits).bedside().infusing()
    for _ in range(40):
        hand.poll()
    return hand


def _holding() -> Hand:
    hand = _infusing()
    hand.do(e.HoldRequested, "toilet")
    return hand


def _held() -> Hand:
    hand = _holding()
    hand.stopped()
    return hand


def _held_armed() -> Hand:
    hand = _armed()
    hand.do(e.HoldRequested, "a question")
    return hand


def _tripping() -> Hand:
    hand = _infusing()
    hand.do(e.StopPressed, "panel")
    return hand


def _stopped() -> Hand:
    hand = _tripping()
    hand.stopped()
    return hand


def _stopped_patency() -> Hand:
    hand = _stopped()
    hand.do(e.Acknowledged, "")
    hand.do(e.PatencyRequested, "saline 10 mL", 14_430)
    hand.prepared()
    hand.started()
    hand.poll()
    return hand


def _released_again() -> Hand:
    """Part of the dose is given, and the syringe is off the pump for another site."""
    hand = _stopped()
    hand.do(e.Acknowledged, "")
    hand.patent()
    hand.do(e.ResumeRequested, True, who="ab")
    hand.do(e.ResumeRequested, True, who="cd")
    return hand


def _resuming() -> Hand:
    hand = _held()
    hand.do(e.ResumeRequested, False)
    return hand


def _completing() -> Hand:
    hand = _infusing()
    while not hand.stopping:
        hand.poll()
    return hand


def _flushing() -> Hand:
    hand = _completing()
    hand.stopped()
    return hand


def _flush_running() -> Hand:
    hand = _flushing()
    hand.do(e.FlushRequested, "saline 10 mL", 14_430, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    return hand


def _uncertain() -> Hand:
    hand = _infusing()
    hand.see(e.WriteLost, hand.state.epoch, "RUN")
    return hand


def _uncertain_at_rest() -> Hand:
    hand = _patency_preparing()
    hand.see(e.WriteLost, hand.state.epoch, "SAF5")
    return hand


def _residual() -> Hand:
    return _flushing().flushed()


def _starting() -> Hand:
    return _armed().energised()


BUILDERS: dict[str, Callable[[], Hand]] = {
    "idle": lambda: Hand(MINUTE),
    "ordered": lambda: Hand(MINUTE).ordered(),
    "cold_ordered": lambda: Hand(replace(MINUTE, cold=True)).ordered(),
    "assayed": lambda: Hand(MINUTE).ordered().assayed(),
    "released": _released,
    "patent": lambda: _released().patent(),
    "patency_preparing": _patency_preparing,
    "patency_running": _patency_running,
    "seat_running": _seat_running,
    "seated": _seated,
    "arming": _arming,
    "armed": _armed,
    "starting": _starting,
    "infusing": _infusing,
    "infusing_three": lambda: _infusing(THREE),
    "infusing_strict": lambda: _infusing(THREE, STRICT),
    "infusing_thirty": lambda: _infusing(treatment()),
    "armed_thirty": lambda: _armed(treatment()),
    "holding": _holding,
    "held": _held,
    "held_armed": _held_armed,
    "resuming": _resuming,
    "tripping": _tripping,
    "stopped": _stopped,
    "stopped_patency": _stopped_patency,
    "released_again": _released_again,
    "completing": _completing,
    "flushing": _flushing,
    "flush_running": _flush_running,
    "uncertain": _uncertain,
    "uncertain_at_rest": _uncertain_at_rest,
    "residual": _residual,
    "closed": lambda: _residual().accounted(),
    "oral": oral,
}


@cache
def _built(builder: Callable[..., Hand], *given: Any) -> Hand:
    return builder(*given)


def forget() -> None:
    """Build every situation anew when it is asked for."""
    _built.cache_clear()


def at(name: str) -> Hand:
    """A hand of one's own at this point of a treatment."""
    return built(BUILDERS[name])


def built(builder: Callable[..., Hand], *given: Any) -> Hand:
    """A hand of one's own where this builder ends."""
    kept = _built(builder, *given)
    hand = copy.copy(kept)
    hand.pump, hand.told = copy.copy(kept.pump), []
    return hand


def _by_hand(hand: Hand) -> tuple[Any, ...]:
    """A drop and a flush by hand, in the moment in which it is told."""
    now_utc_ns = hand.now_ns + hand.skew_ns
    return now_utc_ns, now_utc_ns, 0, 1_000, 450_000, "barrel", "no computer"


def plausible(hand: Hand) -> dict[type[e.Event], tuple[Any, ...]]:
    """Fields of every event as they could be told to a treatment in this state."""
    state, now = hand.state, hand.now_ns
    run = state.run
    pumped = 0 if run is None else run.counter_nl
    left = hand.treatment.fill_nl - state.pumped(Purpose.DRUG).high_nl
    plan = at("armed").run.plan if run is None else run.plan
    rest = status(now, pumped, Motion.STOPPED)
    going = status(now, pumped + 1_000)
    person = ("ab", "technician")
    return {
        e.OrderLoaded: (*person, hand.treatment),
        e.GateAnswered: (*person, "shield", '{"in_place":true}'),
        e.GateOverridden: (*person, "shield", "no room for one"),
        e.DirectiveSigned: (*person, "0" * 64),
        e.DirectiveRevised: (*person, "{}", hand.treatment),
        e.AssayRequested: person,
        e.ReleaseSigned: person,
        e.PatencyRequested: (*person, "saline 10 mL", 14_430),
        e.PatencyConfirmed: (*person, True, False),
        e.SeatRequested: (*person, "cd"),
        e.SeatConfirmed: (*person, True),
        e.ConnectionConfirmed: (*person, True),
        e.ArmRequested: person,
        e.StartRequested: person,
        e.StartConfirmed: person,
        e.BarrelRead: (*person, left),
        e.SiteChecked: (*person, True),
        e.HoldRequested: (*person, "toilet"),
        e.ResumeRequested: (*person, False),
        e.StopPressed: ("", "", "panel"),
        e.PainPressed: person,
        e.SpillPressed: person,
        e.PatientMovedPressed: person,
        e.Acknowledged: (*person, ""),
        e.AudioPaused: person,
        e.AbortRequested: (*person, "medical"),
        e.EndRequested: (*person, "medical"),
        e.FlushRequested: (*person, "saline 10 mL", 14_430, "cd"),
        e.KvoRequested: (*person, "saline 10 mL", 14_430, "cd"),
        e.FlushConfirmed: (*person, 3_000_000),
        e.FinishedByHand: (*person, "cd", "C. D.", *_by_hand(hand)),
        e.DeliveryBounded: (*person, "cd", "barrel", state.drug.low_nl, state.drug.high_nl),
        e.GivenUp: person,
        e.ResidualRequested: (*person, "background"),
        e.SurveyRecorded: (*person, (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0)), False),
        e.CloseRequested: person,
        e.CancelRequested: (*person, "patient withdrew"),
        e.CustodyHandedOver: (*person, Place.BEDSIDE, "cd"),
        e.PumpIdentified: (PUMP,),
        e.CalibratorIdentified: (CALIBRATOR,),
        e.AssayRead: (state.assay_pending or "syringe", activity()),
        e.AssayFailed: ("syringe", "silent"),
        e.PumpPrepared: (state.epoch, readback(plan, now)),
        e.PrepareFailed: (state.epoch, "", "silent"),
        e.RunStarted: (state.epoch, going),
        e.RunRefused: (state.epoch, "?NA"),
        e.WriteLost: (state.epoch, "RUN"),
        e.PumpRead: (going,),
        e.PumpSilent: ("nothing",),
        e.AlarmSeen: (status(now, None, None, alarm=PumpAlarm.STALL),),
        e.IdlePumpSeen: (Channel.FLUSH, going),
        e.StopConfirmed: (state.epoch, rest),
        e.StopUnconfirmed: (state.epoch,),
        e.PumpRecovered: (recovery(pumped, at_ns=now),),
        e.PermitExpired: (),
        e.Ticked: (),
        e.Booted: ("0.1.0",),
        e.ConditionSeen: ("journal_slow", True, "0.3 s"),
        e.ShutdownRequested: (),
    }
