"""``isodrip commission calibrator`` as a person meets it: the command, a CRC-15R on a pty."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.config import read_site
from controller.people_file import write_people
from controller.units_known import units_known_of
from firmware_interfaces.crc15 import Unit
from simulators.bench.unit_proving import SOURCES, SourcePerson
from simulators.devices.crc15 import Crc15Firmware
from simulators.devices.room import Room
from simulators.devices.serve import loop_clock, serve_pty
from tests.controller.room import people_of_room, site_text

ACTS = (("lower source", "lower"), ("Take the source out", "lift"))
FIGURES = ("Certified, MBq", "read from the certificate by the second")
CHOICES = (("Nuclide of the source", "nuclide"), ("Another source", "more"))
LINES = (
    ("Serial number on its plate", "serial"),
    ("Its serial number", "source"),
    ("Its certificate", "certificate"),
    ("At what time", "certified_at"),
)


async def _answered(person: SourcePerson, heard: str) -> str:
    """What the person says to the question that ``heard`` ends with."""
    question = heard.rsplit("\n", 1)[-1] if heard.endswith(": ") else heard
    if "Who commissions" in question:
        return "ab"
    if "Who watches" in question:
        return "cd"
    for text, key in ACTS:
        if text in question:
            await person.act(key, "")
            return ""
    if any(text in question for text in FIGURES):
        return str(await person.figure("", "", 0.0, 0.0))
    for text, key in CHOICES:
        if text in question:
            return await person.choose(key, "", ())
    return await person.write(next(key for text, key in LINES if text in question), "")


def _site(directory: Path, port: str, proof: str = "") -> Path:
    section = f'kind = "crc15"\nserial = "15R-0042"\n{proof}'
    (directory / "j").mkdir(exist_ok=True)
    write_people(directory / "j" / "people.jsonl", people_of_room())
    path = directory / "site.toml"
    text = site_text(directory / "j").replace('kind = "crc55"', section)
    path.write_text(text.replace("socket://127.0.0.1:1", port))
    return path


async def _conversation(site: Path, person: SourcePerson) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller.cli", "commission", "calibrator"),
        *("--config", str(site), "--json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    heard = ""
    while some := await process.stderr.read(4096):
        heard += some.decode()
        if heard.endswith((": ", "] ")):
            process.stdin.write(f"{await _answered(person, heard)}\n".encode())
            heard = ""
    told = await process.stdout.read()
    return await process.wait(), told.decode()


@pytest.mark.realtime
@pytest.mark.timeout(180)
@pytest.mark.requirement("C8")
async def test_a_calibrator_is_proven_from_end_to_end(tmp_path: Path) -> None:
    now_ns = loop_clock()
    firmware = Crc15Firmware(Room(seed=1, start_ns=now_ns()), ticket_every_ns=5_000_000_000)
    certified = datetime.now(UTC).replace(microsecond=0)
    person = SourcePerson(firmware, "15R-0042", certified, SOURCES)
    served = await serve_pty(firmware, now_ns=now_ns)
    try:
        code, told = await _conversation(_site(tmp_path, served.address), person)
    finally:
        await served.close()
    assert code == 0, told
    said = json.loads(told.splitlines()[-1])
    (written,) = (tmp_path / "commissioning").iterdir()
    assert (said["ok"], said["file"], said["serial"]) == (True, str(written), "15R-0042")
    site = _site(tmp_path, served.address, f'unit_proof = "{written}"')
    assert units_known_of(read_site(site)).units == {2: Unit.MICROCURIE, 3: Unit.MILLICURIE}
    assert not (tmp_path / "j" / "isodrip.sock").exists()
