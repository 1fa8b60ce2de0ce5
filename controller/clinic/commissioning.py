"""The dated file that the commissioning of a pump leaves: what stands in it, and what it proves.

Takes text and gives text. How the figures came about is `controller.commission`.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, PlainSerializer, ValidationError

from controller.clinic.documents import (
    Document,
    DocumentError,
    Problem,
    Text,
    Token,
    json_problem,
    utc_ns,
    validation_problems,
)
from controller.core.commissioning import Commissioning, SyringeProof
from firmware_interfaces.readings import Identity
from firmware_interfaces.units import NS_PER_S, millimetre, scaled_near

SCHEMA: Final = 1
PPM_PER_PERCENT: Final = 10_000
PositiveFloat = Annotated[float, Field(gt=0)]
Moment = Annotated[
    AwareDatetime,
    Field(strict=False),
    PlainSerializer(lambda at: at.isoformat(timespec="seconds").replace("+00:00", "Z")),
]


class Person(Document):
    """Who did it, or watched; how the identity was proven stands with it."""

    id: Token
    name: Text
    role: Text
    identity: Literal["unauthenticated", "badge+PIN"] = "unauthenticated"


class WatchdogProof(Document):
    """The pump left in silence while it ran: seconds that it ran on, by its own counter."""

    watchdog_s: Annotated[int, Field(ge=1, le=255)]
    rate_ml_h: PositiveFloat
    alarm: str
    rest_s: Annotated[float, Field(ge=0)]
    rest_s_min: float
    rest_s_max: PositiveFloat
    passed: bool


class FlowProof(Document):
    """Water weighed. Errors are against the rate set and against the pump's own counter."""

    minutes: PositiveFloat
    rate_ml_h: PositiveFloat
    counter_ml: PositiveFloat
    duration_s: PositiveFloat
    before_g: float
    after_g: float
    evaporation_g: float
    balance_resolution_g: PositiveFloat
    water_c: float
    density_g_ml: PositiveFloat
    density_source: Text
    weighed_ml: float
    rate_error_percent: float
    volume_error_percent: float
    uncertainty_percent: PositiveFloat
    limit_percent: PositiveFloat
    passed: bool

    @property
    def error_percent(self) -> float:
        """The worse of both, signed."""
        return max(self.rate_error_percent, self.volume_error_percent, key=abs)


class OcclusionProof(Document):
    """A closed clamp: time and volume until the pump said so. An NE-1000 only knows a stall."""

    rate_ml_h: PositiveFloat
    alarm: str
    alarm_s: Annotated[float, Field(ge=0)]
    alarm_ml: Annotated[float, Field(ge=0)]
    limit_ml: PositiveFloat
    passed: bool


class DeadVolumeProof(Document):
    """The line's dead volume, weighed empty and filled, or entered with its source."""

    method: Literal["weighed", "entered"]
    volume_ml: float
    source: Text
    empty_g: float | None = None
    filled_g: float | None = None
    passed: bool


class SyringeResult(Document):
    """One syringe type on this pump."""

    name: Text
    diameter_mm: Annotated[float, Field(ge=0)]
    """0 for a hose, which has no bore."""
    flow: FlowProof
    occlusion: OcclusionProof
    dead_volume: DeadVolumeProof
    passed: bool


class CommissioningFile(Document):
    """The whole file."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)]
    kind: Token
    model: Text
    firmware: Text
    address: Annotated[int, Field(ge=0, le=247)] | None
    serial: Text | None
    simulated: bool
    at: Moment
    by: Person
    second: Person
    program: Text
    watchdog: WatchdogProof
    syringes: Annotated[tuple[SyringeResult, ...], Field(strict=False, min_length=1)]
    passed: bool

    @property
    def pump(self) -> Identity:
        """The pump that it is about."""
        return Identity(self.kind, self.model, self.firmware, self.address, self.serial)


def commissioning_text(file: CommissioningFile) -> str:
    """The file's text."""
    return file.model_dump_json(by_alias=True, indent=1) + "\n"


def parse_commissioning(text: str) -> CommissioningFile:
    """Read a file back. Raises DocumentError with every problem."""
    malformed = json_problem(text)
    if malformed is not None:
        raise DocumentError([malformed])
    try:
        file = CommissioningFile.model_validate_json(text)
    except ValidationError as error:
        raise DocumentError(validation_problems(error)) from error
    if file.by.id == file.second.id:
        rule = "must be somebody else than who did it"
        raise DocumentError([Problem("second.id", file.second.id, rule)])
    return file


def proof_of(file: CommissioningFile) -> Commissioning:
    """What the judgement needs of a file, in base units."""
    return Commissioning(
        pump=file.pump,
        at_utc_ns=utc_ns(file.at),
        simulated=file.simulated,
        watchdog_ns=file.watchdog.watchdog_s * NS_PER_S,
        rest_ns=scaled_near(file.watchdog.rest_s, NS_PER_S),
        watchdog_passed=file.watchdog.passed,
        syringes=tuple(map(_syringe, file.syringes)),
    )


def _syringe(row: SyringeResult) -> SyringeProof:
    return SyringeProof(
        name=row.name,
        diameter_um=millimetre(row.diameter_mm),
        flow_ns=scaled_near(row.flow.minutes, 60 * NS_PER_S),
        flow_error_ppm=scaled_near(row.flow.error_percent, PPM_PER_PERCENT),
        flow_uncertainty_ppm=scaled_near(row.flow.uncertainty_percent, PPM_PER_PERCENT),
        passed=row.passed and row.flow.passed and row.occlusion.passed and row.dead_volume.passed,
    )


def dated(moment: datetime) -> str:
    """The name of a file made at this moment (UTC)."""
    return f"pump-{moment:%Y%m%d-%H%M%S}.json"
