"""What stands on the wire as a sign of a fault, each at its threshold and just inside it."""

import pytest

from protocols.new_era import Reply
from simulators.bench.said import Said
from simulators.bench.signs import OVERRUN_NS, STALE_NS, Told, signs, silence, told

S = 1_000_000_000
RUN = Told(0, 10_000.0, 6_000_000.0)
"""10 uL a second for ten minutes: a counter step a second."""


def answer(at_s, infused_ml, withdrawn_ml=0.0, prompt="I", alarm=None):
    data = "" if alarm else f"I{infused_ml:.3f}W{withdrawn_ml:.3f}ML"
    return Said(
        round(at_s * S), "", safe=True, reply=Reply(0, None if alarm else prompt, alarm, None, data)
    )


def polls(seconds, rate_ml_s):
    return [answer(n / 2, rate_ml_s * n / 2) for n in range(1, seconds * 2 + 1)]


def named(heard, run=RUN):
    return list(dict.fromkeys(text for _, text in signs(heard, run)))


def test_a_pump_that_does_as_told_shows_nothing():
    assert named(polls(590, 0.01)) == []


@pytest.mark.parametrize(
    ("last", "sign"),
    [
        (answer(10.5, 0.105, alarm="S"), "alarm S"),
        (answer(10.5, 0.105, prompt="P"), "status P"),
        (answer(10.5, 0.05), "counter fell"),
        (answer(10.5, 0.105, 0.001), "withdrew"),
        (answer(10.5, 0.2), "counter jumped"),
    ],
)
def test_what_one_answer_shows(last, sign):
    assert named([*polls(10, 0.01), last])[0] == sign


def test_a_pump_may_rest_before_it_has_begun():
    assert named([answer(0.1, 0.0, prompt="S"), *polls(5, 0.01)]) == []


@pytest.mark.parametrize(
    ("rate", "seconds", "expected"),
    [
        (0.0, 10, []),
        (0.0, 11, ["no flow"]),
        (0.023, 9, []),
        (0.026, 12, ["free flow"]),
        (0.0112, 60, []),
        (0.012, 61, ["rate high"]),
    ],
)
def test_what_a_window_shows(rate, seconds, expected):
    assert named(polls(seconds, rate)) == expected


def test_a_total_is_too_high_five_percent_of_the_plan_ahead():
    ahead = [answer(100, 1.0), answer(101, 1.31)]
    assert "total high" not in named(ahead)
    assert "total high" in named([answer(100, 1.0), answer(101, 1.34)])


def test_a_run_may_last_ten_minutes_longer():
    late_s = (RUN.lasts_ns + OVERRUN_NS) / S
    assert named([answer(late_s, 6.0)]) == []
    assert named([answer(late_s + 1, 6.0)]) == ["overrun"]


def test_three_missed_polls_are_silence():
    heard = [answer(1, 0.01), answer(1 + STALE_NS / S, 0.02), answer(10, 0.1)]
    assert list(silence(heard, 0, 10 * S)) == [(heard[1].at_ns + STALE_NS, "silence")]


def test_what_a_pump_was_told_is_its_last_rate_and_volume_before_the_run():
    words = ["RAT1200.MH", "VOLML", "VOL6.000", "RAT36.00MH", "RAT", "VOL", "RUN", "RAT72.00"]
    obeyed = tuple(Said(n * S, word, safe=True) for n, word in enumerate(words))
    assert told(obeyed, 6 * S, 7 * S) == Told(6 * S, 10_000.0, 6_000_000.0)
    assert told(obeyed, 6 * S, 9 * S) == Told(6 * S, 20_000.0, 6_000_000.0)
    assert told(obeyed[:2], 6 * S, 9 * S) is None
