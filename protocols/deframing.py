"""What every deframer does with bytes that have not become a whole frame yet. Knows no grammar."""

from collections.abc import Callable
from typing import Protocol, TypeVar


class Found(Protocol):
    """A frame, or noise: what was taken off the front of the buffer."""

    @property
    def raw(self) -> bytes:
        """The bytes that it was."""


F = TypeVar("F", bound=Found)


def taken(buffer: bytearray, take: Callable[[bytearray], F | None]) -> list[F]:
    """All that ``take`` finds at the front of ``buffer``, in order, and takes off it.

    ``take`` returns None where what stands there is unfinished; that stays.
    """
    found: list[F] = []
    while buffer and (one := take(buffer)) is not None:
        found.append(one)
        del buffer[: len(one.raw)]
    return found


def discarded(buffer: bytearray) -> bytes:
    """What was unfinished in ``buffer``, which is empty afterwards."""
    partial = bytes(buffer)
    buffer.clear()
    return partial
