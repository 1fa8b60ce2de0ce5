"""What stood on a pump's wire, in one set of words for every kind."""

import pytest

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.register import WordOrder, encode
from protocols.modbus import encode_rtu
from protocols.modbus_messages import ReadRegisters, Registers, WriteRegister, WriteRegisters
from simulators.bench.said import answers, commands
from simulators.bench.streams import Seen, Stage, To


def seen(to, *messages):
    return [
        Seen(at_ns=number, to=to, stage=Stage.HEARD, data=encode_rtu(df.UNIT, message))
        for number, message in enumerate(messages, 1)
    ]


def block(**changes):
    words = [0] * df.READING_WORDS
    held = {"STATUS": 1, "MODE": 3, "REMAINING": 0.01, "QUANTITY": 0.0125, "RATE_MAX": 1.0}
    for name, value in {**held, **changes}.items():
        register = getattr(df, name)
        at = register.address - df.STATUS.address
        words[at : at + register.words] = encode(register, value, WordOrder.HIGH_FIRST)
    return Registers(3, tuple(words))


def test_writes_and_reads_of_a_batch_are_run_stop_rate_volume_and_status():
    volume = encode(df.BATCH_VOLUME, 0.02, WordOrder.HIGH_FIRST)
    messages = (
        WriteRegister(df.START_STOP.address, 2), WriteRegisters(df.BATCH_VOLUME.address, volume),
        WriteRegister(df.BATCH_TIME.address, 1800), WriteRegister(df.DIRECTION.address, 0),
        WriteRegister(df.START_STOP.address, 3), WriteRegister(df.TRIGGER.address, df.CODE_WORD),
        WriteRegister(df.ACKNOWLEDGE.address, df.CODE_WORD),
        ReadRegisters(3, 1000, df.READING_WORDS), ReadRegisters(3, 1217, 1),
    )  # fmt: skip
    heard = list(commands("dulcoflex", False, seen(To.DEVICE, *messages), df.UNIT))
    assert [said.text for said in heard] == [
        "STP", "VOL20.000000", "RAT39.999999MH", "DIRINF", "register start", "RUN", "ACK", "",
        "register 1217",
    ]  # fmt: skip
    assert [said.at_ns for said in heard] == list(range(1, 10))


@pytest.mark.parametrize(
    ("changes", "prompt", "alarm"),
    [
        ({}, "I", None),
        ({"STATUS": 1 << df.STOPPED}, "S", None),
        ({"STATUS": 1 | 1 << df.COUNTER_CLOCKWISE}, "W", None),
        ({"ERRORS": 1 << df.RUPTURE}, None, "E"),
        ({"ERRORS": 1 << 30}, None, "S"),
        ({"WARNINGS": 1}, "I", None),
    ],
)
def test_a_block_of_readings_is_a_prompt_with_a_counter(changes, prompt, alarm):
    (said,) = answers("dulcoflex", False, seen(To.HOST, block(**changes)), df.UNIT)
    assert said.reply is not None
    assert (said.reply.prompt, said.reply.alarm) == (prompt, alarm)
    assert said.reply.data == ("" if alarm else "I12.500000W0.000ML")


def test_an_error_is_an_alarm_when_it_is_first_shown_and_stands_on():
    stopped, blocked, torn = 1 << df.STOPPED, 1 << 30, 1 << df.RUPTURE
    blocks = [
        block(STATUS=stopped, ERRORS=errors)
        for errors in (0, blocked, blocked, blocked | torn, blocked, 0, blocked)
    ]
    found = list(answers("dulcoflex", False, seen(To.HOST, *blocks), df.UNIT))
    told = [said.reply.alarm or said.reply.prompt for said in found if said.reply]
    assert told == ["S", "S", "S", "E", "S", "S", "S"]
    alarmed = [said.reply.alarm for said in found if said.reply]
    assert alarmed == [None, "S", None, "E", None, None, "S"]


def test_what_is_no_block_or_cannot_be_says_nothing():
    found = answers("dulcoflex", False, seen(To.HOST, Registers(3, (1,)), block(MODE=9)), df.UNIT)
    assert list(found) == []
