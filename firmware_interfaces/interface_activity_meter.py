"""The interface control document of the NAM-M1, made of its tables in ``activity_meter``."""

from typing import Final

from firmware_interfaces import activity_meter as meter
from firmware_interfaces.interface import Figure, Interface

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
    timing=(),
    observable=meter.OBSERVABLE,
    not_observable=meter.NOT_OBSERVABLE,
    unconfirmed=(),
)
