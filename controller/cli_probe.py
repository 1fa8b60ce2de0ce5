"""``isodrip probe``: what is on each port, for whoever sets up a room.

It refuses while a treatment of the site is open, and holds the daemon's socket meanwhile.
"""

import argparse
import asyncio
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Final

from serial.tools import list_ports

from controller import commission_desk as desk
from controller.clock import SystemClock
from controller.config import SiteConfig
from controller.console import DONE, FAILED, MISSING, WRONG, Out, fault, site_of
from controller.device_sections import modbus_address
from controller.probe import Finding, Where, probe
from drivers.serial_port import opener
from firmware_interfaces.units import Nanoseconds

BY_ID: Final = Path("/dev/serial/by-id")


def probe_arguments(parser: argparse.ArgumentParser) -> None:
    """Ports, the site whose treatments are in the way, and where on shared lines to ask."""
    parser.add_argument("ports", nargs="*", metavar="PORT",
                        help="a device path, socket:// or tcp://host:port (default: all serial "
                        "ports, and those of the site)")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="the site; needed for ports that are not this machine's")  # fmt: skip
    parser.add_argument("--address", type=int, action="append", default=[], metavar="N",
                        help="of a New Era pump, 0 to 99 (default 0); more than once for "
                        "several on a line")  # fmt: skip
    parser.add_argument("--unit", type=int, action="append", default=[], metavar="N",
                        help="of a Modbus device, 1 to 247 (default: its maker's); "
                        "likewise")  # fmt: skip


def probe_ports(args: argparse.Namespace, out: Out) -> int:
    """The command: 0 if somebody known is on every port, 1 if not, 3 for a port not to be used."""
    at = _where(args)
    site = None if args.config is None else site_of(args.config)
    if site is not None:
        at = replace(at, site=tuple(site.devices.values()))
    work = partial(_all, _ports(args, site), at)
    if site is None:
        findings = asyncio.run(work())
    else:
        desk.no_treatment_open(site)
        with desk.alone(site):
            findings = asyncio.run(work())
    for finding in findings:
        _say(out, finding)
    out.end(ports=[asdict(finding) for finding in findings])
    if any(finding.fault for finding in findings):
        return MISSING
    return DONE if all(finding.found for finding in findings) else FAILED


def _where(args: argparse.Namespace) -> Where:
    for name, given, (least, most) in (
        ("--address", args.address, (0, 99)),
        ("--unit", args.unit, (1, 247)),
    ):
        for number in given:
            if not least <= number <= most:
                raise fault(WRONG, name, number, f"must lie in {least} .. {most}")
    return Where(tuple(args.address) or (0,), tuple(args.unit))


def _ports(args: argparse.Namespace, site: SiteConfig | None) -> tuple[str, ...]:
    named = list(args.ports)
    if not named and site is not None:
        named = [section.port for section in site.devices.values()]
    if not args.ports:
        named += [port for port in serial_ports() if _real(port) not in map(_real, named)]
    if not named:
        raise fault(MISSING, "PORT", "(none)", "no serial port was found here: name one")
    for port in named:
        try:
            modbus_address(port)
        except ValueError as error:
            raise fault(WRONG, "PORT", port, str(error)) from error
        if "://" in port and site is None:
            # Nothing keeps two clients from one TCP port: only the site knows whether it is in use.
            rule = "name the site's file, so that no treatment of it is disturbed"
            raise fault(WRONG, "--config", "(absent)", rule)
    return tuple(dict.fromkeys(named))


def _real(port: str) -> str:
    return port if "://" in port else str(Path(port).resolve())


def serial_ports() -> tuple[str, ...]:
    """Serial ports of this machine, by the name that stays when a plug changes its socket."""
    lasting = sorted(map(str, BY_ID.glob("*"))) if BY_ID.is_dir() else []
    known = set(map(_real, lasting))
    others = sorted(port.device for port in list_ports.comports())
    return (*lasting, *(port for port in others if _real(port) not in known))


async def _all(ports: tuple[str, ...], at: Where) -> tuple[Finding, ...]:
    clock = SystemClock()

    def now_ns() -> Nanoseconds:
        return Nanoseconds(clock.monotonic_ns())

    return tuple(await asyncio.gather(*(probe(port, at, opener, now_ns) for port in ports)))


def _say(out: Out, found: Finding) -> None:
    if found.fault:
        out.say(f"{found.port}: cannot be used: {found.fault}")
    elif not found.found:
        out.say(f"{found.port}: nobody known answered")
        for tried in found.tried:
            out.say(f"  {tried.kind} at {tried.line}: {tried.seen}")
    for one in found.found:
        who = one.identity
        serial = "tells no serial number" if who.serial is None else f"serial {who.serial}"
        firmware = (f"firmware {who.firmware}",) if who.firmware else ()
        told = ", ".join((who.model, *firmware, serial))
        out.say(f"{found.port}: {who.kind} at {one.line}: {told}")
        if one.motion:
            out.say(f"  it says: {one.motion}")
    for alarm in found.cleared:
        out.say(f"  asking cleared its alarm: {alarm}")
