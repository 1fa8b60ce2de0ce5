"""The transition table: whether an event acts in a phase, is refused, or is only noted.

Rows are data; the handlers stand in the modules beside this one. The README's state diagram is made
from the same rows by ``python -m controller.core.table``.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from controller.core import (
    aftermath,
    bedside,
    custody,
    device_events,
    gates,
    host_events,
    hot_lab,
    idle_pump,
    interruption,
    late_entry,
)
from controller.core import events as e
from controller.core.limits import Limits
from controller.core.rules import Refused, Result
from controller.core.state import Phase, State

Handler = Callable[[State, Any, Limits], Result | Refused]

P = Phase
ALL: Final = frozenset(Phase)
GOING: Final = frozenset({P.RELEASED, P.SEATED, P.ARMED, P.INFUSING, P.FLUSHING})
WATCHED: Final = GOING | {P.HELD, P.STOPPED, P.UNCERTAIN}
OPEN: Final = ALL - {P.IDLE, P.CLOSED}
BEFORE_DRUG: Final = frozenset(
    {P.ORDERED, P.ASSAYED, P.RELEASED, P.SEATED, P.ARMED, P.HELD, P.STOPPED}
)
"""Phases from which drug may still begin to flow, or go on."""


@dataclass(frozen=True, slots=True)
class Row:
    """In these phases this handler takes this event; ``to`` names where it may lead."""

    event: type[e.Event]
    phases: frozenset[Phase]
    handler: Handler
    to: tuple[Phase, ...] = ()


def _row(
    event: type[e.Event], phases: set[Phase] | frozenset[Phase], handler: Handler, *to: Phase
) -> Row:
    return Row(event, frozenset(phases), handler, to)


ROWS: Final = (
    # hot lab
    _row(e.OrderLoaded, {P.IDLE}, hot_lab.order_loaded, P.ORDERED),
    _row(e.DirectiveSigned, OPEN, gates.directive_signed),
    _row(e.DirectiveRevised, {P.ORDERED, P.ASSAYED}, gates.directive_revised),
    _row(e.DirectiveRevised, {P.RELEASED}, gates.directive_revised, P.ASSAYED),
    _row(e.GateAnswered, BEFORE_DRUG, gates.gate_answered),
    _row(e.GateOverridden, BEFORE_DRUG, gates.gate_overridden),
    _row(e.AssayRequested, {P.ORDERED, P.ASSAYED, P.RELEASED}, hot_lab.assay_requested),
    _row(e.AssayRead, {P.ORDERED, P.ASSAYED, P.RELEASED}, hot_lab.assay_read,
         P.ASSAYED, P.ORDERED),
    _row(e.AssayFailed, {P.ORDERED, P.ASSAYED, P.RELEASED, P.RESIDUAL}, hot_lab.assay_failed),
    _row(e.AssayRead, WATCHED - {P.RELEASED}, hot_lab.assay_late),
    _row(e.AssayFailed, WATCHED - {P.RELEASED}, hot_lab.assay_late),
    _row(e.ReleaseSigned, {P.ASSAYED}, hot_lab.release_signed, P.RELEASED),
    _row(e.ReleaseSigned, {P.RELEASED, P.SEATED, P.ARMED}, hot_lab.time_out_repeated),
    _row(e.CancelRequested, {P.ORDERED}, hot_lab.cancel_requested, P.CLOSED, P.RESIDUAL),
    _row(e.CancelRequested, {P.ASSAYED, P.RELEASED}, hot_lab.cancel_requested, P.RESIDUAL),
    _row(e.CustodyHandedOver, {P.ASSAYED, P.RELEASED, P.STOPPED, P.RESIDUAL}, custody.handed_over),
    # bedside
    _row(e.PatencyRequested, {P.RELEASED, P.STOPPED}, bedside.patency_requested),
    _row(e.PatencyConfirmed, {P.RELEASED, P.STOPPED}, bedside.patency_confirmed),
    _row(e.SeatRequested, {P.RELEASED}, bedside.seat_requested),
    _row(e.SeatConfirmed, {P.RELEASED}, bedside.seat_confirmed, P.SEATED),
    _row(e.ConnectionConfirmed, {P.SEATED}, bedside.connection_confirmed),
    _row(e.ArmRequested, {P.SEATED}, bedside.arm_requested),
    _row(e.StartRequested, {P.ARMED}, bedside.start_requested),
    _row(e.StartConfirmed, {P.ARMED}, bedside.start_confirmed, P.INFUSING),
    # interruptions
    _row(e.StopPressed, ALL, interruption.stop_pressed),
    _row(e.PainPressed, WATCHED, interruption.button_pressed),
    _row(e.SpillPressed, WATCHED, interruption.button_pressed),
    _row(e.PatientMovedPressed, GOING | {P.HELD}, interruption.patient_moved),
    _row(e.SiteChecked, WATCHED, interruption.site_checked),
    _row(e.BarrelRead, WATCHED, interruption.barrel_read),
    _row(e.HoldRequested, GOING, interruption.hold_requested, P.HELD),
    _row(e.ResumeRequested, {P.HELD}, interruption.resume_requested,
         P.RELEASED, P.SEATED, P.ARMED, P.FLUSHING, P.RESIDUAL),
    _row(e.ResumeRequested, {P.STOPPED}, interruption.resume_requested, P.RELEASED),
    _row(e.Acknowledged, OPEN, interruption.acknowledged),
    _row(e.AudioPaused, OPEN, interruption.audio_paused),
    _row(e.AbortRequested, GOING | {P.HELD}, interruption.abort_requested, P.STOPPED),
    _row(e.EndRequested, {P.STOPPED}, interruption.end_requested, P.RESIDUAL),
    # flush
    _row(e.FlushRequested, {P.FLUSHING}, bedside.flush_requested),
    _row(e.FlushRequested, {P.STOPPED}, bedside.flush_requested, P.FLUSHING),
    _row(e.KvoRequested, {P.HELD}, bedside.kvo_requested),
    _row(e.FlushConfirmed, {P.FLUSHING, P.STOPPED}, bedside.flush_confirmed, P.RESIDUAL),
    # after
    _row(e.FinishedByHand, WATCHED - {P.INFUSING, P.FLUSHING}, late_entry.finished_by_hand,
         P.RESIDUAL),
    _row(e.DeliveryBounded, {P.UNCERTAIN}, aftermath.delivery_bounded, P.STOPPED),
    _row(e.GivenUp, {P.UNCERTAIN, P.STOPPED}, aftermath.given_up, P.STOPPED),
    _row(e.ResidualRequested, {P.RESIDUAL}, aftermath.residual_requested),
    _row(e.AssayRead, {P.RESIDUAL}, aftermath.residual_read),
    _row(e.SurveyRecorded, {P.RESIDUAL}, aftermath.survey_recorded),
    _row(e.CloseRequested, {P.RESIDUAL}, aftermath.close_requested, P.CLOSED),
    # devices
    _row(e.PumpIdentified, ALL, device_events.pump_identified),
    _row(e.CalibratorIdentified, ALL, device_events.calibrator_identified),
    _row(e.PumpPrepared, {P.RELEASED, P.FLUSHING}, device_events.pump_prepared),
    _row(e.PumpPrepared, {P.SEATED, P.HELD, P.STOPPED}, device_events.pump_prepared, P.ARMED),
    _row(e.PrepareFailed, WATCHED, device_events.prepare_failed),
    _row(e.RunStarted, WATCHED, device_events.run_started),
    _row(e.RunRefused, WATCHED, device_events.run_refused),
    _row(e.WriteLost, GOING | {P.HELD, P.STOPPED}, device_events.write_lost, P.UNCERTAIN),
    _row(e.PumpRead, WATCHED, device_events.pump_read),
    _row(e.PumpSilent, WATCHED, device_events.pump_silent),
    _row(e.AlarmSeen, WATCHED, device_events.alarm_seen, P.UNCERTAIN),
    _row(e.IdlePumpSeen, WATCHED, idle_pump.idle_pump_seen),
    _row(e.StopConfirmed, {P.INFUSING}, device_events.stop_confirmed, P.FLUSHING, P.UNCERTAIN),
    _row(e.StopConfirmed, {P.FLUSHING}, device_events.stop_confirmed, P.RESIDUAL, P.UNCERTAIN),
    _row(e.StopConfirmed, ALL - {P.INFUSING, P.FLUSHING}, device_events.stop_confirmed),
    _row(e.StopUnconfirmed, ALL, device_events.stop_unconfirmed),
    _row(e.PumpRecovered, {P.UNCERTAIN}, device_events.pump_recovered, P.STOPPED),
    _row(e.PermitExpired, WATCHED, device_events.permit_expired),
    # the host
    _row(e.Ticked, ALL, host_events.ticked),
    _row(e.Booted, WATCHED, host_events.booted, P.UNCERTAIN),
    _row(e.Booted, ALL - WATCHED, host_events.booted),
    _row(e.ConditionSeen, ALL, host_events.condition_seen),
    _row(e.ShutdownRequested, ALL, host_events.shutdown_requested),
)  # fmt: skip

EVENTS: Final = tuple(dict.fromkeys(row.event for row in ROWS))
HANDLERS: Final = {(phase, row.event): row.handler for row in ROWS for phase in row.phases}
TRIPS_FROM: Final = GOING | {P.HELD}


def is_request(event: type[e.Event]) -> bool:
    """True for what a person asks for: refused where no row takes it. Facts are noted instead."""
    return issubclass(event, e.ByPerson)


def diagram() -> str:
    """The state diagram of the table as Mermaid text."""
    edges: dict[tuple[Phase, Phase], list[str]] = {}
    for row in ROWS:
        for phase in sorted(row.phases, key=lambda p: p.value):
            for to in row.to:
                edges.setdefault((phase, to), []).append(row.event.__name__)
    for phase in sorted(TRIPS_FROM, key=lambda p: p.value):
        edges.setdefault((phase, P.STOPPED), []).append("trip")
    lines = ["stateDiagram-v2", "    [*] --> IDLE"]
    lines += [
        f"    {a.value} --> {b.value}: {', '.join(dict.fromkeys(names))}"
        for (a, b), names in edges.items()
        if a is not b
    ]
    return "\n".join([*lines, "    CLOSED --> [*]"])


if __name__ == "__main__":
    sys.stdout.write(diagram() + "\n")
