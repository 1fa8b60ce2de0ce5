"""A changed copy is what `dataclasses.replace` gives; and a slotted value is refused aloud."""

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.changed import changed
from controller.core.state import Notice, Phase, Pumped, State


@given(
    phase=st.sampled_from(Phase),
    now_ns=st.integers(0),
    drug=st.builds(Pumped, st.integers(0), st.integers(0)),
)
def test_it_is_the_copy_that_replace_gives(phase: Phase, now_ns: int, drug: Pumped) -> None:
    before = State("s", epoch=3)
    after = changed(before, phase=phase, now_ns=now_ns, drug=drug)
    assert after == replace(before, phase=phase, now_ns=now_ns, drug=drug)
    assert before == State("s", epoch=3)


def test_a_copy_is_frozen_as_well() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(State("s"), epoch=1).epoch = 2  # type: ignore[misc]


def test_a_value_with_slots_is_refused() -> None:
    with pytest.raises(AttributeError):
        changed(Notice("id", "evidence", 0), at_ns=1)
