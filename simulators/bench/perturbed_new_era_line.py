"""An NE-1000's line perturbed: what its replies tell, how they are framed, and its grammar.

The rest of its tables stands in `simulators.bench.perturbed_new_era`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from firmware_interfaces import new_era as vocabulary
from protocols.checksums import crc_ccitt_xmodem
from protocols.new_era import (
    ETX,
    OVERHEAD,
    STX,
    CommandFrame,
    HostDeframer,
    Mode,
    PumpDeframer,
    ReplyFrame,
)
from simulators.bench.faults import Fault, InPhase, fault
from simulators.bench.perturbation import (
    ALTERATIONS,
    Dialect,
    Grammar,
    Piece,
    Row,
    Text,
    Way,
    neighbours,
)
from simulators.bench.perturbed_line import at_another_speed

if TYPE_CHECKING:
    from simulators.bench.stage import Stage

KIND: Final = "ne1000"
STATUS_AT: Final = 2
DATA_AT: Final = 3
MOVING_MINUTES: Final = 10.0
"""Ten times this treatment's rate is one that the pump can go, and its barrel is read on the way.
At 1 min the pump itself refuses most of what is altered."""
BAUD: Final = 19200


def during_infusion(
    kind: str, place: str = "device", after_s: float = 10.0, **what: Any
) -> tuple[Fault, ...]:
    """What happens so long after the infusion began."""
    lasts_s = what.pop("lasts_s", None)
    return (fault(place, kind, InPhase("INFUSING", after_s), lasts_s, **what),)


PROMPT_FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "W": during_infusion("keypad_take_over", key="withdraw"),
    "P": during_infusion("keypad_take_over", key="start_stop"),
    "X": during_infusion("keypad_take_over", key="purge"),
}
"""What makes a running pump say so."""


def on_data(text: str, alter: Callable[[str], str]) -> str:
    """The same on what a reply holds behind its address and prompt."""
    if text[STATUS_AT : STATUS_AT + 1] == "A" or text[DATA_AT : DATA_AT + 1] == "?":
        return text
    return text[:DATA_AT] + alter(text[DATA_AT:])


# --- what the pump tells -----------------------------------------------------------------------

COUNTER: Final = re.compile(r"I([0-9.]+)W([0-9.]+)([A-Z]{2})")
COUNTER_FIELDS: Final = ("infused", "withdrawn")


def _counter(alter: Callable[[str, str], tuple[str, str]]) -> Dialect:
    def tells(asked: str, text: str) -> str:
        found = COUNTER.fullmatch(text[DATA_AT:])
        if asked != "DIS" or found is None:
            return text
        infused, withdrawn = alter(found[1], found[2])
        return f"{text[:DATA_AT]}I{infused}W{withdrawn}{found[3]}"

    return Dialect(tells=tells)


def counters() -> Iterator[Row]:
    """Both volumes of DIS, each told otherwise, and one told for the other."""
    row = partial(Row, KIND, "counter", minutes=MOVING_MINUTES)
    for name, alter in ALTERATIONS.items():
        infused = partial(_counter, partial(_first, alter))
        withdrawn = partial(_counter, partial(_second, alter))
        yield row("infused", Way.TOLD, name, infused)
        yield row("withdrawn", Way.TOLD, name, withdrawn, faults=PROMPT_FAULTS["W"])
    for field in COUNTER_FIELDS:
        yield row(field, Way.TOLD, "swapped", partial(_counter, _exchanged))


def _first(alter: Text, infused: str, withdrawn: str) -> tuple[str, str]:
    return alter(infused), withdrawn


def _second(alter: Text, infused: str, withdrawn: str) -> tuple[str, str]:
    return infused, alter(withdrawn)


def _exchanged(infused: str, withdrawn: str) -> tuple[str, str]:
    return withdrawn, infused


def codes() -> Iterator[Row]:
    """Prompts, alarms and errors, each told as its neighbour; an error told as done."""
    row = partial(Row, KIND)
    for code, alteration, other in neighbours(tuple(vocabulary.Prompt)):
        tells = partial(_status_told, {code: other})
        faults = PROMPT_FAULTS.get(code, ())
        dialect = partial(Dialect, tells=tells)
        yield row("prompt", code, Way.TOLD, alteration, dialect, faults=faults)
    for code, alteration, other in neighbours(tuple(vocabulary.AlarmCode)):
        dialect = partial(Dialect, tells=partial(_text_told, f"A?{code}", f"A?{other}"))
        faults = during_infusion("alarm", letter=str(code))
        yield row("alarm", code, Way.TOLD, alteration, dialect, faults=faults)
    for code, alteration, other in neighbours(tuple(vocabulary.CommandError)):
        dialect = partial(Dialect, tells=partial(_text_told, code, other))
        yield row("error", code, Way.TOLD, alteration, dialect)
    for code in vocabulary.CommandError:
        dialect = partial(Dialect, tells=partial(_text_told, code.value, ""))
        yield row("error", code, Way.TOLD, "told as done", dialect)


def _status_told(others: Mapping[str, str], _asked: str, text: str) -> str:
    code = text[STATUS_AT]
    return text[:STATUS_AT] + others.get(code, code) + text[DATA_AT:]


def _text_told(status: str, other: str, _asked: str, text: str) -> str:
    """An alarm stands in the status's place, an error behind it."""
    at = STATUS_AT if status.startswith("A") else DATA_AT
    return text[:at] + other if text[at:] == status else text


# --- the line ------------------------------------------------------------------------------------


def _is_safe(frame: bytes) -> bool:
    return len(frame) > OVERHEAD and frame[0] == STX and not 0x30 <= frame[1] <= 0x39


def _length(step: int, frame: bytes) -> bytes:
    return bytes((frame[0], frame[1] + step)) + frame[2:] if _is_safe(frame) else frame


def _crc(alter: Callable[[bytes], bytes], frame: bytes) -> bytes:
    return frame[:-3] + alter(frame[-3:-1]) + frame[-1:] if _is_safe(frame) else frame


def _mark(own: int, frame: bytes) -> bytes:
    """A mark that this pump has another character for."""
    return frame.replace(bytes((own,)), bytes((own + 2,)), 1)


FRAMING: Final[Mapping[str, tuple[str, ...]]] = {
    "framing": ("STX", "ETX", "length", "checksum"),
    "baud": tuple(str(speed) for speed in vocabulary.BAUD_RATES),
    "address": ("address",),
}


def framing() -> Iterator[Row]:
    """Marks, length, checksum, line speed and address."""
    row = partial(Row, KIND, "framing")
    for mark, own in (("STX", STX), ("ETX", ETX)):
        alter = partial(_mark, own)
        yield row(mark, Way.MEANT, "+2", partial(Dialect, hears=alter, says=alter))
        yield row(mark, Way.TOLD, "+2", partial(Dialect, says=alter))
    for step in (1, -1):
        inverse, alter = partial(_length, -step), partial(_length, step)
        yield row("length", Way.MEANT, f"{step:+d}", partial(Dialect, hears=inverse, says=alter))
        yield row("length", Way.TOLD, f"{step:+d}", partial(Dialect, says=alter))
    for name, change in {"byte order": _turned, "complement": _complement}.items():
        alter = partial(_crc, change)
        yield row("checksum", Way.MEANT, name, partial(Dialect, hears=alter, says=alter))
        yield row("checksum", Way.TOLD, name, partial(Dialect, says=alter))
    yield from _speeds()
    yield from _addresses()


def _turned(crc: bytes) -> bytes:
    return crc[::-1]


def _complement(crc: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in crc)


def _speeds() -> Iterator[Row]:
    """The host of the bench speaks at 19200; the pump at each of its speeds, or near to one."""
    for speed in vocabulary.BAUD_RATES:
        own = speed if speed != BAUD else BAUD * 2
        dialect = partial(at_another_speed, BAUD, own)
        yield Row(KIND, "baud", str(speed), Way.MEANT, f"set to {own}", dialect)


def _addresses() -> Iterator[Row]:
    row = partial(Row, KIND, "address", "address")
    yield row(Way.MEANT, "+1", partial(Dialect, inside=_at_address_1))
    yield row(Way.TOLD, "+1", partial(Dialect, tells=lambda _asked, text: "01" + text[2:]))


def _at_address_1(stage: "Stage") -> None:
    stage.world.pump.ne1000.settings.address = 1


# --- the grammar of the line ---------------------------------------------------------------------


def grammar() -> Grammar:
    """A fresh one: it holds what has not ended yet."""
    host, pump = HostDeframer(), PumpDeframer()

    def heard(data: bytes) -> Iterator[Piece]:
        for found in pump.feed(data):
            raw = found.raw
            if isinstance(found, CommandFrame):
                address = "" if found.command.address is None else str(found.command.address)
                framed = partial(_command_frame, address, found.mode)
                yield Piece(raw, found.command.text, framed)
            else:
                yield Piece(raw, None, str.encode)

    def said(data: bytes) -> Iterator[Piece]:
        for found in host.feed(data):
            if isinstance(found, ReplyFrame):
                data = found.raw[1:-1] if found.mode is Mode.BASIC else found.raw[2:-3]
                framed = partial(_reply_frame, found.mode)
                yield Piece(found.raw, data.decode("ascii"), framed)
            else:
                yield Piece(found.raw, None, str.encode)

    return Grammar(heard, said)


def _command_frame(address: str, mode: Mode, text: str) -> bytes:
    data = (address + text).encode("ascii")
    return _safe(data) if mode is Mode.SAFE else data + b"\r"


def _reply_frame(mode: Mode, text: str) -> bytes:
    data = text.encode("ascii")
    return _safe(data) if mode is Mode.SAFE else bytes((STX, *data, ETX))


def _safe(data: bytes) -> bytes:
    """A Safe packet of text that the grammar itself might refuse to write."""
    crc = crc_ccitt_xmodem(data).to_bytes(2, "big")
    return bytes((STX, len(data) + OVERHEAD, *data, *crc, ETX))
