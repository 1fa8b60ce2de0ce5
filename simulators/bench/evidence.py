"""What may be judged: the world's own ledger of one rehearsal, and what stood on the pump's wire.

Bytes are taken apart by the grammar alone. Of the daemon's words only what people did is kept (its
journal is where their acts are written down with a time), and the causes that it names.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from simulators.bench.device_set import FIRST_ADDRESS, FLUSH_PUMP, DeviceSet
from simulators.bench.fault_acts import Fired
from simulators.bench.faults import KINDS, Place
from simulators.bench.papers import steepest
from simulators.bench.rehearsal import Prepare, Rehearsal
from simulators.bench.said import Said, answers, commands
from simulators.bench.setting import Setting
from simulators.bench.stage import BEGIN
from simulators.bench.stage import Stage as World
from simulators.bench.streams import Seen, Stage, To
from simulators.devices.room import Move

NS_PER_S: Final = 1_000_000_000
NL_PER_ML: Final = 1e6
BEGIN_NS: Final = round(BEGIN.timestamp()) * NS_PER_S
ASKS_TO_RUN: Final = frozenset(
    (
        "PatencyRequested",
        "SeatRequested",
        "StartConfirmed",
        "FlushRequested",
        "ResumeRequested",
        "KvoRequested",
    )
)
"""What a person does before a plunger may move."""
ASKS_TO_WRITE: Final = ASKS_TO_RUN | {"ArmRequested"}
"""What a person does before a pump may be told anything but STOP."""
DROP_NL: Final = 50_000.0
"""Of the drug, at the tip when it is seated (treatment.md 2)."""
ASSAY_TOLERANCE: Final = 1.01
"""What a well calibrator's ranges and recombination may hide, 0.9 % together (calibrators.md 2)."""

NOT_OBSERVABLE: Final = frozenset(
    (Place.DEVICE, kind)
    for kind in (
        *("leak", "gain_error", "wrong_syringe", "slack_not_seated", "siphon"),
        *("hose_worn", "vent_closed", "spike_loose"),
    )
)
"""What no pump or calibrator here shows while it happens: found at residual (design.md)."""
DEAF_TO_STOP: Final = frozenset((("command", "STP"), ("register", "start/stop")))
"""Of faults that make a pump deaf, what makes it deaf to STOP."""
OF_THE_CHAMBER: Final = frozenset(
    ("wrong_nuclide", "noisy_chamber", "drifting_chamber", "saturated_chamber", "contaminated_well")
)


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did, by its name in the journal."""

    at_ns: int
    name: str
    who: str


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that befell the daemon or the pump from outside: when, and until when if it ended.

    ``kind`` is that of the fault: ``killed``, ``consumer_hung``, ``frozen``, ``keypad_take_over`` …
    ``where``: the one pump or wire that it struck; "" for what befalls all.
    """

    at_ns: int
    kind: str
    until_ns: int | None = None
    where: str = ""


@dataclass(frozen=True)
class Evidence:
    """One rehearsal as its judges see it.

    ``in_syringe_nl`` is what the drug syringe held, ``usable_nl`` what of it may leave at all, the
    seat's drop included, ``released_nl`` what may be pumped into the line, ``slack_nl`` the play
    between pusher and plunger, ``duration_s`` how long the profile is, ``steepest`` its highest
    rate over its mean. ``faulty`` says that any fault was put in, ``blind`` that one was which the
    devices cannot show: then only the whole syringe bounds what leaves. ``air_nl`` is all air that
    left a tip. ``moves``, ``blows``, ``wire`` and ``address`` are of one pump; ``second`` is the
    same of the pump beside it, where there is one.
    """

    rehearsal: Rehearsal
    moves: tuple[Move, ...]
    in_syringe_nl: float
    usable_nl: float
    released_nl: float
    slack_nl: float
    duration_s: float
    steepest: float
    blows: tuple[Blow, ...] = ()
    faulty: bool = False
    blind: bool = False
    air_nl: float = 0.0
    wire: str = "pump"
    address: int = 0
    second: "Evidence | None" = None

    @cached_property
    def asked(self) -> tuple[Said, ...]:
        """Commands that began to leave the host."""
        return tuple(self._commands(Stage.LEFT))

    @cached_property
    def obeyed(self) -> tuple[Said, ...]:
        """Commands that arrived at the pump whole, in a framing that it listens to.

        Once it has a watchdog, a Basic line is not heard at all.
        """
        heard, armed = [], False
        for said in self._commands(Stage.HEARD):
            if said.safe or not armed:
                heard.append(said)
            if said.watchdog_s is not None:
                armed = said.watchdog_s > 0
        return tuple(heard)

    @cached_property
    def answered(self) -> tuple[Said, ...]:
        """Replies that arrived at the host whole."""
        heard = self._pump(To.HOST, Stage.HEARD)
        return tuple(answers(self._kind, self._tcp, heard, self.address))

    @cached_property
    def acts(self) -> tuple[Act, ...]:
        """What people did, in its order. Each boot of the daemon begins its stamps anew."""
        boots = [blow.until_ns for blow in self.blown("killed") if blow.until_ns is not None]
        booted = sum(_is_boot(record) for record in self.journal)
        found, offset_ns, last_ns = [], BEGIN_NS, 0
        for record in self.journal:
            if _is_boot(record):
                boots = [at_ns for at_ns in boots if at_ns >= last_ns]
                if boots:
                    boot_ns = boots[0] if len(boots) <= booted else _nearest(boots, record)
                    boots = [at_ns for at_ns in boots if at_ns > boot_ns]
                    offset_ns = record["mono_ns"] - boot_ns
                booted -= 1
            last_ns = record["mono_ns"] - offset_ns
            if record["kind"] == "event" and "who" in record["body"]:
                found.append(Act(last_ns, record["body"]["type"], record["body"]["who"]))
        return tuple(found)

    @cached_property
    def journal(self) -> tuple[dict[str, Any], ...]:
        """The records of the session's journal."""
        return tuple(json.loads(line) for line in self.rehearsal.export)

    @property
    def end_ns(self) -> int:
        """When the world ended."""
        return round(self.rehearsal.virtual_s * NS_PER_S)

    def displaced_nl(self, at_ns: int) -> float:
        """Travel of all plungers until then."""
        found = self.moves[0]
        for move in self.moves:
            if move.at_ns > at_ns:
                break
            found = move
        return found.displaced_nl + found.flow_nl_s * (at_ns - found.at_ns) / NS_PER_S

    def stretches(self) -> Iterator[tuple[Move, int]]:
        """Each move with the time of its end."""
        ends = [move.at_ns for move in self.moves[1:]]
        yield from zip(self.moves, [*ends, max(self.end_ns, self.moves[-1].at_ns)], strict=True)

    def blown(self, *kinds: str) -> tuple[Blow, ...]:
        """The blows of these kinds."""
        return tuple(blow for blow in self.blows if blow.kind in kinds)

    def _commands(self, stage: Stage) -> Iterator[Said]:
        return commands(self._kind, self._tcp, self._pump(To.DEVICE, stage), self.address)

    @property
    def _kind(self) -> str:
        devices = self.rehearsal.case.devices
        return devices.flush_pump if self.wire == FLUSH_PUMP else devices.pump

    @property
    def _tcp(self) -> bool:
        return self.rehearsal.case.devices.tcp

    def _pump(self, to: To, stage: Stage) -> Iterator[Seen]:
        for seen in self.rehearsal.seen[self.wire]:
            if seen.to is to and seen.stage is stage:
                yield seen


def _is_boot(record: dict[str, Any]) -> bool:
    return bool(record["kind"] == "event" and record["body"]["type"] == "Booted")


def _nearest(boots: list[int], record: dict[str, Any]) -> int:
    """Which boot of several a record tells of: not every one got so far as to write it down."""
    return min(boots, key=lambda at_ns: abs(record["utc_ns"] - BEGIN_NS - at_ns))


class Witness:
    """Keeps hold of a stage while it is played, so that its ledger can be read afterwards."""

    def __init__(self) -> None:
        self._stage: World | None = None

    def watching(self, prepare: Prepare = lambda _stage: None) -> Prepare:
        """The same preparation, with this witness in the room."""

        def prepared(stage: World) -> None:
            self._stage = stage
            prepare(stage)

        return prepared

    @property
    def stage(self) -> World:
        """The stage that was watched. Raises ValueError before any was."""
        if self._stage is None:
            raise ValueError("nothing has been rehearsed yet")
        return self._stage

    def testify(self, rehearsal: Rehearsal) -> Evidence:
        """The evidence of what was rehearsed."""
        stage = self.stage
        fired = stage.saboteur.fired
        setting, order = stage.setting, stage.order
        fill_nl = setting.fill_ml * NL_PER_ML
        usable_nl = fill_nl - float(order["container"]["unusable_ml"]) * NL_PER_ML
        wrong_syringe = rehearsal.case.cold == "active"
        if wrong_syringe:
            usable_nl = 0.0
        evidence = Evidence(
            rehearsal=rehearsal,
            moves=tuple(stage.world.room.moves),
            in_syringe_nl=fill_nl,
            usable_nl=usable_nl,
            released_nl=_released_nl(rehearsal, order, setting, usable_nl),
            slack_nl=setting.drug_gap_um * stage.world.room.syringes["drug"].area_mm2,
            duration_s=order["infusion_min"] * 60.0,
            steepest=steepest(order),
            blows=_blows(fired, setting, "pump"),
            faulty=bool(fired) or wrong_syringe,
            blind=any((f.fault.place, f.fault.kind) in NOT_OBSERVABLE for f in fired),
            address=FIRST_ADDRESS[setting.devices.pump],
            air_nl=sum(one["air_nl"] for one in rehearsal.truth["syringes"].values()),
        )
        bay = stage.world.room.second
        if bay is None:
            return evidence
        devices = setting.devices
        wire = "pump" if devices.one_line else FLUSH_PUMP
        second = replace(
            evidence,
            moves=tuple(bay.moves),
            blows=_blows(fired, setting, FLUSH_PUMP),
            wire=wire,
            address=devices.saline_address,
        )
        return replace(evidence, second=second)


def _blows(fired: Iterable[Fired], setting: Setting, pump: str) -> tuple[Blow, ...]:
    """What befell one pump: what befalls all, and what struck it or its wire."""
    blows = [_blow(one, setting.devices) for one in fired]
    return tuple(blow for blow in blows if blow.where in ("", pump))


def _blow(fired: Fired, devices: DeviceSet) -> Blow:
    """What is done to a wire that several devices share is done to every pump."""
    fault = fired.fault
    lasts_s = fault.duration_s
    until_ns = None if lasts_s is None else fired.at_ns + round(lasts_s * NS_PER_S)
    kind = "deaf_to_stop" if DEAF_TO_STOP & set(fault.parameters) else fault.kind
    where = fault.word("pump") if "pump" in KINDS[fault.place, fault.kind].parameters else ""
    if fault.place is Place.STREAM:
        wire = fault.line()[0]
        shared = ("pump", "calibrator") if devices.meter_on_line else ("pump",)
        where = "" if devices.one_line and wire in shared else wire
    return Blow(fired.at_ns, kind, until_ns, where)


def _released_nl(
    rehearsal: Rehearsal, order: dict[str, Any], setting: Setting, usable_nl: float
) -> float:
    """What may be pumped into the line: the usable volume less line and drop, or that of the dose.

    Never more than two people were shown when they released it. A calibrator that was tampered with
    makes another volume of the dose; what was shown is then the only limit. A cold run gives all of
    its saline, and of an active syringe nothing.
    """
    fill_nl = setting.fill_ml * NL_PER_ML
    primed_nl = setting.line_dead_ml * NL_PER_ML if setting.primed_with == "drug" else 0.0
    limits_nl = [max(0.0, usable_nl - primed_nl - DROP_NL)]
    tampered = any(one.fault.kind in OF_THE_CHAMBER for one in rehearsal.fired)
    cold = bool(rehearsal.case.cold)
    if order["administer"] == "volume_for_dose" and not (tampered or cold):
        dose_nl = fill_nl * float(order["prescribed_mbq"]) * 1e6 / setting.activity_bq
        limits_nl.append(dose_nl * ASSAY_TOLERANCE - primed_nl)
    if rehearsal.record:
        limits_nl.append(float(rehearsal.record["planned_ml"]) * NL_PER_ML)
    return min(limits_nl)


Judge = Callable[[Evidence], "tuple[Violation, ...]"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, when (s of virtual time), and how."""

    id: str
    at_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.id} at {self.at_s:.3f} s: {self.text}"
