"""A treatment without a fault ends on time and raises nothing but its prompts.

The counter prints in steps of 1 uL and, from 10 mL up, 10 uL; polls jitter by 50 ms; the pump is
one per cent slow or fast and begins 0.3 s after it was told to. From ten minutes of profile on the
windows no longer grow with it: longer ones are pumped once, slow or fast.
"""

import pytest

from controller.core.state import Phase
from tests.core.hand import Hand
from tests.core.world import MIN, ML, S, jittered, treatment

PROMPTS = {"near_end", "site_check_due", "barrel_due"}
SLOW, FAST = 990_000, 1_010_000
FALLING = ((500_000, 250_000), (500_000, 750_000))
RISING = ((250_000, 500_000), (750_000, 500_000))
ORDERS = {
    "333 mL/h": treatment(fill_nl=5_600_000, duration_ns=MIN, line_dead_nl=150_000),
    "1200 mL/h": treatment(duration_ns=MIN),
    "down in 10 min": treatment(profile=FALLING, duration_ns=10 * MIN),
    "up in 10 min": treatment(profile=RISING, duration_ns=10 * MIN),
    "down in a minute": treatment(profile=FALLING, duration_ns=MIN),
    "up in a minute": treatment(profile=RISING, duration_ns=MIN),
    "20 mL/h": treatment(fill_nl=4 * ML + 50_000, duration_ns=12 * MIN),
    "20 mL/h, coarse steps": treatment(fill_nl=11 * ML + 50_000, duration_ns=33 * MIN),
    "40 mL/h": treatment(fill_nl=12 * ML + 50_000, duration_ns=18 * MIN),
    "three parts": treatment(
        profile=((100_000, 300_000), (800_000, 400_000), (100_000, 300_000)), duration_ns=10 * MIN
    ),
}
ONCE = {
    "20 mL/h": SLOW,
    "20 mL/h, coarse steps": FAST,
    "40 mL/h": SLOW,
    "three parts": FAST,
}
CASES = [
    (name, speed) for name in ORDERS for speed in (SLOW, FAST) if ONCE.get(name, speed) == speed
]


@pytest.mark.parametrize(("name", "speed_ppm"), CASES)
def test_a_fault_free_infusion_trips_nothing(name: str, speed_ppm: int) -> None:
    hand = Hand(ORDERS[name])
    hand.pump.speed_ppm = speed_ppm
    hand.bedside().infusing(lag_ns=3 * S // 10)
    distances = jittered(seed=131)
    while hand.state.phase is Phase.INFUSING:
        hand.poll(next(distances))
        hand.prompted()
        if hand.stopping:
            hand.stopped()
    assert hand.raised <= PROMPTS
    hand.must_be(Phase.FLUSHING)
    assert hand.state.drug.low_nl == hand.state.drug.high_nl == hand.state.planned_nl
    assert hand.state.drug_end_utc_ns is not None
    assert hand.state.first_start_utc_ns is not None
    took = hand.state.drug_end_utc_ns - hand.state.first_start_utc_ns
    planned = hand.treatment.duration_ns
    assert abs(took - planned) <= planned // 50 + 2 * S
