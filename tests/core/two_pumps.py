"""Builders of treatments in a room with a saline pump beside the drug's, by a `Hand`."""

from dataclasses import replace
from typing import Any

from controller.core import commands as c
from controller.core import events as e
from controller.core.motion import rest_of
from controller.core.state import State
from controller.core.treatment import SecondPump
from firmware_interfaces.readings import Channel, Identity, Motion
from tests.core.hand import Hand
from tests.core.situations import built
from tests.core.world import COMMISSIONED, MIN, ML, S, status, treatment

CALM = {"near_end"}
"""What a treatment of a minute says all the time."""
SALINE = "saline 10 mL"
SALINE_UM = 14_430
FLUSH_PUMP = Identity("ne1000", "NE1000", "3.928", 1, None)
SECOND = SecondPump(6 * S, "off", kvo_ul_h=6_000, kvo_nl=500_000)
ORDER = treatment(
    fill_nl=2 * ML + 50_000, duration_ns=MIN, line_dead_nl=150_000, flush_volume_nl=450_000,
    flush_method="second_pump", second=SECOND,
)  # fmt: skip


def _commissioned() -> Any:
    proof = COMMISSIONED.proof
    assert proof is not None
    row = replace(proof.syringes[0], name=SALINE, diameter_um=SALINE_UM)
    proven = replace(proof, pump=FLUSH_PUMP, watchdog_ns=6 * S, syringes=(row,))
    return replace(COMMISSIONED, proof=proven)


def second_released(order: Any = ORDER) -> Hand:
    return built(_released, order)


def second_armed(order: Any = ORDER) -> Hand:
    return built(_armed, order)


def second_infusing(order: Any = ORDER, polls: int = 40) -> Hand:
    return built(_infusing, order, polls)


def second_held(order: Any = ORDER, polls: int = 40) -> Hand:
    return built(_held, order, polls)


def second_kvo(order: Any = ORDER, polls: int = 40) -> Hand:
    return built(_kvo, order, polls)


def _released(order: Any) -> Hand:
    state = State("s1", commissioned=COMMISSIONED, flush_commissioned=_commissioned())
    hand = Hand(order, state=state).ordered()
    hand.see(e.PumpIdentified, FLUSH_PUMP, Channel.FLUSH)
    return hand.assayed().released()


def _armed(order: Any) -> Hand:
    return second_released(order).patent().seated().connected().armed()


def _infusing(order: Any, polls: int) -> Hand:
    hand = second_armed(order).infusing()
    for _ in range(polls):
        hand.poll()
    return hand


def _held(order: Any, polls: int) -> Hand:
    hand = second_infusing(order, polls)
    hand.do(e.HoldRequested, "toilet")
    hand.stopped()
    return hand


def _kvo(order: Any, polls: int) -> Hand:
    hand = second_held(order, polls)
    hand.do(e.KvoRequested, SALINE, SALINE_UM, "cd")
    hand.prepared()
    hand.started()
    return hand


def plan_of(commands: tuple[c.Command, ...]) -> Any:
    return next(x.plan for x in commands if isinstance(x, c.Prepare))


def counter_of(hand: Hand, channel: Channel) -> int:
    rest = rest_of(hand.state, channel)
    assert rest is not None
    return rest.counter_nl


def seen(hand: Hand, channel: Channel, nl: int | None, motion: Motion = Motion.STOPPED) -> Any:
    hand.wait(S // 10)
    return hand.see(e.IdlePumpSeen, channel, status(hand.now_ns, nl, motion))
