"""One device alone with a small room of its own, for ``isodrip-bench simulate``."""

import argparse
import asyncio
import json
import os
import signal
import sys
from typing import Final

from simulators.devices import hands
from simulators.devices.crc55 import Crc55Firmware
from simulators.devices.kinds import CALIBRATORS, PUMPS, container
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.room import Room
from simulators.devices.serve import Served, serve_pty, serve_tcp

SOURCE_BQ: Final = 1_572_500_000.0
"""42.5 mCi of I-131, 25 mCi/m2 at 1.7 m2."""


def syringe_room(seed: int, kind: str = "ne1000") -> Room:
    """30 mL of saline on a pump, joined to a patient's line: in a BD 60 mL syringe, or a vial."""
    room = Room(seed)
    hands.bring_syringe(room, container(kind, "BD 60 mL", 26.59, 60_000_000.0))
    hands.fill_saline(room, "BD 60 mL", 30_000_000.0)
    hands.mount(room, "BD 60 mL")
    hands.join_line(room)
    hands.lead_line(room, "patient")
    hands.set_clamp(room, is_open=True)
    return room


def source_room(seed: int) -> Room:
    """1572.5 MBq of I-131 in the well."""
    room = Room(seed)
    hands.bring_source(room, "I-131 source", "I131", SOURCE_BQ)
    hands.put_in_well(room, "I-131 source")
    return room


def lone_pump(seed: int) -> Ne1000Firmware:
    """Build an NE-1000 in a `syringe_room`."""
    return Ne1000Firmware(syringe_room(seed))


def lone_calibrator(seed: int) -> Crc55Firmware:
    """Build a CRC-55 in a `source_room`."""
    return Crc55Firmware(source_room(seed))


KINDS: Final = (*PUMPS, *CALIBRATORS)


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
    served = await _served(kind, where, seed)
    _announce(kind, served, seed)
    await stopped.wait()
    await served.close()


async def _served(kind: str, where: tuple[str, int] | None, seed: int) -> Served:
    room = syringe_room(seed, kind) if kind in PUMPS else source_room(seed)
    row = PUMPS[kind] if kind in PUMPS else CALIBRATORS[kind]
    if where is None:
        return await serve_pty(row.make(room, False))
    return await serve_tcp(row.make(room, True), *where, scheme=row.tcp_scheme)


def _announce(kind: str, served: Served, seed: int) -> None:
    line = {"address": served.address, "kind": kind, "pid": os.getpid(), "seed": seed}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _refuse(reason: str, code: int) -> int:
    sys.stderr.write(reason + "\n")
    return code
