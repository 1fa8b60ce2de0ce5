"""The interface control document of the NE-1000, made of its tables in ``new_era``."""

from typing import Final

from firmware_interfaces import new_era
from firmware_interfaces.interface import CodeTable, Command, Figure, Interface, Word, words_of
from firmware_interfaces.units import NS_PER_MS

_MANUAL: Final = "1200-01"
_CODES: Final = "1200-02 p. 29"

_SITE: Final = """\
[pump]
kind = "ne1000"
port = "/dev/serial/by-id/..."   # or socket://host:4001 (a device server)
address = 0
watchdog_s = 5
trigger = "stop_only"
commissioning = "commissioning/2026-11-20.json"
"""

INTERFACE: Final = Interface(
    kind="ne1000",
    title="New Era NE-1000 syringe pump",
    purpose="Pushes the drug syringe, and the saline syringe mounted after it.",
    link="RS-232, up to 100 pumps in a row, 19200 baud from the factory, 8 data bits, no parity",
    framing=(
        "Basic: ASCII command and CR; reply STX, address, status, data, ETX. Safe: STX, LEN, the "
        "same, CRC-16 (polynomial 0x1021, initial 0), ETX; LEN counts itself to ETX."
    ),
    watchdog=(
        "SAF n: without a valid Safe packet for n seconds the pump stops and holds alarm T. Every "
        "valid packet restarts it, STP as well."
    ),
    sources=(
        "1200-01: NE-1000 User Manual",
        "1200-02: NE-500 User Manual",
        "AladdinPump, octopus, labmcp-new-era, epsych2: public hosts of these pumps",
    ),
    commands=tuple(
        Command(
            text=row.name,
            name=row.name or "STATUS",
            meaning=row.meaning,
            form=row.setting,
            when=row.when.value,
            reply=row.reply,
            writes=bool(row.setting) or not row.query,
            energises=row.energises,
            source=row.source,
        )
        for row in new_era.COMMANDS.values()
    ),
    registers=(),
    codes=(
        CodeTable("PROMPT", "first letter of every reply", words_of(new_era.Prompt), _CODES),
        CodeTable("ALARM", "letter after A?", words_of(new_era.AlarmCode), _CODES),
        CodeTable("ERROR", "data of a refused command", words_of(new_era.CommandError), _CODES),
        CodeTable("RATE_UNIT", "suffix of a rate", words_of(new_era.RateUnit), _MANUAL),
        CodeTable("VOLUME_UNIT", "suffix of a volume", words_of(new_era.VolumeUnit), _MANUAL),
        CodeTable(
            "TRIGGER",
            "parameter of TRG; the driver sets OF or SP only",
            tuple(Word(mode, mode) for mode in new_era.TRIGGER_MODES),
            _MANUAL,
        ),
    ),
    limits=(
        Figure("ADDRESS_MAX", new_era.ADDRESS_MAX, "", "highest address", _MANUAL),
        Figure("WATCHDOG_MAX", new_era.WATCHDOG_S_MAX, "s", "longest watchdog", "1200-01 10.2.3"),
        Figure("PHASE_MAX", new_era.PHASE_MAX, "", "phases of a program", _MANUAL),
        Figure("DIAMETER_MIN", new_era.DIAMETER_UM_MIN, "um", "smallest bore", _MANUAL),
        Figure("DIAMETER_MAX", new_era.DIAMETER_UM_MAX, "um", "widest bore", _MANUAL),
        Figure(
            "MICROLITRE_DIAMETER_MAX",
            new_era.MICROLITRE_DIAMETER_UM_MAX,
            "um",
            "up to this bore volumes are in uL by default, above in mL",
            "1200-01, quick start",
        ),
        Figure(
            "COUNTER_ROLLOVER",
            new_era.COUNTER_ROLLOVER,
            "",
            "a dispensed counter rolls over to 0 here, in its own unit",
            "epsych2, NE-1000 notes",
        ),
    ),
    timing=(
        Figure(
            "INTER_BYTE_TIMEOUT",
            new_era.INTER_BYTE_TIMEOUT_NS // NS_PER_MS,
            "ms",
            "an incomplete Safe packet is dropped after this silence",
            "1200-01 10.2.3",
        ),
    ),
    observable=new_era.OBSERVABLE,
    not_observable=new_era.NOT_OBSERVABLE,
    unconfirmed=(
        "whether every command is taken in a Safe packet while the pump is in Basic mode",
        "whether RAT by value is taken while pumping towards a target volume",
    ),
    warning=f"New Era prints on this pump: {new_era.NOT_FOR_HUMANS}.",
    site_toml=_SITE,
)
