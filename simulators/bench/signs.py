"""What a host can read off the pump's wire that a pump which does as it was told never says.

Each row of treatment.md 3 that needs a window of readings has its window here, with arithmetic of
its own: the sign stands on the wire with the answer that completes the window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from simulators.bench.evidence import NL_PER_ML, NS_PER_S
from simulators.bench.said import Said

POLL_NS: Final = NS_PER_S // 2
EXCHANGE_NS: Final = 260_000_000
"""A question and the longest answer at 19200 baud, 30 ms, and the 200 ms that a driver waits on."""
STALE_NS: Final = 3 * POLL_NS + EXCHANGE_NS
"""*no status, stale*: three polls missed, the third till it can have no answer any more."""
FLOW_NS: Final = 10 * NS_PER_S
FLOW_STEPS: Final = 5
RATE_NS: Final = 60 * NS_PER_S
RATE_SHARE: Final = 0.1
POLLS_LEAST: Final = 10
OVERRUN_NS: Final = 600 * NS_PER_S
STEP_NL: Final = 10_000.0
"""A step of the counter from 10 mL on; below it is finer."""
FREE: Final = 2.0
RATE_HIGH: Final = 1.1
TOTAL_HIGH: Final = 0.05
JITTER_NS: Final = 300_000_000
"""By so much a reading may be older or younger than the answer that brings it."""
SECONDS_PER_H: Final = 3600.0
Sign = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What the pump was told for one run: when RUN arrived, its fastest rate, its volume."""

    run_ns: int
    rate_nl_s: float
    volume_nl: float

    @property
    def lasts_ns(self) -> int:
        """How long the run takes at that rate."""
        return round(self.volume_nl / self.rate_nl_s * NS_PER_S)

    def due_nl(self, span_ns: int) -> float:
        """The most that so much time allows."""
        return self.rate_nl_s * span_ns / NS_PER_S


def told(obeyed: tuple[Said, ...], run_ns: int, end_ns: int) -> Told | None:
    """The run that was begun at ``run_ns``; None if the pump never heard its rate and volume."""
    rate = volume = 0.0
    for said in obeyed:
        name, value = said.text[:3], said.text[3:].removesuffix("MH")
        if said.at_ns >= end_ns or not value[:1].isdigit():
            continue
        if name == "RAT":
            new = float(value) * NL_PER_ML / SECONDS_PER_H
            rate = max(rate, new) if said.at_ns > run_ns else new
        elif name == "VOL" and said.at_ns <= run_ns:
            volume = float(value) * NL_PER_ML
    return Told(run_ns, rate, volume) if rate and volume else None


@dataclass(frozen=True, slots=True)
class Count:
    """One answer with the pump's counters, nL."""

    at_ns: int
    infused_nl: float
    withdrawn_nl: float


def signs(heard: list[Said], run: Told | None) -> list[Sign]:
    """Every sign of a fault in the answers to one run, up to its STOP, in their order."""
    counts = [count for said in heard if (count := _count(said)) is not None]
    found = [*_at_once(heard), *_impossible(counts, run)]
    if run is not None:
        found += [*_windows(counts, run), *_too_long(heard, run)]
    return sorted(found)


def silence(heard: list[Said], run_ns: int, until_ns: int) -> Iterator[Sign]:
    """Where three polls were missed: the moment at which that can be known."""
    times = [run_ns, *(said.at_ns for said in heard), until_ns]
    for before, after in pairwise(times):
        if after - before > STALE_NS:
            yield before + STALE_NS, "silence"


def _at_once(heard: list[Said]) -> Iterator[Sign]:
    """Alarms, and a pump that does not infuse once it had begun to."""
    turned = False
    for said in heard:
        reply = said.reply
        assert reply is not None
        if reply.alarm is not None:
            yield said.at_ns, f"alarm {reply.alarm}"
        elif reply.prompt != "I" and (turned or reply.prompt != "S"):
            yield said.at_ns, f"status {reply.prompt}"
        turned = turned or reply.prompt == "I"


def _impossible(counts: list[Count], run: Told | None) -> Iterator[Sign]:
    """A counter that fell, withdrew, or went on faster than twice what time allows."""
    infused = 0.0
    for index, count in enumerate(counts):
        if count.infused_nl < infused or count.withdrawn_nl > 0.0:
            yield count.at_ns, "counter fell" if count.infused_nl < infused else "withdrew"
        infused = count.infused_nl
        if run is None or not index:
            continue
        before = counts[index - 1]
        most_nl = 2.0 * run.due_nl(count.at_ns - before.at_ns + POLL_NS + JITTER_NS) + 2 * STEP_NL
        if count.infused_nl - before.infused_nl > most_nl:
            yield count.at_ns, "counter jumped"


def _windows(counts: list[Count], run: Told) -> Iterator[Sign]:
    """No flow, free flow, a rate too high, and too much in all."""
    five_steps_ns = round(FLOW_STEPS * STEP_NL / run.rate_nl_s * NS_PER_S)
    flow_ns = max(FLOW_NS, five_steps_ns)
    share_ns = round(run.lasts_ns * RATE_SHARE)
    rate_ns = max(min(RATE_NS, share_ns), five_steps_ns, POLLS_LEAST * POLL_NS)
    history = [Count(run.run_ns, 0.0, 0.0), *counts]
    for index, now in enumerate(history):
        flow = _since(history, index, flow_ns + JITTER_NS)
        if flow is not None and now.infused_nl - flow.infused_nl <= STEP_NL:
            yield now.at_ns, "no flow"
        if flow is not None and _above(run, flow, now, FREE):
            yield now.at_ns, "free flow"
        rate = _since(history, index, rate_ns + JITTER_NS)
        if rate is not None and _above(run, rate, now, RATE_HIGH):
            yield now.at_ns, "rate high"
        due_nl = min(run.due_nl(now.at_ns - run.run_ns), run.volume_nl)
        if now.infused_nl - due_nl > TOTAL_HIGH * run.volume_nl + 2 * STEP_NL:
            yield now.at_ns, "total high"


def _since(history: list[Count], index: int, window_ns: int) -> Count | None:
    """The youngest reading that is at least so much older, or None."""
    for before in reversed(history[:index]):
        if history[index].at_ns - before.at_ns >= window_ns:
            return before
    return None


def _above(run: Told, begin: Count, end: Count, factor: float) -> bool:
    """True if more was counted than ``factor`` times what is due, jitter and steps aside."""
    most_nl = run.due_nl(end.at_ns - begin.at_ns + JITTER_NS) * factor + 2 * STEP_NL
    return end.infused_nl - begin.infused_nl > most_nl


def _too_long(heard: list[Said], run: Told) -> Iterator[Sign]:
    """Ten minutes past the planned duration, at the first answer after it."""
    for said in heard:
        if said.at_ns - run.run_ns > run.lasts_ns + OVERRUN_NS + JITTER_NS:
            yield said.at_ns, "overrun"
            return


def _count(said: Said) -> Count | None:
    """Both counters out of a DIS answer."""
    reply = said.reply
    assert reply is not None
    if not reply.data.startswith("I") or not reply.data.endswith("ML"):
        return None
    infused, between, withdrawn = reply.data[1:-2].partition("W")
    try:
        volumes = float(infused) * NL_PER_ML, float(withdrawn) * NL_PER_ML
    except ValueError:
        return None
    return Count(said.at_ns, *volumes) if between else None
