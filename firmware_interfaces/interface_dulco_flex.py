"""The interface control document of the DULCO flex, made of its tables in ``dulco_flex``."""

from typing import Final

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.interface import Figure, Interface

_OWN: Final = "this project's driver"
_SITE: Final = """\
[pump]
kind = "dulcoflex"
port = "/dev/serial/by-id/..."   # or socket://host:4001, or tcp://host:502 (Modbus TCP)
unit = 20
hose = "PharMed 1.6 x 1.6 mm"    # the one on the pump, as commissioned with water
revolution_ml = 0.02             # its content of one revolution
vial_ml = 100                    # the largest vial that is hung on it
watchdog_s = 5
commissioning = "commissioning/2026-11-20.json"
"""
_RULES: Final = """\
register 63 holds the pattern 0xAABBCCDD at its number or one less, in one of both word orders: \
that settles offset and word order for all registers
identity code, register set and software are those that the driver was proven with
every number is finite and inside its limits; status, errors and counter are of one read
the content of a revolution agrees within 5 % with the one that was calibrated with water
what was set is read back and holds: mode batch with time control, volume, time, bus time-out, \
direction, no start after power-up, a torn hose an error
"""

INTERFACE: Final = Interface(
    kind="dulcoflex",
    title="ProMinent DULCO flex Control (DFXa) and gamma/X",
    purpose="Pumps the drug as one batch out of a vented vial, through a hose.",
    link=(
        f"RS-485, {df.BAUD_RATE} baud (or 9600, 38400), 8 data bits, even parity, 1 stop bit, "
        f"unit {df.UNIT} unless set otherwise; or Modbus TCP through a gateway"
    ),
    framing=(
        "Modbus RTU or Modbus TCP; function 3 reads, 6 and 16 write. Addresses here are the "
        "numbers that the manual prints."
    ),
    watchdog=(
        "register 61 and bit 1 of register 1200: without a frame for so long the pump stops. Every "
        "frame to it restarts the time."
    ),
    sources=(df.SOURCE, df.SOURCE_GAMMA),
    commands=(),
    registers=df.TABLE,
    codes=(),
    limits=(
        Figure("PATTERN_IS", df.PATTERN, "", "what register 63 must hold", df.SOURCE),
        Figure("CODE_WORD_IS", df.CODE_WORD, "", "what triggers and acknowledges", df.SOURCE),
        Figure("BUS_TIMEOUT_MAX", df.BUS_TIMEOUT_MS_MAX, "ms", "longest watchdog", df.SOURCE),
        Figure("BATCH_TIME_MAX", df.BATCH_S_MAX, "s", "longest batch", df.SOURCE),
        Figure(
            "INCREMENTS_PER_REVOLUTION",
            df.INCREMENTS_PER_REVOLUTION,
            "",
            "the least it can give is one; a dose under 50 of them is refused",
            _OWN,
        ),
    ),
    timing=(Figure("ANSWER_WITHIN", 500, "ms", "a whole answer, from its question", _OWN),),
    observable={
        "motion": "status bits: running, priming, pause, stopped",
        "counter": "register 1036: pumped since cleared, in half revolutions",
        "stall": "error bit 30, motor blockage",
        "hose": "error or warning bit: hose rupture, where the option is fitted",
        "container": "error and warning bit: level, where a level switch is connected",
        "power": "register 1026 counts power-ups",
        "watchdog": "the start bit is gone although nobody took it away",
        "settings": "read back, each of them",
        "take_over": "a mode or motion that changed without a command",
    },
    not_observable={
        "pressure": "only a gamma/X has a pressure register",
        "air": "only a gamma/X has an air sensor; else one is configured beside it, or nothing",
        "flow": "the counter counts revolutions: a worn hose gives less than it says",
        "activity": "no radiation detector",
        "vent": "whether the vial's vent is open",
    },
    unconfirmed=(
        "whether a frame carries the manual's number or one less, and which word comes first",
        "that the counter survives power-off, and that clearing the start bit ends the batch",
        "what the status shows after the bus time-out has stopped the pump",
        "that the two models' mode bits in the status word differ: register 1022 is used instead",
    ),
    rules=tuple(_RULES.splitlines()),
    site_toml=_SITE,
    warning="Not a medical device: an industrial metering pump. Proven with a simulated one only.",
)
