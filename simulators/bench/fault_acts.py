"""What each fault does to a stage, when it begins, and how it is taken away again.

Faults of devices act on the room's physics and the devices' firmware, never on a driver or the
daemon. Streams' own doings stand in `simulators.bench.line_faults`, pumps' in
`simulators.bench.pump_acts`.
"""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators.bench.device_set import FLUSH_PUMP
from simulators.bench.failing_vfs import Failure
from simulators.bench.faults import AtFrame, AtRecord, AtTime, AtWrite, Fault, InPhase, Place
from simulators.bench.line_faults import LineFaults
from simulators.bench.pump_acts import PUMP_ACTS, End, PumpAct, nothing
from simulators.bench.setting import syringe_type
from simulators.bench.streams import To

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

Act = Callable[["Stage", Fault], End]
KPA_PER_M: Final = 9.8


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that began, and when."""

    at_ns: int
    fault: Fault


class Saboteur:
    """Watches time, wires and journal of one stage and begins and ends its faults.

    ``fired`` says what began, in its order; ``lines`` count the frames of every direction.
    """

    def __init__(self, stage: "Stage", faults: Iterable[Fault], seed: int) -> None:
        self._stage = stage
        self.fired: list[Fired] = []
        self.lines: dict[tuple[str, To], LineFaults] = {}
        names = {wire: name for name, wire in reversed(stage.wires.items())}
        for name, wire in stage.wires.items():
            for to, way in ((To.DEVICE, wire.to_device), (To.HOST, wire.to_host)):
                known = self.lines.get((names[wire], to))
                line = known or LineFaults(random.Random(f"{name} {to.value} {seed}"))
                self.lines[name, to] = line
                way.passage = line.passage
        self._phases: dict[str, list[Fault]] = {}
        self._records: dict[tuple[int, bool], list[Fault]] = {}
        self._writes: dict[int, list[Fault]] = {}
        stage.disk.durable.append(self._durable)
        stage.disk.handed.append(self._handed)
        for fault in faults:
            self._await(fault)

    def _await(self, fault: Fault) -> None:
        match fault.when:
            case AtTime(at_s):
                self._stage.loop.call_at(at_s, self._begin, fault)
            case InPhase(phase, _):
                self._phases.setdefault(phase, []).append(fault)
            case AtFrame(n, wire, to):
                self.lines[wire, to].at_frame(n, partial(self._begin, fault))
            case AtRecord(n, durable):
                self._records.setdefault((n, durable), []).append(fault)
            case AtWrite(n):
                self._writes.setdefault(n, []).append(fault)
        if isinstance(fault.when, AtRecord):
            self._stage.disk.through = True
        if isinstance(fault.when, AtWrite) or fault.kind == "operation":
            self._stage.disk.writes_through(self._writing)

    def _durable(self, path: Path, number: int, kind: str, body: str) -> None:
        """A record is on the disk: the moment that some faults wait for."""
        if path.parent == self._stage.directory:
            return
        for fault in self._records.pop((number, True), ()):
            self._begin(fault)
        if self._phases and kind == "decision":
            for fault in self._phases.pop(json.loads(body)["phase"], ()):
                assert isinstance(fault.when, InPhase)
                self._stage.later(fault.when.after_s, partial(self._begin, fault))

    def _handed(self, path: Path, number: int, _kind: str, _body: str) -> None:
        """A record is about to be written."""
        if path.parent != self._stage.directory:
            for fault in self._records.pop((number, False), ()):
                self._begin(fault)

    def _writing(self, number: int) -> None:
        """A file is about to be changed or synced for the ``number``-th time."""
        for fault in self._writes.pop(number, ()):
            self._begin(fault)

    def _begin(self, fault: Fault) -> None:
        now_ns = self._stage.loop.now_ns()
        self.fired.append(Fired(now_ns, fault))
        self._stage.world.advance()
        if fault.place is Place.STREAM and fault.kind != "unplugged":
            end = self.lines[fault.line()].begin(fault, now_ns)
        else:
            end = ACTS[fault.place, fault.kind](self._stage, fault)
        if fault.duration_s is not None:
            self._stage.later(fault.duration_s, partial(self._end, end))

    def _end(self, end: End) -> None:
        self._stage.world.advance()
        end()


def _attribute(find: Callable[["Stage"], object], name: str, parameter: str | None) -> Act:
    """Set an attribute to a parameter (True where there is none), and back again."""

    def act(stage: "Stage", fault: Fault) -> End:
        thing = find(stage)
        before = getattr(thing, name)
        setattr(thing, name, True if parameter is None else fault.value(parameter))
        return lambda: setattr(thing, name, before)

    return act


def _unplugged(stage: "Stage", fault: Fault) -> End:
    wire = stage.wires[fault.line()[0]]
    wire.unplug()
    return wire.plug_in


def _slow_occlusion(stage: "Stage", fault: Fault) -> End:
    around = stage.world.room.surroundings
    before = around.resistance_kpa_h_ml
    around.resistance_kpa_h_ml = before * fault.value("factor")
    return lambda: setattr(around, "resistance_kpa_h_ml", before)


def _wrong_syringe(stage: "Stage", fault: Fault) -> End:
    """The same drug in another barrel: what an um of plunger gives is what differs."""
    kind = syringe_type(fault.word("syringe"))
    drug = stage.world.room.syringes["drug"]
    drug.diameter_mm = kind.diameter_mm
    return nothing


def _slack(stage: "Stage", fault: Fault) -> End:
    stage.world.hands.lay("drug", fault.value("gap_um"))
    return nothing


def _siphon(stage: "Stage", fault: Fault) -> End:
    """The play of the retainer is the mounted syringe's, and stays with it."""
    room = stage.world.room
    room.surroundings.head_kpa = KPA_PER_M * fault.value("head_m")
    if room.mounted is not None:
        room.mounted.play_um = max(room.mounted.play_um, fault.value("play_um"))
    return lambda: setattr(room.surroundings, "head_kpa", 0.0)


def _of_pump(act: PumpAct) -> Act:
    """Act on the pump that the fault names, the drug's where it names none."""

    def acted(stage: "Stage", fault: Fault) -> End:
        second = stage.world.flush_pump
        if second is not None and dict(fault.parameters).get("pump") == FLUSH_PUMP:
            return act(second, fault)
        return act(stage.world.pump, fault)

    return acted


def _wrong_nuclide(stage: "Stage", fault: Fault) -> End:
    stage.world.calibrator_firmware.select_locally(fault.word("nuclide"))
    return nothing


def _drifting(stage: "Stage", fault: Fault) -> End:
    meter = stage.world.room.chamber.electrometer
    meter.drift_since_ns = stage.loop.now_ns()
    meter.drift_per_min = fault.value("percent_min") / 100.0
    return lambda: setattr(meter, "drift_per_min", 0.0)


def _contaminated(stage: "Stage", fault: Fault) -> End:
    meter, more_bq = stage.world.room.chamber.electrometer, fault.value("mbq") * 1e6
    meter.background_bq += more_bq
    return lambda: setattr(meter, "background_bq", meter.background_bq - more_bq)


def _step(stage: "Stage", fault: Fault) -> End:
    stage.clock.utc_step_ns += round(fault.value("seconds") * 1e9)
    return nothing


def _drift(stage: "Stage", fault: Fault) -> End:
    """The drift counts from now on: what the clock would have lost before is put back."""
    clock, ppm = stage.clock, round(fault.value("ppm"))

    def drift(by_ppm: int) -> None:
        clock.utc_drift_ppm += by_ppm
        clock.utc_step_ns -= clock.monotonic_ns() * by_ppm // 1_000_000

    drift(ppm)
    return lambda: drift(-ppm)


def _operation(stage: "Stage", fault: Fault) -> End:
    stage.disk.refuse(Failure(fault.word("error")), round(fault.value("operations")))
    return nothing


def _broker_absent(stage: "Stage", _fault: Fault) -> End:
    stage.broker.leave("connection reset by peer")
    return stage.broker.come_back


def _killed(stage: "Stage", _fault: Fault) -> End:
    stage.machine.kill()
    return stage.machine.boot


def _consumer_hung(stage: "Stage", _fault: Fault) -> End:
    return stage.machine.hang_consumer()


def _frozen(stage: "Stage", _fault: Fault) -> End:
    return stage.machine.freeze()


def _pressed(action: str, **body: str) -> Act:
    """Somebody who is nobody of the two people asks the panel for it, once."""

    def act(stage: "Stage", _fault: Fault) -> End:
        stage.visit(action, **body)
        return nothing

    return act


ACTS: Final[dict[tuple[Place, str], Act]] = {
    **{(Place.DEVICE, kind): _of_pump(act) for kind, act in PUMP_ACTS.items()},
    (Place.STREAM, "unplugged"): _unplugged,
    (Place.DEVICE, "occlusion"): _attribute(lambda s: s.world.room.surroundings, "kinked", None),
    (Place.DEVICE, "slow_occlusion"): _slow_occlusion,
    (Place.DEVICE, "leak"): _attribute(lambda s: s.world.room.surroundings, "leak", "share"),
    (Place.DEVICE, "jammed"): _attribute(lambda s: s.world.room.surroundings, "drive_jammed", None),
    (Place.DEVICE, "gain_error"): _attribute(
        lambda s: s.world.room.surroundings, "drive_gain", "factor"
    ),
    (Place.DEVICE, "wrong_syringe"): _wrong_syringe,
    (Place.DEVICE, "slack_not_seated"): _slack,
    (Place.DEVICE, "siphon"): _siphon,
    (Place.DEVICE, "wrong_nuclide"): _wrong_nuclide,
    (Place.DEVICE, "noisy_chamber"): _attribute(
        lambda s: s.world.room.chamber.electrometer, "noise_factor", "factor"
    ),
    (Place.DEVICE, "drifting_chamber"): _drifting,
    (Place.DEVICE, "saturated_chamber"): _attribute(
        lambda s: s.world.room.chamber.electrometer, "voltage_v", "volts"
    ),
    (Place.DEVICE, "contaminated_well"): _contaminated,
    (Place.CLOCK, "step"): _step,
    (Place.CLOCK, "drift"): _drift,
    (Place.DISK, "full"): _attribute(lambda s: s.disk, "free_mb", "free_mb"),
    (Place.DISK, "slow"): _attribute(lambda s: s.disk, "delay_s", "delay_s"),
    (Place.DISK, "failing"): _attribute(lambda s: s.disk, "failing", None),
    (Place.DISK, "operation"): _operation,
    (Place.BROKER, "absent"): _broker_absent,
    (Place.BROKER, "slow"): _attribute(lambda s: s.broker, "delay_s", "delay_s"),
    (Place.PROCESS, "killed"): _killed,
    (Place.PROCESS, "consumer_hung"): _consumer_hung,
    (Place.PROCESS, "frozen"): _frozen,
    (Place.PERSON, "stop"): _pressed("stop"),
    (Place.PERSON, "pain"): _pressed("pain"),
    (Place.PERSON, "spill"): _pressed("spill"),
    (Place.PERSON, "patient_moved"): _pressed("patient_moved"),
    (Place.PERSON, "hold"): _pressed("hold", reason="somebody asked for a pause"),
}
"""Every kind of the catalogue but those that alter frames."""
