"""What each NE-1000 command does: text in, data or a ``?`` error out (pumps.md 1.6).

No framing, no alarms, no time of its own. A setting whose sources do not say when it is taken is
refused with ``?NA`` while the program runs.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from simulators.devices.new_era_motor import Program, State
from simulators.devices.new_era_settings import (
    DIAMETER_MM,
    PHASES,
    TRIGGERS,
    Settings,
    format_float,
    parse_count,
    parse_float,
)

UNKNOWN: Final = "?"
NOT_APPLICABLE: Final = "?NA"
OUT_OF_RANGE: Final = "?OOR"
FUNCTIONS: Final = frozenset(("RAT", "STP"))
"""Functions this firmware has; another is refused as not recognised rather than imitated."""

Handler = Callable[[Settings, Program, str], str]


def diameter(settings: Settings, program: Program, text: str) -> str:
    """Setting it clears the counters and chooses the volume unit by the bore."""
    if not text:
        return format_float(settings.diameter_mm)
    if program.state is not State.STOPPED:
        return NOT_APPLICABLE
    value = parse_float(text)
    if value is None or not DIAMETER_MM[0] <= value <= DIAMETER_MM[1]:
        return OUT_OF_RANGE
    settings.diameter_mm = value
    small = value <= settings.meanings.microlitres_up_to_mm
    settings.volume_unit = "UL" if small else "ML"
    program.counted_nl.update(INF=0.0, WDR=0.0)
    return ""


def rate(settings: Settings, program: Program, text: str) -> str:
    """While pumping the value may change, the unit may not, and nothing is stored.

    During a pause it speaks of the phase that waits, with the rate at which that would go on.
    """
    begun = program.state is not State.STOPPED
    phase = program.phase if begun else settings.phase(settings.selected)
    if phase.function != "RAT":
        return NOT_APPLICABLE
    if not text:
        value = program.rate if begun else phase.rate
        return format_float(value) + phase.rate_unit
    units = dict(settings.meanings.rate_nl_h)
    unit = text[-2:] if text[-2:] in units else phase.rate_unit
    wanted = parse_float(text.removesuffix(unit))
    if program.moving and unit != phase.rate_unit:
        return NOT_APPLICABLE
    if wanted is None or not settings.attainable(wanted, unit):
        return OUT_OF_RANGE
    if program.moving:
        return _live_rate(program, wanted)
    phase.rate, phase.rate_unit, program.live_rate = wanted, unit, None
    return ""


def _live_rate(program: Program, wanted: Decimal) -> str:
    if program.state is not State.RUNNING:
        return NOT_APPLICABLE
    program.change_rate(wanted)
    return ""


def volume(settings: Settings, program: Program, text: str) -> str:
    """Target of the selected phase, 0 for none; or the unit of all volumes, numbers unchanged."""
    phase = settings.phase(program.number if program.moving else settings.selected)
    if not text:
        return format_float(phase.volume) + settings.volume_unit
    if program.state is not State.STOPPED:
        return NOT_APPLICABLE
    if text in dict(settings.meanings.volume_nl):
        settings.volume_unit = text
        return ""
    value = parse_float(text)
    if value is None:
        return OUT_OF_RANGE
    phase.volume = value
    return ""


def direction(settings: Settings, program: Program, text: str) -> str:
    """INF, WDR, REV (the other one) or STK; while pumping only in a phase without a target."""
    phase = settings.phase(program.number if program.moving else settings.selected)
    if not text:
        return phase.direction
    if text not in ("INF", "WDR", "REV", "STK"):
        return UNKNOWN
    if program.moving and (phase.volume > 0 or text == "STK"):
        return NOT_APPLICABLE
    other = "INF" if phase.direction == "WDR" else "WDR"
    phase.direction = other if text == "REV" else text
    if program.state is State.RUNNING:
        program.change_direction()
    return ""


def select_phase(settings: Settings, program: Program, text: str) -> str:
    """The phase that RAT, VOL, DIR and FUN speak of."""
    if not text:
        return f"{settings.selected:02d}"
    if program.moving:
        return NOT_APPLICABLE
    number = parse_count(text, PHASES)
    if not number:
        return OUT_OF_RANGE
    settings.selected = number
    return ""


def function(settings: Settings, program: Program, text: str) -> str:
    """RAT or STP."""
    phase = settings.phase(settings.selected)
    if not text:
        return phase.function
    if program.moving:
        return NOT_APPLICABLE
    if text not in FUNCTIONS:
        return UNKNOWN
    phase.function = text
    return ""


def dispensed(settings: Settings, program: Program, text: str) -> str:
    """Both counters in the present unit."""
    if text:
        return UNKNOWN
    infused, withdrawn = (
        format_float(Decimal(f"{program.counted_nl[way]:.3f}") / settings.unit_nl)
        for way in ("INF", "WDR")
    )
    return f"I{infused}W{withdrawn}{settings.volume_unit}"


def clear(settings: Settings, program: Program, text: str) -> str:  # noqa: ARG001
    """Zero one counter."""
    if text not in program.counted_nl:
        return UNKNOWN
    if program.moving:
        return NOT_APPLICABLE
    program.counted_nl[text] = 0.0
    return ""


def stop(settings: Settings, program: Program, text: str) -> str:  # noqa: ARG001
    """Running pauses, paused resets, stopped is not applicable."""
    if text:
        return UNKNOWN
    if program.state is State.STOPPED:
        return NOT_APPLICABLE
    if program.state is State.PAUSED:
        program.reset()
    else:
        program.pause()
    return ""


def purge(settings: Settings, program: Program, text: str) -> str:  # noqa: ARG001
    """Full speed till STP."""
    if text:
        return UNKNOWN
    if program.moving:
        return NOT_APPLICABLE
    program.purge()
    return ""


def version(settings: Settings, program: Program, text: str) -> str:  # noqa: ARG001
    """Model and firmware."""
    return UNKNOWN if text else f"{settings.meanings.model}V{settings.meanings.firmware}"


def trigger(settings: Settings, program: Program, text: str) -> str:
    """Use of the trigger input."""
    if not text:
        return settings.trigger
    if program.moving:
        return NOT_APPLICABLE
    if text not in TRIGGERS:
        return UNKNOWN
    settings.trigger = text
    return ""


def buzzer(settings: Settings, program: Program, text: str) -> str:  # noqa: ARG001
    """``BUZ1n`` beeps n times; it is heard, not stored."""
    if not text:
        return "0"
    return "" if text[0] in "01" and (text[1:] or "0").isdecimal() else OUT_OF_RANGE


def _flag(name: str) -> Handler:
    def handle(settings: Settings, program: Program, text: str) -> str:
        if not text:
            return str(int(settings.flags[name]))
        if program.moving:
            return NOT_APPLICABLE
        if text not in ("0", "1"):
            return OUT_OF_RANGE
        settings.flags[name] = text == "1"
        return ""

    return handle


HANDLERS: Final[dict[str, Handler]] = {
    "DIA": diameter,
    "RAT": rate,
    "VOL": volume,
    "DIR": direction,
    "PHN": select_phase,
    "FUN": function,
    "DIS": dispensed,
    "CLD": clear,
    "STP": stop,
    "PUR": purge,
    "VER": version,
    "TRG": trigger,
    "BUZ": buzzer,
    **{name: _flag(name) for name in ("PF", "AL", "LOC", "BP", "DIN")},
}
"""All commands but those that touch framing, alarms or the start: ``new_era`` has these."""


def find(text: str) -> tuple[Handler, str] | None:
    """The handler of a command's text, and what follows its name."""
    for length in (3, 2):
        handler = HANDLERS.get(text[:length])
        if handler is not None:
            return handler, text[length:]
    return None
