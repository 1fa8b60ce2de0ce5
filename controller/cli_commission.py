"""``isodrip commission pump``: leads a person through the commissioning, and writes its file.

It asks at the terminal and judges nothing.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from controller import commission_desk as desk
from controller.clinic.commissioning import (
    SCHEMA,
    CommissioningFile,
    Person,
    commissioning_text,
    dated,
)
from controller.clock import SystemClock
from controller.commission import FULL_MINUTES, Commissioning, Outcome, Wish, size_ml
from controller.config import Container, SiteConfig
from controller.console import DONE, FAILED, WRONG, Out, fault, number_argument, site_of
from controller.device_sections import catalogued
from controller.devices import UNHEARD, Lines, pump_of
from controller.service import versions
from controller.terminal import Terminal
from drivers.pump_errors import (
    NotPermitted,
    PermitExpired,
    PlanRefused,
    PumpAlarmed,
    PumpRefused,
    ReadbackMismatch,
)
from drivers.serial_port import opener
from firmware_interfaces.readings import Trigger
from firmware_interfaces.units import NS_PER_S, Nanoseconds

MINUTES: Final = (0.5, 60.0)
PUMP: Final = desk.Device(
    "pump",
    (PumpAlarmed, PumpRefused, ReadbackMismatch, NotPermitted, PermitExpired, PlanRefused),
    "the pump was stopped",
)


def _site_of(args: argparse.Namespace) -> SiteConfig:
    """The site, with the pump that is meant in the place of its pump."""
    site = site_of(args.config)
    if not args.flush_pump:
        return site
    if site.flush_pump is None:
        raise fault(WRONG, "--flush-pump", "given", "must be a site with a second pump")
    return site.model_copy(update={"pump": site.flush_pump})


def wish_of(site: SiteConfig, names: Sequence[str], minutes: float) -> Wish:
    """What is to be commissioned for a site. Raises `controller.console.Fault`."""
    if minutes != FULL_MINUTES and not site.site.simulated:
        rule = f"must be {FULL_MINUTES:g}; only a simulated site may take less"
        raise fault(WRONG, "--minutes", f"{minutes:g}", rule)
    if not MINUTES[0] <= minutes <= MINUTES[1]:
        rule = f"must lie in {MINUTES[0]:g} .. {MINUTES[1]:g}"
        raise fault(WRONG, "--minutes", f"{minutes:g}", rule)
    return Wish(
        syringes=tuple(_syringe(site, name) for name in names or [s.name for s in site.containers]),
        watchdog_ns=site.pump.watchdog_s * NS_PER_S,
        trigger=Trigger(site.pump.trigger),
        limits=site.limits,
        minutes=minutes,
    )


def _syringe(site: SiteConfig, name: str) -> Container:
    found = next((row for row in site.containers if row.name == name), None)
    if found is None:
        raise fault(WRONG, "--syringe", name, f"must be a {catalogued(site.pump)}")
    try:
        size_ml(found)
    except ValueError as error:
        raise fault(WRONG, "--syringe", name, str(error)) from error
    return found


def file_of(
    outcome: Outcome, at: datetime, by: Person, second: Person, *, simulated: bool
) -> CommissioningFile:
    """The file of an outcome, dated ``at`` (UTC, whole seconds)."""
    pump = outcome.pump
    return CommissioningFile(
        schema_=SCHEMA,
        kind=pump.kind,
        model=pump.model,
        firmware=pump.firmware,
        address=pump.address,
        serial=pump.serial,
        simulated=simulated,
        at=at,
        by=by,
        second=second,
        program=f"isodrip {versions()['isodrip']}",
        watchdog=outcome.watchdog,
        syringes=outcome.syringes,
        passed=outcome.passed,
    )


def commission_pump(args: argparse.Namespace, out: Out) -> int:
    """The command. A file is written whether the pump passed or not, never over another one."""
    site = _site_of(args)
    wish = wish_of(site, args.syringe, args.minutes)
    desk.no_treatment_open(site)
    path = desk.free_path(args, dated)
    file = desk.conducted(site, PUMP, partial(_whole, site, wish))
    desk.write(path, commissioning_text(file))
    _say(out, file, path)
    return DONE if file.passed else FAILED


async def _whole(site: SiteConfig, wish: Wish) -> CommissioningFile:
    clock, terminal = SystemClock(), Terminal()
    people = await desk.two_people(site, terminal, PUMP.name)
    pump = pump_of(site.pump, Lines(opener), lambda: Nanoseconds(clock.monotonic_ns()), UNHEARD)
    try:
        outcome = await Commissioning(pump, clock, terminal, wish).whole()
    finally:
        await pump.close()
    return file_of(outcome, desk.now_utc(), *people, simulated=site.site.simulated)


def _say(out: Out, file: CommissioningFile, path: Path) -> None:
    word = {True: "passed", False: "FAILED"}
    dog = file.watchdog
    note = "SIMULATED " if file.simulated else ""
    out.say(f"{note}{file.model} {file.firmware} at {file.address}: {word[file.passed]}")
    out.say(
        f"watchdog {dog.watchdog_s} s: {word[dog.passed]}, at rest after {dog.rest_s:.2f} s of "
        f"silence ({dog.rest_s_min:g} to {dog.rest_s_max:g} s), alarm {dog.alarm}"
    )
    for row in file.syringes:
        flow, closed = row.flow, row.occlusion
        out.say(
            f"{row.name}: {word[row.passed]}; rate {flow.rate_error_percent:+.2f} %, volume "
            f"{flow.volume_error_percent:+.2f} %, uncertainty {flow.uncertainty_percent:.2f} % "
            f"(limit {flow.limit_percent:g} %)"
        )
        out.say(
            f"  occlusion: alarm {closed.alarm} after {closed.alarm_s:.0f} s and "
            f"{closed.alarm_ml:.3f} mL at {closed.rate_ml_h:g} mL/h; dead volume "
            f"{row.dead_volume.volume_ml:.3f} mL ({row.dead_volume.method})"
        )
    out.say(f'in site.toml, under [pump]:  commissioning = "{path}"')
    out.end(ok=file.passed, file=str(path), **file.model_dump(mode="json", by_alias=True))


def commission_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``isodrip commission pump``."""
    desk.desk_arguments(parser)
    parser.add_argument("--flush-pump", action="store_true",
                        help="the second pump, not the drug's")  # fmt: skip
    parser.add_argument("--syringe", action="append", default=[], metavar="NAME",
                        help="only this one; repeatable (default: all of the site)")  # fmt: skip
    parser.add_argument("--minutes", type=number_argument, default=FULL_MINUTES, metavar="M",
                        help="of flow; less than 30 only where the site is simulated")  # fmt: skip
