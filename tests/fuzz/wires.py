"""Fuzz targets of the two wires: framing for host and device, and what a reply's text is worth."""

import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from typing import Any, Final

from drivers.new_era_program import program
from drivers.new_era_words import DATA_SHAPE, status_of, verdict
from drivers.pump_errors import ReadbackMismatch
from drivers.request import Answer, Verdict
from firmware_interfaces import capintec as crc
from firmware_interfaces import new_era as ne
from firmware_interfaces.readings import PumpPlan, Trigger
from firmware_interfaces.units import (
    NS_PER_S,
    MicrolitrePerHour,
    Nanolitre,
    Nanoseconds,
    millimetre,
)
from protocols import capintec, new_era
from protocols.checksums import capintec_checksum, crc_ccitt_xmodem
from simulators.devices import new_era_settings
from simulators.devices.simulate import lone_calibrator, lone_pump
from tests.fuzz.given import Choices, pieces, text_of

PACKET_MAX: Final = new_era.DATA_MAX + new_era.OVERHEAD + 1
"""Longest packet of a New Era pump, bytes; an unfinished one is shorter."""
FRAME_MAX: Final = capintec.PAYLOAD_MAX + 4
"""Longest frame of a CRC-55, bytes."""


def fed(make: Callable[[], Any], data: bytes, cuts: Choices, part_max: int) -> Sequence[Any]:
    """What a deframer finds in ``data``: the same however the line cuts it up.

    An unfinished packet is all that it may hold afterwards: ``part_max`` bytes at most.
    """
    whole, bit_by_bit = make(), make()
    found: Sequence[Any] = whole.feed(data)
    again = [one for piece in pieces(data, cuts) for one in bit_by_bit.feed(piece)]
    assert list(map(_essence, _packets(again))) == list(map(_essence, _packets(found)))
    part = whole.discard_partial()
    assert part == bit_by_bit.discard_partial()
    assert len(part) <= part_max
    assert data.endswith(part)
    assert sum(len(one.raw) for one in found) + len(part) <= len(data)
    assert all(one.raw in data for one in found)
    assert whole.feed(b"") == []
    return found


def _packets(found: Sequence[Any]) -> list[Any]:
    """Noise between packets is told as it comes, so that it is cut where the line was."""
    return [one for one in found if not getattr(one, "reason", "").startswith("outside")]


def _essence(one: Any) -> object:
    """A line that is too long is refused as soon as it is: how much of it was there varies."""
    return one.fault if isinstance(one, new_era.BadPacket) else one


def _safe(data: bytes) -> bytes:
    size = (len(data) + new_era.OVERHEAD) & 0xFF
    return bytes((2, size)) + data + struct.pack(">H", crc_ccitt_xmodem(data)) + b"\x03"


def _framed_new_era(choices: Choices) -> bytes:
    """Raw bytes, or words in a good frame with raw bytes between them."""
    how = choices.number() % 4
    if how == 0:
        return choices.rest()
    line = b""
    while choices.left:
        word = choices.word(47)
        wrapped = (_safe(word), b"\x02" + word + b"\x03", word + b"\r")
        line += word if choices.number() % 5 == 0 else wrapped[how - 1]
    return line


def new_era_host(data: bytes) -> None:
    """Replies as a host hears them: each that is accepted is spelt in exactly one way."""
    choices = Choices(data)
    cuts = Choices(choices.word())
    line = _framed_new_era(choices)
    for one in fed(new_era.HostDeframer, line, cuts, PACKET_MAX - 1):
        if isinstance(one, new_era.ReplyFrame):
            assert new_era.encode_reply(one.reply, one.mode) == one.raw
        else:
            assert one.reason


def new_era_pump(data: bytes) -> None:
    """Commands as a pump hears them: each that is accepted means the same when it is sent again."""
    choices = Choices(data)
    cuts = Choices(choices.word())
    line = _framed_new_era(choices)
    for one in fed(new_era.PumpDeframer, line, cuts, max(PACKET_MAX - 1, new_era.LINE_MAX)):
        if isinstance(one, new_era.CommandFrame):
            again = new_era.encode_command(one.command, one.mode)
            heard = new_era.PumpDeframer().feed(again)
            # In Basic framing an empty command without an address is an empty line: no command.
            blank = one.mode is new_era.Mode.BASIC and again == b"\r"
            assert blank or heard == [new_era.CommandFrame(one.command, one.mode, again)]


PLAN: Final = PumpPlan(
    diameter_um=millimetre("26.59"),
    rate_ul_h=MicrolitrePerHour(20_000),
    volume_nl=Nanolitre(10_000_000),
    watchdog_ns=Nanoseconds(5 * NS_PER_S),
    trigger=Trigger.STOP_ONLY,
)
EXPECTED: Final = [one for one in program(PLAN).reread if not isinstance(one, str)]


def pump_values(data: bytes) -> None:
    """What a pump's reply is worth: exactly the number that stands there, in its own unit."""
    choices = Choices(data)
    query, prompt = choices.one_of(sorted(DATA_SHAPE)), choices.one_of(sorted(new_era.PROMPTS))
    text = text_of(choices.rest())
    for expected in EXPECTED:
        try:
            expected.check(text)
        except ReadbackMismatch as mismatch:
            assert mismatch.field == expected.field
    _read_values(text)
    try:
        reply = new_era.Reply(0, prompt, data=text)
    except ValueError:
        return
    (frame,) = new_era.HostDeframer().feed(new_era.encode_reply(reply, new_era.Mode.SAFE))
    if verdict(frame, 0, query) is Verdict.ANSWER:
        status = status_of(Answer(frame, Nanoseconds(0), Nanoseconds(1)))
        assert (status.infused_nl is None) == (status.withdrawn_nl is None)


VALUES: Final[Sequence[tuple[Callable[[str], int], Mapping[str, int]]]] = (
    (ne.parse_volume, ne.NL_PER_UNIT),
    (ne.parse_rate, ne.UL_H_PER_UNIT),
    (ne.parse_diameter, {"": 1000}),
    (lambda text: ne.parse_dispensed(f"I{text[:-2]}W0.{text[-2:]}").infused_nl, ne.NL_PER_UNIT),
    (lambda text: ne.parse_dispensed(f"I0.W{text}").withdrawn_nl, ne.NL_PER_UNIT),
    (lambda text: ne.parse_whole(text, 255), {"": 1}),
)
"""Each reader of a number, and what its units are worth in the base unit."""


def _read_values(text: str) -> None:
    for parse, units in VALUES:
        try:
            value = parse(text)
        except ValueError:
            continue
        unit = next(unit for unit in units if text.endswith(unit))
        whole, _, places = text.removesuffix(unit).partition(".")
        exact = Fraction(int(whole + places), 10 ** len(places)) * units[unit]
        assert 0 <= value - exact < 1, f"{text!r} read as {value}"
    for read in (ne.parse_number, ne.parse_version, new_era_settings.parse_float):
        with suppress(ValueError):
            read(text)
    counted = new_era_settings.parse_count(text, 255)
    assert counted is None or 0 <= counted <= 255


def capintec_frames(data: bytes) -> None:
    """Frames and polls as either side hears them, and the payloads in them."""
    choices = Choices(data)
    hears_poll = choices.number() % 2 == 1
    cuts = Choices(choices.word())
    line = b""
    while choices.left:
        word = choices.word(26)
        check = capintec_checksum(capintec.LEN_BASE + len(word), word)
        framed = bytes((capintec.START, capintec.LEN_BASE + len(word), *word, check, capintec.END))
        line += word if choices.number() % 3 == 0 else framed
    make = partial(capintec.Deframer, hears_poll=hears_poll)
    for one in fed(make, line, cuts, FRAME_MAX - 1):
        if isinstance(one, capintec.Frame):
            assert capintec.encode(one.payload) == one.raw
            _read_payload(one.payload)
    _read_payload(data[:32])


def _read_payload(payload: bytes) -> None:
    with suppress(ValueError):
        request = capintec.decode_request(payload)
        assert capintec.encode_request(request)[2:-2] == payload
    try:
        reply = capintec.decode_reply(payload)
    except ValueError:
        return
    if all(" " <= char <= "~" and char != "$" for char in payload.decode("ascii")):
        assert capintec.encode_reply(reply)[2:-2] == payload


def activity_values(data: bytes) -> None:
    """What a calibrator's reply is worth: the number that stands there, or a refusal."""
    choices = Choices(data)
    digit = chr(choices.number())
    field, nuclide = text_of(choices.word(6)), text_of(choices.rest())
    assert crc.canonical_nuclide(crc.canonical_nuclide(nuclide)) == crc.canonical_nuclide(nuclide)
    try:
        activity_bq, step_bq, unit = crc.parse_activity(field, digit)
    except ValueError as error:
        assert repr(field) in str(error) or repr(digit) in str(error)
        return
    if activity_bq is None:
        assert unit not in crc.BQ_PER_UNIT
        return
    whole, _, places = field.strip(" ").partition(".")
    exact = Fraction(int(whole + places), 10 ** len(places)) * crc.BQ_PER_UNIT[unit]
    assert abs(activity_bq - exact) * 2 <= 1 <= step_bq


def pump_firmware(data: bytes) -> None:
    """The simulated pump hears anything at any time; what it says, a host can read."""
    choices, pump, now_ns = Choices(data), lone_pump(1), 0
    host = new_era.HostDeframer()
    while choices.left:
        now_ns += choices.number() * 20_000_000
        said = pump.feed(_framed_new_era(Choices(choices.word(63))), now_ns)
        assert all(isinstance(one, new_era.ReplyFrame) for one in host.feed(said))
    assert host.discard_partial() == b""


def calibrator_firmware(data: bytes) -> None:
    """The simulated calibrator hears anything at any time; what it says, a host can read."""
    choices, calibrator, now_ns = Choices(data), lone_calibrator(1), 0
    host = capintec.Deframer()
    while choices.left:
        now_ns += choices.number() * 20_000_000
        word = choices.word(30)
        framed = choices.number() % 2 and 1 <= len(word) <= 25 and b"$" not in word
        with suppress(ValueError):
            word = capintec.encode(word) if framed else word
        for one in host.feed(calibrator.feed(word, now_ns)):
            assert isinstance(one, capintec.Frame)
            capintec.decode_reply(one.payload)
