"""The devices of the bench as hands meet them: a plug, keys, and the firmware behind.

What a hand's act makes a device say is kept until its wire asks next, so that no byte is lost.
"""

from collections.abc import Callable
from typing import Final

from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.kinds import CalibratorFirmware, PumpFirmware
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.serve import NowNs

RATE_KEY: Final = "rate "


class PumpApparatus:
    """The pump on the bench. It is a serve.Firmware too: the wire talks to it."""

    def __init__(self, firmware: PumpFirmware, now_ns: NowNs) -> None:
        self.firmware = self._firmware = firmware
        self._now_ns = now_ns
        self._unsent = b""

    @property
    def ne1000(self) -> Ne1000Firmware:
        """Its inside, for faults that only an NE-1000 has. Raises TypeError for another kind."""
        if not isinstance(self.firmware, Ne1000Firmware):
            raise TypeError(f"the pump is no NE-1000 but a {type(self.firmware).__name__}")
        return self.firmware

    @property
    def flex(self) -> DulcoFlexFirmware:
        """Its inside, for faults that only a DULCO flex has. Raises TypeError for another kind."""
        if not isinstance(self.firmware, DulcoFlexFirmware):
            raise TypeError(f"the pump is no DULCO flex but a {type(self.firmware).__name__}")
        return self.firmware

    def now_ns(self) -> int:
        """The world's time."""
        return self._now_ns()

    @property
    def baud(self) -> int:
        """Line speed in bit/s."""
        return self._firmware.baud

    @property
    def bits_per_character(self) -> int:
        """Bits of the line that a byte takes."""
        return self._firmware.bits_per_character

    def feed(self, data: bytes, now_ns: int) -> bytes:
        """What it has to say, then what it answers."""
        said = self._firmware.feed(data, now_ns)
        return self._take_unsent() + said

    def process(self, now_ns: int) -> bytes:
        """Advance, and hand the wire what is unsent."""
        said = self._firmware.process(now_ns)
        return self._take_unsent() + said

    def quiet(self, now_ns: int) -> bool:
        """True if it has nothing to say by itself until ``now_ns``."""
        return not self._unsent and self._firmware.quiet(now_ns)

    def advance(self) -> None:
        """Bring pump and room up to now between two ticks of the wire."""
        self._unsent += self._firmware.process(self._now_ns())

    def pull_plug(self) -> None:
        """Power off. ValueError if it is off."""
        if not self._firmware.powered:
            raise ValueError("the pump has no power already")
        self._firmware.power_off(self._now_ns())

    def plug_in(self) -> None:
        """Power on. ValueError if it is on."""
        if self._firmware.powered:
            raise ValueError("the pump has power already")
        self._unsent += self._firmware.power_on(self._now_ns())

    def press(self, key: str) -> None:
        """``start_stop``, ``purge``, ``withdraw``, ``trigger`` (E-stop input), ``rate N.NNN``."""
        if not self._firmware.powered:
            raise ValueError("the pump has no power")
        if key.startswith(RATE_KEY):
            if not self._firmware.keypad_rate(key.removeprefix(RATE_KEY), self._now_ns()):
                raise ValueError(f"the keypad refuses {key!r}")
            return
        keys: dict[str, Callable[[int], bytes]] = {
            "start_stop": self._firmware.keypad_start_stop,
            "trigger": self._firmware.trigger_edge,
            "purge": self._firmware.keypad_purge,
            "withdraw": self._firmware.keypad_withdraw,
        }
        self._unsent += keys[key](self._now_ns())

    def raise_alarm(self, letter: str) -> None:
        """An alarm without a cause in the room, by its letter on the wire."""
        if self._firmware.powered:
            self._unsent += self._firmware.raise_alarm(letter, self._now_ns())

    def _take_unsent(self) -> bytes:
        unsent, self._unsent = self._unsent, b""
        return unsent


class CalibratorApparatus:
    """A dose calibrator on the bench, of any kind; its keys are the nuclides."""

    def __init__(self, firmware: CalibratorFirmware) -> None:
        self._firmware = firmware

    def pull_plug(self) -> None:
        """Power off. ValueError if it is off."""
        if not self._firmware.powered:
            raise ValueError("the calibrator has no power already")
        self._firmware.powered = False

    def plug_in(self) -> None:
        """Power on. ValueError if it is on."""
        if self._firmware.powered:
            raise ValueError("the calibrator has power already")
        self._firmware.powered = True

    def press(self, key: str) -> None:
        """Press a nuclide's key, such as ``I131``."""
        self._firmware.select_locally(key)
