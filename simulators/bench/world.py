"""The world process: one room, its devices on wires, and the channel for hands and truth.

``python -m simulators.bench.world DIRECTORY`` reads ``world.json`` there, serves until SIGTERM, and
says in its first line of output where everything is.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from simulators.bench import channel
from simulators.bench.apparatus import CalibratorApparatus, PumpApparatus
from simulators.bench.device_set import FLUSH_PUMP, VIAL_ML
from simulators.bench.hands import NL_PER_ML, Apparatus, Grip, Hands
from simulators.bench.setting import Setting, syringe_type
from simulators.devices import hands as acts
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.kinds import CALIBRATORS, PUMPS, container
from simulators.devices.modbus_unit import SERIAL_BITS
from simulators.devices.room import Room
from simulators.devices.serve import Firmware, NowNs, loop_clock, serve_pty, serve_tcp
from simulators.devices.shared_line import Device, SharedLine
from simulators.devices.truth import truth

CHECK_SOURCE_BQ: Final = 7.4e6
"""200 uCi of Cs-137, an ordinary check source."""
NEEDLE_NL: Final = 50_000.0


def furnish(setting: Setting) -> Room:
    """A room with the drug drawn up from its vial, saline at hand, the line in the vein."""
    line_nl, fill_nl = setting.line_dead_ml * NL_PER_ML, setting.fill_ml * NL_PER_ML
    prime_nl = setting.prime_ml * NL_PER_ML if setting.primed_with == "drug" else 0.0
    room = Room(setting.seed, line_dead_nl=line_nl)
    drawn_nl = fill_nl + prime_nl
    # A vial goes on its hose as it came: nothing stays in a needle.
    needle_nl = 0.0 if setting.devices.pump == "dulcoflex" else NEEDLE_NL
    vial_nl = drawn_nl + needle_nl
    acts.bring_vial(room, vial_nl, setting.activity_bq / fill_nl * vial_nl)
    _bring(room, setting.devices.pump, "drug", setting.drug_syringe)
    acts.draw_up(room, "drug", drawn_nl, needle_nl)
    if prime_nl:
        acts.prime_line(room, "drug", prime_nl)
    for name in ("saline", "flush"):
        _bring(room, setting.devices.saline_pump, name, setting.saline_syringe)
        acts.fill_saline(room, name, setting.saline_ml * NL_PER_ML)
    acts.bring_source(room, "Cs137", "Cs137", CHECK_SOURCE_BQ)
    acts.lead_line(room, "patient")
    return room


def _bring(room: Room, pump: str, name: str, kind_name: str) -> None:
    if pump == "dulcoflex":
        diameter_mm, capacity_ml = 0.0, VIAL_ML
    else:
        kind = syringe_type(kind_name)
        diameter_mm, capacity_ml = kind.diameter_mm, kind.capacity_ml
    one = container(pump, name, diameter_mm, capacity_ml * NL_PER_ML)
    acts.bring_syringe(room, one)


class World:
    """Room, devices and hands in real time. ``utc_ns`` and ``now_ns`` are its two clocks."""

    def __init__(self, setting: Setting, now_ns: NowNs, utc_ns: Callable[[], int]) -> None:
        self.room = furnish(setting)
        devices = setting.devices
        pump = PUMPS[devices.pump].make(self.room.bay, devices.tcp)
        self.pump = PumpApparatus(pump, now_ns)
        self.flush_pump: PumpApparatus | None = None
        if devices.flush_pump:
            second = PUMPS[devices.flush_pump].make(self.room.add_pump(), devices.tcp)
            second.move_to(devices.saline_address)
            self.flush_pump = PumpApparatus(second, now_ns)
        self.calibrator_firmware = CALIBRATORS[devices.calibrator].make(self.room, devices.tcp)
        self._devices = devices
        self._now_ns = now_ns
        self._begun_utc_ns = utc_ns() - now_ns()
        grips = {
            "drug": Grip(setting.drug_gap_um),
            "saline": Grip(setting.saline_gap_um),
            "flush": Grip(setting.saline_gap_um),
        }
        apparatus: dict[str, Apparatus] = {
            "pump": self.pump,
            "calibrator": CalibratorApparatus(self.calibrator_firmware),
        }
        if self.flush_pump is not None:
            apparatus[FLUSH_PUMP] = self.flush_pump
        self.hands = Hands(self.room, self.advance, grips, apparatus)

    @property
    def pump_lines(self) -> dict[str, PumpApparatus | SharedLine]:
        """What is on each wire of a pump."""
        second, meter = self.flush_pump, self.calibrator_firmware
        if not self._devices.one_line:
            return (
                {"pump": self.pump} if second is None else {"pump": self.pump, FLUSH_PUMP: second}
            )
        shared: list[Device] = [self.pump] if second is None else [self.pump, second]
        if isinstance(meter, ActivityMeterFirmware) and self._devices.meter_on_line:
            shared.append(meter)
        two_wires = self.pump.bits_per_character == SERIAL_BITS
        return {"pump": SharedLine(shared, two_wires=two_wires)}

    def advance(self) -> None:
        """Bring room and devices up to now."""
        self.pump.advance()
        if self.flush_pump is not None:
            self.flush_pump.advance()
        self.room.process(self._now_ns())

    def truth(self) -> dict[str, Any]:
        """What is really so, with the time of day: ``utc_ns`` belongs to ``at_ns``."""
        self.advance()
        return self.glance()

    def glance(self) -> dict[str, Any]:
        """The same as of when the room was last moved on: to look moves nothing."""
        found = truth(self.room)
        return {**found, "utc_ns": self._begun_utc_ns + found["at_ns"]}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request of the channel: ``{"hand": VERB, "with": {...}}`` or ``{"truth": true}``."""
        if "truth" in request:
            return {"truth": self.truth()}
        verb, arguments = request.get("hand"), request.get("with", {})
        if not isinstance(verb, str) or not isinstance(arguments, dict):
            raise channel.Refused('a request is {"hand": VERB, "with": {...}} or {"truth": true}')
        self.hands.act(verb, arguments)
        return {}


async def serve(directory: Path, setting: Setting) -> None:
    """Serve a world in ``directory`` until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    now_ns = loop_clock()
    world = World(setting, now_ns, time.time_ns)
    kinds = setting.devices
    schemes = {"pump": kinds.pump_scheme}
    if kinds.flush_pump:
        schemes[FLUSH_PUMP] = kinds.flush_pump_scheme
    devices: dict[str, tuple[Firmware, str]] = {
        name: (line, schemes[name]) for name, line in world.pump_lines.items()
    }
    if not kinds.meter_on_line:
        devices["calibrator"] = (world.calibrator_firmware, kinds.calibrator_scheme)
    async with AsyncExitStack() as stack:
        ports = {}
        for name, (firmware, scheme) in devices.items():
            if setting.devices.tcp:
                served = await serve_tcp(firmware, "127.0.0.1", 0, now_ns, scheme)
            else:
                served = await serve_pty(firmware, directory / name, now_ns)
            stack.push_async_callback(served.close)
            ports[name] = served.address
        server = await channel.serve(directory / channel.SOCKET_NAME, world.answer)
        stack.callback(server.close)
        _announce({"ports": ports, "hands": str(directory / channel.SOCKET_NAME)})
        await ended.wait()


def _announce(where: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run a world from the command line; 2 for a directory without a usable setting."""
    parser = argparse.ArgumentParser(prog="python -m simulators.bench.world")
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    try:
        setting = Setting.load(arguments.directory)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(serve(arguments.directory, setting))
    return 0


if __name__ == "__main__":
    sys.exit(main())
