"""Times on the wire and what a reply is to a question."""

import pytest

from drivers.new_era_words import line_timing, reply_within_ns, verdict, wire_ns
from drivers.request import Verdict
from protocols.new_era import Mode, Noise, Reply, ReplyFrame

MS = 1_000_000


def frame(*args, **kwargs):
    return ReplyFrame(Reply(*args, **kwargs), Mode.SAFE, b"")


@pytest.mark.parametrize(
    ("size", "baud", "expected_ns"),
    [(8, 19200, 4_166_667), (25, 19200, 13_020_834), (32, 19200, 16_666_667), (1, 300, 33_333_334)],
)
def test_wire_times_are_those_of_the_wire_floors_rounded_up(size, baud, expected_ns):
    assert wire_ns(size, baud) == expected_ns


def test_the_deadline_is_the_wire_both_ways_and_a_margin():
    assert reply_within_ns(b"8 bytes.", 19200) == wire_ns(8 + 48, 19200) + 200 * MS
    assert reply_within_ns(b"8 bytes.", 300) > 1_800 * MS


def test_the_quarantine_outlasts_the_inter_byte_timeout_and_a_reply():
    timing = line_timing(19200)
    assert timing.quarantine_ns == 525 * MS
    assert timing.stop_patience_ns == timing.alarm_grace_ns == 65 * MS


@pytest.mark.parametrize(
    ("heard", "query", "expected"),
    [
        (frame(0, "S"), "", Verdict.ANSWER),
        (frame(0, "S", data="10.00ML"), "", Verdict.FOREIGN),
        (frame(0, "S", data="10.00ML"), "VOL", Verdict.ANSWER),
        (frame(0, "S", data="29.20"), "VOL", Verdict.FOREIGN),
        (frame(0, "S"), "VOL", Verdict.FOREIGN),
        (frame(0, "S", error="?NA"), "VOL", Verdict.ANSWER),
        (frame(0, "I", data="I1.667W0.000ML"), "DIS", Verdict.ANSWER),
        (frame(0, "I", data="20.00MH"), "DIS", Verdict.FOREIGN),
        (frame(0, None, "S"), "DIS", Verdict.PERHAPS),
        (frame(1, None, "S"), "DIS", Verdict.FOREIGN),
        (frame(1, "S"), "", Verdict.FOREIGN),
        (Noise(b"\xff", "outside a packet"), "", Verdict.FOREIGN),
    ],
)
def test_a_reply_is_matched_by_address_and_shape(heard, query, expected):
    assert verdict(heard, 0, query) is expected
