"""The alarm table: every row of treatment.md section 3, what it does and what a person does then.

Data only. A row whose evidence channel the device set lacks is never armed and is shown as
"not observable here" everywhere. Priorities follow IEC 60601-1-8 (high, medium, low).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from controller.core.state import Phase


class Priority(Enum):
    """IEC 60601-1-8 alarm priorities."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Action(Enum):
    """What a row does (treatment.md 3)."""

    TRIP = "trip"
    ADVISORY = "advisory"
    START_REFUSAL = "start_refusal"


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One row.

    ``channel`` names the evidence it needs; ``text`` and ``remedy`` are for the ward.
    """

    id: str
    priority: Priority
    action: Action
    phases: frozenset[Phase]
    channel: str
    text: str
    remedy: str


MOVING: Final = frozenset(
    {Phase.RELEASED, Phase.SEATED, Phase.INFUSING, Phase.FLUSHING, Phase.STOPPED}
)
BEDSIDE: Final = frozenset(
    {Phase.RELEASED, Phase.SEATED, Phase.ARMED, Phase.INFUSING, Phase.FLUSHING, Phase.HELD}
)
DRUG: Final = frozenset({Phase.INFUSING})
OPEN: Final = frozenset(Phase) - {Phase.IDLE, Phase.CLOSED}
ALL: Final = frozenset(Phase)
WAITING: Final = frozenset({Phase.HELD, Phase.FLUSHING})
LATCHING: Final = BEDSIDE | {Phase.STOPPED, Phase.UNCERTAIN}

COUNTER: Final = "pump counter"
STATUS: Final = "pump status"
HOST: Final = "host"
PERSON: Final = "person"
PRESSURE: Final = "line pressure"
AIR: Final = "air sensor"
DOOR: Final = "door or clamp sensor"
SYRINGE: Final = "syringe sensor"
SITE_RATE: Final = "count rate at the IV site"
AREA_RATE: Final = "count rate in the area"
BATTERY: Final = "pump battery"
HOSE: Final = "hose sensor"
LEVEL: Final = "container level sensor"

CLAMP: Final = "Clamp the line at the patient. "
_H, _M, _L = Priority.HIGH, Priority.MEDIUM, Priority.LOW
_T, _A, _S = Action.TRIP, Action.ADVISORY, Action.START_REFUSAL


def _row(
    id_: str,
    priority: Priority,
    action: Action,
    phases: frozenset[Phase],
    channel: str,
    text: str,
    remedy: str,
) -> AlarmRow:
    return AlarmRow(
        id_, priority, action, phases, channel, text, CLAMP + remedy if action is _T else remedy
    )


ROWS: Final = (
    # --- the stop itself -------------------------------------------------------------------------
    _row("stop_unconfirmed", _H, _T, ALL, STATUS, "STOP is not confirmed by the pump",
         "Stop the pump on its own key and pull its plug if it still runs."),
    _row("uncertain", _H, _T, LATCHING, COUNTER, "Nobody knows for certain what was pumped",
         "Read the syringe barrel with a second person and enter the volume."),
    _row("restarted", _H, _T, LATCHING, HOST, "The controller was restarted during a treatment",
         "Check pump, line and site before anything goes on."),
    _row("permit_expired", _H, _T, LATCHING, HOST, "The controller stopped judging in time",
         "Check that the pump rests; call support if it comes again."),
    # --- what a person pressed -------------------------------------------------------------------
    _row("stop_pressed", _H, _T, LATCHING, PERSON, "STOP was pressed", "Find out why."),
    _row("pain", _H, _T, LATCHING, PERSON, "PAIN or SWELLING at the site",
         "Do not flush. Treat as extravasation until a physician has seen the site."),
    _row("spill", _H, _T, LATCHING, PERSON, "SPILL was pressed",
         "Cover the spill, keep people away, call radiation safety."),
    _row("leak", _H, _T, LATCHING, PERSON, "A leak was seen during the patency run",
         "Change line or site; a new patency run is needed."),
    _row("patient_moved", _M, _A, BEDSIDE, PERSON, "The patient moved",
         "Look at the IV site and the connections now."),
    # --- the pump says so ------------------------------------------------------------------------
    _row("occlusion", _H, _T, LATCHING, STATUS, "The pump's motor stalled (occlusion)",
         "Look for a closed clamp or a kink. Release pressure away from the patient."),
    _row("pump_reset", _H, _T, LATCHING, STATUS, "The pump lost power or was reset",
         "Check its power; read the barrel: the pump's counter is lost."),
    _row("watchdog_fired", _H, _T, LATCHING, STATUS, "The pump stopped: it heard nothing from us",
         "Check cable and controller."),
    _row("program_error", _H, _T, LATCHING, STATUS, "The pump reports a programme error",
         "Use another pump."),
    _row("pump_fault", _H, _T, LATCHING, STATUS, "The pump reports a fault of its own",
         "Use another pump."),
    _row("hose_rupture", _H, _T, LATCHING, HOSE, "The pump's hose is torn",
         "There is drug in the pump: treat it as a spill."),
    _row("container_empty", _H, _T, LATCHING, LEVEL, "The container is empty",
         "Look for air in the line before anything goes on."),
    _row("container_low", _L, _A, BEDSIDE, LEVEL, "The container is nearly empty",
         "Compare it with what is still to be given."),
    _row("readback", _H, _T, LATCHING, STATUS, "The pump did not hold what it was told",
         "Check the syringe and the pump's settings with a second person."),
    _row("run_refused", _H, _T, LATCHING, STATUS, "The pump did not start",
         "Check pump, syringe and settings; programme it again."),
    _row("stopped_cause_lost", _H, _T, MOVING, STATUS, "The pump stopped and nobody told it to",
         "Look at pump, line and site."),
    _row("take_over", _H, _T, LATCHING, STATUS,
         "The pump does something it was not told to do",
         "Somebody may be using its keys: stop it there."),
    _row("identity", _H, _T, LATCHING, STATUS, "Another pump answers than the one set up",
         "Check which pump is connected."),
    # --- the counter shows it --------------------------------------------------------------------
    _row("status_stale", _H, _T, MOVING, STATUS, "The pump does not answer",
         "Check the cable; the pump stops by itself within its watchdog time."),
    _row("no_flow", _H, _T, MOVING, COUNTER, "The pump says it runs but its counter stands",
         "Look at pump and syringe."),
    _row("free_flow", _H, _T, MOVING, COUNTER, "Far more was pumped than the rate allows",
         "Check syringe, its holder and the pump's settings."),
    _row("reversed", _H, _T, MOVING, COUNTER, "The pump withdrew", "Stop it on its own key."),
    _row("counter_fell", _H, _T, MOVING, COUNTER, "The pump's counter went backwards",
         "Read the barrel; the counter cannot be trusted."),
    _row("counter_jumped", _H, _T, MOVING, COUNTER, "The pump's counter jumped",
         "Read the barrel; the counter cannot be trusted."),
    _row("rate_high", _H, _T, MOVING, COUNTER, "The rate is too high",
         "Check syringe size and the pump's settings."),
    _row("rate_low", _M, _A, MOVING, COUNTER, "The rate is too low",
         "Look for a kink; the infusion goes on."),
    _row("overrun", _M, _T, MOVING, COUNTER, "The infusion takes far longer than planned",
         "Look for a slow occlusion."),
    _row("cumulative_high", _H, _T, MOVING, COUNTER, "More was pumped than planned by now",
         "Check syringe size and the pump's settings."),
    _row("cumulative_low", _M, _A, MOVING, COUNTER, "Less was pumped than planned by now",
         "Look for a kink; the infusion goes on."),
    _row("projection", _H, _T, MOVING, COUNTER, "The released volume could be exceeded",
         "Check the pump's programmed volume."),
    _row("barrel_mismatch", _H, _T, LATCHING, PERSON, "Barrel and pump counter disagree",
         "Check the syringe size set in the pump against the syringe mounted."),
    # --- the host --------------------------------------------------------------------------------
    _row("monotonic", _H, _T, LATCHING, HOST, "The controller's clock failed", "Call support."),
    _row("journal_failed", _H, _T, LATCHING, HOST, "The record cannot be written",
         "Free or replace the disk before anything goes on."),
    _row("lag", _H, _T, LATCHING, HOST, "The controller fell behind", "Call support."),
    _row("inbox_overflow", _H, _T, LATCHING, HOST, "The controller is flooded", "Call support."),
    _row("task_died", _H, _T, LATCHING, HOST, "A part of the controller failed", "Call support."),
    _row("shutdown", _H, _T, LATCHING, HOST, "The controller is being shut down",
         "Wait for the pump to rest."),
    _row("repeat_lock", _H, _T, LATCHING, HOST, "The same alarm came three times in ten minutes",
         "No resume: end the delivery and account for what is left."),
    _row("clock_step", _M, _S, ALL, HOST, "The computer's clock was changed",
         "Check the time of day before the start."),
    _row("journal_slow", _L, _S, ALL, HOST, "The record is written slowly", "Check the disk."),
    _row("disk_low", _L, _S, ALL, HOST, "The disk is nearly full", "Free disk space."),
    _row("self_test", _L, _S, ALL, HOST, "The self-test has not passed",
         "Wait for it; if a check failed, put right what it names. It is repeated by itself."),
    _row("pump_link", _M, _S, ALL, HOST, "The pump does not answer",
         "Check cable and power of the pump."),
    _row("idle_pump_link", _M, _S, ALL, HOST, "The pump that does not run does not answer",
         "Check cable and power of the pump that the alarm names."),
    _row("pump_unprepared", _M, _S, ALL, HOST, "The pump could not be prepared",
         "Check cable, power and settings of the pump, acknowledge, and ask again."),
    _row("calibrator_link", _M, _S, ALL, HOST, "The dose calibrator gave no usable reading",
         "Check cable, nuclide setting and unit of the calibrator."),
    _row("cold_active", _M, _S, frozenset({Phase.ORDERED}), HOST, "There is activity in a cold run",
         "Take it out of the chamber and away. Measure a syringe or vial of saline."),
    _row("broker_lost", _L, _A, ALL, HOST, "Telemetry is down: nobody outside sees this room",
         "The infusion is not affected. Check the network."),
    # --- prompts ---------------------------------------------------------------------------------
    _row("near_end", _L, _A, DRUG, COUNTER, "The syringe is nearly empty",
         "Have the flush syringe ready."),
    _row("hold_forgotten", _L, _A, WAITING, HOST, "The treatment is waiting for you",
         "Resume, flush or abort."),
    _row("site_check_due", _L, _A, DRUG, PERSON, "Look at the IV site", "Answer the site check."),
    _row("site_check_reminder", _L, _A, DRUG, PERSON, "The IV site is still to be looked at",
         "Answer the site check."),
    _row("site_check_late", _M, _A, DRUG, PERSON, "The IV site was not looked at",
         "Look at the site now and answer."),
    _row("site_check_missed", _H, _T, DRUG, PERSON, "Nobody looked at the IV site",
         "Look at the site; somebody must stay with the patient."),
    _row("directive_due", _L, _A, OPEN, PERSON, "The oral directive is not signed yet",
         "The authorized user must write and sign it within 48 hours."),
    _row("barrel_due", _L, _A, DRUG, PERSON, "Read the syringe barrel", "Enter the volume."),
    # --- what other devices would see ------------------------------------------------------------
    _row("pressure_high", _H, _T, LATCHING, PRESSURE, "The line pressure is too high",
         "Look for a closed clamp, a kink or a blocked cannula."),
    _row("air", _H, _T, LATCHING, AIR, "Air in the line",
         "Remove the air before anything goes on."),
    _row("door_or_clamp", _H, _T, MOVING, DOOR, "A door or clamp is open", "Close it."),
    _row("syringe_unseated", _H, _T, MOVING, SYRINGE, "The syringe is not seated", "Seat it."),
    _row("battery_low", _L, _A, BEDSIDE, BATTERY, "The pump's battery is low", "Plug it in."),
    _row("site_rate", _H, _T, MOVING, SITE_RATE, "The count rate at the IV site is wrong",
         "Treat as extravasation or leak."),
    _row("area_rate", _H, _T, MOVING, AREA_RATE, "The count rate in the area rose",
         "Look for a leak."),
)  # fmt: skip

ALARMS: Final = {row.id: row for row in ROWS}

CHANNELS: Final = {
    "ne1000": frozenset({COUNTER, STATUS}),
    "dulcoflex": frozenset({COUNTER, STATUS, HOSE, LEVEL}),
    "crc55": frozenset[str](),
    "crc15": frozenset[str](),
    "activity-meter": frozenset[str](),
}
"""Evidence channels that each device kind brings; host and person are always there."""

HOST_CONDITIONS: Final = (
    "journal_failed",
    "lag",
    "inbox_overflow",
    "task_died",
    "clock_step",
    "journal_slow",
    "disk_low",
    "broker_lost",
    "self_test",
)
"""Alarm ids that a `ConditionSeen` event may name."""


def observable(kinds: tuple[str, ...]) -> frozenset[str]:
    """Evidence channels of a device set."""
    channels = frozenset({HOST, PERSON})
    for kind in kinds:
        channels |= CHANNELS[kind]
    return channels


def not_observable(kinds: tuple[str, ...]) -> tuple[AlarmRow, ...]:
    """Rows that no device of the set can see; to be named wherever alarms are shown."""
    channels = observable(kinds)
    return tuple(row for row in ROWS if row.channel not in channels)
