"""Faults as data: where, what, when, for how long, how strong. It puts none of them in.

What anybody in the room may press at any time is here too: it breaks into a treatment like a fault.
A fault is hashable and goes through JSON and TOML unchanged. What each does to a stage stands in
`simulators.bench.line_faults` (streams) and `simulators.bench.fault_acts` (everything else).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from controller.clinic.documents import shown
from simulators.bench.device_set import FLUSH_PUMP
from simulators.bench.streams import To

Value = float | str
WIRES: Final = ("pump", "calibrator")
PHASES: Final = (
    *("ORDERED", "ASSAYED", "RELEASED", "SEATED", "ARMED", "INFUSING", "FLUSHING"),
    *("RESIDUAL", "CLOSED", "HELD", "STOPPED", "UNCERTAIN"),
)


class ScenarioError(ValueError):
    """A fault or scenario that cannot be: which field, what was given, which rule it breaks."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} = {shown(value)}: {rule}")
        self.field, self.value, self.rule = field, value, rule


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
class AtTime:
    """At a virtual time since the world began, s."""

    at_s: float


@dataclass(frozen=True, slots=True)
class InPhase:
    """``after_s`` after a session first enters a phase (as its journal says)."""

    phase: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AtFrame:
    """At the ``n``-th frame (from 1) of a wire's direction, counted over the whole world's life.

    A stream fault on that direction strikes this very frame; any other fault, as it arrives.
    """

    n: int
    wire: str = "pump"
    to: To = To.DEVICE


@dataclass(frozen=True, slots=True)
class AtRecord:
    """Once record ``n`` (0 is the header) of the session's journal is on the disk.

    ``durable`` False: as it is about to be written, and nobody knows of it but the program.
    """

    n: int
    durable: bool = True


@dataclass(frozen=True, slots=True)
class AtWrite:
    """At the ``n``-th time (from 1) that the journals' files are changed or synced."""

    n: int


When = AtTime | InPhase | AtFrame | AtRecord | AtWrite


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
    """

    place: Place
    name: str
    text: str
    lasting: bool
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``parameters`` are sorted pairs; what is not named has the catalogue's default.

    ``duration_s`` None: for ever, or, for a stream fault, for ``frames`` frames.
    """

    place: Place
    kind: str
    when: When
    duration_s: float | None = None
    parameters: tuple[tuple[str, Value], ...] = ()

    def value(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self._given(name))

    def word(self, name: str) -> str:
        """A parameter that is a word."""
        return str(self._given(name))

    def line(self) -> tuple[str, To]:
        """Wire and direction of a stream fault: as named, else where its frame goes."""
        given = dict(self.parameters)
        where = (self.when.wire, self.when.to) if isinstance(self.when, AtFrame) else None
        wire, to = where or (WIRES[0], To.DEVICE)
        return str(given.get("wire", wire)), To(given.get("to", to.value))

    def _given(self, name: str) -> Value:
        default = KINDS[self.place, self.kind].parameters[name].default
        return dict(self.parameters).get(name, default)


def fault(
    place: str, kind: str, when: When, duration_s: float | None = None, **parameters: Value
) -> Fault:
    """A checked fault. Raises `ScenarioError` naming place, kind, when or parameter."""
    if place not in [known.value for known in Place]:
        known = ", ".join(known.value for known in Place)
        raise ScenarioError("place", place, f"must be one of {known}")
    row = KINDS.get((Place(place), kind))
    if row is None:
        kinds = ", ".join(name for known, name in KINDS if known.value == place)
        raise ScenarioError("kind", kind, f"of {place} there are {kinds}")
    _check_when(when)
    if duration_s is not None:
        check_number("duration_s", duration_s, 0.0, math.inf)
    for name, value in parameters.items():
        _check_parameter(row, name, value)
    return Fault(row.place, kind, when, duration_s, tuple(sorted(parameters.items())))


def _check_when(when: When) -> None:
    match when:
        case AtTime(at_s):
            check_number("at_s", at_s, 0.0, math.inf)
        case InPhase(phase, after_s):
            if phase not in PHASES:
                raise ScenarioError("phase", phase, f"must be one of {', '.join(PHASES)}")
            check_number("after_s", after_s, 0.0, math.inf)
        case AtFrame(n, wire, _):
            _check_whole("frame", n, 1)
            if wire not in (*WIRES, FLUSH_PUMP):
                raise ScenarioError("of_wire", wire, f"must be one of {', '.join(WIRES)}")
        case AtRecord(n, durable):
            _check_whole("record", n, 0)
            if not isinstance(durable, bool):
                raise ScenarioError("durable", durable, "must be true or false")
        case AtWrite(n):
            _check_whole("write", n, 1)


def _check_parameter(row: Kind, name: str, value: object) -> None:
    rule = row.parameters.get(name)
    if rule is None:
        known = ", ".join(row.parameters) or "no parameter"
        raise ScenarioError(name, value, f"{row.place.value} {row.name} takes {known}")
    if isinstance(rule.default, str):
        if (rule.words and value not in rule.words + rule.second) or not isinstance(value, str):
            raise ScenarioError(name, value, f"must be one of {', '.join(rule.words)}")
        return
    check_number(name, value, rule.low, rule.high)


def names_flush_pump(given: Fault) -> bool:
    """True for a fault that needs a second pump in the room."""
    named = given.place is Place.STREAM and given.line()[0] == FLUSH_PUMP
    return named or dict(given.parameters).get("pump") == FLUSH_PUMP


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ScenarioError unless ``value`` is a number in ``low`` .. ``high``, not infinite."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not low <= number <= high or number == math.inf:
        raise ScenarioError(name, value, f"must be a number in {low:g} .. {high:g}")


def _check_whole(name: str, value: object, low: int) -> None:
    if type(value) is not int or value < low:
        raise ScenarioError(name, value, f"must be a whole number from {low}")


def fault_from(given: Mapping[str, Any]) -> Fault:
    """A fault out of TOML or JSON: place, kind, one *when*, maybe duration_s, and parameters.

    *When* is ``at_s``, ``phase`` (with ``after_s``), ``frame`` (with ``of_wire`` and ``towards``),
    ``record`` (with ``durable``) or ``write``.
    """
    rest = dict(given)
    if "when" in rest:
        raise ScenarioError("when", rest["when"], "is said by at_s, phase, frame or record")
    place, kind = rest.pop("place", None), rest.pop("kind", None)
    if not isinstance(kind, str):
        raise ScenarioError("kind", kind, "must be a word")
    when = _when(rest)
    duration_s = rest.pop("duration_s", None)
    return fault(place, kind, when, duration_s, **rest)


def _when(rest: dict[str, Any]) -> When:
    named = [name for name in ("at_s", "phase", "frame", "record", "write") if name in rest]
    if len(named) != 1:
        raise ScenarioError("when", named, "exactly one of at_s, phase, frame, record, write")
    value = rest.pop(named[0])
    match named[0]:
        case "at_s":
            return AtTime(value)
        case "phase":
            return InPhase(value, rest.pop("after_s", 0.0))
        case "frame":
            towards = rest.pop("towards", To.DEVICE.value)
            if towards not in [to.value for to in To]:
                raise ScenarioError("towards", towards, "must be device or host")
            return AtFrame(value, rest.pop("of_wire", "pump"), To(towards))
        case "write":
            return AtWrite(value)
    return AtRecord(value, rest.pop("durable", True))


def fault_as_dict(given: Fault) -> dict[str, Any]:
    """What `fault_from` reads."""
    shown: dict[str, Any] = {"place": given.place.value, "kind": given.kind}
    match given.when:
        case AtTime(at_s):
            shown["at_s"] = at_s
        case InPhase(phase, after_s):
            shown |= {"phase": phase, "after_s": after_s}
        case AtFrame(n, wire, to):
            shown |= {"frame": n, "of_wire": wire, "towards": to.value}
        case AtRecord(n, durable):
            shown |= {"record": n, "durable": durable}
        case AtWrite(n):
            shown["write"] = n
    if given.duration_s is not None:
        shown["duration_s"] = given.duration_s
    return shown | dict(given.parameters)


def _n(default: float, low: float = 0.0, high: float = math.inf) -> Parameter:
    return Parameter(default, low, high)


def _w(*words: str) -> Parameter:
    return Parameter(words[0], words=words)


def _kinds(place: Place, *rows: tuple[str, bool, str, Mapping[str, Parameter]]) -> dict[Any, Kind]:
    return {(place, name): Kind(place, name, text, last, ps) for name, last, text, ps in rows}


_WIRE: Final = Parameter(WIRES[0], words=WIRES, second=(FLUSH_PUMP,))
_PUMP: Final = Parameter("pump", words=("pump",), second=(FLUSH_PUMP,))
_LINE: Final = {"wire": _WIRE, "to": _w("device", "host"), "frames": _n(1, 1)}
_SHARE: Final = _n(0.2, 0.0, 1.0)
_FACTOR: Final = _n(2.0, 0.0, 20.0)
SYRINGES: Final = ("BD 20 mL", "BD 10 mL", "BD 60 mL")
COMMANDS: Final = ("RAT", "VOL", "DIA", "SAF", "TRG", "CLD", "RUN", "STP")

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
        ("free_flow", True, "the motor runs away, and its counter with it", {"factor": _FACTOR}),
        ("gain_error", True, "the plunger goes factor times as far as the counter says",
         {"factor": _FACTOR}),
        ("wrong_syringe", False, "the drug syringe on the pump is another one than ordered",
         {"syringe": _w(*SYRINGES)}),
        ("slack_not_seated", False, "air between pusher and plunger, um", {"gap_um": _n(2000)}),
        ("siphon", True, "the pump stands head_m above the patient, the plunger has play",
         {"head_m": _n(1.2), "play_um": _n(900)}),
        ("stuck_counter", True, "the counter shows the same for ever", {}),
        ("counter_reset", False, "the counter shows to_ml", {"to_ml": _n(0.0)}),
        ("reboot", True, "no power for duration_s (0: a blink)", {}),
        ("keypad_take_over", False, "somebody presses a key of the pump",
         {"key": _w("start_stop", "trigger", "purge", "withdraw", "rate"),
          "rate_ml_h": _n(100.0), "pump": _PUMP}),
        ("deaf_setting", True, "the pump says yes to a setting and does not take it",
         {"command": _w(*COMMANDS)}),
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
         {"letter": _w("S", "R", "T", "E", "O")}),
        ("other_pump", False, "another pump answers from now on", {"firmware": _n(3.93)}),
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
