"""The devices that site.toml may name: one section a kind, told apart by the word ``kind``.

A new kind is one section here, one driver in `controller.devices`, and its evidence channels in
`controller.core.alarms`.
"""

from contextlib import suppress
from typing import Annotated, ClassVar, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field

from controller.section import Section, Text, ruled
from firmware_interfaces import activity_meter as nam
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.units import millilitre


def _address(port: str, *schemes: str) -> None:
    if port.startswith("/"):
        return
    with suppress(ValueError):
        parts = urlsplit(port)
        if parts.scheme in schemes and parts.hostname and parts.port and not parts.path:
            return
    ways = " or ".join(f"{scheme}://host:port" for scheme in schemes)
    raise ValueError(f"must be an absolute device path or {ways}")


def serial_address(port: str) -> None:
    """ValueError unless it is a device path, or the TCP port of a serial device server."""
    _address(port, "socket")


def modbus_address(port: str) -> None:
    """ValueError unless it is as `serial_address`, or ``tcp://`` where Modbus is framed for TCP."""
    _address(port, "socket", "tcp")


SerialAddress = Annotated[Text, ruled(serial_address)]
ModbusAddress = Annotated[Text, ruled(modbus_address)]
Serial = Annotated[str, Field(max_length=40)]
"""The number that a device must give, or empty to accept any."""


class Crc55Section(Section):
    """A Capintec CRC-55: up to 8 chambers at 9600 baud (CRC-55R hosts iRadiate, shinyplopper)."""

    kind: Literal["crc55"]
    port: SerialAddress
    chamber: Annotated[int, Field(ge=1, le=8)] = 1
    baud: Literal[9600] = 9600
    parity: ClassVar = "none"
    serial: Serial = ""


class Crc15Section(Section):
    """A Capintec CRC-15R: 4800 baud, and unit codes that are proven with known sources.

    ``serial`` stands on its plate, it cannot tell it; ``unit_proof``, the file that ``isodrip
    commission calibrator`` wrote, must be of the same one. Without it only the codes are taken that
    all public hosts read alike.
    """

    kind: Literal["crc15"]
    port: SerialAddress
    baud: Literal[4800] = 4800
    parity: ClassVar = "none"
    serial: Serial = ""
    unit_proof: Text | None = None


class ActivityMeterSection(Section):
    """A NAM-M1 activity meter: Modbus unit ``unit``, on a serial line at 19200 8E1 or over TCP."""

    kind: Literal["activity-meter"]
    port: ModbusAddress
    unit: Annotated[int, Field(ge=1, le=247)] = 1
    baud: ClassVar = nam.BAUD_RATE
    parity: ClassVar = "even"
    serial: Serial = ""


CalibratorSection = Annotated[
    Crc55Section | Crc15Section | ActivityMeterSection, Field(discriminator="kind")
]


class Ne1000Section(Section):
    """An NE-1000: address and baud rates of NE-1000 User Manual 1200-01.

    The pump would take a watchdog of up to 255 s; 15 s of silence are 0.83 % of a 30-minute dose,
    below 4 s a healthy line may trip (treatment.md, 3). ``commissioning`` is the file that
    ``isodrip commission pump`` wrote; without it nothing can be armed.
    """

    kind: Literal["ne1000"]
    port: SerialAddress
    address: Annotated[int, Field(ge=0, le=99)] = 0
    baud: Literal[300, 1200, 2400, 9600, 19200] = 19200
    parity: ClassVar = "none"
    watchdog_s: Annotated[int, Field(ge=4, le=15)] = 5
    trigger: Literal["off", "stop_only"] = "stop_only"
    commissioning: Text | None = None


class DulcoFlexSection(Section):
    """A ProMinent DULCO flex Control: Modbus unit ``unit``, on a serial line or over TCP.

    ``baud`` and ``parity`` are those of its registers 51 and 53; over ``tcp://`` they mean nothing.

    What its manual does not say stands here (`firmware_interfaces.dulco_flex.Setup`). ``hose`` is
    the one on the pump, with the content of a revolution that was calibrated with water and the
    largest vial that is hung on it. The pump's bus time-out takes up to 10 s.
    """

    kind: Literal["dulcoflex"]
    port: ModbusAddress
    unit: Annotated[int, Field(ge=1, le=247)] = 20
    baud: Literal[9600, 19200, 38400] = 19200
    parity: Literal["none", "odd", "even"] = "even"
    model: Literal["DFX", "GMX"] = "DFX"
    hose: Text
    revolution_ml: Annotated[float, Field(gt=0, le=10)]
    vial_ml: Annotated[float, Field(gt=0, le=200)]
    counter_clockwise: bool = False
    register_set: Annotated[int, Field(ge=0, le=0xFFFF)] = 1
    software: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = ("01.00.00.00",)
    watchdog_s: Annotated[int, Field(ge=4, le=10)] = 5
    trigger: Literal["off"] = "off"
    commissioning: Text | None = None

    @property
    def address(self) -> int:
        """Its address on the line."""
        return self.unit


def setup_of(section: DulcoFlexSection) -> df.Setup:
    """What a site states of its pump, as the driver takes it."""
    return df.Setup(
        model=df.Model(section.model),
        revolution_nl=millilitre(section.revolution_ml),
        counter_clockwise=section.counter_clockwise,
        register_set=section.register_set,
        software=section.software,
    )


def catalogued(section: "PumpSection") -> str:
    """What may be mounted on it, in the words of a refusal."""
    return (
        f"hose of this {section.kind}"
        if isinstance(section, DulcoFlexSection)
        else ("syringe of the site's catalogue")
    )


PumpSection = Annotated[Ne1000Section | DulcoFlexSection, Field(discriminator="kind")]


KINDS: Final = frozenset(
    kind
    for section in (
        Crc55Section,
        Crc15Section,
        ActivityMeterSection,
        Ne1000Section,
        DulcoFlexSection,
    )
    for kind in get_args(section.model_fields["kind"].annotation)
)
"""Every word for a kind; no key of site.toml is one."""
