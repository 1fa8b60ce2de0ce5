"""Every decision is the one that is kept, to the last word and number of it."""

import pytest

from controller.core import events as e
from controller.core.table import EVENTS
from tests.core.decisions import kept, on, words
from tests.core.test_sole_causes import CASES


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_decision_is_the_one_that_is_kept(kind: type[e.Event]) -> None:
    assert on(kind) == kept(f"{kind.__name__} (", f"{kind.__name__}, ")


@pytest.mark.parametrize("id_", CASES)
def test_every_alarm_says_what_is_kept(id_: str) -> None:
    assert [words(id_)] == kept(f"{id_}: ")
