"""The interface control document of the NAM-M1, made of its tables in ``activity_meter``."""

from typing import Final

from firmware_interfaces import activity_meter as meter
from firmware_interfaces.interface import Figure, Interface

_OWN: Final = "this project's driver"
_SITE: Final = """\
[calibrator]
kind = "activity-meter"
port = "/dev/serial/by-id/..."   # or socket://host:4001, or tcp://host:502 (Modbus TCP)
unit = 1
serial = "70001"                 # the number in registers 26-27 that it must give; empty: any
"""

_RULES: Final = f"""\
it is one answer of the unit asked, to that function and number of registers, over TCP to that \
transaction
the checksum in register 29 is that of registers 0-28; magic, version, sentinel and unit are as \
below; both counters are equal
the net activity is a finite number of at least 0 that agrees with the whole kBq within half a \
kBq and one millionth (not asked over range, where there is no number)
the nuclide is one of {", ".join(meter.SYMBOLS.values())}
it is at most 1 s old, the counter went on within 2 s, and the serial number is that of the first \
reading
"""

INTERFACE: Final = Interface(
    kind="activity-meter",
    title="NAM-M1 activity meter over Modbus",
    purpose="Measures the activity of vial, syringe, waste and residual in its well.",
    link=(
        f"RS-485 or RS-232, {meter.BAUD_RATE} baud, 8 data bits, even parity, 1 stop bit, "
        f"unit {meter.UNIT} unless set otherwise; or Modbus TCP"
    ),
    framing=(
        f"Modbus RTU or Modbus TCP. One read (function 4) of {meter.WORDS} registers from 0 is one "
        "reading: a part of it, or two reads, is none. 32-bit values have the high word first."
    ),
    watchdog="none: it moves nothing",
    sources=(
        f"{meter.SOURCE}: no maker publishes one, so a meter or a gateway is built to it",
        "Modbus Application Protocol 1.1b3, Modbus over Serial Line 1.02",
    ),
    commands=(),
    registers=(*meter.READING, *meter.SETTINGS),
    codes=(),
    limits=(
        Figure("MAGIC_IS", meter.MAGIC, "", "what register 0 must hold", meter.SOURCE),
        Figure("MAP_VERSION_IS", meter.VERSION, "", "what register 1 must hold", meter.SOURCE),
        Figure(
            "SENTINEL_IS", int(meter.SENTINEL), "", "what registers 2-3 must hold", meter.SOURCE
        ),
        Figure("UNIT_IS_BQ", meter.UNIT_BQ, "", "what register 9 must hold", meter.SOURCE),
        Figure("READING_WORDS", meter.WORDS, "", "of one reading", meter.SOURCE),
    ),
    timing=(
        Figure("ANSWER_WITHIN", 500, "ms", "a whole answer, from its question", _OWN),
        Figure("AGE_MAX", 1000, "ms", "of a reading in register 24", _OWN),
        Figure("COUNTER_STILL_MAX", 2000, "ms", "then the meter stands still", _OWN),
    ),
    observable=meter.OBSERVABLE,
    not_observable=meter.NOT_OBSERVABLE,
    unconfirmed=("that the meter's own clock is right: registers 22-23 are not used",),
    rules=tuple(_RULES.splitlines()),
    site_toml=_SITE,
)
