"""The ward's daemon, with a stamp at each station of a STOP: read, parsed, on the wire.

Stamps are lines of JSON in the file that ``ISODRIP_STAMPS`` names. Nothing of the way itself is
changed but two things: the calibrator's line goes through a proxy that can make noise on it, and
the lock after three like stops is lifted, so that one treatment serves for many.
"""

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from controller.cli import main
from controller.core import judge
from controller.daemon import Daemon
from drivers.new_era import NewEraPump
from drivers.serial_port import SerialStream

STAMPS: Final = "ISODRIP_STAMPS"
STOP_PATH: Final = b"/actions/stop"
STOP_WORD: Final = b"STP"
_lines = Path(os.environ.get(STAMPS, os.devnull)).open("a", buffering=1)  # noqa: SIM115 - lasts


def _stamp(what: str, **more: int) -> None:
    told = {"what": what, "at_ns": time.monotonic_ns(), "cpu_ns": time.thread_time_ns(), **more}
    _lines.write(json.dumps(told) + "\n")


def _before(original: Callable[..., Any], what: str, when: Callable[..., bool]) -> Any:
    """The same function, with a stamp as it is called."""

    def stamped(*given: Any) -> Any:
        if when(*given):
            _stamp(what)
        return original(*given)

    return stamped


def _after_write(
    original: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., Coroutine[Any, Any, None]]:
    async def stamped(stream: SerialStream, data: bytes) -> None:
        await original(stream, data)
        _stamp("stop" if STOP_WORD in data else "said")

    return stamped


def _timed(original: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
    async def stamped(pump: NewEraPump) -> Any:
        begun_ns = time.monotonic_ns()
        status = await original(pump)
        _stamp("poll", took_ns=time.monotonic_ns() - begun_ns)
        return status

    return stamped


def watch() -> None:
    """Put the stamps in."""
    reads = _before(H11Protocol.data_received, "read", lambda _self, data: STOP_PATH in data)
    H11Protocol.data_received = reads  # type: ignore[method-assign]
    Daemon.stop = _before(Daemon.stop, "parsed", lambda *_: True)  # type: ignore[method-assign]
    SerialStream.write = _after_write(SerialStream.write)  # type: ignore[method-assign]
    NewEraPump.poll = _timed(NewEraPump.poll)  # type: ignore[method-assign]
    for phase, rules in judge._ARMED.items():
        judge._ARMED[phase] = tuple(rule for rule in rules if rule[0] != "repeat_lock")


def put_proxy_between(site: Path) -> None:
    """Start a proxy on the calibrator's line and name its port in the site file instead."""
    text = site.read_text()
    port = tomllib.loads(text)["calibrator"]["port"]
    command = [sys.executable, "-m", "benchmarks.flood", "noise", port]
    with (site.parent / "noise.log").open("wb") as log:
        proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert proxy.stdout is not None
    site.write_text(text.replace(json.dumps(port), json.dumps(proxy.stdout.readline().strip())))
    (site.parent / "noise.pid").write_text(str(proxy.pid))


if __name__ == "__main__":
    watch()
    put_proxy_between(Path(sys.argv[sys.argv.index("--config") + 1]))
    sys.exit(main())
