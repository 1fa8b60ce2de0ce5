"""The way that must have been gone before drug may run, kept by what people and devices did.

A second, small reckoning beside the judgement's own state: it reads events and whether they were
refused, never the state's flags.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.core import commands as c
from controller.core import events as e
from controller.core.alarms import ALARMS, Action
from controller.core.place import Place
from simulators.bench.explore.plant import Plant

SYRINGE: Final = "syringe"


@dataclass(frozen=True, slots=True)
class Path:
    """What is proven so far. ``mounted`` is ``drug``, ``saline`` or nothing.

    ``signers`` released since the last assay, ``resumers`` asked to go on since the last stop.
    ``start`` is who took the first step of the start, and when (monotonic), ``place`` where the
    container was carried.
    """

    nuclide: str = ""
    place: Place = Place.HOT_LAB
    assay_by: str = ""
    assay_utc_ns: int | None = None
    assay_bq: int = 0
    signers: tuple[str, ...] = ()
    second_utc_ns: int = 0
    mounted: str = ""
    saline_ran: bool = False
    patent: bool = False
    seated: bool = False
    joined: bool = False
    programmed: bool = False
    start: tuple[str, int] | None = None
    resumers: tuple[str, ...] = ()
    trips: frozenset[str] = frozenset()
    acknowledged: frozenset[str] = frozenset()

    @property
    def drug_joined(self) -> bool:
        """True while what leaves the pump's syringe is drug on its way to the patient."""
        return self.mounted == "drug" and self.joined

    def unreleased(self) -> tuple[str, ...]:
        """What is missing for anything to run, saline too."""
        return _missing(
            {
                "a valid assay": self.assay_utc_ns is not None,
                "two people's release": len(set(self.signers)) >= 2 and "" not in self.signers,
                "the container at the bedside": self.place is Place.BEDSIDE,
            }
        )

    def unready(self) -> tuple[str, ...]:
        """What is missing for drug to be programmed."""
        return self.unreleased() + _missing(
            {
                "patency": self.patent,
                "a seated drug syringe": self.seated and self.mounted == "drug",
                "a connected line": self.joined,
            }
        )

    def unstarted(self, event: e.Event, start_window_ns: int) -> tuple[str, ...]:
        """What is missing for drug to run on this event."""
        start = self.start
        second = isinstance(event, e.StartConfirmed)
        in_time = start is not None and event.mono_ns - start[1] <= start_window_ns
        same = start is not None and isinstance(event, e.ByPerson) and event.who == start[0]
        both = "both steps of the start by one person in time"
        programmed = "a programmed pump"
        return self.unready() + _missing(
            {programmed: self.programmed, both: second and in_time and same}
        )


def _missing(wanted: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, there in wanted.items() if not there)


def went(
    path: Path, event: e.Event, plant: Plant, told: tuple[c.Command, ...], moved: bool
) -> Path:
    """The path after an event, the plant as it was when the event came, and what was decided.

    ``moved`` says that the phase is another: who would have gone on in the last says nothing now.
    """
    if not any(isinstance(command, c.Refuse) for command in told):
        path = _GO.get(type(event), _stay)(path, event, plant)
    stopped = any(isinstance(command, c.Stop) for command in told)
    if stopped:
        path = replace(path, start=None, programmed=False)
    if moved or stopped:
        path = replace(path, resumers=())
    return _alarmed(path, told)


def trips(command: c.Command) -> bool:
    """True for the news that a trip row became active."""
    return isinstance(command, c.RaiseAlarm) and ALARMS[command.alarm].action is Action.TRIP


def _alarmed(path: Path, told: tuple[c.Command, ...]) -> Path:
    latched = path.trips
    for command in told:
        if isinstance(command, c.RaiseAlarm) and trips(command):
            latched |= {command.alarm}
        elif isinstance(command, c.ClearAlarm):
            latched -= {command.alarm}
    return replace(path, trips=latched, acknowledged=path.acknowledged & latched)


def _stay(path: Path, _event: e.Event, _plant: Plant) -> Path:
    return path


def _ordered(path: Path, event: e.OrderLoaded, _plant: Plant) -> Path:
    return replace(path, nuclide=event.treatment.nuclide)


def _assay_asked(path: Path, event: e.AssayRequested, _plant: Plant) -> Path:
    return replace(path, assay_by=event.who or "somebody")


def _assayed(path: Path, event: e.AssayRead, _plant: Plant) -> Path:
    asked, path = path.assay_by, replace(path, assay_by="")
    reading = event.reading
    valid = reading.final and reading.nuclide == path.nuclide and event.item == SYRINGE
    if not (asked and valid):
        return path
    return Path(
        nuclide=path.nuclide,
        place=path.place,
        assay_utc_ns=event.utc_ns,
        assay_bq=reading.activity_bq or 0,
        trips=path.trips,
        acknowledged=path.acknowledged,
    )


def _no_assay(path: Path, _event: e.Event, _plant: Plant) -> Path:
    return replace(path, assay_by="")


def _signed(path: Path, event: e.ReleaseSigned, _plant: Plant) -> Path:
    first = path.signers[:1]
    return replace(path, signers=(*first, event.who), second_utc_ns=event.utc_ns)


def _carried(path: Path, event: e.CustodyHandedOver, _plant: Plant) -> Path:
    two = event.confirmed_by not in ("", event.who)
    return replace(path, place=event.to) if two else path


def _saline(path: Path, _event: e.PatencyRequested, _plant: Plant) -> Path:
    """Whatever was on the pump comes off."""
    return replace(path, mounted="saline", saline_ran=False, patent=False, seated=False,
                   joined=False, programmed=False, start=None)  # fmt: skip


def _rested(path: Path, _event: e.StopConfirmed, plant: Plant) -> Path:
    """A patency run that a person ended early counts if any saline ran."""
    saline = path.mounted == "saline" and plant.stop_asked and plant.counter_nl > 0
    return replace(path, saline_ran=path.saline_ran or saline)


def _patent(path: Path, event: e.PatencyConfirmed, _plant: Plant) -> Path:
    good = path.saline_ran and event.blood_return and not event.leak_seen
    return replace(path, patent=good)


def _mounted(path: Path, event: e.SeatRequested, _plant: Plant) -> Path:
    two = event.confirmed_by not in ("", event.who)
    return replace(path, mounted="drug" if two else "", seated=False, joined=False)


def _seated(path: Path, event: e.SeatConfirmed, _plant: Plant) -> Path:
    return replace(path, seated=path.mounted == "drug" and event.drop_seen)


def _joined(path: Path, event: e.ConnectionConfirmed, _plant: Plant) -> Path:
    return replace(path, joined=event.clamps_open)


def _prepared(path: Path, event: e.PumpPrepared, plant: Plant) -> Path:
    """The plant took the plan a moment before; anything but that plan is not a programme.

    News of an older epoch is late news: what it set was dropped, or set anew since.
    """
    if event.epoch != plant.epoch:
        return path
    held, plan = event.readback, plant.plan
    same = plan is not None and (held.diameter_um, held.volume_nl, held.watchdog_ns) == (
        plan.diameter_um, plan.volume_nl, plan.watchdog_ns
    )  # fmt: skip
    return replace(path, programmed=same and not plant.ran)


def _asked(path: Path, event: e.StartRequested, _plant: Plant) -> Path:
    return replace(path, start=(event.who, event.mono_ns))


def _flush(path: Path, _event: e.FlushRequested, _plant: Plant) -> Path:
    return replace(path, mounted="saline", seated=False, programmed=False)


def _resumed(path: Path, event: e.ResumeRequested, _plant: Plant) -> Path:
    return replace(path, resumers=(*path.resumers, event.who)[-2:])


def _acknowledged(path: Path, event: e.Acknowledged, _plant: Plant) -> Path:
    named = path.trips if not event.alarm else path.trips & {event.alarm}
    return replace(path, acknowledged=path.acknowledged | named)


def _booted(path: Path, _event: e.Booted, _plant: Plant) -> Path:
    return replace(path, assay_by="", start=None, programmed=False)


_GO: Final[dict[type[e.Event], Callable[[Path, Any, Plant], Path]]] = {
    e.OrderLoaded: _ordered,
    e.AssayRequested: _assay_asked,
    e.AssayRead: _assayed,
    e.AssayFailed: _no_assay,
    e.ReleaseSigned: _signed,
    e.CustodyHandedOver: _carried,
    e.PatencyRequested: _saline,
    e.StopConfirmed: _rested,
    e.PatencyConfirmed: _patent,
    e.SeatRequested: _mounted,
    e.SeatConfirmed: _seated,
    e.ConnectionConfirmed: _joined,
    e.PumpPrepared: _prepared,
    e.StartRequested: _asked,
    e.FlushRequested: _flush,
    e.ResumeRequested: _resumed,
    e.Acknowledged: _acknowledged,
    e.Booted: _booted,
}
