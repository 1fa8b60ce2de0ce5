"""The daemon: one inbox, one consumer, and the workers who carry out what was decided.

Each event is journalled, judged, its STOP acted on at once, and only then anything else is begun.
The consumer never waits for a device, the disk or a broker. Everything it needs from the world is
handed in, so that a whole treatment also runs in virtual time.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from controller.calibrator_worker import CalibratorWorker
from controller.clinic.earlier import EarlierDose
from controller.core import commands as c
from controller.core import events
from controller.core.bedside import RELEASES
from controller.core.codec import plain
from controller.core.event import Proven
from controller.core.motion import PERMIT_SHARE
from controller.core.state import Phase
from controller.core.step import polls, tick_ns
from controller.core.treatment import Treatment
from controller.doses_on_record import doses_of
from controller.herald import Herald
from controller.inbox import SITE, Inbox, Posted, Verdict
from controller.ports import Clock
from controller.pump_worker import PumpWorker
from controller.self_test import SelfTest
from controller.sessions import (
    Session,
    SessionJournal,
    event_body,
    judged,
    lasting_decision,
    session_header,
    state_of,
)
from controller.store import Quarantined
from controller.surroundings import Loaded, Setting, Surroundings
from firmware_interfaces.readings import Channel, Identity

_EVERY_SESSION: Final = (events.ConditionSeen, events.ShutdownRequested)
_ACTIVE_SESSION: Final = (
    events.StopPressed,
    events.AlarmSeen,
    events.IdlePumpSeen,
    events.PermitExpired,
    events.PumpIdentified,
    events.CalibratorIdentified,
)


class UnknownSession(Exception):
    """No such session is open."""


class Daemon:
    """The sessions of one room and the only consumer of its inbox.

    `controller.life` furnishes, starts and ends it.
    """

    def __init__(self, setting: Setting, world: Surroundings, clock: Clock, inbox: Inbox) -> None:
        self.setting, self.world, self.clock, self.inbox = setting, world, clock, inbox
        self.sessions: dict[str, Session] = {}
        self.closed: dict[str, Session] = {}
        self.quarantined: tuple[Quarantined, ...] = ()
        self.conditions: dict[str, events.ConditionSeen] = {}
        self.people: Mapping[str, Any] = {"count": 0, "trouble": ""}
        self.pump_identity: Identity | None = None
        self.flush_identity: Identity | None = None
        self.calibrator_identity: Identity | None = None
        self.released: asyncio.Queue[str] = asyncio.Queue()
        self._loading = asyncio.Lock()
        self._judging = True
        self.herald: Herald
        self.pump: PumpWorker
        self.calibrator: CalibratorWorker
        self.site_journal: SessionJournal
        self.self_test: SelfTest

    # --- what others may ask -------------------------------------------------------------------

    def active(self) -> Session | None:
        """The session that holds the room, or None."""
        return next((s for s in self.sessions.values() if s.active), None)

    def doses(self, but: str = "") -> tuple[EarlierDose, ...]:
        """Every dose that began in a session of this site, leaving out the one called ``but``."""
        kept = (*self.closed.values(), *self.sessions.values())
        return doses_of(session for session in kept if session.id != but)

    def polled(self) -> str | None:
        """Name of the session that wants the pump polled now."""
        return next((s.id for s in self.sessions.values() if polls(s.state)), None)

    def tick_periods(self) -> list[tuple[str, int, int]]:
        """(session, silence after which it wants a tick in ns or 0 for never, its last event)."""
        return [(s.id, tick_ns(s.state), s.state.now_ns) for s in self.sessions.values()]

    async def request(
        self,
        session: str,
        kind: Callable[..., events.Event],
        *fields: object,
        **known: Proven | None,
    ) -> Verdict:
        """Post a person's event and return what became of it. Raises `UnknownSession`.

        ``known`` says who was recognised (`controller.core.event.ByPerson`). `SITE` leaves it to
        the daemon which session it concerns.
        """
        if session != SITE and session not in self.sessions:
            raise UnknownSession(session)
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        if not self.inbox.tell(session, kind, *fields, answer=answer, **known):
            name = getattr(kind, "__name__", "event")
            return Verdict(session, "", c.Refuse(name, "", "the inbox has room", "it is full"))
        return await answer

    async def stop(self, who: str, role: str, source: str) -> Verdict:
        """STOP from anybody; where nobody can judge it, the pump is stopped all the same."""
        if not self._judging:
            self._stop_pump("STOP while the judgement was down")
            return Verdict(SITE, "")
        verdict = await self.request(SITE, events.StopPressed, who, role, source)
        if verdict.refusal is not None:
            self._stop_pump("STOP found no room in the inbox")
            return replace(verdict, refusal=None)
        return verdict

    async def kept(self, verdict: Verdict) -> bool:
        """Whether what was judged is on the disk; waits until that is known."""
        session = self.sessions.get(verdict.session)
        if session is None or verdict.record is None:
            return False
        try:
            await session.journal.committed(verdict.record)
        except Exception:  # noqa: BLE001 - whatever the disk said: it is not known to be there
            return False
        return True

    async def load(
        self,
        order: Loaded,
        treatment: Treatment,
        who: str,
        role: str,
        proven: Proven | None = None,
    ) -> Verdict:
        """Begin a session with a checked order.

        Raises JournalFailed or OSError; nothing began then.
        """
        async with self._loading:
            holder = self.active()
            if holder is not None:
                found = f"session {holder.id} is under way"
                phase = holder.state.phase.value
                refusal = c.Refuse("OrderLoaded", phase, "one treatment at a time", found)
                return Verdict(holder.id, phase, refusal)
            session = await self._begin(order)
            said = (who, role, treatment)
            verdict = await self.request(session.id, events.OrderLoaded, *said, proven=proven)
            if verdict.refusal is not None:
                del self.sessions[session.id]
                await session.journal.close(2.0)
            return verdict

    async def _begin(self, order: Loaded) -> Session:
        name = self.world.new_id()
        known = (self.pump_identity, self.calibrator_identity, self.flush_identity)
        flush = self.setting.flush
        facts = {
            "session": name,
            "order": order.text,
            "order_hash": order.order_hash,
            "regimen": order.regimen,
            "regimen_text": order.regimen_text,
            "regimen_hash": order.regimen_hash,
            "gates": {"zone_min": order.zone_min, "oral": order.oral},
            **({"people": order.people} if order.people else {}),
            "devices": [plain(identity) for identity in known if identity is not None],
            "commissioned": plain(self.setting.commissioned),
            **({} if flush is None else {"flush_commissioned": plain(flush.commissioned)}),
        }
        limits = self.setting.limits
        header = session_header({**self.setting.header, **facts}, self.pump.epoch, limits)
        stamps = self.clock.monotonic_ns(), self.clock.utc_ns()
        journal = await self.world.store.create(name, header, order.text, stamps)
        state = state_of(name, header)
        session = self.sessions[name] = Session(name, state, journal, limits, header)
        self._tell_what_stands(name)
        return session

    def _tell_what_stands(self, session: str) -> None:
        """A new session hears who the devices are and which conditions of the host hold."""
        if self.pump_identity is not None:
            self.inbox.tell(session, events.PumpIdentified, self.pump_identity)
        if self.flush_identity is not None:
            self.inbox.tell(session, events.PumpIdentified, self.flush_identity, Channel.FLUSH)
        if self.calibrator_identity is not None:
            self.inbox.tell(session, events.CalibratorIdentified, self.calibrator_identity)
        for seen in self.conditions.values():
            condition = (seen.condition, seen.present, seen.evidence)
            self.inbox.tell(session, events.ConditionSeen, *condition)

    # --- the consumer --------------------------------------------------------------------------

    async def consume(self) -> None:
        """Take events for ever. The only place where sessions change."""
        self._judging = True
        while True:
            posted = await self.inbox.take()
            try:
                verdict = self._take(posted)
            except Exception as error:
                self._judging = False
                self._stop_pump(f"the judgement failed: {error}")
                if posted.answer is not None and not posted.answer.done():
                    posted.answer.set_exception(error)
                raise
            if posted.answer is not None and not posted.answer.done():
                posted.answer.set_result(verdict)
            if not self.inbox.empty:
                # A STOP that was decided leaves before whatever else waits here is judged.
                await asyncio.sleep(0)

    def _take(self, posted: Posted) -> Verdict:
        event = posted.event
        if isinstance(event, events.ConditionSeen) and posted.session == SITE:
            self._remember(event)
        targets = self._targets(posted)
        if not targets:
            return self._take_for_site(event)
        verdicts = [self._judge(session, event) for session in targets]
        return verdicts[0]

    def _remember(self, event: events.ConditionSeen) -> None:
        if event.present:
            self.conditions[event.condition] = event
        else:
            self.conditions.pop(event.condition, None)

    def _targets(self, posted: Posted) -> list[Session]:
        if posted.session != SITE:
            session = self.sessions.get(posted.session)
            return [] if session is None else [session]
        if isinstance(posted.event, _EVERY_SESSION):
            return [session for session in self.sessions.values() if session.open]
        active = self.active() if isinstance(posted.event, _ACTIVE_SESSION) else None
        return [] if active is None else [active]

    def _take_for_site(self, event: events.Event) -> Verdict:
        """Keep an event without a session in the site's journal; a STOP still reaches the pump."""
        if isinstance(event, events.StopPressed):
            self.pump.stop(SITE, self.pump.epoch)
        self.site_journal.append("event", event_body(event), event.mono_ns, event.utc_ns)
        self.herald.note(SITE, event, Phase.IDLE, ())
        return Verdict(SITE, Phase.IDLE.value)

    def _judge(self, session: Session, event: events.Event) -> Verdict:
        record = session.journal.append("event", event_body(event), event.mono_ns, event.utc_ns)
        before = session.state.phase
        session.state, decided = judged(session.state, event, session.limits)
        for command in decided:
            if isinstance(command, c.Stop):
                self.pump.stop(session.id, command.epoch)
        seq = record
        body, lasting = lasting_decision(record, before, session.state, decided)
        if body is not None:
            seq = session.journal.append("decision", body, event.mono_ns, event.utc_ns)
        for command in decided:
            if isinstance(command, c.GrantPermit) and self._keeps_up(session):
                self.pump.grant(command.permit)
        self._hand_out(session, lasting, seq)
        self.herald.note(session.id, event, session.state.phase, tuple(lasting))
        refusal = next((x for x in lasting if isinstance(x, c.Refuse)), None)
        signed = isinstance(event, events.ReleaseSigned) and refusal is None
        if signed and len(session.state.released) == RELEASES:
            self.released.put_nowait(session.id)
        return Verdict(session.id, session.state.phase.value, refusal, record)

    def _keeps_up(self, session: Session) -> bool:
        """Whether the journal is at most a permit's life behind.

        Otherwise permits are withheld and the driver stops the pump: after a crash nobody could
        bound what was pumped on readings that were lost with it (`motion.upper_nl`).
        """
        return session.journal.oldest_pending_ns <= min(self.setting.watchdogs_ns) // PERMIT_SHARE

    def _hand_out(self, session: Session, decided: Iterable[c.Command], seq: int) -> None:
        """Give each worker what is its own; nothing here waits."""
        durable = partial(session.journal.committed, seq)
        for command in decided:
            match command:
                case c.Prepare() | c.RunPump() | c.SetRate() | c.RecoverPump() | c.DisarmPump():
                    self.pump.submit(session.id, command, durable)
                case c.ReadAssay():
                    self.calibrator.submit(session.id, command)
                case _:
                    pass

    def task_died(self, name: str, reason: str) -> None:
        """Keep the death of a task in the site's journal and tell it outside."""
        stamps = self.clock.monotonic_ns(), self.clock.utc_ns()
        self.site_journal.append("task", {"task": name, "reason": reason}, *stamps)
        self.herald.task_died(name, reason)

    def note_sheet(self, session: str, reason: str) -> None:
        """Keep in the site's journal why a session has no downtime sheet beside it, or no print."""
        stamps = self.clock.monotonic_ns(), self.clock.utc_ns()
        self.site_journal.append("sheet", {"session": session, "reason": reason}, *stamps)

    def note_people(self, facts: Mapping[str, Any]) -> None:
        """Keep in the site's journal who came, left, or was refused; show who may act at all."""
        stamps = self.clock.monotonic_ns(), self.clock.utc_ns()
        self.site_journal.append("people", facts, *stamps)
        match facts["did"]:
            case "people":
                self.people = {"count": facts["count"], "trouble": ""}
            case "unusable":
                self.people = {**self.people, "trouble": facts["reason"]}
            case _:
                pass

    def _stop_pump(self, reason: str) -> None:
        """STOP without judgement, where the judgement itself is what failed."""
        active = self.active()
        self.pump.stop_unjudged(SITE if active is None else active.id)
        stamps = self.clock.monotonic_ns(), self.clock.utc_ns()
        self.site_journal.append("stop", {"reason": reason}, *stamps)
