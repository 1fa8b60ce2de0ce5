"""What else than the plausible an event may tell: of another person, too late, another number."""

from typing import Any, Final

from controller.core import events as e
from controller.core.place import Place
from controller.core.state import Purpose, State
from firmware_interfaces.readings import Channel, Motion, PumpAlarm, ReadingStatus
from tests.core.hand import Hand
from tests.core.world import MIN, OTHER_PUMP, PRESCRIBED, S, activity, readback, recovery, status

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
        e.FinishedByHand: {
            "alone": alone,
            "nobody gave it": {"given_by": " "},
            "no method": {"method": " "},
            "no reason": {"reason": " "},
            "not over": {"ended_utc_ns": hand.now_ns + hand.skew_ns + 1},
            "ended first": {"ended_utc_ns": hand.now_ns + hand.skew_ns - 1},
            "before the release": {"begun_utc_ns": 0},
            "upside down": {"low_nl": 1_001},
            "below 0": {"low_nl": -1},
            "all of it and more": {"high_nl": hand.treatment.fill_nl + 1},
            "nothing": {"high_nl": 0, "flushed_nl": 0},
            "too much saline": {"flushed_nl": 20 * hand.treatment.line_dead_nl + 1},
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
            "background, by another": another,
        },
        e.SurveyRecorded: {
            "two places": {"places": (("pad", 7), ("floor", 0))},
            "contaminated": {"contaminated": True},
        },
        e.CancelRequested: {"no reason": {"reason": " "}},
        e.CustodyHandedOver: {"alone": alone, "back": {"to": Place.HOT_LAB}},
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
            "a jump": {"status": status(now, counter_nl + 900_000, Motion.STOPPED)},
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
            "back": {LATE: -2_000_000},
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
