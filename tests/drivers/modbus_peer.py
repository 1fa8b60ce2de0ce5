"""A scripted Modbus device on an in-memory line: a good meter that a test may spoil in one way."""

from pymodbus.framer.rtu import FramerRTU

from drivers.activity_meter import ActivityMeter
from drivers.modbus import ModbusBus
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port, Wire
from tests.firmware_interfaces.test_activity_meter import block

ASKED = bytes.fromhex("01 04 0000 001E 70 02")
"""Read input registers 0-29 of unit 1; the CRC is pymodbus'."""
ANSWER_S = 0.02
TICK_NS = 250_000_000


def rtu(body):
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def answer(words, unit=1, function=4):
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    return rtu(bytes((unit, function, len(raw))) + raw)


class Meter:
    """Answers each question after 20 ms. ``spoil(n, answer)`` gives the bytes of the n-th one."""

    def __init__(self, spoil=lambda _n, said: said, **registers):
        self.wire = Wire(self._hear)
        self.registers, self.spoil = registers, spoil
        self.asked = 0
        self.counts = True
        bus = ModbusBus(Port(self.wire), now_ns, tcp=False)
        self.driver = ActivityMeter(bus, 1, now_ns)

    def words(self):
        count = now_ns() // TICK_NS % 65536 if self.counts else 7
        return block(**{"COUNTER_HEAD": count, "COUNTER_TAIL": count, **self.registers})

    def _hear(self, data):
        assert data == ASKED
        self.asked += 1
        said = self.spoil(self.asked, answer(self.words()))
        if said:
            self.wire.say(said, ANSWER_S)
