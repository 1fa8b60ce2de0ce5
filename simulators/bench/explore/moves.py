"""Everything that can be told to the judgement at a node: each event in a few values that matter.

A move lets the world act first (time passes, a pump stops, a plan is taken) and then says what is
seen. Values of one event differ where the judgement may: who, which epoch, good or bad, early or
late.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from controller.core import events as e
from controller.core.state import Phase, Stage
from controller.core.table import HANDLERS
from firmware_interfaces.readings import (
    Channel,
    Motion,
    PumpAlarm,
    PumpPlan,
    ReadingStatus,
    Recovery,
    Trigger,
)
from firmware_interfaces.units import MicrolitrePerHour, Micrometre, Nanolitre, Nanoseconds
from simulators.bench.explore.node import (
    CALIBRATOR,
    DEVICE_NS,
    OTHER,
    PUMP,
    SKEW,
    Act,
    Move,
    Node,
    S,
    activity,
    readback,
    seen,
    status,
)
from simulators.bench.explore.people import people
from simulators.bench.explore.plant import NL_DIVISOR

POLL_NS: Final = S // 2
JUMP_NL: Final = 200_000


def moves(node: Node) -> Iterator[Move]:
    """Every move at this node; an event that no row takes here is told in one value only."""
    told: set[type[e.Event]] = set()
    for move in MOVES:
        taken = (node.state.phase, move.kind) in HANDLERS
        if taken or move.kind not in told:
            told.add(move.kind)
            yield move


# --- readings that depend on the plant ---------------------------------------------------------


def _read(after_ns: int = POLL_NS, **said: Any) -> Act:
    """One poll, with these words in place of the plant's own."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(after_ns)
        return node, node.see(e.PumpRead, status(node, **said))

    return act


def _read_stopped(node: Node) -> tuple[Node, e.Event]:
    """Somebody stopped the pump on its own key."""
    node = node.wait(POLL_NS)
    node = replace(node, plant=replace(node.plant, turning=False))
    return node, node.see(e.PumpRead, status(node, motion=Motion.STOPPED))


def _read_fallen(node: Node) -> tuple[Node, e.Event]:
    """The counter is zero again, if it was told before that it was more.

    A counter that loses a little between two polls only stands for a moment: no reading shows it.
    """
    node = node.wait(POLL_NS)
    run = node.state.run
    if run is not None and run.samples and run.samples[-1].nl:
        node = replace(node, plant=replace(node.plant, off=-node.plant.work))
    return node, node.see(e.PumpRead, status(node))


def _read_jumped(node: Node) -> tuple[Node, e.Event]:
    """The counter is ahead by so much from here on, and the plunger has not moved for it."""
    node = node.wait(POLL_NS)
    off = node.plant.off + JUMP_NL * NL_DIVISOR
    node = replace(node, plant=replace(node.plant, off=off))
    return node, node.see(e.PumpRead, status(node))


def _read_ahead(node: Node) -> tuple[Node, e.Event]:
    node = node.wait(POLL_NS)
    return node, node.see(e.PumpRead, status(node, asked_ns=Nanoseconds(node.now_ns + S)))


def _polled(**gear: Any) -> Act:
    """Poll after poll while the run goes on, the plunger in this gear."""

    def act(node: Node) -> tuple[Node, e.Event] | None:
        run = node.state.run
        if run is None or run.stage not in (Stage.READY, Stage.RUNNING):
            return None
        node = replace(node, plant=replace(node.plant, **gear)).wait(POLL_NS)
        return node, node.see(e.PumpRead, status(node))

    return act


# --- answers of the driver ---------------------------------------------------------------------


def _epoched(kind: type[e.Event], *said: Any, older: bool = False) -> Act:
    """An answer of the driver of this epoch, or of the one before."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        return node, node.see(kind, node.state.epoch - older, *said)

    return act


def _plan(node: Node) -> PumpPlan:
    """The plan under way, or one like it for an answer that nobody waits for."""
    found = node.plant.asked or node.plant.plan
    return found or PumpPlan(
        Micrometre(26_590), MicrolitrePerHour(1_000), Nanolitre(1_000), Nanoseconds(5 * S),
        Trigger.STOP_ONLY,
    )  # fmt: skip


def _prepared(older: bool = False, **wrong: Any) -> Act:
    """*Prepare* ended: the plan is held, unless the answer is of an older epoch."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        plan = _plan(node)
        if node.plant.asked and not older:
            node = replace(node, plant=node.plant.load())
        held = readback(plan, node.now_ns, **wrong)
        return node, node.see(e.PumpPrepared, node.state.epoch - older, held)

    return act


def _prepare_failed(field: str) -> Act:
    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        node = replace(node, plant=replace(node.plant, asked=None))
        return node, node.see(e.PrepareFailed, node.state.epoch, field, "as told")

    return act


def _run_started(older: bool = False) -> Act:
    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        return node, node.see(e.RunStarted, node.state.epoch - older, status(node))

    return act


def _run_refused(node: Node) -> tuple[Node, e.Event]:
    """RUN certainly did not act; a rate that was refused leaves the pump running."""
    node = node.wait(DEVICE_NS)
    run = node.state.run
    if run is not None and run.stage is Stage.STARTING:
        node = replace(node, plant=replace(node.plant, turning=False))
    return node, node.see(e.RunRefused, node.state.epoch, "as told")


def _alarm(alarm: PumpAlarm | None) -> Act:
    """The pump reports it and has stopped; a reset has cleared its counter."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        plant = node.plant
        if alarm is not None:
            plant = replace(plant, turning=False, stuck=False)
        if alarm is PumpAlarm.RESET:
            plant = replace(plant, off=-plant.work, was_reset=True)
        node = replace(node, plant=plant)
        said = status(node, alarm=alarm, infused_nl=None, motion=None if alarm else Motion.STOPPED)
        return node, node.see(e.AlarmSeen, said)

    return act


def _stop_confirmed(older: bool = False, **said: Any) -> Act:
    """The pump rests, if this is the newest STOP; an older answer says nothing of it."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        if node.plant.stop_asked and not older:
            node = replace(node, plant=replace(node.plant, turning=False))
        told = status(node, motion=Motion.STOPPED, **said)
        return node, node.see(e.StopConfirmed, node.state.epoch - older, told)

    return act


def _recovered(power_cycled: bool = False, **said: Any) -> Act:
    """*Recover* stops the pump before it reads; nobody is told one that was not begun."""

    def act(node: Node) -> tuple[Node, e.Event] | None:
        node = node.wait(DEVICE_NS)
        if node.plant.recovering:
            plant = replace(node.plant.rest(), recovering=False)
            node = replace(node, plant=replace(plant, off=-plant.work) if power_cycled else plant)
        elif node.state.phase is Phase.UNCERTAIN:
            return None
        rest = status(node, **said)
        cycled = power_cycled or node.plant.was_reset
        recovery = Recovery(rest, rest, rest.infused_nl, None, None, cycled)
        return node, node.see(e.PumpRecovered, recovery)

    return act


def _booted(lost: int) -> Act:
    """The daemon died and came back after 3 s; the newest ``lost`` events were not on disk."""

    def act(node: Node) -> tuple[Node, e.Event] | None:
        if len(node.tail) < lost:
            return None
        node = node.wait(3 * S)
        state = node.tail[lost - 1] if lost else node.state
        plant = node.plant.load() if node.plant.asked else node.plant
        plant = replace(plant, recovering=False)
        node = replace(node, state=state, plant=plant)
        return node, node.see(e.Booted, "0.1.0")

    return act


def _assay_read(**said: Any) -> Act:
    """A reading of what stands in the chamber: what was asked for, or the syringe."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(DEVICE_NS)
        item = node.state.assay_pending or "syringe"
        return node, node.see(e.AssayRead, item, activity(**said))

    return act


def _back(node: Node) -> tuple[Node, e.Event]:
    """An event stamped a second before the last."""
    node = node.wait(DEVICE_NS)
    return node, e.Ticked(node.state.now_ns - S, node.now_ns + SKEW)


def _devices() -> Iterable[Move]:
    yield Move("pump known", e.PumpIdentified, seen(e.PumpIdentified, PUMP))
    yield Move("another pump", e.PumpIdentified, seen(e.PumpIdentified, OTHER))
    known = seen(e.CalibratorIdentified, CALIBRATOR)
    yield Move("calibrator known", e.CalibratorIdentified, known)
    settling = ReadingStatus.VALID | ReadingStatus.SETTLING
    for name, said in (
        ("good", {}),
        ("15 % high", {"percent": 115}),
        ("30 % high", {"percent": 130}),
        ("settling", {"flags": settling}),
        ("other nuclide", {"nuclide": "Tc-99m"}),
    ):
        yield Move(f"reading {name}", e.AssayRead, _assay_read(**said))
    yield Move("no reading", e.AssayFailed, seen(e.AssayFailed, "syringe", "silent"))
    yield Move("prepared", e.PumpPrepared, _prepared())
    yield Move("prepared, older epoch", e.PumpPrepared, _prepared(older=True))
    wrong = _prepared(volume_nl=Nanolitre(9_000_000))
    yield Move("prepared, wrong volume", e.PumpPrepared, wrong)
    yield Move("prepare met silence", e.PrepareFailed, _prepare_failed(""))
    yield Move("prepare refused", e.PrepareFailed, _prepare_failed("diameter"))
    yield Move("run started", e.RunStarted, _run_started())
    yield Move("run started, older epoch", e.RunStarted, _run_started(older=True))
    yield Move("run refused", e.RunRefused, _run_refused)
    older = _epoched(e.RunRefused, "as told", older=True)
    yield Move("run refused, older epoch", e.RunRefused, older)
    yield Move("write lost", e.WriteLost, _epoched(e.WriteLost, "RUN"))
    yield Move("write lost, older epoch", e.WriteLost, _epoched(e.WriteLost, "RUN", older=True))


def _polls() -> Iterable[Move]:
    for name, act in (
        ("poll", _read()),
        ("late poll", _read(6 * S // 5)),
        ("poll stopped", _read_stopped),
        ("poll no counter", _read(infused_nl=None)),
        ("poll counter fell", _read_fallen),
        ("poll counter jumped", _read_jumped),
        ("poll purging", _read(motion=Motion.PURGING)),
        ("poll withdrawing", _read(motion=Motion.WITHDRAWING)),
        ("poll of the future", _read_ahead),
    ):
        yield Move(name, e.PumpRead, act)
    for name, times, gear in (
        ("polls 6 s", 12, {}),
        ("polls to the end", 120, {}),
        ("polls 12 s, counter stuck", 24, {"stuck": True}),
        ("polls 12 s, 30 % fast", 24, {"gear_ppm": 1_300_000}),
        ("polls 12 s, stalled", 24, {"gear_ppm": 0}),
    ):
        yield Move(name, e.PumpRead, _polled(**gear), times)
    yield Move("silent", e.PumpSilent, seen(e.PumpSilent, "nothing"))
    idle = seen(e.IdlePumpSeen, Channel.FLUSH, None, "nothing")
    yield Move("idle pump silent", e.IdlePumpSeen, idle)


def _stops() -> Iterable[Move]:
    for alarm in (PumpAlarm.STALL, PumpAlarm.RESET, PumpAlarm.WATCHDOG, None):
        name = "alarm " + ("none" if alarm is None else alarm.value)
        yield Move(name, e.AlarmSeen, _alarm(alarm))
    yield Move("stop confirmed", e.StopConfirmed, _stop_confirmed())
    yield Move("stop confirmed, no counter", e.StopConfirmed, _stop_confirmed(infused_nl=None))
    yield Move("stop confirmed, older epoch", e.StopConfirmed, _stop_confirmed(older=True))
    yield Move("stop unconfirmed", e.StopUnconfirmed, _epoched(e.StopUnconfirmed))
    old = _epoched(e.StopUnconfirmed, older=True)
    yield Move("stop unconfirmed, older epoch", e.StopUnconfirmed, old)
    yield Move("recovered", e.PumpRecovered, _recovered())
    yield Move("recovered, no counter", e.PumpRecovered, _recovered(infused_nl=None))
    yield Move("recovered, power cycled", e.PumpRecovered, _recovered(power_cycled=True))
    yield Move("permit expired", e.PermitExpired, seen(e.PermitExpired))


def _host() -> Iterable[Move]:
    for name, time_ns in (("0.6 s", 3 * S // 5), ("3 s", 3 * S), ("16 min", 960 * S),
                          ("61 min", 3660 * S)):  # fmt: skip
        yield Move(f"{name} pass", e.Ticked, seen(e.Ticked, after_ns=time_ns))
    yield Move("time runs back", e.Ticked, _back)
    for lost in range(4):
        yield Move(f"boot, {lost} events lost", e.Booted, _booted(lost))
    for condition in ("journal_failed", "lag", "journal_slow"):
        for there in (True, False):
            name = f"{condition} {'comes' if there else 'goes'}"
            yield Move(name, e.ConditionSeen, seen(e.ConditionSeen, condition, there, "as told"))
    yield Move("shutdown", e.ShutdownRequested, seen(e.ShutdownRequested))


MOVES: Final = (
    *people(),
    *_devices(),
    *_polls(),
    *_stops(),
    *_host(),
)


_BY_NAME: Final = {move.name: move for move in MOVES}


def named(name: str) -> Move:
    """The move of a name. Raises ValueError for one that there is not."""
    if name not in _BY_NAME:
        raise ValueError(f"{name!r} is no move of the exploration")
    return _BY_NAME[name]
