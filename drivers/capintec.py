"""One Capintec CRC-55R/tR dose calibrator: asks for readings and tells when they have settled.

Knows the unit table, proves nuclide and unit of every reply, and never changes a setting: the
nuclide is chosen at the instrument, by hand.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.exchange import Exchange
from drivers.request import Answer, Kind, LineTiming, NoReply, Request, Verdict, WrongDevice
from drivers.stream import Opener
from firmware_interfaces.capintec import (
    HOST_TIMEOUT_NS,
    Unit,
    canonical_nuclide,
    parse_activity,
    parse_unit,
)
from firmware_interfaces.readings import ActivityReading, Identity, ReadingStatus
from firmware_interfaces.units import NS_PER_MS, Becquerel, Nanoseconds, as_seconds, seconds
from protocols.capintec import (
    ActivityReply,
    Deframer,
    Frame,
    Noise,
    Poll,
    ReadChamber,
    decode_reply,
    encode_request,
)

Heard = Frame | Poll | Noise

TIMING: Final = LineTiming(
    # The source's host waits this long for a whole answer; nothing better is public.
    quarantine_ns=HOST_TIMEOUT_NS,
    # A calibrator has no STOP and no alarms.
    stop_patience_ns=Nanoseconds(0),
    alarm_grace_ns=Nanoseconds(0),
)
PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Settling:
    """When a row of readings is one value (calibrators.md 2.2).

    All readings of ``window_ns``, at least ``samples_min``, lie within ``spread_ppm_max`` of their
    mean or within one printed digit; if not within ``give_up_ns``, the reading stays SETTLING.
    """

    period_ns: Nanoseconds
    window_ns: Nanoseconds
    samples_min: int
    spread_ppm_max: int
    give_up_ns: Nanoseconds


RELEASE: Final = Settling(
    period_ns=Nanoseconds(250 * NS_PER_MS),
    window_ns=seconds(10),
    samples_min=16,
    spread_ppm_max=10_000,
    give_up_ns=seconds(60),
)
"""What the decision to release a dose demands: 1 % over at least 10 s."""
LEFT_OVER_PPM: Final = 50_000
"""What a residual item must keep to over the same time: shot noise alone is 0.8 % of 1.5 MBq each
second (calibrators.md 2.3), so the rule for release would never be met."""


class Crc55:
    """One chamber of an instrument behind ``opener``."""

    def __init__(
        self,
        opener: Opener,
        chamber: int,
        now_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settling: Settling = RELEASE,
    ) -> None:
        self._chamber = chamber
        self._now_ns = now_ns
        self._settling = settling
        self._sleep = sleep
        self._exchange: Exchange[Heard] = Exchange(
            opener, Deframer(), TIMING, now_ns, lambda frame, _at_ns: not isinstance(frame, Frame)
        )

    async def connect(self) -> Identity:
        """Open the line and read once. The instrument tells neither model nor serial number.

        Raises PortError, LinkLost, UnitRefused, or WrongDevice naming what was heard instead.
        """
        self._exchange.forget_loss()
        try:
            await self.read()
        except NoReply as error:
            expected = f"a Capintec CRC-55 with chamber {self._chamber}"
            raise WrongDevice(expected, error.seen) from error
        return Identity("crc55", "CRC-55", "", self._chamber, None)

    async def read(self) -> ActivityReading:
        """One reading as it stands: VALID and SETTLING, or OVER_RANGE without a value.

        Raises UnitRefused, ReadingRefused, NoReply, LinkLost, PortError.
        """
        request: Request[Heard] = Request(
            what=f"R{self._chamber}",
            data=encode_request(ReadChamber(self._chamber)),
            kind=Kind.READ,
            match=self._verdict,
            within_ns=HOST_TIMEOUT_NS,
        )
        return _reading(await self._exchange.ask(request))

    async def assay(self, nuclide: str, *, release: bool = True) -> ActivityReading:
        """Read until settled: the mean of the window, VALID alone.

        ``release`` False is for what is left over: a weak source is noisier than the release rule
        allows, and the mean of the window is what counts.

        Otherwise the status says why it is not final: SETTLING (never within the limits),
        OVER_RANGE, or NUCLIDE_CHANGED (the instrument is set to something else; at once). Its age
        is that of the first question of the window. Raises as *read* does.
        """
        rule = self._settling if release else replace(self._settling, spread_ppm_max=LEFT_OVER_PPM)
        window: deque[ActivityReading] = deque()
        start_ns, next_ns = self._now_ns(), None
        while True:
            reading = await self.read()
            if canonical_nuclide(reading.nuclide) != canonical_nuclide(nuclide):
                return replace(reading, status=reading.status | ReadingStatus.NUCLIDE_CHANGED)
            if reading.activity_bq is None:
                return reading
            window.append(reading)
            _forget_older(window, rule.window_ns)
            found = _mean(window, settled=_settled(window, rule))
            if found.final or found.read_ns - start_ns >= rule.give_up_ns:
                return found
            next_ns = await self._pause(reading.asked_ns if next_ns is None else next_ns)

    async def _pause(self, due_ns: Nanoseconds) -> Nanoseconds:
        """Sleep until one period after ``due_ns``; what was missed is not made up for."""
        now_ns = Nanoseconds(self._now_ns())
        next_ns = max(Nanoseconds(due_ns + self._settling.period_ns), now_ns)
        await self._sleep(as_seconds(Nanoseconds(next_ns - now_ns)))
        return next_ns

    async def close(self) -> None:
        """Close the line."""
        await self._exchange.close()

    def _verdict(self, frame: Heard) -> Verdict:
        if not isinstance(frame, Frame):
            return Verdict.FOREIGN
        try:
            reply = decode_reply(frame.payload)
        except ValueError:
            return Verdict.FOREIGN
        return Verdict.ANSWER if reply.chamber == self._chamber else Verdict.FOREIGN


def _settled(window: Sequence[ActivityReading], rule: Settling) -> bool:
    long_enough = window[-1].read_ns - window[0].read_ns >= rule.window_ns
    values = _values(window)
    step_bq = max(reading.resolution_bq for reading in window)
    steady = _spread_ppm(values) <= rule.spread_ppm_max or max(values) - min(values) <= step_bq
    return long_enough and len(window) >= rule.samples_min and steady


def _reading(answer: Answer[Heard]) -> ActivityReading:
    assert isinstance(answer.frame, Frame)
    reply = decode_reply(answer.frame.payload)
    unit = _unit(reply)
    try:
        activity_bq, resolution_bq, _ = parse_activity(reply.activity_text, reply.unit_digit)
    except ValueError as error:
        raise ReadingRefused("activity", reply.activity_text, str(error)) from error
    over = unit is Unit.OVER_RANGE
    return ActivityReading(
        activity_bq=activity_bq,
        resolution_bq=resolution_bq,
        nuclide=canonical_nuclide(reply.nuclide_text),
        status=ReadingStatus.OVER_RANGE if over else ReadingStatus.VALID | ReadingStatus.SETTLING,
        samples=1,
        spread_ppm=0,
        asked_ns=answer.asked_ns,
        read_ns=answer.read_ns,
        frame_hex=answer.frame.raw.hex(),
    )


def _unit(reply: ActivityReply) -> Unit:
    try:
        unit = parse_unit(reply.unit_digit)
    except ValueError as error:
        raise UnitRefused(reply.unit_digit, str(error)) from error
    if unit in (Unit.MILLIVOLT, Unit.VOLT):
        raise UnitRefused(reply.unit_digit, f"{unit.name} is a voltage, not an activity")
    return unit


def _values(window: Sequence[ActivityReading]) -> list[int]:
    return [reading.activity_bq for reading in window if reading.activity_bq is not None]


def _spread_ppm(values: Sequence[int]) -> int:
    """(max - min) / mean in parts per million, rounded up; 0 if all are 0."""
    total = sum(values)
    return -(-(max(values) - min(values)) * len(values) * PPM // total) if total else 0


def _forget_older(window: deque[ActivityReading], window_ns: Nanoseconds) -> None:
    """Keep the shortest row that still spans the window."""
    while len(window) > 1 and window[-1].read_ns - window[1].read_ns >= window_ns:
        window.popleft()


def _mean(window: Sequence[ActivityReading], *, settled: bool) -> ActivityReading:
    values = _values(window)
    settling = ReadingStatus(0) if settled else ReadingStatus.SETTLING
    return replace(
        window[-1],
        activity_bq=Becquerel(round(sum(values) / len(values))),
        resolution_bq=max(reading.resolution_bq for reading in window),
        status=ReadingStatus.VALID | settling,
        samples=len(values),
        spread_ppm=_spread_ppm(values),
        asked_ns=window[0].asked_ns,
    )
