"""S4 and the standing still of S5: how soon STOP is on the wire, the plunger at rest, and stays so.

Bounds are those of treatment.md 3. Frames are those of the wire; rest is the plunger's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from simulators.bench.evidence import NS_PER_S, Blow, Evidence, Violation
from simulators.bench.signs import EXCHANGE_NS, POLL_NS, Sign, signs, silence, told

STOP_WITHIN_NS: Final = POLL_NS + 2 * EXCHANGE_NS
WATCHDOG_NS: Final = 5 * NS_PER_S
STANDS_NL: Final = 1_000.0
"""Less than a tenth of a drop is no motion."""
BY_HAND: Final = ("keypad_take_over", "panel_use", "siphon", "free_flow", "reboot")
"""What moves a plunger although the daemon does nothing wrong, until it can be seen and stopped."""
BURST_NS: Final = 4 * NS_PER_S
"""A pump that takes STOP and does not obey is spoken to so long, then left to its watchdog."""
SILENCING: Final = ("killed", "frozen", "consumer_hung")


@dataclass(frozen=True, slots=True)
class Drive:
    """One time in which the pump may turn: from the RUN on the wire to the confirmed stop.

    ``stop_ns`` is when the first STP began to leave, ``rest_ns`` when a status asked after it said
    that the pump stands; None where that never was. ``seen`` are signs of a fault that the host
    could read.
    """

    run_ns: int
    stop_ns: int | None
    rest_ns: int | None
    seen: tuple[Sign, ...]


def drives(evidence: Evidence) -> tuple[Drive, ...]:
    """Every time the pump was let turn."""
    begun = [said.at_ns for said in evidence.asked if said.text == "RUN"]
    ends = [*begun, evidence.end_ns + 1][1:]
    return tuple(_drive(evidence, run, end) for run, end in zip(begun, ends, strict=True))


def _drive(evidence: Evidence, run_ns: int, end_ns: int) -> Drive:
    stops = [s.at_ns for s in evidence.asked if s.text == "STP" and run_ns < s.at_ns < end_ns]
    stop_ns = stops[0] if stops else None
    until_ns = end_ns if stop_ns is None else stop_ns
    heard = [said for said in evidence.answered if run_ns < said.at_ns <= until_ns]
    found = signs(heard, told(evidence.obeyed, run_ns, until_ns))
    if not evidence.blown("unplugged"):
        found += silence(heard, run_ns, until_ns)
    return Drive(run_ns, stop_ns, _rest_ns(evidence, stop_ns, end_ns), tuple(sorted(found)))


def _rest_ns(evidence: Evidence, stop_ns: int | None, end_ns: int) -> int | None:
    """The first time a status asked after a STP said stopped."""
    if stop_ns is None:
        return None
    statuses = [s.at_ns for s in evidence.asked if s.text == "" and stop_ns < s.at_ns < end_ns]
    if not statuses:
        return None
    for said in evidence.answered:
        if statuses[0] < said.at_ns < end_ns and said.reply and said.reply.prompt == "S":
            return said.at_ns
    return None


def judge_stops(evidence: Evidence) -> tuple[Violation, ...]:
    """S4 over every drive, over silence, and over the death and the hanging of the daemon."""
    found = [violation for drive in drives(evidence) for violation in _judge_drive(evidence, drive)]
    return (*found, *_after_silence(evidence), *_after_blows(evidence))


def _violation(rule: str, at_ns: int, text: str) -> Violation:
    return Violation(rule, at_ns / NS_PER_S, text)


def _judge_drive(evidence: Evidence, drive: Drive) -> Iterator[Violation]:
    if drive.seen and not _silenced(evidence, drive.seen[0][0]):
        at_ns, what = drive.seen[0]
        sent_ns = evidence.end_ns if drive.stop_ns is None else drive.stop_ns
        if sent_ns - at_ns > STOP_WITHIN_NS:
            after_s = (sent_ns - at_ns) / NS_PER_S
            sent = "never" if drive.stop_ns is None else f"{after_s:.3f} s later"
            yield _violation("S4", at_ns, f"{what} was on the wire, STOP {sent}")
    if drive.stop_ns is not None:
        yield from _rests_after_stop(evidence, drive.stop_ns)
    if drive.rest_ns is not None:
        yield from _stays_at_rest(evidence, drive)


def _silenced(evidence: Evidence, at_ns: int) -> bool:
    """True if the daemon could not act at that time, or just after it."""
    return any(
        blow.at_ns <= at_ns + STOP_WITHIN_NS and at_ns <= _over_ns(evidence, blow)
        for blow in evidence.blown(*SILENCING)
    )


def _over_ns(evidence: Evidence, blow: Blow) -> int:
    """When the daemon could act again. A program that hangs is gone once it was killed."""
    ends = [blow.until_ns]
    if blow.kind != "killed":
        ends += [death.until_ns for death in evidence.blown("killed") if death.at_ns >= blow.at_ns]
    return min((end_ns for end_ns in ends if end_ns is not None), default=evidence.end_ns)


def _rests_after_stop(evidence: Evidence, stop_ns: int) -> Iterator[Violation]:
    """One exchange after a STOP that arrived; else by the watchdog."""
    arrived = [s.at_ns for s in evidence.obeyed if s.text == "STP" and s.at_ns >= stop_ns]
    due_ns = stop_ns + WATCHDOG_NS + POLL_NS
    if _disobeys(evidence):
        due_ns += BURST_NS
    elif arrived:
        due_ns = min(due_ns, arrived[0] + EXCHANGE_NS)
    late_nl = _moved_nl(evidence, due_ns, _next_run(evidence, stop_ns))
    if late_nl > STANDS_NL:
        yield _violation("S4", due_ns, f"the plunger still moved {late_nl:.0f} nL after STOP")


def _disobeys(evidence: Evidence) -> bool:
    """True for a pump that pretends to take STOP."""
    return bool(evidence.blown("deaf_to_stop"))


def _stays_at_rest(evidence: Evidence, drive: Drive) -> Iterator[Violation]:
    """S5: no motion from the confirmed stop to the next RUN."""
    assert drive.rest_ns is not None
    until_ns = _next_run(evidence, drive.rest_ns)
    moved_nl = _moved_nl(evidence, drive.rest_ns, until_ns)
    if moved_nl > STANDS_NL:
        text = f"the plunger moved {moved_nl:.0f} nL after its stop was confirmed"
        yield _violation("S5", drive.rest_ns, text)


def _next_run(evidence: Evidence, after_ns: int) -> int:
    runs = (said.at_ns for said in evidence.asked if said.text == "RUN" and said.at_ns > after_ns)
    return next(runs, evidence.end_ns)


def _moved_nl(evidence: Evidence, begin_ns: int, end_ns: int) -> float:
    """Forward travel between two times, without what hands or gravity did."""
    total = 0.0
    for move, until_ns in evidence.stretches():
        low, high = max(begin_ns, move.at_ns), min(end_ns, until_ns)
        if move.flow_nl_s > 0.0 and high > low and not _by_hand(evidence, move.at_ns):
            total += move.flow_nl_s * (high - low) / NS_PER_S
    return total


def _by_hand(evidence: Evidence, at_ns: int) -> bool:
    return any(blow.at_ns <= at_ns for blow in evidence.blown(*BY_HAND))


def _after_silence(evidence: Evidence) -> Iterator[Violation]:
    """A plunger that we set going never outlives the last command it heard by n + one poll."""
    heard = [said.at_ns for said in evidence.obeyed]
    heard_at, index = 0, 0
    for move, end_ns in evidence.stretches():
        if move.flow_nl_s <= 0.0 or _by_hand(evidence, move.at_ns):
            continue
        while index < len(heard) and heard[index] <= end_ns:
            gap_ns = heard[index] - max(heard_at, move.at_ns)
            if heard[index] > move.at_ns and gap_ns > WATCHDOG_NS + POLL_NS:
                break
            heard_at, index = heard[index], index + 1
        alone_ns = end_ns - max(heard_at, move.at_ns)
        if alone_ns > WATCHDOG_NS + POLL_NS:
            text = f"the plunger moved for {alone_ns / NS_PER_S:.3f} s after the last word"
            yield _violation("S4", heard_at, text)


def _after_blows(evidence: Evidence) -> Iterator[Violation]:
    """Death of the daemon, n + one poll; a judgement that hangs, n + n/3 + one poll."""
    for blow in evidence.blown(*SILENCING):
        hung = blow.kind == "consumer_hung"
        bound_ns = WATCHDOG_NS + POLL_NS + (WATCHDOG_NS // 3 if hung else 0)
        due_ns = blow.at_ns + bound_ns
        moved_nl = _moved_nl(evidence, due_ns, max(_over_ns(evidence, blow), due_ns))
        if moved_nl > STANDS_NL:
            text = f"the plunger moved {moved_nl:.0f} nL on, {blow.kind} {bound_ns / 1e9:.1f} s ago"
            yield _violation("S4", due_ns, text)
