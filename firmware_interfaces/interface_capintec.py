"""The interface control document of the CRC-55R, made of its tables in ``capintec``."""

from typing import Final

from firmware_interfaces import capintec
from firmware_interfaces.interface import CodeTable, Command, Figure, Interface, words_of
from firmware_interfaces.units import NS_PER_MS

_HOST: Final = "lulzzz/iRadiate, CapintecDoseCalibrator.cs"
_FIELDS: Final = ("TAG", "NUCLIDE", "ACTIVITY", "UNIT")

_SITE: Final = """\
[calibrator]
kind = "crc55"
port = "/dev/serial/by-id/..."   # or socket://host:4002 (a device server)
chamber = 1
"""

INTERFACE: Final = Interface(
    kind="crc55",
    title="Capintec CRC-55R and CRC-55tR dose calibrator",
    purpose="Measures the activity of vial, syringe, waste and residual in its well.",
    link=f"RS-232, {capintec.BAUD_RATE} baud, 8 data bits, no parity, 1 stop bit",
    framing=(
        "$ LEN PAYLOAD CHK #; LEN is 0x41 and the payload's length, CHK seven bits. A lone @ is a "
        "poll that is answered by a line that ends in #."
    ),
    watchdog="none: it moves nothing",
    sources=("lulzzz/iRadiate: CapintecDoseCalibrator.cs, CentricityLink.cs, Settings.settings",),
    commands=(
        Command(
            text=f"{capintec.READ_COMMAND}n",
            name="READ",
            meaning="reading of chamber n: tag, nuclide, activity, unit digit",
            form="n = 1..8",
            when="at any time",
            reply="DR1I-131   " + "  1.85" + "6",
            writes=False,
            energises=False,
            source=_HOST,
        ),
        Command(
            text=f"{capintec.SELECT_COMMAND}nk",
            name="SELECT",
            meaning="press isotope key k of chamber n; the driver never does",
            form="n = 1..8, k = 0..9",
            when="at any time",
            reply="",
            writes=True,
            energises=False,
            source=_HOST,
        ),
    ),
    registers=(),
    codes=(
        CodeTable(
            "UNIT",
            "unit digit of a reading; any other is refused",
            words_of(capintec.Unit),
            _HOST,
        ),
        CodeTable("ERROR", "errors in the source's order", words_of(capintec.ErrorCode), _HOST),
    ),
    limits=tuple(
        Figure(f"{name}_{what}", value, "", f"{what.lower()}, characters: {field.name}", _HOST)
        for name, field in zip(_FIELDS, capintec.REPLY_FIELDS, strict=True)
        for what, value in (("START", field.start), ("WIDTH", field.width))
    ),
    timing=(
        Figure(
            "HOST_TIMEOUT",
            capintec.HOST_TIMEOUT_NS // NS_PER_MS,
            "ms",
            "what the source's host allows for a whole answer",
            "lulzzz/iRadiate, Settings.settings",
        ),
    ),
    observable=capintec.OBSERVABLE,
    not_observable=capintec.NOT_OBSERVABLE,
    unconfirmed=(
        "unit digits: another host reads 3, 4, 5 of a CRC-35R as kBq, MBq, GBq; a source proves it",
        "alignment of the activity within its six characters",
        "how an error reply is framed",
    ),
    site_toml=_SITE,
)
