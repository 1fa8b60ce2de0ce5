"""The commissioning of a dose calibrator with known sources: which unit each of its codes is.

A person lowers the sources into the well and reads certificates; the instrument is only asked what
it shows. It writes nothing, and what the numbers prove is `controller.clinic.unit_proof`.
"""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from controller.clinic.documents import Text, utc_datetime
from controller.clinic.unit_proof import (
    CERTIFIED_MBQ_MAX,
    HALF_LIVES,
    READINGS,
    SPREAD_PERCENT_MAX,
    CodeProof,
    KnownSource,
    Measured,
    judged,
    parse_reference_time,
    passed,
)
from controller.commission import Person
from controller.ports import Clock
from controller.water import Unfinished
from drivers.crc15 import Shown
from firmware_interfaces.crc15 import parse_number
from firmware_interfaces.readings import Identity
from firmware_interfaces.units import NS_PER_S

PERIOD_NS: Final = NS_PER_S
"""Readings of a row are so far apart; a display is renewed several times meanwhile."""
GIVE_UP: Final = 90
"""After so many readings that will not agree, the row has failed."""
CERTIFIED_MBQ: Final = (0.01, CERTIFIED_MBQ_MAX)
_TEXT: Final[TypeAdapter[str]] = TypeAdapter(Text)


class Showing(Protocol):
    """An instrument that says what it shows, its unit still a code."""

    async def connect(self) -> Identity:
        """Open the line and learn who is there."""

    async def show(self) -> Shown:
        """What stands on the display now."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What came of it; ``serial`` is what the person read on the instrument's plate."""

    calibrator: Identity
    serial: str
    rows: tuple[CodeProof, ...]

    @property
    def passed(self) -> bool:
        """True if every source proved a unit, and none contradicts another."""
        return passed(self.rows)


class UnitProving:
    """One instrument, one person. Call ``whole`` once."""

    def __init__(self, calibrator: Showing, clock: Clock, person: Person) -> None:
        self._calibrator, self._clock, self._person = calibrator, clock, person

    async def whole(self) -> Proven:
        """Every source. Raises what the driver raises, and `controller.water.Unfinished`."""
        identity = await self._calibrator.connect()
        about = f"A {identity.model} answers. It cannot tell which one it is."
        await self._person.hear(about)
        serial = await self._line("serial", "Serial number on its plate")
        rows = []
        more = "yes"
        while more == "yes":
            rows.append(await self._row())
            await self._person.hear(row_text(rows[-1]))
            text = "Another source, one that it shows in another unit"
            more = await self._person.choose("more", text, ("yes", "no"))
        return Proven(identity, serial, tuple(rows))

    async def _row(self) -> CodeProof:
        source = await self._source()
        text = f"Set the instrument to {source.nuclide} and lower source {source.id} into the well."
        await self._person.act("lower", text)
        seen = await self._steady()
        at = utc_datetime(self._clock.utc_ns()).astimezone(UTC).replace(microsecond=0)
        await self._person.act("lift", "Take the source out of the well.")
        return judged(
            Measured(
                source=source,
                at=at,
                nuclide_shown=seen[-1].nuclide,
                code=seen[-1].unit_code,
                numbers=tuple(map(_number, seen)),
                frame_hex=seen[-1].raw.hex(),
            )
        )

    async def _source(self) -> KnownSource:
        ask = self._person
        told = {
            "nuclide": await ask.choose("nuclide", "Nuclide of the source", tuple(HALF_LIVES)),
            "id": await self._line("source", "Its serial number"),
            "certificate": await self._line("certificate", "Its certificate: whose, which number"),
            "certified_mbq": await self._certified_mbq(),
            "certified_at": await self._reference_time(),
        }
        return KnownSource.model_validate(told)

    async def _certified_mbq(self) -> float:
        """Read by one person, then by the other: what is a thousand times off proves the wrong."""
        ask, bounds = self._person, CERTIFIED_MBQ
        while True:
            first = await ask.figure("certified_mbq", "Certified, MBq", *bounds)
            text = "The same, read from the certificate by the second person, MBq"
            if await ask.figure("certified_again_mbq", text, *bounds) == first:
                return first
            await ask.hear("  The two differ: read it again, both of you.")

    async def _line(self, key: str, text: str) -> str:
        """A line that may stand in the file."""
        while True:
            said = await self._person.write(key, text)
            with suppress(ValidationError):
                return _TEXT.validate_python(said)
            await self._person.hear(f"  {said!r} is no line of visible text")

    async def _reference_time(self) -> datetime:
        while True:
            said = await self._person.write("certified_at", "At what time, like 2026-03-01T12:00Z")
            with suppress(ValueError):
                return parse_reference_time(said)
            await self._person.hear(f"  {said!r} is no such time")

    async def _steady(self) -> Sequence[Shown]:
        """Successive readings of one nuclide and code that agree."""
        seen: deque[Shown] = deque(maxlen=READINGS)
        due_ns = self._clock.monotonic_ns()
        for _ in range(GIVE_UP):
            seen.append(await self._calibrator.show())
            if len(seen) == READINGS and _agree(seen):
                return tuple(seen)
            due_ns += PERIOD_NS
            await self._clock.sleep_until(due_ns)
        last = f"{seen[-1].nuclide}, unit code {seen[-1].unit_code}, {float(_number(seen[-1])):g}"
        raise Unfinished("known source", f"{READINGS} readings did not agree; the last is {last}")


def row_text(row: CodeProof) -> str:
    """One line for people: what a source proved."""
    measured = row.measured
    shown = f"unit code {measured.code}: {float(measured.mean):g} for {row.expected_mbq:.5g} MBq"
    if row.unit is None or row.deviation_percent is None:
        return f"{shown} proves nothing: {row.objection}"
    return f"{shown} is {row.unit.lower()} ({row.deviation_percent:+.2f} %)"


def _agree(seen: Sequence[Shown]) -> bool:
    if len({(one.nuclide, one.unit_code) for one in seen}) > 1:
        return False
    numbers = list(map(_number, seen))
    return (max(numbers) - min(numbers)) * 100 * READINGS <= SPREAD_PERCENT_MAX * sum(numbers)


def _number(shown: Shown) -> float:
    try:
        return float(parse_number(shown.activity_field))
    except ValueError as error:
        seen = f"{shown.activity_field.hex(' ')}: {error}"
        raise Unfinished("known source", seen) from error
