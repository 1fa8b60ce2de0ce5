"""Run by the peers' Python: pymodbus' own server with the registers it is given, until killed.

``argv``: a pty's path, or ``tcp``; the unit; input and holding registers from 0 as JSON lists. The
first line on stdout is the port, once it listens.
"""

import asyncio
import json
import socket
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


async def main(where: str, unit: int, inputs: list[int], holding: list[int]) -> None:
    """Serve."""
    blocks = [[SimData(0, values=held, datatype=DataType.REGISTERS)] for held in (holding, inputs)]
    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    device = SimDevice(unit, (bits, bits, *blocks))
    if where == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        tcp = ModbusTcpServer(device, address=("127.0.0.1", port))
        await tcp.serve_forever(background=True)
        _announce(str(port))
    else:
        # No parity: a pty has none, and refuses whoever asks for one twice.
        serial = ModbusSerialServer(device, framer=FramerType.RTU, port=where, baudrate=19200)
        await serial.serve_forever(background=True)
        _announce(where)
    await asyncio.Event().wait()


def _announce(where: str) -> None:
    sys.stdout.write(f"{where}\n")
    sys.stdout.flush()


place, number, *given = sys.argv[1:]
asyncio.run(main(place, int(number), *map(json.loads, given)))
