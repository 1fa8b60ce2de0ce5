"""More points of a treatment than the situations: where little is left to happen, or time is up.

Also what else an event may tell than what is plausible there.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from controller.core import events as e
from controller.core.state import Purpose, State
from firmware_interfaces.readings import Channel, Motion, PumpAlarm, ReadingStatus
from tests.core.hand import Hand
from tests.core.situations import at, built
from tests.core.two_pumps import (
    SALINE,
    SALINE_UM,
    second_held,
    second_infusing,
    second_kvo,
    second_released,
)
from tests.core.world import (
    MIN,
    MINUTE,
    ML,
    OTHER_PUMP,
    PRESCRIBED,
    S,
    activity,
    readback,
    recovery,
    status,
    treatment,
)

PARTS = treatment(
    fill_nl=2 * ML + 50_000,
    duration_ns=MIN,
    line_dead_nl=150_000,
    primed_with="drug",
    profile=((400_000, 200_000), (600_000, 800_000)),
)
"""0.74 mL in the first 12 s, the rest at a lower rate; drug in the line from the beginning."""
DOSE = treatment(
    fill_nl=20 * ML, duration_ns=MIN, administer="volume_for_dose", prescribed_bq=PRESCRIBED // 2
)


def after(name: str, *deeds: Callable[[Hand], Any]) -> Hand:
    """A situation, and what was done from there on."""
    hand = at(name)
    for deed in deeds:
        deed(hand)
    return hand


def do(kind: type[e.Event], *fields: Any, who: str = "ab") -> Callable[[Hand], Any]:
    """Something a person does."""
    return lambda hand: hand.do(kind, *fields, who=who)


def see(kind: type[e.Event], *fields: Any) -> Callable[[Hand], Any]:
    """A fact."""
    return lambda hand: hand.see(kind, *fields)


def polled(seconds: float) -> Callable[[Hand], Any]:
    """Poll on for so long."""
    return lambda hand: [hand.poll() for _ in range(round(2 * seconds))]


def counted(nl: int | None, **fields: Any) -> Callable[[Hand], Any]:
    """A poll that tells this counter."""
    return lambda hand: hand.reads(nl, **fields)


def stopped(hand: Hand) -> None:
    """The pump rests and says so."""
    hand.stopped()


def _measured(hand: Hand) -> None:
    for item, bq in (("background", 1_000), ("syringe_and_line", 20_000_000)):
        hand.do(e.ResidualRequested, item)
        hand.see(e.AssayRead, item, activity(bq))


def _doubted(hand: Hand) -> None:
    hand.reads(hand.run.counter_nl - 100_000)


def _reset(hand: Hand) -> None:
    hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.RESET))


def _power_cycled(hand: Hand) -> None:
    hand.wait(S)
    hand.see(e.PumpRecovered, recovery(None, power_cycled=True, at_ns=hand.now_ns))


def _parts() -> Hand:
    hand = Hand(PARTS).bedside().infusing()
    return _until(hand, hand.run.plan.volume_nl * 4 // 10 - 10_000)


def _until(hand: Hand, nl: int) -> Hand:
    while hand.run.counter_nl < nl:
        hand.poll(S // 10)
    return hand


def _arriving() -> Hand:
    return _until(Hand(MINUTE).bedside().infusing(), 140_000)


def _clearing() -> Hand:
    return _until(at("flush_running"), 140_000)


def _held_flush(hand: Hand) -> None:
    hand.do(e.HoldRequested, "a question")
    hand.stopped()


def _second_flushing() -> Hand:
    hand = second_infusing()
    hand.run_out()
    return hand


def _second_flush_running() -> Hand:
    hand = _second_flushing()
    hand.do(e.FlushRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    hand.poll()
    return hand


def _stopped_twice() -> Hand:
    """Running again after two stops within a minute."""
    hand = at("infusing")
    for _ in range(2):
        hand.do(e.StopPressed, "panel")
        hand.stopped()
        hand.do(e.Acknowledged, "")
        hand.do(e.ResumeRequested, False)
        hand.do(e.ResumeRequested, False, who="cd")
        hand.prepared()
        hand.infusing()
        hand.poll()
    return hand


def _given_up_and_ended() -> Hand:
    """RESIDUAL, and the STOP before it was never confirmed."""
    hand = at("tripping")
    hand.see(e.StopUnconfirmed, hand.state.epoch)
    hand.do(e.GivenUp)
    hand.do(e.EndRequested, "given up")
    return hand


def _second_new_site() -> Hand:
    """One of two people asks to go on at another site; the drug syringe stays where it is."""
    hand = second_infusing()
    hand.do(e.StopPressed, "panel")
    hand.stopped()
    hand.do(e.Acknowledged, "")
    hand.patent()
    hand.do(e.ResumeRequested, True)
    return hand


def _second_resumed() -> Hand:
    """The hold is over, and what keeps the vein open is being stopped."""
    hand = second_kvo()
    hand.do(e.ResumeRequested, False)
    return hand


def _lost_before_arrival() -> Hand:
    hand = built(_arriving)
    hand.see(e.WriteLost, hand.state.epoch, "RAT")
    return hand


ACKNOWLEDGED = do(e.Acknowledged, "")
FIRST = do(e.ResumeRequested, False)
FURTHER: Final[dict[str, Callable[[], Hand]]] = {
    "assay_asked": partial(after, "ordered", do(e.AssayRequested)),
    "assayed_anew": partial(after, "released", do(e.AssayRequested)),
    "signed_once": partial(after, "assayed", do(e.ReleaseSigned)),
    "dose_signed": lambda: after_order(DOSE),
    "seat_stopping": partial(after, "seat_running", do(e.SeatConfirmed, True)),
    "seat_stopped": lambda: at("released").patent().seated(),
    "start_asked": partial(after, "armed", do(e.StartRequested)),
    "start_late": partial(after, "armed", do(e.StartRequested), polled(10.5)),
    "never_assayed": partial(after, "ordered", do(e.CancelRequested, "no drug came")),
    "near_the_next_part": _parts,
    "drug_arriving": _arriving,
    "line_clearing": _clearing,
    "check_due": partial(after, "infusing_three", polled(65)),
    "barrel_due": partial(after, "infusing_three", polled(125)),
    "doubted": partial(after, "infusing", _doubted),
    "reset": partial(after, "infusing", _reset),
    "clear": partial(after, "stopped", ACKNOWLEDGED),
    "resume_asked": partial(after, "stopped", ACKNOWLEDGED, FIRST),
    "new_site": partial(after, "stopped", ACKNOWLEDGED, lambda hand: hand.patent()),
    "unconfirmed": partial(after, "tripping", lambda h: h.see(e.StopUnconfirmed, h.state.epoch)),
    "booted": partial(after, "infusing", see(e.Booted, "0.1.0")),
    "unbounded": partial(after, "uncertain", _power_cycled),
    "flush_held": partial(after, "flush_running", _held_flush),
    "measured": partial(after, "residual", _measured),
    "background_asked": partial(after, "residual", do(e.ResidualRequested, "background")),
    "stopped_twice": _stopped_twice,
    "given_up_and_ended": _given_up_and_ended,
    "lost_before_arrival": _lost_before_arrival,
    "second_released": second_released,
    "second_new_site": _second_new_site,
    "second_resumed": _second_resumed,
    "second_infusing": second_infusing,
    "second_held": second_held,
    "second_kvo": second_kvo,
    "second_flushing": _second_flushing,
    "second_flush_running": _second_flush_running,
}


def after_order(order: Any) -> Hand:
    """The first signature under an assay of this order."""
    hand = Hand(order).ordered().assayed()
    hand.do(e.ReleaseSigned)
    return hand


LATE: Final = "after_ns"
"""Not a field of the event: it comes so much later."""
Other = dict[str, dict[str, Any]]


def otherwise(hand: Hand) -> dict[type[e.Event], Other]:
    """Events as they are not usually told, by what is odd about them: the fields that differ."""
    drug, fill_nl = hand.state.drug, hand.treatment.fill_nl
    another, alone = {"who": "cd"}, {"confirmed_by": "ab"}
    return {
        e.ReleaseSigned: {
            "by another": another,
            "by nobody": {"who": ""},
            "by another after an hour": {**another, LATE: 60 * MIN},
            "by another a ns later still": {**another, LATE: 60 * MIN + 1},
        },
        e.PatencyConfirmed: {"leak": {"leak_seen": True}, "no blood": {"blood_return": False}},
        e.SeatRequested: {"alone": alone, "no second": {"confirmed_by": ""}},
        e.SeatConfirmed: {"no drop": {"drop_seen": False}},
        e.ConnectionConfirmed: {"a clamp closed": {"clamps_open": False}},
        e.StartRequested: {"late": {LATE: 1_500_000_001}},
        e.StartConfirmed: {"by another": another},
        e.BarrelRead: {
            "below 0": {"volume_nl": -1},
            "empty": {"volume_nl": 0},
            "twice the fill": {"volume_nl": 2 * fill_nl},
            "more than that": {"volume_nl": 2 * fill_nl + 1},
        },
        e.SiteChecked: {"not well": {"site_ok": False}},
        e.HoldRequested: {"no reason": {"reason": " "}},
        e.ResumeRequested: {
            "by another": another,
            "new site": {"new_site": True},
            "new site, by another": {**another, "new_site": True},
        },
        e.StopPressed: {"by name": {"who": "cd", "role": "nurse", "source": "door"}},
        e.Acknowledged: {"one": {"alarm": "stop_pressed"}},
        e.AbortRequested: {"no cause": {"cause": " "}},
        e.EndRequested: {"no cause": {"cause": " "}},
        e.FlushRequested: {"alone": alone, "another syringe": {"syringe": "BD 60 mL"}},
        e.KvoRequested: {"alone": alone, "another syringe": {"syringe": "BD 60 mL"}},
        e.FlushConfirmed: {
            "nothing": {"volume_nl": 0},
            "a nL": {"volume_nl": 1},
            "too much": {"volume_nl": 3_000_001},
        },
        e.DeliveryBounded: {
            "alone": alone,
            "below": {"low_nl": drug.low_nl - 1},
            "above": {"high_nl": drug.high_nl + 1},
            "low": {"high_nl": drug.low_nl},
            "upside down": {"low_nl": drug.high_nl, "high_nl": drug.low_nl},
        },
        e.ResidualRequested: {
            "no name": {"item": " "},
            "syringe": {"item": "syringe_and_line"},
            "pads": {"item": "pads"},
        },
        e.SurveyRecorded: {
            "two places": {"places": (("pad", 7), ("floor", 0))},
            "contaminated": {"contaminated": True},
        },
        e.CancelRequested: {"no reason": {"reason": " "}},
        **_of_devices(hand),
    }


def _of_devices(hand: Hand) -> dict[type[e.Event], Other]:
    state, now = hand.state, hand.now_ns
    counter_nl = state.pumped(Purpose.DRUG).high_nl if state.run is None else state.run.counter_nl
    old, of_flush = {"epoch": state.epoch - 1}, {"channel": Channel.FLUSH}
    rest = {"status": status(now, counter_nl + 1_000, Motion.STOPPED)}
    return {
        e.PumpIdentified: {
            "another": {"identity": OTHER_PUMP},
            "another flush pump": {"identity": OTHER_PUMP, **of_flush},
        },
        e.AssayRead: {
            "technetium": {"reading": activity(PRESCRIBED, "Tc-99m")},
            "over range": {"reading": activity(None, status=ReadingStatus.OVER_RANGE)},
            "85 %": {"reading": activity(PRESCRIBED * 85 // 100)},
            "pads": {"item": "pads"},
            "background": {"item": "background"},
        },
        e.PumpPrepared: {"old": old, **_held_otherwise(state, now)},
        e.PrepareFailed: {"old": old, "rate": {"field": "rate", "reason": "read back as 1"}},
        e.RunStarted: {"old": old},
        e.RunRefused: {"old": old},
        e.WriteLost: {"old": old, "rate": {"operation": "RAT"}},
        e.PumpRead: _polls(now + S // 2, counter_nl),
        e.AlarmSeen: {
            f"{alarm.value if alarm else 'none'}, {channel.value} pump": {
                "status": status(now, None, None, alarm=alarm), "channel": channel
            }
            for alarm in (PumpAlarm.RESET, PumpAlarm.WATCHDOG, PumpAlarm.NEAR_EMPTY, None)
            for channel in Channel
        },
        e.IdlePumpSeen: {
            "silent": {"status": None, "reason": "no answer"},
            "resting": rest,
            "resting drug pump": {**rest, "channel": Channel.DRUG},
            "drug pump": {"channel": Channel.DRUG},
        },
        e.StopConfirmed: {
            "old": old,
            "a step more": rest,
            "of the flush pump": {**rest, **of_flush},
            "less": {"status": status(now, counter_nl - 1, Motion.STOPPED)},
            "no counter": {"status": status(now, None, Motion.STOPPED)},
        },
        e.StopUnconfirmed: {"old": old},
        e.PumpRecovered: {
            "no counter": {"recovery": recovery(None, at_ns=now)},
            "power was off": {"recovery": recovery(counter_nl, power_cycled=True, at_ns=now)},
            "a step more": {"recovery": recovery(counter_nl + 1_000, at_ns=now)},
            "20 uL more": {"recovery": recovery(counter_nl + 20_000, at_ns=now)},
            "less": {"recovery": recovery(counter_nl - 1, at_ns=now)},
        },
        e.Ticked: {
            "back": {LATE: -1},
            "after three polls": {LATE: 1_500_000_001},
            "after a watchdog": {LATE: 5 * S + 1},
            "after two minutes": {LATE: 2 * MIN},
        },
        e.ConditionSeen: {
            "over": {"present": False},
            "disk": {"condition": "disk_low", "evidence": "0.9 GB"},
            "journal": {"condition": "journal_failed", "evidence": "EIO"},
        },
    }  # fmt: skip


def _polls(at_ns: int, counter_nl: int) -> Other:
    """The next poll, half a second later, at which the pump said ..."""
    told: dict[str, tuple[int, int | None, Motion | None]] = {
        "next": (0, counter_nl + 16_000, Motion.INFUSING),
        "a ms ahead": (1_000_000, counter_nl + 16_000, Motion.INFUSING),
        "a second ago": (-S, counter_nl + 16_000, Motion.INFUSING),
        "rest": (0, counter_nl + 16_000, Motion.STOPPED),
        "purging": (0, counter_nl + 16_000, Motion.PURGING),
        "withdrawing": (0, counter_nl + 16_000, Motion.WITHDRAWING),
        "a jump": (0, counter_nl + 900_000, Motion.INFUSING),
        "less": (0, counter_nl - 1, Motion.INFUSING),
        "no counter": (0, None, Motion.INFUSING),
        "nothing": (0, None, None),
    }
    return {
        name: {LATE: S // 2, "status": status(at_ns + ahead_ns, nl, motion)}
        for name, (ahead_ns, nl, motion) in told.items()
    }


def _held_otherwise(state: State, now_ns: int) -> Other:
    """Read-backs that are not what was told."""
    if state.run is None:
        return {}
    plan = state.run.plan
    more = {
        f"more {name}": readback(plan, now_ns, **{name: getattr(plan, name) + 1})
        for name in ("diameter_um", "rate_ul_h", "volume_nl", "watchdog_ns")
    }
    more["infused before"] = readback(plan, now_ns, infused_nl=1)
    return {name: {"readback": held} for name, held in more.items()}
