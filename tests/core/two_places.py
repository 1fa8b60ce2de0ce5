"""Treatments whose container is handed over between hot lab and bedside, caught on the way."""

from controller.core import events as e
from controller.core.place import Place
from controller.core.state import State
from firmware_interfaces.readings import PumpAlarm
from tests.core.hand import Hand
from tests.core.world import COMMISSIONED, MINUTE, status


def begun() -> Hand:
    """A session that asks for custody, before anything."""
    state = State(session="s1", commissioned=COMMISSIONED, stations=True)
    return Hand(MINUTE, state=state)


def two_places(point: str) -> Hand:
    """A hand of one's own at this point."""
    hand = begun().ordered().assayed()
    if point == "assayed":
        return hand
    if point in ("signed", "carried"):
        hand.do(e.ReleaseSigned)
        return hand if point == "signed" else hand.carried(Place.BEDSIDE)
    if point == "cancelled":
        hand.do(e.CancelRequested, "patient withdrew")
        return hand
    hand.released()
    if point == "back":
        return hand.carried(Place.HOT_LAB)
    if point == "stopped":
        # In the hot lab again when the pump, with nobody at it, reports that it stalled.
        hand.carried(Place.HOT_LAB)
        hand.see(e.AlarmSeen, status(hand.now_ns, None, None, alarm=PumpAlarm.STALL))
    if point == "residual":
        hand.patent().seated().connected().armed().infusing().run_out()
        hand.stopped() if hand.stopping else None
        hand.flushed()
    return hand
