"""One Capintec CRC-55R/tR dose calibrator: asks for readings and tells when they have settled.

Knows the unit table, proves nuclide and unit of every reply, and never changes a setting: the
nuclide is chosen at the instrument, by hand.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.exchange import Exchange
from drivers.request import CHECK, Answer, Kind, LineTiming, NoReply, Request, Verdict, WrongDevice
from drivers.settling import RELEASE, Settling, rule_for, settle
from drivers.stream import Opener
from firmware_interfaces.capintec import (
    HOST_TIMEOUT_NS,
    Unit,
    canonical_nuclide,
    parse_activity,
    parse_unit,
)
from firmware_interfaces.readings import ActivityReading, Identity, ReadingStatus
from firmware_interfaces.units import Nanoseconds
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
            raise WrongDevice(expected, f"{error.seen}; {CHECK}") from error
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
        """Read until settled (`drivers.settling`): the mean of the window, VALID alone.

        Otherwise the status says why it is not final. Raises as *read* does.
        """
        rule = rule_for(self._settling, release=release)
        return await settle(self.read, canonical_nuclide(nuclide), rule, self._now_ns, self._sleep)

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
