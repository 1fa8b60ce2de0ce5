"""``isodrip commission pump`` as a person meets it: the ward's command, a pump on a pty."""

import asyncio
import json
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.clinic.commissioning import parse_commissioning
from controller.commissioned import commissioned_of
from controller.config import read_site
from controller.people_file import write_people
from simulators.bench.badges import bench_people
from simulators.bench.commissioning import SimulatedPerson
from simulators.devices import hands
from simulators.devices.new_era import Ne1000Firmware
from simulators.devices.plumbing import Syringe
from simulators.devices.room import Room
from simulators.devices.serve import loop_clock, serve_pty

NOON_UTC_NS = 1_763_640_000 * 10**9
SITE = """
[site]
name = "Madison 03"
room = "hot lab 2"
timezone = "America/Chicago"
simulated = true
[calibrator]
kind = "crc55"
port = "socket://127.0.0.1:1"
[pump]
kind = "ne1000"
port = "{port}"
watchdog_s = 4
{commissioning}
[[syringe]]
name = "BD 60 mL"
diameter_mm = 26.59
size_ml = 60
source = "maker's table"
[limits]
seat_volume_ml = 0.05
[journal]
directory = "{directory}"
"""
ASKED = (
    ("Who commissions", "ab"),
    ("Who watches", "cd"),
    ("Resolution of the balance", "resolution_g"),
    ("Temperature of the water", "water_c"),
    ("Weight of the beaker now", "before_g"),
    ("Weight of the first beaker now", "after_g"),
    ("Lost by the second beaker", "evaporation_g"),
    ("Weight of the empty line", "line_empty_g"),
    ("Weight of the filled line", "line_filled_g"),
    ("Dead volume of the line", "weighed"),
    ("This is NE1000", "identity"),
    ("Fill a BD 60 mL", "mount"),
    ("Beside it stands", "beaker"),
    ("Close the clamp", "close_clamp"),
    ("Open the clamp", "open_clamp"),
)
ACTS = ("identity", "mount", "beaker", "close_clamp", "open_clamp")


class Ward:
    """A pump on a pty, the site that names it, and hands."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.now_ns = directory, loop_clock()
        self.room = Room(seed=1, start_ns=self.now_ns())
        # So little force that a closed clamp is noticed within seconds, as no real pump would.
        self.room.surroundings.stall_n = 15.0
        hands.bring_syringe(self.room, Syringe("BD 60 mL", 26.59, 60e6))
        hands.fill_saline(self.room, "BD 60 mL", 60e6)
        self.firmware = Ne1000Firmware(self.room, self.now_ns())
        self.person = SimulatedPerson(self.room, lambda: None, iter(["BD 60 mL"]))
        self.asked: list[str] = []

    def write_site(self, port: str, commissioning: str = "") -> Path:
        site = self.directory / "site.toml"
        named = f'commissioning = "{commissioning}"' if commissioning else ""
        journal = self.directory / "journal"
        site.write_text(SITE.format(port=port, directory=journal, commissioning=named))
        journal.mkdir(exist_ok=True)
        write_people(journal / "people.jsonl", bench_people(NOON_UTC_NS))
        return site

    async def command(self, site: Path, *options: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "controller.cli", "commission", "pump"),
            *("--config", str(site), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def answer(self, process: asyncio.subprocess.Process, until: str = "") -> None:
        """Answer what is asked until the command ends, or asks for ``until``."""
        assert process.stderr is not None
        assert process.stdin is not None
        heard = ""
        while True:
            some = await process.stderr.read(4096)
            if not some:
                return
            heard += some.decode()
            if not heard.endswith((": ", "] ")):
                continue
            key = next(key for text, key in ASKED if text in heard)
            self.asked.append(key)
            if key == until:
                return
            process.stdin.write(f"{await self._said(key)}\n".encode())
            heard = ""

    async def _said(self, key: str) -> str:
        if key in ("ab", "cd", "weighed"):
            return key
        if key in ACTS:
            await self.person.act(key, "")
            return ""
        return f"{await self.person.figure(key, '', 0.0, 0.0):.3f}"


async def _ended(ward: Ward, process: asyncio.subprocess.Process) -> tuple[int, str]:
    assert process.stdout is not None
    told = await process.stdout.read()
    return await process.wait(), told.decode()


def _files(directory: Path) -> list[Path]:
    kept = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in kept if path.name != "people.jsonl"]


@pytest.mark.realtime
@pytest.mark.timeout(180)
async def test_a_pump_is_commissioned_from_end_to_end(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    served = await serve_pty(ward.firmware, now_ns=ward.now_ns)
    try:
        site = ward.write_site(served.address)
        output = tmp_path / "proof" / "pump.json"
        options = ("--minutes", "0.75", "--output", str(output), "--json")
        process = await ward.command(site, *options)
        await ward.answer(process)
        code, told = await _ended(ward, process)
    finally:
        await served.close()
    assert code == 0, told
    said = json.loads(told.splitlines()[-1])
    assert (said["ok"], said["file"]) == (True, str(output))
    file = parse_commissioning(output.read_text("utf-8"))
    assert (file.passed, file.simulated) == (True, True)
    assert (file.by.id, file.second.id) == ("ab", "cd")
    assert abs((file.at - datetime.now(UTC)).total_seconds()) < 600
    dog, flow = file.watchdog, file.syringes[0].flow
    assert (dog.watchdog_s, dog.alarm) == (4, "watchdog")
    assert dog.rest_s_min <= dog.rest_s <= dog.rest_s_max
    assert abs(flow.volume_error_percent) < 5
    assert file.syringes[0].occlusion.alarm == "stall"
    assert stat.S_ISREG(output.stat().st_mode)
    assert list(output.parent.iterdir()) == [output]
    assert ward.room.plunger_um_s == 0
    known = commissioned_of(read_site(ward.write_site("/dev/null", str(output))))
    assert known.proof is not None
    assert known.proof.syringes[0].name == "BD 60 mL"


@pytest.mark.realtime
@pytest.mark.timeout(60)
async def test_whoever_ends_it_leaves_no_file_and_a_free_socket(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    served = await serve_pty(ward.firmware, now_ns=ward.now_ns)
    try:
        site = ward.write_site(served.address)
        process = await ward.command(site, "--minutes", "0.5")
        await ward.answer(process, until="mount")
        second = await ward.command(site, "--minutes", "0.5")
        refused = await second.communicate()
        assert second.returncode == 3
        assert b"must be free: stop the daemon first" in refused[1]
        process.terminate()
        code, _ = await _ended(ward, process)
    finally:
        await served.close()
    assert code == 1
    assert not (tmp_path / "journal" / "isodrip.sock").exists()
    assert _files(tmp_path) == [site]
