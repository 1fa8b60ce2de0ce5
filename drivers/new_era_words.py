"""What a reply of an NE-1000 is to the question asked, and how long to wait for it. Pure.

Knows addresses, shapes and times on the wire; does not speak.
"""

import re
from typing import Final

from drivers.request import Answer, LineTiming, Verdict
from firmware_interfaces.new_era import ALARM, INTER_BYTE_TIMEOUT_NS, MOTION, parse_dispensed
from firmware_interfaces.readings import PumpStatus
from firmware_interfaces.units import NS_PER_MS, NS_PER_S, Nanolitre, Nanoseconds
from protocols.new_era import DATA_MAX, OVERHEAD, Noise, Reply, ReplyFrame

Heard = ReplyFrame | Noise

BITS_PER_BYTE: Final = 10
"""8N1: one start and one stop bit."""
FRAME_MAX: Final = DATA_MAX + OVERHEAD + 1
REPLY_MARGIN_NS: Final = Nanoseconds(200 * NS_PER_MS)
"""Beyond the wire: two 16 ms latencies of a USB adapter, a loaded host, the pump's own loop."""
GRACE_MARGIN_NS: Final = Nanoseconds(40 * NS_PER_MS)
"""Beyond the wire, between two frames the pump sends in one go: the adapter's latency twice."""

DATA_SHAPE: Final = {
    "": re.compile(r""),
    "DIA": re.compile(r"[0-9.]+"),
    "RAT": re.compile(r"[0-9.]+[A-Z]{2}"),
    "VOL": re.compile(r"[0-9.]+[A-Z]{2}"),
    "DIS": re.compile(r"I[0-9.]+W[0-9.]+[A-Z]{2}"),
    "DIR": re.compile(r"[A-Z]+"),
    "FUN": re.compile(r"[A-Z]+[0-9]*"),
    "TRG": re.compile(r"[A-Z0-9]{2}"),
    "PHN": re.compile(r"[0-9]{1,2}"),
    "PF": re.compile(r"[01]"),
    "AL": re.compile(r"[01]"),
    "SAF": re.compile(r"[0-9]{1,3}"),
    "VER": re.compile(r".+"),
}
"""Shape of a query's data with its unit: another query's late answer does not fit. A command that
sets something, and STP, is answered without data."""


def wire_ns(size: int, baud: int) -> Nanoseconds:
    """How long ``size`` bytes take at ``baud``, rounded up."""
    return Nanoseconds(-(-size * BITS_PER_BYTE * NS_PER_S // baud))


def reply_within_ns(packet: bytes, baud: int) -> Nanoseconds:
    """From the first byte of ``packet`` to the last of the longest reply, with a margin."""
    return Nanoseconds(wire_ns(len(packet) + FRAME_MAX, baud) + REPLY_MARGIN_NS)


def line_timing(baud: int) -> LineTiming:
    """Timing of a pump at ``baud``.

    A pump that waits for the rest of a damaged packet gives up after its inter-byte time-out and
    hears us only then: the quarantine outlasts that, and a whole reply.
    """
    reply_ns = wire_ns(FRAME_MAX, baud)
    return LineTiming(
        quarantine_ns=Nanoseconds(INTER_BYTE_TIMEOUT_NS + reply_ns),
        stop_patience_ns=Nanoseconds(reply_ns + GRACE_MARGIN_NS),
        alarm_grace_ns=Nanoseconds(reply_ns + GRACE_MARGIN_NS),
    )


def verdict(frame: Heard, address: int, query: str) -> Verdict:
    """What ``frame`` is to ``query`` at ``address``; an alarm may also have been sent unasked."""
    if isinstance(frame, Noise) or frame.reply.address != address:
        return Verdict.FOREIGN
    if frame.reply.alarm is not None:
        return Verdict.PERHAPS
    fits = frame.reply.error is not None or DATA_SHAPE[query].fullmatch(frame.reply.data)
    return Verdict.ANSWER if fits else Verdict.FOREIGN


def reply_of(answer: Answer[Heard]) -> Reply:
    """The reply in an answer; ``verdict`` lets nothing else be one."""
    assert isinstance(answer.frame, ReplyFrame)
    return answer.frame.reply


def status_of(answer: Answer[Heard]) -> PumpStatus:
    """Motion or alarm, and the counter if the answer carries one that can be read."""
    reply = reply_of(answer)
    motion = None if reply.prompt is None else MOTION[reply.prompt]
    alarm = None if reply.alarm is None else ALARM[reply.alarm]
    asked_ns, read_ns = answer.asked_ns, answer.read_ns
    try:
        infused, withdrawn, step = parse_dispensed(reply.data)
    except ValueError:
        return PumpStatus(motion, alarm, None, None, Nanolitre(0), asked_ns, read_ns)
    return PumpStatus(motion, alarm, infused, withdrawn, step, asked_ns, read_ns)
