"""Over any number of crashes and power cycles nothing that was pumped is ever taken back."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core import events as e
from controller.core.limits import limits_from
from controller.core.state import Purpose, State
from controller.core.step import step
from controller.sessions import event_of, state_of
from controller.view import delivered
from simulators.bench.evidence import Witness
from simulators.bench.faults import InPhase, fault
from simulators.bench.judges import judged
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case

MOMENTS = st.builds(
    InPhase, st.sampled_from(("INFUSING", "INFUSING", "FLUSHING")), st.floats(0.0, 40.0)
)
CRASHES = st.builds(
    lambda when, lasts_s: fault("process", "killed", when, lasts_s), MOMENTS, st.floats(1.0, 9.0)
)
POWER_CYCLES = st.builds(
    lambda when, lasts_s: fault("device", "reboot", when, lasts_s), MOMENTS, st.floats(0.0, 3.0)
)


def states_of(journal):
    """Every event of a session with the state after it, judged anew."""
    header = journal[0]["body"]
    state, limits = state_of(header["session"], header), limits_from({})
    for record in journal:
        if record["kind"] == "event":
            event = event_of(record["body"])
            state, _ = step(state, event, limits)
            yield event, state


def never_less(before, after, event):
    """What is certain only grows; what is possible shrinks where two people bounded it."""
    assert after.low_nl >= before.low_nl, event
    assert after.high_nl >= after.low_nl, event
    assert after.high_nl >= before.high_nl or isinstance(event, e.DeliveryBounded), event


@pytest.mark.requirement("P9", "T5.1")
@given(st.lists(CRASHES | POWER_CYCLES, min_size=1, max_size=5))
@settings(max_examples=8, deadline=None)
def test_pumped_and_delivered_are_monotone_over_crashes_and_power_cycles(faults):
    witness = Witness()
    with tempfile.TemporaryDirectory() as directory:
        case = Case(1, 1.0, "resume", tuple(faults))
        evidence = witness.testify(rehearse(case, Path(directory), witness.watching()))
    assert judged(evidence) == ()
    assert evidence.rehearsal.fired
    drug = gone = State(session="").drug
    for event, state in states_of(evidence.journal):
        never_less(drug, state.pumped(Purpose.DRUG), event)
        never_less(gone, delivered(state), event)
        drug, gone = state.pumped(Purpose.DRUG), delivered(state)
    assert drug.high_nl > 0
