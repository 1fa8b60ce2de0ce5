"""A pump with a hand-held terminal: what tests of the NE-1000's conduct share."""

import binascii

from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.simulate import lone_pump
from simulators.devices.truth import Truth, truth

S = 1_000_000_000


def safe(text: str) -> bytes:
    """Frame a packet by hand: STX, LEN, data, CRC, ETX (1200-01, 10.2.3)."""
    data = text.encode("ascii")
    crc = binascii.crc_hqx(data, 0).to_bytes(2, "big")
    return bytes((2, len(data) + 4)) + data + crc + b"\x03"


class Terminal:
    """Types commands at a pump at a virtual time and reads the text of its replies."""

    def __init__(self, pump: Ne1000Firmware | None = None, *, acknowledged: bool = True) -> None:
        self.pump = pump or lone_pump(1)
        self.now_ns = 0
        self.safe = False
        if acknowledged:
            self.pump.alarm = None

    def wait(self, seconds: float) -> bytes:
        """Let time pass in one piece; returns what the pump said unasked."""
        self.now_ns += round(seconds * S)
        return self.pump.process(self.now_ns)

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are."""
        return self.pump.feed(data, self.now_ns)

    def ask(self, text: str) -> str:
        """Send one command in the present framing; returns the one reply without its framing."""
        reply = self.raw(safe(text) if self.safe else text.encode("ascii") + b"\r")
        if not self.safe:
            assert reply[:1] == b"\x02"
            assert reply[-1:] == b"\x03"
            return reply[1:-1].decode("ascii")
        body = reply[2:-3].decode("ascii")
        assert reply == safe(body)
        return body

    def ask_all(self, *texts: str) -> list[str]:
        """Send several, one by one."""
        return [self.ask(text) for text in texts]

    def go_safe(self, seconds: int) -> None:
        """Turn Safe mode on with a watchdog of ``seconds``."""
        assert self.raw(safe(f"SAF{seconds}")) == safe("00S")
        self.safe = True

    @property
    def truth(self) -> Truth:
        """What really is so now."""
        return truth(self.pump.room)


def programmed(terminal: Terminal, volume: str = "10.00", rate: str = "20.00MH") -> Terminal:
    """One rate phase, then stop."""
    replies = terminal.ask_all(
        "DIA26.59",
        "PHN1",
        "FUNRAT",
        f"RAT{rate}",
        f"VOL{volume}",
        "DIRINF",
        "PHN2",
        "FUNSTP",
        "PHN1",
    )
    assert set(replies) == {"00S"}
    return terminal
