"""``isodrip commission calibrator``: leads a person through the known sources, writes the proof.

It asks at the terminal and judges nothing.
"""

import argparse
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from controller import commission_desk as desk
from controller.clinic.commissioning import Person
from controller.clinic.unit_proof import SCHEMA, UnitProofFile, dated, unit_proof_text
from controller.clock import SystemClock
from controller.commission_calibrator import Proven, UnitProving, row_text
from controller.config import SiteConfig
from controller.console import DONE, FAILED, WRONG, Out, fault, site_of
from controller.device_sections import Crc15Section
from controller.service import versions
from controller.terminal import Terminal
from drivers.crc15 import Crc15
from drivers.serial_port import opener

CALIBRATOR: Final = desk.Device("calibrator", (), "nothing was written")


def file_of(
    proven: Proven, at: datetime, by: Person, second: Person, *, simulated: bool
) -> UnitProofFile:
    """The file of what was proven, dated ``at`` (UTC, whole seconds)."""
    return UnitProofFile(
        schema_=SCHEMA,
        kind="crc15",
        model=proven.calibrator.model,
        serial=proven.serial,
        simulated=simulated,
        at=at,
        by=by,
        second=second,
        program=f"isodrip {versions()['isodrip']}",
        rows=proven.rows,
        passed=proven.passed,
    )


def commission_calibrator(args: argparse.Namespace, out: Out) -> int:
    """The command. A file is written whether it passed or not, never over another one."""
    site = site_of(args.config)
    section = site.calibrator
    if not isinstance(section, Crc15Section):
        rule = "must be crc15: the unit codes of another kind are in no doubt"
        raise fault(WRONG, "calibrator.kind", section.kind, rule)
    desk.no_treatment_open(site)
    path = desk.free_path(args, dated)
    file = desk.conducted(site, CALIBRATOR, partial(_whole, site, section))
    desk.write(path, unit_proof_text(file))
    _say(out, file, path)
    return DONE if file.passed else FAILED


async def _whole(site: SiteConfig, section: Crc15Section) -> UnitProofFile:
    clock, terminal = SystemClock(), Terminal()
    people = await desk.two_people(site, terminal, CALIBRATOR.name)
    calibrator = Crc15(opener(section.port, section.baud), clock.monotonic_ns)
    try:
        proven = await UnitProving(calibrator, clock, terminal).whole()
    finally:
        await calibrator.close()
    return file_of(proven, desk.now_utc(), *people, simulated=site.site.simulated)


def _say(out: Out, file: UnitProofFile, path: Path) -> None:
    word, note = "passed" if file.passed else "FAILED", "SIMULATED " if file.simulated else ""
    out.say(f"{note}{file.model} {file.serial}: {word}")
    for row in file.rows:
        out.say(f"  {row.measured.source.id}: {row_text(row)}")
    out.say(f'in site.toml, under [calibrator]:  serial = "{file.serial}"')
    out.say(f'                                   unit_proof = "{path}"')
    out.end(ok=file.passed, file=str(path), **file.model_dump(mode="json", by_alias=True))
