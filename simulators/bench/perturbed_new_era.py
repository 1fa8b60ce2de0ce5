"""Every perturbation of an NE-1000, made from the tables of its vocabulary.

A command, unit, prompt or alarm that is added there has its rows here at once. What is altered is
the simulated pump's: how it takes a command, what it tells, what its units and limits are worth.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from firmware_interfaces import new_era as vocabulary
from firmware_interfaces.new_era import COMMANDS, CommandRow
from simulators.bench.faults import Fault
from simulators.bench.perturbation import (
    ALTERATIONS,
    FACTORS,
    Adapter,
    Dialect,
    Row,
    Way,
    first_number,
    neighbours,
    remembered,
    swapped,
)
from simulators.bench.perturbed_new_era_line import (
    COUNTER_FIELDS,
    FRAMING,
    KIND,
    MOVING_MINUTES,
    codes,
    counters,
    during_infusion,
    framing,
    grammar,
    on_data,
)

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

PURGE: Final = "PUR"
NO_COMMAND: Final = "ZZZ"
STUDY_MINUTES: Final = 30.0
MOVING: Final = frozenset(("RAT", "VOL", "DIA"))

STOP_WANTED: Final = during_infusion("stuck_counter")
"""The daemon has a reason to stop a pump that runs."""
COMMAND_FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "STP": STOP_WANTED,
    "SAF": during_infusion("killed", "process", lasts_s=90.0),
    "PF": during_infusion("reboot", lasts_s=2.0),
    "TRG": during_infusion("keypad_take_over", key="trigger"),
}
"""What must happen for a command's setting to matter at all."""

# --- a command's name -----------------------------------------------------------------------------


def name_of(text: str) -> str:
    """The command that a text is, by the longest name that begins it; "" asks for the status."""
    return max((name for name in COMMANDS if name and text.startswith(name)), key=len, default="")


def _taken_as(name: str, other: str) -> Dialect:
    """Its parameters stay with it, but for a purge: that takes none and would refuse them."""

    def takes(text: str) -> str:
        rest = "" if other == PURGE else text.removeprefix(name)
        return other + rest if name_of(text) == name else text

    return Dialect(takes=takes)


def _without_effect(name: str) -> Dialect:
    """It is acknowledged and not done; the pump holds something else. A query is answered."""

    def takes(text: str) -> str:
        query = COMMANDS[name].query and text == name
        return "" if name_of(text) == name and not query else text

    return Dialect(takes=takes, inside=_set_otherwise)


def _set_otherwise(stage: "Stage") -> None:
    """Somebody used the pump for something else before."""
    settings = stage.world.pump.ne1000.settings
    settings.diameter_mm = Decimal("14.43")
    settings.flags |= {"PF": True, "AL": False}
    settings.phase(1).direction = "WDR"


def _commands() -> Iterator[Row]:
    names = tuple(COMMANDS)
    others = [(name, f"as {other or 'status'}", other) for name, _, other in neighbours(names)]
    others += [(name, f"as {other}", other) for name in names for other in (PURGE, NO_COMMAND)]
    for name, alteration, other in others:
        yield _command(name, alteration, partial(_taken_as, name, other))
    for name in names:
        if name:
            yield _command(name, "without effect", partial(_without_effect, name))


def _command(name: str, alteration: str, dialect: Callable[[], Dialect]) -> Row:
    faults = COMMAND_FAULTS.get(name, ())
    return Row(KIND, "command", name or "status", Way.TAKEN, alteration, dialect, faults=faults)


# --- numbers that a command sets and tells -----------------------------------------------------


def _number_set(name: str, alter: Callable[[str], str]) -> Callable[[str], str]:
    def takes(text: str) -> str:
        if name_of(text) != name:
            return text
        return name + first_number(alter)(text.removeprefix(name))

    return takes


def _number_told(name: str, alter: Callable[[str], str]) -> Callable[[str, str], str]:
    def tells(asked: str, text: str) -> str:
        return on_data(text, first_number(alter)) if asked == name else text

    return tells


def _number_meant(name: str, factor: Fraction) -> Dialect:
    take, tell = remembered(factor)
    return Dialect(takes=_number_set(name, take), tells=_number_told(name, tell))


def is_number(row: CommandRow) -> bool:
    """Whether a command sets a number, by the form of its parameters."""
    return row.setting.startswith("f") or row.setting == "n"


def numbers() -> tuple[str, ...]:
    """Commands that set or tell one number."""
    return (*(name for name, row in COMMANDS.items() if is_number(row)), "VER")


def _numbers() -> Iterator[Row]:
    for name in numbers():
        for alteration, alter in ALTERATIONS.items():
            if is_number(COMMANDS[name]):
                taken = partial(Dialect, takes=_number_set(name, alter))
                yield _number(name, Way.TAKEN, alteration, taken)
            told = partial(Dialect, tells=_number_told(name, alter))
            yield _number(name, Way.TOLD, alteration, told)
        for alteration, factor in FACTORS.items():
            if is_number(COMMANDS[name]):
                meant = partial(_number_meant, name, factor)
                yield _number(name, Way.MEANT, alteration, meant)


def _number(name: str, way: Way, alteration: str, dialect: Callable[[], Dialect]) -> Row:
    minutes = MOVING_MINUTES if name in MOVING else STUDY_MINUTES if name == "PHN" else 1.0
    faults = COMMAND_FAULTS.get(name, ())
    return Row(KIND, "number", name, way, alteration, dialect, minutes, faults)


# --- words that a command sets and tells -------------------------------------------------------


def words() -> dict[str, tuple[str, ...]]:
    """What each command can be set to, of those that take a word."""
    found = {}
    for name, row in COMMANDS.items():
        said = row.setting.replace("[n]", "").split("|")
        if not row.setting.startswith("f"):
            found[name] = tuple(word for word in said if re.fullmatch(r"[A-Z]{2,}|[01]", word))
    found["TRG"] = tuple(vocabulary.TRIGGER_CODE.values())
    return {name: told for name, told in found.items() if told}


def _words_set(name: str, others: Mapping[str, str]) -> Callable[[str], str]:
    def takes(text: str) -> str:
        word = text.removeprefix(name)
        return name + others.get(word, word) if name_of(text) == name else text

    return takes


def _words_told(name: str, others: Mapping[str, str]) -> Callable[[str, str], str]:
    def tells(asked: str, text: str) -> str:
        return on_data(text, lambda word: others.get(word, word)) if asked == name else text

    return tells


def _words() -> Iterator[Row]:
    for name, choices in words().items():
        for word, alteration, other in neighbours(choices):
            one_way, both = {word: other}, swapped(word, other)
            dialects = {
                Way.TAKEN: Dialect(takes=_words_set(name, one_way)),
                Way.TOLD: Dialect(tells=_words_told(name, one_way)),
                Way.MEANT: Dialect(takes=_words_set(name, both), tells=_words_told(name, both)),
            }
            for way, dialect in dialects.items():
                faults = COMMAND_FAULTS.get(name, ())
                entry = f"{name} {word}"
                same = partial(replace, dialect)
                yield Row(KIND, "word", entry, way, alteration, same, faults=faults)


# --- units and limits within the pump ----------------------------------------------------------


def _suffix(text: str, others: Mapping[str, str]) -> str:
    return text[:-2] + others.get(text[-2:], text[-2:])


SPOKEN: Final = ("MH", "ML")
"""The units that the driver sets."""


def _unit_rows(table: str, units: tuple[str, ...], attribute: str) -> Iterator[Row]:
    def row(unit: str, way: Way, alteration: str, dialect: Callable[[], Dialect]) -> Row:
        minutes = MOVING_MINUTES if unit in SPOKEN else 1.0
        return Row(KIND, table, unit, way, alteration, dialect, minutes)

    for unit, alteration, other in neighbours(units):
        one_way, both = {unit: other}, swapped(unit, other)
        take, told = partial(_suffix, others=one_way), partial(_told_suffix, one_way)
        meant = Dialect(takes=partial(_suffix, others=both), tells=partial(_told_suffix, both))
        yield row(unit, Way.TAKEN, alteration, partial(Dialect, takes=take))
        yield row(unit, Way.TOLD, alteration, partial(Dialect, tells=told))
        yield row(unit, Way.MEANT, alteration, partial(replace, meant))
    for unit in units:
        for alteration, factor in FACTORS.items():
            worth = partial(_worth, attribute, unit, factor)
            speaks = partial(_speaks_of, unit)
            yield row(unit, Way.MEANT, alteration, partial(Dialect, inside=worth, speaks=speaks))


def _told_suffix(others: Mapping[str, str], _asked: str, text: str) -> str:
    return on_data(text, lambda data: _suffix(data, others))


def _speaks_of(unit: str, text: str) -> bool:
    return text.endswith(unit)


def _worth(attribute: str, unit: str, factor: Fraction, stage: "Stage") -> None:
    """The pump's own table: a unit is worth so many times as much."""
    settings = stage.world.pump.ne1000.settings
    sizes: tuple[tuple[str, int], ...] = getattr(settings.meanings, attribute)
    altered = tuple((name, int(size * factor) if name == unit else size) for name, size in sizes)
    told: Any = {attribute: altered}
    settings.meanings = replace(settings.meanings, **told)


LIMITS: Final = ("fastest_um_s", "slowest_um_s", "microlitres_up_to_mm")


def _limits() -> Iterator[Row]:
    for name in LIMITS:
        for alteration, factor in FACTORS.items():
            limit = partial(_limit, name, factor)
            dialect = partial(Dialect, inside=limit, speaks=partial(_speaks_of, "MH"))
            yield Row(KIND, "limit", name, Way.MEANT, alteration, dialect)


def _limit(name: str, factor: Fraction, stage: "Stage") -> None:
    settings = stage.world.pump.ne1000.settings
    held = getattr(settings.meanings, name)
    altered: Any = {name: held * held.__class__(float(factor))}
    settings.meanings = replace(settings.meanings, **altered)


def _tables() -> dict[str, tuple[str, ...]]:
    return {
        "command": tuple(name or "status" for name in COMMANDS),
        "number": numbers(),
        "word": tuple(f"{name} {word}" for name, told in words().items() for word in told),
        "rate_unit": tuple(vocabulary.RateUnit),
        "volume_unit": tuple(vocabulary.VolumeUnit),
        "counter": COUNTER_FIELDS,
        "prompt": tuple(vocabulary.Prompt),
        "alarm": tuple(vocabulary.AlarmCode),
        "error": tuple(vocabulary.CommandError),
        "limit": LIMITS,
        **FRAMING,
    }


ADAPTER: Final = Adapter(
    wire="pump",
    tables=_tables(),
    rows=(
        *_commands(),
        *_numbers(),
        *_words(),
        *_unit_rows("rate_unit", tuple(vocabulary.RateUnit), "rate_nl_h"),
        *_unit_rows("volume_unit", tuple(vocabulary.VolumeUnit), "volume_nl"),
        *counters(),
        *codes(),
        *_limits(),
        *framing(),
    ),
    grammar=grammar,
)
"""The NE-1000."""
