"""What the peer answers, and the sizes by which its line is paced."""

import pytest

from benchmarks.exchange import CASES


@pytest.mark.parametrize(
    ("case", "asked", "answered"),
    [
        (CASES[0], b"10\r", b"\x0210S\x03"),
        (CASES[1], bytes.fromhex("02 06 31 30 00 f7 03"), bytes.fromhex("02 07 31 30 53 9d 96 03")),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_peer_answers_in_the_framing_it_was_asked_in(case, asked, answered):
    assert case.packets == (asked, answered)


def test_packets_are_as_long_as_those_of_the_published_wire_times():
    assert [sum(map(len, case.packets)) for case in CASES] == [8, 15, 32, 33]


def test_ten_registers_take_what_the_published_floor_says():
    """18.91 ms of characters and one of its two silences (libraries.md)."""
    assert CASES[3].wire_ms == pytest.approx(18.91 + 2.005, abs=0.005)
    asked, answered = CASES[3].packets
    assert asked == bytes.fromhex("01 04 0000 000A 70 0D")
    assert answered[:3] == b"\x01\x04\x14"
