"""A port that is absent, taken, silent or something else's: no daemon starts, and it says why."""

import asyncio
import json
import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import serial

from controller.clinic.order import parse_order
from simulators.bench import launch, papers
from simulators.bench.api import Api
from simulators.bench.broker import free_port
from simulators.bench.processes import Child
from tests.simulators.bench.bench_room import SETTING

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(60)]


@asynccontextmanager
async def devices(path: Path) -> AsyncIterator[dict[str, str]]:
    """The ports of a world without a daemon."""
    SETTING.save(path)
    world = await launch.start_world(path)
    try:
        yield await launch.world_ports(world)
    finally:
        await world.end()


async def daemon_with(path: Path, **ports: str) -> tuple[Child, str]:
    """A daemon for these ports; the child and its API's address."""
    address = f"127.0.0.1:{free_port()}"
    text = papers.EXAMPLE_ORDER.read_text()
    where = papers.Addresses(broker=f"mqtt://127.0.0.1:{free_port()}", api=address, **ports)
    launch.write_site(path, parse_order(text), where)
    return await launch.start_daemon(path), address


@pytest.mark.parametrize("device", ["pump", "calibrator"])
async def test_an_absent_port_is_named(tmp_path, device):
    async with devices(tmp_path) as ports:
        missing = str(tmp_path / "nothing-there")
        child, _ = await daemon_with(tmp_path, **{**ports, device: missing})
        assert await child.process.wait() == 3
    assert missing in child.tail()
    assert device in child.tail()


async def test_a_port_that_somebody_holds_is_told_as_taken(tmp_path):
    async with devices(tmp_path) as ports:
        with serial.Serial(ports["pump"], exclusive=True):
            child, _ = await daemon_with(tmp_path, **ports)
            assert await child.process.wait() == 3
    assert ports["pump"] in child.tail()
    assert "taken" in child.tail() or "in use" in child.tail()


async def test_a_silent_port_is_told_as_silent(tmp_path):
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        async with devices(tmp_path) as ports:
            silent = {**ports, "pump": os.ttyname(slave)}
            child, _ = await daemon_with(tmp_path, **silent)
            assert await child.process.wait() == 3
        assert os.ttyname(slave) in child.tail()
    finally:
        os.close(master)
        os.close(slave)


async def test_what_answers_as_something_else_is_told_with_what_was_seen(tmp_path):
    master, slave = pty.openpty()
    tty.setraw(slave)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: os.write(master, b"login: ") if os.read(master, 99) else None)
    try:
        async with devices(tmp_path) as ports:
            other = {**ports, "pump": os.ttyname(slave)}
            child, _ = await daemon_with(tmp_path, **other)
            assert await child.process.wait() == 3
        assert "login" in child.tail()
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


async def test_without_a_broker_the_daemon_comes_up_and_says_so(tmp_path):
    async with devices(tmp_path) as ports:
        child, address = await daemon_with(tmp_path, **ports)
        try:
            await launch.wait_ready(address, child)
            async with Api(f"http://{address}") as api, asyncio.timeout(20.0):
                while True:
                    state = await api.state()
                    if any(seen["id"] == "broker_lost" for seen in state["conditions"]):
                        break
                    await asyncio.sleep(0.1)
            assert state["link"]["broker"] is False
            assert state["link"]["pump"]["model"] == "NE1000"
        finally:
            assert await child.end() == 0


async def test_a_wrong_site_file_is_wrong_use(tmp_path):
    (tmp_path / "site.toml").write_text("[site]\ncats = 3\n")
    child = await launch.start_daemon(tmp_path)
    assert await child.process.wait() == 2
    assert "cats" in child.tail()


def test_the_example_order_is_one_for_a_bench():
    order = json.loads(papers.EXAMPLE_ORDER.read_text())
    assert order["regimen"] == papers.BENCH_REGIMEN
