"""The ports of the shell: what the daemon needs from the world, as typing protocols.

A driver, a simulator's stand-in or a test double fits by its shape alone.
"""

from collections.abc import Callable
from typing import Any, Protocol

from firmware_interfaces.readings import (
    ActivityReading,
    Holdings,
    Identity,
    Permit,
    PlanReadback,
    PumpPlan,
    PumpStatus,
    Recovery,
)


class Clock(Protocol):
    """Monotonic time enforces, UTC is for decay and the record. Both in nanoseconds."""

    def monotonic_ns(self) -> int:
        """Time that never steps."""

    def utc_ns(self) -> int:
        """Time of day, Unix epoch."""

    async def sleep_until(self, mono_ns: int) -> None:
        """Return at an absolute monotonic deadline."""


class Pump(Protocol):
    """One infusion pump (conduct: docs/architecture.md)."""

    async def connect(self) -> Identity:
        """Open the line and learn who is there, changing nothing."""

    async def recover(self) -> Recovery:
        """Read what the pump still knows, with STOP confirmed; clear and re-size nothing."""

    async def holdings(self) -> Holdings:
        """Read what the resting pump holds; changes nothing."""

    async def prepare(self, plan: PumpPlan, epoch: int) -> PlanReadback:
        """Programme, read everything back with its unit, arm the watchdog. Does not run."""

    async def run(self, epoch: int) -> PumpStatus:
        """Energise once, never again for the same call; needs a live permit."""

    async def set_rate(self, rate_ul_h: int, epoch: int) -> PumpStatus:
        """Change the rate of the running pump and read it back; needs a live permit."""

    def grant(self, permit: Permit) -> None:
        """Leave to talk until the permit expires."""

    async def poll(self) -> PumpStatus:
        """One status with the counter."""

    def open_epoch(self, epoch: int) -> None:
        """Drop every queued and later write of an older epoch, at once."""

    async def stop(self, epoch: int) -> PumpStatus:
        """STOP until a status asked afterwards confirms it. Never gives up."""

    async def disarm(self, epoch: int) -> None:
        """Leave Safe mode after everything is accounted for."""

    async def close(self) -> None:
        """Close the line; an energised pump gets its STOP first."""


class Calibrator(Protocol):
    """One dose calibrator."""

    async def connect(self) -> Identity:
        """Open the line and learn who is there."""

    async def assay(self, nuclide: str, *, release: bool) -> ActivityReading:
        """A settled reading, or one whose status says why it is not final.

        ``release`` demands the steadiness that the decision to release a dose rests on.
        """

    async def close(self) -> None:
        """Close the line."""


class JournalPort(Protocol):
    """The write-ahead record of one session."""

    def append(self, kind: str, body: dict[str, Any], mono_ns: int, utc_ns: int) -> int:
        """Queue a record; returns its number at once."""

    async def committed(self, seq: int) -> None:
        """Return when the record is durable; raises if it never will be."""


class TelemetryPort(Protocol):
    """Outbound news. Never blocks, never answers."""

    def publish(
        self, suffix: str, payload: dict[str, Any], *, retain: bool = False, qos: int = 1
    ) -> None:
        """Queue one message."""

    async def run(self) -> None:
        """Serve the queue until cancelled."""


OnPumpEvent = Callable[[PumpStatus], None]
