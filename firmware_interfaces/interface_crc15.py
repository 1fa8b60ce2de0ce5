"""The interface control document of the CRC-15R, made of its tables in ``crc15``."""

from typing import Final

from firmware_interfaces import crc15
from firmware_interfaces.interface import CodeTable, Command, Figure, Interface, Word
from firmware_interfaces.units import NS_PER_MS

_HOSTS: Final = "crc-15pet.py and CRC15R.java"
_OWN: Final = "this project's driver"
_POLL: Final = "".join(
    (crc15.BEGIN, crc15.NUCLIDE_LETTERS, crc15.UNIT_LETTER, crc15.ACTIVITY_LETTERS)
)
_SITE: Final = """\
[calibrator]
kind = "crc15"
port = "/dev/serial/by-id/..."   # or socket://host:4002 (a device server)
serial = "15R-0001"              # stands on its plate; the instrument cannot tell it
unit_proof = "commissioning/units.json"   # from isodrip commission calibrator; else only 5 and 6
"""
_RULES: Final = """\
it is as many bytes as were asked for, with nothing before them but a printed ticket
the unit code is one that all public hosts read alike, or that a known source has proven on this \
instrument
the number is finite, not negative, and worth at most 1e12 Bq
it has changed in its last bit within 8 s: a number that stands still is no longer renewed
"""


def _meaning(code: int) -> str:
    """How the public hosts read a unit code."""
    return "; ".join(
        f"{host}: {table[code].name.lower() if code in table else 'undefined'}"
        for host, table in crc15.CODES_BY_HOST.items()
    )


INTERFACE: Final = Interface(
    kind="crc15",
    title="Capintec CRC-15R and CRC-15 PET dose calibrator",
    purpose="Measures the activity of vial, syringe, waste and residual in its well.",
    link=f"RS-232, {crc15.BAUD_RATE} baud, 8 data bits, no parity, 1 stop bit",
    framing=(
        "none: @ begins, then each letter is answered by one byte. No checksum. The PRINT key "
        "sends a text ending in a line feed unasked: it is thrown away."
    ),
    watchdog="none: it moves nothing",
    sources=(
        "elenhinan/CRC-Halflife, crc-15pet.py",
        "martiniano/shiny-plopper, CRC15R.java",
    ),
    commands=(
        Command(
            text=_POLL,
            name="READ",
            meaning="nuclide, 6 characters; unit code, 1 byte; activity, float32, low byte first",
            form="",
            when="at any time",
            reply="46 20 31 38 20 20 05 cc 85 35 40",
            writes=False,
            energises=False,
            source=_HOSTS,
        ),
    ),
    registers=(),
    codes=(
        CodeTable(
            "UNIT",
            "unit code of a reading, as each public host reads it",
            tuple(Word(code, f"CODE_{code}", _meaning(code)) for code in crc15.CODES),
            _HOSTS,
        ),
    ),
    limits=(Figure("ACTIVITY_MAX", crc15.ACTIVITY_BQ_MAX, "Bq", "above it is no reading", _OWN),),
    timing=(
        Figure(
            "HOST_TIMEOUT", crc15.HOST_TIMEOUT_NS // NS_PER_MS, "ms", "for a whole answer", _OWN
        ),
        Figure("REFRESH_MAX", crc15.REFRESH_NS_MAX // NS_PER_MS, "ms", "without any change", _OWN),
    ),
    observable={
        "activity": "number and unit code of a reading",
        "nuclide": "name of a reading",
        "settled": "by our own rule over a row of readings: the device does not say",
        "renewed": "the number's last bits change",
    },
    not_observable={
        "over_range": "no flag: told only by a number that no chamber measures",
        "item": "which item is in the well, and where in it",
        "serial": "the instrument tells no serial number and no firmware version",
        "high_voltage": "no fault of the chamber's voltage is told",
        "quality": "neither zero, background nor quality control is told",
    },
    unconfirmed=(
        "which of the two tables of unit codes an instrument has: a known source proves it",
        "what is sent over range, and the layout of a printed ticket",
    ),
    rules=tuple(_RULES.splitlines()),
    site_toml=_SITE,
)
