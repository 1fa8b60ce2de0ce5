"""The catalogue of faults: what each does, its parameters, and which pump it is of.

What a fault of these kinds is stands in `simulators.bench.faults`, what each does to a stage in
`simulators.bench.line_faults` and `simulators.bench.fault_acts`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from simulators.bench.device_set import FLUSH_PUMP

Value = float | str
WIRES: Final = ("pump", "calibrator")


class Place(Enum):
    """Where a fault is."""

    STREAM = "stream"
    DEVICE = "device"
    CLOCK = "clock"
    DISK = "disk"
    BROKER = "broker"
    PROCESS = "process"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter may be: a number of a range, or one of some words.

    ``second``: words for a room with a second pump. They are named, and never drawn by chance.
    """

    default: Value
    low: float = 0.0
    high: float = math.inf
    words: tuple[str, ...] = ()
    second: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the catalogue: what it does, and its parameters by name.

    ``lasting``: it holds for the fault's ``duration_s`` (or for ever) and is taken away after it.
    ``pump`` is the one kind of pump that can fail so; "" for what does not ask which pump it is.
    """

    place: Place
    name: str
    text: str
    lasting: bool
    parameters: Mapping[str, Parameter]
    pump: str = ""


PUMP_OF: Final[Mapping[str, str]] = {
    "wrong_syringe": "ne1000", "deaf_setting": "ne1000", "alarm": "ne1000", "other_pump": "ne1000",
}  # fmt: skip
"""Faults that only that kind of pump can have; `ELSEWHERE` says what another has instead."""
ELSEWHERE: Final[Mapping[str, Mapping[str, str]]] = {
    "dulcoflex": {
        "wrong_syringe": "rollers have no bore: another hose is gain_error, a worn one hose_worn",
        "deaf_setting": "it has registers, not commands: deaf_register",
        "alarm": "it has bits, not letters: error_bit and warning_bit",
        "other_pump": "it says who it is otherwise: other_flex",
    },
    "ne1000": {
        "hose_worn": "a syringe has no hose: gain_error",
        "hose_torn": "a syringe has no hose: leak",
        "vent_closed": "a plunger draws from no vial",
        "spike_loose": "a plunger draws from no vial",
        "lease_lost": "its watchdog tells of itself: alarm, letter T",
        "error_bit": "it has letters, not bits: alarm",
        "warning_bit": "it warns of nothing",
        "deaf_register": "it has commands, not registers: deaf_setting",
        "panel_use": "it has no menu that counts: keypad_take_over",
        "words_swapped": "its numbers are text",
        "other_flex": "it says who it is otherwise: other_pump",
    },
}
"""Of each kind of pump, the faults that it cannot have: why, and what it has instead."""
NEVER: Final[Mapping[str, str]] = {
    "a bus time-out or watchdog that is held and does not act": "no device shows it before "
    "silence does, and then S4 itself fails: it is proven at commissioning, and stands among the "
    "declared residual hazards of the perturbed tables",
    "a counter that rolls over": "the flex counts litres in a float: it never comes to its end. "
    "An NE-1000's 9999 of its unit is more than any syringe holds; counter_reset shows both",
    "a pump that goes on by itself when power comes": "preparation sets and reads back that it "
    "stays off: deaf_register and perturbed tables show that nothing starts without that",
}
"""What no room brings about, and why."""


def _n(default: float, low: float = 0.0, high: float = math.inf) -> Parameter:
    return Parameter(default, low, high)


def _w(*words: str) -> Parameter:
    return Parameter(words[0], words=words)


def _kinds(
    place: Place, *rows: tuple[str, bool, str, Mapping[str, Parameter]], pump: str = ""
) -> dict[Any, Kind]:
    return {
        (place, name): Kind(place, name, text, last, ps, pump or PUMP_OF.get(name, ""))
        for name, last, text, ps in rows
    }


_WIRE: Final = Parameter(WIRES[0], words=WIRES, second=(FLUSH_PUMP,))
_PUMP: Final = Parameter("pump", words=("pump",), second=(FLUSH_PUMP,))
_LINE: Final = {"wire": _WIRE, "to": _w("device", "host"), "frames": _n(1, 1)}
_SHARE: Final = _n(0.2, 0.0, 1.0)
_FACTOR: Final = _n(2.0, 0.0, 20.0)
SYRINGES: Final = ("BD 20 mL", "BD 10 mL", "BD 60 mL")
COMMANDS: Final = ("RAT", "VOL", "DIA", "SAF", "TRG", "CLD", "RUN", "STP")
REGISTERS: Final = (
    "batch volume", "batch time", "target mode", "start/stop", "bus time-out", "clear counters",
    "trigger", "acknowledge", "direction", "behaviour after power-up", "response to hose rupture",
)  # fmt: skip
ERRORS: Final = (
    "motor blockage", "hose rupture", "level", "configuration data", "undervoltage",
    "invalid metering parameter", "temperature", "position sensor",
)  # fmt: skip
WARNINGS: Final = (
    "metering monitor", "speed off its target", "invalid volume", "level", "temperature"
)  # fmt: skip

KINDS: Final[dict[tuple[Place, str], Kind]] = {
    **_kinds(
        Place.STREAM,
        ("lost", True, "never arrives", _LINE),
        ("late", True, "arrives delay_s late", {**_LINE, "delay_s": _n(0.5)}),
        ("duplicated", True, "arrives twice, gap_s apart", {**_LINE, "gap_s": _n(0.0)}),
        ("corrupted", True, "one bit of one byte is flipped", _LINE),
        ("truncated", True, "only a part arrives", {**_LINE, "share": _n(0.5, 0.0, 1.0)}),
        ("one_byte_at_a_time", True, "every byte alone, gap_s apart",
         {**_LINE, "gap_s": _n(0.02)}),
        ("stall_then_burst", True, "nothing for hold_s, then all of it at once",
         {**_LINE, "hold_s": _n(1.0)}),
        ("unplugged", True, "the adapter is pulled", {"wire": _WIRE}),
    ),
    **_kinds(
        Place.DEVICE,
        ("occlusion", True, "the line is kinked shut", {}),
        ("slow_occlusion", True, "line and cannula resist so much more", {"factor": _n(20, 1)}),
        ("leak", True, "this share of the flow runs out at the joint", {"share": _SHARE}),
        ("jammed", True, "the lead screw does not turn", {}),
        ("free_flow", True, "the motor runs away, and its counter with it",
         {"factor": _FACTOR, "pump": _PUMP}),
        ("gain_error", True, "the plunger goes factor times as far as the counter says",
         {"factor": _FACTOR}),
        ("wrong_syringe", False, "the drug syringe on the pump is another one than ordered",
         {"syringe": _w(*SYRINGES)}),
        ("slack_not_seated", False, "air between pusher and plunger, um", {"gap_um": _n(2000)}),
        ("siphon", True, "the pump stands head_m above the patient, the plunger has play",
         {"head_m": _n(1.2), "play_um": _n(900)}),
        ("stuck_counter", True, "the counter shows the same for ever", {"pump": _PUMP}),
        ("counter_reset", False, "the counter shows to_ml", {"to_ml": _n(0.0), "pump": _PUMP}),
        ("reboot", True, "no power for duration_s (0: a blink)", {"pump": _PUMP}),
        ("keypad_take_over", False, "somebody presses a key of the pump",
         {"key": _w("start_stop", "trigger", "purge", "withdraw", "rate"),
          "rate_ml_h": _n(100.0), "pump": _PUMP}),
        ("deaf_setting", True, "the pump says yes to a setting and does not take it",
         {"command": _w(*COMMANDS), "pump": _PUMP}),
        ("wrong_nuclide", False, "somebody presses an isotope key of the calibrator",
         {"nuclide": _w("Tc99m", "Cs137", "Co60", "Co57", "Ba133")}),
        ("noisy_chamber", True, "the reading scatters factor times as much",
         {"factor": _n(50.0, 1.0)}),
        ("drifting_chamber", True, "the reading drifts, % a minute",
         {"percent_min": _n(1.0, -100.0, 100.0)}),
        ("saturated_chamber", True, "collection fails: the high voltage is so low, V",
         {"volts": _n(20.0, 1.0, 500.0)}),
        ("contaminated_well", True, "activity sticks in the well, MBq", {"mbq": _n(5.0)}),
        ("alarm", False, "the pump raises an alarm that has no cause in the room",
         {"letter": _w("S", "R", "T", "E", "O"), "pump": _PUMP}),
        ("other_pump", False, "another pump answers from now on",
         {"firmware": _n(3.93), "pump": _PUMP}),
    ),
    **_kinds(
        Place.DEVICE,
        ("hose_worn", True, "a revolution gives this share of what the new hose gave",
         {"share": _n(0.7, 0.05, 1.0)}),
        ("hose_torn", True, "this share of what the hose gives runs into the housing",
         {"share": _SHARE}),
        ("vent_closed", True, "the vial's vent is shut: more and more air comes", {}),
        ("spike_loose", True, "the hose draws this share of air", {"share": _SHARE}),
        ("lease_lost", False, "the bus time-out strikes although the bus has spoken", {}),
        ("error_bit", False, "an error that has no cause in the room", {"error": _w(*ERRORS)}),
        ("warning_bit", True, "a warning that has no cause in the room",
         {"warning": _w(*WARNINGS)}),
        ("deaf_register", True, "the pump says yes to a register and does not take it",
         {"register": _w(*REGISTERS)}),
        ("panel_use", True, "somebody uses the pump's menu",
         {"choice": _w("manual", "hose_change", "batch_memory")}),
        ("words_swapped", True, "the low word of a number comes first", {}),
        ("other_flex", False, "another pump answers from now on",
         {"differs": _w("software version", "identity code", "serial number")}),
        pump="dulcoflex",
    ),
    **_kinds(
        Place.CLOCK,
        ("step", False, "the time of day jumps", {"seconds": _n(3600.0, -1e9, 1e9)}),
        ("drift", True, "the time of day runs wrong, ppm", {"ppm": _n(500.0, -1e6, 1e6)}),
    ),
    **_kinds(
        Place.DISK,
        ("full", True, "free_mb are free; at 0 nothing can be written", {"free_mb": _n(0.0)}),
        ("slow", True, "each write takes delay_s", {"delay_s": _n(0.5)}),
        ("failing", True, "each write fails with an I/O error", {}),
        ("operation", False, "the file system refuses so many operations from now on",
         {"error": _w("full", "io_error", "short", "locked"), "operations": _n(1, 1)}),
    ),
    **_kinds(
        Place.BROKER,
        ("absent", True, "the broker is gone", {}),
        ("slow", True, "each message takes delay_s", {"delay_s": _n(2.0)}),
    ),
    **_kinds(
        Place.PROCESS,
        ("killed", True, "SIGKILL; started again after duration_s, or never", {}),
        ("consumer_hung", True, "the judgement takes no event; all else goes on", {}),
        ("frozen", True, "the whole process stands still (SIGSTOP)", {}),
    ),
    **_kinds(
        Place.PERSON,
        ("stop", False, "somebody presses STOP", {}),
        ("pain", False, "somebody presses PAIN / SWELLING", {}),
        ("spill", False, "somebody presses SPILL", {}),
        ("patient_moved", False, "somebody presses PATIENT MOVED", {}),
        ("hold", False, "somebody asks for a pause", {}),
    ),
}  # fmt: skip
"""Every fault there is."""
