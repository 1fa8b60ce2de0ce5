"""A scripted DULCO flex Control: registers that hold what they are told, made to misbehave by name.

It is no simulator: it pumps only if a test says so. Frames are RTU.
"""

import asyncio

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.register import Register, Value, WordOrder, encode
from protocols.modbus import Deframer, Frame, encode_rtu
from protocols.modbus_messages import (
    ReadRegisters,
    Refusal,
    Registers,
    RegistersWritten,
    RegisterWritten,
    Side,
    WriteRegister,
    WriteRegisters,
)
from tests.drivers.wire import Wire

UNIT = 20
DELAY_S = 0.02
FACTORY: dict[Register, Value] = {
    df.PRODUCT: 0x4446, df.REGISTER_SET: 1, df.SERIAL: "2026000001", df.IDENTITY: "DFXA-bench",
    df.SOFTWARE: 0x01000000, df.ENDIANNESS: df.PATTERN, df.BUS_TIMEOUT: 0,
    df.STATUS: 1 << df.STOPPED, df.ERRORS: 0, df.MORE_ERRORS: 0, df.WARNINGS: 0, df.RATE: 0.0,
    df.RATE_MAX: 1.5, df.MODE: 1, df.SUB_MODE: 0, df.POWER_UPS: 7, df.OPERATING_TIME: 0,
    df.REVOLUTIONS: 0, df.DELETABLE_REVOLUTIONS: 0, df.TOTAL: 0.0, df.QUANTITY: 0.003,
    df.REMAINING: 0.0, df.REVOLUTION: 0.00002, df.START_STOP: 1, df.TARGET_RATE: 0.0,
    df.BATCH_VOLUME: 0.01, df.BATCH_TIME: 1800, df.TARGET_MODE: 1, df.CLEAR: 0, df.TRIGGER: 0,
    df.ACKNOWLEDGE: 0, df.DIRECTION: 1, df.POWER_UP: 2, df.RUPTURE_RESPONSE: 0,
}  # fmt: skip
BY_ADDRESS = {register.address: register for register in FACTORY}


class ScriptedDulco:
    """``heard`` holds (time, "read name" or "name = words"); an int in ``refuse`` is the exception.

    Faults by that text: ``lose`` (answers nothing), ``refuse``, ``late`` (s). ``deaf`` registers
    acknowledge and do not take.
    """

    def __init__(self, shift=0, order=WordOrder.HIGH_FIRST, unit=UNIT):
        self.wire = Wire(self._hear)
        self.shift, self.order, self.unit = shift, order, unit
        self.held = dict(FACTORY)
        self.raw = {}
        self.heard = []
        self.lose, self.refuse, self.late, self.deaf = set(), {}, {}, set()
        self.silent = False
        self.batch_begins = True
        self.cause_stands = False
        self._deframer = Deframer(Side.DEVICE)

    @property
    def texts(self):
        return [text for _, text in self.heard]

    @property
    def writes(self):
        return [text for text in self.texts if " = " in text]

    def forget(self):
        self.heard.clear()

    def _hear(self, data):
        for frame in self._deframer.feed(data):
            assert isinstance(frame, Frame)
            text = self._text(frame.message)
            self.heard.append((asyncio.get_running_loop().time(), text))
            if self.silent:
                continue
            answer = self._answer(frame.message)
            if text in self.refuse:
                answer = Refusal(frame.raw[1], self.refuse[text])
            if text not in self.lose:
                self.wire.say(encode_rtu(self.unit, answer), self.late.get(text, DELAY_S))

    def _text(self, question):
        register = BY_ADDRESS.get(question.address - self.shift)
        name = register.name if register else str(question.address)
        match question:
            case ReadRegisters():
                return f"read {name}"
            case WriteRegister(value=value):
                return f"{name} = {value}"
            case WriteRegisters(values=values):
                return f"{name} = {' '.join(f'{value:04X}' for value in values)}"

    def _answer(self, question):
        begin = question.address - self.shift
        match question:
            case ReadRegisters(count=count):
                words = self._words()
                if begin not in words or begin + count - 1 not in words:
                    return Refusal(3, 2)
                return Registers(3, tuple(words.get(at, 0) for at in range(begin, begin + count)))
            case WriteRegister(address=address, value=value):
                self._take(BY_ADDRESS[begin], (value,))
                return RegisterWritten(address, value)
            case WriteRegisters(address=address, values=values):
                self._take(BY_ADDRESS[begin], values)
                return RegistersWritten(address, len(values))

    def _words(self):
        words = {}
        for register, value in self.held.items():
            held = self.raw.get(register, encode(register, value, self.order))
            words.update({register.address + at: word for at, word in enumerate(held)})
        return words

    def _take(self, register, words):
        if register in self.deaf:
            return
        if register is df.CLEAR:
            self.held[df.QUANTITY] = 0.0
        elif register is df.ACKNOWLEDGE:
            self.held[df.ERRORS] = self.held[df.ERRORS] if self.cause_stands else 0
        elif register is df.TRIGGER:
            self.held[df.REMAINING] = self.held[df.BATCH_VOLUME]
            self._moves(self.batch_begins)
        else:
            self.raw[register] = words
            self.held[register] = words[0]
            self._obey(register, words[0])

    def _obey(self, register, value):
        if register is df.TARGET_MODE:
            self.held[df.MODE] = value
            self.held[df.SUB_MODE] = 3 if value == 3 else 0
        elif register is df.START_STOP and not value & df.ACTIVE:
            self.held[df.STATUS] = 1 << df.STOPPED
            self.held[df.REMAINING] = 0.0
        elif register is df.START_STOP:
            self.held[df.STATUS] = 1 << df.READY
        elif register is df.BATCH_VOLUME:
            self.held[register] = 0.01

    def _moves(self, moves):
        self.held[df.STATUS] = 1 << df.READY | (1 << df.RUNNING if moves else 0)
        self.held[df.REMAINING] = 0.01 if moves else 0.0
