"""One device alone with a small room of its own, for ``isodrip-bench simulate``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Final

from simulators.devices import hands
from simulators.devices.crc55 import Crc55Firmware
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.plumbing import Syringe
from simulators.devices.room import Room
from simulators.devices.serve import Firmware, Served, serve_pty, serve_tcp

SOURCE_BQ: Final = 1_572_500_000.0
"""42.5 mCi of I-131, 25 mCi/m2 at 1.7 m2."""


def lone_pump(seed: int) -> Ne1000Firmware:
    """Build an NE-1000 with a BD 60 mL syringe, 30 mL of saline, joined to a patient's line."""
    room = Room(seed)
    hands.bring_syringe(room, Syringe("BD 60 mL", 26.59, 60_000_000.0))
    hands.fill_saline(room, "BD 60 mL", 30_000_000.0)
    hands.mount(room, "BD 60 mL")
    hands.join_line(room)
    hands.lead_line(room, "patient")
    hands.set_clamp(room, is_open=True)
    return Ne1000Firmware(room)


def lone_calibrator(seed: int) -> Crc55Firmware:
    """Build a CRC-55 with 1572.5 MBq of I-131 in its well."""
    room = Room(seed)
    hands.bring_source(room, "I-131 source", "I131", SOURCE_BQ)
    hands.put_in_well(room, "I-131 source")
    return Crc55Firmware(room)


KINDS: Final[Mapping[str, Callable[[int], Firmware]]] = {
    "ne1000": lone_pump,
    "crc55": lone_calibrator,
}


def simulate_main(args: argparse.Namespace) -> int:
    """Serve ``args.kind`` on a pty, or on ``args.tcp`` (HOST:PORT), until SIGTERM.

    The first line on stdout is an object with ``address``, ``kind``, ``pid`` and ``seed``. Returns
    0, 2 for an unknown kind or a malformed address, 3 if the address cannot be bound.
    """
    if args.kind not in KINDS:
        return _refuse(f"kind {args.kind!r} is none of {', '.join(KINDS)}", 2)
    try:
        where = parse_address(args.tcp) if args.tcp else None
    except ValueError as error:
        return _refuse(str(error), 2)
    try:
        asyncio.run(_serve(args.kind, where, args.seed))
    except OSError as error:
        return _refuse(f"cannot serve on {args.tcp or 'a pty'}: {error}", 3)
    return 0


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as a pair. ValueError if it is not, or the port is not in 0..65535."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"address {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


async def _serve(kind: str, where: tuple[str, int] | None, seed: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    firmware = KINDS[kind](seed)
    served = await (serve_pty(firmware) if where is None else serve_tcp(firmware, *where))
    _announce(kind, served, seed)
    await stopped.wait()
    await served.close()


def _announce(kind: str, served: Served, seed: int) -> None:
    line = {"address": served.address, "kind": kind, "pid": os.getpid(), "seed": seed}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _refuse(reason: str, code: int) -> int:
    sys.stderr.write(reason + "\n")
    return code
