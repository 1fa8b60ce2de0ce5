"""A treatment record that a person can read on a terminal: aligned, one idea a line.

Shows what the record holds and computes nothing but units.
"""

from collections.abc import Iterator
from typing import Any, Final

from controller.clinic.record_model import RecordLateEntry, TreatmentRecord
from controller.clinic.text import activity_text
from firmware_interfaces.units import megabecquerel, scaled_up

LABEL_WIDTH: Final = 30
COLD_BANNER: Final = "COLD RUN    COLD RUN    COLD RUN    saline, no activity    COLD RUN"
BANNER: Final = "SIMULATED    SIMULATED    SIMULATED    no patient, no activity    SIMULATED"
NONE: Final = "not measured"


def render_text(record: TreatmentRecord) -> str:
    """Return the whole record as text; a simulated one, and a cold run, stands under a banner."""
    sections = (_head, _ordered, _activities, _volumes, _judgement, _alarms, _gates, _people, _end)
    lines = [line for section in sections for line in (*section(record), "")]
    shown = ((COLD_BANNER, record.cold_run), (BANNER, record.simulated))
    for banner in (banner for banner, holds in shown if holds):
        lines = [banner, "", *lines, banner]
    return "\n".join(lines).rstrip() + "\n"


def _row(label: str, value: object) -> str:
    return f"{label:<{LABEL_WIDTH}}{value}"


def _mbq(value: float | None, uncertainty_percent: float | None = None) -> str:
    if value is None:
        return NONE
    text = activity_text(megabecquerel(value))
    if uncertainty_percent is None:
        return text
    # An uncertainty is never understated: 5.51 prints as 5.6.
    return f"{text} +- {scaled_up(uncertainty_percent, 10) / 10:.1f} % (k = 2)"


def _head(record: TreatmentRecord) -> Iterator[str]:
    yield _row("Treatment record", record.session)
    yield _row("Outcome", record.outcome.replace("_", " "))
    yield _row("Site", record.site)
    yield _row("Patient", f"{record.patient.name} ({record.patient.id})")


def _ordered(record: TreatmentRecord) -> Iterator[str]:
    yield "ORDERED"
    yield _row("Order", f"{record.order_id}, regimen {record.regimen}")
    yield _row("Drug, nuclide, route", f"{record.drug}, {record.nuclide}, {record.route}")
    yield _row("Prescribed", _mbq(record.prescribed_mbq))
    if record.prescribed_range_mbq is not None:
        low, high = record.prescribed_range_mbq
        yield _row("Prescribed range", f"{_mbq(low)} to {_mbq(high)}")


def _activities(record: TreatmentRecord) -> Iterator[str]:
    half_life = record.half_life
    yield f"ACTIVITY at the infusion's start (half-life {half_life.days} d, {half_life.source})"
    if record.assay is not None:
        yield _row("Assay as read", f"{_mbq(record.assay.mbq)} at {record.assay.at}")
    yield _row("Assayed", _mbq(record.assayed_mbq))
    yield _row("Expected administered", _mbq(record.expected_mbq))
    residual_route = record.delivered_mbq is not None
    uncertainty = record.uncertainty_percent if residual_route else None
    yield _row("Delivered, by residual", _mbq(record.delivered_mbq, uncertainty))
    by_volume, of_volume = record.delivered_by_volume_mbq, record.uncertainty_by_volume_percent
    yield _row("Delivered, by volume", _mbq(by_volume, of_volume))
    low, high = record.delivered_interval_mbq or (0.0, 0.0)
    if low != high:
        yield _row("Delivered, between", f"{_mbq(low)} and {_mbq(high)}")
    yield _row("Residual", _mbq(record.residual_mbq))
    yield _row("Waste", _mbq(record.waste_mbq))
    yield _row("Prime", _mbq(record.prime_mbq))


def _volumes(record: TreatmentRecord) -> Iterator[str]:
    low, high = record.pumped_interval_ml
    bounds = "" if low == high else f" (at most {high:.3f} mL)"
    yield "VOLUME"
    yield _row("Planned", f"{record.planned_ml:.3f} mL")
    yield _row("Pumped, by the counter", f"{record.pumped_ml:.3f} mL{bounds}")
    yield _row("Delivered, past the line", f"{record.delivered_ml:.3f} mL")
    if record.in_line_ml is not None:
        yield _row("Still in the line", f"{record.in_line_ml:.3f} mL")
    yield _row("Infusion", f"{record.infusion_s:.1f} s")
    if record.late_entry is not None:
        yield from _late_entry(record.late_entry)


def _late_entry(entry: RecordLateEntry) -> Iterator[str]:
    low, high = entry.given_ml
    people = " and ".join(entry.entered_by)
    yield f"FINISHED BY HAND, ENTERED LATE at {entry.entered_at} by {people}"
    yield _row("Given by hand", f"{low:.3f} to {high:.3f} mL, found by: {entry.method}")
    yield _row("", f"from {entry.begun_at} to {entry.ended_at} by {entry.given_by}")
    yield _row("Flushed by hand", f"{entry.flushed_ml:.3f} mL")
    yield _row("Why by hand", entry.reason)


def _judgement(record: TreatmentRecord) -> Iterator[str]:
    yield "JUDGEMENT"
    if record.assay_band is not None:
        yield _row("Assay, of prescribed", f"{record.assay_deviation} ({record.assay_band})")
    if record.deviation_band is not None:
        yield _row("Delivered, of prescribed", f"{record.deviation} ({record.deviation_band})")
    if record.residual_band is not None:
        yield _row("Residual, share", record.residual_band)
    if record.agreement is not None:
        found = record.agreement
        verb = "agree" if found.agrees else "DISAGREE"
        difference = f"{found.difference_percent:+.2f} % of the assay"
        yield _row("Routes", f"{verb}: {difference}, allowed {found.allowed_percent:.2f} %")
    for reason in record.candidates:
        yield _row("Candidate medical event", f"{reason}: a person decides")


def _alarms(record: TreatmentRecord) -> Iterator[str]:
    yield "ALARMS" if record.alarms else "ALARMS: none"
    for alarm in record.alarms:
        yield _row(f"  {alarm.at}", f"{alarm.priority} {alarm.action}: {alarm.text} [{alarm.id}]")
        if alarm.evidence:
            yield _row("", alarm.evidence)
    for what in record.not_observable:
        yield _row("Not observable here", what)


def _gates(record: TreatmentRecord) -> Iterator[str]:
    yield "GATES"
    if not record.gates:
        yield "None: the session was begun before there were any"
    for gate in record.gates:
        said = "not answered" if gate.by is None else f"{gate.by}, {gate.at}"
        yield _row(f"{gate.id.replace('_', ' ')}", said)
        if gate.override is not None:
            yield _row("", f"overridden by {gate.overridden_by}: {gate.override}")


def _people(record: TreatmentRecord) -> Iterator[str]:
    yield "PEOPLE" if record.people else "PEOPLE: none"
    for person in record.people:
        who = f"{person.name} ({person.role}, {person.operator_id})"
        yield _row(f"  {person.at}", f"{person.meaning}: {who}, identity {person.identity}")


def _end(record: TreatmentRecord) -> Iterator[str]:
    yield "TIMES (UTC)"
    for name, at in sorted(record.times.items(), key=lambda item: item[1]):
        yield _row(f"  {name.replace('_', ' ')}", at)
    for device in record.devices:
        told = (
            f"{key} {'not told' if value in (None, '') else value}" for key, value in device.items()
        )
        yield _row("Device", ", ".join(told))
    for name, version in record.versions.items():
        yield _row(f"Version, {name}", version)
    for name, value in _flat(record.ground_truth or {}):
        yield _row("Ground truth", f"{name}: {value}")
    yield _row("Order hash", record.order_hash)
    yield _row("Journal head", record.journal_head)


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Each value with the names above it; what holds nothing says so."""
    for key, value in values.items():
        name = f"{above}{key.replace('_', ' ')}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{name}, ")
        else:
            yield name, "none" if value in ({}, [], ()) else str(value)
