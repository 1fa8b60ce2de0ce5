"""Other people's Modbus (pymodbus, minimalmodbus, libmodbus) on the other end of our wires."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.activity_meter import ActivityMeter
from drivers.calibrator_errors import ReadingRefused
from drivers.modbus import DeviceRefused, ModbusBus
from drivers.request import WrongDevice
from drivers.serial_port import opener
from firmware_interfaces import activity_meter as nam
from firmware_interfaces.readings import ReadingStatus
from firmware_interfaces.register import Bank, WordOrder
from simulators.devices.activity_meter import ActivityMeterFirmware
from simulators.devices.serve import Served, serve_pty, serve_tcp
from simulators.devices.simulate import source_room
from tests.firmware_interfaces.test_activity_meter import block
from tests.peers.joined import joined_ptys

pytestmark = [pytest.mark.peers, pytest.mark.realtime]
HERE = Path(__file__).parent
SETTLED_NS = 30_000_000_000
WAYS = ["pty", "tcp"]


@pytest.fixture
def mbpoll() -> str:
    """Path of libmodbus' command line. Without it the test is skipped; under CI it fails."""
    path = shutil.which("mbpoll", path=f"{os.environ['PATH']}:/usr/bin")
    if path is None:
        reason = "INDEPENDENT PEER MISSING: mbpoll (apt install mbpoll)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return path


async def output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode()


@asynccontextmanager
async def meter(way: str, path: Path, **more: Any) -> AsyncIterator[tuple[Any, Served]]:
    """Our simulated meter, settled, on a real port."""
    firmware = ActivityMeterFirmware(source_room(1), tcp=way == "tcp", **more)
    firmware.process(SETTLED_NS)
    firmware.room.chamber.hold = True
    if way == "tcp":
        served = await serve_tcp(firmware, "127.0.0.1", 0, lambda: SETTLED_NS, "tcp")
    else:
        served = await serve_pty(firmware, path / "meter", lambda: SETTLED_NS)
    try:
        yield firmware, served
    finally:
        await served.close()


def told_bq(firmware: ActivityMeterFirmware) -> int:
    found = nam.consistent(firmware.reading()).activity_bq
    assert found is not None
    return int(found)


QUESTIONS = [
    ["float", 2],
    ["float", 10],
    ["long", 12],
    ["input", 0, 30],
    ["write", 1, [43, 99 | 0x8000]],
    ["holding", 0, 5],
    ["input", 6, 2],
    ["input", 29, 2],
]


@pytest.mark.parametrize(
    ("client", "way"), [("pymodbus", "pty"), ("pymodbus", "tcp"), ("minimalmodbus", "pty")]
)
async def test_their_client_reads_and_sets_our_meter(
    peers_python: str, client: str, way: str, tmp_path: Path
) -> None:
    async with meter(way, tmp_path, unit=17) as (firmware, served):
        before, expected_bq = firmware.reading(), told_bq(firmware)
        script, where = str(HERE / "modbus_clients.py"), served.address.removeprefix("tcp://")
        said = await output(peers_python, script, client, where, "17", json.dumps(QUESTIONS))
        sentinel, activity, kbq, words, _, held, nuclide, beyond = json.loads(said)
        assert (sentinel, activity) == (123456.0, expected_bq)
        assert abs(1000 * kbq - expected_bq) <= 500 + expected_bq / 1e6
        assert words == before
        assert held == [0, 43, 99 | 0x8000, 0, 0]
        assert nuclide == [43, 99 | 0x8000]
        assert beyond in ({"code": 2}, "IllegalRequestError")
        assert firmware.room.chamber.nuclide == "Tc99m"


@pytest.mark.parametrize("way", WAYS)
async def test_libmodbus_reads_our_meter(mbpoll: str, way: str, tmp_path: Path) -> None:
    async with meter(way, tmp_path) as (firmware, served):
        line = ["-m", "rtu", "-b", "19200", "-P", "even"]
        where = [served.address]
        if way == "tcp":
            host, port = served.address.removeprefix("tcp://").split(":")
            line, where = ["-m", "tcp", "-p", port], [host]
        ask = [mbpoll, *line, "-a", "1", "-0", "-1", "-q"]
        floats = [*ask, "-B", "-t", "3:float", "-r"]
        assert re.search(r"\[2\]:\s+123456\b", await output(*floats, "2", "-c", "1", *where))
        shown = re.search(r"\[10\]:\s+(\S+)", await output(*floats, "10", "-c", "1", *where))
        assert shown is not None
        assert float(shown[1]) == pytest.approx(told_bq(firmware), rel=1e-5)
        magic = await output(*ask, "-t", "3:hex", "-r", "0", "-c", "2", *where)
        assert re.findall(r"0x[0-9A-F]{4}", magic) == ["0x414D", "0x0001"]
        set_one = await output(*ask, "-t", "4", "-r", "3", *where, "77")
        assert "Written 1 reference" in set_one
        assert firmware.read_registers(Bank.HOLDING, 3, 1) == [77]


@asynccontextmanager
async def their_server(
    python: str, way: str, words: list[int], unit: int = 1
) -> AsyncIterator[ActivityMeter]:
    """Our driver at pymodbus' server, whose input registers are ``words``."""
    with joined_ptys() as (theirs, ours):
        script, holding = str(HERE / "modbus_server.py"), json.dumps([0] * 5)
        where = "tcp" if way == "tcp" else theirs
        process = await asyncio.create_subprocess_exec(
            *(python, script, where, str(unit), json.dumps(words), holding), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        port = (await process.stdout.readline()).decode().strip()
        address = f"tcp://127.0.0.1:{port}" if way == "tcp" else ours
        loop = asyncio.get_running_loop()

        def now_ns() -> int:
            return round(loop.time() * 1e9)

        bus = ModbusBus(opener(address, 19200, "E"), now_ns, tcp=way == "tcp")
        driver = ActivityMeter(bus, 1, now_ns)
        try:
            yield driver
        finally:
            await driver.close()
            process.kill()
            await process.wait()


@pytest.mark.parametrize("way", WAYS)
async def test_our_driver_reads_their_server(peers_python: str, way: str) -> None:
    async with their_server(peers_python, way, block()) as driver:
        assert (await driver.connect()).serial == "70001"
        reading = await driver.read()
        assert (reading.activity_bq, reading.nuclide) == (1_572_499_968, "I-131")
        assert reading.status == ReadingStatus.VALID


@pytest.mark.parametrize("way", WAYS)
async def test_our_driver_refuses_what_their_server_has_in_another_order(
    peers_python: str, way: str
) -> None:
    words = block(order=WordOrder.LOW_FIRST)
    async with their_server(peers_python, way, words) as driver:
        with pytest.raises(ReadingRefused, match=r"word-order sentinel '1.08658e-19'"):
            await driver.read()


@pytest.mark.parametrize("way", WAYS)
async def test_our_driver_names_the_exception_of_their_server(peers_python: str, way: str) -> None:
    async with their_server(peers_python, way, block()[:10]) as driver:
        with pytest.raises(DeviceRefused, match=r"exception 2 \(illegal address\)"):
            await driver.read()
        with pytest.raises(WrongDevice, match="exception 2"):
            await driver.connect()
