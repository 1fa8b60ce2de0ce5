"""What may be asked on a line, how it ranks, and the ways in which asking fails. Pure data."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

from firmware_interfaces.units import Nanoseconds

Frame = TypeVar("Frame")


class Kind(Enum):
    """What a question is for; the order is the order in which they leave."""

    STOP = 0
    """Never refused, never quarantined. May be sent any number of times."""
    HEALTH = 1
    """Asked periodically: the next one is the retry."""
    READ = 2
    """Changes nothing: asked again once."""
    WRITE = 3
    """Never asked again; dropped when a newer epoch opens."""


class Verdict(Enum):
    """What a frame is to the question in flight."""

    ANSWER = "answer"
    PERHAPS = "perhaps"
    FOREIGN = "foreign"


class ExchangeError(Exception):
    """A question that has no answer: what was asked and what was seen instead."""

    def __init__(self, what: str, seen: str) -> None:
        super().__init__(f"{what}: {seen}")
        self.what = what
        self.seen = seen


class NoReply(ExchangeError):
    """A read (or a STOP) was not answered in time."""


class WriteLost(ExchangeError):
    """A write may have been executed or not: nobody can tell but the device."""


class StaleEpoch(ExchangeError):
    """A write of an epoch that a STOP has closed. It never left."""


class LinkLost(ExchangeError):
    """The line hung up. For a write: before it left."""


CHECK: Final = "check line speed, parity and address, and that no other device has this address"
"""What a person can do where no device, or none that can be understood, answers."""
ECHOED: Final = "one question had two answers: two devices at this address, or a line that echoes"


class WrongDevice(Exception):
    """Something answers, or nothing does, but it is not the device that was named."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"expected {expected}; {seen}")
        self.expected = expected
        self.seen = seen


def _always() -> None:
    """No condition."""


@dataclass(frozen=True, slots=True)
class Request(Generic[Frame]):
    """One question. ``within_ns`` runs from the moment its first byte leaves to a complete answer.

    ``guard`` is called just before that and refuses by raising: leave may run out in the queue.
    """

    what: str
    data: bytes
    kind: Kind
    match: Callable[[Frame], Verdict]
    within_ns: Nanoseconds
    epoch: int = 0
    guard: Callable[[], None] = _always


@dataclass(frozen=True, slots=True)
class Answer(Generic[Frame]):
    """A matched frame, when its question left and when it was complete (monotonic ns)."""

    frame: Frame
    asked_ns: Nanoseconds
    read_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class LineTiming:
    """How a device keeps time.

    ``quarantine_ns``: how long a lost answer may still come. ``stop_patience_ns``: how long a STOP
    lets the answer in flight arrive. ``alarm_grace_ns``: how soon an answer follows an alarm that
    was sent unasked just before it.
    """

    quarantine_ns: Nanoseconds
    stop_patience_ns: Nanoseconds
    alarm_grace_ns: Nanoseconds
