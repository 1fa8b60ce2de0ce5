"""Ground truth judges a record, each route by the simulators' own ledger of what really is where.

It takes a record and a truth as plain data and computes with the simulators' half-lives; nothing
here comes from the daemon but the record under judgement.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from simulators.devices.nuclides import decay_factor

VOLUME_TOLERANCE_PERCENT: Final = 1.0
ACTIVITY_ROUTES: Final = (
    ("delivered_mbq", "uncertainty_percent"),
    ("delivered_by_volume_mbq", "uncertainty_by_volume_percent"),
)
"""Each figure of a record with the name of its stated uncertainty (k = 2)."""
NL_PER_ML: Final = 1e6
BQ_PER_MBQ: Final = 1e6
DROP_ML: Final = 0.06
"""The drop at the tip that a plan leaves room for, and one step of the pump's counter."""
SEAT_CAP_ML: Final = 0.6
"""What may leave the syringe before the line is joined (treatment.md 2, *seat*)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One route of a record: its figure, the truth, the difference allowed, and the verdict."""

    record: float | None
    truth: float
    allowed: float
    unit: str
    agrees: bool


def compare(record: float | None, truth: float, allowed: float, unit: str) -> Verdict:
    """A figure agrees if it is there and within ``allowed``, the edge included."""
    agrees = record is not None and abs(record - truth) <= allowed
    return Verdict(record, round(truth, 6), round(allowed, 6), unit, agrees)


def utc_ns(text: str) -> int:
    """Nanoseconds since 1970 of a record's time, exact to the microsecond."""
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def judge(
    record: Mapping[str, Any], truth: Mapping[str, Any], started_utc_ns: int, nuclide: str = "I131"
) -> dict[str, Any]:
    """The ``ground_truth`` of a record; activities in MBq at the infusion's start, volumes in mL.

    ``truth`` is the world's answer with its ``utc_ns``; ``agrees`` is True if every route does.
    """
    back = decay_factor(nuclide, int(truth["utc_ns"]) - started_utc_ns) * BQ_PER_MBQ
    places = {name: bq / back for name, bq in truth["activities_bq"].items()}
    drug_ml = truth["syringes"]["drug"]["expelled_nl"] / NL_PER_ML
    routes = {"volume": _volume(record, drug_ml)}
    for figure, percent in ACTIVITY_ROUTES:
        routes[figure] = (
            _none(sum(places.values()))
            if record.get("cold_run")
            else _activity(record, places["patient"], figure, percent)
        )
    return {
        "activities_mbq": {name: round(value, 3) for name, value in sorted(places.items())},
        "drug_out_ml": round(drug_ml, 4),
        "routes": {name: asdict(verdict) for name, verdict in routes.items()},
        "agrees": all(verdict.agrees for verdict in routes.values()),
    }


def by_hand_ml(record: Mapping[str, Any]) -> tuple[float, float]:
    """What the record says that hands gave, at least and at most, mL."""
    entry = record.get("late_entry")
    return (0.0, 0.0) if entry is None else tuple(entry["given_ml"])


def _volume(record: Mapping[str, Any], drug_ml: float) -> Verdict:
    """What left the drug syringe, and what the record says was given, both against the plan."""
    planned = float(record["planned_ml"])
    allowed = planned * VOLUME_TOLERANCE_PERCENT / 100.0
    pumped = record["pumped_ml"]
    given = None if pumped is None else pumped + by_hand_ml(record)[0]
    verdict = compare(given, drug_ml, allowed, "mL")
    on_plan = compare(given, planned, allowed, "mL").agrees
    return Verdict(**{**asdict(verdict), "agrees": verdict.agrees and on_plan})


def _activity(record: Mapping[str, Any], truth_mbq: float, figure: str, percent: str) -> Verdict:
    value, uncertainty = record[figure], record[percent]
    if value is None or uncertainty is None:
        return Verdict(value, truth_mbq, 0.0, "MBq", agrees=False)
    return compare(value, truth_mbq, abs(value) * uncertainty / 100.0, "MBq")


def _none(truth_mbq: float) -> Verdict:
    """Of a cold run there is no activity to tell of: there was none in the whole room."""
    return Verdict(None, round(truth_mbq, 6), 0.0, "MBq", agrees=truth_mbq == 0.0)


class Watch:
    """Safety rules judged while a treatment goes on; ``violations`` names each that was broken.

    S1 no more than the released volume, and so its activity, leaves the drug syringe; S2 the
    plunger's 60 s mean stays at the profile's maximum; S3 nothing moves before release, and no drug
    past the seat's drop before the start.
    """

    def __init__(self) -> None:
        self._out_max_ml: float | None = None
        self._mean_max_nl_s = 0.0
        self._started = False
        self._found: dict[str, None] = {}

    def release(self, planned_ml: float, duration_s: float, steepest: float = 1.0) -> None:
        """The dose is released: so much may leave the syringe, drop included, in so much time.

        ``steepest`` is the profile's highest rate over its mean.
        """
        self._out_max_ml = planned_ml + DROP_ML
        self._mean_max_nl_s = planned_ml / duration_s * steepest * NL_PER_ML * 1.1

    def start(self) -> None:
        """The infusion was asked for."""
        self._started = True

    @property
    def violations(self) -> tuple[str, ...]:
        """Every rule found broken so far, in the order of discovery."""
        return tuple(self._found)

    def look(self, truth: Mapping[str, Any]) -> None:
        """Judge one look at the world."""
        drug_ml = truth["syringes"]["drug"]["expelled_nl"] / NL_PER_ML
        if self._out_max_ml is None:
            if truth["displaced_nl"] > 0.0:
                self._note("S3: the plunger moved before the release")
        elif drug_ml > self._out_max_ml:
            self._note("S1: more than was released left the drug syringe")
        if not self._started and drug_ml > SEAT_CAP_ML * 1.01:
            self._note("S3: more drug than the seat's drop left the syringe before the start")
        if self._started and truth["plunger_mean_nl_s"] > self._mean_max_nl_s:
            self._note("S2: the plunger was faster than the profile's maximum for 60 s")

    def _note(self, text: str) -> None:
        self._found[text] = None
