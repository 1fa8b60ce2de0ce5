"""All that the daemon is given from outside: the site's facts, and the world behind ports.

The ward's program fills it with drivers, disk and broker; a bench fills it with stand-ins in
virtual time.
"""

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from controller.core.commissioning import UNKNOWN, Commissioned
from controller.core.limits import Limits
from controller.ports import Calibrator, Clock, Pump, TelemetryPort
from controller.store import Store
from firmware_interfaces.readings import PumpStatus


class Telemetry(TelemetryPort, Protocol):
    """Outbound news that can say farewell."""

    def stop(self) -> None:
        """Have ``run`` send what is queued and return."""


@dataclass(frozen=True, slots=True)
class PumpListener:
    """Who hears of an alarm that nobody asked for, and of a pump stopped for want of a permit."""

    alarm: Callable[[PumpStatus], None]
    permit_expired: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world. Devices are made with the daemon's clock, which goes on where the journals ended.

    ``telemetry`` is given who is to hear of the broker (up, reason); ``new_id`` makes session names
    that no other session of the site has. ``executor`` asks the disk, None takes the loop's own.
    ``print_sheet`` is given the file of each downtime sheet; None where the site prints none.
    """

    clock: Clock
    store: Store
    pump: Callable[[Clock, PumpListener], Pump]
    calibrator: Callable[[Clock], Calibrator]
    telemetry: Callable[[Callable[[bool, str], None]], Telemetry]
    new_id: Callable[[], str]
    disk_free_mb: Callable[[], int]
    executor: Executor | None = None
    flush_pump: Callable[[Clock, PumpListener], Pump] | None = None
    print_sheet: Callable[[Path], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class FlushPump:
    """What the site says of the second pump."""

    kind: str
    address: int | None
    watchdog_ns: int
    commissioned: Commissioned = UNKNOWN


@dataclass(frozen=True, slots=True)
class Setting:
    """What the site says. ``header`` goes into record 0 of every journal, ``kinds`` are devices.

    ``calibrator_serial`` is empty where any will do.
    """

    site: str
    room: str
    simulated: bool
    version: str
    kinds: tuple[str, ...]
    limits: Limits
    watchdog_ns: int
    header: Mapping[str, Any]
    ports: Mapping[str, str] = field(default_factory=dict)
    pump_address: int | None = None
    calibrator_serial: str = ""
    commissioned: Commissioned = UNKNOWN
    flush: FlushPump | None = None

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """Every device, the second pump included."""
        return self.kinds if self.flush is None else (*self.kinds, self.flush.kind)

    @property
    def watchdogs_ns(self) -> tuple[int, ...]:
        """How long each pump runs on in silence."""
        return (self.watchdog_ns, *(() if self.flush is None else (self.flush.watchdog_ns,)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """An order that was checked: its canonical text, and what goes into the session's record 0.

    ``people`` is the hash of the newest change of the site's people. ``zone_min`` is how far the
    site's clock is ahead of UTC, min; ``oral`` says whether this site takes oral directives.
    """

    text: str
    order_hash: str
    regimen: str
    regimen_text: str
    regimen_hash: str
    zone_min: int
    oral: bool
    people: str = ""
