"""What is really so: the judge of every test. Reads the room, changes nothing."""

from typing import TypedDict

from simulators.devices.room import DROP_NL, Bay, Container, Room


class SyringeTruth(TypedDict):
    """One syringe, or vial with its hose.

    ``displaced_nl``: swept by plunger or rollers, net; ``expelled_*`` and ``air_nl``: fluid and air
    out of its tip.
    """

    volume_nl: float
    activity_bq: float
    displaced_nl: float
    expelled_nl: float
    expelled_bq: float
    pressure_kpa: float
    gap_um: float
    air_nl: float


class SecondTruth(TypedDict):
    """The second pump: which syringe lies in it, and whether its branch of the line is joined."""

    mounted: str | None
    line_joined: bool
    plunger_um_s: float
    stalled: bool


class Truth(TypedDict):
    """Volumes in nL, activities in Bq decayed to ``at_ns``; ``decay`` is what is left since time 0.

    ``volumes_nl`` and ``activities_bq`` have the seven places of the ledger (treatment.md 1); each
    sum equals its ``supplied_*``.
    """

    at_ns: int
    decay: float
    volumes_nl: dict[str, float]
    activities_bq: dict[str, float]
    supplied_nl: float
    supplied_bq: float
    pushed_nl: float
    syringes: dict[str, SyringeTruth]
    mounted: str | None
    plunger_um_s: float
    plunger_mean_nl_s: float
    displaced_nl: float
    outflow_nl_s: float
    drop_at_tip: bool
    line_joined: bool
    line_end: str
    clamp_open: bool
    stalled: bool
    second: SecondTruth | None
    well: list[str]
    well_bq: float


def truth(room: Room) -> Truth:
    """The whole state of the room at its present time, ready for JSON."""
    decay = room.decay
    places = {name: (f.volume_nl, f.activity_bq) for name, f in room.places.items()}
    held = [s.fluid for s in room.syringes.values()]
    places["syringe"] = (sum(f.volume_nl for f in held), sum(f.activity_bq for f in held))
    line = room.line.content
    places["line"] = (line.volume_nl, line.activity_bq)
    return {
        "at_ns": room.now_ns,
        "decay": decay,
        "volumes_nl": {name: volume for name, (volume, _) in places.items()},
        "activities_bq": {name: activity * decay for name, (_, activity) in places.items()},
        "supplied_nl": room.supplied.volume_nl,
        "supplied_bq": room.supplied.activity_bq * decay,
        "pushed_nl": room.pushed_nl,
        "syringes": {name: _syringe(s, decay) for name, s in room.syringes.items()},
        "mounted": None if room.mounted is None else room.mounted.name,
        "plunger_um_s": room.plunger_um_s,
        "plunger_mean_nl_s": room.mean_plunger_nl_s(),
        "displaced_nl": room.displaced_nl,
        "outflow_nl_s": room.outflow_nl_s,
        "drop_at_tip": room.tip_nl >= DROP_NL,
        "line_joined": room.line_joined,
        "line_end": room.line_end,
        "clamp_open": room.clamp_open,
        "stalled": room.drive.stalled,
        "second": None if room.second is None else _second(room.second),
        "well": list(room.well),
        "well_bq": sum(item.activity_bq for item in room.well_items()),
    }


def _second(bay: Bay) -> SecondTruth:
    return {
        "mounted": None if bay.mounted is None else bay.mounted.name,
        "line_joined": bay.line_joined,
        "plunger_um_s": bay.plunger_um_s,
        "stalled": bay.drive.stalled,
    }


def _syringe(syringe: Container, decay: float) -> SyringeTruth:
    return {
        "volume_nl": syringe.fluid.volume_nl,
        "activity_bq": syringe.fluid.activity_bq * decay,
        "displaced_nl": syringe.displaced_nl,
        "expelled_nl": syringe.expelled.volume_nl,
        "expelled_bq": syringe.expelled.activity_bq * decay,
        "pressure_kpa": syringe.pressure_kpa,
        "gap_um": syringe.gap_um,
        "air_nl": syringe.air_nl,
    }
