"""Several devices on one wire: all hear the host, and on two wires each other."""

import pytest

from simulators.devices.shared_line import SharedLine


class Device:
    """Answers a question that begins with its letter, and keeps what it heard."""

    baud, bits_per_character = 19200, 11

    def __init__(self, letter: bytes, answers: bytes = b"?") -> None:
        self.letter, self.answers = letter, answers
        self.heard: list[bytes] = []
        self.silent = True

    def feed(self, data: bytes, _now_ns: int) -> bytes:
        self.heard.append(data)
        return self.letter.lower() + b"!" if data == self.letter + self.answers else b""

    def process(self, _now_ns: int) -> bytes:
        return self.letter

    def quiet(self, _now_ns: int) -> bool:
        return self.silent


def test_each_hears_the_host_and_only_its_own_answers() -> None:
    one, other = Device(b"A"), Device(b"B")
    line = SharedLine((one, other))
    assert line.feed(b"B?", 1) == b"b!"
    assert one.heard == other.heard == [b"B?"]
    assert (line.baud, line.bits_per_character) == (19200, 11)


def test_on_two_wires_each_hears_what_the_others_answer() -> None:
    one, other = Device(b"A"), Device(b"B")
    assert SharedLine((one, other), two_wires=True).feed(b"A?", 1) == b"a!"
    assert (one.heard, other.heard) == ([b"A?"], [b"A?", b"a!"])


def test_an_answer_that_is_taken_for_a_question_is_a_fault_of_the_bench() -> None:
    echo = Device(b"a", answers=b"!")
    with pytest.raises(AssertionError, match="for a question"):
        SharedLine((Device(b"A"), echo), two_wires=True).feed(b"A?", 1)


def test_a_line_is_quiet_while_all_of_it_is() -> None:
    one, other = Device(b"A"), Device(b"B")
    line = SharedLine((one, other))
    assert line.process(1) == b"AB"
    assert line.quiet(1)
    other.silent = False
    assert not line.quiet(1)


def test_a_line_has_a_device() -> None:
    with pytest.raises(ValueError, match="a line without a device"):
        SharedLine(())
