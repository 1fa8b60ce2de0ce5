"""From any point of a treatment, any facts and requests in any order: nothing raises, bounds hold.

`Hand.take` holds the invariants of a step: stops first, epochs and bounds only grow, RUN and
permits only where they may be. Here they are held over sequences that nobody thought of.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core import commands as c
from controller.core import events as e
from controller.core.state import Phase, Purpose
from controller.core.table import EVENTS, HANDLERS
from firmware_interfaces.readings import Motion, PumpAlarm
from tests.core.hand import Hand
from tests.core.situations import BUILDERS, at, plausible
from tests.core.world import S, recovery, round_trip, status

WHO = st.sampled_from(["ab", "cd", "au", ""])
TIMES = st.sampled_from([0, 1, S // 10, S // 2, 2 * S, 130 * S])
SHIFTS = st.sampled_from([0, 0, 0, -1, 1])
DO = ("prepared", "started", "stopped", "poll", "jump", "fell")


def _serve(hand: Hand, deed: str) -> None:
    """What the other side of the core would do next."""
    run = hand.state.run
    if deed == "prepared" and run is not None:
        hand.prepared()
    elif deed == "started" and run is not None:
        hand.started()
    elif deed == "stopped":
        hand.stopped()
    elif deed == "jump":
        hand.reads((run.counter_nl if run else 0) + 400_000)
    elif deed == "fell":
        hand.reads(0, motion=Motion.STOPPED)
    else:
        hand.poll()


def _odd(hand: Hand, kind: type[e.Event], who: str, shift: int) -> tuple[Any, ...]:
    """Plausible fields with another person, an older or newer epoch, another alarm."""
    told = plausible(hand)[kind]
    if issubclass(kind, e.ByPerson):
        return (who, *told[1:])
    epochs = (e.PumpPrepared, e.PrepareFailed, e.RunStarted, e.RunRefused, e.WriteLost,
              e.StopConfirmed, e.StopUnconfirmed)  # fmt: skip
    if kind in epochs:
        return (told[0] + shift, *told[1:])
    if kind is e.AlarmSeen and shift:
        alarm = PumpAlarm.RESET if shift < 0 else PumpAlarm.WATCHDOG
        return (status(hand.now_ns, None, None, alarm=alarm),)
    if kind is e.PumpRecovered and shift:
        return (recovery(None if shift < 0 else 0, power_cycled=shift > 0),)
    return told


KINDS = st.one_of(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(EVENTS))
"""A number picks among what acts in the phase at hand; an event may also come out of turn."""
STEPS = st.lists(st.tuples(KINDS, WHO, TIMES, SHIFTS), min_size=1, max_size=40)


def _fitting(hand: Hand, number: int) -> Any:
    acting = [kind for kind in EVENTS if (hand.state.phase, kind) in HANDLERS]
    return [*acting, *DO, *DO][number % (len(acting) + 2 * len(DO))]


def _play(hand: Hand, steps: list[tuple[Any, str, int, int]]) -> None:
    for kind, who, time_ns, shift in steps:
        what = _fitting(hand, kind) if isinstance(kind, int) else kind
        if isinstance(what, str):
            _serve(hand, what)
            continue
        hand.wait(time_ns)
        hand.see(what, *_odd(hand, what, who, shift))


@pytest.mark.requirement("S1", "P8")
@settings(max_examples=300)
@given(st.sampled_from(sorted(BUILDERS)), STEPS)
def test_nothing_raises_and_no_bound_is_broken(name: str, steps) -> None:
    hand = at(name)
    _play(hand, steps)
    state = hand.state
    assert round_trip(state) == state
    if state.treatment is not None:
        _within_the_plan(hand)


def _within_the_plan(hand: Hand) -> None:
    """No programme ever held more than what was released less what may have been given."""
    state = hand.state
    run = state.run
    if run is not None and run.purpose is Purpose.DRUG:
        assert run.plan.volume_nl <= state.planned_nl - state.drug.high_nl
    drug = [x for x in hand.told if isinstance(x, c.Prepare)]
    assert all(x.plan.volume_nl <= max(state.planned_nl, 1_000_000) for x in drug)


@settings(max_examples=150)
@given(st.sampled_from(["infusing", "stopped", "held", "uncertain", "armed", "completing"]), STEPS)
def test_the_same_events_give_the_same_treatment(name: str, steps) -> None:
    first, second = at(name), at(name)
    _play(first, steps)
    _play(second, steps)
    assert first.state == second.state
    assert first.told == second.told


@pytest.mark.requirement("T8.5")
@settings(max_examples=150)
@given(st.sampled_from(sorted(set(BUILDERS) - {"closed"})), STEPS)
def test_stop_acts_after_anything(name: str, steps) -> None:
    hand = at(name)
    _play(hand, steps)
    epoch = hand.state.epoch
    hand.see(e.StopPressed, "", "", "panel")
    assert isinstance(hand.last[0], c.Stop)
    assert hand.state.epoch > epoch
    assert hand.state.run is None or hand.stopping
    assert hand.state.phase is not Phase.INFUSING
