"""One Capintec CRC-15R dose calibrator: polls its bytes and tells when its readings have settled.

Takes the worth of a unit code from whoever made it, and refuses a code without one. Printed tickets
are passed over. The nuclide is chosen at the instrument, by hand; nothing can be set on this line.

A reply has no checksum and the line no flag for anything. So an assay rests on a window of readings
that agree (`drivers.settling`): a torn or damaged one stands out of it. And a number that is the
same to its last bit for seconds is of an instrument that stands still.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from drivers.calibrator_errors import ReadingRefused, UnitRefused
from drivers.exchange import Exchange
from drivers.request import CHECK, Kind, LineTiming, NoReply, Request, Verdict, WrongDevice
from drivers.settling import RELEASE, Settling, rule_for, settle
from drivers.stream import Opener
from firmware_interfaces.capintec import canonical_nuclide
from firmware_interfaces.crc15 import (
    HOST_TIMEOUT_NS,
    REFRESH_NS_MAX,
    Unit,
    agreed_unit,
    parse_activity,
)
from firmware_interfaces.readings import ActivityReading, Identity, ReadingStatus
from firmware_interfaces.units import Nanoseconds, as_seconds
from protocols.crc15 import REQUEST, Deframer, Noise, PrintedLine, Reply

Heard = Reply | PrintedLine | Noise

TIMING: Final = LineTiming(
    # An answer may still come behind a printed ticket.
    quarantine_ns=HOST_TIMEOUT_NS,
    # A calibrator has no STOP and no alarms.
    stop_patience_ns=Nanoseconds(0),
    alarm_grace_ns=Nanoseconds(0),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the instrument shows, its unit still a code. A reading is as old as its question."""

    nuclide: str
    unit_code: int
    activity_field: bytes
    asked_ns: Nanoseconds
    read_ns: Nanoseconds
    raw: bytes


class Crc15:
    """The instrument behind ``opener``. ``unit_of`` is the worth of a unit code on this one.

    ``unit_of`` raises ValueError for a code that it does not know; without a proof by a known
    source, only the codes that all public hosts read alike are known.
    """

    def __init__(
        self,
        opener: Opener,
        now_ns: Callable[[], int],
        unit_of: Callable[[int], Unit] = agreed_unit,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settling: Settling = RELEASE,
    ) -> None:
        self._unit_of = unit_of
        self._now_ns, self._sleep = now_ns, sleep
        self._settling = settling
        self._first_shown: Shown | None = None
        self._exchange: Exchange[Heard] = Exchange(
            opener, Deframer(), TIMING, now_ns, lambda heard, _ns: isinstance(heard, PrintedLine)
        )

    async def connect(self) -> Identity:
        """Open the line and ask once. The instrument tells neither version nor serial number.

        Raises PortError, LinkLost, or WrongDevice naming what was heard instead.
        """
        self._exchange.forget_loss()
        try:
            await self.show()
        except NoReply as error:
            raise WrongDevice("a Capintec CRC-15R", f"{error.seen}; {CHECK}") from error
        return Identity("crc15", "CRC-15R", "", None, None)

    async def show(self) -> Shown:
        """What stands on the display now. Raises NoReply, LinkLost, PortError."""
        request: Request[Heard] = Request(
            what="reading",
            data=REQUEST,
            kind=Kind.READ,
            match=lambda heard: Verdict.ANSWER if isinstance(heard, Reply) else Verdict.FOREIGN,
            within_ns=HOST_TIMEOUT_NS,
        )
        answer = await self._exchange.ask(request)
        reply = answer.frame
        assert isinstance(reply, Reply)
        return Shown(
            nuclide=canonical_nuclide(reply.nuclide_text),
            unit_code=reply.unit_code,
            activity_field=reply.activity_field,
            asked_ns=answer.asked_ns,
            read_ns=answer.read_ns,
            raw=reply.raw,
        )

    async def read(self) -> ActivityReading:
        """One reading as it stands: VALID and SETTLING.

        Raises UnitRefused for a code without a proven worth; ReadingRefused for NaN, infinity, a
        negative number, one that no chamber measures, and one that is no longer renewed; and what
        ``show`` raises.
        """
        shown = await self.show()
        self._demand_renewed(shown)
        try:
            unit = self._unit_of(shown.unit_code)
        except ValueError as error:
            raise UnitRefused(str(shown.unit_code), str(error)) from error
        try:
            activity_bq, resolution_bq = parse_activity(shown.activity_field, unit)
        except ValueError as error:
            raise ReadingRefused("activity", shown.activity_field.hex(" "), str(error)) from error
        return ActivityReading(
            activity_bq=activity_bq,
            resolution_bq=resolution_bq,
            nuclide=shown.nuclide,
            status=ReadingStatus.VALID | ReadingStatus.SETTLING,
            samples=1,
            spread_ppm=0,
            asked_ns=shown.asked_ns,
            read_ns=shown.read_ns,
            frame_hex=shown.raw.hex(),
        )

    async def assay(self, nuclide: str, *, release: bool = True) -> ActivityReading:
        """Read until settled (`drivers.settling`): the mean of the window, VALID alone.

        Otherwise the status says why it is not final. Raises as *read* does.
        """
        self._first_shown = None
        rule = rule_for(self._settling, release=release)
        return await settle(self.read, canonical_nuclide(nuclide), rule, self._now_ns, self._sleep)

    async def close(self) -> None:
        """Close the line."""
        await self._exchange.close()

    def _demand_renewed(self, shown: Shown) -> None:
        """Refuse a number whose bits stand still; an empty well may well show zero for ever."""
        first = self._first_shown
        if first is None or first.raw != shown.raw or not any(shown.activity_field):
            self._first_shown = shown
        elif shown.asked_ns - first.asked_ns >= REFRESH_NS_MAX:
            still = f"{as_seconds(REFRESH_NS_MAX):g} s"
            rule = f"the same to the last bit for {still}: the instrument stands still"
            raise ReadingRefused("activity", shown.activity_field.hex(" "), rule)
