"""More points of a treatment than the situations: where little is left to happen, or time is up."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from controller.core import events as e
from firmware_interfaces.readings import PumpAlarm
from tests.core.gated import at_a_gate
from tests.core.hand import Hand
from tests.core.situations import at, built
from tests.core.two_places import two_places
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
    PRESCRIBED,
    S,
    activity,
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
"""Two fifths in the first 12 s, the rest at a lower rate; drug in the line from the beginning."""
DOSE = treatment(
    duration_ns=MIN,
    administer="volume_for_dose",
    prescribed_bq=PRESCRIBED // 2,
    primed_with="drug",
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


def _dose_signed() -> Hand:
    hand = Hand(DOSE).ordered().assayed()
    hand.do(e.ReleaseSigned)
    return hand


def _assayed(bq: int) -> Hand:
    return Hand(MINUTE).ordered().assayed(bq)


def _signed_off(bq: int) -> Hand:
    hand = _assayed(bq)
    hand.do(e.ReleaseSigned)
    return hand


def _patency_ran() -> Hand:
    hand = at("patency_running")
    hand.run_out()
    return hand


def _ending() -> Hand:
    return _until(at("infusing"), 1_984_000)


def _all_given(hand: Hand) -> None:
    hand.do(e.StopPressed, "panel")
    hand.stopped()
    hand.do(e.Acknowledged, "")
    hand.do(e.ResumeRequested, False)


def _measured(hand: Hand) -> None:
    for item, bq in (("background", 1_000), ("syringe_and_line", 20_000_000)):
        hand.do(e.ResidualRequested, item)
        hand.see(e.AssayRead, item, activity(bq))


def _surveyed(hand: Hand) -> None:
    hand.do(e.SurveyRecorded, (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0)), False)


def _asked_pads(hand: Hand) -> None:
    hand.do(e.ResidualRequested, "pads")


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


def _stopped_thrice() -> Hand:
    """The third STOP within a minute, and nothing has come since."""
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
    hand.do(e.StopPressed, "panel")
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


def told(condition: str) -> Callable[[Hand], Any]:
    """The host tells that this is so."""
    return see(e.ConditionSeen, condition, True, "as the host saw it")


ACKNOWLEDGED = do(e.Acknowledged, "")
FIRST = do(e.ResumeRequested, False)
FURTHER: Final[dict[str, Callable[[], Hand]]] = {
    "assay_asked": partial(after, "ordered", do(e.AssayRequested)),
    "assay_failed": partial(
        after, "ordered", do(e.AssayRequested), see(e.AssayFailed, "syringe", "no answer")
    ),
    "assayed_anew": partial(after, "released", do(e.AssayRequested)),
    "signed_once": partial(after, "assayed", do(e.ReleaseSigned)),
    "dose_signed": _dose_signed,
    "assayed_nothing": lambda: _assayed(0),
    "assayed_too_little": lambda: _assayed(PRESCRIBED * 3 // 4),
    "signed_15_off": lambda: _signed_off(PRESCRIBED * 85 // 100),
    "patency_ran": _patency_ran,
    "self_test_stands": partial(after, "seated", told("self_test")),
    "disk_low_seated": partial(after, "seated", told("disk_low")),
    "disk_low_armed": partial(after, "armed", told("disk_low"), told("clock_step")),
    "seat_stopping": partial(after, "seat_running", do(e.SeatConfirmed, True)),
    "seat_stopped": lambda: at("released").patent().seated(),
    "start_asked": partial(after, "armed", do(e.StartRequested)),
    "start_late": partial(after, "armed", do(e.StartRequested), polled(10.5)),
    "never_assayed": partial(after, "ordered", do(e.CancelRequested, "no drug came")),
    "near_the_next_part": _parts,
    "drug_arriving": _arriving,
    "line_clearing": _clearing,
    "ending": _ending,
    "all_given": partial(after, "completing", _all_given),
    "given_up": partial(after, "uncertain", do(e.GivenUp), ACKNOWLEDGED),
    "flush_stopping": partial(after, "flush_running", do(e.HoldRequested, "a question")),
    "surveyed": partial(after, "residual", _measured, _surveyed),
    "pads_asked": partial(after, "residual", _measured, _surveyed, _asked_pads),
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
    "stopped_thrice": _stopped_thrice,
    "given_up_and_ended": _given_up_and_ended,
    "lost_before_arrival": _lost_before_arrival,
    "lost_at_the_end": partial(
        after, "completing", lambda h: h.see(e.WriteLost, h.state.epoch, "STP")
    ),
    "gates_ordered": partial(at_a_gate, "ordered"),
    "gates_signed": partial(at_a_gate, "signed"),
    "gates_thawed": partial(at_a_gate, "thawed"),
    "gates_released_once": partial(at_a_gate, "released_once"),
    "gates_released": partial(at_a_gate, "released"),
    "two_places": partial(two_places, "assayed"),
    "two_places_signed": partial(two_places, "signed"),
    "two_places_carried": partial(two_places, "carried"),
    "two_places_released": partial(two_places, "released"),
    "two_places_back": partial(two_places, "back"),
    "two_places_stopped": partial(two_places, "stopped"),
    "two_places_cancelled": partial(two_places, "cancelled"),
    "two_places_residual": partial(two_places, "residual"),
    "second_released": second_released,
    "second_new_site": _second_new_site,
    "second_resumed": _second_resumed,
    "second_infusing": second_infusing,
    "second_held": second_held,
    "second_kvo": second_kvo,
    "second_arriving": partial(second_kvo, polls=8),
    "second_flushing": _second_flushing,
    "second_flush_running": _second_flush_running,
}
