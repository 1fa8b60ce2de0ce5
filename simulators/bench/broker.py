"""A real MQTT broker as a child process on a free port of 127.0.0.1, for the bench and the tests.

It knows how mosquitto and iotcore are told to speak MQTT 5 to this machine only, nothing of topics.
"""

import asyncio
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Kind = Literal["mosquitto", "iotcore"]
KINDS: Final[tuple[Kind, ...]] = ("mosquitto", "iotcore")
START_S: Final = 10
STOP_S: Final = 5
POLL_S: Final = 0.02
_LOG: Final = "broker.log"

_MOSQUITTO: Final = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
"""

# iotcore listens on all addresses and speaks MQTT 3.1.1 unless a file says otherwise.
_IOTCORE: Final = """id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10

[v5.1]
name = "v5-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 65536
max_inflight_count = 100
dynamic_filters = false
"""


class BrokerMissing(Exception):
    """No broker program is installed, or the one there is did not start; says what was seen."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that listens at ``url``."""

    kind: Kind
    url: str
    port: int
    process: asyncio.subprocess.Process
    directory: Path

    async def stop(self) -> None:
        """End the process and remove its files; harmless when it has ended already."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def _mosquitto(directory: Path, port: int) -> list[str] | None:
    # Debian puts it in /usr/sbin, which is not in an ordinary user's PATH.
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        return None
    config = directory / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port))
    return [program, "-c", str(config)]


def _iotcore(directory: Path, port: int) -> list[str] | None:
    if importlib.util.find_spec("iotcore") is None:
        return None
    config = directory / "iotcore.toml"
    config.write_text(_IOTCORE.format(port=port))
    return [sys.executable, "-m", "iotcore", "--log-level", "ERROR", "--config", str(config)]


_COMMANDS: Final[dict[Kind, Callable[[Path, int], list[str] | None]]] = {
    "mosquitto": _mosquitto,
    "iotcore": _iotcore,
}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def start_broker(prefer: Kind | None = None, port: int = 0) -> Broker:
    """Start a broker and return once it accepts connections.

    ``prefer`` insists on one program; without it mosquitto is taken where installed, else iotcore.
    ``port`` 0 takes a free one. Raises ``BrokerMissing``.
    """
    port = port or free_port()
    if await _accepts(port):
        raise BrokerMissing(f"port {port} is taken by another program")
    directory = Path(tempfile.mkdtemp(prefix="isodrip-broker-"))
    for kind in KINDS if prefer is None else (prefer,):
        command = _COMMANDS[kind](directory, port)
        if command is not None:
            return await _started(kind, command, directory, port)
    shutil.rmtree(directory)
    raise BrokerMissing(f"not installed: {prefer or ' nor '.join(KINDS)}")


async def _started(kind: Kind, command: list[str], directory: Path, port: int) -> Broker:
    # On a leash, so that a broker does not outlive a bench that was killed.
    leash = [sys.executable, str(Path(__file__).with_name("leash.py")), str(os.getpid())]
    with (directory / _LOG).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *leash, *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
    broker = Broker(kind, f"mqtt://127.0.0.1:{port}", port, process, directory)
    try:
        async with asyncio.timeout(START_S):
            while not await _accepts(port):
                if process.returncode is not None:
                    break
                await asyncio.sleep(POLL_S)
        if process.returncode is None:
            return broker
        seen = f"ended with {process.returncode}"
    except TimeoutError:
        seen = f"did not listen on port {port} within {START_S} s"
    except BaseException:
        await broker.stop()
        raise
    said = (directory / _LOG).read_text(errors="replace")[-500:].strip()
    await broker.stop()
    raise BrokerMissing(f"{kind} {seen}: {said}")


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
