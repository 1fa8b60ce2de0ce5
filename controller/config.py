"""The site's configuration: site.toml read, checked whole and frozen.

It knows every key, its bounds and its default, refuses what it does not know, and lists everything
that is wrong with a file at once. What treatment.md section 8 calls never configurable has no key.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, combinations
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PlainValidator, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from controller.access_sections import ApiSection, PeopleSection, StationSection
from controller.clinic.documents import DocumentError, Problem, shown, toml_table, utc_datetime
from controller.core.limits import LimitError, Limits, limits_from
from controller.device_sections import (
    KINDS,
    CalibratorSection,
    DulcoFlexSection,
    PumpSection,
    setup_of,
)
from controller.people_file import NAME as PEOPLE
from controller.pins import OWASP
from controller.regimens import DirectiveSection, RegimenSection
from controller.section import Section, Text, refuse, ruled
from controller.shared_lines import clash
from controller.telemetry import BrokerAddress, broker_address, slug
from firmware_interfaces.dulco_flex_rules import batch_seconds, whole_increments
from firmware_interfaces.units import (
    NL_PER_ML,
    UL_PER_ML,
    MicrolitrePerHour,
    Micrometre,
    Nanolitre,
    millilitre,
    millimetre,
    scaled_down,
    scaled_up,
)

SOCKET_PATH_BYTES: Final = 107
"""sockaddr_un holds 108 bytes with its terminating zero (unix(7))."""


class ConfigError(Exception):
    """A site.toml that may not be used, with every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def _timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("must be a time zone of the IANA database, like Europe/Zurich") from None


def _repeated(field: str, values: Iterable[str]) -> list[Problem]:
    counts = Counter(values)
    return [Problem(field, repr(value), "must be unique") for value in counts if counts[value] > 1]


class SiteSection(Section):
    """Where this is. Name and room also make the MQTT topics (`controller.telemetry.slug`)."""

    name: Annotated[Text, ruled(slug)]
    room: Annotated[Text, ruled(slug)]
    timezone: Annotated[str, ruled(_timezone)]
    simulated: bool


class Syringe(Section):
    """One row of the syringe catalogue: inner diameter in mm and where it was read."""

    name: Text
    diameter_mm: Annotated[float, Field(ge=0.1, le=50)]
    size_ml: Annotated[float, Field(gt=0, le=200)] | None = None
    source: Text

    @property
    def diameter_um(self) -> Micrometre:
        """Inner diameter in um."""
        return millimetre(self.diameter_mm)

    @property
    def size_nl(self) -> Nanolitre | None:
        """Nominal size in nL, where the catalogue gives it."""
        return None if self.size_ml is None else millilitre(self.size_ml)


@dataclass(frozen=True, slots=True)
class Hose:
    """A roller pump's hose with a vial on its spike: what stands where a syringe stands.

    A hose has no bore to programme: its diameter is 0. ``size_ml`` is the largest vial.
    """

    name: str
    size_ml: float
    diameter_mm: float = 0.0

    @property
    def diameter_um(self) -> Micrometre:
        """0: no bore."""
        return Micrometre(0)

    @property
    def size_nl(self) -> Nanolitre:
        """Largest vial in nL."""
        return millilitre(self.size_ml)


Container = Syringe | Hose
"""What the site's pump can give a volume from."""


class FlushSection(Section):
    """How the line is cleared after the drug, and whether its pump keeps a vein open in a hold.

    1 mL/h is the least that PCA-R5.1.0 names for that; ``kvo_ml`` is for one treatment.
    """

    method: Literal["same_pump", "second_pump", "manual"] = "same_pump"
    volume_dead_volumes: Annotated[float, Field(ge=2, le=3)] = 3.0
    kvo_ml_h: Annotated[float, Field(ge=1, le=5)] | None = None
    kvo_ml: Annotated[float, Field(ge=0.1, le=5)] = 2.0

    @property
    def kvo_ul_h(self) -> int:
        """The rate that keeps a vein open, uL/h, rounded down; 0 where none is kept open."""
        return scaled_down(self.kvo_ml_h or 0.0, UL_PER_ML)

    @property
    def kvo_nl(self) -> int:
        """The most that one treatment is given so, nL, rounded down."""
        return scaled_down(self.kvo_ml, NL_PER_ML)

    def volume_nl(self, dead_volume_nl: int) -> Nanolitre:
        """Flush volume in nL for a line of ``dead_volume_nl``, rounded up."""
        return Nanolitre(scaled_up(self.volume_dead_volumes, dead_volume_nl))


class JournalSection(Section):
    """Where sessions are journalled; relative to the daemon's working directory if not absolute."""

    directory: Text


class DowntimeSection(Section):
    """``print``: a command of the site's that is given the file of each sheet as last argument."""

    print: Annotated[tuple[Text, ...], Field(strict=False)] = ()


class MqttSection(Section):
    """The broker. Without this section nothing is published and nothing is missed."""

    url: Annotated[str, ruled(broker_address), Field(repr=False)]

    @property
    def address(self) -> BrokerAddress:
        """The broker's address, user and password."""
        return broker_address(self.url)


def _limits(table: Any) -> Limits:
    """Return all limits of the table, or refuse it with every key that breaks a rule."""
    if not isinstance(table, dict):
        raise PydanticCustomError("rule", "{rule}", {"rule": "must be a table"})
    texts = [(key, value) for key, value in table.items() if isinstance(value, str)]
    problems = [Problem(f"limits.{key}", repr(value), "must be a number") for key, value in texts]
    left = {key: value for key, value in table.items() if not isinstance(value, str)}
    while True:
        try:
            limits = limits_from(left)
        except LimitError as error:
            problems.append(Problem(f"limits.{error.key}", repr(error.value), error.rule))
            del left[error.key]
        else:
            refuse(problems)
            return limits


class SiteConfig(Section):
    """One site.toml. ``site_hash`` is the SHA-256 of the file's bytes and goes into record 0."""

    site: SiteSection
    calibrator: CalibratorSection
    pump: PumpSection
    flush_pump: PumpSection | None = None
    syringe: Annotated[tuple[Syringe, ...], Field(strict=False, min_length=1)]
    flush: FlushSection = FlushSection()
    limits: Annotated[Limits, PlainValidator(_limits)] = Field(default_factory=lambda: _limits({}))
    journal: JournalSection
    mqtt: MqttSection | None = None
    api: ApiSection = ApiSection()
    regimen: RegimenSection = RegimenSection()
    directive: DirectiveSection = DirectiveSection()
    people: PeopleSection = PeopleSection()
    downtime: DowntimeSection = DowntimeSection()
    station: Annotated[tuple[StationSection, ...], Field(strict=False)] = ()
    site_hash: str

    @property
    def containers(self) -> tuple[Container, ...]:
        """What may be on the drug's pump: the syringes of the catalogue, or its one hose."""
        return self._on(self.pump)

    @property
    def saline_containers(self) -> tuple[Container, ...]:
        """What saline may be pumped out of: where there is a second pump, what may be on that."""
        return self._on(self.flush_pump or self.pump)

    def _on(self, pump: PumpSection) -> tuple[Container, ...]:
        match pump:
            case DulcoFlexSection(hose=hose, vial_ml=vial_ml):
                return (Hose(hose, vial_ml),)
            case _:
                return self.syringe

    @property
    def devices(self) -> dict[str, PumpSection | CalibratorSection]:
        """Every device that the site names, by the name of its section."""
        first = {"pump": self.pump, "calibrator": self.calibrator}
        return first if self.flush_pump is None else {**first, "flush_pump": self.flush_pump}

    @property
    def socket_path(self) -> Path:
        """The Unix socket for ``isodrip status`` and ``isodrip stop``."""
        return Path(self.api.socket or Path(self.journal.directory) / "isodrip.sock")

    @property
    def people_path(self) -> Path:
        """The file of the people who may act here."""
        return Path(self.people.file or Path(self.journal.directory) / PEOPLE)

    def zone_min(self, utc_ns: int) -> int:
        """How far the site's clock is ahead of UTC at a time, min, rounded down."""
        offset = utc_datetime(utc_ns).astimezone(ZoneInfo(self.site.timezone)).utcoffset()
        assert offset is not None
        return offset // timedelta(minutes=1)

    @model_validator(mode="after")
    def _agree(self) -> "SiteConfig":
        problems = [
            *_repeated("syringe.name", (syringe.name for syringe in self.syringe)),
            *self._second_pump(),
            *self._lines(),
            *self._unpinned(),
            *self._stations(),
        ]
        if not (self.site.simulated or self.people.cost.covers(OWASP)):
            rule = f"must be {OWASP.memory_kib} KiB and {OWASP.passes} passes at least"
            problems.append(Problem("people.pin_memory_kib", f"{self.people.cost}", rule))
        if len(bytes(self.socket_path)) > SOCKET_PATH_BYTES:
            rule = f"must be at most {SOCKET_PATH_BYTES} bytes long: name a shorter one"
            problems.append(Problem("api.socket", repr(str(self.socket_path)), rule))
        refuse(problems)
        return self

    def _unpinned(self) -> Iterable[Problem]:
        """Which regimens could be altered unseen, where that would matter."""
        rule = "is required where devices are real: isodrip regimen check FILE tells it"
        for name in () if self.site.simulated else self.regimen.unpinned:
            yield Problem(f"regimen.sha256.{name}", "(absent)", rule)

    def _stations(self) -> Iterable[Problem]:
        """What keeps hot lab and bedside from being told apart."""
        stations = self.station
        yield from _repeated("station.name", (one.name for one in stations))
        yield from _repeated("station.address", chain(*(one.addresses for one in stations)))
        keys = (one.key_sha256 for one in stations if one.key_sha256 is not None)
        yield from _repeated("station.key_sha256", keys)
        if not stations and not self.site.simulated:
            rule = "is required where devices are real: which machine stands where"
            yield Problem("station", "(absent)", rule)
        for place in ("hot_lab", "bedside") if stations else ():
            if not any(place in one.places for one in stations):
                yield Problem("station.places", "(absent)", f"must hold {place} at one station")

    def _second_pump(self) -> Iterable[Problem]:
        """What is wrong with the pump that flushes, or with there being none."""
        wanted, second = self.flush.method == "second_pump", self.flush_pump
        if wanted and second is None:
            yield Problem("flush_pump", "(absent)", "is required by flush.method = second_pump")
        if self.flush.kvo_ml_h is not None and not wanted:
            rule = "needs flush.method = second_pump: no drug keeps a vein open"
            yield Problem("flush.kvo_ml_h", f"{self.flush.kvo_ml_h:g}", rule)
        if second is None:
            return
        if not wanted:
            rule = "is used only where flush.method = second_pump"
            yield Problem("flush_pump", repr(second.port), rule)
        if isinstance(second, DulcoFlexSection):
            yield from self._kvo_of_batches(second)

    def _kvo_of_batches(self, pump: DulcoFlexSection) -> Iterable[Problem]:
        """A vein is kept open by one batch, which such a pump must be able to hold."""
        rate_ul_h, volume_nl = self.flush.kvo_ul_h, Nanolitre(self.flush.kvo_nl)
        if not rate_ul_h:
            return
        try:
            batch_nl = whole_increments(volume_nl, setup_of(pump).increment_nl)
            batch_seconds(batch_nl, MicrolitrePerHour(rate_ul_h))
        except ValueError as error:
            rule = f"must be a batch of the flush pump: {error}"
            yield Problem("flush.kvo_ml", f"{self.flush.kvo_ml:g}", rule)

    def _lines(self) -> Iterable[Problem]:
        """What keeps two devices from the port that both name."""
        for (_, other), (name, one) in combinations(self.devices.items(), 2):
            found = clash(one, other)
            if found is not None:
                yield Problem(f"{name}.{found.field}", repr(found.value), found.rule)


def _place(location: tuple[int | str, ...]) -> str:
    named = (part for part in location if part not in KINDS)
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return dotted.removeprefix(".") or "site.toml"


def _problems(error: ErrorDetails) -> list[Problem]:
    field, kind = _place(error["loc"]), error["type"]
    if kind == "problems":
        return list(error["ctx"]["problems"])
    if kind == "missing":
        return [Problem(field, "(absent)", "is required")]
    if kind == "union_tag_not_found":
        return [Problem(f"{field}.kind", "(absent)", "is required")]
    if kind == "union_tag_invalid":
        rule = f"must be one of {error['ctx']['expected_tags']}"
        return [Problem(f"{field}.kind", shown(error["input"]["kind"]), rule)]
    if error["loc"] == ("operator",):
        rule = "is no key of this program: people are added by isodrip people add"
        return [Problem(field, shown(error["input"]), rule)]
    rule = "is no key of this program" if kind == "extra_forbidden" else error["msg"]
    # The broker's password may stand anywhere in its section.
    value = "(not shown)" if field.startswith("mqtt") else shown(error["input"])
    return [Problem(field, value, rule)]


def load_site(text: str) -> SiteConfig:
    """Return the site that the text of a site.toml describes; raises ``ConfigError``."""
    try:
        table = toml_table(text, "site.toml")
    except DocumentError as error:
        raise ConfigError(error.problems) from None
    if "site_hash" in table:
        rule = "is no key of this program"
        raise ConfigError([Problem("site_hash", shown(table["site_hash"]), rule)])
    site_hash = hashlib.sha256(text.encode()).hexdigest()
    try:
        return SiteConfig.model_validate({**table, "site_hash": site_hash})
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise ConfigError(problem for detail in details for problem in _problems(detail))


def read_site(path: Path) -> SiteConfig:
    """Return the site of a file, byte for byte; raises ``ConfigError`` and ``OSError``."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("site.toml", "(not UTF-8)", str(error))]) from None
    return load_site(text)
