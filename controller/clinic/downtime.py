"""What a person needs to finish a treatment by hand when the computers are down, as text on paper.

It is told numbers in base units, rounds them for a hand at a pump, and says what to do in which
order. How the page looks, and where the numbers come from, is decided elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Final

from controller.clinic.assay import expected_administered_bq
from controller.clinic.documents import utc_datetime
from controller.clinic.text import activity_text, rounded_down_text, rounded_up_text, volume_text
from firmware_interfaces.units import (
    NL_PER_ML,
    NS_PER_MIN,
    UL_PER_ML,
    MicrolitrePerHour,
    Nanoseconds,
    volume_down,
)

CLAMP: Final = "Clamp the line at the patient."
SIMULATED: Final = "SIMULATED"
COLD_RUN: Final = "COLD RUN: saline, no activity"
CHECKS_MIN: Final = (1, 5)
"""Site checks after the drug's arrival; then every `CHECK_EVERY_MIN` (treatment.md 4)."""
CHECK_EVERY_MIN: Final = 5
SPARE_ROWS: Final = 3
"""Lines of the table for what nobody could plan."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the profile: what the pump is set to, for how long, and what that gives."""

    rate_ul_h: int
    duration_ns: int
    volume_nl: int


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """One released treatment, in base units, as the judgement holds it.

    ``activity_bq`` is the assay decayed to the second release signature, ``expected_bq`` what of it
    the plan brings to the vein. ``barrel`` is what is left in the container so many ns after the
    start, by the profile; ``end_nl`` what is left when all is given. ``remedies`` are texts of the
    alarm table by row.
    """

    session: str
    site: str
    room: str
    simulated: bool
    cold: bool
    zone_min: int
    order_id: str
    patient_name: str
    patient_id: str
    birth_date: str
    drug: str
    nuclide: str
    lot: str
    container: str
    mounted: str
    prescribed_bq: int
    reference_utc_ns: int
    assay_bq: int
    assay_utc_ns: int
    activity_bq: int
    expected_bq: int
    released: tuple[tuple[str, int], ...]
    fill_nl: int
    planned_nl: int
    end_nl: int
    parts: tuple[Part, ...]
    arrival_ns: int
    barrel: tuple[tuple[int, int], ...]
    line_nl: int
    primed_with: str
    flush_nl: int
    flush_ul_h: int
    pump: str
    remedies: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their headings; an empty cell is written in by hand."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do, one after the other."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Both sides as plain text: what to do, and what is filled in.

    ``banners`` stand large on each side, ``whose`` names patient and session on the second.
    """

    title: str
    banners: tuple[str, ...]
    first: str
    facts: tuple[tuple[str, str], ...]
    rates: Table
    steps: tuple[Steps, ...]
    whose: str
    log: Table
    given: tuple[str, ...]
    signatures: tuple[str, ...]
    foot: str


def downtime_sheet(facts: SheetFacts) -> Sheet:
    """The page of one treatment. Rates and activities round down, what must stay rounds up."""
    cold, simulated = ((COLD_RUN,) if facts.cold else ()), (SIMULATED,) if facts.simulated else ()
    return Sheet(
        title="Downtime sheet: finish this treatment by hand",
        banners=(*cold, *simulated),
        first=CLAMP,
        facts=tuple(_facts(facts)),
        rates=_rates(facts),
        steps=_steps(facts),
        whose=f"{facts.patient_name}, {facts.patient_id}; {facts.drug}; session {facts.session}",
        log=_log(facts),
        given=_GIVEN,
        signatures=("First person: name, signature, date, time", "Second person: the same"),
        foot=f"Session {facts.session}, order {facts.order_id}. Goes into the patient's record.",
    )


def _facts(facts: SheetFacts) -> Iterator[tuple[str, str]]:
    yield "Patient", f"{facts.patient_name}, born {facts.birth_date}, {facts.patient_id}"
    lot = facts.lot or "is on the label"
    yield "Drug", f"{facts.drug}, {facts.nuclide}, lot {lot}"
    at = _at(facts, facts.reference_utc_ns)
    yield "Prescribed", f"{activity_text(facts.prescribed_bq)} at {at}"
    read = f"{activity_text(facts.assay_bq)}, read at {_at(facts, facts.assay_utc_ns)}"
    yield "Assayed", read
    if not facts.cold:
        released = facts.released[-1][1] if facts.released else facts.assay_utc_ns
        decayed = f"{activity_text(facts.activity_bq)} at {_at(facts, released)}"
        yield "Decayed to the release", decayed
        yield "Expected in the patient", activity_text(facts.expected_bq)
    people = ", ".join(f"{who} {_at(facts, at)}" for who, at in facts.released)
    yield "Released by", people
    yield "Container", f"{facts.mounted}, filled with {volume_text(facts.fill_nl)}"
    line = f"{volume_text(facts.line_nl)} from tip to vein, primed with {facts.primed_with}"
    yield "Line", f"{line}; {_minutes(facts.arrival_ns)} min until drug arrives"
    yield "Pump", f"{facts.pump}, {facts.room}, {facts.site}"


def _rates(facts: SheetFacts) -> Table:
    """Each part of the profile, and the flush after it."""
    rows = [_rate_row(facts, number, part) for number, part in enumerate(facts.parts, start=1)]
    flush = ("Flush, saline", _rate(facts.flush_ul_h), volume_text(facts.flush_nl), "", "", "")
    headings = ("", "rate mL/h", "volume", "for", "per mL", "per minute")
    return Table("What the pump is set to", headings, (*rows, flush))


def _rate_row(facts: SheetFacts, number: int, part: Part) -> tuple[str, ...]:
    name = "Drug" if len(facts.parts) == 1 else f"Drug, part {number}"
    minute_nl = volume_down(MicrolitrePerHour(part.rate_ul_h), Nanoseconds(NS_PER_MIN))
    return (
        name,
        _rate(part.rate_ul_h),
        f"{rounded_down_text(part.volume_nl, NL_PER_ML, 3)} mL",
        f"{_minutes(part.duration_ns)} min",
        _held(facts, NL_PER_ML),
        _held(facts, minute_nl),
    )


def _held(facts: SheetFacts, volume_nl: int) -> str:
    """The activity of a volume at the release; a cold run has none."""
    if facts.cold:
        return "none"
    return activity_text(expected_administered_bq(facts.activity_bq, facts.fill_nl, volume_nl))


def _steps(facts: SheetFacts) -> tuple[Steps, ...]:
    return (
        Steps("1. Stop", _stop(facts)),
        Steps("2. Go on only if two people agree, the site is well, and nothing leaks", _on(facts)),
        Steps("3. Flush", _flush(facts)),
        Steps("If something happens", _trouble(facts)),
    )


def _stop(facts: SheetFacts) -> tuple[str, ...]:
    return (
        CLAMP,
        "Stop the pump on its own key. If it still runs, pull its plug.",
        f"Read the {facts.container} together with a second person. Write down time and volume.",
        "Look at the site, the line and the pad. Not well, or not known: do not go on.",
    )


def _on(facts: SheetFacts) -> tuple[str, ...]:
    left = f"{rounded_up_text(facts.end_nl, NL_PER_ML, 1)} mL"
    most = f"{rounded_down_text(facts.planned_nl, NL_PER_ML, 3)} mL"
    where = facts.container
    part = "the rate above" if len(facts.parts) == 1 else "the rate of the part it has come to"
    return (
        f"What may still be given: the volume read less {left}. In all never more than {most}.",
        f"Set the pump by its manual: {where} ({facts.mounted}); {part}; stop at its end; no KVO.",
        "As volume: what may still be given. The second person reads all of it back.",
        "Open the clamps and start. Somebody stays with the patient; fill in the back.",
        f"Slower is allowed, faster is not. Stop when the {where} is at {left}.",
    )


def _flush(facts: SheetFacts) -> tuple[str, ...]:
    volume = volume_text(facts.flush_nl)
    return (
        f"Saline, {volume}, at most {_rate(facts.flush_ul_h)} mL/h; none after pain or a leak.",
        f"Clamp the line. Keep {facts.container}, line, pads and gloves: they are measured.",
    )


def _trouble(facts: SheetFacts) -> tuple[str, ...]:
    return (
        f"PAIN or SWELLING: {facts.remedies['pain']}",
        f"SPILL or leak: {facts.remedies['spill']}",
        f"The pump stalls: {facts.remedies['occlusion']}",
    )


_GIVEN: Final = (
    "Given by hand: begun at ____________   ended at ____________",
    "Drug given by hand: at least ________ mL, at most ________ mL, found by __________________",
    "Saline flushed by hand: ________ mL   Reason: ___________________________________________",
    "When the computer is back, enter this in the session as finished by hand; both people sign.",
    "Then residual and survey as always. Until then nothing is started by the computer.",
)


def _log(facts: SheetFacts) -> Table:
    """Lines for the start, every site check and the end, with what should be left then."""
    due = [("start", facts.barrel[0])]
    due += [(f"site, {_minutes(at)} min", (at, left)) for at, left in facts.barrel[1:-1]]
    due.append((f"end, {_minutes(facts.barrel[-1][0])} min", facts.barrel[-1]))
    rows = [
        (name, f"about {rounded_up_text(left, NL_PER_ML, 1)} mL", "", "", "", "")
        for name, (_, left) in due
    ]
    spare = ("", "", "", "", "", "")
    wanted = (
        "due after the start",
        "should be left",
        "clock",
        "is left, mL",
        "site well?",
        "initials",
    )
    return Table("Fill in", wanted, (*rows, *(spare,) * SPARE_ROWS))


def checks_ns(arrival_ns: int, duration_ns: int) -> tuple[int, ...]:
    """When the site is looked at, ns after the start: 1, 5, then every 5 min from arrival."""
    found, minutes = [], iter(CHECKS_MIN)
    due_min = next(minutes)
    while (at := arrival_ns + due_min * NS_PER_MIN) < duration_ns:
        found.append(at)
        due_min = next(minutes, due_min + CHECK_EVERY_MIN)
    return tuple(found)


def _rate(rate_ul_h: int) -> str:
    return rounded_down_text(rate_ul_h, UL_PER_ML, 2)


def _minutes(duration_ns: int) -> str:
    return rounded_up_text(duration_ns, NS_PER_MIN, 1)


def _at(facts: SheetFacts, utc_ns: int) -> str:
    """A time by the site's clock, with how far that is ahead of UTC."""
    zone = timezone(timedelta(minutes=facts.zone_min))
    return f"{utc_datetime(Nanoseconds(utc_ns)).astimezone(zone):%Y-%m-%d %H:%M %Z}"
