"""labmcp-new-era 0.1.2, written by others from the same manual, on the other end of our wire."""

import asyncio
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firmware_interfaces.new_era import parse_dispensed, parse_rate, parse_version, parse_volume
from protocols.new_era import Command, HostDeframer, Mode, Reply, ReplyFrame, encode_command
from simulators.devices.serve import Served, serve_pty, serve_tcp
from simulators.devices.simulate import lone_pump
from simulators.devices.truth import truth

pytestmark = [pytest.mark.peers, pytest.mark.realtime]
HERE = Path(__file__).parent


async def driven(python: str, served: Served) -> dict[str, Any]:
    tcp = served.address.startswith("socket://")
    address = served.address.replace("socket://", "tcp://") if tcp else f"serial://{served.address}"
    process = await asyncio.create_subprocess_exec(
        python, str(HERE / "drive_pump.py"), address, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    seen: dict[str, Any] = json.loads(said)
    return seen


@pytest.mark.parametrize("wire", ["pty", "tcp"])
async def test_their_driver_works_our_pump(peers_python: str, wire: str, tmp_path: Path) -> None:
    pump = lone_pump(1)
    if wire == "pty":
        served = await serve_pty(pump, tmp_path / "pump")
    else:
        served = await serve_tcp(pump, "127.0.0.1", 0)
    seen = await driven(peers_python, served)
    await served.close()
    assert seen["identity"]["model"] == "NE-1000"
    assert seen["identity"]["firmware"] == "3.928"
    assert seen["reset_seen"]
    assert seen["plan"]["rate_text"] == "20.00MM"
    assert seen["states"] == ["infusing", "stopped"]
    assert seen["after_one"] == [1.0, 0.0, "ML"]
    assert seen["stopped"] == "stopped"
    moved_ml = truth(pump.room)["displaced_nl"] / 1e6
    counted = seen["after_stop"][0]
    assert 1.2 < moved_ml < 2.0
    assert math.isclose(counted, moved_ml, abs_tol=0.001)
    pump.process(pump.room.now_ns + 60_000_000_000)
    given_ml = truth(pump.room)["volumes_nl"]["patient"] / 1e6
    assert math.isclose(given_ml, moved_ml, rel_tol=0.01)


class Host:
    """Our grammar's host side over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._deframer = HostDeframer()

    async def ask(self, text: str, address: int | None = 0) -> Reply:
        """Ask and return the one reply."""
        self._writer.write(encode_command(Command(text, address), Mode.BASIC))
        while True:
            for found in self._deframer.feed(await self._reader.read(100)):
                assert isinstance(found, ReplyFrame), found
                assert found.mode is Mode.BASIC
                return found.reply

    async def data(self, text: str) -> str:
        """Ask and return a good reply's data."""
        reply = await self.ask(text)
        assert (reply.alarm, reply.error) == (None, None), reply
        return reply.data

    async def rested(self) -> bool:
        """Ask for the status ten times a second, for 10 s at most, until it says stopped."""
        for _ in range(100):
            if (await self.ask("")).prompt == "S":
                return True
            await asyncio.sleep(0.1)
        return False


async def test_our_basic_framing_works_their_pump(peers_python: str) -> None:
    process = await asyncio.create_subprocess_exec(
        peers_python, str(HERE / "serve_pump.py"), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await conversed(Host(reader, writer))
    writer.close()
    assert await process.wait() == 0


async def conversed(host: Host) -> None:
    assert (await host.ask("")).alarm == "R"
    assert (await host.ask("", None)).prompt == "S"
    assert parse_version(await host.data("VER")) == ("NE1000", "3.923")
    for setting in ("DIA26.59", "PHN1", "FUNRAT", "RAT20.00MM", "VOL1.000", "DIRINF"):
        assert await host.data(setting) == ""
    for setting in ("PHN2", "FUNSTP", "PHN1", "CLDINF"):
        assert await host.data(setting) == ""
    assert parse_rate(await host.data("RAT")) == 1_200_000
    assert parse_volume(await host.data("VOL")) == 1_000_000
    assert (await host.ask("RAT9999MM")).error == "?OOR"
    for unknown in ("SAF5", "PF0", "TRGOF"):
        assert (await host.ask(unknown)).error == "?"
    assert (await host.ask("RUN")).prompt == "I"
    assert (await host.ask("RUN")).error == "?NA"
    assert await host.rested()
    assert parse_dispensed(await host.data("DIS")) == (1_000_000, 0, 1000)
