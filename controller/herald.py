"""Tells the outside what was decided: to telemetry, and to whoever watches a panel.

The consumer only leaves a note here. Whatever goes wrong in telling is never felt by it: the notes
are bounded, and the newest state says everything that a lost one would have said.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from controller.core import commands as c
from controller.core import events
from controller.core.state import Phase
from controller.core.words import rows_for
from controller.inbox import SITE
from controller.news import NewsRing
from controller.periodic import every
from controller.ports import Clock, TelemetryPort
from controller.view import is_cold, numbers_view, public_session, state_view
from firmware_interfaces.units import NS_PER_S

if TYPE_CHECKING:
    from controller.daemon import Daemon

NOTES: Final = 1000
_EVERYDAY: Final = (events.PumpRead, events.Ticked)
"""Events that are not news by themselves: the numbers carry them once a second."""


@dataclass(frozen=True, slots=True)
class Note:
    """One event that was judged, and what was decided on it."""

    session: str
    event: events.Event
    phase: Phase
    decided: tuple[c.Command, ...]


class Herald:
    """Holds the ring of news for panels; ``run`` serves telemetry and ring until cancelled."""

    def __init__(self, daemon: "Daemon", telemetry: TelemetryPort) -> None:
        self._daemon, self._telemetry = daemon, telemetry
        self._notes: deque[Note] = deque(maxlen=NOTES)
        self._stirred = asyncio.Event()
        self.ring = NewsRing(f"{daemon.clock.utc_ns():x}")

    def note(
        self, session: str, event: events.Event, phase: Phase, decided: tuple[c.Command, ...]
    ) -> None:
        """Leave a note; costs next to nothing and cannot fail."""
        if decided or not isinstance(event, _EVERYDAY):
            self._notes.append(Note(session, event, phase, decided))
            self._stirred.set()

    def task_died(self, name: str, reason: str) -> None:
        """Tell that a part of the program died or cannot do its work."""
        self._publish("events", {"type": "task", "task": name, "reason": reason})

    async def run(self) -> None:
        """Tell everything noted, together, then the state that came of it."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            self.tell_all()

    async def tell_numbers(self, clock: Clock) -> None:
        """Tell the numbers of the session that holds the room, once a second."""
        async for _ in every(clock, NS_PER_S):
            active = self._daemon.active()
            if active is not None:
                numbers = numbers_view(active.state, clock.monotonic_ns())
                self._publish("telemetry", numbers, qos=0)
                self.ring.add("telemetry", numbers)

    def tell_all(self) -> None:
        """Tell what was noted since the last time, and the state."""
        while self._notes:
            self._tell(self._notes.popleft())
        view = state_view(self._daemon)
        self.ring.add("state", view)
        room = {name: view[name] for name in ("site", "room", "active", "at")}
        room["sessions"] = [public_session(session) for session in view["sessions"]]
        self._publish("state", room, retain=True)

    def _publish(
        self, suffix: str, payload: dict[str, Any], *, retain: bool = False, qos: int = 1
    ) -> None:
        """Every message says whether what it tells of is simulated."""
        simulated = {"simulated": self._daemon.setting.simulated}
        self._telemetry.publish(suffix, simulated | payload, retain=retain, qos=qos)

    def _tell(self, note: Note) -> None:
        told_of = self._daemon.sessions.get(note.session)
        what = {
            "session": note.session,
            "cold_run": told_of is not None and is_cold(told_of.state),
            "phase": note.phase.value,
            "utc_ns": note.event.utc_ns,
        }
        if note.session != SITE and not isinstance(note.event, _EVERYDAY):
            told = {**what, "type": type(note.event).__name__, "refused": _refused(note)}
            self._publish("events", told)
        for command in note.decided:
            if isinstance(command, (c.RaiseAlarm, c.ClearAlarm)):
                alarm = {**what, **_alarm(command, self._daemon.setting.kinds)}
                self._publish("alarms", alarm)
                self.ring.add("alarm", alarm)


def _refused(note: Note) -> str | None:
    return next((x.rule for x in note.decided if isinstance(x, c.Refuse)), None)


def _alarm(command: c.RaiseAlarm | c.ClearAlarm, kinds: tuple[str, ...]) -> dict[str, Any]:
    row = rows_for(kinds)[command.alarm]
    raised = isinstance(command, c.RaiseAlarm)
    return {
        "alarm": command.alarm,
        "raised": raised,
        "priority": row.priority.value,
        "action": row.action.value,
        "text": row.text,
        "remedy": row.remedy,
        "evidence": command.evidence if isinstance(command, c.RaiseAlarm) else "",
    }
