"""Faults as data: where, what, when, for how long, how strong. It puts none of them in.

What anybody in the room may press at any time is here too: it breaks into a treatment like a fault.
A fault is hashable and goes through JSON and TOML unchanged. What each does to a stage stands in
`simulators.bench.line_faults` (streams) and `simulators.bench.fault_acts` (everything else).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.clinic.documents import shown
from simulators.bench.device_set import FLUSH_PUMP, DeviceSet
from simulators.bench.fault_kinds import ELSEWHERE, WIRES, Kind, Value
from simulators.bench.fault_kinds import KINDS as KINDS  # noqa: PLC0414
from simulators.bench.fault_kinds import Parameter as Parameter  # noqa: PLC0414
from simulators.bench.fault_kinds import Place as Place  # noqa: PLC0414
from simulators.bench.streams import To

PHASES: Final = (
    *("ORDERED", "ASSAYED", "RELEASED", "SEATED", "ARMED", "INFUSING", "FLUSHING"),
    *("RESIDUAL", "CLOSED", "HELD", "STOPPED", "UNCERTAIN"),
)


class ScenarioError(ValueError):
    """A fault or scenario that cannot be: which field, what was given, which rule it breaks."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} = {shown(value)}: {rule}")
        self.field, self.value, self.rule = field, value, rule


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


def unknown_here(given: Fault, devices: DeviceSet) -> str:
    """Why a room with these devices cannot have the fault; "" if it can."""
    on_wire = given.place is Place.STREAM and given.line()[0] == FLUSH_PUMP
    if on_wire and devices.one_line:
        return "both pumps are on one wire, whose name is pump"
    second = on_wire or dict(given.parameters).get("pump") == FLUSH_PUMP
    if second and not devices.flush_pump:
        return "only in a room with a second pump"
    pump = devices.flush_pump if second else devices.pump
    kind = KINDS[given.place, given.kind]
    if kind.pump and kind.pump != pump:
        return ELSEWHERE[pump][given.kind]
    return ""


def kinds_here(devices: DeviceSet) -> tuple[Kind, ...]:
    """What a room with these devices can have, by any pump that it has."""

    def here(kind: Kind) -> bool:
        if kind.pump in ("", devices.pump):
            return True
        return kind.pump == devices.flush_pump and "pump" in kind.parameters

    return tuple(kind for kind in KINDS.values() if here(kind))


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
