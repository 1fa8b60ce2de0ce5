"""Run by the peers' Python: one of their Modbus clients asks a device, and prints what it was told.

``argv``: pymodbus or minimalmodbus; a pty's path or host:port; the unit; questions as JSON, each
``[verb, address, ...]``: ``input N``, ``holding N``, ``float``, ``long``, ``write VALUES``. Nobody
sets a parity: a pty has none, and refuses whoever asks for one twice.
"""

import json
import sys
from typing import Any

import minimalmodbus  # type: ignore[import-not-found]
from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient


def by_pymodbus(where: str, unit: int, questions: list[list[Any]]) -> list[Any]:
    """Answers; an exception response as its code."""
    host, _, port = where.rpartition(":")
    client: ModbusSerialClient | ModbusTcpClient = (
        ModbusTcpClient(host, port=int(port), timeout=2)
        if host
        else ModbusSerialClient(where, baudrate=19200, timeout=2)
    )
    client.connect()
    told = []
    for verb, address, *more in questions:
        words = {"float": 2, "long": 2}.get(verb) or (more[0] if verb != "write" else 0)
        try:
            if verb == "write":
                answer: Any = client.write_registers(address, more[0], device_id=unit)
            elif verb == "holding":
                answer = client.read_holding_registers(address, count=words, device_id=unit)
            else:
                answer = client.read_input_registers(address, count=words, device_id=unit)
        except ModbusException as error:
            told.append(type(error).__name__)
            continue
        kinds = {"float": client.DATATYPE.FLOAT32, "long": client.DATATYPE.UINT32}
        if answer.isError():
            told.append({"code": answer.exception_code})
        elif verb in kinds:
            told.append(client.convert_from_registers(answer.registers, kinds[verb]))
        else:
            told.append(answer.registers)
    client.close()
    return told


def by_minimalmodbus(where: str, unit: int, questions: list[list[Any]]) -> list[Any]:
    """Answers; an exception as the name of its class."""
    meter = minimalmodbus.Instrument(where, unit)
    meter.serial.baudrate, meter.serial.timeout = 19200, 2
    verbs = {
        "float": lambda address: meter.read_float(address, functioncode=4),
        "long": lambda address: meter.read_long(address, functioncode=4),
        "input": lambda address, count: meter.read_registers(address, count, functioncode=4),
        "holding": meter.read_registers,
        "write": meter.write_registers,
    }
    told = []
    for verb, *rest in questions:
        try:
            told.append(verbs[verb](*rest))
        except minimalmodbus.ModbusException as error:
            told.append(type(error).__name__)
    meter.serial.close()
    return told


CLIENTS = {"pymodbus": by_pymodbus, "minimalmodbus": by_minimalmodbus}

if __name__ == "__main__":
    client, where, unit, questions = sys.argv[1:]
    sys.stdout.write(json.dumps(CLIENTS[client](where, int(unit), json.loads(questions))))
