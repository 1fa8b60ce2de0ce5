"""Several devices on one wire: each hears all that a host says, and what any says is on it.

It knows no address: that a device answers only to its own is the device's conduct. On a line of two
wires each hears what the others say as well.
"""

from collections.abc import Sequence
from typing import Protocol

from simulators.devices.serve import Firmware


class Device(Firmware, Protocol):
    """A device that knows when it will have nothing to say by itself."""

    def quiet(self, now_ns: int) -> bool:
        """True if it has nothing to say by itself until ``now_ns``."""


class SharedLine:
    """A wire's firmware made of those on it; they have one speed. Raises ValueError for none."""

    def __init__(self, devices: Sequence[Device], *, two_wires: bool = False) -> None:
        if not devices:
            raise ValueError("a line without a device")
        self.devices = tuple(devices)
        self._two_wires = two_wires

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return self.devices[0].baud

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return self.devices[0].bits_per_character

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What each answers, one after the other."""
        said = [device.feed(data, now_ns) for device in self.devices]
        if self._two_wires:
            for speaker, answer in zip(self.devices, said, strict=True):
                self._overhear(speaker, answer, now_ns)
        return b"".join(said)

    def _overhear(self, speaker: Device, answer: bytes, now_ns: int) -> None:
        """No device answers an answer."""
        for device in self.devices:
            if answer and device is not speaker and device.feed(answer, now_ns):
                raise AssertionError(f"{device} took {answer.hex(' ')} for a question")

    def process(self, now_ns: int) -> bytes:
        """What each says unasked, one after the other."""
        return b"".join(device.process(now_ns) for device in self.devices)

    def quiet(self, now_ns: int) -> bool:
        """True if none has anything to say by itself until ``now_ns``."""
        return all(device.quiet(now_ns) for device in self.devices)
