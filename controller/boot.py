"""From what is on disk to sessions, and a clock that goes on where the journals ended.

Pure of devices. A journal whose events this version cannot read is set aside like a broken one.
"""

from dataclasses import dataclass

from controller.core.codec import CodecError
from controller.core.limits import Limits
from controller.core.state import Phase
from controller.ports import Clock
from controller.sessions import Session, SessionJournal, fold
from controller.store import Found, Quarantined, Scan, Store

CLOSE_S = 2.0


class RebasedClock:
    """A clock whose monotonic stamps begin at the time of day, and never before a journalled one.

    So stamps of one session only grow, whatever the machine's own counter says after a boot.
    """

    def __init__(self, clock: Clock, last_mono_ns: int) -> None:
        self._clock = clock
        begin_ns = max(clock.utc_ns(), last_mono_ns + 1)
        self._offset_ns = begin_ns - clock.monotonic_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step and never return to a journalled moment."""
        return self._clock.monotonic_ns() + self._offset_ns

    def utc_ns(self) -> int:
        """Time of day, Unix epoch."""
        return self._clock.utc_ns()

    async def sleep_until(self, mono_ns: int) -> None:
        """Return at an absolute deadline of this clock."""
        await self._clock.sleep_until(mono_ns - self._offset_ns)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a boot found: open sessions, closed ones, and what was set aside."""

    sessions: tuple[Session, ...]
    closed: tuple[Session, ...]
    quarantined: tuple[Quarantined, ...]


async def folded(scan: Scan, store: Store, limits: Limits) -> Kept:
    """Every session of a scan as its journal left it; journals of closed ones are closed again."""
    sessions: list[Session] = []
    closed: list[Session] = []
    quarantined = list(scan.quarantined)
    for found in scan.found:
        session = await _folded_one(found, store, limits, quarantined)
        if session is None:
            continue
        if session.state.phase in (Phase.CLOSED, Phase.IDLE):
            await session.journal.close(CLOSE_S)
        if session.state.phase is Phase.CLOSED:
            closed.append(session)
        elif session.state.phase is not Phase.IDLE:
            sessions.append(session)
    return Kept(tuple(sessions), tuple(closed), tuple(quarantined))


async def _folded_one(
    found: Found, store: Store, limits: Limits, quarantined: list[Quarantined]
) -> Session | None:
    journal: SessionJournal = found.journal
    try:
        return fold(found.session, found.records, journal, limits)
    except (CodecError, TypeError, ValueError) as error:
        await journal.close(CLOSE_S)
        quarantined.append(Quarantined(await store.set_aside(found.session), str(error)))
        return None
