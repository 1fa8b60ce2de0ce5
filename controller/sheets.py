"""The downtime sheet of a session: gathers its numbers, keeps it beside the journal, prints it.

Every number is asked of what the judgement itself uses. A sheet that could not be kept or printed
stops nothing: it is noted in the site's journal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from controller.chain import JournalBroken, Record
from controller.clinic.answers import VialRead
from controller.clinic.assay import expected_administered_bq
from controller.clinic.documents import DocumentError, utc_ns
from controller.clinic.downtime import Part, SheetFacts, checks_ns, downtime_sheet
from controller.clinic.gate_labels import lot_of
from controller.clinic.order import parse_order
from controller.clinic.text import decimal_text
from controller.core.bedside import RELEASES, arrival_active_ns, drug_profile, flush_rate_ul_h
from controller.core.codec import CodecError
from controller.core.gates import asked_of
from controller.core.hot_lab import assay_at
from controller.core.limits import Limits
from controller.core.profile import Profile, duration_ns
from controller.core.profile import planned_nl as due_nl
from controller.core.state import State
from controller.core.treatment import Treatment
from controller.core.words import rows_for
from controller.daemon import Daemon
from controller.records import NoRecord, directive_text
from controller.sessions import fold_state, limits_of
from controller.sheet_html import page
from firmware_interfaces.units import (
    UM_PER_MM,
    MicrolitrePerHour,
    Nanoseconds,
    volume_down,
)

NAME: Final = "downtime.html"
PRINT_S: Final = 30.0
REMEDIES: Final = ("pain", "spill", "occlusion")
Print = Callable[[Path], Awaitable[None]]


def sheet_of_journal(records: list[Record], site: Limits) -> str:
    """The page of a journalled session. Raises `NoRecord` and `CodecError`."""
    header = records[0].body
    session = header.get("session")
    if not isinstance(session, str):
        raise NoRecord("must be the journal of a treatment")
    return sheet_of(header, fold_state(session, records, limits_of(header, site)))


def sheet_of(header: Mapping[str, Any], state: State) -> str:
    """The page of a session that two people have released. Raises `NoRecord`."""
    return page(downtime_sheet(sheet_facts(header, state)))


def sheet_facts(header: Mapping[str, Any], state: State) -> SheetFacts:
    """What the page says, in base units. Raises `NoRecord` before two people have released."""
    if state.treatment is None or len(state.released) < RELEASES or not state.planned_nl:
        raise NoRecord("must be a session that two people have released")
    assert state.assay is not None
    assert state.assay.activity_bq is not None
    assert state.assay_utc_ns is not None
    try:
        order = parse_order(directive_text(header, state))
    except DocumentError as error:
        raise NoRecord(f"must have an order that can be read: {error}") from error
    treatment, kinds = state.treatment, tuple(header["kinds"])
    profile = drug_profile(state)
    activity = assay_at(state, state.released[-1].utc_ns)
    given_nl = state.planned_nl + treatment.primed_nl
    filled_nl = treatment.fill_nl - treatment.primed_nl
    rows = rows_for(kinds)
    return SheetFacts(
        session=state.session,
        site=header["site"],
        room=header["room"],
        simulated=header["simulated"],
        cold=treatment.cold,
        zone_min=0 if state.papers is None else state.papers.zone_min,
        order_id=treatment.order_id,
        patient_name=order.patient.name,
        patient_id=treatment.patient_id,
        birth_date=order.patient.birth_date.isoformat(),
        drug=treatment.drug,
        nuclide=treatment.nuclide,
        lot=_lot(state),
        container="syringe" if treatment.diameter_um else "vial",
        mounted=_mounted(treatment),
        prescribed_bq=treatment.prescribed_bq,
        reference_utc_ns=utc_ns(order.reference_time),
        assay_bq=state.assay.activity_bq,
        assay_utc_ns=state.assay_utc_ns,
        activity_bq=activity,
        expected_bq=expected_administered_bq(activity, treatment.fill_nl, given_nl),
        released=tuple((signed.name or signed.who, signed.utc_ns) for signed in state.released),
        fill_nl=treatment.fill_nl,
        planned_nl=state.planned_nl,
        end_nl=filled_nl - state.planned_nl,
        parts=tuple(map(_part, profile)),
        arrival_ns=arrival_active_ns(state),
        barrel=_barrel(profile, filled_nl, arrival_active_ns(state)),
        line_nl=treatment.line_dead_nl,
        primed_with=treatment.primed_with,
        flush_nl=treatment.flush_volume_nl,
        flush_ul_h=flush_rate_ul_h(state),
        pump=kinds[0],
        remedies={id_: rows[id_].remedy for id_ in REMEDIES},
    )


def _part(part: tuple[int, int]) -> Part:
    rate, time = part
    return Part(rate, time, volume_down(MicrolitrePerHour(rate), Nanoseconds(time)))


def _barrel(profile: Profile, filled_nl: int, arrival_ns: int) -> tuple[tuple[int, int], ...]:
    """What is left in the container at the start, at each site check and at the end."""
    length_ns = duration_ns(profile)
    times = (0, *checks_ns(arrival_ns, length_ns), length_ns)
    return tuple((at, filled_nl - due_nl(profile, at)) for at in times)


def _mounted(treatment: Treatment) -> str:
    if not treatment.diameter_um:
        return treatment.syringe
    bore = decimal_text(treatment.diameter_um, UM_PER_MM, 2)
    return f"{treatment.syringe}, inner diameter {bore} mm"


def _lot(state: State) -> str:
    """The lot of the vial, once that was read at its gate."""
    if state.papers is None:
        return ""
    vial = asked_of(state.papers, state.now_utc_ns).answers.of("vial", VialRead)
    return "" if vial is None else lot_of(vial)


async def sheet_html(daemon: Daemon, session: str) -> str:
    """The page of an open or closed session. Raises `NoRecord`."""
    live = daemon.sessions.get(session)
    if live is not None:
        return sheet_of(live.header, live.state)
    try:
        records = await daemon.world.store.read(session)
        return sheet_of_journal(records, daemon.setting.limits)
    except FileNotFoundError as error:
        raise NoRecord("must be a session of this site") from error
    except (JournalBroken, CodecError) as error:
        raise NoRecord(f"must have a journal that holds: {error}") from error


class SheetKeeper:
    """Keeps and prints the page of each released session. ``printed`` is given its file."""

    def __init__(self, daemon: Daemon, printed: Print | None = None) -> None:
        self._daemon, self._printed = daemon, printed

    async def run(self) -> None:
        """Take what was released until cancelled."""
        while True:
            await self.keep(await self._daemon.released.get())

    async def keep(self, session: str) -> None:
        """Keep the page of one session; what goes wrong is noted, and nothing waits for it."""
        live = self._daemon.sessions.get(session)
        if live is None:
            return
        try:
            text = sheet_of(live.header, live.state)
            path = await self._daemon.world.store.keep(session, NAME, text)
            if self._printed is not None:
                await self._printed(path)
        except (NoRecord, OSError, TimeoutError) as error:
            self._daemon.note_sheet(session, f"{type(error).__name__}: {error}")


def printer(command: Sequence[str], timeout_s: float = PRINT_S) -> Print:
    """Give the file to a command of the site's as its last argument, within bounds.

    What it returns raises OSError where it cannot be run or fails, TimeoutError where it hangs.
    """

    async def printed(path: Path) -> None:
        nothing = asyncio.subprocess.DEVNULL
        child = await asyncio.create_subprocess_exec(
            *command, str(path), stdin=nothing, stdout=nothing, stderr=nothing
        )
        try:
            code = await asyncio.wait_for(child.wait(), timeout_s)
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if code:
            raise OSError(f"{command[0]} ended with {code}")

    return printed
