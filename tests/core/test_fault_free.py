"""A treatment without a fault ends on time and raises nothing but its prompts.

The counter prints in steps of 1 uL and, from 10 mL up, 10 uL; polls jitter by 50 ms; the pump is
one per cent slow or fast and begins 0.3 s after it was told to.
"""

import pytest

from controller.core.state import Phase
from tests.core.hand import Hand
from tests.core.world import MIN, ML, S, jittered, treatment

PROMPTS = {"near_end", "site_check_due", "barrel_due"}
ORDERS = {
    "20 mL/h": treatment(fill_nl=10 * ML + 50_000),
    "40 mL/h": treatment(),
    "333 mL/h": treatment(fill_nl=5_600_000, duration_ns=MIN, line_dead_nl=150_000),
    "1200 mL/h": treatment(duration_ns=MIN),
    "down in 30 min": treatment(profile=((500_000, 250_000), (500_000, 750_000))),
    "up in 30 min": treatment(profile=((250_000, 500_000), (750_000, 500_000))),
    "down in a minute": treatment(
        profile=((500_000, 250_000), (500_000, 750_000)), duration_ns=MIN
    ),
    "up in a minute": treatment(profile=((250_000, 500_000), (750_000, 500_000)), duration_ns=MIN),
    "three parts": treatment(
        profile=((100_000, 300_000), (800_000, 400_000), (100_000, 300_000)), duration_ns=10 * MIN
    ),
}


@pytest.mark.parametrize("speed_ppm", [990_000, 1_010_000])
@pytest.mark.parametrize("name", ORDERS)
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
